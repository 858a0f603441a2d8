//! A page of the roll-up: what happened at one place on one day of universal time, in quarters of an hour.
//!
//! It is kept as JSON, so that everybody can read it who can read the database:
//!
//! ```json
//! {"clicks": [[40, 12], [41, 7]],
//!  "conversions": [{"goal": "ftd", "currency": "EUR", "status": "approved",
//!                   "quarters": [[40, 1, 100], [41, 2, 70, 5000000]]}]}
//! ```
//!
//! A quarter is its number from midnight, how many, the sum of the amounts and the sum of the revenue, each as whole
//! units and what is beyond them in 10^-8; zeros at the end are left out.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

use super::{Fact, Kind, Quarter, Tally};
use crate::domain::{currency::CurrencyCode, money::Total, status::Status};

/// What happened at one place on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    #[serde(default, skip_serializing_if = "Series::is_empty")]
    clicks: Series,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    conversions: Vec<Counted>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    payouts: Vec<Counted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Kept", try_from = "Kept")]
struct Counted {
    kind: Kind,
    quarters: Series,
}

/// The quarters of a day in which there was something, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series(Vec<(u8, Tally)>);

impl Page {
    /// Adds to what is counted in this quarter of the page's day.
    pub fn add(&mut self, fact: Fact<'_>, quarter: Quarter, tally: Tally) {
        let (counted, kind) = match fact {
            Fact::Click => return self.clicks.add(quarter, tally),
            Fact::Conversion(kind) => (&mut self.conversions, kind),
            Fact::Payout(kind) => (&mut self.payouts, kind),
        };
        let known = counted.iter().position(|counted| counted.kind == *kind);
        let at = known.unwrap_or_else(|| {
            counted.push(Counted { kind: kind.clone(), quarters: Series::default() });
            counted.len() - 1
        });
        counted[at].quarters.add(quarter, tally);
        if counted[at].quarters.is_empty() {
            counted.remove(at);
        }
    }

    /// Everything on it, quarter by quarter.
    pub fn facts(&self) -> impl Iterator<Item = (Fact<'_>, &Series)> {
        let conversions = self.conversions.iter().map(|it| (Fact::Conversion(&it.kind), &it.quarters));
        let payouts = self.payouts.iter().map(|it| (Fact::Payout(&it.kind), &it.quarters));
        conversions.chain(payouts).chain([(Fact::Click, &self.clicks)])
    }

    /// Reads what [`Page::to_json`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// As it is kept.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Series {
    fn add(&mut self, quarter: Quarter, tally: Tally) {
        let quarter = quarter.of_day();
        let at = self.0.partition_point(|(it, _)| *it < quarter);
        match self.0.get_mut(at) {
            Some((it, sum)) if *it == quarter => *sum += tally,
            _ => self.0.insert(at, (quarter, tally)),
        }
        if self.0[at].1.is_zero() {
            self.0.remove(at);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the quarters of the day from `first` to just before `end` come to.
    pub fn sum(&self, first: u8, end: u8) -> Tally {
        let mut sum = Tally::default();
        for (_, tally) in self.0.iter().filter(|(quarter, _)| (first..end).contains(quarter)) {
            sum += *tally;
        }
        sum
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(quarter, tally)| {
            let (amount, revenue) = (tally.amount.parts(), tally.revenue.parts());
            let numbers = vec![i64::from(*quarter), tally.count, amount.0, amount.1, revenue.0, revenue.1];
            let kept = numbers.iter().rposition(|number| *number != 0).map_or(0, |last| last + 1);
            numbers.into_iter().take(kept.max(2)).collect::<Vec<_>>()
        }))
    }
}

impl<'de> Deserialize<'de> for Series {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quarters = Vec::<KeptQuarter>::deserialize(deserializer)?;
        Ok(Self(quarters.into_iter().map(|kept| (kept.quarter, kept.tally)).collect()))
    }
}

/// A quarter as it is kept: between two and six numbers.
struct KeptQuarter {
    quarter: u8,
    tally: Tally,
}

impl<'de> Deserialize<'de> for KeptQuarter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = KeptQuarter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quarter of an hour: from two to six numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<KeptQuarter, A::Error> {
                let missing = || de::Error::custom("a quarter of an hour has a number and a count");
                let quarter = seq.next_element()?.ok_or_else(missing)?;
                let count = seq.next_element()?.ok_or_else(missing)?;
                let mut rest = [0; 4];
                for number in &mut rest {
                    *number = seq.next_element()?.unwrap_or_default();
                }
                let [amount, amount_rest, revenue, revenue_rest] = rest;
                let amount = Total::of(amount, amount_rest);
                let revenue = Total::of(revenue, revenue_rest);
                Ok(KeptQuarter { quarter, tally: Tally { count, amount, revenue } })
            }
        }

        deserializer.deserialize_seq(Numbers)
    }
}

/// Conversions as they are kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    goal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    status: String,
    quarters: Series,
}

