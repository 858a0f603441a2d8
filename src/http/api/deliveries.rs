//! `/api/v1/deliveries`: what endpoints were told, with every attempt; and telling them again.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Json, Page,
    reading::{Query, Read, invalid, path_id},
};
use crate::{
    domain::{
        access::Role,
        delivery::DeliveryState,
        ids::{ConversionId, DeliveryId, EndpointId},
    },
    http::{Shared, access::Caller, problem::Problem},
    storage::{Attempt, AuditRow, DeliveryFilter, DeliveryRow},
};

/// How many deliveries one request may send again by their ids.
const RESENT_MAX: usize = 1_000;

/// The words for where a delivery stands.
const STATES: &str = "waiting, delivered, unconfirmed, dead, too_late";

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(resend))
        .routes(routes!(resend_many))
}

/// A delivery.
#[derive(Serialize, ToSchema)]
struct DeliveryView {
    /// Its id: the same on every attempt.
    id: Uuid,
    /// Who is told: a postback endpoint or a pixel.
    postback: String,
    /// Of which conversion.
    conversion: Uuid,
    /// That it has got this status.
    status: &'static str,
    /// `waiting`, `delivered`, `unconfirmed`, `dead` or `too_late`.
    state: &'static str,
    /// How often it has been attempted.
    attempts: i32,
    /// When it is attempted next, while it waits.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// When it came to be owed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was delivered or given up.
    #[schema(format = DateTime)]
    settled_at: Option<String>,
    /// What was wrong with the last attempt.
    last_error: Option<String>,
}

impl From<DeliveryRow> for DeliveryView {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id.uuid(),
            postback: row.postback.to_string(),
            conversion: row.conversion.uuid(),
            status: row.status.as_str(),
            state: row.state,
            attempts: row.attempts,
            due_at: row.due_at.map(|at| at.to_string()),
            created_at: row.created_at.to_string(),
            settled_at: row.settled_at.map(|at| at.to_string()),
            last_error: row.last_error,
        }
    }
}

/// A delivery with every attempt.
#[derive(Serialize, ToSchema)]
struct WholeDelivery {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Every attempt, the first one first. (`attempts` counts them.)
    tries: Vec<AttemptView>,
}

/// One attempt to tell an endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct AttemptView {
    /// Counted from 1.
    number: i32,
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    /// The request as it was sent, credentials redacted.
    request: String,
    /// The HTTP status of the answer.
    status: Option<u16>,
    /// The beginning of the answer's body.
    answer: Option<String>,
    /// What was wrong, in plain words.
    error: Option<String>,
    /// How long it took, in microseconds.
    duration_us: i64,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, at, request, status, answer, error, duration_us } = attempt;
        Self { number, at: at.to_string(), request, status, answer, error, duration_us }
    }
}

/// Deliveries, newest first.
///
/// Those that are dead, those that wait, and those of a conversion are looked up. Everything else is looked for in some
/// 25,000 deliveries a page: a page may have fewer items than `limit`, even none, and yet a `next_cursor` that goes on
/// from there.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "deliveries",
    params(
        ("status" = Option<String>, Query, description = "Where they stand: `waiting`, `delivered`, `unconfirmed`, \
            `dead` or `too_late`."),
        ("postback" = Option<String>, Query, description = "Only to this endpoint or pixel."),
        ("conversion" = Option<String>, Query, description = "Only of this conversion."),
        ("from" = Option<String>, Query, description = "Only owed at this time or later."),
        ("to" = Option<String>, Query, description = "Only owed before this time."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of deliveries.", body = Page<DeliveryView>))
)]
async fn list(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let filter = DeliveryFilter {
        state: query.word("status", STATES, DeliveryState::parse)?,
        endpoint: query.parsed("postback", EndpointId::parse)?,
        conversion: query.parsed("conversion", |text| Uuid::try_parse(text).map(ConversionId::new))?,
        since: query.time("from")?,
        until: query.time("to")?,
        ..DeliveryFilter::default()
    };
    let (limit, after) = (query.limit()?, query.cursor()?.map(DeliveryId::new));
    query.finish()?;
    let found = shared.edge.storage.delivery_page(&filter, after, limit).await?;
    let next_cursor = found.next.map(|id| id.uuid().simple().to_string());
    Ok(Json(Page { items: found.rows.into_iter().map(DeliveryView::from).collect(), next_cursor }))
}

