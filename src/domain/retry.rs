//! When a delivery that failed is tried again.

use std::{fmt, str::FromStr};

use chrono::NaiveDateTime;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Units of a duration in a schedule's text, in milliseconds, the largest first.
const UNITS: [(&str, i64); 5] =
    [("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];

/// No delay is longer: it keeps the arithmetic far from overflow, and nobody waits a year for a postback.
const DURATION_MAX_MS: i64 = 365 * DAY_MS;

/// Delays that a schedule may list.
const DELAYS_MAX: usize = 64;

/// A receiver can put the next attempt off by a day at most.
const RETRY_AFTER_MAX_MS: i64 = DAY_MS;

/// Jitter adds at most this part of a delay.
const JITTER_DIVISOR: i64 = 10;

/// The delays before each attempt, and when to give up. As text: `0s 5s 1m 5m 30m 2h 5h 10h 24h until 8d`.
/// The first delay stands before the first attempt, each other one after the attempt before it; the last is
/// repeated until that much time has passed since the first attempt (`until` may be left out: 8 days).
///
/// The default follows the schedule that Standard Webhooks 1.0 gives as its example, with a denser start and
/// a longer end.
///
/// Durations and times are milliseconds throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    delays: Vec<i64>,
    last_delay: i64,
    give_up_after: i64,
}

impl RetrySchedule {
    const GIVE_UP_AFTER_MS: i64 = 8 * DAY_MS;

    /// When to try next, in milliseconds since the Unix epoch; `None` when the delivery is dead.
    ///
    /// `now` is when the last of `attempts_made` attempts ended. `jitter` is a random number: it adds up to
    /// a tenth to the schedule's delay, so that what failed together isn't tried together again. Of schedule
    /// and `retry_after` the later counts, the latter up to a day.
    pub fn next_attempt(
        &self,
        attempts_made: u32,
        first_attempt_at: i64,
        now: i64,
        retry_after: Option<RetryAfter>,
        jitter: u32,
    ) -> Option<i64> {
        let listed = usize::try_from(attempts_made).ok().and_then(|made| self.delays.get(made));
        let delay = listed.copied().unwrap_or(self.last_delay);
        let scheduled = now + delay + added_jitter(delay, jitter);
        let asked_for = retry_after.map_or(now, |retry_after| retry_after.not_before(now));
        let next = scheduled.max(asked_for);
        (next <= first_attempt_at + self.give_up_after).then_some(next)
    }
}

/// Between 0 and a tenth of the delay, in proportion to `jitter`.
fn added_jitter(delay_ms: i64, jitter: u32) -> i64 {
    let most = delay_ms / JITTER_DIVISOR;
    ((i128::from(most) * i128::from(jitter)) / i128::from(u32::MAX)).try_into().unwrap_or(most)
}

impl Default for RetrySchedule {
    fn default() -> Self {
        let listed = [
            0,
            5 * SECOND_MS,
            MINUTE_MS,
            5 * MINUTE_MS,
            30 * MINUTE_MS,
            2 * HOUR_MS,
            5 * HOUR_MS,
            10 * HOUR_MS,
        ];
        Self { delays: listed.to_vec(), last_delay: DAY_MS, give_up_after: Self::GIVE_UP_AFTER_MS }
    }
}

impl FromStr for RetrySchedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_whitespace();
        let listed = words.by_ref().take_while(|word| *word != "until");
        let mut delays = listed.map(parse_duration).collect::<Result<Vec<_>, _>>()?;
        let limit: Vec<&str> = words.collect();
        let give_up_after = match limit.as_slice() {
            [] if !text.contains("until") => Self::GIVE_UP_AFTER_MS,
            [limit] => parse_duration(limit)?,
            _ => return Err(InvalidSchedule::Limit),
        };
        if delays.len() > DELAYS_MAX {
            return Err(InvalidSchedule::TooMany);
        }
        match delays.pop() {
            None => Err(InvalidSchedule::Empty),
            Some(0) => Err(InvalidSchedule::EndlessLoop),
            Some(last_delay) => Ok(Self { delays, last_delay, give_up_after }),
        }
    }
}

impl fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for delay_ms in &self.delays {
            write_duration(f, *delay_ms)?;
            f.write_str(" ")?;
        }
        write_duration(f, self.last_delay)?;
        f.write_str(" until ")?;
        write_duration(f, self.give_up_after)
    }
}

