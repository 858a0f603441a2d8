//! Creations that happen once: the `Idempotency-Key` of a request, and the answer that it was given before.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::FromRequest,
    http::{HeaderValue, Request, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    reading::{RawBody, json_body, parsed},
    settings::with_version,
};
use crate::{
    clock::random,
    domain::{ids::IdempotencyKey, token::TokenDigest},
    http::{Shared, access::Caller, problem::Problem},
    storage::{Held, Keep, Once, SavedAnswer},
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

    fn new(body: T, head: &Parts, bytes: &Bytes, shared: &Shared) -> Result<Self, Problem> {
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
        // Bytes that are no UTF-8 are no JSON either, so nothing is created by them.
        let request = format!("{} {}\n{}", head.method, head.uri.path(), String::from_utf8_lossy(bytes));
        let digest = shared.edge.digester.digest(&format!("request:{request}"));
        Ok(Self { body, key, digest })
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Creation<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let (head, bytes) = json_body(request).await?;
        Self::new(parsed(&bytes)?, &head, &bytes, shared)
    }
}

impl FromRequest<Arc<Shared>> for Creation<RawBody> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let (head, bytes) = json_body(request).await?;
        Self::new(RawBody(bytes.clone()), &head, &bytes, shared)
    }
}

/// What a key was answered before, if it was; to be asked before anything is looked at that may have changed since.
pub(super) async fn earlier(shared: &Shared, once: Option<&Once>) -> Result<Option<Response>, Problem> {
    let Some(once) = once else { return Ok(None) };
    match shared.edge.storage.held(once).await? {
        None => Ok(None),
        Some(Held::Answer(answer)) => Ok(Some(replayed(answer))),
        Some(Held::OtherRequest | Held::Plan(_)) => Err(reused()),
    }
}

/// Has the answer to a creation kept, if it shall happen once.
pub(super) fn keep<'a, T>(
    once: Option<&'a Once>,
    caller: &Caller,
    answer: &'a (dyn Fn(&T) -> SavedAnswer + Send + Sync),
) -> Option<Keep<'a, T>> {
    once.map(|once| Keep { once, answer, nonce: random, at: caller.now })
}

/// The answer to a creation. What could not be made may have been made by somebody faster under the same key.
pub(super) async fn answered<T, E: Into<Problem>>(
    shared: &Shared,
    once: Option<&Once>,
    made: Result<T, E>,
    answer: impl Fn(&T) -> SavedAnswer,
) -> Result<Response, Problem> {
    let problem = match made {
        Ok(made) => return Ok(respond(answer(&made))),
        Err(error) => error.into(),
    };
    if problem.status.is_client_error() || problem.status == StatusCode::SERVICE_UNAVAILABLE {
        return earlier(shared, once).await?.ok_or(problem);
    }
    Err(problem)
}

/// An answer that tells what was created.
pub(super) fn created(version: Option<&str>, view: &impl Serialize) -> SavedAnswer {
    SavedAnswer {
        status: StatusCode::CREATED.as_u16(),
        version: version.map(str::to_owned),
        // A struct of texts, lists and maps always serialises.
        body: serde_json::to_string(view).unwrap_or_default(),
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
    let mut response = respond(answer);
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

pub(super) fn respond(answer: SavedAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    let response = (status, content_type, answer.body).into_response();
    match answer.version {
        Some(version) => with_version(response, &version),
        None => response,
    }
}