impl From<Counted> for Kept {
    fn from(Counted { kind, quarters }: Counted) -> Self {
        let currency = kind.currency.map(|code| code.to_string());
        Self { goal: kind.goal, currency, status: kind.status.to_string(), quarters }
    }
}

impl TryFrom<Kept> for Counted {
    type Error = String;

    fn try_from(Kept { goal, currency, status, quarters }: Kept) -> Result<Self, String> {
        let code = |code: String| CurrencyCode::parse(&code).ok_or_else(|| format!("no currency: {code}"));
        let currency = currency.map(code).transpose()?;
        let status = Status::parse(&status).ok_or_else(|| format!("no status: {status}"))?;
        Ok(Self { kind: Kind { goal, currency, status }, quarters })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn kind(goal: &str, currency: Option<&str>, status: Status) -> Kind {
        Kind { goal: goal.to_owned(), currency: currency.and_then(CurrencyCode::parse), status }
    }

    fn tally(count: i64, amount: i64, revenue: i64) -> Tally {
        Tally { count, amount: Total::of(0, amount), revenue: Total::of(0, revenue) }
    }

    #[test]
    fn a_page_is_kept_as_json_that_people_can_read() {
        let mut page = Page::default();
        let quarter = |number: i64| Quarter::from_number(96 * 20_000 + number);
        page.add(Fact::Click, quarter(41), tally(7, 0, 0));
        page.add(Fact::Click, quarter(40), tally(12, 0, 0));
        let mut add = |goal, currency, number, tally| {
            let kind = kind(goal, currency, Status::Approved);
            page.add(Fact::Conversion(&kind), quarter(number), tally);
        };
        add("ftd", Some("EUR"), 40, tally(1, 10_000_000_000, 0));
        add("reg", None, 0, tally(1, 0, 0));
        add("revshare", Some("EUR"), 95, tally(1, -500_000_000, -175_000_001));
        let pending = kind("ftd", Some("USD"), Status::Pending);
        page.add(Fact::Payout(&pending), quarter(0), tally(1, 4_050_000_000, 0));
        let json = page.to_json();
        assert_eq!(
            json,
            r#"{"clicks":[[40,12],[41,7]],"conversions":["#.to_owned()
                + r#"{"goal":"ftd","currency":"EUR","status":"approved","quarters":[[40,1,100]]},"#
                + r#"{"goal":"reg","status":"approved","quarters":[[0,1]]},"#
                + r#"{"goal":"revshare","currency":"EUR","status":"approved","quarters":[[95,1,-5,0,-1,-75000001]]}],"#
                + r#""payouts":[{"goal":"ftd","currency":"USD","status":"pending","quarters":[[0,1,40,50000000]]}]}"#
        );
        assert_eq!(Page::parse(&json).unwrap(), page);
        for broken in
            ["", r#"{"clicks":[[1]]}"#, r#"{"clicks":[[1,2,3,4,5,6,7]]}"#, r#"{"clicks":[[300,1]]}"#]
        {
            assert!(Page::parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn what_comes_to_nothing_is_not_kept() {
        let mut page = Page::default();
        let (pending, quarter) = (kind("ftd", Some("EUR"), Status::Pending), Quarter::from_number(5));
        page.add(Fact::Conversion(&pending), quarter, tally(-1, -100, 0));
        page.add(Fact::Conversion(&pending), quarter, tally(1, 100, 0));
        assert_eq!(page, Page::default());
        assert_eq!(page.to_json(), "{}");
    }

    proptest! {
        #[test]
        fn pages_survive_their_text_and_add_up_in_any_order(
            added in vec((select(vec!["", "ftd", "rdep"]), 0i64..96, -3i64..4, any::<i32>(), any::<i32>()), 0..60),
            first in 0u8..97, end in 0u8..97,
        ) {
            let (mut page, mut backwards) = (Page::default(), Page::default());
            let apply = |page: &mut Page, (goal, quarter, count, amount, revenue): &(&str, i64, i64, i32, i32)| {
                let kind = kind(goal, Some("EUR"), Status::Pending);
                let fact = if goal.is_empty() { Fact::Click } else { Fact::Conversion(&kind) };
                page.add(fact, Quarter::from_number(*quarter), tally(*count, (*amount).into(), (*revenue).into()));
            };
            for (forwards, last_first) in added.iter().zip(added.iter().rev()) {
                apply(&mut page, forwards);
                apply(&mut backwards, last_first);
            }
            prop_assert_eq!(&page.clicks, &backwards.clicks);
            prop_assert_eq!(&Page::parse(&page.to_json()).unwrap(), &page);
            let span = i64::from(first)..i64::from(end);
            let clicks = added.iter().filter(|it| it.0.is_empty() && span.contains(&it.1));
            prop_assert_eq!(page.clicks.sum(first, end).count, clicks.map(|it| it.2).sum::<i64>());
        }
    }
}
