//! By what figures are grouped.

use std::{fmt, sync::Arc};

use chrono::{Datelike, Days, Months, NaiveDate};

use super::{
    InvalidQuestion,
    period::{Period, Zone},
};
use crate::domain::time::Timestamp;

/// How many dimensions there may be at once: more make a table that nobody reads.
const DIMENSIONS_MAX: usize = 2;

/// How many `sub` parameters of a click can be grouped by.
const SUBS: u8 = 10;

/// One thing by which figures can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The day, in the zone that was asked for.
    Day,
    /// The week, from Monday on.
    Week,
    /// The month.
    Month,
    /// The merchant.
    Merchant,
    /// The offer.
    Offer,
    /// The affiliate.
    Affiliate,
    /// The goal of a conversion.
    Goal,
    /// The click's parameter `sub1` to `sub10`.
    Sub(u8),
    /// The click's country, by its parameter `geo` or else `country`.
    Country,
}

impl Dimension {
    /// Those with names of their own, in the order in which they are offered.
    const NAMED: [(&'static str, Self); 8] = [
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("merchant", Self::Merchant),
        ("offer", Self::Offer),
        ("affiliate", Self::Affiliate),
        ("goal", Self::Goal),
        ("country", Self::Country),
    ];

    /// All of them, in the order in which they are offered.
    pub fn all() -> impl Iterator<Item = Self> {
        let (named, country) = Self::NAMED.split_at(Self::NAMED.len() - 1);
        let subs = (1..=SUBS).map(Self::Sub);
        named.iter().map(|(_, it)| *it).chain(subs).chain(country.iter().map(|(_, it)| *it))
    }

    /// Reads its word, as in `affiliate` or `sub1`.
    pub fn parse(word: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(name, _)| *name == word).map(|(_, it)| *it);
        named.or_else(|| Self::all().find(|it| matches!(it, Self::Sub(_)) && it.to_string() == word))
    }

    /// Whether it cuts time.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month)
    }

    /// The parameters of a click that it is read from: the first that has a value counts.
    pub fn params(self) -> Vec<String> {
        match self {
            Self::Sub(_) => vec![self.to_string()],
            Self::Country => vec!["geo".to_owned(), "country".to_owned()],
            _ => Vec::new(),
        }
    }

    /// The days by which it cuts a period, from the first to the last: the first day of each of its days, weeks or
    /// months. None for a dimension that does not cut time.
    pub fn dates(self, period: Period, zone: Zone) -> Vec<NaiveDate> {
        let last = self.date_at(period.to.plus_millis(-1), zone);
        let next = |date: &NaiveDate| match self {
            Self::Day => date.checked_add_days(Days::new(1)),
            Self::Week => date.checked_add_days(Days::new(7)),
            Self::Month => date.checked_add_months(Months::new(1)),
            _ => None,
        };
        let dates = std::iter::successors(self.is_time().then(|| self.date_at(period.from, zone)), next);
        dates.take_while(|date| *date <= last).collect()
    }

    /// What a moment belongs to, for a dimension that cuts time: the first day of it.
    pub(super) fn date_at(self, time: Timestamp, zone: Zone) -> NaiveDate {
        let date = zone.date_of(time);
        match self {
            Self::Week => date - Days::new(date.weekday().num_days_from_monday().into()),
            Self::Month => date.with_day(1).unwrap_or(date),
            _ => date,
        }
    }
}

/// The word for it.
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sub(number) => write!(f, "sub{number}"),
            named => f.write_str(Self::NAMED.iter().find(|(_, it)| it == named).map_or("", |(name, _)| name)),
        }
    }
}

/// Up to two dimensions, none of them twice. With none, there are only totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping(Vec<Dimension>);

impl Grouping {
    /// By one thing.
    pub fn by(dimension: Dimension) -> Self {
        Self(vec![dimension])
    }

    /// Reads dimensions that are separated by commas: `day,affiliate`.
    ///
    /// # Errors
    /// [`InvalidQuestion`] says which word is wrong, and which there are.
    pub fn parse(text: &str) -> Result<Self, InvalidQuestion> {
        let invalid = |why| InvalidQuestion { parameter: "group_by", why };
        let mut dimensions = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let dimension = Dimension::parse(word).ok_or_else(|| {
                let known: Vec<_> = Dimension::all().map(|it| it.to_string()).collect();
                let shown: String = word.chars().take(60).collect();
                invalid(format!("nothing can be grouped by `{shown}`, only by {}", known.join(", ")))
            })?;
            if dimensions.contains(&dimension) {
                return Err(invalid(format!("`{dimension}` stands there twice")));
            }
            dimensions.push(dimension);
        }
        if dimensions.len() > DIMENSIONS_MAX {
            return Err(invalid(format!("group by {DIMENSIONS_MAX} things at once, not by more")));
        }
        Ok(Self(dimensions))
    }

    /// The dimensions, the first one outermost.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.0
    }

    /// Whether it asks for something that only the clicks themselves know.
    pub fn needs_clicks(&self) -> bool {
        self.0.iter().any(|dimension| !dimension.params().is_empty())
    }

    /// Whether it tells goals apart, which clicks have none of.
    pub fn tells_goals(&self) -> bool {
        self.0.contains(&Dimension::Goal)
    }

    /// Whether it tells times apart.
    pub fn tells_times(&self) -> bool {
        self.0.iter().any(|dimension| dimension.is_time())
    }
}

