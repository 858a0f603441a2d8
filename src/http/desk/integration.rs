//! The integration page of a merchant: what its engineer needs, a tester, and links that show it without an account.

use std::net::IpAddr;

use axum::{extract::Path, http::HeaderMap, http::StatusCode, response::Response};
use url::form_urlencoded;

use super::{
    go_to, log,
    visit::{Fields, Posted, Visit},
};
use crate::{
    domain::{access::Role, dialect::Dialect, time::Timestamp},
    http::{
        Shared,
        api::invalid,
        attempt::Attempt,
        integration::{Guide, MadeLink, make_link, managed, withdraw_links},
        logged::advice,
        problem::Problem,
        ui::{
            form::Choice,
            html,
            integration::{Integration, Sharing, TRIED, Tester, Tried},
            layout::{Flash, Page, Section},
            postback_log::LogRow as CallRow,
            view::{Badge, Moment},
        },
    },
    storage::LogRow,
};

/// How long a link may last, as the page offers it.
const LASTS: [(&str, &str); 3] = [("1", "1 day"), ("7", "7 days"), ("30", "30 days")];

/// What the tester was filled in with, and what it was answered.
#[derive(Debug)]
pub(super) struct Trial {
    values: Vec<(&'static str, String)>,
    tried: Tried,
}

fn own_address(guide: &Guide) -> String {
    format!("/settings/merchants/{}/integration", guide.merchant.id)
}

/// The page, but for what concerns links.
pub(super) async fn page(
    shared: &Shared,
    guide: &Guide,
    page: Page,
    own: String,
    trial: Option<Trial>,
) -> Result<Integration, Problem> {
    let zone = page.zone;
    let call = |row: &LogRow| call(row, guide, shared, |at| Moment::to_the_second(at, zone));
    let calls = guide.calls(shared).await?.iter().map(call).collect();
    let endpoint = |dialect: &Dialect| Choice::new(&dialect.address(), dialect.address());
    let endpoints = guide.dialects().map(|dialect| endpoint(dialect)).collect();
    let has_spots = guide.dialects().any(|dialect| dialect.name_of("spot").is_some());
    let (values, tried) = trial.map(|trial| (trial.values, trial.tried)).unzip();
    Ok(Integration {
        page,
        merchant: guide.merchant.name.clone(),
        own,
        sharing: None,
        ends: None,
        addresses: guide.addresses(),
        allowed: guide.allowed(),
        is_signed: guide.merchant.require_signature,
        other_ways: guide.other_ways(),
        goals: guide.goals(),
        parameters: guide.parameters(),
        tester: Tester {
            endpoints,
            has_spots,
            currency: guide.a_currency(),
            values: values.unwrap_or_default(),
        },
        tried,
        calls,
    })
}

fn call(row: &LogRow, guide: &Guide, shared: &Shared, moment: impl Fn(Timestamp) -> Moment) -> CallRow {
    CallRow {
        id: row.id,
        at: moment(row.at),
        merchant: None,
        endpoint: format!("{} {}", row.method, row.endpoint),
        outcome: Badge::of(&row.outcome),
        status: row.status,
        goal: log::goal(shared, &guide.catalog, row),
        click: row.click.as_ref().map(ToString::to_string),
        is_known: false,
        advice: advice(&row.outcome, &row.answer).unwrap_or_default(),
        settled_by: row.settled_by,
        repeats: row.repeats,
        can_repeat: false,
    }
}

/// Tries what the tester holds, in the merchant's name.
pub(super) async fn try_it(
    shared: &Shared,
    guide: &Guide,
    from: IpAddr,
    fields: &Fields,
) -> Result<Trial, Problem> {
    let endpoint = fields.get("endpoint");
    let dialect = guide.dialects().find(|dialect| dialect.address() == endpoint).ok_or_else(|| {
        Problem::bad_request("malformed_form", "Nothing was tried", "Choose one of the addresses.")
    })?;
    let more = more_of(fields.get("more"), dialect);
    let query = query_of(guide, dialect, fields, &more);
    let attempt = Attempt { catalog: &guide.catalog, merchant: &guide.merchant, dialect };
    let answer = attempt.answer(shared, from, &query).await?;
    let tried = Tried { request: guide.request(dialect, &query), status: answer.status, answer: answer.body };
    let mut values: Vec<_> = TRIED.map(|name| (name, fields.get(name).to_owned())).into();
    values.extend([("endpoint", endpoint.to_owned()), ("more", more)]);
    Ok(Trial { values, tried })
}

/// The parameters that stand in one field. No token is among them: none is needed, and none shall be shown.
fn more_of(text: &str, dialect: &Dialect) -> String {
    let pairs = form_urlencoded::parse(text.trim().trim_start_matches(['?', '&']).as_bytes());
    let is_kept = |name: &str| !dialect.is_token(name) && dialect.name_of("dry_run") != Some(name);
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.filter(|(name, _)| is_kept(name)))
        .finish()
}

