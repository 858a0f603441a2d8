//! The log of inbound postbacks: what merchants have sent, and what they were told.

use std::collections::HashSet;

use axum::{
    extract::{Path, RawQuery},
    http::StatusCode,
    response::Response,
};
use futures::try_join;

use super::{PAGE_ROWS, given::Given, names::Choices, visit::Visit};
use crate::{
    domain::{
        access::Role,
        catalog::Catalog,
        ids::{ClickId, MerchantId, RequestId},
        refusal::Code,
    },
    http::{
        Shared,
        api::{log_filter, path_id},
        dialect::spoken_at,
        logged::{advice, is_open, is_refusal, params_of},
        problem::Problem,
        reprocess::impossible,
        ui::{
            form::{Choice, Field, Filters},
            html,
            layout::Section,
            listing::{Cell, Facts},
            postback_log::{Exchange, Log, LogEntry, LogRow as Row},
            view::{Badge, Moment, Named, Short, duration},
        },
    },
    storage::{LogFilter, LogRow, Scanned},
};

/// How many repetitions of a request are shown with it.
const REPETITIONS_SHOWN: u32 = 10;

/// Outcomes that refuse nothing, and all that do.
const OUTCOMES: [(&str, &str); 5] = [
    ("refused", "Any refusal"),
    ("recorded", "recorded"),
    ("decided", "decided"),
    ("duplicate", "duplicate"),
    ("dry_run", "dry run"),
];

/// Conditions without a field of their own.
const OTHERS: [(&str, &str); 3] =
    [("endpoint", "Address"), ("click_id", "Click"), ("conversion", "Conversion")];

/// What a query asks of the log.
pub(super) async fn wanted(query: &str, visit: &Visit) -> Result<(LogFilter, Given), Problem> {
    let (mut filter, given) = Given::read(query, visit.zone, log_filter);
    let click = filter.text.as_deref().and_then(|text| ClickId::parse(text).ok());
    if let (Some(click), None) = (click, &filter.click) {
        // A click can be looked up, however long ago it was; any other text is looked for row by row.
        if visit.shared.edge.storage.clicks([&click]).await?.contains_key(&click) {
            filter = LogFilter { click: Some(click), text: None, ..filter };
        }
    }
    Ok((filter, given))
}

fn form(given: &Given, catalog: &Catalog) -> Filters {
    let refusals = Code::ALL.iter().map(|code| (code.as_str(), code.as_str()));
    let outcomes = OUTCOMES.into_iter().chain(refusals);
    let mut outcomes: Vec<_> =
        outcomes.map(|(word, label)| Choice::new(word, label.replace('_', " "))).collect();
    if let Some(other) = given.value("outcome").filter(|it| outcomes.iter().all(|known| known.value != *it)) {
        outcomes.push(Choice::new(other, other.replace('_', " ")));
    }
    let open = vec![Choice::new("1", "Refused and still open")];
    let search = Field::search("text", "Find").placeholder("A click, or any value that was sent");
    let filters = [
        Field::select("merchant", "Merchant", Choices(catalog).merchants()),
        Field::select("outcome", "Outcome", outcomes),
        Field::select("open", "State", open),
        Field::day("from", "From"),
        Field::day("to", "To"),
    ];
    let filters = filters
        .into_iter()
        .fold(Filters::new("/log", given.field(search)), |filters, field| filters.field(given.field(field)));
    given.with_others(filters, &OTHERS)
}

/// `GET /log`
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (filter, given) = wanted(query.as_deref().unwrap_or_default(), &visit).await?;
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let filters = form(&given, &catalog);
    let after = given.after.map(RequestId::new);
    let found = if given.fault.is_some() {
        Scanned { rows: Vec::new(), next: None }
    } else {
        visit.shared.edge.storage.postback_log(&filter, after, PAGE_ROWS).await?
    };
    let clicks = found.rows.iter().filter_map(|row| row.click.as_ref());
    let known: HashSet<_> = visit.shared.edge.storage.clicks(clicks).await?.into_keys().collect();
    let shown = Log {
        page: given.on(visit.page("Log", Section::Log)),
        rows: found.rows.iter().map(|row| list_row(&visit, &catalog, &known, row)).collect(),
        pager: given.pager("/log", &filters, found.next.map(RequestId::uuid)),
        may_repeat: visit.may(Role::Manager),
        filters,
    };
    Ok(html(given.status(), &shown))
}

