//! Players: found by any id, and one with everything that happened to them.

use axum::{extract::Path, http::StatusCode, response::Response};

use super::{
    go_to, names,
    visit::{Posted, Visit},
};
use crate::{
    domain::{
        access::Role,
        card::{CardMessage, Happened, PlayerRecord, Sum},
        catalog::Catalog,
        ids::{ClickId, GoalAlias},
        time::Timestamp,
    },
    http::{
        api::{
            Query,
            players::{FOUND_MAX, add_note, record},
        },
        problem::Problem,
        ui::{
            html,
            layout::Section,
            listing::{Cell, Facts},
            players::{Event, FoundPlayer, Player, Players},
            view::{Badge, Moment, Named, counted},
        },
    },
};

/// `GET /players`: one that is found alone is shown at once.
pub(super) async fn find(visit: Visit, mut query: Query) -> Result<Response, Problem> {
    let text = query.text("q").unwrap_or_default().trim().to_owned();
    query.finish()?;
    let storage = &visit.shared.edge.storage;
    let clicks = if text.is_empty() { Vec::new() } else { storage.find_players(&text, FOUND_MAX).await? };
    if let [only] = &clicks[..] {
        return Ok(go_to(&format!("/players/{only}")));
    }
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let known = storage.clicks(&clicks).await?;
    let player = |id: &ClickId| {
        let (click, _) = known.get(id)?;
        let offer = catalog.offers.get(&click.offer).map_or(click.offer.as_str(), |offer| &offer.name);
        let affiliate =
            catalog.affiliates.get(&click.affiliate).map_or(click.affiliate.as_str(), |it| &it.name);
        Some(FoundPlayer {
            click: id.to_string(),
            at: Moment::new(click.at, visit.zone),
            offer: Named::new(&click.offer, offer),
            affiliate: Named::new(&click.affiliate, affiliate),
        })
    };
    let found = clicks.iter().filter_map(player).collect();
    let page = Players { page: visit.page("Players", Section::Players), text, found };
    Ok(html(StatusCode::OK, &page))
}

/// `GET /players/{click}`
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let record = record(&visit.shared, &id).await?;
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let timeline =
        record.timeline().into_iter().map(|(at, happened)| event(&visit, &catalog, &record, at, happened));
    let page = Player {
        page: visit.page("Player", Section::Players),
        click: record.click.id.to_string(),
        facts: facts(&visit, &catalog, &record),
        params: Facts::params(record.params.iter()),
        timeline: timeline.collect(),
        may_note: visit.may(Role::Manager),
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /players/{click}/notes`
pub(super) async fn note(
    Path(id): Path<String>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Problem> {
    add_note(&visit.caller, &visit.shared, &id, fields.get("note")).await?;
    Ok(go_to(&format!("/players/{id}")))
}

fn goal_name<'a>(catalog: &'a Catalog, record: &PlayerRecord, alias: &'a GoalAlias) -> &'a str {
    let merchant = catalog.merchants.get(&record.click.merchant);
    merchant.and_then(|merchant| merchant.goal(alias)).map_or(alias.as_str(), |goal| &goal.name)
}

fn facts(visit: &Visit, catalog: &Catalog, record: &PlayerRecord) -> Facts {
    let merchant = catalog.merchants.get(&record.click.merchant);
    let brought = record.brought(merchant.map(|merchant| &**merchant));
    let note = record.note.as_ref();
    let told = |value: Option<String>, name: &str| {
        let value = value.or_else(|| record.params.given(name).map(str::to_owned));
        Cell::maybe(value, Cell::Copy)
    };
    let first = record.conversions.iter().find(|it| Some(it.id) == brought.first_deposit);
    let deposit = Cell::maybe(first, |it| {
        Cell::Link(
            format!("/conversions/{}", it.id),
            format!("{} {}", names::amount(it.amount, it.currency).plain(), it.status),
        )
    });
    let click = &record.click;
    let mut facts = Facts::default()
        .known(
            "Player id",
            told(note.and_then(|it| it.player_id.as_ref()).map(ToString::to_string), "player_id"),
        )
        .known("User id", told(note.and_then(|it| it.user_id.as_ref()).map(ToString::to_string), "user_id"))
        .known("User name", told(note.and_then(|it| it.username.clone()), "username"))
        .known("Name", told(note.and_then(|it| it.name.clone()), "name"))
        .fact("Merchant", Cell::text(merchant.map_or(click.merchant.as_str(), |it| &it.name)))
        .fact(
            "Offer",
            Cell::text(catalog.offers.get(&click.offer).map_or(click.offer.as_str(), |it| &it.name)),
        )
        .fact(
            "Affiliate",
            Cell::text(
                catalog.affiliates.get(&click.affiliate).map_or(click.affiliate.as_str(), |it| &it.name),
            ),
        )
        .known("Country", Cell::text(record.country().unwrap_or_default()))
        .fact(
            "Registered",
            Cell::maybe(brought.registered_at, |at| Cell::Moment(Moment::new(at, visit.zone))),
        )
        .fact("First deposit", deposit)
        .fact("Repeat deposits", sums(&brought.repeat_deposits, false))
        .known("Revenue share", sums(&brought.revenue_share, true));
    for (goal, of_goal) in &brought.goals {
        facts = facts.fact(goal_name(catalog, record, goal), sums(of_goal, false));
    }
    facts
}

/// A count and a sum for each currency, and what the merchant owes of it.
fn sums(sums: &[Sum], with_revenue: bool) -> Cell {
    let line = |sum: &Sum| {
        let mut line = counted(sum.count, "time");
        if sum.currency.is_some() {
            line = format!("{line}: {}", names::sum(sum.amount, sum.currency).plain());
        }
        if with_revenue {
            line = format!("{line}, ours {}", names::sum(sum.revenue, sum.currency).plain());
        }
        line
    };
    if sums.is_empty() { Cell::text("none") } else { Cell::Lines(sums.iter().map(line).collect()) }
}

fn event(
    visit: &Visit,
    catalog: &Catalog,
    record: &PlayerRecord,
    at: Timestamp,
    happened: Happened,
) -> Event {
    let at = Moment::to_the_second(at, visit.zone);
    match happened {
        Happened::Clicked => {
            Event { at, text: "Clicked".to_owned(), badge: None, address: None, note: String::new() }
        }
        Happened::Conversion { id, goal, from, to, actor, reason } => {
            let conversion = record.conversions.iter().find(|it| it.id == id);
            let amount =
                conversion.map(|it| names::amount(it.amount, it.currency)).filter(|it| !it.is_nothing());
            let mut text = goal_name(catalog, record, &goal).to_owned();
            if let (None, Some(amount)) = (from, amount) {
                text = format!("{text}, {}", amount.plain());
            }
            let by = if from.is_some() { format!("by {actor}") } else { String::new() };
            let note = [by, reason.unwrap_or_default()];
            let note: Vec<_> = note.into_iter().filter(|part| !part.is_empty()).collect();
            let badge = Some(Badge::of(to.as_str()));
            Event { at, text, badge, address: Some(format!("/conversions/{id}")), note: note.join(": ") }
        }
        Happened::Message(CardMessage { author, text, at: _ }) => {
            let said = match author.split_once(':') {
                Some(("goal", alias)) => format!("Message of the goal {alias}"),
                _ => format!("Note by {author}"),
            };
            Event { at, text: said, badge: None, address: None, note: text }
        }
    }
}
