//! The JSON API, `/api/v1`: everything that the pages do, for programs.
//!
//! It has no rule of its own: it reads by `storage`, and changes conversions through `ingest` like everybody else. Each
//! file is one resource, its handlers carry their own description, and the document at `/api/openapi.json` is made of
//! those.

mod api_keys;
mod audit;
mod clicks;
mod conversions;
mod creation;
mod deliveries;
mod document;
mod endpoints;
mod goals;
mod integration;
pub(super) mod players;
mod postback_log;
mod reading;
mod reference;
pub(super) mod settings;
mod stats;
pub(super) mod tokens;
mod users;

pub(super) use self::{
    audit::filter as audit_filter,
    conversions::filter as conversion_filter,
    postback_log::filter as log_filter,
    reading::{Query, invalid, path_id},
};

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    middleware,
    response::{IntoResponse, Response},
    routing,
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;

pub(super) use self::reference::Reference;
use super::{
    Shared,
    access::{Caller, is_safe},
    problem::{Problem, name_request},
};

/// How many items a page has, unless the request says otherwise.
const PAGE_ITEMS: u32 = 50;

/// How many items a page has at most.
const PAGE_ITEMS_MAX: u32 = 500;

/// A page of a list.
#[derive(Serialize, ToSchema)]
struct Page<T> {
    /// The items, in the order of the list.
    items: Vec<T>,
    /// What to send as `cursor` to get the next page; null on the last one.
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Of a list that was asked for one item more than the page takes.
    fn of<S>(mut found: Vec<S>, limit: u32, cursor: impl Fn(&S) -> String, view: impl Fn(S) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| more).map(cursor);
        Self { items: found.into_iter().map(view).collect(), next_cursor }
    }
}

/// All addresses of the API, with the document that describes them.
pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let (router, document) = OpenApiRouter::with_openapi(document::Document::openapi())
        .merge(conversions::router())
        .merge(audit::router())
        .merge(players::router())
        .merge(deliveries::router())
        .merge(endpoints::router())
        .merge(stats::router())
        .merge(clicks::router())
        .merge(postback_log::router())
        .merge(settings::router())
        .merge(goals::router())
        .merge(integration::router())
        .merge(tokens::router())
        .merge(users::router())
        .merge(api_keys::router())
        .split_for_parts();
    let document = Arc::new(document::finished(document));
    router
        .route("/api/openapi.json", routing::get(document::json_document))
        .route("/api/docs", routing::get(document::page))
        .layer(axum::Extension(document))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(shared), name_request))
}

async fn method_not_allowed() -> Problem {
    let detail = "This address takes other methods: /api/openapi.json says which.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail)
}

/// Whoever calls the API: a program by its key, or a signed-in user who only looks.
impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        match Self::of(parts, shared).await? {
            Some(caller) if caller.is_program() || is_safe(&parts.method) => Ok(caller),
            _ => {
                let detail = "Send a live API key as `Authorization: Bearer …`; `countersign api-key create` \
                              makes one.";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", detail))
            }
        }
    }
}

/// An answer as JSON.
struct Json<T>(T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let content_type = [(axum::http::header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(body) {
        Ok(text) => (status, content_type, text).into_response(),
        Err(_) => Problem::internal().into_response(),
    }
}
