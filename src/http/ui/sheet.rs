//! A page put together of parts: forms, tables, facts. Settings are such pages.

use askama::Template;

use super::{
    form::{Form, Pager},
    layout::Page,
    listing::{Act, Facts, Listing},
    view::Badge,
};

/// A part of a page, under its heading.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Something to fill in.
    Form(String, Form),
    /// A table, and where to add to it: an address and its name.
    Listing(String, Listing, Option<(String, String)>),
    /// The way through a long table.
    Pager(Pager),
    /// Things to do.
    Acts(String, Vec<Act>),
    /// Names and values.
    Facts(String, Facts),
    /// A paragraph.
    Text(String, String),
    /// Something to copy, with what it is.
    Copy(String, String),
    /// What to see to.
    Warnings(String, Vec<String>),
    /// Several lines as they are written, under their heading, and where to go on: an address and its name.
    Written(String, String, Option<(String, String)>),
    /// What a form would do: the request as it would be sent, or what is wrong. Nothing while there is nothing to send.
    /// Beside it the macros that it may use.
    Preview(Result<String, String>, &'static [(&'static str, &'static str)]),
}

/// A secret that is shown this once.
#[derive(Clone, Debug)]
pub(crate) struct ShownOnce {
    /// What it is, as in `The token "production" of Acme Casino`.
    pub(crate) what: String,
    /// The secret.
    pub(crate) secret: String,
}

/// Pages that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its address.
    pub(crate) address: &'static str,
    /// Whether it is shown.
    pub(crate) is_shown: bool,
}

/// A page put together of parts.
#[derive(Clone, Debug, Template)]
#[template(path = "sheet.html")]
pub(crate) struct Sheet {
    /// Around it.
    pub(crate) page: Page,
    /// The pages beside it.
    pub(crate) tabs: Vec<Tab>,
    /// The way down to it: addresses and names.
    pub(crate) trail: Vec<(String, String)>,
    /// How it stands.
    pub(crate) badge: Option<Badge>,
    /// What it is for.
    pub(crate) intro: String,
    /// What is shown this once.
    pub(crate) shown_once: Option<ShownOnce>,
    /// Its parts.
    pub(crate) parts: Vec<Part>,
}

impl Sheet {
    /// An empty page.
    pub(crate) fn new(page: Page) -> Self {
        Self {
            page,
            tabs: Vec::new(),
            trail: Vec::new(),
            badge: None,
            intro: String::new(),
            shown_once: None,
            parts: Vec::new(),
        }
    }

    /// With what it is for.
    #[must_use]
    pub(crate) fn intro(self, intro: impl Into<String>) -> Self {
        Self { intro: intro.into(), ..self }
    }

    /// Below this page.
    #[must_use]
    pub(crate) fn below(mut self, address: impl Into<String>, name: impl Into<String>) -> Self {
        self.trail.push((address.into(), name.into()));
        self
    }

    /// With one more part.
    #[must_use]
    pub(crate) fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// For who may only look: without what changes anything.
    #[must_use]
    pub(crate) fn read_only(mut self) -> Self {
        let looked_at = |part| match part {
            Part::Form(heading, form) if !form.only_asks() => Some(Part::Facts(heading, form.facts())),
            Part::Listing(heading, listing, _) => Some(Part::Listing(heading, listing, None)),
            Part::Acts(..) => None,
            other => Some(other),
        };
        self.parts = self.parts.into_iter().filter_map(looked_at).collect();
        self
    }

    /// With a secret that is shown this once.
    #[must_use]
    pub(crate) fn showing_once(self, what: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { shown_once: Some(ShownOnce { what: what.into(), secret: secret.into() }), ..self }
    }
}
