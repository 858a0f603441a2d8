//! Review: what waits for a decision, the decision, and what came of it.

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use futures::{TryFutureExt, try_join};
use uuid::Uuid;

use super::{
    PAGE_ROWS,
    filter::Wanted,
    names::{self, Names},
    selection::Selection,
    steps::streamed,
    tally::{self, Deciding, Sums, Tally},
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
        decisions::Asked,
        problem::Problem,
        ui::{
            html,
            layout::Section,
            review::{Confirm, Review, ReviewRow},
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
    let listed = match &wanted.given.fault {
        Some(_) => Listed::default(),
        None => Listed::load(&visit, &catalog, &wanted).await?,
    };
    let storage = &visit.shared.edge.storage;
    let oldest = if wanted.given.after.is_some() {
        let filter = pending(&wanted.filter);
        let first = storage.conversions(&filter, Order::OldestFirst, None, 1).await?;
        first.first().map(|first| first.created_at)
    } else {
        listed.oldest
    };
    let any_recorded = !listed.rows.is_empty()
        || !storage.conversions(&ConversionFilter::default(), Order::NewestFirst, None, 1).await?.is_empty();
    let shown = Review {
        page: wanted.given.on(visit.page("Review", Section::Review)),
        matching: u64::try_from(listed.counted.count()).unwrap_or_default().min(COUNTED_MAX.into()),
        more: listed.counted.more,
        oldest: oldest.map(|oldest| Age::new(oldest, visit.caller.now)),
        rows: listed.rows,
        pager: wanted.given.pager("/", &filters, listed.next),
        may_decide: visit.may(Role::Manager),
        any_recorded,
        filters,
    };
    Ok(html(wanted.given.status(), &shown))
}

/// A page of what waits.
#[derive(Default)]
struct Listed {
    rows: Vec<ReviewRow>,
    /// After which one the next page begins.
    next: Option<Uuid>,
    /// When the first one was recorded.
    oldest: Option<Timestamp>,
    /// All that match, with those of other pages.
    counted: Found,
}

impl Listed {
    async fn load(visit: &Visit, catalog: &Catalog, wanted: &Wanted) -> Result<Self, Problem> {
        let (shared, filter) = (&visit.shared, pending(&wanted.filter));
        let count = shared.edge.storage.count_conversions(&filter, COUNTED_MAX).map_err(Problem::from);
        let list = async {
            let after = wanted.given.after.map(ConversionId::new);
            let storage = &shared.edge.storage;
            let mut found = storage.conversions(&filter, Order::OldestFirst, after, PAGE_ROWS + 1).await?;
            let rows_max = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
            let next = (found.len() > rows_max).then(|| found[rows_max - 1].id.uuid());
            found.truncate(rows_max);
            let oldest = found.first().map(|first| first.created_at);
            let rows = rows(shared, catalog, &found, visit.caller.now).await?;
            Ok::<_, Problem>(Self { rows, next, oldest, counted: Found::default() })
        };
        let (listed, counted) = try_join!(list, count)?;
        Ok(Self { counted, ..listed })
    }
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
    let clicks = found.iter().map(|c| (&c.click, Names::new(catalog, c).repeat_deposit()));
    let players = shared.edge.storage.players_of(clicks).await?;
    let row = |c: &Conversion| {
        let names = Names::new(catalog, c);
        let player = players.get(&c.click).copied().unwrap_or_default();
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
            after_click: player
                .clicked_at
                .map_or_else(String::new, |at| span(c.created_at.millis() - at.millis())),
            deposits_since: player.deposits.unsigned_abs(),
            suspected_duplicate: c.suspected_duplicate,
        }
    };
    let mut rows: Vec<_> = found.iter().map(row).collect();
    Amount::align(rows.iter_mut().map(|row| &mut row.amount));
    Ok(rows)
}

/// What a form about a decision says.
struct Asking {
    decision: Decision,
    reason: String,
    selection: Selection,
}

impl Asking {
    fn read(fields: &Fields, now: Timestamp) -> Result<Self, Problem> {
        let decision = match fields.get("decision") {
            "approve" => Decision::Approve,
            "reject" => Decision::Reject,
            _ => return Err(broken("Say what to do with them: approve, or reject.")),
        };
        let selection = Selection::read(fields, "/", "conversion", now).map_err(|detail| broken(&detail))?;
        Ok(Self { decision, reason: fields.get("reason").trim().to_owned(), selection })
    }

