//! The document of the API as people read it: what `/api/docs` shows. It is a pure function of the document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// How deep an example goes where a schema contains itself.
const EXAMPLE_DEPTH_MAX: u32 = 6;

/// The whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Reference {
    /// What the API is, and what its parts have in common.
    pub(in crate::http) about: Text,
    /// Ways to answer that several operations have in common.
    pub(in crate::http) common: Vec<Answer>,
    /// Operations by what they are about, in the order of their names.
    pub(in crate::http) groups: Vec<Group>,
    /// What is sent and answered, by its name.
    pub(in crate::http) schemas: Vec<Schema>,
}

/// Operations on one kind of thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Group {
    /// What they are about.
    pub(in crate::http) name: String,
    /// The operations, by their paths.
    pub(in crate::http) operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Operation {
    /// Where it stands in the page.
    pub(in crate::http) anchor: String,
    /// `GET`, `POST`, …
    pub(in crate::http) method: String,
    /// With its parts in braces.
    pub(in crate::http) path: String,
    /// One line.
    pub(in crate::http) summary: String,
    /// The rest; may be empty.
    pub(in crate::http) description: Text,
    /// What may stand in the path, the query and the head.
    pub(in crate::http) parameters: Vec<Member>,
    /// What is sent as the body.
    pub(in crate::http) body: Option<Kind>,
    /// A body as it may look; empty for none.
    pub(in crate::http) example: String,
    /// What it may answer.
    pub(in crate::http) answers: Vec<Answer>,
    /// The statuses that it may answer like others.
    pub(in crate::http) also: Vec<String>,
}

/// One way to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Answer {
    /// The status code.
    pub(in crate::http) status: String,
    /// When.
    pub(in crate::http) description: Text,
    /// What the body holds.
    pub(in crate::http) body: Option<Kind>,
    /// Headers that come along.
    pub(in crate::http) headers: Vec<String>,
}

/// A named shape of JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Schema {
    /// Its name, by which others refer to it.
    pub(in crate::http) name: String,
    /// What it is.
    pub(in crate::http) description: Text,
    /// What it is where it is no object, such as one of some words.
    pub(in crate::http) kind: Option<Kind>,
    /// The members of an object.
    pub(in crate::http) members: Vec<Member>,
}

/// A member of an object, or a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Member {
    /// Its name.
    pub(in crate::http) name: String,
    /// Where it stands: `path`, `query` or `header`; empty for a member.
    pub(in crate::http) place: String,
    /// Whether it must be there.
    pub(in crate::http) required: bool,
    /// What it holds.
    pub(in crate::http) kind: Kind,
    /// What it means.
    pub(in crate::http) description: Text,
}

/// A text whose every second part is code, as between backticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Text(pub(in crate::http) Vec<String>);

/// What a value is, in words around the name of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Kind {
    /// What stands before the name, as `list of`.
    pub(in crate::http) before: String,
    /// A schema of this document; may be empty.
    pub(in crate::http) schema: String,
    /// What stands behind it, as `or null`.
    pub(in crate::http) after: String,
}

impl Reference {
    /// Of a document that [`super::document::finished`] made.
    pub(in crate::http) fn of(document: &Value) -> Self {
        let mut groups = BTreeMap::<String, Group>::new();
        for (path, item) in members_of(&document["paths"]) {
            for (method, operation) in members_of(item) {
                let tag = text(&operation["tags"][0]);
                let group =
                    groups.entry(tag.clone()).or_insert_with(|| Group { name: tag, ..Group::default() });
                group.operations.push(Operation::of(document, path, method, operation));
            }
        }
        let common = take_common(&mut groups);
        let schemas = members_of(&document["components"]["schemas"]);
        Self {
            about: Text::of(&document["info"]["description"]),
            common,
            groups: groups.into_values().collect(),
            schemas: schemas.map(|(name, schema)| Schema::of(document, name, schema)).collect(),
        }
    }
}

