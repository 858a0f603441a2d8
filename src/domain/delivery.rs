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
    /// It was sent to a platform that never says whether it has taken anything.
    Unconfirmed,
    /// It was given up, because every attempt has failed or no attempt can succeed; it is kept, and can be sent again.
    Dead,
    /// What it tells is older than the platform takes: it was not sent, and is kept.
    TooLate,
}

stored_words!(DeliveryState {
    "waiting" => Self::Waiting, "delivered" => Self::Delivered, "unconfirmed" => Self::Unconfirmed,
    "dead" => Self::Dead, "too_late" => Self::TooLate,
});

impl DeliveryState {
    /// The words for people.
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Unconfirmed => "sent, unconfirmed",
            Self::TooLate => "too late",
            other => other.as_str(),
        }
    }
}

/// The status with which an endpoint says that it is gone for good.
const GONE: u16 = 410;

/// How long an endpoint may fail without one success before it is paused, in milliseconds: 5 days.
const FAILING_MAX_MILLIS: i64 = 5 * 24 * 60 * 60 * 1000;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The endpoint has taken it.
    Taken,
    /// It was sent, and the platform never says more.
    Unconfirmed,
    /// The platform works on it: a later attempt asks what became of it.
    Continues {
        /// What the later attempt asks by.
        continuation: String,
        /// Where it stands, in plain words.
        note: String,
    },
    /// It failed, and may succeed later; says why, in plain words.
    Failed(String),
    /// It can't succeed, however often it is tried; says why, in plain words.
    Refused(String),
    /// What it tells is older than the platform takes; says how much, in plain words.
    TooLate(String),
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// How it ended.
    pub ending: Ending,
    /// How long the endpoint asked us to wait.
    pub retry_after: Option<RetryAfter>,
}

impl AttemptResult {
    /// By an endpoint's rule of success.
    pub fn of_answer(rule: &SuccessRule, status: u16, body: &str, retry_after: Option<RetryAfter>) -> Self {
        let ending = rule.objection(status, body).map_or(Ending::Taken, Ending::Failed);
        Self { status: Some(status), ending, retry_after }
    }

    /// Of an attempt that got no answer.
    pub fn of_failure(error: String) -> Self {
        Self::unsent(Ending::Failed(error))
    }

    /// Of an attempt that ended before anything was sent, or without an answer.
    pub const fn unsent(ending: Ending) -> Self {
        Self { status: None, ending, retry_after: None }
    }

    /// The word for it in figures.
    pub const fn outcome(&self) -> &'static str {
        match self.ending {
            Ending::Taken | Ending::Unconfirmed => "delivered",
            Ending::Continues { .. } => "underway",
            Ending::Failed(_) | Ending::Refused(_) => "failed",
            Ending::TooLate(_) => "too_late",
        }
    }

    /// Why it is not delivered, in plain words; nothing if there is no more to do.
    pub fn error(&self) -> Option<&str> {
        match &self.ending {
            Ending::Taken | Ending::Unconfirmed => None,
            Ending::Continues { note: why, .. }
            | Ending::Failed(why)
            | Ending::Refused(why)
            | Ending::TooLate(why) => Some(why),
        }
    }

    /// What a later attempt asks by, if this one began something.
    pub fn continuation(&self) -> Option<&str> {
        match &self.ending {
            Ending::Continues { continuation, .. } => Some(continuation),
            _ => None,
        }
    }

    /// Whether the endpoint works, as far as this attempt tells: one that refuses what it is sent does, and an attempt
    /// that sent nothing tells nothing.
    pub fn endpoint_works(&self) -> Option<bool> {
        match self.ending {
            Ending::Failed(_) => Some(false),
            _ => self.status.map(|_| true),
        }
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
        let settled = match self.ending {
            Ending::Taken => Some(DeliveryState::Delivered),
            Ending::Unconfirmed => Some(DeliveryState::Unconfirmed),
            Ending::Refused(_) => Some(DeliveryState::Dead),
            Ending::TooLate(_) => Some(DeliveryState::TooLate),
            Ending::Continues { .. } | Ending::Failed(_) => None,
        };
        if let Some(state) = settled {
            return (state, now);
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

    /// Whether the endpoint says that it is gone for good.
    pub fn says_gone(&self) -> bool {
        self.endpoint_works() == Some(false) && self.status == Some(GONE)
    }

    /// Why the endpoint is to be paused after this, if it is: it says that it is gone, or has failed for days.
    pub fn pauses(&self, failing_since: Timestamp, now: Timestamp) -> Option<String> {
        if self.endpoint_works() != Some(false) {
            return None;
        }
        if self.says_gone() {
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
    fn what_needs_no_further_attempt_settles_at_once_and_what_goes_on_comes_back_by_the_schedule() {
        #[track_caller]
        fn check(ending: Ending, expected: (DeliveryState, i64), works: Option<bool>, said: Option<&str>) {
            let status = (!matches!(ending, Ending::TooLate(_))).then_some(200);
            let result = AttemptResult { status, ending, retry_after: None };
            let (state, due) = result.settles(&RetrySchedule::default(), 1, START, START, 0);
            assert_eq!((state, due.millis() - START.millis()), expected);
            assert_eq!((result.endpoint_works(), result.error()), (works, said), "{result:?}");
        }
        let why = || "why".to_owned();
        let continues = Ending::Continues { continuation: "17".to_owned(), note: why() };
        check(Ending::Taken, (DeliveryState::Delivered, 0), Some(true), None);
        check(Ending::Unconfirmed, (DeliveryState::Unconfirmed, 0), Some(true), None);
        check(continues, (DeliveryState::Waiting, 5_000), Some(true), Some("why"));
        check(Ending::Failed(why()), (DeliveryState::Waiting, 5_000), Some(false), Some("why"));
        check(Ending::Refused(why()), (DeliveryState::Dead, 0), Some(true), Some("why"));
        check(Ending::TooLate(why()), (DeliveryState::TooLate, 0), None, Some("why"));
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
