//! Review: what waits for a decision, the decision, and what came of it.

use axum::{
    extract::RawQuery,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::try_join;
use uuid::Uuid;

use super::{
    PAGE_ROWS,
    filter::Wanted,
    names::{self, Names},
    tally::{self, Sums, Tally},
    visit::{Fields, Posted, Visit},
};
use crate::{
    domain::{
        access::Role,
        catalog::Catalog,
        conversion::Conversion,
        ids::ConversionId,
        status::{Decision, Status},
        time::Timestamp,
    },
    http::{
        Shared,
        decisions::{Asked, BULK_DECISIONS_MAX},
        problem::Problem,
        ui::{
            form::with_query,
            html,
            layout::Section,
            review::{Confirm, Review, ReviewRow, Scope, join},
            view::{Age, Amount, span},
        },
    },
    storage::{ConversionFilter, Found, Order},
};

/// Up to how many are counted for a list; more are told as more. Each that is counted is looked up by itself.
pub(super) const COUNTED_MAX: u32 = 1_000;

/// How many of those that are selected are shown before a decision.
const SHOWN_MAX: usize = 10;

/// `GET /`
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let wanted = Wanted::read(query.as_deref().unwrap_or_default(), &visit);
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let filters = wanted.form("/", &catalog, true);
    let (mut found, counted) = match &wanted.given.fault {
        Some(_) => (Vec::new(), Found::default()),
        None => load(&visit.shared, &wanted).await?,
    };
    let rows_max = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (found.len() > rows_max).then(|| found[rows_max - 1].id.uuid());
    found.truncate(rows_max);
    let storage = &visit.shared.edge.storage;
    let now = visit.caller.now;
    let oldest = if wanted.given.after.is_some() {
        let filter = pending(&wanted.filter);
        let first = storage.conversions(&filter, Order::OldestFirst, None, 1).await?;
        first.first().map(|first| first.created_at)
    } else {
        found.first().map(|first| first.created_at)
    };
    let any_recorded = !found.is_empty()
        || !storage.conversions(&ConversionFilter::default(), Order::NewestFirst, None, 1).await?.is_empty();
    let shown = Review {
        page: wanted.given.on(visit.page("Review", Section::Review)),
        matching: u64::try_from(counted.count()).unwrap_or_default().min(COUNTED_MAX.into()),
        more: counted.more,
        oldest: oldest.map(|oldest| Age::new(oldest, now)),
        rows: rows(&visit.shared, &catalog, &found, now).await?,
        pager: wanted.given.pager("/", &filters, next),
        may_decide: visit.may(Role::Manager),
        any_recorded,
        filters,
    };
    Ok(html(wanted.given.status(), &shown))
}

async fn load(shared: &Shared, wanted: &Wanted) -> Result<(Vec<Conversion>, Found), Problem> {
    let (storage, filter) = (&shared.edge.storage, pending(&wanted.filter));
    let after = wanted.given.after.map(ConversionId::new);
    Ok(try_join!(
        storage.conversions(&filter, Order::OldestFirst, after, PAGE_ROWS + 1),
        storage.count_conversions(&filter, COUNTED_MAX),
    )?)
}

/// The pending ones of what a filter finds.
pub(super) fn pending(filter: &ConversionFilter) -> ConversionFilter {
    ConversionFilter { status: Some(Status::Pending), ..filter.clone() }
}

