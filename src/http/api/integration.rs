//! `/api/v1/merchants/{id}/integration`: what a merchant's engineer needs, and links that show it without an account.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Json, json,
    reading::{Query, Read},
};
use crate::http::{
    Shared,
    access::Caller,
    integration::{Guide, LINK_DAYS, make_link, managed, withdraw_links},
    problem::Problem,
};

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(guide)).routes(routes!(link)).routes(routes!(withdraw))
}

/// An address that a merchant calls.
#[derive(Serialize, ToSchema)]
struct AddressView {
    /// What it does.
    does: String,
    /// The address, with placeholders in braces for what differs from call to call.
    url: String,
    /// The header with the token, where that has no place in the address.
    header: Option<String>,
}

/// A goal that a merchant can report.
#[derive(Serialize, ToSchema)]
struct ReportedGoal {
    /// What is sent as `goal_alias`.
    goal_alias: String,
    /// Its name.
    name: String,
    /// How often, for what amount, how it comes to count.
    rules: String,
    /// The address that reports it.
    url: String,
}

/// A parameter of postbacks.
#[derive(Serialize, ToSchema)]
struct ParameterView {
    /// What it is called in our words; null where it is another dialect's only.
    name: Option<String>,
    /// What it means.
    meaning: String,
    /// When it must be there.
    needed: String,
}

/// What a merchant's engineer needs.
#[derive(Serialize, ToSchema)]
struct IntegrationView {
    /// The merchant.
    merchant: String,
    /// Its name.
    name: String,
    /// What it calls.
    addresses: Vec<AddressView>,
    /// What it reports.
    goals: Vec<ReportedGoal>,
    /// With what.
    parameters: Vec<ParameterView>,
    /// Whether its postbacks must be signed.
    require_signature: bool,
    /// From which addresses it may call; empty for any.
    allowed_ips: Vec<String>,
}

/// What a merchant's engineer needs: addresses, goals, parameters.
#[utoipa::path(
    get, path = "/api/v1/merchants/{id}/integration", tag = "merchants",
    params(("id" = String, Path, description = "The merchant.")),
    responses((status = 200, description = "What its engineer needs.", body = IntegrationView))
)]
async fn guide(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<IntegrationView>, Problem> {
    query.finish()?;
    let guide = Guide::of(&shared, &id, &headers).await?;
    let addresses = guide.addresses().into_iter();
    let goals = guide.goals().into_iter();
    let parameters = guide.parameters().into_iter();
    Ok(Json(IntegrationView {
        merchant: guide.merchant.id.to_string(),
        name: guide.merchant.name.clone(),
        addresses: addresses
            .map(|it| AddressView { does: it.does, url: it.url, header: it.header })
            .collect(),
        goals: goals
            .map(|it| ReportedGoal { goal_alias: it.alias, name: it.name, rules: it.rules, url: it.url })
            .collect(),
        parameters: parameters
            .map(|it| ParameterView {
                name: it.names.into_iter().next().filter(|name| !name.is_empty()),
                meaning: it.meaning,
                needed: it.needed,
            })
            .collect(),
        require_signature: guide.merchant.require_signature,
        allowed_ips: guide.allowed(),
    }))
}

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    /// How many days it lasts; 7 by default.
    #[schema(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

/// A link that was just made.
#[derive(Serialize, ToSchema)]
struct LinkView {
    /// Its address. It is shown this once.
    url: String,
    /// From when on it opens nothing.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Makes a link to a merchant's integration page that works without an account until it ends.
#[utoipa::path(
    post, path = "/api/v1/merchants/{id}/integration-link", tag = "merchants",
    params(("id" = String, Path, description = "The merchant.")),
    request_body = LinkBody,
    responses((status = 201, description = "The link.", body = LinkView))
)]
async fn link(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
    Read(body): Read<LinkBody>,
) -> Result<Response, Problem> {
    managed(&shared, &caller, &id, "integration-link.make").await?;
    query.finish()?;
    let merchant = super::settings::merchant(&shared, &id).await?;
    let days = body.days.unwrap_or(LINK_DAYS);
    let made = make_link(&shared, &caller, &headers, &merchant, days).await?;
    Ok(json(StatusCode::CREATED, &LinkView { url: made.url, expires_at: made.ends_at.to_string() }))
}

/// Whose links were withdrawn.
#[derive(Serialize, ToSchema)]
struct Withdrawn {
    /// The merchant.
    merchant: String,
    /// When: links that were made before open nothing any more.
    #[schema(format = DateTime)]
    withdrawn_at: String,
}

/// Withdraws every link to a merchant's integration page that was made so far.
#[utoipa::path(
    post, path = "/api/v1/merchants/{id}/integration-link/withdraw", tag = "merchants",
    params(("id" = String, Path, description = "The merchant.")),
    responses((status = 200, description = "They open nothing any more.", body = Withdrawn))
)]
async fn withdraw(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Withdrawn>, Problem> {
    managed(&shared, &caller, &id, "integration-link.withdraw").await?;
    query.finish()?;
    let merchant = super::settings::merchant(&shared, &id).await?;
    withdraw_links(&shared, &caller, &merchant).await?;
    Ok(Json(Withdrawn { merchant: merchant.to_string(), withdrawn_at: caller.now.to_string() }))
}
