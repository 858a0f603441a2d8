//! A secret in memory.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

/// A password, token or key in plain text. It never prints itself: who needs the text says
/// [`Secret::expose`], which is easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the plain text in.
    pub fn new(plain: impl Into<String>) -> Self {
        Self(plain.into())
    }

    /// The plain text, for the one place that must have it: never a log, an error or an answer.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// As it is described to people: a request to leave the one that is there.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        keep(serializer)
    }
}

/// What stands for a secret wherever it is described. Who sends it back leaves the secret as it is.
pub(super) fn keep<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("keep", &true)?;
    map.end()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#"{"keep":true}"#);
    }
}
