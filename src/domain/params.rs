//! The decoded parameters of a request, in the order in which they came.

use serde::{Serialize, Serializer, ser::SerializeMap};

/// Names and values, decoded. A name may stand more than once; [`Params::get`] gives its first value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Without any.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// One more, at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Gives this name this one value, where there is one.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.retain(|(known, _)| known != name);
            self.push(name, value);
        }
    }

    /// The first value under this name, empty or not.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first value under this name, unless it is empty: a sender that fills a template leaves unknown values
    /// empty, and means that it has none.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first name that stands more than once.
    pub fn first_repeated(&self) -> Option<&str> {
        let names = || self.0.iter().map(|(name, _)| name.as_str());
        names().enumerate().find(|(at, name)| names().take(*at).any(|n| n == *name)).map(|(_, name)| name)
    }

    /// Those whose name passes, the first value of each name.
    #[must_use]
    pub fn first_values(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let mut kept = Self::new();
        for (name, value) in self.iter() {
            if keep(name) && kept.get(name).is_none() {
                kept.push(name, value);
            }
        }
        kept
    }
}

impl FromIterator<(String, String)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// A JSON object.
impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
