//! The log of inbound postbacks, and putting some of them through the door again.

use askama::{Template, filters::HtmlSafe};

use super::{
    bulk::{Scope, join},
    form::{Filters, Pager},
    layout::Page,
    listing::Facts,
    view::{Badge, Moment, Named, Short, count, counted},
};
use crate::domain::ids::{ConversionId, RequestId};

/// A request in the list.
#[derive(Clone, Debug)]
pub(crate) struct LogRow {
    /// Its id.
    pub(crate) id: RequestId,
    /// When it came, to the second.
    pub(crate) at: Moment,
    /// Whose token it carried; none for a stranger's.
    pub(crate) merchant: Option<Named>,
    /// Its method and path.
    pub(crate) endpoint: String,
    /// What came of it.
    pub(crate) outcome: Badge,
    /// The HTTP status of its answer.
    pub(crate) status: u16,
    /// The goal that it named.
    pub(crate) goal: String,
    /// The click that it named.
    pub(crate) click: Option<String>,
    /// Whether there is such a click.
    pub(crate) is_known: bool,
    /// For a refused one, what the merchant must change.
    pub(crate) advice: String,
    /// The repetition by which it came to its conversion after all.
    pub(crate) settled_by: Option<RequestId>,
    /// The request that it repeats.
    pub(crate) repeats: Option<RequestId>,
    /// Whether it can be processed again.
    pub(crate) can_repeat: bool,
}

impl LogRow {
    /// The click that it named, short.
    pub(super) fn player(&self) -> Option<Short> {
        self.click.as_ref().map(Short::new)
    }
}

/// `/log`
#[derive(Clone, Debug, Template)]
#[template(path = "log.html")]
pub(crate) struct Log {
    /// Around it.
    pub(crate) page: Page,
    /// What narrows it.
    pub(crate) filters: Filters,
    /// This page of them, newest first.
    pub(crate) rows: Vec<LogRow>,
    /// To the others.
    pub(crate) pager: Pager,
    /// Whether the viewer may process again.
    pub(crate) may_repeat: bool,
}

impl Log {
    /// The ids on this page that can be processed again, for the box that selects all of them.
    fn ids_here(&self) -> String {
        join(self.rows.iter().filter(|row| row.can_repeat).map(|row| row.id))
    }

    /// Whether there may be anything to be processed again.
    fn offers_repeating(&self) -> bool {
        let is_all_here = self.pager.next.is_none() && self.pager.first.is_none();
        self.may_repeat && (!is_all_here || self.rows.iter().any(|row| row.can_repeat))
    }
}

/// A request and its answer.
#[derive(Clone, Debug, Template)]
#[template(path = "exchange.html")]
pub(crate) struct Exchange {
    /// Its id.
    pub(crate) id: RequestId,
    /// When it came.
    pub(crate) at: Moment,
    /// Its method and path.
    pub(crate) endpoint: String,
    /// What came of it.
    pub(crate) outcome: Badge,
    /// The HTTP status of its answer.
    pub(crate) status: u16,
    /// Its parameters as they were sent, the token redacted.
    pub(crate) params: Facts,
    /// The body of its answer.
    pub(crate) answer: String,
}

impl HtmlSafe for Exchange {}

impl Exchange {
    fn short_id(&self) -> Short {
        Short::new(&self.id)
    }
}

/// `/log/{id}`
#[derive(Clone, Debug, Template)]
#[template(path = "log_entry.html")]
pub(crate) struct LogEntry {
    /// Around it.
    pub(crate) page: Page,
    /// The request and its answer.
    pub(crate) exchange: Exchange,
    /// Whose, from where, how long it took, which conversion.
    pub(crate) facts: Facts,
    /// For a refused one, what the merchant must change.
    pub(crate) advice: String,
    /// The repetition by which it came to its conversion after all.
    pub(crate) settled_by: Option<RequestId>,
    /// Whether it can be processed again, by this viewer.
    pub(crate) may_repeat: bool,
}

