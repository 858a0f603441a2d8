//! One conversion, and the reversal of its decision.

use std::collections::HashSet;

use axum::{extract::Path, http::StatusCode, response::Response};

use super::{
    conversions,
    deliveries::state_badge,
    go_to,
    log::exchange,
    names::{self, Names},
    visit::{Posted, Visit},
};
use crate::{
    domain::{
        access::Role,
        catalog::Catalog,
        conversion::Conversion,
        ids::{ClickId, ConversionId},
        params::Params,
        status::{Decision, Status},
    },
    http::{
        api::path_id,
        decisions::Asked,
        problem::Problem,
        ui::{
            conversion::{ConversionPage, Next, OwedRow, Step},
            html,
            layout::{Flash, Section},
            listing::{Cell, Facts},
            view::{Badge, Moment},
        },
    },
    storage::{ConversionFilter, DeliveryFilter, DeliveryRow, HistoryStep, LogFilter, Order},
};

/// How many of a conversion's postbacks, deliveries, and other conversions of the player are shown.
const SHOWN_MAX: u32 = 100;

/// `GET /conversions/{id}`
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = ConversionId::new(path_id(&id)?);
    let page = page(&visit, id, (String::new(), String::new())).await?;
    Ok(html(StatusCode::OK, &page))
}

fn missing(id: ConversionId) -> Problem {
    Problem::not_found(&format!("There is no conversion {id}: look for it among all conversions."))
}

async fn page(visit: &Visit, id: ConversionId, reason: (String, String)) -> Result<ConversionPage, Problem> {
    let storage = &visit.shared.edge.storage;
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let conversion = storage.conversion(id).await?.ok_or_else(|| missing(id))?;
    let log = LogFilter { conversion: Some(id), ..LogFilter::default() };
    let owed = DeliveryFilter { conversion: Some(id), ..DeliveryFilter::default() };
    let of_player = ConversionFilter { click: Some(conversion.click.clone()), ..ConversionFilter::default() };
    let (history, postbacks, deliveries, mut others, clicks) = futures::try_join!(
        storage.history(id),
        storage.postback_log(&log, None, SHOWN_MAX),
        storage.deliveries(&owed, SHOWN_MAX),
        storage.conversions(&of_player, Order::NewestFirst, None, SHOWN_MAX),
        storage.clicks([&conversion.click]),
    )?;
    others.retain(|other| other.id != id);
    let logged: HashSet<_> = postbacks.rows.iter().map(|row| row.id).collect();
    let (click, click_params) = click_facts(visit, &conversion.click, clicks.get(&conversion.click));
    let may = visit.may(Role::Manager);
    let next = match conversion.status {
        _ if !may => Next::Nothing,
        Status::Pending => Next::Decide,
        Status::Approved | Status::Rejected => Next::Reverse,
    };
    let step = |step: HistoryStep| Step {
        at: Moment::to_the_second(step.at, visit.zone),
        to: Badge::of(step.to.as_str()),
        from: step.from.map(|from| from.to_string()),
        actor: step.actor,
        reason: step.reason.unwrap_or_default(),
        request: step.request,
        is_postback: logged.contains(&step.request),
    };
    Ok(ConversionPage {
        page: visit.page(Names::new(&catalog, &conversion).goal(), Section::Conversions),
        id,
        goal: Names::new(&catalog, &conversion).goal().to_owned(),
        amount: names::amount(conversion.amount, conversion.currency),
        status: conversion.status,
        steps: conversion.steps,
        next,
        reason,
        facts: facts(visit, &catalog, &conversion),
        history: history.into_iter().map(step).collect(),
        postbacks: postbacks.rows.into_iter().map(|row| exchange(visit, row)).collect(),
        click,
        click_params,
        deliveries: deliveries.into_iter().map(|row| owed_row(visit, row)).collect(),
        others: others.iter().map(|other| conversions::row(&catalog, other, visit.zone)).collect(),
    })
}