/// What a list shows of conversions that wait.
async fn rows(
    shared: &Shared,
    catalog: &Catalog,
    found: &[Conversion],
    now: Timestamp,
) -> Result<Vec<ReviewRow>, Problem> {
    let storage = &shared.edge.storage;
    let goals = found.iter().filter_map(|c| Some((&c.click, Names::new(catalog, c).repeat_deposit()?)));
    let (clicks, deposits) =
        try_join!(storage.clicks(found.iter().map(|c| &c.click)), storage.deposits(goals))?;
    let row = |c: &Conversion| {
        let names = Names::new(catalog, c);
        let clicked = clicks.get(&c.click).map(|(click, _)| click.at);
        let (code, places) = c.currency.map_or((String::new(), 0), |it| (it.code.to_string(), it.minor_unit));
        ReviewRow {
            id: c.id,
            waiting: Age::new(c.created_at, now),
            click: c.click.clone(),
            merchant: names.named_merchant(),
            offer: names.named_offer(),
            affiliate: names.named_affiliate(),
            goal: names.goal().to_owned(),
            amount: names::amount(c.amount, c.currency),
            sum_of: (c.amount.stored(), code, places),
            after_click: clicked.map_or_else(String::new, |at| span(c.created_at.millis() - at.millis())),
            deposits_since: deposits.get(&c.click).map_or(0, |number| number.unsigned_abs()),
            suspected_duplicate: c.suspected_duplicate,
        }
    };
    let mut rows: Vec<_> = found.iter().map(row).collect();
    Amount::align(rows.iter_mut().map(|row| &mut row.amount));
    Ok(rows)
}

/// What a form about a decision says.
struct Selection {
    decision: Decision,
    reason: String,
    back: String,
    /// All that match this query, recorded until then; none where it is about `ids`.
    matching: Option<(String, Timestamp)>,
    ids: Vec<ConversionId>,
}

impl Selection {
    fn read(fields: &Fields, now: Timestamp) -> Result<Self, Problem> {
        let decision = match fields.get("decision") {
            "approve" => Decision::Approve,
            "reject" => Decision::Reject,
            _ => return Err(broken("Say what to do with them: approve, or reject.")),
        };
        let query = fields.get("filter");
        let until = fields.get("until");
        let scopes: Vec<_> = fields.all("scope").collect();
        let matching = if scopes.contains(&"matching") || !until.is_empty() {
            let until = until.parse().map_or(now, Timestamp::from_millis);
            Some((query.to_owned(), until.min(now)))
        } else {
            None
        };
        let here = if scopes.contains(&"here") { fields.get("here") } else { "" };
        let texts = fields.all("id").chain(here.split(',')).chain(fields.get("ids").split(','));
        let mut ids = Vec::new();
        for text in texts.filter(|text| !text.is_empty()) {
            let id =
                Uuid::try_parse(text).map_err(|_| broken("One of what is selected is no conversion."))?;
            ids.push(ConversionId::new(id));
        }
        ids.sort_unstable();
        ids.dedup();
        if matching.is_none() && ids.is_empty() {
            return Err(broken("Nothing was selected: go back and select at least one conversion."));
        }
        if ids.len() > BULK_DECISIONS_MAX {
            return Err(broken("That is too much at once: select at most 1000, or all that match."));
        }
        let back = match fields.address("back") {
            "/" => with_query("/", query),
            back => back.to_owned(),
        };
        Ok(Self { decision, reason: fields.get("reason").trim().to_owned(), back, matching, ids })
    }

    /// The filter of all that match, and what could not be read of it.
    fn filter(&self, visit: &Visit) -> Result<Option<ConversionFilter>, Problem> {
        let Some((query, until)) = &self.matching else { return Ok(None) };
        let wanted = Wanted::read(query, visit);
        if let Some(fault) = wanted.given.fault {
            return Err(fault);
        }
        let to = Some(wanted.filter.to.map_or(*until, |to| to.min(*until)));
        Ok(Some(ConversionFilter { to, ..pending(&wanted.filter) }))
    }

    fn asked(&self) -> Asked {
        let reason = Some(self.reason.clone()).filter(|reason| !reason.is_empty());
        Asked { decision: self.decision, reason, seen: Some(Status::Pending) }
    }

    fn subject(&self) -> String {
        match (&self.matching, self.ids.as_slice()) {
            (Some((query, _)), _) => format!("conversions:matching {query}"),
            (None, [id]) => format!("conversion:{id}"),
            (None, ids) => format!("conversions:{}", ids.len()),
        }
    }
}

