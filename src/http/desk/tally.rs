//! Decisions on many conversions, and what came of them.

use std::collections::BTreeMap;

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{
    names,
    review::{COUNTED_MAX, pending},
    steps::Steps,
    visit::Visit,
};
use crate::{
    domain::{
        conversion::Conversion,
        currency::{Currency, CurrencyCode},
        ids::ConversionId,
        money::Total,
        status::Decision,
    },
    http::{
        decisions::{Asked, BULK_DECISIONS_MAX},
        problem::Problem,
        ui::{
            bulk::{BrokenOff, Progress, Reached},
            html,
            layout::Section,
            review::{Done, Sum, Undecided},
            view::{Amount, Badge, Moment, Short, count, counted},
        },
    },
    storage::{ConversionFilter, Found, Order},
};

/// How many of those that were not decided are told one by one.
const UNDECIDED_SHOWN_MAX: usize = 50;

/// How many and how much, by currency.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<Option<CurrencyCode>, (Option<Currency>, u64, Total)>);

impl Sums {
    pub(super) fn add(&mut self, conversion: &Conversion) {
        self.put(conversion.currency, 1, Total::from(conversion.amount));
    }

    fn put(&mut self, currency: Option<Currency>, number: u64, total: Total) {
        let empty = (currency, 0, Total::of(0, 0));
        let (_, conversions, sum) = self.0.entry(currency.map(|currency| currency.code)).or_insert(empty);
        *conversions += number;
        *sum += total;
    }

    pub(super) fn shown(&self) -> Vec<Sum> {
        let sum = |(currency, conversions, total): &(Option<Currency>, u64, Total)| Sum {
            conversions: *conversions,
            amount: names::sum(*total, *currency),
        };
        let mut sums: Vec<_> = self.0.values().map(sum).collect();
        Amount::align(sums.iter_mut().map(|sum| &mut sum.amount));
        sums
    }
}

impl From<Found> for Sums {
    fn from(found: Found) -> Self {
        let mut sums = Self::default();
        for selected in found.by_currency {
            sums.put(selected.currency, selected.count.unsigned_abs(), selected.sum);
        }
        sums
    }
}

/// What came of a decision on many.
#[derive(Debug, Default)]
pub(super) struct Tally {
    decided: u64,
    sums: Sums,
    not_decided: u64,
    /// The first of those, each with why.
    undecided: Vec<(ConversionId, String)>,
}

impl Tally {
    /// None of these was decided by us.
    pub(super) fn of_none(ids: &[ConversionId]) -> Self {
        let mut tally = Self::default();
        for id in ids {
            tally.leave(*id, String::new());
        }
        tally
    }

    /// Decides these.
    pub(super) async fn deciding(
        visit: &Visit,
        asked: &Asked,
        ids: Vec<ConversionId>,
    ) -> Result<Self, Problem> {
        let found = visit.shared.edge.storage.conversions_of(ids.iter().copied()).await?;
        let mut tally = Self::default();
        tally.decide(visit, asked, ids, &found).await?;
        Ok(tally)
    }

    async fn decide(
        &mut self,
        visit: &Visit,
        asked: &Asked,
        ids: Vec<ConversionId>,
        found: &[Conversion],
    ) -> Result<(), Problem> {
        let outcomes = asked.decide_all(&visit.shared, &visit.caller, ids).await?;
        let found: BTreeMap<_, _> = found.iter().map(|conversion| (conversion.id, conversion)).collect();
        for (id, outcome) in outcomes {
            match (outcome.code, found.get(&id)) {
                ("decided", Some(conversion)) => {
                    self.decided += 1;
                    self.sums.add(conversion);
                }
                _ => self.leave(id, outcome.problem.map(|problem| problem.detail).unwrap_or_default()),
            }
        }
        Ok(())
    }

    fn leave(&mut self, id: ConversionId, why: String) {
        self.not_decided += 1;
        if self.undecided.len() < UNDECIDED_SHOWN_MAX {
            self.undecided.push((id, why));
        }
    }