async fn found(shared: &Shared, id: DeliveryId) -> Result<WholeDelivery, Problem> {
    let storage = &shared.edge.storage;
    let row = storage.delivery(id).await?;
    let row = row.ok_or_else(|| Problem::not_found(&format!("There is no delivery {id}.")))?;
    let tries = storage.attempts(id).await?.into_iter().map(AttemptView::from).collect();
    Ok(WholeDelivery { delivery: DeliveryView::from(row), tries })
}

/// One delivery, with every attempt.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery.")),
    responses((status = 200, description = "The delivery.", body = WholeDelivery))
)]
async fn one(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<WholeDelivery>, Problem> {
    query.finish()?;
    Ok(Json(found(&shared, DeliveryId::new(path_id(&id)?)).await?))
}

/// Sends a delivery again, from the start of its schedule, whatever its state.
///
/// One that is being sent right now is left alone.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/resend", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery.")),
    responses((status = 200, description = "The delivery, which waits to be sent.", body = WholeDelivery))
)]
async fn resend(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<WholeDelivery>, Problem> {
    let id = DeliveryId::new(path_id(&id)?);
    let (action, subject) = ("delivery.resend", format!("delivery:{id}"));
    caller.must(Role::Manager, &shared, action, &subject).await?;
    query.finish()?;
    found(&shared, id).await?;
    let filter = DeliveryFilter { ids: vec![id], ..DeliveryFilter::default() };
    shared.edge.storage.resend(&filter, &caller.audit(action, &subject)).await?;
    Ok(Json(found(&shared, id).await?))
}

/// Which deliveries are to be sent again.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResendBody {
    /// These, at most 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    ids: Vec<String>,
    /// Or those that stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// And are owed to this endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    postback: Option<String>,
    /// And at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// And before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct ResentView {
    /// How many wait to be sent again.
    resent: u64,
}

impl ResendBody {
    fn filter(&self) -> Result<DeliveryFilter, Problem> {
        if self.ids.len() > RESENT_MAX {
            return Err(invalid("ids", &format!("Send at most {RESENT_MAX} ids at once, or a filter.")));
        }
        let id = |text: &String| Uuid::try_parse(text).map(DeliveryId::new);
        let ids: Result<Vec<_>, _> = self.ids.iter().map(id).collect();
        let state = |word: &str| {
            let detail = format!("Send one of {STATES}.");
            DeliveryState::parse(word).ok_or_else(|| invalid("status", &detail))
        };
        let endpoint = |id: &str| {
            EndpointId::parse(id)
                .map_err(|error| invalid("postback", &format!("Change `postback`: {error}.")))
        };
        let time = |name: &'static str, text: &str| {
            let detail = "Send a time such as 2026-11-20T10:00:00Z.";
            crate::domain::time::Timestamp::parse(text).ok_or_else(|| invalid(name, detail))
        };
        let filter = DeliveryFilter {
            ids: ids.map_err(|_| invalid("ids", "Send ids that a list has given."))?,
            state: self.status.as_deref().map(state).transpose()?,
            endpoint: self.postback.as_deref().map(endpoint).transpose()?,
            since: self.from.as_deref().map(|text| time("from", text)).transpose()?,
            until: self.to.as_deref().map(|text| time("to", text)).transpose()?,
            ..DeliveryFilter::default()
        };
        if filter.is_everything() {
            return Err(invalid("ids", "Say which by `ids`, or by `status`, `postback`, `from` and `to`."));
        }
        Ok(filter)
    }
}

/// Sends many deliveries again, by their ids or by a filter.
#[utoipa::path(
    post, path = "/api/v1/deliveries/resend", tag = "deliveries",
    request_body = ResendBody,
    responses((status = 200, description = "How many are sent again.", body = ResentView))
)]
async fn resend_many(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    query: Query,
    Read(body): Read<ResendBody>,
) -> Result<Json<ResentView>, Problem> {
    caller.must(Role::Manager, &shared, "delivery.resend", "deliveries").await?;
    query.finish()?;
    let filter = body.filter()?;
    let audit =
        AuditRow { after: Some(json!(body).to_string()), ..caller.audit("delivery.resend", "deliveries") };
    let resent = shared.edge.storage.resend(&filter, &audit).await?;
    Ok(Json(ResentView { resent }))
}
