use super::*;

fn kind(schema: &Value) -> String {
    let kind = Kind::of(schema);
    let parts = [kind.before, kind.schema, kind.after];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_schema_is_told_in_words() {
    let reference = json!({"$ref": "#/components/schemas/Thing"});
    for (schema, expected) in [
        (json!({"type": "string"}), "text"),
        (json!({"type": ["string", "null"], "maxLength": 9}), "text of at most 9 characters or null"),
        (json!({"type": "string", "enum": ["a", "b"]}), "a | b"),
        (json!({"type": "string", "format": "date-time"}), "time, RFC 3339"),
        (json!({"type": "string", "pattern": "^[a-z]+$"}), "text like ^[a-z]+$"),
        (json!({"type": "integer", "minimum": 1, "maximum": 500}), "whole number from 1 to 500"),
        (json!({"type": "boolean"}), "true or false"),
        (json!({"type": "array", "items": reference}), "list of Thing"),
        (json!({"type": ["array", "null"], "items": {"type": "string"}}), "list of text or null"),
        (json!({"oneOf": [{"type": "null"}, reference]}), "Thing or null"),
        (json!({}), "any JSON"),
    ] {
        assert_eq!(kind(&schema), expected, "{schema}");
    }
}

#[test]
fn an_operation_is_told_with_all_that_it_takes_and_answers() {
    let document = json!({
        "info": {"description": "An `API`."},
        "paths": {"/things/{id}": {"post": {
            "tags": ["things"], "operationId": "things_change", "summary": "Changes it.",
            "parameters": [{"name": "id", "in": "path", "required": true, "description": "Which.",
                            "schema": {"type": "string", "format": "uuid"}}],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "responses": {
                "200": {"description": "Done.", "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Thing"}}}},
                "503": {"description": "Later.", "headers": {"Retry-After": {}}},
            },
        }}},
        "components": {"schemas": {
            "Named": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "description": "What it is called."}}},
            "Thing": {"allOf": [{"$ref": "#/components/schemas/Named"}, {"type": "object", "properties": {
                "inner": {"oneOf": [{"type": "null"},
                                    {"$ref": "#/components/schemas/Thing", "description": "Another."}]}}}]},
        }},
    });
    let reference = Reference::of(&document);
    let operation = &reference.groups[0].operations[0];
    assert_eq!(reference.about.0, ["An ", "API", "."]);
    assert_eq!((operation.method.as_str(), operation.path.as_str()), ("POST", "/things/{id}"));
    let id = &operation.parameters[0];
    assert_eq!((id.place.as_str(), id.required, id.kind.before.as_str()), ("path", true, "UUID"));
    assert_eq!(operation.body.as_ref().map(|body| body.schema.as_str()), Some("Thing"));
    let example: Value = serde_json::from_str(&operation.example).unwrap();
    assert_eq!(example["inner"]["inner"]["name"], "…", "{example}");
    assert!(operation.answers[0].is_good() && !operation.answers[1].is_good());
    assert_eq!(operation.answers[1].headers, ["Retry-After"]);
    let members = |at: usize| reference.schemas[at].members.iter();
    let told: Vec<_> =
        members(1).map(|m| (m.name.as_str(), m.required, m.description.0[0].as_str())).collect();
    assert_eq!(told, [("name", true, "What it is called."), ("inner", false, "Another.")]);
    assert_eq!(members(0).count(), 1);
}

#[test]
fn what_several_operations_answer_alike_is_said_once() {
    let operation = |own: &str| {
        json!({"tags": ["things"], "responses": {
            "200": {"description": own},
            "404": {"description": "No such thing."},
            "409": {"description": own},
        }})
    };
    let paths = json!({"/things": {"get": operation("a list")}, "/things/{id}": {"get": operation("one")}});
    let reference = Reference::of(&json!({"paths": paths}));
    let statuses = |answers: &[Answer]| answers.iter().map(|one| one.status.clone()).collect::<Vec<_>>();
    assert_eq!(statuses(&reference.common), ["404"]);
    for operation in &reference.groups[0].operations {
        assert_eq!(statuses(&operation.answers), ["200", "409"]);
        assert_eq!(operation.also, ["404"]);
    }
}
