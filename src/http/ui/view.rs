//! Small things that pages show over and over: amounts, times, ages, ids, marks for a status.
//!
//! Each is a template of its own that escapes what it holds, so a page writes `{{ row.amount }}` and nothing more.

use std::borrow::Borrow;

use askama::{Template, filters::HtmlSafe};
use chrono::{DateTime, NaiveDate, TimeZone};
use chrono_tz::Tz;

use crate::domain::time::Timestamp;

/// Between groups of three digits. A comma would be read as a decimal point in half of the world.
const GROUP: char = '\u{202f}';

/// The time zone that a viewer reads times in; UTC where it is not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Zone(Option<Tz>);

impl Zone {
    /// By a name such as `Europe/Berlin`; an unknown name is taken for no name.
    pub(crate) fn named(name: &str) -> Self {
        Self(name.parse().ok())
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.tz().name()
    }

    /// Whether the viewer has told it.
    pub(crate) fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// The first moment of a day such as `2026-11-20`, and that of the day after.
    pub(crate) fn day(self, text: &str) -> Option<(Timestamp, Timestamp)> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some((self.first_of(day)?, self.first_of(day.succ_opt()?)?))
    }

    /// Where clocks skip midnight, a day begins with the hour after.
    fn first_of(self, day: NaiveDate) -> Option<Timestamp> {
        let local = |hour| self.tz().from_local_datetime(&day.and_hms_opt(hour, 0, 0)?).earliest();
        (0..3).find_map(local).map(|time| time.to_utc().into())
    }

    fn tz(self) -> Tz {
        self.0.unwrap_or(Tz::UTC)
    }

    fn format(self, at: Timestamp, pattern: &str) -> String {
        let time = DateTime::from_timestamp_millis(at.millis());
        time.map_or_else(|| at.to_string(), |time| time.with_timezone(&self.tz()).format(pattern).to_string())
    }
}

/// How exactly a time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Day,
    Minute,
    Second,
}

impl Show {
    fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Self::Day => "%Y-%m-%d",
            Self::Minute => "%Y-%m-%d %H:%M",
            Self::Second => "%Y-%m-%d %H:%M:%S",
        }
    }
}

/// A point in time in the viewer's zone, with the exact time in UTC beside it.
#[derive(Clone, Debug, Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ at }}" title="{{ exact() }}" data-show="{{ show.word() }}">{{ text() }}</time>"#
)]
pub(crate) struct Moment {
    at: Timestamp,
    zone: Zone,
    show: Show,
}

impl HtmlSafe for Moment {}

impl Moment {
    /// To the minute.
    pub(crate) fn new(at: Timestamp, zone: Zone) -> Self {
        Self { at, zone, show: Show::Minute }
    }

    /// To the second, for logs.
    pub(crate) fn to_the_second(at: Timestamp, zone: Zone) -> Self {
        Self { at, zone, show: Show::Second }
    }

    /// The day only.
    pub(crate) fn day(at: Timestamp, zone: Zone) -> Self {
        Self { at, zone, show: Show::Day }
    }

    fn text(&self) -> String {
        self.zone.format(self.at, self.show.pattern())
    }

    fn exact(&self) -> String {
        exact(self.at)
    }
}

fn exact(at: Timestamp) -> String {
    Zone::default().format(at, "%Y-%m-%d %H:%M:%S%.3f UTC")
}

/// How long ago something was.
#[derive(Clone, Debug, Template)]
#[template(ext = "html", source = r#"<time datetime="{{ since }}" title="{{ exact }}">{{ text }}</time>"#)]
pub(crate) struct Age {
    since: Timestamp,
    exact: String,
    text: String,
}

impl HtmlSafe for Age {}

impl Age {
    /// Of what was at `since`, seen from `now`.
    pub(crate) fn new(since: Timestamp, now: Timestamp) -> Self {
        Self { since, exact: exact(since), text: span(now.millis().saturating_sub(since.millis())) }
    }

    /// The age in words.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A span of time in its largest unit, and where that is small in the next one too.
pub(crate) fn span(millis: i64) -> String {
    let minutes = millis.max(0) / 60_000;
    let (hours, days) = (minutes / 60, minutes / 1_440);
    match (days, hours, minutes) {
        (0, 0, 0) => "under 1 min".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, 1..10, _) => format!("{hours} h {} min", minutes % 60),
        (0, _, _) => format!("{hours} h"),
        (1..10, _, _) => format!("{days} d {} h", hours % 24),
        (10..1_000, _, _) => format!("{days} d"),
        _ => format!("{} y", days / 365),
    }
}

