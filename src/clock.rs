//! The only place that reads the time of day and draws random bits.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::Utc;
use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everyone else must take as an argument"
    )]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Standing at this time.
    pub fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.millis()))
    }

    /// Moves it on.
    pub fn advance_millis(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Random bytes of the operating system.
///
/// # Panics
/// When the operating system has none: no id or secret can be trusted then.
pub fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new `UUIDv7`: sorts by its time, and its other 74 bits are random, so that it can't be guessed (RFC 9562, 5.7).
pub fn new_uuid(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let time = Timestamp::from_millis(1_795_168_800_000);
        let first = new_uuid(time);
        assert_ne!(first, new_uuid(time));
        assert!(first < new_uuid(time.plus_millis(1)));
        assert_eq!(first.get_version_num(), 7);
    }
}
