//! Many at once: which of them, and how far that has come.

use askama::{Template, filters::HtmlSafe};

use super::{layout::Page, view::count};

/// What something is done to: the hidden fields of the form that does it.
#[derive(Clone, Debug, Template)]
#[template(path = "scope.html")]
pub(crate) struct Scope {
    fields: Vec<(&'static str, String)>,
}

impl HtmlSafe for Scope {}

impl Scope {
    /// These, separated by commas.
    pub(crate) fn these(ids: String) -> Self {
        Self { fields: vec![("ids", ids)] }
    }

    /// All that match this query and arrived until then: what arrives meanwhile has not been seen.
    pub(crate) fn matching(query: String, until: String) -> Self {
        Self { fields: vec![("filter", query), ("until", until)] }
    }
}

/// Ids in one field of a form.
pub(crate) fn join(ids: impl Iterator<Item = impl ToString>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

/// While it is done: it grows by lines, and ends with what came of it, at the places of [`MARKS`].
#[derive(Clone, Debug, Template)]
#[template(path = "progress.html")]
pub(crate) struct Progress {
    /// Around it.
    pub(crate) page: Page,
    /// What is done.
    pub(crate) heading: String,
    /// What to do meanwhile.
    pub(crate) advice: &'static str,
}

/// Where [`Progress`] grows, and where it ends.
pub(crate) const MARKS: [&str; 2] = ["<!-- lines follow -->", "<!-- the rest follows -->"];

/// How far it has come: a line of [`Progress`].
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "reached.html")]
pub(crate) struct Reached {
    /// How many have been looked at.
    pub(crate) done: u64,
    /// Of how many, if that is known.
    pub(crate) total: Option<u64>,
}

/// When something came between.
#[derive(Clone, Debug, Template)]
#[template(path = "broken_off.html", blocks = ["content"])]
pub(crate) struct BrokenOff {
    /// Around it.
    pub(crate) page: Page,
    /// What had been done by then.
    pub(crate) told: String,
    /// What came between.
    pub(crate) detail: String,
    /// Where to go on: an address and its name.
    pub(crate) back: (String, &'static str),
}