/// How long something took, in microseconds, as people say it.
pub(crate) fn duration(micros: i64) -> String {
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// A part of a whole in percent, to a tenth; nothing of nothing is not told.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = (u128::from(part) * 2_000 / u128::from(whole)).div_ceil(2);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A number of things, its digits in groups of three.
pub(crate) fn count(number: impl Borrow<u64>) -> String {
    grouped(&number.borrow().to_string())
}

/// A number of things with their name: `1 conversion`, `2 conversions`.
pub(crate) fn counted(number: impl Borrow<u64>, name: &str) -> String {
    let number = *number.borrow();
    let (stem, ending) = match (number, name.strip_suffix('y')) {
        (1, _) => (name, ""),
        (_, Some(stem)) if !name.ends_with("ay") => (stem, "ies"),
        _ => (name, "s"),
    };
    format!("{} {stem}{ending}", count(number))
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * GROUP.len_utf8());
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(GROUP);
        }
        text.push(digit);
    }
    text
}

/// An amount of money, lined up with the others of its column.
#[derive(Clone, Debug, Default, Template)]
#[template(
    ext = "html",
    source = r#"{% if is_nothing() %}<span class="muted">–</span>{% else -%}
        <span class="n p{{ pad }}{{ no_point() }}">{{ text }}</span>
        {%- if !currency.is_empty() %} <span class="cur">{{ currency }}</span>{% endif %}{% endif %}"#
)]
pub(crate) struct Amount {
    text: String,
    currency: String,
    /// How many decimal places it lacks beside the longest of its column.
    pad: usize,
}

impl HtmlSafe for Amount {}

impl Amount {
    /// From a plain decimal, as in `-1234.50`.
    pub(crate) fn new(decimal: &str, currency: &str) -> Self {
        let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |digits| ("−", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{sign}{}{point}{fraction}", grouped(whole));
        Self { text, currency: currency.to_owned(), pad: 0 }
    }

    /// Whether there is none.
    pub(crate) fn is_nothing(&self) -> bool {
        self.text.is_empty()
    }

    /// As it is read out.
    pub(crate) fn plain(&self) -> String {
        format!("{} {}", self.text, self.currency)
    }

    /// Lines the amounts of a column up on the point.
    pub(crate) fn align<'a>(column: impl IntoIterator<Item = &'a mut Self>) {
        let mut column: Vec<_> = column.into_iter().collect();
        let longest = column.iter().map(|amount| amount.places()).max().unwrap_or_default();
        for amount in &mut column {
            amount.pad = longest - amount.places();
        }
    }

    fn places(&self) -> usize {
        self.text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
    }

    /// The class of one that lacks the point too.
    fn no_point(&self) -> &'static str {
        if self.pad > 0 && !self.text.contains('.') { " np" } else { "" }
    }
}

/// What a mark means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It counts, it worked.
    Good,
    /// It waits for somebody.
    Wait,
    /// It failed, or does not count.
    Bad,
    /// None of these.
    #[default]
    Plain,
}

impl Tone {
    /// Its class in the style.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}

/// A mark for a status or an outcome: a word, and a colour that says the same.
#[derive(Clone, Debug, Template)]
#[template(ext = "html", source = r#"<span class="badge {{ tone.class() }}">{{ text }}</span>"#)]
pub(crate) struct Badge {
    tone: Tone,
    text: String,
}

impl HtmlSafe for Badge {}

impl Badge {
    /// With a tone of its own.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }

    /// For a word that is stored: the status of a conversion, the state of a delivery, the outcome of a postback.
    pub(crate) fn of(word: &str) -> Self {
        let tone = match word {
            "approved" | "delivered" | "recorded" | "decided" | "active" | "healthy" => Tone::Good,
            "pending" | "waiting" | "paused" | "overloaded" | "storage_unavailable" => Tone::Wait,
            "duplicate" | "dry_run" | "inactive" | "admin" | "manager" | "viewer" => Tone::Plain,
            _ => Tone::Bad,
        };
        Self::new(tone, word.replace('_', " "))
    }
}

/// An id that is too long for a table: its end, which tells neighbours apart, with the whole of it beside it.
#[derive(Clone, Debug, Template)]
#[template(
    ext = "html",
    source = r#"{% if shown().len() < full.len() %}<span class="id" title="{{ full }}">…{{ shown() }}</span>
        {%- else %}<span class="id">{{ full }}</span>{% endif %}"#
)]
pub(crate) struct Short {
    full: String,
}

impl HtmlSafe for Short {}

impl Short {
    /// How many characters are shown of a longer id.
    const SHOWN: usize = 12;

    /// Of any id.
    pub(crate) fn new(full: &(impl ToString + ?Sized)) -> Self {
        Self { full: full.to_string() }
    }

    /// The whole id.
    pub(crate) fn full(&self) -> &str {
        &self.full
    }

