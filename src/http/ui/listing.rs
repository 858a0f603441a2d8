//! Tables and lists of facts, made of cells.

use askama::{Template, filters::HtmlSafe};

use super::{
    layout::{Csrf, Page},
    view::{Age, Amount, Badge, Moment, Named, Short, count},
};

/// One value in a table or in a list of facts.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// Nothing to tell.
    Empty,
    /// Plain text.
    Text(String),
    /// Text, and something less important under it.
    Two(String, String),
    /// Text that stands as it was written, and wraps anywhere.
    Code(String),
    /// The same, with a button that copies it.
    Copy(String),
    /// A way to another page: an address that was made here, and its name.
    Link(String, String),
    /// A way to another page by a long id.
    LinkShort(String, Short),
    /// A long id.
    Short(Short),
    /// A way to another page by a point in time.
    MomentLink(String, Moment),
    /// A number of things.
    Number(u64),
    /// Something configured.
    Named(Named),
    /// A mark.
    Badge(Badge),
    /// A point in time.
    Moment(Moment),
    /// How long ago something was.
    Age(Age),
    /// Money.
    Amount(Amount),
    /// Things to do.
    Acts(Vec<Act>),
    /// Lines, one under the other.
    Lines(Vec<String>),
}

impl Cell {
    /// Text, or nothing where it is empty.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// What may be absent.
    pub(crate) fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Empty, cell)
    }

    /// A way to another page.
    pub(crate) fn link(address: impl Into<String>, name: impl Into<String>) -> Self {
        Self::Link(address.into(), name.into())
    }
}

/// A button that changes something: a form of its own.
#[derive(Clone, Debug, Template)]
#[template(path = "act.html")]
pub(crate) struct Act {
    csrf: Csrf,
    action: String,
    label: String,
    fields: Vec<(&'static str, String)>,
    confirm: String,
    style: &'static str,
    about: String,
    busy: &'static str,
}

impl HtmlSafe for Act {}

impl Act {
    /// Sent to this address.
    pub(crate) fn new(page: &Page, action: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            csrf: page.csrf.clone(),
            action: action.into(),
            label: label.into(),
            fields: Vec::new(),
            confirm: String::new(),
            style: "",
            about: String::new(),
            busy: "",
        }
    }

    /// With the whole of what it does, for who does not see the row that it stands in.
    #[must_use]
    pub(crate) fn about(self, about: impl Into<String>) -> Self {
        Self { about: about.into(), ..self }
    }

    /// With what its button says while the answer takes its time.
    #[must_use]
    pub(crate) fn busy(self, busy: &'static str) -> Self {
        Self { busy, ..self }
    }

    /// With a value that nobody sees.
    #[must_use]
    pub(crate) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// After a question, as it can't be undone.
    #[must_use]
    pub(crate) fn confirm(self, question: impl Into<String>) -> Self {
        Self { confirm: question.into(), style: "danger", ..self }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    title: String,
    class: &'static str,
    hint: &'static str,
}

impl Column {
    /// Of text.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), class: "", hint: "" }
    }

    /// Of numbers.
    pub(crate) fn number(title: impl Into<String>) -> Self {
        Self { class: "number", ..Self::new(title) }
    }

    /// Of amounts.
    pub(crate) fn amount(title: impl Into<String>) -> Self {
        Self { class: "amount", ..Self::new(title) }
    }

    /// Of sentences, which go across a card.
    pub(crate) fn across(title: impl Into<String>) -> Self {
        Self { class: "across", ..Self::new(title) }
    }

    /// Of things to do.
    pub(crate) fn acts() -> Self {
        Self { class: "actions", ..Self::new("Actions") }
    }

    /// With what its title means.
    #[must_use]
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

/// What an empty list says: why it is empty, and what to do next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Empty {
    /// Why.
    pub(crate) heading: String,
    /// What to do.
    pub(crate) text: String,
    /// Where to do it: an address and its name.
    pub(crate) link: Option<(String, String)>,
}

impl Empty {
    /// Why it is empty and what to do next.
    pub(crate) fn new(heading: impl Into<String>, text: impl Into<String>) -> Self {
        Self { heading: heading.into(), text: text.into(), link: None }
    }

    /// With where to do it.
    #[must_use]
    pub(crate) fn link(self, address: impl Into<String>, name: impl Into<String>) -> Self {
        Self { link: Some((address.into(), name.into())), ..self }
    }
}

/// A table.
#[derive(Clone, Debug, Template)]
#[template(path = "listing.html")]
pub(crate) struct Listing {
    /// What it is a list of, for who can't see it at a glance.
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    foot: Vec<Cell>,
    empty: Empty,
    /// Whether its rows become cards on a narrow screen, instead of being scrolled.
    cards: bool,
}

impl HtmlSafe for Listing {}

impl Listing {
    /// A table whose rows become cards on a narrow screen.
    pub(crate) fn new(caption: impl Into<String>, columns: Vec<Column>, empty: Empty) -> Self {
        Self { caption: caption.into(), columns, rows: Vec::new(), foot: Vec::new(), empty, cards: true }
    }

    /// With these rows, lined up on the point.
    #[must_use]
    pub(crate) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        self.rows = rows.into_iter().collect();
        self.align();
        self
    }

    /// With a last row of totals.
    #[must_use]
    pub(crate) fn foot(mut self, foot: Vec<Cell>) -> Self {
        self.foot = foot;
        self.align();
        self
    }

    /// A table of figures, which stays a table on a narrow screen and scrolls.
    #[must_use]
    pub(crate) fn scrolling(self) -> Self {
        Self { cards: false, ..self }
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn align(&mut self) {
        for column in 0..self.columns.len() {
            let rows = self.rows.iter_mut().chain([&mut self.foot]);
            Amount::align(rows.filter_map(|row| match row.get_mut(column) {
                Some(Cell::Amount(amount)) => Some(amount),
                _ => None,
            }));
        }
    }
}

/// Names and their values.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "facts.html")]
pub(crate) struct Facts(pub(crate) Vec<(String, Cell)>);

impl HtmlSafe for Facts {}

impl Facts {
    /// With one more.
    #[must_use]
    pub(crate) fn fact(mut self, name: impl Into<String>, value: Cell) -> Self {
        self.0.push((name.into(), value));
        self
    }

    /// With one more, if there is something to tell.
    #[must_use]
    pub(crate) fn known(self, name: impl Into<String>, value: Cell) -> Self {
        if matches!(value, Cell::Empty) { self } else { self.fact(name, value) }
    }

    /// Of parameters as they were sent.
    pub(crate) fn params<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            params.into_iter().map(|(name, value)| (name.to_owned(), Cell::Code(value.to_owned()))).collect(),
        )
    }
}
