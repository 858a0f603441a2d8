//! Figures: what facts come to, for one line or in all.

use std::{collections::BTreeMap, fmt, ops::AddAssign, sync::Arc};

use super::{Fact, Kind, Tally};
use crate::domain::{
    currency::CurrencyCode,
    goal::{Goal, GoalRole, REGISTRATION},
    money::Total,
    status::Status,
};

/// What clicks and conversions come to. Counts are told over all currencies, because a count is no money; everything
/// that is money stands under its currency, and currencies are never added together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many, whatever the currency, those without one included.
    pub counts: Counts,
    /// How many and how much, per currency.
    pub money: BTreeMap<CurrencyCode, Amounts>,
}

/// How many of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Clicks.
    pub clicks: i64,
    /// Registrations that count.
    pub registrations: i64,
    /// First deposits.
    pub ftd: ByStatus,
    /// Repeat deposits that count.
    pub repeat_deposits: i64,
    /// Revenue events that count.
    pub revshare: i64,
    /// Conversions of all goals.
    pub conversions: ByStatus,
    /// Of each goal that is set to show its count: how many conversions count.
    pub goals: BTreeMap<Arc<str>, i64>,
}

/// What is told of one currency. Sums are of conversions that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// First deposits.
    pub ftd: ByStatus,
    /// The sum of the approved ones.
    pub ftd_sum: Total,
    /// Repeat deposits.
    pub repeat_deposits: i64,
    /// Their sum.
    pub repeat_deposit_sum: Total,
    /// Revenue events.
    pub revshare: i64,
    /// The sum of their amounts: what players lost, less what they won.
    pub revshare_sum: Total,
    /// What merchants owe us for them.
    pub revenue: Total,
    /// What we owe affiliates, whatever currency the conversions were in.
    pub payout: Total,
    /// Conversions of all goals.
    pub conversions: ByStatus,
    /// The sum of the amounts of all that count.
    pub conversion_sum: Total,
    /// Of each goal that is set to show its count or sum: of the conversions that count.
    pub goals: BTreeMap<Arc<str>, GoalAmount>,
}

/// How many conversions stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByStatus {
    /// Wait for a decision.
    pub pending: i64,
    /// Count.
    pub approved: i64,
    /// Do not count.
    pub rejected: i64,
}

/// What a goal with columns of its own comes to in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoalAmount {
    /// How many, of merchants that show it.
    pub count: i64,
    /// How much, of merchants that show it.
    pub sum: Total,
}

impl Figures {
    /// Adds facts; `goal` is the goal of a conversion as it is configured.
    pub(super) fn add(&mut self, fact: Fact<'_>, goal: Option<&Goal>, tally: Tally) {
        match fact {
            Fact::Click => self.counts.clicks += tally.count,
            Fact::Conversion(kind) => {
                self.counts.add(kind, goal, tally.count);
                if let Some(currency) = kind.currency {
                    self.money.entry(currency).or_default().add(kind, goal, tally);
                }
            }
            Fact::Payout(Kind { currency: Some(currency), status: Status::Approved, .. }) => {
                self.money.entry(*currency).or_default().payout += tally.amount;
            }
            Fact::Payout(_) => {}
        }
    }

    /// Forgets what has come to nothing, so that how it was added up does not show.
    pub(super) fn forget_zeros(&mut self) {
        self.counts.goals.retain(|_, count| *count != 0);
        for amounts in self.money.values_mut() {
            amounts.goals.retain(|_, amount| *amount != GoalAmount::default());
        }
        self.money.retain(|_, amounts| *amounts != Amounts::default());
    }
}

impl Counts {
    fn add(&mut self, kind: &Kind, goal: Option<&Goal>, count: i64) {
        self.conversions.add(kind.status, count);
        let Some(goal) = goal else { return };
        if goal.role == GoalRole::FirstDeposit {
            self.ftd.add(kind.status, count);
        }
        if kind.status != Status::Approved {
            return;
        }
        match goal.role {
            GoalRole::RepeatDeposit => self.repeat_deposits += count,
            GoalRole::RevenueShare => self.revshare += count,
            GoalRole::Event if goal.alias.as_str() == REGISTRATION => self.registrations += count,
            GoalRole::Event | GoalRole::FirstDeposit => {}
        }
        if goal.show_count {
            *self.goals.entry(goal.alias.as_str().into()).or_default() += count;
        }
    }

