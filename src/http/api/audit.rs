//! `/api/v1/audit`: who changed what.

use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Json, Page, reading::Query};
use crate::{
    domain::{access::Role, ids::RequestId},
    http::{Shared, access::Caller, problem::Problem},
    storage::{AuditFilter, AuditRow},
};

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One entry of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditView {
    /// The request that did it, or tried to.
    id: Uuid,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who, as in `user:anna`, `api-key:ci`, `operator`.
    actor: String,
    /// From which address.
    address: String,
    /// What, as in `conversion.approve`.
    action: String,
    /// To what, as in `merchant:acme`.
    subject: String,
    /// What came of it: `done`, `decided`, or the code of a refusal.
    outcome: String,
    /// What it was before.
    before: Option<serde_json::Value>,
    /// What it is from then on.
    after: Option<serde_json::Value>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: row.id.uuid(),
            at: row.at.to_string(),
            actor: row.actor,
            address: row.address,
            action: row.action,
            subject: row.subject,
            outcome: row.outcome,
            before: json(row.before),
            after: json(row.after),
        }
    }
}

/// Which entries a query asks for; the page asks in the same words.
pub(in crate::http) fn filter(query: &mut Query) -> Result<AuditFilter, Problem> {
    let (from, to) = query.period("from", "to")?;
    let mut text = |name| query.text(name).map(str::to_owned);
    Ok(AuditFilter { actor: text("actor"), subject: text("subject"), action: text("action"), from, to })
}

/// The audit log, newest first.
///
/// Every change of a setting and every decision, with attempts that were refused. Subject and period are looked up.
/// Among what is found so, the other conditions are looked for in some 25,000 entries a page: a page may have fewer
/// items than `limit`, even none, and yet a `next_cursor` that goes on from there.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit",
    params(
        ("actor" = Option<String>, Query, description = "Only by this one, as in `user:anna`."),
        ("subject" = Option<String>, Query, description = "Only to this one, as in `merchant:acme`."),
        ("action" = Option<String>, Query, description = "Only actions that begin so, as in `conversion.`."),
        ("from" = Option<String>, Query, description = "Only of this time or later."),
        ("to" = Option<String>, Query, description = "Only before this time."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of entries.", body = Page<AuditView>))
)]
async fn list(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<AuditView>>, Problem> {
    caller.must(Role::Viewer, &shared, "audit.read", "audit").await?;
    let filter = filter(&mut query)?;
    let (limit, cursor) = (query.limit()?, query.cursor()?.map(RequestId::new));
    query.finish()?;
    let found = shared.edge.storage.audit(&filter, cursor, limit).await?;
    let next_cursor = found.next.map(|id| id.uuid().simple().to_string());
    Ok(Json(Page { items: found.rows.into_iter().map(AuditView::from).collect(), next_cursor }))
}