impl Group {
    /// Its name, as a heading.
    pub(in crate::http) fn title(&self) -> String {
        let mut letters = self.name.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>().replace('-', " ")
    }
}

/// Takes those answers out of their operations that several of them give alike.
fn take_common(groups: &mut BTreeMap<String, Group>) -> Vec<Answer> {
    let mut common = Vec::<Answer>::new();
    let operations = groups.values().flat_map(|group| &group.operations);
    let given: Vec<_> = operations.flat_map(|operation| operation.answers.clone()).collect();
    for answer in given.iter().filter(|answer| !answer.is_good()) {
        let is_shared = given.iter().filter(|other| *other == answer).count() > 1;
        let is_first = !common.iter().any(|known| known.status == answer.status);
        if is_shared && is_first {
            common.push(answer.clone());
        }
    }
    for operation in groups.values_mut().flat_map(|group| &mut group.operations) {
        let (also, own) =
            std::mem::take(&mut operation.answers).into_iter().partition(|one| common.contains(one));
        operation.answers = own;
        operation.also = Vec::into_iter(also).map(|answer: Answer| answer.status).collect();
    }
    common.sort_by(|one, other| one.status.cmp(&other.status));
    common
}

impl Text {
    fn of(value: &Value) -> Self {
        let text = value.as_str().unwrap_or_default();
        Self(if text.is_empty() { Vec::new() } else { text.split('`').map(str::to_owned).collect() })
    }

    /// Whether it says nothing.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let example = (!body.is_null()).then(|| example(document, body, EXAMPLE_DEPTH_MAX));
        Self {
            anchor: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            description: Text::of(&operation["description"]),
            parameters: parameters.map(Member::parameter).collect(),
            body: Kind::given(body),
            example: example.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_default(),
            answers: members_of(&operation["responses"]).map(Answer::of).collect(),
            also: Vec::new(),
        }
    }
}

impl Answer {
    fn of((status, answer): (&str, &Value)) -> Self {
        let body = members_of(&answer["content"]).next();
        Self {
            status: status.to_owned(),
            description: Text::of(&answer["description"]),
            body: body.and_then(|(_, content)| Kind::given(&content["schema"])),
            headers: members_of(&answer["headers"]).map(|(name, _)| name.to_owned()).collect(),
        }
    }

    /// Whether it tells that all went well.
    pub(in crate::http) fn is_good(&self) -> bool {
        self.status.starts_with('2')
    }
}

impl Schema {
    fn of(document: &Value, name: &str, schema: &Value) -> Self {
        let members: Vec<_> = properties(document, schema).collect();
        Self {
            name: name.to_owned(),
            description: Text::of(&schema["description"]),
            kind: Kind::given(schema).filter(|_| members.is_empty()),
            members,
        }
    }
}

impl Member {
    fn parameter(parameter: &Value) -> Self {
        Self {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            required: parameter["required"] == true,
            kind: Kind::of(&parameter["schema"]),
            description: Text::of(&parameter["description"]),
        }
    }
}

impl Kind {
    fn given(schema: &Value) -> Option<Self> {
        (!schema.is_null()).then(|| Self::of(schema))
    }

    fn of(schema: &Value) -> Self {
        if let Some(name) = referred(schema) {
            return Self { schema: name.to_owned(), ..Self::default() };
        }
        if let Some(alternatives) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let is_null = |one: &&Value| one["type"] == "null";
            let mut others = alternatives.iter().filter(|one| !is_null(one));
            let kind = others.next().map(Self::of).unwrap_or_default();
            return if alternatives.iter().any(|one| is_null(&one)) { kind.or("null") } else { kind };
        }
        let types: Vec<_> = match &schema["type"] {
            Value::Array(types) => types.iter().map(text).collect(),
            one => vec![text(one)],
        };
        let kind = match types.iter().find(|name| *name != "null").map(String::as_str) {
            Some("array") => {
                let item = Self::of(&schema["items"]);
                Self { before: format!("list of {}", item.before).trim_end().to_owned(), ..item }
            }
            Some("string") => Self::said(described_text(schema)),
            Some("integer") => Self::said(format!("whole number{}", bounds(schema))),
            Some("boolean") => Self::said("true or false"),
            Some("object") => Self::said("object"),
            Some(other) if !other.is_empty() => Self::said(other),
            _ => Self::said("any JSON"),
        };
        if types.iter().any(|name| name == "null") { kind.or("null") } else { kind }
    }

    fn said(words: impl Into<String>) -> Self {
        Self { before: words.into(), ..Self::default() }
    }

    fn or(self, other: &str) -> Self {
        Self { after: format!("{} or {other}", self.after).trim_start().to_owned(), ..self }
    }
}

