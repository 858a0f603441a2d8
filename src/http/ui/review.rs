//! Review: what waits for a decision, the decision, and what came of it.

use askama::Template;

use super::{
    bulk::{Scope, join},
    form::{Choice, Field, Filters, Pager},
    layout::Page,
    view::{Age, Amount, Badge, Moment, Named, Short, count, counted},
};
use crate::domain::{
    ids::{ClickId, ConversionId},
    status::Decision,
};

/// The usual reasons of a rejection; any other may be written.
pub(crate) const REASONS: [&str; 8] = [
    "Duplicate player",
    "Bonus abuse",
    "Self-referral",
    "Deposit charged back",
    "Below the minimum deposit",
    "Country not in the deal",
    "Traffic source not allowed",
    "Test",
];

/// A conversion that waits for a decision.
#[derive(Clone, Debug)]
pub(crate) struct ReviewRow {
    /// Its id.
    pub(crate) id: ConversionId,
    /// How long it has been waiting.
    pub(crate) waiting: Age,
    /// The player.
    pub(crate) click: ClickId,
    /// Whose report it is.
    pub(crate) merchant: Named,
    /// What was advertised.
    pub(crate) offer: Named,
    /// Who sent the player.
    pub(crate) affiliate: Named,
    /// What was reached.
    pub(crate) goal: String,
    /// The player's money.
    pub(crate) amount: Amount,
    /// The same as a count of 10^-8, its currency and the decimal places of that, for the sums beside the buttons.
    pub(crate) sum_of: (i64, String, u8),
    /// How long after the click it happened.
    pub(crate) after_click: String,
    /// How many deposits the player has made since.
    pub(crate) deposits_since: u64,
    /// Whether it looks as if it had been sent twice.
    pub(crate) suspected_duplicate: bool,
}

impl ReviewRow {
    fn player(&self) -> Short {
        Short::new(&self.click)
    }
}

/// `/`: what waits for a decision, oldest first.
#[derive(Clone, Debug, Template)]
#[template(path = "review.html")]
pub(crate) struct Review {
    /// Around it.
    pub(crate) page: Page,
    /// What narrows it.
    pub(crate) filters: Filters,
    /// How many match.
    pub(crate) matching: u64,
    /// Whether there are more than were counted.
    pub(crate) more: bool,
    /// How long the oldest of them has been waiting.
    pub(crate) oldest: Option<Age>,
    /// This page of them.
    pub(crate) rows: Vec<ReviewRow>,
    /// To the others.
    pub(crate) pager: Pager,
    /// Whether the viewer may decide.
    pub(crate) may_decide: bool,
    /// Whether anything at all has ever been recorded: decides what an empty list advises.
    pub(crate) any_recorded: bool,
}

impl Review {
    /// The ids on this page, for the box that selects all of them.
    fn ids_here(&self) -> String {
        join(self.rows.iter().map(|row| row.id))
    }

    /// How many match, as far as they were counted.
    fn number(&self) -> String {
        let more = if self.more { "more than " } else { "" };
        format!("{more}{}", count(self.matching))
    }

    /// The name of the box that selects them all.
    fn all(&self) -> String {
        if self.more {
            format!("All that match, {}", self.number())
        } else {
            format!("All {} that match", self.number())
        }
    }

    fn has_more(&self) -> bool {
        self.matching > u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    fn intro(&self) -> String {
        let conversions = if self.matching == 1 { "conversion waits" } else { "conversions wait" };
        let matching = if self.filters.any() { " and match the filter" } else { "" };
        let oldest =
            self.oldest.as_ref().map_or_else(String::new, |age| format!(", the oldest for {}", age.text()));
        let mut intro = format!("{} {conversions} for a decision{matching}{oldest}.", self.number());
        intro[..1].make_ascii_uppercase();
        intro
    }
}

/// How much of one currency.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    /// How many conversions.
    pub(crate) conversions: u64,
    /// Their money together.
    pub(crate) amount: Amount,
}

/// Before a decision: what it is about. The form leads to `/review/decide`.
#[derive(Clone, Debug, Template)]
#[template(path = "review_confirm.html")]
pub(crate) struct Confirm {
    /// Around it.
    pub(crate) page: Page,
    /// Which decision.
    pub(crate) decision: Decision,
    /// About what.
    pub(crate) scope: Scope,
    /// How many conversions.
    pub(crate) total: u64,
    /// Their money, by currency.
    pub(crate) sums: Vec<Sum>,
    /// The first of them.
    pub(crate) rows: Vec<ReviewRow>,
    /// How many of those that were selected no longer wait.
    pub(crate) no_longer_waiting: u64,
    /// The reason that was given so far, and what is wrong with it.
    pub(crate) reason: (String, String),
    /// Back to the list.
    pub(crate) back: String,
}

impl Confirm {
    fn verb(&self) -> &'static str {
        match self.decision {
            Decision::Approve => "Approve",
            Decision::Reject => "Reject",
        }
    }

    fn word(&self) -> &'static str {
        word(self.decision)
    }

    fn is_reject(&self) -> bool {
        self.decision == Decision::Reject
    }

    fn what(&self) -> String {
        counted(self.total, "conversion")
    }

    fn reason_field(&self) -> Field {
        let (value, error) = self.reason.clone();
        let field = if self.is_reject() {
            let usual = REASONS.map(|reason| Choice::new(reason, reason)).to_vec();
            Field::suggest("reason", "Reason", usual)
                .hint("The affiliate may read it: choose a usual one or write your own.")
                .required()
                .autofocus()
        } else {
            Field::text("reason", "Note").hint("It is kept in the history.")
        };
        field.value(value).error(error)
    }

    fn more(&self) -> u64 {
        self.total.saturating_sub(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }
}

/// The word of a decision in a form.
pub(crate) fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "approve",
        Decision::Reject => "reject",
    }
}

/// A conversion that was not decided by this decision.
#[derive(Clone, Debug)]
pub(crate) struct Undecided {
    /// Its id.
    pub(crate) id: ConversionId,
    /// The player.
    pub(crate) player: Short,
    /// The player's money.
    pub(crate) amount: Amount,
    /// What it is instead.
    pub(crate) status: Badge,
    /// Who decided it, when and why; or why it could not be decided.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Option<Moment>,
    /// Why.
    pub(crate) reason: String,
}

/// After a decision: what came of it.
#[derive(Clone, Debug, Template)]
#[template(path = "review_done.html", blocks = ["content"])]
pub(crate) struct Done {
    /// Around it.
    pub(crate) page: Page,
    /// Which decision.
    pub(crate) decision: Decision,
    /// How many were decided by it.
    pub(crate) decided: u64,
    /// Their money, by currency.
    pub(crate) sums: Vec<Sum>,
    /// The reason that was given.
    pub(crate) reason: String,
    /// How many somebody else had decided meanwhile, or were not there.
    pub(crate) not_decided: u64,
    /// The first of those.
    pub(crate) undecided: Vec<Undecided>,
    /// What still waits, as the link to it names it.
    pub(crate) waiting: String,
    /// Back to the list.
    pub(crate) back: String,
}

impl Done {
    fn heading(&self) -> String {
        if self.decided == 0 {
            return format!("Nothing was {}", self.decision.status());
        }
        format!("{} {}", counted(self.decided, "conversion"), self.decision.status())
    }

    fn more(&self) -> u64 {
        self.not_decided.saturating_sub(u64::try_from(self.undecided.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests;
