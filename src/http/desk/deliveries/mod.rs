//! What endpoints were told: the list, one delivery with its attempts, sending again, and how endpoints fare.

pub(super) mod endpoints;
pub(super) mod resend;
mod wanted;

use axum::{
    extract::{Path, RawQuery},
    http::StatusCode,
    response::Response,
};
use futures::try_join;

use self::wanted::Wanted;
use super::{PAGE_ROWS, names::Names, visit::Visit};
use crate::{
    domain::{
        access::Role,
        catalog::Catalog,
        conversion::Conversion,
        delivery::DeliveryState,
        endpoint::Endpoint,
        ids::{DeliveryId, EndpointId},
        setting::SettingKind,
    },
    http::{
        api::path_id,
        problem::Problem,
        ui::{
            deliveries::{AttemptView, Deliveries, DeliveryPage, DeliveryRow, standing},
            html,
            layout::Section,
            listing::{Cell, Facts},
            view::{Badge, Moment, Short, Tone, Zone, duration},
        },
    },
    storage::{Attempt, DeliveryRow as Stored, EndpointHealth, Scanned},
};

/// `GET /deliveries`
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let wanted = Wanted::read(query.as_deref().unwrap_or_default(), visit.zone);
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let filters = wanted.form(&catalog);
    let storage = &visit.shared.edge.storage;
    let found = match &wanted.given.fault {
        Some(_) => Scanned { rows: Vec::new(), next: None },
        None => storage.delivery_page(&wanted.filter, wanted.after(), PAGE_ROWS).await?,
    };
    let health = storage.endpoint_health().await?;
    let row = |stored: Stored| {
        let paused = health.get(&stored.postback).and_then(|health| health.paused.as_ref());
        row(stored, paused.map(|(_, why)| why.as_str()), visit.zone)
    };
    let shown = Deliveries {
        page: wanted.given.on(visit.page("Deliveries", Section::Deliveries)),
        rows: found.rows.into_iter().map(row).collect(),
        pager: wanted.pager(&filters, found.next),
        may_resend: visit.may(Role::Manager),
        filters,
    };
    Ok(html(wanted.given.status(), &shown))
}

/// What a list shows of a delivery; of one that waits for a paused endpoint, why that is.
fn row(stored: Stored, paused: Option<&str>, zone: Zone) -> DeliveryRow {
    let paused = paused.filter(|_| stored.due_at.is_some());
    DeliveryRow {
        id: stored.id,
        owed: Moment::to_the_second(stored.created_at, zone),
        endpoint: stored.postback.to_string(),
        conversion: stored.conversion,
        told: Badge::of(stored.status.as_str()),
        state: state_badge(stored.state),
        attempts: u64::from(stored.attempts.unsigned_abs()),
        next: stored.due_at.filter(|_| paused.is_none()).map(|at| Moment::to_the_second(at, zone)),
        error: match paused {
            Some(why) => format!("the endpoint is paused: {why}"),
            None => stored.last_error.unwrap_or_default(),
        },
    }
}

/// The mark for where a delivery stands.
pub(super) fn state_badge(state: &str) -> Badge {
    DeliveryState::parse(state).map_or_else(|| Badge::of(state), standing)
}

/// `GET /deliveries/{id}`
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = DeliveryId::new(path_id(&id)?);
    let storage = &visit.shared.edge.storage;
    let missing = || Problem::not_found(&format!("There is no delivery {id}: look for it in the list."));
    let stored = storage.delivery(id).await?.ok_or_else(missing)?;
    let (attempts, conversion, health) =
        try_join!(storage.attempts(id), storage.conversion(stored.conversion), storage.endpoint_health())?;
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let endpoint = catalog.every_endpoint().find(|endpoint| *endpoint.id() == stored.postback);
    let held = match stored.due_at {
        Some(_) => held(endpoint.as_ref(), health.get(&stored.postback)),
        None => String::new(),
    };
    let page = DeliveryPage {
        page: visit.page("Delivery", Section::Deliveries),
        id,
        endpoint: stored.postback.to_string(),
        state: state_badge(stored.state),
        attempts: attempts.into_iter().map(|attempt| tried(attempt, visit.zone)).collect(),
        next: stored.due_at.map(|at| Moment::to_the_second(at, visit.zone)),
        held,
        may_resend: visit.may(Role::Manager),
        facts: facts(&catalog, &stored, conversion.as_ref(), visit.zone),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Why a delivery goes on waiting when its time has come.
fn held(endpoint: Option<&Endpoint>, health: Option<&EndpointHealth>) -> String {
    match (endpoint, health.and_then(|health| health.paused.as_ref())) {
        (None, _) => "The endpoint is no longer set up.".to_owned(),
        (_, Some((_, why))) => {
            format!("The endpoint is paused ({why}): this waits until somebody lets it go on.")
        }
        (Some(endpoint), None) if !endpoint.is_active() => {
            "The endpoint is inactive: this waits until it is active again.".to_owned()
        }
        _ => String::new(),
    }
}

fn facts(catalog: &Catalog, stored: &Stored, conversion: Option<&Conversion>, zone: Zone) -> Facts {
    let moment = |at| Cell::Moment(Moment::to_the_second(at, zone));
    let facts = Facts::default()
        .fact("Tells", Cell::Badge(Badge::of(stored.status.as_str())))
        .fact(
            "Conversion",
            Cell::LinkShort(format!("/conversions/{}", stored.conversion), Short::new(&stored.conversion)),
        )
        .fact("Endpoint", endpoint_cell(catalog, &stored.postback));
    let facts = match conversion {
        Some(conversion) => facts
            .fact("Affiliate", Cell::Named(Names::new(catalog, conversion).named_affiliate()))
            .fact("Player", Cell::link(format!("/players/{}", conversion.click), conversion.click.as_str())),
        None => facts,
    };
    facts.fact("Owed", moment(stored.created_at)).known("Settled", Cell::maybe(stored.settled_at, moment))
}

fn endpoint_cell(catalog: &Catalog, id: &EndpointId) -> Cell {
    match catalog.every_endpoint().find(|endpoint| endpoint.id() == id).and_then(|it| settings(&it)) {
        Some(address) => Cell::link(address, id.as_str()),
        None => Cell::text(id.as_str()),
    }
}

/// Where an endpoint is set up, if there is a page for it.
fn settings(endpoint: &Endpoint) -> Option<String> {
    (endpoint.kind() == SettingKind::Postback).then(|| format!("/settings/postbacks/{}", endpoint.id()))
}

/// An attempt as it is shown. No credential is in what is stored.
fn tried(attempt: Attempt, zone: Zone) -> AttemptView {
    let tone = if attempt.error.is_none() { Tone::Good } else { Tone::Bad };
    let word = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    AttemptView {
        number: u64::from(attempt.number.unsigned_abs()),
        at: Moment::to_the_second(attempt.at, zone),
        outcome: Badge::new(tone, word),
        error: attempt.error.unwrap_or_default(),
        took: duration(attempt.duration_us),
        request: attempt.request,
        answer: attempt.answer,
    }
}
