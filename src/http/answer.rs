//! Verdicts in the words of `/track/*`.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::problem::{PROBLEM_JSON, Problem};
use crate::{
    domain::{
        conversion::Conversion,
        currency::CurrencyCode,
        decide::{Effect, Event, Verdict},
        ids::{ClickId, ConversionId, GoalAlias, RequestId, TransactionId},
        refusal::Refusal,
        status::Status,
        time::Timestamp,
    },
    ingest::Answer,
};

pub(super) const JSON: &str = "application/json";

#[derive(Serialize)]
struct Accepted<'a> {
    success: bool,
    duplicate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    request_id: RequestId,
    conversion: ConversionView<'a>,
}

/// A conversion as the contract shows it.
#[derive(Serialize)]
struct ConversionView<'a> {
    id: Option<ConversionId>,
    click_id: &'a ClickId,
    goal_alias: &'a GoalAlias,
    status: Status,
    amount: String,
    currency: Option<CurrencyCode>,
    revenue: Option<String>,
    revshare_multiplier: Option<String>,
    transaction_id: Option<&'a TransactionId>,
    suspected_duplicate: bool,
    created_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
}

impl<'a> ConversionView<'a> {
    fn of(conversion: &'a Conversion) -> Self {
        let minor_unit = conversion.currency.map_or(0, |currency| currency.minor_unit);
        Self {
            id: Some(conversion.id),
            click_id: &conversion.click,
            goal_alias: &conversion.goal,
            status: conversion.status,
            amount: conversion.amount.display(minor_unit).to_string(),
            currency: conversion.currency.map(|currency| currency.code),
            revenue: conversion.revenue.map(|revenue| revenue.money.display(minor_unit).to_string()),
            revshare_multiplier: conversion.revenue.map(|revenue| revenue.multiplier.to_string()),
            transaction_id: conversion.transaction.as_ref(),
            suspected_duplicate: conversion.suspected_duplicate,
            created_at: Some(conversion.created_at),
            decided_at: conversion.decided_at,
        }
    }

    /// What would be recorded has no id and no times yet.
    fn not_recorded(self) -> Self {
        Self { id: None, created_at: None, decided_at: None, ..self }
    }
}

/// A conversion as a merchant is told of it.
pub(super) fn conversion_json(conversion: &Conversion) -> serde_json::Value {
    // A struct of texts and numbers always serialises.
    serde_json::to_value(ConversionView::of(conversion)).unwrap_or_default()
}

/// Tells a verdict to a merchant.
pub(super) fn render(_: &Event, request_id: RequestId, verdict: &Verdict) -> Answer {
    match verdict {
        Verdict::Accepted { conversion, effect, dry_run } => {
            let tried = *dry_run && *effect == Effect::Recorded;
            let view = ConversionView::of(conversion);
            let accepted = Accepted {
                success: true,
                duplicate: *effect == Effect::Duplicate,
                dry_run: *dry_run,
                request_id,
                conversion: if tried { view.not_recorded() } else { view },
            };
            Answer {
                status: 200,
                content_type: JSON.into(),
                // A struct of texts and numbers always serialises.
                body: serde_json::to_string(&accepted).unwrap_or_default(),
                location: None,
                outcome: outcome(*effect, *dry_run),
                conversion: (!tried).then_some(conversion.id),
            }
        }
        Verdict::Refused(refusal) => refused(request_id, refusal),
        // Only /click submits clicks, and it has words of its own.
        Verdict::Clicked { .. } => unreachable!("a postback never records a click"),
    }
}

/// What came of an accepted postback, in one word.
pub(super) const fn outcome(effect: Effect, dry_run: bool) -> &'static str {
    match effect {
        _ if dry_run => "dry_run",
        Effect::Recorded => "recorded",
        Effect::Decided => "decided",
        Effect::Duplicate => "duplicate",
    }
}

pub(super) fn refused(request_id: RequestId, refusal: &Refusal) -> Answer {
    of_problem(request_id, &Problem::from(refusal))
}

/// A problem that is logged as the answer that it is.
pub(super) fn of_problem(request_id: RequestId, problem: &Problem) -> Answer {
    Answer {
        status: problem.status.as_u16(),
        content_type: PROBLEM_JSON.into(),
        body: problem.document(request_id),
        location: None,
        outcome: problem.code,
        conversion: None,
    }
}

/// An answer as an HTTP response. Nothing of it may be kept by a cache.
pub(super) fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    let content_type = match answer.content_type {
        Cow::Borrowed(known) => HeaderValue::from_static(known),
        Cow::Owned(own) => {
            HeaderValue::try_from(own).unwrap_or_else(|_| HeaderValue::from_static("text/plain"))
        }
    };
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = answer.location.as_deref().and_then(|url| HeaderValue::from_str(url).ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}