/// What processing one request again does, or did.
#[derive(Clone, Debug)]
pub(crate) struct Repeated {
    /// Its id.
    pub(crate) id: RequestId,
    /// When it came.
    pub(crate) at: Moment,
    /// What came of it then.
    pub(crate) before: Badge,
    /// What comes of it now.
    pub(crate) after: Badge,
    /// In a sentence.
    pub(crate) detail: String,
    /// The conversion that it is about.
    pub(crate) conversion: Option<ConversionId>,
}

/// `/log/reprocess`: what would happen, and then what has happened.
#[derive(Clone, Debug, Template)]
#[template(path = "reprocess.html", blocks = ["content"])]
pub(crate) struct Reprocess {
    /// Around it.
    pub(crate) page: Page,
    /// Which requests.
    pub(crate) scope: Scope,
    /// How many.
    pub(crate) total: u64,
    /// How many of them go through.
    pub(crate) successes: u64,
    /// How many come to which outcome.
    pub(crate) outcomes: Vec<(Badge, u64)>,
    /// The first of them.
    pub(crate) rows: Vec<Repeated>,
    /// Whether it has been done; it is a dry run otherwise.
    pub(crate) is_done: bool,
    /// Back to the list.
    pub(crate) back: String,
}

impl Reprocess {
    fn heading(&self) -> String {
        match (self.total, self.is_done) {
            (0, _) => "Nothing to process again".to_owned(),
            (_, true) => format!("{} processed again", self.what()),
            (_, false) => format!("Process {} again?", self.what()),
        }
    }

    fn what(&self) -> String {
        counted(self.total, "postback")
    }

