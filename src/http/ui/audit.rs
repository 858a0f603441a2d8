//! The audit log: every change of a setting, every decision, every attempt that was not allowed.

use askama::Template;

use super::{
    form::{Filters, Pager},
    layout::Page,
    view::{Badge, Moment},
};

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct AuditItem {
    /// When.
    pub(crate) at: Moment,
    /// Who: `user:olga`, `api-key:nightly`, `operator`.
    pub(crate) actor: String,
    /// From where.
    pub(crate) address: String,
    /// What was done.
    pub(crate) action: String,
    /// To what; the address of its page, where it has one.
    pub(crate) subject: (String, Option<String>),
    /// Whether it was done.
    pub(crate) outcome: Badge,
    /// What was changed.
    pub(crate) change: Option<Change>,
}

/// What differs between before and after.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What that is, in a few words.
    pub(crate) summary: String,
    /// Each member that differs: its name, what it was, and what it is; nothing where there was or is none.
    pub(crate) members: Vec<(String, Option<String>, Option<String>)>,
    /// Whether it is shown without being asked for.
    pub(crate) is_short: bool,
}

/// `/audit`
#[derive(Clone, Debug, Template)]
#[template(path = "audit.html")]
pub(crate) struct Audit {
    /// Around it.
    pub(crate) page: Page,
    /// What narrows it.
    pub(crate) filters: Filters,
    /// This page of them, newest first.
    pub(crate) items: Vec<AuditItem>,
    /// To the others.
    pub(crate) pager: Pager,
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::{
        form::{Choice, Field},
        layout::Section,
        tests::{NOW, Sample, Say, sample},
        view::{Tone, Zone},
    };

    fn audit(say: Say, number: usize) -> Audit {
        let item = |at: usize| {
            let is_done = at % 7 != 3;
            AuditItem {
                at: Moment::to_the_second(
                    NOW.plus_millis(-i64::try_from(at).unwrap() * 97_000),
                    Zone::named("Europe/Berlin"),
                ),
                actor: say.text(["user:olga", "api-key:nightly export", "operator"][at % 3]),
                address: say.text("203.0.113.7"),
                action: say.text(["conversion.approve", "merchant.change", "token.issue"][at % 3]),
                subject: (
                    say.text("merchant:acme"),
                    at.is_multiple_of(2).then(|| "/settings/merchants/acme".to_owned()),
                ),
                outcome: if is_done { Badge::new(Tone::Good, "done") } else { Badge::of("forbidden") },
                change: (at % 3 == 1).then(|| {
                    let was = at.is_multiple_of(2).then(|| say.text("cpa"));
                    let deal = (say.text("deal"), was, Some(say.text("hybrid")));
                    let multiplier = ("multiplier".to_owned(), Some("0.35".to_owned()), None);
                    Change {
                        summary: say.text("deal, multiplier"),
                        members: vec![deal, multiplier],
                        is_short: at.is_multiple_of(2),
                    }
                }),
            }
        };
        let actions = vec![Choice::new("merchant.change", "merchant.change")];
        Audit {
            page: say.page_of("Audit", Section::Audit, "admin"),
            filters: Filters::new("/audit", Field::search("subject", "Subject"))
                .field(Field::text("actor", "Who"))
                .field(Field::select("action", "Action", actions))
                .field(Field::day("from", "From"))
                .field(Field::day("to", "To")),
            items: (0..number).map(item).collect(),
            pager: Pager { next: (number >= 50).then(|| "/audit?cursor=a".to_owned()), ..Pager::default() },
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        vec![
            sample("audit", &audit(say, 50)),
            sample("audit-few", &audit(say, 3)),
            sample("audit-none", &audit(say, 0)),
        ]
    }
}