/// As it is written in a query.
impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(","))
    }
}

/// What stands at the head of a line of figures, for one dimension. Lines are in the order of their labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The first day of a day, week or month.
    Date(NaiveDate),
    /// An id or a parameter's value; empty where a click has none.
    Text(Arc<str>),
}

impl Label {
    /// As it is shown under its dimension: `2026-11-20`, `2026-W47`, `2026-11`, or the text.
    pub fn shown(&self, dimension: Dimension) -> String {
        match (self, dimension) {
            (Self::Date(date), Dimension::Week) => date.format("%G-W%V").to_string(),
            (Self::Date(date), Dimension::Month) => date.format("%Y-%m").to_string(),
            (Self::Date(date), _) => date.format("%Y-%m-%d").to_string(),
            (Self::Text(text), _) => text.as_ref().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_read_by_their_words() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, &str>) {
            let got = Grouping::parse(text).map(|grouping| grouping.to_string()).map_err(|error| error.why);
            match (&got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{text}"),
                (Err(got), Err(expected)) => assert!(got.starts_with(expected), "{text}: {got}"),
                _ => panic!("{text}: {got:?}"),
            }
        }
        check("", Ok(""));
        check("day,affiliate", Ok("day,affiliate"));
        check(" sub10 , country,", Ok("sub10,country"));
        check("day,day", Err("`day` stands there twice"));
        check("day,offer,goal", Err("group by 2 things"));
        check("sub11", Err("nothing can be grouped by `sub11`"));
        check("sub01", Err("nothing can be grouped by `sub01`"));
        check(
            "Day",
            Err(
                "nothing can be grouped by `Day`, only by day, week, month, merchant, offer, affiliate, goal, sub1,",
            ),
        );
        for dimension in Dimension::all() {
            assert_eq!(Dimension::parse(&dimension.to_string()), Some(dimension));
        }
    }

    #[test]
    fn weeks_and_months_are_shown_by_their_usual_names() {
        #[track_caller]
        fn check(time: &str, zone: &str, dimension: Dimension, expected: &str) {
            let (time, zone) = (Timestamp::parse(time).unwrap(), Zone::parse(zone).unwrap());
            assert_eq!(Label::Date(dimension.date_at(time, zone)).shown(dimension), expected, "{time}");
        }
        check("2026-11-20T23:30:00Z", "UTC", Dimension::Day, "2026-11-20");
        check("2026-11-20T23:30:00Z", "Europe/Berlin", Dimension::Day, "2026-11-21");
        check("2026-11-20T23:30:00Z", "UTC", Dimension::Week, "2026-W47");
        check("2027-01-01T00:00:00Z", "UTC", Dimension::Week, "2026-W53");
        check("2026-11-30T23:30:00Z", "Asia/Tokyo", Dimension::Month, "2026-12");
    }

    #[test]
    fn a_period_is_cut_without_a_gap() {
        #[track_caller]
        fn check(from: &str, to: &str, zone: &str, dimension: Dimension, expected: &[&str]) {
            let zone = Zone::parse(zone).unwrap();
            let period = Period::parse(Some(from), Some(to), zone, Timestamp::from_millis(0)).unwrap();
            let dates = dimension.dates(period, zone).into_iter().map(Label::Date);
            assert_eq!(dates.map(|date| date.shown(dimension)).collect::<Vec<_>>(), expected, "{from} {to}");
        }
        let days = ["2026-10-24", "2026-10-25", "2026-10-26"];
        check("2026-10-24", "2026-10-26", "Europe/Berlin", Dimension::Day, &days);
        check(
            "2026-10-24T22:30:00Z",
            "2026-10-25T22:59:00Z",
            "Europe/Berlin",
            Dimension::Day,
            &["2026-10-25"],
        );
        check("2026-12-31", "2027-01-04", "UTC", Dimension::Week, &["2026-W53", "2027-W01"]);
        check("2026-11-30", "2027-01-01", "UTC", Dimension::Month, &["2026-11", "2026-12", "2027-01"]);
        check("2026-11-30", "2027-01-01", "UTC", Dimension::Offer, &[]);
    }
}