fn list_row(visit: &Visit, catalog: &Catalog, known: &HashSet<ClickId>, row: &LogRow) -> Row {
    Row {
        id: row.id,
        at: Moment::to_the_second(row.at, visit.zone),
        merchant: row.merchant.as_ref().map(|id| Named::new(id, merchant_name(catalog, id))),
        endpoint: format!("{} {}", row.method, row.endpoint),
        outcome: Badge::of(&row.outcome),
        status: row.status,
        goal: goal(&visit.shared, catalog, row),
        is_known: row.click.as_ref().is_some_and(|click| known.contains(click)),
        click: row.click.as_ref().map(ToString::to_string),
        advice: advice(&row.outcome, &row.answer).unwrap_or_default(),
        settled_by: row.settled_by,
        repeats: row.repeats,
        can_repeat: can_repeat(row, &visit.shared),
    }
}

fn merchant_name<'a>(catalog: &'a Catalog, id: &'a MerchantId) -> &'a str {
    catalog.merchants.get(id).map_or(id.as_str(), |merchant| &merchant.name)
}

/// The goal that a request named, as its sender calls it.
pub(super) fn goal(shared: &Shared, catalog: &Catalog, row: &LogRow) -> String {
    let sent = params_of(row);
    let dialect = spoken_at(&row.endpoint, catalog, &shared.edge.ready_made);
    let goal = dialect.as_ref().and_then(|dialect| dialect.goal_alias(&sent));
    goal.or_else(|| sent.given("goal_alias")).unwrap_or_default().to_owned()
}

/// Whether processing it again may bring about what it has not so far.
fn can_repeat(row: &LogRow, shared: &Shared) -> bool {
    is_open(row) && impossible(row, shared).is_none()
}

/// `GET /log/{id}`
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = RequestId::new(path_id(&id)?);
    let storage = &visit.shared.edge.storage;
    let (found, repetitions) = try_join!(storage.logged([id]), storage.repetitions(id, REPETITIONS_SHOWN))?;
    let row = found.into_iter().next().ok_or_else(|| missing(id))?;
    let player = match &row.click {
        Some(click) if storage.clicks([click]).await?.contains_key(click) => Some(click),
        _ => None,
    };
    let page = LogEntry {
        page: visit.page("Postback", Section::Log),
        facts: facts(&visit, &row, player, &repetitions),
        advice: advice(&row.outcome, &row.answer).unwrap_or_default(),
        settled_by: row.settled_by,
        may_repeat: visit.may(Role::Manager) && can_repeat(&row, &visit.shared),
        exchange: exchange(&visit, row),
    };
    Ok(html(StatusCode::OK, &page))
}

fn missing(id: RequestId) -> Problem {
    Problem::not_found(&format!("There is no request {id} in the log: look for it among all that arrived."))
}

/// A logged request with its answer.
pub(super) fn exchange(visit: &Visit, row: LogRow) -> Exchange {
    let params = params_of(&row);
    Exchange {
        id: row.id,
        at: Moment::to_the_second(row.at, visit.zone),
        endpoint: format!("{} {}", row.method, row.endpoint),
        outcome: Badge::of(&row.outcome),
        status: row.status,
        params: Facts::params(params.iter()),
        answer: row.answer,
    }
}

/// Whose it was, what it was about, and its repetitions.
fn facts(visit: &Visit, row: &LogRow, player: Option<&ClickId>, repetitions: &[RequestId]) -> Facts {
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let merchant = row.merchant.as_ref().map_or_else(
        || Cell::text("unknown, by its token"),
        |id| Cell::Two(merchant_name(&catalog, id).to_owned(), id.to_string()),
    );
    let click = match (player, &row.click) {
        (Some(click), _) => Cell::link(format!("/players/{click}"), click.as_str()),
        (None, click) => Cell::maybe(click.as_ref(), |click| Cell::Copy(click.to_string())),
    };
    let request = |id: RequestId| Cell::LinkShort(format!("/log/{id}"), Short::new(&id));
    let conversion =
        Cell::maybe(row.conversion, |id| Cell::LinkShort(format!("/conversions/{id}"), Short::new(&id)));
    let signature = row.signed.map(|signed| if signed { "right" } else { "wrong" });
    let why_not = if is_refusal(&row.outcome) && row.settled_by.is_none() && row.repeats.is_none() {
        impossible(row, &visit.shared)
    } else {
        None
    };
    let facts = Facts::default()
        .fact("Merchant", merchant)
        .known("Player", click)
        .known("Conversion", conversion)
        .fact("From", Cell::Code(row.address.clone()))
        .fact("Took", Cell::text(duration(row.duration_us)))
        .known("Signature", Cell::maybe(signature, Cell::text))
        .known("Process again", Cell::maybe(why_not, |why| Cell::text(format!("Not possible: {why}"))))
        .known("Repeats", Cell::maybe(row.repeats, request))
        .fact("Request", Cell::Copy(row.id.to_string()));
    repetitions.iter().fold(facts, |facts, id| facts.fact("Processed again", request(*id)))
}
