//! From when to when, and in which time zone.

use std::fmt;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::{InvalidQuestion, QUARTER_MILLIS, Quarter};
use crate::domain::time::Timestamp;

/// How long a period may be, in days: ten years.
const DAYS_MAX: i64 = 3_660;

/// How many days a period has that nobody named: today and the 29 days before.
const DAYS_BY_DEFAULT: u64 = 30;

/// The years in which a period may lie: whatever is recorded does.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9998;

/// A time zone of the IANA database: how instants fall into days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads a name such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`InvalidQuestion`] when there is no such zone.
    pub fn parse(name: &str) -> Result<Self, InvalidQuestion> {
        let unknown = || {
            let shown: String = name.chars().take(60).collect();
            let why =
                format!("there is no time zone `{shown}`: give an IANA name such as Europe/Berlin or UTC");
            InvalidQuestion { parameter: "tz", why }
        };
        name.parse().map(Self).map_err(|_| unknown())
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The day that it is there at this time.
    pub fn date_of(self, time: Timestamp) -> NaiveDate {
        DateTime::from_timestamp_millis(time.millis()).unwrap_or_default().with_timezone(&self.0).date_naive()
    }

    /// The first moment of a day there. Where clocks are put forward at midnight, the day begins later.
    pub fn start_of(self, date: NaiveDate) -> Timestamp {
        let mut wall = date.and_time(NaiveTime::MIN);
        // A place may leave out a whole day, as Samoa did, but not two.
        for _ in 0..2 * 96 {
            match self.0.from_local_datetime(&wall) {
                LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                    return Timestamp::from_millis(time.timestamp_millis());
                }
                LocalResult::None => wall += TimeDelta::milliseconds(QUARTER_MILLIS),
            }
        }
        Timestamp::from_millis(wall.and_utc().timestamp_millis())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// From one moment until just before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment of it.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Period {
    /// Reads its two ends: days in the zone (`to` is then the last day of the period), or moments (`to` is then the
    /// first moment after it). Without `to` it ends with today; without `from` it has 30 days.
    ///
    /// # Errors
    /// [`InvalidQuestion`] names the parameter that is wrong.
    pub fn parse(
        from: Option<&str>,
        to: Option<&str>,
        zone: Zone,
        now: Timestamp,
    ) -> Result<Self, InvalidQuestion> {
        let to = match to {
            Some(text) => end("to", text, zone, 1)?,
            None => zone.start_of(zone.date_of(now) + Days::new(1)),
        };
        let from = match from {
            Some(text) => end("from", text, zone, 0)?,
            None => zone.start_of(zone.date_of(to.plus_millis(-1)) - Days::new(DAYS_BY_DEFAULT - 1)),
        };
        if from >= to {
            return Err(InvalidQuestion {
                parameter: "from",
                why: "the period ends before it begins: give a `from` before `to`".to_owned(),
            });
        }
        if to.millis() - from.millis() > DAYS_MAX * 86_400_000 {
            return Err(InvalidQuestion {
                parameter: "from",
                why: "the period is too long: ask for ten years at most".to_owned(),
            });
        }
        Ok(Self { from, to })
    }

    /// The whole quarters of an hour in it: the first, and the first after the last. There may be none.
    pub fn quarters(self) -> (Quarter, Quarter) {
        (Quarter::of(self.from.plus_millis(QUARTER_MILLIS - 1)), Quarter::of(self.to))
    }
}

