//! The description of the API, made from the code.
//!
//! Handlers describe themselves. What they have in common is said once, here, and put into each operation: how it may
//! also answer, and what values of the same name look like.

use std::sync::Arc;

use axum::{Extension, http::StatusCode, response::Response};
use serde_json::{Value, json};
use utoipa::{
    OpenApi, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{Reference, json};
use crate::http::ui::{self, ApiDocs};

/// The frame of the document; the handlers add their own addresses.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Countersign",
        description = "Conversions, their decisions, and everything that is configured. Times are RFC 3339 in UTC, \
                       amounts are strings, errors are problem details (RFC 9457). Lists come in pages: send \
                       `next_cursor` as `cursor` to get the next one.",
        license(name = "MIT", identifier = "MIT")
    ),
    components(schemas(ProblemDocument)),
    security(("api_key" = []))
)]
pub(super) struct Document;

/// What went wrong, and what to send instead.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what `problem` writes")]
struct ProblemDocument {
    /// Always `about:blank`: the code tells the kind.
    r#type: String,
    /// The kind, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// One sentence: what to send instead.
    detail: String,
    /// The kind, for programs; it never changes its meaning.
    code: String,
    /// The parameter or member that has to change.
    parameter: Option<String>,
    /// Always false.
    success: bool,
    /// The request, to be quoted to whoever runs the server.
    request_id: String,
}

/// The words for a status.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes what `Status` writes")]
pub(super) enum StatusWord {
    Pending,
    Approved,
    Rejected,
}

/// The words for a decision.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes what `Decision` reads")]
pub(super) enum DecisionWord {
    Approved,
    Rejected,
}

/// Which operations may answer in one of the common ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// All.
    Always,
    /// Those on something that the path names.
    OnOneThing,
    /// Those that change something.
    Changing,
    /// Those with a body.
    WithBody,
    /// Those that ask for the version that is meant.
    Versioned,
}

/// How an operation may also answer, with the header that comes along.
const ALSO: [(May, &str, &str, Option<&str>); 12] = [
    (May::Always, "400", "Something in the request does not parse; `parameter` says what.", None),
    (May::Always, "401", "No live API key came with it.", None),
    (May::Always, "403", "The key's role may not do this.", None),
    (May::OnOneThing, "404", "There is no such thing.", None),
    (May::Always, "405", "The address takes other methods.", Some("Allow")),
    (May::Changing, "409", "It contradicts what is there.", None),
    (May::Versioned, "412", "Somebody else has changed it since: read it again.", None),
    (May::WithBody, "413", "The body is too large.", None),
    (May::WithBody, "415", "The body is not JSON.", None),
    (May::Versioned, "428", "Say by `If-Match` which version is meant.", None),
    (May::Changing, "429", "Too many requests.", Some("Retry-After")),
    (May::Always, "503", "The database does not answer just now.", Some("Retry-After")),
];

/// An amount: digits, with at most one point between them.
const AMOUNT: &str = r"^-?[0-9]+(\.[0-9]+)?$";

/// Parameters that mean the same wherever they stand, and what their values look like.
const KNOWN: [(&str, &str); 7] = [
    ("merchant", "^[a-z0-9-]{1,40}$"),
    ("offer", "^[a-z0-9-]{1,40}$"),
    ("affiliate", "^[a-z0-9-]{1,40}$"),
    ("goal", "^[a-z0-9_-]{1,40}$"),
    ("click_id", "^[A-Za-z0-9._-]{1,128}$"),
    ("amount_min", AMOUNT),
    ("amount_max", AMOUNT),
];

/// The methods that an operation may have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The document as it is served: with what all operations have in common.
pub(super) fn finished(mut document: utoipa::openapi::OpenApi) -> Value {
    let key = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    if let Some(components) = &mut document.components {
        components.add_security_scheme("api_key", key);
    }
    let mut document = json!(document);
    describe_changes(&mut document);
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method) {
                finish(path, method, operation);
            }
        }
    }
    document
}

/// Members that say what a thing is called: the address of a change says it, too, so they may be left out there.
const NAMES: [&str; 3] = ["id", "code", "alias"];

/// Describes the bodies that change something by schemas of their own.
fn describe_changes(document: &mut Value) {
    let mut changes = serde_json::Map::new();
    let schemas = document["components"]["schemas"].clone();
    for (_, item) in document["paths"].as_object_mut().into_iter().flatten() {
        let Some(body) = item.pointer_mut("/put/requestBody/content/application~1json/schema") else {
            continue;
        };
        let Some((place, name)) = body["$ref"].as_str().and_then(|place| place.rsplit_once('/')) else {
            continue;
        };
        let mut schema = schemas[name].clone();
        if let Some(required) = schema["required"].as_array_mut() {
            required.retain(|member| !NAMES.iter().any(|name| member == name));
        }
        let change = format!("{name}Change");
        *body = json!({"$ref": format!("{place}/{change}")});
        changes.insert(change, schema);
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(changes);
    }
}

fn finish(path: &str, method: &str, operation: &mut Value) {
    // Handlers are called alike in every file, but an operation's id is one of the whole document.
    if let (Some(tag), Some(id)) = (operation["tags"][0].as_str(), operation["operationId"].as_str()) {
        operation["operationId"] = json!(format!("{tag}_{id}").replace(['-', ' '], "_"));
    }
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let mut versioned = false;
    for parameter in parameters.into_iter().flatten() {
        versioned |= parameter["name"] == "If-Match";
        finish_parameter(parameter);
    }
    let has_body = !operation["requestBody"].is_null();
    for (may, status, description, header) in ALSO {
        let applies = match may {
            May::Always => true,
            May::OnOneThing => path.contains('{'),
            May::Changing => method != "get",
            May::WithBody => has_body,
            May::Versioned => versioned,
        };
        if let Some(responses) = operation["responses"].as_object_mut().filter(|_| applies) {
            responses.entry(status).or_insert_with(|| problem(description, header));
        }
    }
}

fn finish_parameter(parameter: &mut Value) {
    if let Some((_, pattern)) = KNOWN.iter().find(|(name, _)| parameter["name"] == *name) {
        let schema = &mut parameter["schema"];
        if *schema == json!({"type": "string"}) {
            schema["pattern"] = json!(pattern);
        }
    }
    if parameter["in"] == "query" && parameter["required"] != true {
        // A form sends the fields that nobody has filled in, too; they count as left out.
        parameter["allowEmptyValue"] = json!(true);
    }
}

fn problem(description: &str, header: Option<&str>) -> Value {
    let schema = json!({"$ref": "#/components/schemas/ProblemDocument"});
    let mut problem = json!({
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    });
    if let Some(header) = header {
        problem["headers"] = json!({header: {"schema": {"type": "string"}}});
    }
    problem
}

/// `GET /api/openapi.json`
pub(super) async fn json_document(document: Extension<Arc<Value>>) -> Response {
    json(StatusCode::OK, &**document)
}

/// `GET /api/docs`
pub(super) async fn page(Extension(document): Extension<Arc<Value>>) -> Response {
    let page = ui::Page::outside("API");
    ui::html(StatusCode::OK, &ApiDocs { page, reference: Reference::of(&document) })
}