    /// The page that tells it.
    async fn done(
        self,
        visit: &Visit,
        decision: Decision,
        reason: &str,
        back: &str,
    ) -> Result<Done, Problem> {
        let storage = &visit.shared.edge.storage;
        let mut undecided = Vec::with_capacity(self.undecided.len());
        for (id, why) in self.undecided {
            undecided.push(left(visit, id, why).await?);
        }
        Amount::align(undecided.iter_mut().map(|row| &mut row.amount));
        let waiting = storage.count_conversions(&pending(&ConversionFilter::default()), COUNTED_MAX).await?;
        Ok(Done {
            page: visit.page("Review", Section::Review),
            decision,
            decided: self.decided,
            sums: self.sums.shown(),
            reason: reason.to_owned(),
            not_decided: self.not_decided,
            undecided,
            waiting: match u64::try_from(waiting.count()).unwrap_or_default() {
                0 => String::new(),
                _ if waiting.more => "the rest".to_owned(),
                number => format!("the next {}", count(number)),
            },
            back: back.to_owned(),
        })
    }
}

/// What is to be told of a conversion that was left as it was.
async fn left(visit: &Visit, id: ConversionId, why: String) -> Result<Undecided, Problem> {
    let storage = &visit.shared.edge.storage;
    let Some(conversion) = storage.conversion(id).await? else {
        return Ok(Undecided {
            id,
            player: Short::new(""),
            amount: Amount::default(),
            status: Badge::of("not_found"),
            by: String::new(),
            at: None,
            reason: why,
        });
    };
    let last = storage.history(id).await?.pop();
    Ok(Undecided {
        id,
        player: Short::new(&conversion.click),
        amount: names::amount(conversion.amount, conversion.currency),
        status: Badge::of(conversion.status.as_str()),
        by: last.as_ref().map(|step| step.actor.clone()).unwrap_or_default(),
        at: last.as_ref().map(|step| Moment::new(step.at, visit.zone)),
        reason: last.and_then(|step| step.reason).unwrap_or_default(),
    })
}

/// What came of a decision, as an answer.
pub(super) async fn summary(
    visit: &Visit,
    decision: Decision,
    reason: &str,
    back: &str,
    tally: Tally,
) -> Result<Response, Problem> {
    Ok(html(StatusCode::OK, &tally.done(visit, decision, reason, back).await?))
}

/// A decision on all that a filter finds, batch by batch.
pub(super) struct Deciding {
    visit: Visit,
    asked: Asked,
    filter: ConversionFilter,
    after: Option<ConversionId>,
    total: u64,
    back: String,
    tally: Tally,
}

impl Deciding {
    pub(super) fn new(
        visit: Visit,
        asked: Asked,
        filter: ConversionFilter,
        total: u64,
        back: String,
    ) -> Self {
        Self { visit, asked, filter, after: None, total, back, tally: Tally::default() }
    }
}

impl Steps for Deciding {
    fn visit(&self) -> &Visit {
        &self.visit
    }

    fn progress(&self) -> Progress {
        Progress {
            page: self.visit.page("Review", Section::Review),
            heading: format!("Deciding {}", counted(self.total, "conversion")),
            advice: "Leave this page open: if it is closed, the rest stays as it is.",
        }
    }

    fn reached(&self) -> Reached {
        let done = self.tally.decided + self.tally.not_decided;
        Reached { done, total: Some(self.total.max(done)) }
    }

    async fn step(&mut self) -> Result<bool, Problem> {
        let most = u32::try_from(BULK_DECISIONS_MAX).unwrap_or(u32::MAX);
        let storage = &self.visit.shared.edge.storage;
        let found = storage.conversions(&self.filter, Order::OldestFirst, self.after, most).await?;
        let Some(last) = found.last() else { return Ok(false) };
        self.after = Some(last.id);
        let ids = found.iter().map(|conversion| conversion.id).collect();
        self.tally.decide(&self.visit, &self.asked, ids, &found).await?;
        Ok(true)
    }

    async fn done(&mut self) -> Result<String, Problem> {
        let reason = self.asked.reason.clone().unwrap_or_default();
        let tally = std::mem::take(&mut self.tally);
        let done = tally.done(&self.visit, self.asked.decision, &reason, &self.back).await?;
        Ok(done.as_content().render().unwrap_or_default())
    }

    fn broken_off(&self, problem: &Problem) -> BrokenOff {
        let decided = counted(self.tally.decided, "conversion");
        BrokenOff {
            page: self.visit.page("Review", Section::Review),
            told: format!("{decided} had been decided, and stay so. The rest waits."),
            detail: problem.detail.clone(),
            back: ("/".to_owned(), "Back to the review"),
        }
    }
}