fn end(parameter: &'static str, text: &str, zone: Zone, days: u64) -> Result<Timestamp, InvalidQuestion> {
    let shown: String = text.chars().take(60).collect();
    let invalid = |why: String| InvalidQuestion { parameter, why };
    let parsed = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) if YEARS.contains(&date.year()) => Some(zone.start_of(date + Days::new(days))),
        Ok(_) => None,
        Err(_) => Timestamp::parse(text),
    };
    let time = parsed.ok_or_else(|| {
        invalid(format!(
            "`{shown}` is neither a day nor a moment: write 2026-11-20 or 2026-11-20T10:00:00Z, from 1970 on"
        ))
    })?;
    let year = DateTime::from_timestamp_millis(time.millis()).map(|time| time.year());
    if year.is_some_and(|year| YEARS.contains(&year) || year == YEARS.start() - 1) {
        return Ok(time);
    }
    Err(invalid(format!(
        "`{shown}` is out of reach: ask for years from {} to {}",
        YEARS.start(),
        YEARS.end()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::NOW;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    #[track_caller]
    fn read(from: Option<&str>, to: Option<&str>, tz: &str) -> String {
        match Period::parse(from, to, zone(tz), NOW) {
            Ok(period) => format!("{} {}", period.from, period.to),
            Err(error) => format!("{}: {}", error.parameter, error.why),
        }
    }

    #[test]
    fn days_are_those_of_the_zone_and_the_last_one_counts() {
        #[track_caller]
        fn check(from: &str, to: &str, tz: &str, expected: &str) {
            assert_eq!(read(Some(from), Some(to), tz), expected, "{from} {to} {tz}");
        }
        check("2026-11-20", "2026-11-20", "UTC", "2026-11-20T00:00:00.000Z 2026-11-21T00:00:00.000Z");
        check(
            "2026-11-20",
            "2026-11-21",
            "Asia/Kathmandu",
            "2026-11-19T18:15:00.000Z 2026-11-21T18:15:00.000Z",
        );
        // Clocks go back in Berlin, forward in New York, forward at midnight in Cairo, by half an hour on Lord Howe.
        check(
            "2026-10-25",
            "2026-10-25",
            "Europe/Berlin",
            "2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z",
        );
        check(
            "2026-03-08",
            "2026-03-08",
            "America/New_York",
            "2026-03-08T05:00:00.000Z 2026-03-09T04:00:00.000Z",
        );
        check(
            "2026-04-24",
            "2026-04-24",
            "Africa/Cairo",
            "2026-04-23T22:00:00.000Z 2026-04-24T21:00:00.000Z",
        );
        check(
            "2026-10-04",
            "2026-10-04",
            "Australia/Lord_Howe",
            "2026-10-03T13:30:00.000Z 2026-10-04T13:00:00.000Z",
        );
        // Samoa went without the 30th of December 2011.
        check(
            "2011-12-29",
            "2011-12-30",
            "Pacific/Apia",
            "2011-12-29T10:00:00.000Z 2011-12-30T10:00:00.000Z",
        );
    }

    #[test]
    fn moments_are_taken_as_they_are_and_what_is_left_out_is_the_last_thirty_days() {
        let (from, to) = (Some("2026-11-20T10:00:00.5+02:00"), Some("1795168800"));
        assert_eq!(read(from, to, "UTC"), "2026-11-20T08:00:00.500Z 2026-11-20T10:00:00.000Z");
        assert_eq!(read(None, None, "UTC"), "2026-10-22T00:00:00.000Z 2026-11-21T00:00:00.000Z");
        assert_eq!(
            read(None, Some("2026-01-30"), "UTC"),
            "2026-01-01T00:00:00.000Z 2026-01-31T00:00:00.000Z"
        );
        assert_eq!(read(None, None, "Pacific/Auckland"), "2026-10-21T11:00:00.000Z 2026-11-20T11:00:00.000Z");
    }

    #[test]
    fn a_period_that_can_not_be_says_what_to_write_instead() {
        #[track_caller]
        fn check(from: &str, to: &str, expected: &str) {
            let got = read(Some(from), Some(to), "UTC");
            assert!(got.starts_with(expected), "{from} {to}: {got}");
        }
        check("2026-11-20", "2026-11-19", "from: the period ends before it begins");
        check("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z", "from: the period ends before it begins");
        check("1990-01-01", "2026-11-19", "from: the period is too long");
        check("yesterday", "2026-11-20", "from: `yesterday` is neither a day nor a moment");
        check("2026-11-20", "2026-02-30", "to: `2026-02-30` is neither");
        check("2026-11-20", "+262000-01-01", "to: `+262000-01-01` is neither");
        check("2026-11-20", "999999999999", "to: `999999999999` is out of reach");
        check("", "2026-11-20", "from: `` is neither");
        let unknown = Zone::parse("Mars/Olympus").unwrap_err();
        assert_eq!(unknown.parameter, "tz");
        assert!(unknown.why.starts_with("there is no time zone `Mars/Olympus`"), "{}", unknown.why);
    }

    #[test]
    fn whole_quarters_lie_within_the_period() {
        #[track_caller]
        fn check(from: i64, to: i64, expected: (i64, i64)) {
            let time = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
            let (first, end) = Period { from: time(from), to: time(to) }.quarters();
            assert_eq!((first.number(), end.number()), expected, "{from} {to}");
        }
        check(0, 30, (0, 2));
        check(1, 30, (1, 2));
        check(1, 29, (1, 1));
        check(16, 29, (2, 1));
        check(-15, 1, (-1, 0));
    }
}
