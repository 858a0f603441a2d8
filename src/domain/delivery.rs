//! Deliveries: where one stands, and what an attempt makes of it.

use super::{
    endpoint::SuccessRule,
    goal::stored_words,
    retry::{RetryAfter, RetrySchedule},
    time::Timestamp,
};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be attempted, now or later.
    Waiting,
    /// The endpoint has taken it.
    Delivered,
    /// Every attempt has failed; it is kept, and can be sent again.
    Dead,
}

stored_words!(DeliveryState { "waiting" => Self::Waiting, "delivered" => Self::Delivered, "dead" => Self::Dead });

/// The status with which an endpoint says that it is gone for good.
const GONE: u16 = 410;

/// How long an endpoint may fail without one success before it is paused, in milliseconds: 5 days.
const FAILING_MAX_MILLIS: i64 = 5 * 24 * 60 * 60 * 1000;

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// What was wrong, in plain words; nothing if the endpoint has taken it.
    pub error: Option<String>,
    /// How long the endpoint asked us to wait.
    pub retry_after: Option<RetryAfter>,
}

impl AttemptResult {
    /// By an endpoint's rule of success.
    pub fn of_answer(rule: &SuccessRule, status: u16, body: &str, retry_after: Option<RetryAfter>) -> Self {
        Self { status: Some(status), error: rule.objection(status, body), retry_after }
    }

    /// Of an attempt that got no answer.
    pub fn of_failure(error: String) -> Self {
        Self { status: None, error: Some(error), retry_after: None }
    }

    /// Where the delivery stands after this, and when it is due next.
    pub fn settles(
        &self,
        schedule: &RetrySchedule,
        attempts_made: u32,
        first_attempt_at: Timestamp,
        now: Timestamp,
        jitter: u32,
    ) -> (DeliveryState, Timestamp) {
        if self.error.is_none() {
            return (DeliveryState::Delivered, now);
        }
        let next = schedule.next_attempt(
            attempts_made,
            first_attempt_at.millis(),
            now.millis(),
            self.retry_after,
            jitter,
        );
        next.map_or((DeliveryState::Dead, now), |at| (DeliveryState::Waiting, Timestamp::from_millis(at)))
    }

    /// Why the endpoint is to be paused after this, if it is: it says that it is gone, or has failed for days.
    pub fn pauses(&self, failing_since: Timestamp, now: Timestamp) -> Option<String> {
        self.error.as_ref()?;
        if self.status == Some(GONE) {
            return Some("it answered 410 Gone".to_owned());
        }
        (failing_since.plus_millis(FAILING_MAX_MILLIS) <= now)
            .then(|| "every attempt of the last 5 days has failed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_168_800_000);

    fn answered(status: u16) -> AttemptResult {
        AttemptResult::of_answer(&SuccessRule::default(), status, "", None)
    }

    #[test]
    fn an_attempt_settles_by_the_rule_of_success_and_the_schedule() {
        #[track_caller]
        fn check(result: &AttemptResult, attempts: u32, after_millis: i64, expected: (DeliveryState, i64)) {
            let now = START.plus_millis(after_millis);
            let (state, due) = result.settles(&RetrySchedule::default(), attempts, START, now, 0);
            assert_eq!((state, due.millis() - now.millis()), expected);
        }
        check(&answered(204), 1, 0, (DeliveryState::Delivered, 0));
        check(&answered(500), 1, 0, (DeliveryState::Waiting, 5_000));
        check(&answered(302), 2, 0, (DeliveryState::Waiting, 60_000));
        check(&AttemptResult::of_failure("no connection".into()), 1, 0, (DeliveryState::Waiting, 5_000));
        check(&answered(500), 15, 8 * 86_400_000, (DeliveryState::Dead, 0));
        let asked = AttemptResult { retry_after: RetryAfter::parse("120"), ..answered(503) };
        check(&asked, 1, 0, (DeliveryState::Waiting, 120_000));
    }

    #[test]
    fn an_endpoint_is_paused_when_it_is_gone_or_fails_for_days() {
        let day = 86_400_000;
        assert!(answered(410).pauses(START, START).is_some());
        assert!(answered(500).pauses(START, START.plus_millis(5 * day - 1)).is_none());
        assert!(answered(500).pauses(START, START.plus_millis(5 * day)).is_some());
        assert!(answered(200).pauses(START, START.plus_millis(9 * day)).is_none());
    }
}
