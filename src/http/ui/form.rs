//! Forms: fields with their labels, hints and errors, for filters and for settings.

use askama::{Template, filters::HtmlSafe};
use url::form_urlencoded;

use super::{
    layout::Page,
    listing::{Cell, Facts},
};

/// One of the values that a field offers.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// What is sent.
    pub(crate) value: String,
    /// What people read.
    pub(crate) label: String,
}

impl Choice {
    /// A value and its name for people.
    pub(crate) fn new(value: &(impl ToString + ?Sized), label: impl Into<String>) -> Self {
        Self { value: value.to_string(), label: label.into() }
    }
}

/// What kind of value a field takes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// One line of text of an `<input>` of this type.
    Line(&'static str),
    /// Several lines.
    Area,
    /// One of these; the empty value means none of them.
    Select(Vec<Choice>),
    /// A line of text, with these to choose from.
    Suggest(Vec<Choice>),
    /// Any of these; `value` holds those that are chosen, separated by spaces.
    Checks(Vec<Choice>),
    /// On or off; on where `value` is not empty.
    Switch,
}

/// One field of a form.
#[derive(Clone, Debug, Template)]
#[template(path = "field.html")]
pub(crate) struct Field {
    form: &'static str,
    name: String,
    label: String,
    kind: Kind,
    value: String,
    hint: String,
    error: String,
    required: bool,
    autofocus: bool,
    autocomplete: &'static str,
    placeholder: String,
    unit: String,
    rows: u8,
}

impl HtmlSafe for Field {}

impl Field {
    fn new(name: impl Into<String>, label: impl Into<String>, kind: Kind) -> Self {
        Self {
            form: "f",
            name: name.into(),
            label: label.into(),
            kind,
            value: String::new(),
            hint: String::new(),
            error: String::new(),
            required: false,
            autofocus: false,
            autocomplete: "off",
            placeholder: String::new(),
            unit: String::new(),
            rows: 4,
        }
    }

    /// A line of text.
    pub(crate) fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Kind::Line("text"))
    }

    /// Something to search for.
    pub(crate) fn search(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Kind::Line("search"))
    }

    /// A password: its value is never written into a page.
    pub(crate) fn password(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Kind::Line("password"))
    }

    /// A day.
    pub(crate) fn day(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Kind::Line("date"))
    }

    /// Several lines of text.
    pub(crate) fn area(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(name, label, Kind::Area)
    }

    /// One of these.
    pub(crate) fn select(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Kind::Select(choices))
    }

    /// A line of text, with these to choose from.
    pub(crate) fn suggest(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Kind::Suggest(choices))
    }

    /// Any of these.
    pub(crate) fn checks(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Kind::Checks(choices))
    }

    /// On or off.
    pub(crate) fn switch(name: impl Into<String>, label: impl Into<String>, on: bool) -> Self {
        Self {
            value: if on { "1".to_owned() } else { String::new() },
            ..Self::new(name, label, Kind::Switch)
        }
    }

    /// What it holds.
    #[must_use]
    pub(crate) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// What to know before filling it in.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// What was wrong with it; empty for nothing.
    #[must_use]
    pub(crate) fn error(self, error: impl Into<String>) -> Self {
        Self { error: error.into(), ..self }
    }

    /// It must be filled in.
    #[must_use]
    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The page begins here.
    #[must_use]
    pub(crate) fn autofocus(self) -> Self {
        Self { autofocus: true, ..self }
    }

    /// What a browser may fill in by itself, as HTML names it.
    #[must_use]
    pub(crate) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// An example of a value.
    #[must_use]
    pub(crate) fn placeholder(self, placeholder: impl Into<String>) -> Self {
        Self { placeholder: placeholder.into(), ..self }
    }

    /// What stands after it, such as a currency.
    #[must_use]
    pub(crate) fn unit(self, unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// How many of several lines can be seen at once.
    #[must_use]
    pub(crate) fn rows(self, rows: u8) -> Self {
        Self { rows, ..self }
    }

    /// Of a form other than the page's main one, so that ids stay apart.
    #[must_use]
    pub(crate) fn of_form(self, form: &'static str) -> Self {
        Self { form, ..self }
    }

    /// Its name in an address or a form.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> String {
        format!("{}-{}", self.form, self.name)
    }

    /// The ids of what describes it.
    fn described_by(&self) -> String {
        let parts = [("hint", &self.hint), ("error", &self.error)];
        let ids: Vec<_> = parts
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(part, _)| format!("{}-{part}", self.id()))
            .collect();
        ids.join(" ")
    }

    /// A password is never sent back.
    fn shown_value(&self) -> &str {
        if matches!(self.kind, Kind::Line("password")) { "" } else { &self.value }
    }

    fn input_type(&self) -> &'static str {
        if let Kind::Line(kind) = self.kind { kind } else { "text" }
    }

    fn holds(&self, choice: &Choice) -> bool {
        match self.kind {
            Kind::Checks(_) => self.value.split(' ').any(|chosen| chosen == choice.value),
            _ => self.value == choice.value,
        }
    }

    fn is_optional(&self) -> bool {
        !self.required && self.form != FILTER && !matches!(self.kind, Kind::Checks(_) | Kind::Switch)
    }

    fn choices(&self) -> &[Choice] {
        match &self.kind {
            Kind::Select(choices) | Kind::Suggest(choices) | Kind::Checks(choices) => choices,
            _ => &[],
        }
    }

    /// What it holds, where it is only looked at.
    fn fact(&self) -> Cell {
        match &self.kind {
            Kind::Switch => Cell::text(if self.value.is_empty() { "no" } else { "yes" }),
            Kind::Checks(choices) => {
                let chosen = choices.iter().filter(|choice| self.holds(choice));
                Cell::text(chosen.map(|choice| choice.label.as_str()).collect::<Vec<_>>().join(", "))
            }
            Kind::Area if !self.value.is_empty() => {
                Cell::Lines(self.value.lines().map(str::to_owned).collect())
            }
            _ => Cell::text(self.told()),
        }
    }

    /// What it holds, as people read it.
    fn told(&self) -> &str {
        self.choices().iter().find(|choice| self.holds(choice)).map_or(&self.value, |choice| &choice.label)
    }
}

