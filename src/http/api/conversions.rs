//! `/api/v1/conversions`: what was recorded, and the decisions on it.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Json, Page,
    document::{DecisionWord, StatusWord},
    reading::{Query, Read, invalid, path_id},
};
use crate::{
    domain::{
        access::Role,
        conversion::Conversion,
        currency::CurrencyCode,
        ids::{AffiliateId, ClickId, ConversionId, GoalAlias, MerchantId, OfferId},
        money::Money,
        params::Params,
        status::{Decision, Status},
    },
    http::{
        Shared,
        access::Caller,
        decisions::{Asked, BULK_DECISIONS_MAX},
        problem::Problem,
    },
    storage::{ConversionFilter, HistoryStep, Order},
};

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(decide))
        .routes(routes!(decide_many))
}

/// A conversion.
#[derive(Serialize, ToSchema)]
pub(super) struct ConversionView {
    /// Its id.
    id: Uuid,
    /// The player's click.
    click_id: String,
    /// The goal that the player reached.
    goal_alias: String,
    /// `pending`, `approved` or `rejected`.
    #[schema(value_type = StatusWord)]
    status: &'static str,
    /// The player's money, exact.
    amount: String,
    /// Its currency.
    currency: Option<String>,
    /// What the merchant owes of it.
    revenue: Option<String>,
    /// The multiplier that was in force.
    revshare_multiplier: Option<String>,
    /// What we owe the affiliate for it, should it count.
    payout: Option<String>,
    /// In which currency.
    payout_currency: Option<String>,
    /// The merchant's own id of it.
    transaction_id: Option<String>,
    /// Whether it may be the repetition of another one.
    suspected_duplicate: bool,
    /// Whose player it is.
    merchant: String,
    /// What was advertised.
    offer: String,
    /// Who sent the player.
    affiliate: String,
    /// When it happened at the merchant, where that was told.
    #[schema(format = DateTime)]
    event_time: Option<String>,
    /// When it was recorded.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last decided.
    #[schema(format = DateTime)]
    decided_at: Option<String>,
}

impl From<&Conversion> for ConversionView {
    fn from(c: &Conversion) -> Self {
        let minor_unit = c.currency.map_or(0, |currency| currency.minor_unit);
        Self {
            id: c.id.uuid(),
            click_id: c.click.to_string(),
            goal_alias: c.goal.to_string(),
            status: c.status.as_str(),
            amount: c.amount.display(minor_unit).to_string(),
            currency: c.currency.map(|currency| currency.code.to_string()),
            revenue: c.revenue.map(|revenue| revenue.money.display(minor_unit).to_string()),
            revshare_multiplier: c.revenue.map(|revenue| revenue.multiplier.to_string()),
            payout: c.payout.map(|payout| payout.display().to_string()),
            payout_currency: c.payout.map(|payout| payout.currency.code.to_string()),
            transaction_id: c.transaction.as_ref().map(ToString::to_string),
            suspected_duplicate: c.suspected_duplicate,
            merchant: c.merchant.to_string(),
            offer: c.offer.to_string(),
            affiliate: c.affiliate.to_string(),
            event_time: c.event_time.map(|at| at.to_string()),
            created_at: c.created_at.to_string(),
            decided_at: c.decided_at.map(|at| at.to_string()),
        }
    }
}

/// A conversion with everything that is known of it.
#[derive(Serialize, ToSchema)]
struct WholeConversion {
    #[serde(flatten)]
    conversion: ConversionView,
    /// The parameters that came with it beyond those that mean something here.
    extra: std::collections::BTreeMap<String, String>,
    /// Every status that it has had, from its recording on.
    history: Vec<HistoryView>,
}

/// One step of a conversion's history.
#[derive(Serialize, ToSchema)]
struct HistoryView {
    /// The status before; null for the recording.
    #[schema(value_type = Option<StatusWord>)]
    from: Option<&'static str>,
    /// The status from then on.
    #[schema(value_type = StatusWord)]
    to: &'static str,
    /// Who caused it: `merchant:acme`, `user:anna`, `api-key:ci`.
    actor: String,
    /// Why, where a reason was given.
    reason: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The request that caused it: an entry of the postback log or of the audit log.
    request_id: Uuid,
}

