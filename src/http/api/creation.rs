//! Creations that happen once: the `Idempotency-Key` of a request, and the answer that it was given before.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::FromRequest,
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use super::reading::{json_body, parsed};
use crate::{
    domain::{ids::IdempotencyKey, token::TokenDigest},
    http::{Shared, access::Caller, problem::Problem},
    storage::{Once, SavedAnswer},
};

/// The name of the header by which a program says that a repetition is one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The body of a request that creates something, with the key under which it shall happen once.
#[derive(Debug)]
pub(super) struct Creation<T> {
    pub(super) body: T,
    key: Option<IdempotencyKey>,
    digest: TokenDigest,
}

impl<T> Creation<T> {
    /// What shall happen once, if the caller has named it.
    pub(super) fn once(&self, caller: &Caller) -> Option<Once> {
        let key = self.key.clone()?;
        Some(Once { actor: caller.actor.to_string(), key, request: self.digest })
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Creation<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let (head, bytes) = json_body(request).await?;
        let body = parsed(&bytes)?;
        let key = match head.headers.get(IDEMPOTENCY_KEY) {
            Some(value) => {
                let key = value.to_str().map_err(|_| "it is not ASCII".to_owned());
                let key = key.and_then(|text| IdempotencyKey::parse(text).map_err(|error| error.to_string()));
                Some(key.map_err(|error| {
                    let detail = format!("Send another `Idempotency-Key`: {error}.");
                    let problem = "invalid_parameter";
                    Problem::bad_request(problem, "Invalid parameter", &detail).of("Idempotency-Key")
                })?)
            }
            None => None,
        };
        // What parses as JSON is UTF-8 but for what stands in no text, and that did not parse.
        let request = format!("{} {}\n{}", head.method, head.uri.path(), String::from_utf8_lossy(&bytes));
        let digest = shared.edge.digester.digest(&format!("request:{request}"));
        Ok(Self { body, key, digest })
    }
}

/// The key stands for another request.
pub(super) fn reused() -> Problem {
    let detail = "This `Idempotency-Key` was used for another request: take a new key for each creation.";
    let problem = Problem::new(StatusCode::CONFLICT, "idempotency_key_reused", "Key used before", detail);
    problem.of("Idempotency-Key")
}

/// An answer once more.
pub(super) fn replayed(answer: SavedAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