/// What wrong input is told at the top of a form.
#[derive(Clone, Debug)]
pub(crate) struct FormError {
    /// The id of the field, if it is one field's.
    pub(crate) field: Option<String>,
    /// What is wrong and what to do instead.
    pub(crate) text: String,
}

/// Fields that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its heading; empty for none.
    pub(crate) legend: String,
    /// What to know about it.
    pub(crate) hint: String,
    /// Its fields.
    pub(crate) fields: Vec<Field>,
}

impl Group {
    /// Fields under a heading.
    pub(crate) fn new(legend: impl Into<String>, fields: Vec<Field>) -> Self {
        Self { legend: legend.into(), hint: String::new(), fields }
    }

    /// With what to know about it.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// Of a form other than the page's main one, so that ids stay apart.
    #[must_use]
    pub(crate) fn of_form(mut self, form: &'static str) -> Self {
        self.fields = self.fields.into_iter().map(|field| field.of_form(form)).collect();
        self
    }
}

/// A form that changes something.
#[derive(Clone, Debug, Template)]
#[template(path = "form.html")]
pub(crate) struct Form {
    /// Where it is sent.
    pub(crate) action: String,
    /// Its fields.
    pub(crate) groups: Vec<Group>,
    /// Fields that nobody sees, such as the version that was read.
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// What was wrong with the form as a whole.
    pub(crate) error: String,
    /// What it means that something was wrong.
    pub(crate) failure: &'static str,
    /// What its button says.
    pub(crate) submit: String,
    /// Where it is left without a change.
    pub(crate) cancel: Option<String>,
    /// Where a preview of what it holds is made, if it has one.
    pub(crate) preview: Option<String>,
    /// Whether it only asks, and changes nothing.
    by_get: bool,
    page: Page,
}

impl HtmlSafe for Form {}

