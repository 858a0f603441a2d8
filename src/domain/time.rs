//! Points in time, as milliseconds.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// A point in time: milliseconds since the Unix epoch, UTC.
///
/// Milliseconds, because a clock with more digits than every database keeps would make what is read back differ
/// from what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time, so many milliseconds later (or earlier); stays at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// RFC 3339 (any offset), or whole Unix seconds. A `+` that a sender forgot to encode arrives as a space
    /// before the offset and is understood.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse::<i64>().ok()?.checked_mul(1000).map(Self);
        }
        let mended = match text.rsplit_once(' ') {
            Some((time, offset)) if offset.len() == 5 && time.contains(['T', 't']) => {
                format!("{time}+{offset}")
            }
            _ => text.to_owned(),
        };
        DateTime::parse_from_rfc3339(&mended).ok().map(|time| Self(time.timestamp_millis()))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-20T10:00:00.123Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_millis(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} ms after the epoch", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn event_times_are_read_as_merchants_write_them() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), expected, "{text}");
        }
        check("2026-11-20T10:00:00Z", Some("2026-11-20T10:00:00.000Z"));
        check("2026-11-20T12:00:00.5+02:00", Some("2026-11-20T10:00:00.500Z"));
        check("2026-11-20T12:00:00 02:00", Some("2026-11-20T10:00:00.000Z"));
        check("1795168800", Some("2026-11-20T10:00:00.000Z"));
        check("0", Some("1970-01-01T00:00:00.000Z"));
        check("", None);
        check("-5", None);
        check("1.5", None);
        check("2026-11-20", None);
        check("2026-13-20T10:00:00Z", None);
        check("٣", None);
        check("99999999999999999999", None);
    }
}
