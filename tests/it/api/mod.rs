//! The JSON API, with real keys, on both databases.

mod access;
mod audit;
mod clicks;
mod conversions;
mod creation;
mod document;
mod payouts;
mod people;
mod players;
mod postback_log;
mod settings;
mod stats;
mod tokens;

pub(crate) use self::postback_log::with_goal;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::support::{Answer, Server};

/// Keys of one server have names of their own.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Expects these members of an object; `items.0.id` is one far inside.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "it is written in place, as `json!({ .. })`")]
pub(crate) fn has(object: &Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        let found = object.pointer(&format!("/{}", name.replace('.', "/")));
        assert_eq!(found, Some(value), "{name} in {object}");
    }
}

/// A text member of each object in a list.
#[track_caller]
pub(crate) fn members(of: &Value, list: &str, member: &str) -> Vec<String> {
    let items = of[list].as_array().unwrap_or_else(|| panic!("no {list} in {of}"));
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

/// A program that uses the API.
pub(crate) struct Api<'a> {
    server: &'a Server,
    authorization: String,
}

impl<'a> Api<'a> {
    /// With a fresh key of this role.
    pub(crate) fn new(server: &'a Server, role: &str) -> Self {
        let name = format!("test-{role}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let key = server.command(&["api-key", "create", &name, "--role", role]).ok();
        Self { server, authorization: format!("Bearer {}", key.trim()) }
    }

    /// What its requests carry as `Authorization`.
    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// GET of an address below `/api/v1`.
    pub(crate) async fn get(&self, address: &str) -> Answer {
        self.send("GET", address, "").await
    }

    /// POST of a JSON body.
    pub(crate) async fn post(&self, address: &str, body: &Value) -> Answer {
        self.send("POST", address, &body.to_string()).await
    }

    /// POST of a JSON body that shall be taken once under this key.
    pub(crate) async fn post_under(&self, key: &str, address: &str, body: &Value) -> Answer {
        self.send_with("POST", address, &[("idempotency-key", key)], &body.to_string()).await
    }

    /// PUT of a JSON body on what was read with this `ETag`.
    pub(crate) async fn put(&self, address: &str, etag: &str, body: &Value) -> Answer {
        self.send_with("PUT", address, &[("if-match", etag)], &body.to_string()).await
    }

    /// Any request.
    pub(crate) async fn send(&self, method: &str, address: &str, body: &str) -> Answer {
        self.send_with(method, address, &[], body).await
    }

    /// Any request, with more headers.
    pub(crate) async fn send_with(
        &self,
        method: &str,
        address: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let own = [("authorization", self.authorization.as_str()), ("content-type", "application/json")];
        let headers: Vec<_> = own.iter().chain(more).copied().collect();
        self.server.request(method, &format!("/api/v1{address}"), &headers, body).await
    }
}