fn parse_duration(word: &str) -> Result<i64, InvalidSchedule> {
    let invalid = || InvalidSchedule::Duration { word: word.to_owned() };
    let unit_at = word.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
    let (count, unit) = word.split_at(unit_at);
    let count: i64 = count.parse().map_err(|_| invalid())?;
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    count.checked_mul(*unit_ms).filter(|ms| *ms <= DURATION_MAX_MS).ok_or_else(invalid)
}

/// In the largest unit that has no remainder.
fn write_duration(f: &mut fmt::Formatter<'_>, ms: i64) -> fmt::Result {
    let whole = |unit_ms: i64| ms >= unit_ms && ms % unit_ms == 0;
    match UNITS.iter().find(|(_, unit_ms)| whole(*unit_ms)) {
        Some((name, unit_ms)) => write!(f, "{}{name}", ms / unit_ms),
        None => f.write_str("0s"),
    }
}

/// Why a schedule's text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// No delay at all.
    #[error("a retry schedule needs at least one delay, as in `0s 5s 1m 24h until 8d`")]
    Empty,
    /// The last delay, which is repeated, is zero.
    #[error("the last delay of a retry schedule is repeated, so it must not be 0")]
    EndlessLoop,
    /// Over the limit.
    #[error("a retry schedule lists at most {DELAYS_MAX} delays: the last one is repeated")]
    TooMany,
    /// `until` without its one duration.
    #[error("`until` is followed by one duration, the last words of a retry schedule, as in `until 8d`")]
    Limit,
    /// Not a duration.
    #[error(
        "`{word}` is not a duration: write a number and one of d, h, m, s, ms, at most 365d, as in `30m`"
    )]
    Duration {
        /// The word.
        word: String,
    },
}

/// What a receiver asks for in a `Retry-After` header (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Milliseconds to wait.
    Delay(i64),
    /// Milliseconds since the Unix epoch.
    Date(i64),
}