impl From<HistoryStep> for HistoryView {
    fn from(step: HistoryStep) -> Self {
        Self {
            from: step.from.map(Status::as_str),
            to: step.to.as_str(),
            actor: step.actor,
            reason: step.reason,
            at: step.at.to_string(),
            request_id: step.request.uuid(),
        }
    }
}

/// Which conversions a query asks for; the pages ask in the same words.
pub(in crate::http) fn filter(query: &mut Query) -> Result<ConversionFilter, Problem> {
    let amount = |query: &mut Query, name| query.parsed(name, Money::parse);
    let currency = |text: &str| CurrencyCode::parse(text).ok_or("it is a code such as EUR");
    let filter = ConversionFilter {
        status: query.word("status", "pending, approved, rejected", Status::parse)?,
        merchant: query.parsed("merchant", MerchantId::parse)?,
        offer: query.parsed("offer", OfferId::parse)?,
        affiliate: query.parsed("affiliate", AffiliateId::parse)?,
        goal: query.parsed("goal", GoalAlias::parse)?,
        currency: query.parsed("currency", currency)?,
        amount_min: amount(query, "amount_min")?,
        amount_max: amount(query, "amount_max")?,
        click: query.parsed("click_id", ClickId::parse)?,
        text: query.text("text").map(str::to_owned),
        from: query.time("from")?,
        to: query.time("to")?,
    };
    match (filter.from, filter.to) {
        (Some(from), Some(to)) if from >= to => Err(invalid("to", "Send a `to` that is later than `from`.")),
        _ => Ok(filter),
    }
}

/// Conversions, newest first.
#[utoipa::path(
    get, path = "/api/v1/conversions", tag = "conversions",
    params(
        ("status" = inline(Option<StatusWord>), Query, description = "Only with this status."),
        ("merchant" = Option<String>, Query, description = "Only of this merchant."),
        ("offer" = Option<String>, Query, description = "Only of this offer."),
        ("affiliate" = Option<String>, Query, description = "Only of this affiliate."),
        ("goal" = Option<String>, Query, description = "Only of this goal."),
        ("currency" = Option<String>, Query, description = "Only in this currency."),
        ("amount_min" = Option<String>, Query, description = "Only with this amount or more."),
        ("amount_max" = Option<String>, Query, description = "Only with this amount or less."),
        ("click_id" = Option<String>, Query, description = "Only of this click."),
        ("text" = Option<String>, Query, description = "Only of this click, transaction, conversion, player or user."),
        ("from" = Option<String>, Query, description = "Only recorded at this time or later."),
        ("to" = Option<String>, Query, description = "Only recorded before this time."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of conversions.", body = Page<ConversionView>))
)]
async fn list(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<ConversionView>>, Problem> {
    let filter = filter(&mut query)?;
    let (limit, cursor) = (query.limit()?, query.cursor()?.map(ConversionId::new));
    query.finish()?;
    let found = shared.edge.storage.conversions(&filter, Order::NewestFirst, cursor, limit + 1).await?;
    let cursor = |conversion: &Conversion| conversion.id.uuid().simple().to_string();
    Ok(Json(Page::of(found, limit, cursor, |conversion| ConversionView::from(&conversion))))
}

/// One conversion, with its history.
#[utoipa::path(
    get, path = "/api/v1/conversions/{id}", tag = "conversions",
    params(("id" = Uuid, Path, description = "The conversion.")),
    responses((status = 200, description = "The conversion.", body = WholeConversion))
)]
async fn one(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<WholeConversion>, Problem> {
    query.finish()?;
    let id = ConversionId::new(path_id(&id)?);
    let (storage, missing) =
        (&shared.edge.storage, || Problem::not_found(&format!("There is no conversion {id}.")));
    let conversion = storage.conversion(id).await?.ok_or_else(missing)?;
    let history = storage.history(id).await?.into_iter().map(HistoryView::from).collect();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let extra = Params::iter(&conversion.extra).map(owned).collect();
    Ok(Json(WholeConversion { conversion: ConversionView::from(&conversion), extra, history }))
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    /// `approved` or `rejected`.
    #[schema(value_type = DecisionWord)]
    status: String,
    /// Why; required to reject, and to reverse what was decided before.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// The status that you saw: if it has another one by now, nothing is changed and the answer is 409.
    #[schema(value_type = Option<StatusWord>)]
    seen: Option<String>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
struct DecisionView {
    /// Always true.
    success: bool,
    /// Whether it had that status already.
    duplicate: bool,
    /// The conversion as it stands now.
    conversion: ConversionView,
}

/// Decides a conversion, or reverses its decision.
///
/// A pending conversion is approved, or rejected with a reason. One that was decided before is reversed with a reason:
/// its history gets one more step, and nothing is edited. Of two opposite decisions that race, exactly one wins.
#[utoipa::path(
    post, path = "/api/v1/conversions/{id}/status", tag = "conversions",
    params(("id" = Uuid, Path, description = "The conversion.")),
    request_body = DecisionBody,
    responses((status = 200, description = "The conversion has this status.", body = DecisionView))
)]
async fn decide(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
    Read(body): Read<DecisionBody>,
) -> Result<Json<DecisionView>, Problem> {
    let id = ConversionId::new(path_id(&id)?);
    caller.must(Role::Manager, &shared, "conversion.decide", &format!("conversion:{id}")).await?;
    query.finish()?;
    let seen = body.seen.as_deref().map(status).transpose()?;
    let asked = Asked { decision: decision(&body.status)?, reason: body.reason, seen };
    let outcome = asked.decide(&shared, &caller, id).await?;
    if let Some(problem) = outcome.problem {
        return Err(problem);
    }
    let missing = || Problem::not_found(&format!("There is no conversion {id}."));
    let conversion = shared.edge.storage.conversion(id).await?.ok_or_else(missing)?;
    let duplicate = outcome.code == "duplicate";
    Ok(Json(DecisionView { success: true, duplicate, conversion: ConversionView::from(&conversion) }))
}

