//! Settings: what `countersign apply` manages, and who may do what.
//!
//! A form is made of [`Values`]: what is stored, or what somebody has just sent together with what was wrong with it.
//! So a form that was refused comes back as it was filled in.

pub(crate) mod forms;
pub(crate) mod lists;
pub(crate) mod macros;
pub(crate) mod outgoing;

use std::collections::BTreeMap;

use super::{
    layout::Page,
    sheet::{Sheet, Tab},
};

/// The fields of a form, and what was wrong with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    given: BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
    refused: String,
    version: Option<String>,
}

impl Values {
    /// With a value. Of a list, all values that are chosen, separated by spaces; of a switch, `1` for on.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.given.insert(name.to_owned(), value.into());
        self
    }

    /// With what is wrong with a field.
    #[must_use]
    pub(crate) fn wrong(mut self, name: &str, error: impl Into<String>) -> Self {
        self.errors.insert(name.to_owned(), error.into());
        self
    }

    /// With what is wrong with all of it.
    #[must_use]
    pub(crate) fn refused(self, error: impl Into<String>) -> Self {
        Self { refused: error.into(), ..self }
    }

    /// Of something that is there, in this version: what was made of another is refused.
    #[must_use]
    pub(crate) fn of_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// With what another holds in place of its own.
    #[must_use]
    pub(crate) fn over(mut self, other: Self) -> Self {
        self.given.extend(other.given);
        self.errors.extend(other.errors);
        Self { refused: other.refused, version: other.version.or(self.version), ..self }
    }

    /// Whether a list has this value.
    fn holds(&self, name: &str, value: &str) -> bool {
        self.get(name).split(' ').any(|held| held == value)
    }

    fn get(&self, name: &str) -> &str {
        self.given.get(name).map_or("", String::as_str)
    }

    fn error(&self, name: &str) -> &str {
        self.errors.get(name).map_or("", String::as_str)
    }
}

/// The parts of the settings: name, address, and what an index says of it.
const PARTS: [(&str, &str, &str); 9] = [
    (
        "Merchants",
        "/settings/merchants",
        "Deals, tokens, goals, and the integration page for their engineers.",
    ),
    ("Offers", "/settings/offers", "What affiliates advertise, with a builder of links."),
    ("Affiliates", "/settings/affiliates", "Who sends players."),
    ("Postbacks", "/settings/postbacks", "Which tracker is told of what, and how."),
    ("Pixels", "/settings/pixels", "Which ad platform is told of what, and how."),
    ("Dialects", "/settings/dialects", "How the systems of merchants word their postbacks."),
    ("Currencies", "/settings/currencies", "Those beside ISO 4217."),
    ("Users", "/settings/users", "Who may sign in, and what they may do."),
    ("API keys", "/settings/api-keys", "Programs that work for you."),
];

/// The parts that are an admin's alone.
const OF_ADMINS: [&str; 2] = ["Users", "API keys"];

/// The parts that the viewer of a page may look at.
fn parts_for(page: &Page) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let is_admin = page.viewer.as_ref().is_some_and(|viewer| viewer.role == "admin");
    PARTS.iter().filter(move |(name, _, _)| is_admin || !OF_ADMINS.contains(name))
}

/// A page of the settings under this tab.
pub(crate) fn sheet(page: Page, tab: &str) -> Sheet {
    let tabs = parts_for(&page).map(|(name, address, _)| Tab { name, address, is_shown: *name == tab });
    Sheet { tabs: tabs.collect(), ..Sheet::new(page) }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests;