/// A text, with all that is known of it.
fn described_text(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().map(text).collect();
        return words.join(" | ");
    }
    match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date-time"), _) => "time, RFC 3339".to_owned(),
        (Some("date"), _) => "day, as in 2026-11-20".to_owned(),
        (Some("uuid"), _) => "UUID".to_owned(),
        (_, Some(pattern)) => format!("text like {pattern}"),
        _ => match schema["maxLength"].as_u64() {
            Some(length) => format!("text of at most {length} characters"),
            None => "text".to_owned(),
        },
    }
}

fn bounds(schema: &Value) -> String {
    let bound = |name: &str, word: &str| match &schema[name] {
        Value::Null => String::new(),
        limit => format!(" {word} {limit}"),
    };
    format!("{}{}", bound("minimum", "from"), bound("maximum", "to"))
}

/// The members of an object, those that it has taken over included.
fn properties<'a>(document: &'a Value, schema: &'a Value) -> impl Iterator<Item = Member> + use<'a> {
    parts(document, schema).into_iter().flat_map(|part| {
        let required = |name: &str| {
            part["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name))
        };
        members_of(&part["properties"]).map(move |(name, schema)| {
            let inner = schema["oneOf"].as_array().into_iter().flatten();
            let described =
                inner.chain([schema]).map(|one| &one["description"]).find(|text| text.is_string());
            Member {
                name: name.to_owned(),
                place: String::new(),
                required: required(name),
                kind: Kind::of(schema),
                description: described.map(Text::of).unwrap_or_default(),
            }
        })
    })
}

/// The schemas that a schema is made of: itself, or all that it joins.
fn parts<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let joined = schema["allOf"].as_array().into_iter().flatten();
    let mut parts: Vec<_> = joined.map(|part| resolved(document, part)).collect();
    parts.push(schema);
    parts
}

fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    referred(schema).map_or(schema, |name| &document["components"]["schemas"][name])
}

/// A value as it may look.
fn example(document: &Value, schema: &Value, depth: u32) -> Value {
    let schema = resolved(document, schema);
    for given in [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]] {
        if !given.is_null() {
            return given.clone();
        }
    }
    let alternatives = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(one) = alternatives.into_iter().flatten().find(|one| one["type"] != "null") {
        return example(document, one, depth);
    }
    let mut members = Map::new();
    for part in parts(document, schema).into_iter().filter(|_| depth > 0) {
        for (name, inner) in members_of(&part["properties"]) {
            members.insert(name.to_owned(), example(document, inner, depth - 1));
        }
    }
    if !members.is_empty() {
        return Value::Object(members);
    }
    let is = |name: &str| match &schema["type"] {
        Value::Array(types) => types.iter().any(|one| one == name),
        one => one == name,
    };
    match schema["format"].as_str() {
        Some("date-time") => json!("2026-11-20T10:00:00Z"),
        Some("date") => json!("2026-11-20"),
        Some("uuid") => json!("01a1f9a7-cd94-7eab-a427-b368ba7cae6f"),
        _ if is("array") && depth > 0 => json!([example(document, &schema["items"], depth - 1)]),
        _ if is("array") => json!([]),
        _ if is("string") => json!("…"),
        _ if is("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        _ if is("boolean") => json!(false),
        _ => json!({}),
    }
}

/// The members of a JSON object, in order; none of anything else.
fn members_of(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