/// A decision on many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkBody {
    /// The conversions, at most 1000.
    #[schema(max_items = 1000)]
    ids: Vec<String>,
    /// `approved` or `rejected`.
    #[schema(value_type = DecisionWord)]
    status: String,
    /// Why; required to reject.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// What became of each.
#[derive(Serialize, ToSchema)]
struct BulkView {
    /// In the order of the ids.
    results: Vec<ResultView>,
}

/// What became of one.
#[derive(Serialize, ToSchema)]
struct ResultView {
    /// The conversion.
    id: String,
    /// `decided`, `duplicate` (it had that status already), or why not: `already_decided`, `conversion_not_found`, ...
    outcome: String,
    /// The status that it has now, where that is known.
    #[schema(value_type = Option<StatusWord>)]
    status: Option<&'static str>,
}

/// Decides many pending conversions.
///
/// Each is decided by itself; one that was decided by somebody else meanwhile stays as it is and says so.
#[utoipa::path(
    post, path = "/api/v1/conversions/bulk-status", tag = "conversions",
    request_body = BulkBody,
    responses((status = 200, description = "What became of each.", body = BulkView))
)]
async fn decide_many(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    query: Query,
    Read(body): Read<BulkBody>,
) -> Result<Json<BulkView>, Problem> {
    let subject = format!("conversions:{}", body.ids.len());
    caller.must(Role::Manager, &shared, "conversion.decide", &subject).await?;
    query.finish()?;
    if body.ids.len() > BULK_DECISIONS_MAX {
        return Err(invalid("ids", &format!("Send at most {BULK_DECISIONS_MAX} ids at once.")));
    }
    let asked = Asked { decision: decision(&body.status)?, reason: body.reason, seen: Some(Status::Pending) };
    asked.check_reason()?;
    let known: Vec<_> =
        body.ids.iter().filter_map(|id| Uuid::try_parse(id).ok()).map(ConversionId::new).collect();
    let mut decided = asked.decide_all(&shared, &caller, known).await?.into_iter();
    let result = |id: String| match Uuid::try_parse(&id).ok().and_then(|_| decided.next()) {
        Some((_, outcome)) => {
            ResultView { id, outcome: outcome.code.to_owned(), status: outcome.status.map(Status::as_str) }
        }
        None => ResultView { id, outcome: "conversion_not_found".to_owned(), status: None },
    };
    Ok(Json(BulkView { results: body.ids.into_iter().map(result).collect() }))
}

fn status(word: &str) -> Result<Status, Problem> {
    let detail = "Send one of pending, approved, rejected.";
    Status::parse(word).ok_or_else(|| invalid("status", detail))
}

fn decision(word: &str) -> Result<Decision, Problem> {
    let detail = "Send approved or rejected as `status`: nothing is changed back to pending.";
    Status::parse(word).and_then(Decision::to).ok_or_else(|| invalid("status", detail))
}
