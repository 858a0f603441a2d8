//! Endpoints: how they fare, paused, let go on, and tested.

use axum::{extract::Path, http::StatusCode, response::Response};

use super::{settings, tried};
use crate::{
    domain::{access::Role, catalog::Catalog, endpoint::Endpoint, ids::AffiliateId, time::Timestamp},
    http::{
        desk::{
            go_to,
            visit::{Posted, Visit},
        },
        outgoing::{Fares, Known},
        problem::Problem,
        settings::must_manage,
        ui::{
            deliveries::{EndpointRow, Endpoints, Tested},
            html,
            layout::Section,
            view::{Badge, span},
        },
    },
    storage::{Attempt, Backlog},
};

/// Where they are listed.
const LIST: &str = "/deliveries/endpoints";

/// `GET /deliveries/endpoints`
pub(in crate::http::desk) async fn list(visit: Visit) -> Result<Response, Problem> {
    Ok(html(StatusCode::OK, &page(&visit, None).await?))
}

async fn page(visit: &Visit, tested: Option<Tested>) -> Result<Endpoints, Problem> {
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let now = visit.caller.now;
    let mut endpoints: Vec<_> = catalog.every_endpoint().collect();
    endpoints.sort_by(|one, other| one.id().cmp(other.id()));
    let ids: Vec<_> = endpoints.iter().map(Endpoint::id).collect();
    let mut fares = Fares::of(&visit.shared, &ids, now).await?;
    let rows = endpoints.iter().map(|endpoint| {
        let fares = fares.remove(endpoint.id()).unwrap_or_default();
        row(&catalog, endpoint, &fares, now)
    });
    Ok(Endpoints {
        page: visit.page("Endpoints", Section::Deliveries),
        rows: rows.collect(),
        tested,
        may_change: visit.may(Role::Manager),
    })
}

fn row(catalog: &Catalog, endpoint: &Endpoint, fares: &Fares, now: Timestamp) -> EndpointRow {
    let word = fares.health.word(endpoint.is_active());
    let since = |at: Timestamp| span(now.millis() - at.millis());
    let trouble = match (&fares.health.paused, fares.health.failing_since) {
        (Some((at, why)), _) => format!("for {}: {why}", since(*at)),
        (None, Some(at)) => {
            let why = fares.backlog.last_error.as_ref();
            why.map_or_else(|| format!("for {}", since(at)), |why| format!("for {}: {why}", since(at)))
        }
        (None, None) => String::new(),
    };
    let (kind, affiliate) = match endpoint {
        Endpoint::Postback(postback) => ("postback".to_owned(), Some(&postback.affiliate)),
        Endpoint::Pixel(pixel) => (format!("{} pixel", pixel.platform.name()), pixel.affiliate.as_ref()),
    };
    let named = |id: &AffiliateId| {
        catalog.affiliates.get(id).map_or_else(|| id.to_string(), |affiliate| affiliate.name.clone())
    };
    EndpointRow {
        id: endpoint.id().to_string(),
        kind,
        settings: settings(endpoint),
        affiliate: affiliate.map_or_else(|| "everybody".to_owned(), named),
        health: Badge::of(word),
        trouble,
        waiting: fares.backlog.waiting,
        dead: fares.backlog.dead,
        counted_max: Backlog::COUNTED_MAX,
        is_paused: fares.health.paused.is_some(),
    }
}

/// An endpoint to which somebody may do this.
async fn manage(visit: &Visit, id: &str, action: &str) -> Result<Known, Problem> {
    let known = Known::find(&visit.shared, id, None).await?;
    must_manage(&visit.shared, &visit.caller, known.endpoint.kind(), action, id).await?;
    Ok(known)
}

/// `POST /deliveries/endpoints/{id}/pause`
pub(in crate::http::desk) async fn pause(
    Path(id): Path<String>,
    Posted { visit, .. }: Posted,
) -> Result<Response, Problem> {
    manage(&visit, &id, "pause").await?.pause(&visit.shared, &visit.caller).await?;
    Ok(go_to(LIST))
}

/// `POST /deliveries/endpoints/{id}/resume`
pub(in crate::http::desk) async fn resume(
    Path(id): Path<String>,
    Posted { visit, .. }: Posted,
) -> Result<Response, Problem> {
    manage(&visit, &id, "resume").await?.resume(&visit.shared, &visit.caller).await?;
    Ok(go_to(LIST))
}

/// `POST /deliveries/endpoints/{id}/test`: shows request and answer.
pub(in crate::http::desk) async fn test(
    Path(id): Path<String>,
    Posted { visit, .. }: Posted,
) -> Result<Response, Problem> {
    let known = manage(&visit, &id, "test").await?;
    let attempt: Attempt = known.test(&visit.shared, &visit.caller).await?;
    let tested = Tested { endpoint: id, attempt: tried(attempt, visit.zone) };
    Ok(html(StatusCode::OK, &page(&visit, Some(tested)).await?))
}
