//! What of a list a form is about: some of it, the page, or all that match.

use uuid::Uuid;

use super::visit::Fields;
use crate::{
    domain::time::Timestamp,
    http::ui::{
        bulk::{Scope, join},
        form::with_query,
    },
};

/// How many may be selected one by one; the API takes no more at once either.
const SELECTED_MAX: usize = 1_000;

/// A selection.
#[derive(Debug)]
pub(super) struct Selection {
    /// These, each once; none where it is about all that match.
    pub(super) ids: Vec<Uuid>,
    /// All that match this query and arrived before then.
    pub(super) matching: Option<(String, Timestamp)>,
    /// Back to the list.
    pub(super) back: String,
}

impl Selection {
    /// Reads the fields of a form from the list at an address, or says what is wrong with them; `kind` names what is
    /// in the list.
    pub(super) fn read(fields: &Fields, list: &str, kind: &str, now: Timestamp) -> Result<Self, String> {
        let query = fields.get("filter");
        let until = fields.get("until");
        let scopes: Vec<_> = fields.all("scope").collect();
        let matching = if scopes.contains(&"matching") || !until.is_empty() {
            let until = until.parse().map_or(now, Timestamp::from_millis);
            Some((query.to_owned(), until.min(now)))
        } else {
            None
        };
        let here = if scopes.contains(&"here") { fields.get("here") } else { "" };
        let texts = fields.all("id").chain(here.split(',')).chain(fields.get("ids").split(','));
        let mut ids = Vec::new();
        for text in texts.filter(|text| !text.is_empty()) {
            ids.push(Uuid::try_parse(text).map_err(|_| format!("One of what is selected is no {kind}."))?);
        }
        ids.sort_unstable();
        ids.dedup();
        if matching.is_none() && ids.is_empty() {
            return Err(format!("Nothing was selected: go back and select at least one {kind}."));
        }
        if ids.len() > SELECTED_MAX {
            return Err(format!(
                "That is too much at once: select at most {SELECTED_MAX}, or all that match."
            ));
        }
        let back = match fields.address("back") {
            "/" => with_query(list, query),
            back => back.to_owned(),
        };
        Ok(Self { ids, matching, back })
    }

    /// What the audit log calls it, by the names of one and of many.
    pub(super) fn subject(&self, one: &str, many: &str) -> String {
        match (&self.matching, self.ids.as_slice()) {
            (Some((query, _)), _) => format!("{many}:matching {query}"),
            (None, [id]) => format!("{one}:{id}"),
            (None, ids) => format!("{many}:{}", ids.len()),
        }
    }

    /// For the form that asks whether one is sure.
    pub(super) fn scope(&self) -> Scope {
        match &self.matching {
            Some((query, until)) => Scope::matching(query.clone(), until.millis().to_string()),
            None => Scope::these(join(self.ids.iter())),
        }
    }
}
