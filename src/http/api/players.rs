//! `/api/v1/players`: who somebody is, what they brought, and everything that happened to them.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Json,
    conversions::ConversionView,
    reading::{Query, Read, invalid},
};
use crate::{
    domain::{
        access::Role,
        card::{CardMessage, Happened, PlayerRecord, Sum},
        ids::ClickId,
        params::Params,
        status::Status,
        time::Timestamp,
    },
    http::{Shared, access::Caller, problem::Problem},
};

/// How many players a search finds at most.
pub(in crate::http) const FOUND_MAX: u32 = 50;

/// How long a note may be, in characters.
pub(in crate::http) const NOTE_CHARS_MAX: usize = 2_000;

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(find)).routes(routes!(one)).routes(routes!(note))
}

/// Players that were found.
#[derive(Serialize, ToSchema)]
struct FoundView {
    /// Their clicks, the newest first.
    items: Vec<FoundPlayer>,
}

/// A player that was found.
#[derive(Serialize, ToSchema)]
struct FoundPlayer {
    /// The click that brought them.
    click_id: String,
}

/// A player's card.
#[derive(Serialize, ToSchema)]
struct PlayerView {
    /// The click that brought them.
    click_id: String,
    /// Their id at the merchant.
    player_id: Option<String>,
    /// Their id where the affiliate knows them from.
    user_id: Option<String>,
    /// Their user name there.
    username: Option<String>,
    /// Their name.
    name: Option<String>,
    /// Whose player it is.
    merchant: String,
    /// What was advertised.
    offer: String,
    /// Who sent them.
    affiliate: String,
    /// The country, as the click says it.
    geo: Option<String>,
    /// When they clicked.
    #[schema(format = DateTime)]
    clicked_at: String,
    /// When they registered.
    #[schema(format = DateTime)]
    registered_at: Option<String>,
    /// Their first deposit.
    first_deposit: Option<ConversionView>,
    /// Repeat deposits, a sum for each currency.
    repeat_deposits: Vec<SumView>,
    /// Revenue share.
    revenue_share: Vec<SumView>,
    /// Every other goal, by its alias.
    goals: BTreeMap<String, Vec<SumView>>,
    /// The click's parameters.
    params: BTreeMap<String, String>,
    /// Everything that happened, the earliest first.
    timeline: Vec<TimelineView>,
}

/// A count and what it sums up to. What was rejected is not in it.
#[derive(Serialize, ToSchema)]
struct SumView {
    /// How many.
    count: u64,
    /// The currency.
    currency: Option<String>,
    /// The amounts.
    amount: String,
    /// What the merchant owes of them.
    revenue: String,
}

