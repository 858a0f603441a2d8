//! Statistics: what clicks and conversions come to over a period, grouped, and per currency.
//!
//! - What is asked: a [`Question`], of a [`period`] in a time zone and a [`grouping`]
//! - What is counted: a [`Fact`] at a [`Place`] in a [`Quarter`] of an hour, and its [`Tally`]
//! - How it is kept: a [`page`] per day and place, which storage rolls up from the ledger
//! - What comes of it: a [`report`] with [`figures`] for each line and in all
//!
//! A click counts when it was recorded, and so does a conversion, whenever it is decided: a line tells how many of
//! the first deposits of that day have been approved by now.
//!
//! The quarter of an hour is the smallest time that is told apart, because every time zone's days are made of such
//! quarters.

pub mod figures;
pub mod grouping;
pub mod page;
pub mod period;
pub mod report;

use std::{ops::AddAssign, sync::Arc};

use self::{
    grouping::Grouping,
    period::{Period, Zone},
};
use super::{
    currency::CurrencyCode,
    ids::{AffiliateId, MerchantId, OfferId},
    money::Total,
    status::Status,
    time::Timestamp,
};

/// A quarter of an hour, in milliseconds.
pub const QUARTER_MILLIS: i64 = 15 * 60 * 1000;

/// How many quarters of an hour a day of universal time has.
pub const QUARTERS_A_DAY: i64 = 96;

/// A question that can't be answered, and what to ask instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct InvalidQuestion {
    /// The parameter that is wrong: `from`, `to`, `tz` or `group_by`.
    pub parameter: &'static str,
    /// What is wrong with it, and what to write instead.
    pub why: String,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Over which period.
    pub period: Period,
    /// In which time zone days, weeks and months begin.
    pub zone: Zone,
    /// By what the figures are told apart.
    pub grouping: Grouping,
    /// Of what they are.
    pub only: Only,
}

/// What a question is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
}

impl Only {
    /// The columns of a [`Place`] that have to hold something, and what.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let columns = [
            ("merchant", self.merchant.as_ref().map(MerchantId::as_str)),
            ("offer", self.offer.as_ref().map(OfferId::as_str)),
            ("affiliate", self.affiliate.as_ref().map(AffiliateId::as_str)),
        ];
        columns.into_iter().filter_map(|(column, wanted)| Some((column, wanted?)))
    }
}

/// A quarter of an hour of universal time, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(i64);

impl Quarter {
    /// The one of this number.
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// The one of this time.
    pub const fn of(time: Timestamp) -> Self {
        Self(time.millis().div_euclid(QUARTER_MILLIS))
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// When it begins.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0 * QUARTER_MILLIS)
    }

    /// The day of universal time that it belongs to, counted from the epoch.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(QUARTERS_A_DAY)
    }

    /// Which quarter of that day it is, from 0.
    pub fn of_day(self) -> u8 {
        u8::try_from(self.0.rem_euclid(QUARTERS_A_DAY)).unwrap_or_default()
    }
}

/// Where something happened: all that a fact is told apart by beside its time and its goal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The merchant.
    pub merchant: Arc<str>,
    /// The offer.
    pub offer: Arc<str>,
    /// The affiliate.
    pub affiliate: Arc<str>,
}

/// Conversions that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Their goal.
    pub goal: String,
    /// The currency of their amounts; none where they have no amount.
    pub currency: Option<CurrencyCode>,
    /// Where they stand.
    pub status: Status,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// Clicks.
    Click,
    /// Conversions with their amounts and revenue.
    Conversion(&'a Kind),
    /// Payouts of conversions, in the currency of the payout. Their sum is the tally's amount.
    Payout(&'a Kind),
}

/// How many, and how much. It may be negative on its way: a decision takes a conversion from where it was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: i64,
    /// The sum of their amounts.
    pub amount: Total,
    /// The sum of what merchants owe us for them.
    pub revenue: Total,
}

impl Tally {
    /// Whether there is nothing.
    pub const fn is_zero(&self) -> bool {
        self.count == 0 && self.amount.is_zero() && self.revenue.is_zero()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.amount += other.amount;
        self.revenue += other.revenue;
    }
}
