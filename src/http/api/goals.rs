//! `/api/v1/merchants/{id}/goals`: goals of a merchant's own, known by their merchant and their alias.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Json, Page,
    creation::Creation,
    reading::{Query, RawBody},
    settings::{Described, changed, created, merchant, page, versioned},
};
use crate::{
    configuration_file::entries::GoalEntry,
    domain::setting::SettingKind,
    http::{
        Shared,
        access::Caller,
        problem::Problem,
        settings::{find, goal_id},
    },
};

const KIND: SettingKind = SettingKind::Goal;

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, change))
}

/// Every goal of a merchant's own, by alias.
#[utoipa::path(
    get, path = "/api/v1/merchants/{id}/goals", tag = "goals",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of them.", body = Page<GoalEntry>))
)]
async fn list(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Page<Described>>, Problem> {
    page(&shared, KIND, Some(&merchant(&shared, &id).await?), query).await
}

/// Gives a merchant one more goal.
///
/// The body has the keys of the configuration file.
#[utoipa::path(
    post, path = "/api/v1/merchants/{id}/goals", tag = "goals",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("Idempotency-Key" = Option<String>, Header, description = "Your name for this creation; it happens once."),
    ),
    request_body = GoalEntry,
    responses((
        status = 201, description = "It is there now.", body = GoalEntry,
        headers(("ETag" = String, description = "Its version."))
    ))
)]
async fn create(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
    creation: Creation<RawBody>,
) -> Result<Response, Problem> {
    let merchant = merchant(&shared, &id).await?;
    created(&shared, &caller, KIND, Some(&merchant), query, &creation).await
}

/// One goal.
#[utoipa::path(
    get, path = "/api/v1/merchants/{id}/goals/{alias}", tag = "goals",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("alias" = String, Path, description = "The goal."),
    ),
    responses((
        status = 200, description = "It.", body = GoalEntry,
        headers(("ETag" = String, description = "Its version."))
    ))
)]
async fn one(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path((id, alias)): Path<(String, String)>,
    query: Query,
) -> Result<Response, Problem> {
    query.finish()?;
    let merchant = merchant(&shared, &id).await?;
    Ok(versioned(StatusCode::OK, find(&shared, KIND, &goal_id(&merchant, &alias)).await?))
}

/// Changes one goal.
///
/// The body is the whole of it: a key that is left out goes back to its default. What was recorded stays as it is.
#[utoipa::path(
    put, path = "/api/v1/merchants/{id}/goals/{alias}", tag = "goals",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("alias" = String, Path, description = "The goal."),
        ("If-Match" = Option<String>, Header, description = "Its `ETag` when you read it."),
    ),
    request_body = GoalEntry,
    responses((
        status = 200, description = "It, from now on.", body = GoalEntry,
        headers(("ETag" = String, description = "Its version."))
    ))
)]
async fn change(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path((id, alias)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Response, Problem> {
    let merchant = merchant(&shared, &id).await?;
    changed(&shared, &caller, (KIND, Some(&merchant), &alias), query, &headers, &body).await
}
