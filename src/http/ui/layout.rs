//! What all pages have around them: where one is, who is signed in, and what just happened.

use std::fmt;

use askama::{Template, filters::HtmlSafe};

use super::view::{Tone, Zone};

/// The parts of the desk, as the navigation names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Review,
    Conversions,
    Players,
    Log,
    Deliveries,
    Statistics,
    Settings,
    Audit,
}

impl Section {
    /// In the order of the navigation.
    pub(super) const ALL: [Self; 8] = [
        Self::Review,
        Self::Conversions,
        Self::Players,
        Self::Log,
        Self::Deliveries,
        Self::Statistics,
        Self::Settings,
        Self::Audit,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Review => "Review",
            Self::Conversions => "Conversions",
            Self::Players => "Players",
            Self::Log => "Log",
            Self::Deliveries => "Deliveries",
            Self::Statistics => "Statistics",
            Self::Settings => "Settings",
            Self::Audit => "Audit",
        }
    }

    /// Where it begins.
    pub(crate) fn address(self) -> &'static str {
        match self {
            Self::Review => "/",
            Self::Conversions => "/conversions",
            Self::Players => "/players",
            Self::Log => "/log",
            Self::Deliveries => "/deliveries",
            Self::Statistics => "/statistics",
            Self::Settings => "/settings",
            Self::Audit => "/audit",
        }
    }
}

/// Who looks at a page.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// The name that they signed in with.
    pub(crate) name: String,
    /// `admin`, `manager` or `viewer`.
    pub(crate) role: &'static str,
}

/// What just happened, told once at the top of a page.
#[derive(Clone, Debug)]
pub(crate) struct Flash {
    /// Whether it went well.
    pub(crate) tone: Tone,
    /// One sentence.
    pub(crate) text: String,
}

impl Flash {
    /// It went well.
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into() }
    }

    /// It did not.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, text: text.into() }
    }

    /// How urgently a screen reader tells it.
    pub(crate) fn role(&self) -> &'static str {
        if self.tone == Tone::Bad { "alert" } else { "status" }
    }
}

/// What proves that a form comes from a page of ours; a hidden field.
#[derive(Clone, Default, Template)]
#[template(ext = "html", source = r#"<input type="hidden" name="csrf" value="{{ self.0 }}">"#)]
pub(crate) struct Csrf(pub(crate) String);

impl HtmlSafe for Csrf {}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Csrf(..)")
    }
}

/// What all pages have around their content.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The name of the page, in the browser's tab too.
    pub(crate) title: String,
    /// The part of the desk that it belongs to.
    pub(crate) section: Option<Section>,
    /// Who looks at it; nobody before signing in.
    pub(crate) viewer: Option<Viewer>,
    /// For its forms.
    pub(crate) csrf: Csrf,
    /// The viewer's time zone.
    pub(crate) zone: Zone,
    /// What just happened.
    pub(crate) flash: Option<Flash>,
}

impl Page {
    /// A page for somebody who is not signed in.
    pub(crate) fn outside(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            section: None,
            viewer: None,
            csrf: Csrf::default(),
            zone: Zone::default(),
            flash: None,
        }
    }

    /// A page of the desk.
    pub(crate) fn inside(
        title: impl Into<String>,
        section: Section,
        viewer: Viewer,
        csrf: Csrf,
        zone: Zone,
    ) -> Self {
        Self { section: Some(section), viewer: Some(viewer), csrf, zone, ..Self::outside(title) }
    }

    /// With what just happened.
    #[must_use]
    pub(crate) fn telling(self, flash: Flash) -> Self {
        Self { flash: Some(flash), ..self }
    }

    /// Whether it belongs to this part of the desk.
    pub(super) fn is_in(&self, section: Section) -> bool {
        self.section == Some(section)
    }
}
