//! Processing logged requests again from the desk: first what would come of it, then the thing itself.

use std::collections::BTreeMap;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use serde_json::Value;

use super::{
    log,
    selection::Selection,
    steps::{Steps, streamed},
    visit::{Posted, Visit},
};
use crate::{
    domain::{access::Role, ids::RequestId, time::Timestamp},
    http::{
        answer::conversion_json,
        problem::Problem,
        reprocess::{Again, Repeated},
        ui::{
            bulk::{BrokenOff, Progress, Reached},
            html,
            layout::Section,
            postback_log::{Repeated as Row, Reprocess},
            view::{Badge, Moment, counted},
        },
    },
    storage::{LogFilter, LogRow},
};

/// How many are processed in a step: enough to fill the writers' batches.
const STEP_ROWS: u32 = 500;

/// How many of them are shown one by one.
const SHOWN_MAX: usize = 50;

/// `POST /log/reprocess`: what would come of it, or with `sure` the thing itself.
pub(super) async fn again(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let selection = Selection::read(&fields, "/log", "postback", visit.caller.now);
    let selection = selection.map_err(|detail| broken(&detail))?;
    let subject = selection.subject("request", "requests");
    visit.caller.must(Role::Manager, &visit.shared, "postback.reprocess", &subject).await?;
    let is_sure = fields.get("sure") == "1";
    // Only as far as the bar on the page: nothing depends on it.
    let expected = fields.get("expected").parse().ok();
    let mut work = Repeating::new(visit, selection, is_sure, expected).await?;
    if work.selection.matching.is_some() {
        return Ok(streamed(work));
    }
    work.step().await?;
    Ok(html(StatusCode::OK, &work.page().await?))
}

fn broken(detail: &str) -> Problem {
    Problem::bad_request("malformed_form", "Nothing was processed", detail)
}

/// Where the requests come from.
enum Source {
    /// These.
    These(Vec<RequestId>),
    /// All that a filter finds, after this one.
    Matching(Box<LogFilter>, Option<RequestId>),
    /// Nowhere: all are done.
    Over,
}

/// What came of one, as it is to be shown.
struct Shown {
    id: RequestId,
    at: Timestamp,
    before: String,
    repeated: Repeated,
}

/// Requests that are processed again, or tried, step by step.
struct Repeating {
    visit: Visit,
    selection: Selection,
    source: Source,
    is_sure: bool,
    expected: Option<u64>,
    done: u64,
    successes: u64,
    outcomes: BTreeMap<String, u64>,
    first: Vec<Shown>,
}

impl Repeating {
    async fn new(
        visit: Visit,
        selection: Selection,
        is_sure: bool,
        expected: Option<u64>,
    ) -> Result<Self, Problem> {
        let source = match &selection.matching {
            Some((query, until)) => {
                let (filter, given) = log::wanted(query, &visit).await?;
                if let Some(fault) = given.fault {
                    return Err(fault);
                }
                let to = Some(filter.to.map_or(*until, |to| to.min(*until)));
                let filter = LogFilter { open: true, oldest_first: true, to, ..filter };
                Source::Matching(Box::new(filter), None)
            }
            None => Source::These(selection.ids.iter().copied().map(RequestId::new).collect()),
        };
        Ok(Self {
            visit,
            selection,
            source,
            is_sure,
            expected,
            done: 0,
            successes: 0,
            outcomes: BTreeMap::new(),
            first: Vec::new(),
        })
    }