fn facts(visit: &Visit, catalog: &Catalog, c: &Conversion) -> Facts {
    let names = Names::new(catalog, c);
    let two = |name: &str, id: &str| {
        if name == id { Cell::text(id) } else { Cell::Two(name.to_owned(), id.to_owned()) }
    };
    let moment = |at| Cell::Moment(Moment::to_the_second(at, visit.zone));
    let mut facts = Facts::default()
        .fact("Player", Cell::link(format!("/players/{}", c.click), c.click.as_str()))
        .fact("Merchant", two(names.merchant(), c.merchant.as_str()))
        .fact("Offer", two(names.offer(), c.offer.as_str()))
        .fact("Affiliate", two(names.affiliate(), c.affiliate.as_str()))
        .fact("Goal", two(names.goal(), c.goal.as_str()))
        .fact("Amount", Cell::Amount(names::amount(c.amount, c.currency)));
    if let Some(revenue) = c.revenue {
        let ours = names::amount(revenue.money, c.currency).plain();
        facts = facts.fact("Revenue", Cell::Two(ours, format!("× {}", revenue.multiplier)));
    }
    if c.suspected_duplicate {
        facts = facts.fact("Sent twice?", Cell::text("It equals another one that came within a minute."));
    }
    let facts = facts
        .known("Transaction", Cell::maybe(c.transaction.as_ref(), |id| Cell::Copy(id.to_string())))
        .fact("Recorded", moment(c.created_at))
        .known("Happened", Cell::maybe(c.event_time, moment))
        .known("Decided", Cell::maybe(c.decided_at, moment))
        .fact("Conversion", Cell::Copy(c.id.to_string()));
    Params::iter(&c.extra).fold(facts, |facts, (name, value)| facts.fact(name, Cell::Code(value.to_owned())))
}

fn click_facts(
    visit: &Visit,
    id: &ClickId,
    found: Option<&(crate::domain::click::Click, Params)>,
) -> (Facts, Facts) {
    let facts = Facts::default().fact("Click", Cell::Copy(id.to_string()));
    let Some((click, params)) = found else { return (facts, Facts::default()) };
    let facts = facts
        .fact("Clicked", Cell::Moment(Moment::to_the_second(click.at, visit.zone)))
        .fact("Offer", Cell::text(click.offer.as_str()))
        .fact("Affiliate", Cell::text(click.affiliate.as_str()));
    (facts, Facts::params(Params::iter(params)))
}

fn owed_row(visit: &Visit, row: DeliveryRow) -> OwedRow {
    OwedRow {
        id: row.id,
        endpoint: row.postback.to_string(),
        told: Badge::of(row.status.as_str()),
        state: state_badge(row.state),
        attempts: u64::from(row.attempts.unsigned_abs()),
        at: row.due_at.or(row.settled_at).map(|at| Moment::to_the_second(at, visit.zone)),
        error: row.last_error.unwrap_or_default(),
    }
}

/// `POST /conversions/{id}/status`: reverses a decision, by one more step of the history.
pub(super) async fn reverse(
    Path(id): Path<String>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Problem> {
    let id = ConversionId::new(path_id(&id)?);
    visit.caller.must(Role::Manager, &visit.shared, "conversion.decide", &format!("conversion:{id}")).await?;
    let status = Status::parse(fields.get("status"));
    let decision = status.and_then(Decision::to).ok_or_else(|| {
        Problem::bad_request("malformed_form", "Nothing was decided", "Say what it shall become.")
    })?;
    let reason = fields.get("reason").trim();
    if reason.is_empty() {
        let error = "Give a reason: it was decided before, and whoever did will ask.".to_owned();
        let page = page(&visit, id, (String::new(), error)).await?;
        return Ok(html(StatusCode::BAD_REQUEST, &page));
    }
    // What the page showed is the opposite of what it shall become.
    let seen = if decision.status() == Status::Approved { Status::Rejected } else { Status::Approved };
    let asked = Asked { decision, reason: Some(reason.to_owned()), seen: Some(seen) };
    let outcome = asked.decide(&visit.shared, &visit.caller, id).await?;
    match outcome.problem {
        None => Ok(go_to(&format!("/conversions/{id}"))),
        Some(problem) if problem.status == StatusCode::CONFLICT => {
            let mut shown = page(&visit, id, (String::new(), String::new())).await?;
            shown.page = shown.page.telling(Flash::bad(problem.detail));
            Ok(html(StatusCode::CONFLICT, &shown))
        }
        Some(problem) => Err(problem),
    }
}
