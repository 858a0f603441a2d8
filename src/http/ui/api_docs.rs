//! The API, described for people.

use askama::Template;

use super::layout::Page;
use crate::http::api::Reference;

/// `/api/docs`
#[derive(Clone, Debug, Template)]
#[template(path = "api_docs.html")]
pub(crate) struct ApiDocs {
    /// Around it.
    pub(crate) page: Page,
    /// What it describes.
    pub(crate) reference: Reference,
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::ui::tests::{Sample, Say, sample};

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let thing = json!({"$ref": "#/components/schemas/Thing"});
        let body = json!({"content": {"application/json": {"schema": thing}}});
        let answer =
            json!({"description": say.text("Done."), "content": {"application/json": {"schema": thing}}});
        let id = json!({
            "name": say.text("id"), "in": "path", "required": true, "description": say.text("Which."),
            "schema": {"type": "string"},
        });
        let operation = json!({
            "tags": [say.text("things")], "operationId": "things_change", "summary": say.text("Changes it."),
            "description": say.text("For good."), "parameters": [id], "requestBody": body,
            "responses": {"200": answer, "503": {"description": say.text("Later."), "headers": {"Retry-After": {}}}},
        });
        let member = json!({"type": "string", "description": say.text("What it is called.")});
        let document = json!({
            "info": {"description": say.text("An API.")},
            "paths": {"/things/{id}": {"post": operation}},
            "components": {"schemas": {"Thing": {
                "description": say.text("A thing."), "required": ["name"],
                "properties": {"name": member, "inner": {"oneOf": [{"type": "null"}, thing]}},
            }}},
        });
        let page = Page::outside("API");
        vec![sample("api-docs", &ApiDocs { page, reference: Reference::of(&document) })]
    }
}