    /// The next requests of the source; none when it is over.
    async fn next(&mut self) -> Result<Option<Vec<LogRow>>, Problem> {
        let storage = &self.visit.shared.edge.storage;
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::These(ids) => {
                let mut rows = storage.logged(ids).await?;
                if rows.is_empty() {
                    let detail = "What was selected is not in the log: go back and select it from the list.";
                    return Err(Problem::not_found(detail));
                }
                rows.sort_unstable_by_key(|row| row.id);
                Ok(Some(rows))
            }
            Source::Matching(filter, after) => {
                let found = storage.postback_log(&filter, after, STEP_ROWS).await?;
                if found.next.is_some() {
                    self.source = Source::Matching(filter, found.next);
                }
                Ok(Some(found.rows))
            }
            Source::Over => Ok(None),
        }
    }

    async fn process(&mut self, rows: Vec<LogRow>) -> Result<(), Problem> {
        let asked: Vec<_> = rows.iter().map(|row| (row.id, row.at, row.outcome.clone())).collect();
        let again = Again::new(&self.visit.shared, &self.visit.caller, !self.is_sure).await?;
        let mut repeated = again.all(rows).await?;
        for (id, at, before) in asked {
            let Some(repeated) = repeated.remove(&id) else { continue };
            self.done += 1;
            self.successes += u64::from(repeated.is_success());
            *self.outcomes.entry(repeated.outcome.clone()).or_default() += 1;
            if self.first.len() < SHOWN_MAX {
                self.first.push(Shown { id, at, before, repeated });
            }
        }
        Ok(())
    }

    async fn page(&mut self) -> Result<Reprocess, Problem> {
        let first = std::mem::take(&mut self.first);
        let recorded = first.iter().filter(|_| self.is_sure).filter_map(|shown| shown.repeated.conversion);
        let conversions = self.visit.shared.edge.storage.conversions_of(recorded).await?;
        let conversions: BTreeMap<_, _> =
            conversions.iter().map(|conversion| (conversion.id, conversion_json(conversion))).collect();
        let row = |shown: Shown| {
            let stands = shown.repeated.conversion.and_then(|id| conversions.get(&id));
            Row {
                id: shown.id,
                at: Moment::to_the_second(shown.at, self.visit.zone),
                before: Badge::of(&shown.before),
                after: Badge::of(&shown.repeated.outcome),
                detail: sentence(&shown.repeated, stands.or(shown.repeated.tried.as_ref())),
                conversion: shown.repeated.conversion,
            }
        };
        let mut outcomes: Vec<_> =
            self.outcomes.iter().map(|(word, number)| (Badge::of(word), *number)).collect();
        outcomes.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        Ok(Reprocess {
            page: self.visit.page("Process again", Section::Log),
            scope: self.selection.scope(),
            total: self.done,
            successes: self.successes,
            outcomes,
            rows: first.into_iter().map(row).collect(),
            is_done: self.is_sure,
            back: self.selection.back.clone(),
        })
    }
}

impl Steps for Repeating {
    fn visit(&self) -> &Visit {
        &self.visit
    }

    fn progress(&self) -> Progress {
        let (heading, advice) = if self.is_sure {
            ("Processing postbacks again", "Leave this page open: if it is closed, the rest stays as it is.")
        } else {
            ("Trying what would happen", "Nothing is recorded by this.")
        };
        Progress { page: self.visit.page("Process again", Section::Log), heading: heading.to_owned(), advice }
    }

    fn reached(&self) -> Reached {
        Reached { done: self.done, total: self.expected.map(|expected| expected.max(self.done)) }
    }

    async fn step(&mut self) -> Result<bool, Problem> {
        let Some(rows) = self.next().await? else { return Ok(false) };
        self.process(rows).await?;
        Ok(true)
    }

    async fn done(&mut self) -> Result<String, Problem> {
        Ok(self.page().await?.as_content().render().unwrap_or_default())
    }

    fn broken_off(&self, problem: &Problem) -> BrokenOff {
        let what = counted(self.done, "postback");
        BrokenOff {
            page: self.visit.page("Process again", Section::Log),
            told: if self.is_sure {
                format!("{what} had been processed again, and stay so. The rest is as it was.")
            } else {
                "Nothing was recorded.".to_owned()
            },
            detail: problem.detail.clone(),
            back: (self.selection.back.clone(), "Back to the log"),
        }
    }
}

/// What an outcome means, with the conversion as it stands or would stand.
fn sentence(repeated: &Repeated, conversion: Option<&Value>) -> String {
    if let Some(detail) = &repeated.detail {
        return detail.clone();
    }
    let text = |name: &str| conversion.and_then(|it| it[name].as_str()).unwrap_or_default();
    let amount = match (text("amount"), text("currency")) {
        (_, "") => String::new(),
        (amount, currency) => format!(" of {amount} {currency}"),
    };
    let what = format!("{}{amount}", text("goal_alias"));
    match repeated.outcome.as_str() {
        "recorded" => format!("A new conversion: {what}, {}.", text("status")),
        "decided" => format!("It makes {what} {}.", text("status")),
        "duplicate" => format!("There is one already: {what}, {}. Nothing more is recorded.", text("status")),
        "dry_run" => "It only asked what would come of it: nothing is recorded.".to_owned(),
        _ => String::new(),
    }
}