    fn shown(&self) -> &str {
        let start = self.full.char_indices().rev().nth(Self::SHOWN - 1).map_or(0, |(at, _)| at);
        // One that is hardly longer is shown whole.
        if start <= 4 { &self.full } else { &self.full[start..] }
    }
}

/// Something configured: its name, and its id beside it.
#[derive(Clone, Debug, Template)]
#[template(ext = "html", source = r#"<span title="{{ id }}">{{ name }}</span>"#)]
pub(crate) struct Named {
    id: String,
    name: String,
}

impl HtmlSafe for Named {}

impl Named {
    /// By its id and its name for people.
    pub(crate) fn new(id: &(impl ToString + ?Sized), name: impl Into<String>) -> Self {
        Self { id: id.to_string(), name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_a_column_are_lined_up_on_the_point() {
        let mut column = [("1234567.50", "EUR"), ("-100", "JPY"), ("0.00012345", "BTC"), ("7.125", "KWD")]
            .map(|(d, c)| Amount::new(d, c));
        Amount::align(&mut column);
        let shown = column.map(|amount| (amount.text.clone(), amount.pad, amount.no_point().is_empty()));
        assert_eq!(
            shown.each_ref().map(|(text, pad, point)| (text.as_str(), *pad, *point)),
            [
                ("1\u{202f}234\u{202f}567.50", 6, true),
                ("−100", 8, false),
                ("0.00012345", 0, true),
                ("7.125", 5, true)
            ]
        );
    }

    #[test]
    fn a_time_is_shown_in_the_viewers_zone_and_exactly() {
        let at = Timestamp::parse("2026-11-20T23:30:00.123Z").unwrap();
        let shown = Moment::new(at, Zone::named("Asia/Tokyo")).to_string();
        assert_eq!(
            shown,
            "<time datetime=\"2026-11-20T23:30:00.123Z\" title=\"2026-11-20 23:30:00.123 UTC\" \
             data-show=\"minute\">2026-11-21 08:30</time>"
        );
        assert_eq!(Zone::named("Mars/Olympus").name(), "UTC");
    }

    #[test]
    fn a_day_begins_in_the_viewers_zone() {
        #[track_caller]
        fn check(zone: &str, day: &str, expected: Option<(&str, &str)>) {
            let got = Zone::named(zone).day(day).map(|(first, next)| (first.to_string(), next.to_string()));
            let expected =
                expected.map(|(first, next)| (format!("{first}:00.000Z"), format!("{next}:00.000Z")));
            assert_eq!(got, expected, "{zone} {day}");
        }
        check("UTC", "2026-11-20", Some(("2026-11-20T00:00", "2026-11-21T00:00")));
        check("Europe/Berlin", "2026-10-25", Some(("2026-10-24T22:00", "2026-10-25T23:00")));
        check("America/Santiago", "2026-09-06", Some(("2026-09-06T04:00", "2026-09-07T03:00")));
        check("UTC", "20.11.2026", None);
    }

    #[test]
    fn spans_are_told_in_units_that_people_use() {
        let check = |minutes: i64, expected| assert_eq!(span(minutes * 60_000), expected);
        check(-5, "under 1 min");
        check(0, "under 1 min");
        check(59, "59 min");
        check(61, "1 h 1 min");
        check(600, "10 h");
        check(1_440 + 60, "1 d 1 h");
        check(14_400, "10 d");
        check(1_000_000_000, "1902 y");
    }

    #[test]
    fn durations_are_told_in_units_that_people_use() {
        assert_eq!([80, 12_345, 15_200_000].map(duration), ["80 µs", "12 ms", "15.2 s"]);
    }

    #[test]
    fn parts_are_told_in_tenths_of_a_percent() {
        let check = |part, whole, expected| assert_eq!(percent(part, whole), expected);
        check(1, 3, "33.3 %");
        check(2, 3, "66.7 %");
        check(7, 7, "100.0 %");
        check(0, 7, "0.0 %");
        check(7, 0, "");
        check(u64::MAX, u64::MAX, "100.0 %");
    }

    #[test]
    fn things_are_counted_in_plain_english() {
        assert_eq!(counted(1, "conversion"), "1 conversion");
        assert_eq!(counted(0, "delivery"), "0 deliveries");
        assert_eq!(counted(43_120, "day"), "43\u{202f}120 days");
    }

    #[test]
    fn a_long_id_is_shown_by_its_end() {
        let check = |id: &str, expected: &str| assert_eq!(Short::new(id).shown(), expected);
        check("c1", "c1");
        check("", "");
        check("1234567890123456", "1234567890123456");
        check("01a1f90e-bdd0-7f9a-925e-eafa6b557aea", "eafa6b557aea");
    }
}
