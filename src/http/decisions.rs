//! Managers' decisions, from the pages and from the API: each is an event of its own through the one door.

use axum::http::StatusCode;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Shared, access::Caller, answer, problem::Problem};
use crate::{
    clock::new_uuid,
    domain::{
        decide::{Effect, Event, ManagerDecision, REASON_CHARS_MAX, Verdict},
        ids::{ConversionId, RequestId},
        status::{Decision, Status},
    },
    ingest::{Answer, AuditEntry, Submission},
};

/// How many conversions one request may decide.
pub(super) const BULK_DECISIONS_MAX: usize = 1_000;

/// How many of them wait for a writer at the same time: enough to fill its batches, and few beside its queue.
const DECISIONS_AT_ONCE: usize = 256;

/// A decision on one or many conversions.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What.
    pub(super) decision: Decision,
    /// Why.
    pub(super) reason: Option<String>,
    /// The status that was seen; one that has another by now stays as it is.
    pub(super) seen: Option<Status>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// `decided`, `duplicate`, or the code of the refusal.
    pub(super) code: &'static str,
    /// What to do instead, where it was refused.
    pub(super) problem: Option<Problem>,
    /// The status that the conversion has now, where that is known.
    pub(super) status: Option<Status>,
}

impl Asked {
    /// Makes sure that there is a reason where every conversion would need one.
    pub(super) fn check_reason(&self) -> Result<(), Problem> {
        let is_empty = self.reason.as_deref().unwrap_or_default().trim().is_empty();
        if is_empty && self.decision == Decision::Reject {
            let detail = "Give a `reason` to reject: the affiliate will ask.";
            return Err(Problem::bad_request("missing_reason", "Missing reason", detail).of("reason"));
        }
        self.check_length()
    }

    fn check_length(&self) -> Result<(), Problem> {
        if self.reason.as_deref().unwrap_or_default().chars().count() <= REASON_CHARS_MAX {
            return Ok(());
        }
        let detail = format!("Give a `reason` of at most {REASON_CHARS_MAX} characters.");
        Err(Problem::bad_request("invalid_parameter", "Invalid parameter", &detail).of("reason"))
    }

    /// Decides one conversion.
    pub(super) async fn decide(
        &self,
        shared: &Shared,
        caller: &Caller,
        conversion: ConversionId,
    ) -> Result<Outcome, Problem> {
        self.check_length()?;
        let event = ManagerDecision {
            conversion,
            decision: self.decision,
            reason: self.reason.clone().filter(|reason| !reason.trim().is_empty()),
            actor: caller.actor.clone(),
            seen: self.seen,
        };
        let audit = AuditEntry {
            actor: caller.actor.clone(),
            address: caller.address.to_string(),
            action: match self.decision {
                Decision::Approve => "conversion.approve",
                Decision::Reject => "conversion.reject",
            },
            subject: format!("conversion:{conversion}"),
        };
        let submission = Submission {
            request: RequestId::new(new_uuid(caller.now)),
            event: Ok(Event::Decision(event)),
            log: None,
            audit: Some(audit),
            render,
        };
        let answer = shared.edge.ingest.submit(submission).await?;
        Ok(self.outcome(&answer))
    }

    /// Decides many, each by itself, and gives what became of each in their order.
    pub(super) async fn decide_all(
        &self,
        shared: &Shared,
        caller: &Caller,
        conversions: Vec<ConversionId>,
    ) -> Result<Vec<(ConversionId, Outcome)>, Problem> {
        stream::iter(conversions)
            .map(|id| async move { Ok((id, self.decide(shared, caller, id).await?)) })
            .buffered(DECISIONS_AT_ONCE)
            .try_collect()
            .await
    }

    fn outcome(&self, answer: &Answer) -> Outcome {
        let wanted = self.decision.status();
        let (code, status) = match answer.outcome {
            done @ ("decided" | "duplicate") => {
                return Outcome { code: done, problem: None, status: Some(wanted) };
            }
            // It is decided, and not as it was wanted.
            code @ "already_decided" if wanted == Status::Approved => (code, Some(Status::Rejected)),
            code @ "already_decided" => (code, Some(Status::Approved)),
            code => (code, None),
        };
        let http = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Outcome { code, problem: Some(Problem::new(http, code, "Not decided", &answer.body)), status }
    }
}

/// Tells a verdict to whoever decided: its outcome, and the sentence that says what to do instead.
fn render(_: &Event, _: RequestId, verdict: &Verdict) -> Answer {
    let (status, body, outcome) = match verdict {
        Verdict::Accepted { effect: Effect::Duplicate, .. } => (StatusCode::OK, String::new(), "duplicate"),
        Verdict::Accepted { .. } => (StatusCode::OK, String::new(), "decided"),
        Verdict::Refused(refusal) => {
            let problem = Problem::from(refusal);
            (problem.status, problem.detail, problem.code)
        }
        Verdict::Clicked { .. } => unreachable!("a decision records no click"),
    };
    let conversion = match verdict {
        Verdict::Accepted { conversion, .. } => Some(conversion.id),
        _ => None,
    };
    Answer {
        status: status.as_u16(),
        content_type: answer::JSON.into(),
        body,
        location: None,
        outcome,
        conversion,
    }
}