    /// How many of the first deposits that have been decided were approved.
    pub const fn approval_rate(&self) -> Rate {
        Rate { part: self.ftd.approved, whole: self.ftd.approved + self.ftd.rejected }
    }

    /// Registrations per click.
    pub const fn registration_rate(&self) -> Rate {
        Rate { part: self.registrations, whole: self.clicks }
    }

    /// First deposits per registration, however they were decided.
    pub const fn deposit_rate(&self) -> Rate {
        Rate { part: self.ftd.total(), whole: self.registrations }
    }

    /// Approved first deposits per click.
    pub const fn conversion_rate(&self) -> Rate {
        Rate { part: self.ftd.approved, whole: self.clicks }
    }
}

impl Amounts {
    fn add(&mut self, kind: &Kind, goal: Option<&Goal>, tally: Tally) {
        let counts = kind.status == Status::Approved;
        self.conversions.add(kind.status, tally.count);
        if counts {
            self.conversion_sum += tally.amount;
            self.revenue += tally.revenue;
        }
        let Some(goal) = goal else { return };
        if goal.role == GoalRole::FirstDeposit {
            self.ftd.add(kind.status, tally.count);
        }
        if !counts {
            return;
        }
        match goal.role {
            GoalRole::FirstDeposit => self.ftd_sum += tally.amount,
            GoalRole::RepeatDeposit => {
                self.repeat_deposits += tally.count;
                self.repeat_deposit_sum += tally.amount;
            }
            GoalRole::RevenueShare => {
                self.revshare += tally.count;
                self.revshare_sum += tally.amount;
            }
            GoalRole::Event => {}
        }
        if goal.show_count || goal.show_sum {
            let own = self.goals.entry(goal.alias.as_str().into()).or_default();
            own.count += if goal.show_count { tally.count } else { 0 };
            own.sum += if goal.show_sum { tally.amount } else { Total::ZERO };
        }
    }
}

impl ByStatus {
    fn add(&mut self, status: Status, count: i64) {
        match status {
            Status::Pending => self.pending += count,
            Status::Approved => self.approved += count,
            Status::Rejected => self.rejected += count,
        }
    }

    /// All of them.
    pub const fn total(self) -> i64 {
        self.pending + self.approved + self.rejected
    }
}

impl AddAssign for ByStatus {
    fn add_assign(&mut self, other: Self) {
        self.pending += other.pending;
        self.approved += other.approved;
        self.rejected += other.rejected;
    }
}

/// So many of so many, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many...
    pub part: i64,
    /// ...of so many.
    pub whole: i64,
}

impl Rate {
    /// In percent with two decimal places, the nearest one, as in `66.67`; none of nothing.
    pub fn percent(self) -> Option<String> {
        let (part, whole) = (i128::from(self.part), i128::from(self.whole));
        if whole <= 0 || part < 0 {
            return None;
        }
        let hundredths = (part * 20_000 + whole) / (2 * whole);
        Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
    }
}

/// In percent; nothing of nothing.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.percent().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_rounded_to_the_nearest_hundredth_of_a_percent() {
        #[track_caller]
        fn check(part: i64, whole: i64, expected: Option<&str>) {
            assert_eq!(Rate { part, whole }.percent().as_deref(), expected, "{part} of {whole}");
        }
        check(2, 3, Some("66.67"));
        check(1, 3, Some("33.33"));
        check(1, 20_000, Some("0.01"));
        check(1, 20_001, Some("0.00"));
        check(0, 7, Some("0.00"));
        check(7, 7, Some("100.00"));
        check(14, 7, Some("200.00"));
        check(i64::MAX, i64::MAX, Some("100.00"));
        check(0, 0, None);
        check(1, 0, None);
    }
}