impl Form {
    /// An empty form on this page.
    pub(crate) fn new(page: &Page, action: impl Into<String>, submit: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            groups: Vec::new(),
            hidden: Vec::new(),
            error: String::new(),
            failure: "Nothing was changed",
            submit: submit.into(),
            cancel: None,
            preview: None,
            by_get: false,
            page: page.clone(),
        }
    }

    /// With these fields.
    #[must_use]
    pub(crate) fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// One that only asks, and changes nothing.
    #[must_use]
    pub(crate) fn by_get(self) -> Self {
        Self { by_get: true, ..self }
    }

    /// With a way to leave it.
    #[must_use]
    pub(crate) fn cancel(self, address: impl Into<String>) -> Self {
        Self { cancel: Some(address.into()), ..self }
    }

    /// Whether it changes nothing.
    pub(crate) fn only_asks(&self) -> bool {
        self.by_get
    }

    /// What it holds, for who may only look; without secrets.
    pub(crate) fn facts(&self) -> Facts {
        let fields = self.groups.iter().flat_map(|group| &group.fields);
        let open = fields.filter(|field| field.input_type() != "password");
        open.fold(Facts::default(), |facts, field| facts.fact(field.label.clone(), field.fact()))
    }

    /// Everything that was wrong.
    fn errors(&self) -> Vec<FormError> {
        let whole = (!self.error.is_empty()).then(|| FormError { field: None, text: self.error.clone() });
        let fields =
            self.groups.iter().flat_map(|group| &group.fields).filter(|field| !field.error.is_empty());
        let told = |field: &Field| FormError {
            field: Some(field.id()),
            text: format!("{}: {}", field.label, field.error),
        };
        whole.into_iter().chain(fields.map(told)).collect()
    }
}

/// The form whose fields are a filter.
const FILTER: &str = "q";

/// A condition that is in force, with the address that does without it.
#[derive(Debug)]
pub(crate) struct Chip {
    label: String,
    value: String,
    without: String,
}

/// What narrows a list. It lives in the address, so that a view can be kept and shared.
#[derive(Clone, Debug, Template)]
#[template(path = "filters.html")]
pub(crate) struct Filters {
    action: String,
    search: Option<Field>,
    fields: Vec<Field>,
    summary: &'static str,
}

impl HtmlSafe for Filters {}

impl Filters {
    /// Of the list at this address, with the field that stands in front.
    pub(crate) fn new(action: impl Into<String>, search: Field) -> Self {
        let search = Some(search.of_form(FILTER));
        Self { action: action.into(), search, fields: Vec::new(), summary: "Filter" }
    }

    /// Of what is at this address, with nothing to search for; what its fields are together.
    pub(crate) fn plain(action: impl Into<String>, summary: &'static str) -> Self {
        Self { action: action.into(), search: None, fields: Vec::new(), summary }
    }

    /// With one more field.
    #[must_use]
    pub(crate) fn field(mut self, field: Field) -> Self {
        let field = if field.choices().is_empty() { field } else { field.placeholder("Any") };
        self.fields.push(field.of_form(FILTER));
        self
    }

    /// Whether it has a field of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.search.iter().chain(&self.fields).any(|field| field.name == name)
    }

    /// Whether any condition is in force.
    pub(crate) fn any(&self) -> bool {
        self.filled().next().is_some()
    }

    /// The conditions in force as the query of an address, without its question mark.
    pub(crate) fn query(&self) -> String {
        self.query_without("")
    }

    fn filled(&self) -> impl Iterator<Item = &Field> {
        self.search.iter().chain(&self.fields).filter(|field| !field.value.is_empty())
    }

    fn query_without(&self, name: &str) -> String {
        let kept = self.filled().filter(|field| field.name != name);
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept.map(|field| (&field.name, &field.value)))
            .finish()
    }

    fn chips(&self) -> Vec<Chip> {
        let chip = |field: &Field| Chip {
            label: field.label.clone(),
            value: field.told().to_owned(),
            without: with_query(&self.action, &self.query_without(&field.name)),
        };
        self.filled().map(chip).collect()
    }

    /// Whether the fields are shown without being asked for.
    fn is_open(&self) -> bool {
        self.fields.iter().any(|field| !field.error.is_empty())
    }
}

/// An address with a query, if there is one.
pub(crate) fn with_query(address: &str, query: &str) -> String {
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}

/// The way through a long list.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pager.html")]
pub(crate) struct Pager {
    /// The address of the first page, unless this is it.
    pub(crate) first: Option<String>,
    /// The address of the page before this one.
    pub(crate) previous: Option<String>,
    /// The address of the page after this one.
    pub(crate) next: Option<String>,
}

impl HtmlSafe for Pager {}

impl Pager {
    fn is_needed(&self) -> bool {
        self.first.is_some() || self.previous.is_some() || self.next.is_some()
    }
}

#[cfg(test)]
mod tests;