impl RetryAfter {
    /// Reads seconds or an HTTP date, in any of its three forms (RFC 9110, section 5.6.7). Anything else
    /// says nothing about when to come back.
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
            let seconds: i64 = header.parse().unwrap_or(i64::MAX);
            return Some(Self::Delay(seconds.saturating_mul(SECOND_MS)));
        }
        ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(header, form).ok())
            .map(|date| Self::Date(date.and_utc().timestamp_millis()))
    }

    /// The earliest time to try again: not before `now`, and at most a day later.
    fn not_before(self, now: i64) -> i64 {
        match self {
            Self::Delay(ms) => now + ms.clamp(0, RETRY_AFTER_MAX_MS),
            Self::Date(at) => at.clamp(now, now + RETRY_AFTER_MAX_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_763_632_800_000;

    /// The whole life of a delivery that always fails at once: the delay before each attempt.
    fn life(schedule: &RetrySchedule, jitter: u32) -> Vec<i64> {
        let mut delays = Vec::new();
        let mut now = START;
        while let Some(next) =
            schedule.next_attempt(delays.len().try_into().unwrap(), START, now, None, jitter)
        {
            delays.push(next - now);
            now = next;
        }
        delays
    }

    #[test]
    fn the_default_schedule_ends_before_eight_days_have_passed() {
        let delays = life(&RetrySchedule::default(), 0);
        let seconds: Vec<i64> = delays.iter().map(|ms| ms / SECOND_MS).collect();
        let day = 86_400;
        assert_eq!(seconds, [0, 5, 60, 300, 1800, 7200, 18_000, 36_000, day, day, day, day, day, day, day]);
        assert!(delays.iter().sum::<i64>() <= 8 * DAY_MS);
    }

    #[test]
    fn the_text_form_means_the_default_and_is_read_back() {
        let text = "0s 5s 1m 5m 30m 2h 5h 10h 24h";
        assert_eq!(text.parse(), Ok(RetrySchedule::default()));
        assert_eq!(RetrySchedule::default().to_string(), "0s 5s 1m 5m 30m 2h 5h 10h 1d until 8d");
        let check = |text: &str| assert_eq!(text.parse::<RetrySchedule>().unwrap().to_string(), text);
        check("0s 5s 1m 5m 30m 2h 5h 10h 1d until 8d");
        check("50ms 1500ms until 10s");
        check("1h until 0s");
    }

    #[test]
    fn a_wrong_schedule_is_refused_with_its_reason() {
        let check = |text: &str, expected| assert_eq!(text.parse::<RetrySchedule>(), Err(expected), "{text}");
        let duration = |word: &str| InvalidSchedule::Duration { word: word.to_owned() };
        check("", InvalidSchedule::Empty);
        check("until 8d", InvalidSchedule::Empty);
        check("5s 0s", InvalidSchedule::EndlessLoop);
        check("5s until", InvalidSchedule::Limit);
        check("5s until 8d 9d", InvalidSchedule::Limit);
        check(&"1s ".repeat(DELAYS_MAX + 1), InvalidSchedule::TooMany);
        for word in ["5", "s", "5 s", "-5s", "5S", "5w", "1.5h", "５s", "366d", "9223372036854775807d"] {
            check(word, duration(word.split(' ').next().unwrap()));
        }
    }

    #[test]
    fn jitter_adds_up_to_a_tenth() {
        let check = |jitter, expected| {
            let schedule = RetrySchedule::default();
            assert_eq!(schedule.next_attempt(2, START, START, None, jitter), Some(START + expected));
        };
        check(0, 60_000);
        check(u32::MAX / 2, 62_999);
        check(u32::MAX, 66_000);
    }

    #[test]
    fn the_later_of_schedule_and_retry_after_counts() {
        let check = |retry_after, expected: Option<i64>| {
            let next = RetrySchedule::default().next_attempt(2, START, START, Some(retry_after), 0);
            assert_eq!(next, expected.map(|wait| START + wait), "{retry_after:?}");
        };
        check(RetryAfter::Delay(0), Some(MINUTE_MS));
        check(RetryAfter::Delay(HOUR_MS), Some(HOUR_MS));
        check(RetryAfter::Delay(DAY_MS + 1), Some(DAY_MS));
        check(RetryAfter::Delay(i64::MAX), Some(DAY_MS));
        check(RetryAfter::Date(START + HOUR_MS), Some(HOUR_MS));
        check(RetryAfter::Date(START - HOUR_MS), Some(MINUTE_MS));
        check(RetryAfter::Date(i64::MAX), Some(DAY_MS));
        check(RetryAfter::Date(i64::MIN), Some(MINUTE_MS));
    }

    #[test]
    fn an_attempt_that_would_come_after_the_limit_is_not_made() {
        let schedule = RetrySchedule::default();
        let next = |now, retry_after| schedule.next_attempt(20, START, now, retry_after, 0);
        assert_eq!(next(START + 7 * DAY_MS, None), Some(START + 8 * DAY_MS));
        assert_eq!(next(START + 7 * DAY_MS + 1, None), None);
        assert_eq!(schedule.next_attempt(1, START, START + 9 * DAY_MS, None, 0), None);
        let hourly: RetrySchedule = "1h until 8d".parse().unwrap();
        let late = START + 8 * DAY_MS - 2 * HOUR_MS;
        assert_eq!(hourly.next_attempt(1, START, late, None, 0), Some(late + HOUR_MS));
        assert_eq!(hourly.next_attempt(1, START, late, Some(RetryAfter::Delay(DAY_MS)), 0), None);
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let check = |header: &str, expected| assert_eq!(RetryAfter::parse(header), expected, "{header:?}");
        let date = Some(RetryAfter::Date(784_111_777_000));
        check("120", Some(RetryAfter::Delay(120_000)));
        check(" 0 ", Some(RetryAfter::Delay(0)));
        check(&"9".repeat(40), Some(RetryAfter::Delay(i64::MAX)));
        check("Sun, 06 Nov 1994 08:49:37 GMT", date);
        check("Sunday, 06-Nov-94 08:49:37 GMT", date);
        check("Sun Nov  6 08:49:37 1994", date);
        for nonsense in ["", "-1", "1.5", "+5", "soon", "Mon, 06 Nov 1994 08:49:37 GMT", "1994-11-06", "٣"] {
            check(nonsense, None);
        }
    }

    proptest! {
        #[test]
        fn every_delivery_ends_and_no_attempt_comes_early(jitter: u32) {
            let schedule = RetrySchedule::default();
            let plain = life(&schedule, 0);
            let jittered = life(&schedule, jitter);
            prop_assert!((plain.len() - 1..=plain.len()).contains(&jittered.len()));
            for (jittered, plain) in jittered.iter().zip(&plain) {
                prop_assert!((*plain..=plain + plain / 10).contains(jittered));
            }
        }
    }
}