/// What is filled in, as the query that the merchant's system would send to try it.
fn query_of(guide: &Guide, dialect: &Dialect, fields: &Fields, more: &str) -> String {
    let mut sent: Vec<(&str, &str)> = Vec::new();
    for ours in TRIED {
        let given = fields.get(ours);
        let Some(name) = dialect.name_of(ours).filter(|_| !given.is_empty()) else { continue };
        let goal =
            guide.merchant.goals.iter().find(|goal| ours == "goal_alias" && goal.alias.as_str() == given);
        let value = goal.map_or(given, |goal| dialect.word_of(goal, &guide.merchant));
        if !sent.iter().any(|(known, _)| *known == name) {
            sent.push((name, value));
        }
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(sent);
    query.extend_pairs(form_urlencoded::parse(more.as_bytes()));
    query.extend_pairs(dialect.name_of("dry_run").map(|name| (name, "1")));
    query.finish()
}

/// The page for a visitor of the desk.
async fn visited(
    visit: &Visit,
    guide: &Guide,
    trial: Option<Trial>,
    made: Option<MadeLink>,
    flash: Option<Flash>,
) -> Result<Response, Problem> {
    let title = format!("Integration of {}", guide.merchant.name);
    let around = Page { flash, ..visit.page(title, Section::Settings) };
    let shown = page(&visit.shared, guide, around, own_address(guide), trial).await?;
    let sharing = visit.may(Role::Manager).then(|| Sharing {
        days: LASTS.map(|(days, label)| Choice::new(days, label)).into(),
        made: made.map(|link| (link.url, Moment::new(link.ends_at, visit.zone))),
    });
    Ok(html(StatusCode::OK, &Integration { sharing, ..shown }))
}

/// `GET /settings/merchants/{id}/integration`
pub(super) async fn show(
    visit: Visit,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let guide = Guide::of(&visit.shared, &id, &headers).await?;
    visited(&visit, &guide, None, None, None).await
}

/// What is shown after a form, asked for again: the page itself.
pub(super) async fn back(
    visit: Visit,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(go_to(&own_address(&Guide::of(&visit.shared, &id, &headers).await?)))
}

/// `POST /settings/merchants/{id}/integration/try`
pub(super) async fn attempt(
    Path(id): Path<String>,
    headers: HeaderMap,
    Posted { visit, fields }: Posted,
) -> Result<Response, Problem> {
    let guide = Guide::of(&visit.shared, &id, &headers).await?;
    let trial = try_it(&visit.shared, &guide, visit.caller.address, &fields).await?;
    visited(&visit, &guide, Some(trial), None, None).await
}

/// `POST /settings/merchants/{id}/integration/share`
pub(super) async fn share(
    Path(id): Path<String>,
    headers: HeaderMap,
    Posted { visit, fields }: Posted,
) -> Result<Response, Problem> {
    let (shared, caller) = (&visit.shared, &visit.caller);
    managed(shared, caller, &id, "integration-link.make").await?;
    let guide = Guide::of(shared, &id, &headers).await?;
    let days = fields.get("days").parse().map_err(|_| invalid("days", "Choose how long the link lasts."))?;
    let made = make_link(shared, caller, &headers, &guide.merchant.id, days).await?;
    visited(&visit, &guide, None, Some(made), None).await
}

/// `POST /settings/merchants/{id}/integration/withdraw`
pub(super) async fn withdraw(
    Path(id): Path<String>,
    headers: HeaderMap,
    Posted { visit, fields: _ }: Posted,
) -> Result<Response, Problem> {
    let (shared, caller) = (&visit.shared, &visit.caller);
    managed(shared, caller, &id, "integration-link.withdraw").await?;
    let guide = Guide::of(shared, &id, &headers).await?;
    withdraw_links(shared, caller, &guide.merchant.id).await?;
    let done =
        "Every link to this page that was given away is withdrawn. Make a new one for who still needs it.";
    visited(&visit, &guide, None, None, Some(Flash::good(done))).await
}
