//! An answer, and what a test expects of it.

use hyper::HeaderMap;
use serde_json::Value;

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    headers: HeaderMap,
    /// The body as it came.
    pub(crate) text: String,
    /// The body as JSON; null if it is none.
    pub(crate) json: Value,
}

impl Answer {
    pub(super) fn new(status: u16, headers: HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, text, json }
    }

    /// A header; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The names of its headers, in their order.
    pub(crate) fn header_names(&self) -> Vec<String> {
        self.headers.keys().map(ToString::to_string).collect()
    }

    /// Expects a 200 whose conversion has these members; `duplicate` and `dry_run` are those of the answer itself.
    /// Returns the conversion.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "it is written in place, as `json!({ .. })`")]
    pub(crate) fn ok(&self, expected: Value) -> Value {
        assert_eq!((self.status, self.header("content-type")), (200, "application/json"), "{}", self.text);
        assert_eq!(self.json["success"], true, "{}", self.text);
        assert!(self.json["request_id"].is_string(), "{}", self.text);
        let conversion = &self.json["conversion"];
        for (name, value) in expected.as_object().unwrap() {
            let of = if matches!(name.as_str(), "duplicate" | "dry_run") { &self.json } else { conversion };
            assert_eq!(&of[name], value, "{name} in {}", self.text);
        }
        conversion.clone()
    }

    /// Expects a problem document with this status, code and parameter; an empty parameter stands for none.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, parameter: &str) {
        let got =
            (self.status, self.json["code"].as_str(), self.json["parameter"].as_str().unwrap_or_default());
        assert_eq!(got, (status, Some(code), parameter), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.json["type"], "about:blank");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["success"], false);
        for member in ["title", "detail", "request_id"] {
            assert!(
                self.json[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member} in {}",
                self.text
            );
        }
    }
}