    fn ids(&self) -> Vec<ConversionId> {
        self.selection.ids.iter().copied().map(ConversionId::new).collect()
    }

    /// The filter of all that match, and what could not be read of it.
    fn filter(&self, visit: &Visit) -> Result<Option<ConversionFilter>, Problem> {
        let Some((query, until)) = &self.selection.matching else { return Ok(None) };
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
        self.selection.subject("conversion", "conversions")
    }
}

fn broken(detail: &str) -> Problem {
    Problem::bad_request("malformed_form", "Nothing was decided", detail)
}

/// `POST /review`: what a decision would be about.
pub(super) async fn confirm(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let asking = Asking::read(&fields, visit.caller.now)?;
    visit.caller.must(Role::Manager, &visit.shared, "conversion.decide", &asking.subject()).await?;
    let selected = Selected::load(&visit, &asking).await?;
    if selected.total == 0 {
        // Somebody else was faster with all of them, and the summary says who.
        let tally = Tally::of_none(&asking.ids());
        return tally::summary(&visit, asking.decision, "", &asking.selection.back, tally).await;
    }
    let page = selected.confirm(&visit, &asking, String::new()).await?;
    Ok(html(StatusCode::OK, &page))
}

/// `POST /review/decide`
pub(super) async fn decide(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let asking = Asking::read(&fields, visit.caller.now)?;
    visit.caller.must(Role::Manager, &visit.shared, "conversion.decide", &asking.subject()).await?;
    let asked = asking.asked();
    if let Err(problem) = asked.check_reason() {
        let selected = Selected::load(&visit, &asking).await?;
        let error = "Give a reason, of at most 500 characters: the affiliate will ask.".to_owned();
        return Ok(html(problem.status, &selected.confirm(&visit, &asking, error).await?));
    }
    let Some(filter) = asking.filter(&visit)? else {
        let tally = Tally::deciding(&visit, &asked, asking.ids()).await?;
        let back = &asking.selection.back;
        return tally::summary(&visit, asking.decision, &asking.reason, back, tally).await;
    };
    let counted = visit.shared.edge.storage.count_conversions(&filter, u32::MAX - 1).await?;
    let total = u64::try_from(counted.count()).unwrap_or_default();
    Ok(streamed(Deciding::new(visit, asked, filter, total, asking.selection.back)))
}

/// What is selected, as far as it still waits.
struct Selected {
    total: u64,
    sums: Sums,
    first: Vec<Conversion>,
    no_longer_waiting: u64,
}

impl Selected {
    async fn load(visit: &Visit, asking: &Asking) -> Result<Self, Problem> {
        let storage = &visit.shared.edge.storage;
        if let Some(filter) = asking.filter(visit)? {
            let most = u32::try_from(SHOWN_MAX).unwrap_or(u32::MAX);
            let (counted, first) = try_join!(
                storage.count_conversions(&filter, u32::MAX - 1),
                storage.conversions(&filter, Order::OldestFirst, None, most),
            )?;
            let total = u64::try_from(counted.count()).unwrap_or_default();
            return Ok(Self { total, sums: Sums::from(counted), first, no_longer_waiting: 0 });
        }
        let ids = asking.ids();
        let mut found = storage.conversions_of(ids.iter().copied()).await?;
        found.retain(|conversion| conversion.status == Status::Pending);
        found.sort_unstable_by_key(|conversion| conversion.id);
        let mut sums = Sums::default();
        for conversion in &found {
            sums.add(conversion);
        }
        let gone = ids.len() - found.len();
        let total = found.len();
        found.truncate(SHOWN_MAX);
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Ok(Self { total: number(total), sums, first: found, no_longer_waiting: number(gone) })
    }

    async fn confirm(self, visit: &Visit, asking: &Asking, error: String) -> Result<Confirm, Problem> {
        let catalog = visit.shared.edge.catalog.borrow().clone();
        Ok(Confirm {
            page: visit.page("Review", Section::Review),
            decision: asking.decision,
            scope: asking.selection.scope(),
            total: self.total,
            sums: self.sums.shown(),
            rows: rows(&visit.shared, &catalog, &self.first, visit.caller.now).await?,
            no_longer_waiting: self.no_longer_waiting,
            reason: (asking.reason.clone(), error),
            back: asking.selection.back.clone(),
        })
    }
}