impl From<&Sum> for SumView {
    fn from(sum: &Sum) -> Self {
        let minor_unit = sum.currency.map_or(0, |currency| currency.minor_unit);
        Self {
            count: sum.count,
            currency: sum.currency.map(|currency| currency.code.to_string()),
            amount: sum.amount.display(minor_unit).to_string(),
            revenue: sum.revenue.display(minor_unit).to_string(),
        }
    }
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct TimelineView {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// `click`, `status` or `message`.
    kind: &'static str,
    /// The conversion that got a status.
    conversion: Option<Uuid>,
    /// Its goal.
    goal: Option<String>,
    /// The status before.
    from: Option<&'static str>,
    /// The status from then on.
    to: Option<&'static str>,
    /// Who caused it, or who says so: `merchant:acme`, `user:anna`, `goal:kyc`.
    actor: Option<String>,
    /// The reason, or the message.
    text: Option<String>,
}

impl From<(Timestamp, Happened)> for TimelineView {
    fn from((at, happened): (Timestamp, Happened)) -> Self {
        let at = at.to_string();
        let empty = Self {
            at,
            kind: "click",
            conversion: None,
            goal: None,
            from: None,
            to: None,
            actor: None,
            text: None,
        };
        match happened {
            Happened::Clicked => empty,
            Happened::Conversion { id, goal, from, to, actor, reason } => Self {
                kind: "status",
                conversion: Some(id.uuid()),
                goal: Some(goal.to_string()),
                from: from.map(Status::as_str),
                to: Some(to.as_str()),
                actor: Some(actor),
                text: reason,
                ..empty
            },
            Happened::Message(CardMessage { author, text, at: _ }) => {
                Self { kind: "message", actor: Some(author), text: Some(text), ..empty }
            }
        }
    }
}

fn view(record: &PlayerRecord, shared: &Shared) -> PlayerView {
    let catalog = Arc::clone(&shared.edge.catalog.borrow());
    let brought = record.brought(catalog.merchants.get(&record.click.merchant).map(|merchant| &**merchant));
    let note = record.note.as_ref();
    let from_click = |name: &str| record.params.given(name).map(str::to_owned);
    let sums = |sums: &[Sum]| sums.iter().map(SumView::from).collect::<Vec<_>>();
    let first = record.conversions.iter().find(|it| Some(it.id) == brought.first_deposit);
    PlayerView {
        click_id: record.click.id.to_string(),
        player_id: note.and_then(|it| it.player_id.as_ref()).map(ToString::to_string),
        user_id: note.and_then(|it| it.user_id.as_ref()).map(ToString::to_string).or(from_click("user_id")),
        username: note.and_then(|it| it.username.clone()).or(from_click("username")),
        name: note.and_then(|it| it.name.clone()).or(from_click("name")),
        merchant: record.click.merchant.to_string(),
        offer: record.click.offer.to_string(),
        affiliate: record.click.affiliate.to_string(),
        geo: record.country().map(str::to_owned),
        clicked_at: record.click.at.to_string(),
        registered_at: brought.registered_at.map(|at| at.to_string()),
        first_deposit: first.map(ConversionView::from),
        repeat_deposits: sums(&brought.repeat_deposits),
        revenue_share: sums(&brought.revenue_share),
        goals: brought.goals.iter().map(|(goal, of_goal)| (goal.to_string(), sums(of_goal))).collect(),
        params: Params::iter(&record.params)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        timeline: record.timeline().into_iter().map(TimelineView::from).collect(),
    }
}

/// Finds players by any id.
#[utoipa::path(
    get, path = "/api/v1/players", tag = "players",
    params(("q" = String, Query, description = "A click id, player id, user id or transaction id.")),
    responses((status = 200, description = "The players, at most 50.", body = FoundView))
)]
async fn find(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<FoundView>, Problem> {
    let text = query.text("q").map(str::to_owned);
    query.finish()?;
    let text = text.ok_or_else(|| invalid("q", "Send what to look for as `q`."))?;
    let found = shared.edge.storage.find_players(&text, FOUND_MAX).await?;
    let items = found.into_iter().map(|click| FoundPlayer { click_id: click.to_string() }).collect();
    Ok(Json(FoundView { items }))
}

/// The player that a click id names, with everything that is recorded of them.
pub(in crate::http) async fn record(shared: &Shared, id: &str) -> Result<PlayerRecord, Problem> {
    let missing = || Problem::not_found("There is no such player: send the id of their click.");
    let click = ClickId::parse(id).map_err(|_| missing())?;
    shared.edge.storage.player_record(&click).await?.ok_or_else(missing)
}

/// A player's card.
#[utoipa::path(
    get, path = "/api/v1/players/{click_id}", tag = "players",
    params(("click_id" = String, Path, description = "The click that brought them.")),
    responses((status = 200, description = "The card.", body = PlayerView))
)]
async fn one(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<PlayerView>, Problem> {
    query.finish()?;
    Ok(Json(view(&record(&shared, &id).await?, &shared)))
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    /// What to note.
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// Adds a note to a player's card.
pub(in crate::http) async fn add_note(
    caller: &Caller,
    shared: &Shared,
    id: &str,
    text: &str,
) -> Result<(), Problem> {
    caller.must(Role::Manager, shared, "player.note", &format!("player:{id}")).await?;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NOTE_CHARS_MAX {
        return Err(invalid("text", &format!("Write a note of 1 to {NOTE_CHARS_MAX} characters.")));
    }
    let record = record(shared, id).await?;
    let note = CardMessage { author: caller.actor.to_string(), text: text.to_owned(), at: caller.now };
    let audit = caller.audit("player.note", &format!("player:{}", record.click.id));
    Ok(shared.edge.storage.add_player_note(&record.click.id, &note, &audit).await?)
}

/// Notes something on a player's card.
#[utoipa::path(
    post, path = "/api/v1/players/{click_id}/notes", tag = "players",
    params(("click_id" = String, Path, description = "The click that brought them.")),
    request_body = NoteBody,
    responses((status = 200, description = "The card, with the note.", body = PlayerView))
)]
async fn note(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
    Read(body): Read<NoteBody>,
) -> Result<Json<PlayerView>, Problem> {
    query.finish()?;
    add_note(&caller, &shared, &id, &body.text).await?;
    Ok(Json(view(&record(&shared, &id).await?, &shared)))
}