    fn more(&self) -> u64 {
        self.total.saturating_sub(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::http::ui::{
        form::{Choice, Field},
        layout::Section,
        tests::{NOW, Sample, Say, sample},
        view::Zone,
    };

    const ID: u128 = 0x01a1_f90e_bdd0_7f9a_925e_eafa_6b55_0000;

    fn id(at: usize) -> RequestId {
        RequestId::new(Uuid::from_u128(ID + u128::try_from(at).unwrap() * 0x1_0003))
    }

    fn moment(at: usize) -> Moment {
        Moment::to_the_second(
            NOW.plus_millis(-(i64::try_from(at).unwrap() * 47_000)),
            Zone::named("Europe/Berlin"),
        )
    }

    const OUTCOMES: [(&str, u16, &str); 6] = [
        ("recorded", 200, ""),
        ("duplicate", 200, ""),
        ("unknown_goal", 400, "Send one of the goals of this merchant: reg, ftd, rdep, kyc."),
        ("decided", 200, ""),
        (
            "click_not_found",
            404,
            "Send the click id exactly as the landing page received it: none of yours is `test`.",
        ),
        ("invalid_token", 401, "Send a token of yours as `token` or as a bearer token; this one is unknown."),
    ];

    pub(in crate::http::ui) fn rows(say: Say, number: usize) -> Vec<LogRow> {
        let row = |at| {
            let (outcome, status, advice) = OUTCOMES[at % OUTCOMES.len()];
            LogRow {
                id: id(at),
                at: moment(at),
                merchant: (status != 401).then(|| Named::new("acme", say.text("Acme Casino"))),
                endpoint: say.text("GET /track/conv"),
                outcome: Badge::of(&say.text(outcome)),
                status,
                goal: say.text("ftd"),
                click: (at % 5 != 3).then(|| "01a1f90e-bdd0-7f9a-925e-eafa6b557aea".to_owned()),
                is_known: outcome != "click_not_found",
                advice: if advice.is_empty() { String::new() } else { say.text(advice) },
                settled_by: (at % 18 == 2).then(|| id(0)),
                repeats: (at % 18 == 3).then(|| id(0)),
                can_repeat: !advice.is_empty() && status != 401 && at % 18 != 2,
            }
        };
        (0..number).map(row).collect()
    }

    pub(in crate::http::ui) fn exchange(say: Say, is_good: bool) -> Exchange {
        let params =
            [("click_id", "c-1007"), ("token", "[redacted]"), ("goal_alias", "ftd"), ("amount", "100.00")];
        let params = params.map(|(name, value)| (say.text(name), say.text(value)));
        let answer = if is_good {
            "{\"success\": true, \"duplicate\": false}"
        } else {
            "{\"code\": \"unknown_goal\"}"
        };
        Exchange {
            id: id(usize::from(is_good)),
            at: moment(9),
            endpoint: say.text("GET /track/conv"),
            outcome: Badge::of(if is_good { "recorded" } else { "unknown_goal" }),
            status: if is_good { 200 } else { 400 },
            params: Facts::params(params.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            answer: say.text(answer),
        }
    }

    fn filters(say: Say) -> Filters {
        let outcomes = OUTCOMES.map(|(word, ..)| Choice::new(word, word.replace('_', " "))).to_vec();
        let merchants = vec![Choice::new("acme", say.text("Acme Casino"))];
        Filters::new("/log", Field::search("q", "Find").placeholder("Click or any parameter"))
            .field(Field::select("merchant", "Merchant", merchants))
            .field(Field::select("outcome", "Outcome", outcomes))
            .field(Field::day("from", "From"))
            .field(Field::day("to", "To"))
    }

    fn log(say: Say, number: usize) -> Log {
        Log {
            page: say.page("Log", Section::Log),
            filters: filters(say),
            rows: rows(say, number),
            pager: Pager { next: (number == 50).then(|| "/log?cursor=a".to_owned()), ..Pager::default() },
            may_repeat: true,
        }
    }

    fn entry(say: Say, is_good: bool) -> LogEntry {
        use crate::http::ui::listing::Cell;

        LogEntry {
            page: say.page("Postback", Section::Log),
            exchange: exchange(say, is_good),
            facts: Facts::default()
                .fact("Merchant", Cell::Text(say.text("Acme Casino")))
                .fact("From", Cell::Code(say.text("203.0.113.7")))
                .fact("Took", Cell::text("12 ms")),
            advice: if is_good { String::new() } else { say.text(OUTCOMES[2].2) },
            settled_by: None,
            may_repeat: !is_good,
        }
    }

    fn reprocess(say: Say, is_done: bool) -> Reprocess {
        let row = |row: LogRow| Repeated {
            id: row.id,
            at: row.at,
            before: row.outcome,
            after: Badge::of("recorded"),
            detail: say.text("A new conversion: ftd of 100.00 EUR, pending."),
            conversion: is_done.then(|| ConversionId::new(Uuid::from_u128(ID))),
        };
        Reprocess {
            page: say.page("Process again", Section::Log),
            scope: Scope::matching(say.text("merchant=acme"), say.text("01a1")),
            total: 312,
            successes: 300,
            outcomes: vec![(Badge::of("recorded"), 300), (Badge::of("unknown_goal"), 12)],
            rows: rows(say, 5).into_iter().map(row).collect(),
            is_done,
            back: "/log?outcome=unknown_goal".to_owned(),
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let fresh = Log { filters: Filters::new("/log", Field::search("q", "Find")), ..log(say, 0) };
        vec![
            sample("log", &log(say, 50)),
            sample("log-few", &Log { may_repeat: false, ..log(say, 4) }),
            sample("log-fresh", &fresh),
            sample("log-entry", &entry(say, false)),
            sample("log-entry-good", &entry(say, true)),
            sample(
                "log-entry-settled",
                &LogEntry { settled_by: Some(id(3)), may_repeat: false, ..entry(say, false) },
            ),
            sample("reprocess", &reprocess(say, false)),
            sample("reprocess-done", &reprocess(say, true)),
            sample("reprocess-in-vain", &Reprocess { successes: 0, ..reprocess(say, false) }),
            sample(
                "reprocess-none",
                &Reprocess { total: 0, back: say.text("/log"), ..reprocess(say, false) },
            ),
        ]
    }
}