fn broken(detail: &str) -> Problem {
    Problem::bad_request("malformed_form", "Nothing was decided", detail)
}

/// `POST /review`: what a decision would be about.
pub(super) async fn confirm(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let selection = Selection::read(&fields, visit.caller.now)?;
    visit.caller.must(Role::Manager, &visit.shared, "conversion.decide", &selection.subject()).await?;
    let selected = Selected::load(&visit, &selection).await?;
    if selected.total == 0 {
        // Somebody else was faster with all of them, and the summary says who.
        let tally = Tally::of_none(&selection.ids);
        return tally::summary(&visit, selection.decision, "", &selection.back, tally).await;
    }
    let page = selected.confirm(&visit, &selection, String::new()).await?;
    Ok(html(StatusCode::OK, &page))
}

/// `POST /review/decide`
pub(super) async fn decide(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let selection = Selection::read(&fields, visit.caller.now)?;
    visit.caller.must(Role::Manager, &visit.shared, "conversion.decide", &selection.subject()).await?;
    let asked = selection.asked();
    if let Err(problem) = asked.check_reason() {
        let selected = Selected::load(&visit, &selection).await?;
        let error = "Give a reason, of at most 500 characters: the affiliate will ask.".to_owned();
        return Ok(html(problem.status, &selected.confirm(&visit, &selection, error).await?));
    }
    let Some(filter) = selection.filter(&visit)? else {
        let tally = Tally::deciding(&visit, &asked, selection.ids).await?;
        return tally::summary(&visit, selection.decision, &selection.reason, &selection.back, tally).await;
    };
    let counted = visit.shared.edge.storage.count_conversions(&filter, u32::MAX - 1).await?;
    let total = u64::try_from(counted.count()).unwrap_or_default();
    Ok(tally::streamed(visit, asked, filter, total, selection.back).into_response())
}

/// What is selected, as far as it still waits.
struct Selected {
    total: u64,
    sums: Sums,
    first: Vec<Conversion>,
    no_longer_waiting: u64,
}

impl Selected {
    async fn load(visit: &Visit, selection: &Selection) -> Result<Self, Problem> {
        let storage = &visit.shared.edge.storage;
        if let Some(filter) = selection.filter(visit)? {
            let most = u32::try_from(SHOWN_MAX).unwrap_or(u32::MAX);
            let (counted, first) = try_join!(
                storage.count_conversions(&filter, u32::MAX - 1),
                storage.conversions(&filter, Order::OldestFirst, None, most),
            )?;
            let total = u64::try_from(counted.count()).unwrap_or_default();
            return Ok(Self { total, sums: Sums::from(counted), first, no_longer_waiting: 0 });
        }
        let mut found = storage.conversions_of(selection.ids.iter().copied()).await?;
        found.retain(|conversion| conversion.status == Status::Pending);
        found.sort_unstable_by_key(|conversion| conversion.id);
        let mut sums = Sums::default();
        for conversion in &found {
            sums.add(conversion);
        }
        let gone = selection.ids.len() - found.len();
        let total = found.len();
        found.truncate(SHOWN_MAX);
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Ok(Self { total: number(total), sums, first: found, no_longer_waiting: number(gone) })
    }

    async fn confirm(self, visit: &Visit, selection: &Selection, error: String) -> Result<Confirm, Problem> {
        let catalog = visit.shared.edge.catalog.borrow().clone();
        let scope = match &selection.matching {
            Some((query, until)) => {
                Scope::Matching { query: query.clone(), until: until.millis().to_string() }
            }
            None => Scope::These(join(selection.ids.iter().copied())),
        };
        Ok(Confirm {
            page: visit.page("Review", Section::Review),
            decision: selection.decision,
            scope,
            total: self.total,
            sums: self.sums.shown(),
            rows: rows(&visit.shared, &catalog, &self.first, visit.caller.now).await?,
            no_longer_waiting: self.no_longer_waiting,
            reason: (selection.reason.clone(), error),
            back: selection.back.clone(),
        })
    }
}
