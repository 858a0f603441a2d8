//! A manager's decision: by the conversion's id, with a reason where it takes something away.

use super::{
    Actor, Catalog, Changes, Code, Decision, Effect, Refusal, Stamp, Status, StatusEvent, Verdict, WorkingSet,
};
use crate::domain::ids::ConversionId;

/// How long a reason may be, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// What a manager, or a program on a manager's behalf, decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerDecision {
    /// About which conversion.
    pub conversion: ConversionId,
    /// What.
    pub decision: Decision,
    /// Why; required to reject, and to reverse what was decided before.
    pub reason: Option<String>,
    /// Who.
    pub actor: Actor,
    /// The status that they saw. A conversion that has another one by now was decided by somebody else meanwhile and
    /// stays as it is. None where they want this decision whatever it was before.
    pub seen: Option<Status>,
}

/// Decides a pending conversion, or reverses what was decided before. A conversion that is as it shall be already is a
/// duplicate, whoever decided it.
pub(super) fn decide(
    catalog: &Catalog,
    known: &WorkingSet,
    asked: &ManagerDecision,
    stamp: Stamp,
) -> Result<(Verdict, Changes), Refusal> {
    let Some(recorded) = known.conversion(asked.conversion) else {
        let detail = format!("There is no conversion {}.", asked.conversion);
        return Err(Refusal::of(Code::ConversionNotFound, "id", detail));
    };
    let mut conversion = recorded.clone();
    let status = asked.decision.status();
    if conversion.status == status {
        return Ok((accepted(conversion, Effect::Duplicate), Changes::default()));
    }
    let from = conversion.status;
    if asked.seen.is_some_and(|seen| seen != from) {
        let detail = format!("Somebody else has decided it meanwhile: it is {from}. Look at it again first.");
        return Err(Refusal::of(Code::AlreadyDecided, "status", detail));
    }
    check_reason(asked, from)?;
    conversion.status = status;
    conversion.decided_at = Some(stamp.at);
    conversion.steps += 1;
    let step = StatusEvent {
        conversion: conversion.id,
        step: conversion.steps,
        from: Some(from),
        to: status,
        actor: asked.actor.clone(),
        reason: asked.reason.clone(),
        request: stamp.request,
        at: stamp.at,
    };
    let mut changes =
        Changes { decided: vec![conversion.clone()], history: vec![step], ..Changes::default() };
    changes.owe_deliveries(catalog, &conversion);
    Ok((accepted(conversion, Effect::Decided), changes))
}

fn accepted(conversion: super::Conversion, effect: Effect) -> Verdict {
    Verdict::Accepted { conversion: Box::new(conversion), effect, dry_run: false }
}

fn check_reason(asked: &ManagerDecision, from: Status) -> Result<(), Refusal> {
    let reason = asked.reason.as_deref().unwrap_or_default();
    if reason.chars().count() > REASON_CHARS_MAX {
        let detail = format!("Give a `reason` of at most {REASON_CHARS_MAX} characters.");
        return Err(Refusal::of(Code::MalformedQuery, "reason", detail));
    }
    if !reason.trim().is_empty() {
        return Ok(());
    }
    if from != Status::Pending {
        let detail = format!("It was decided before and is {from}: give a `reason` to reverse that.");
        return Err(Refusal::of(Code::AlreadyDecided, "reason", detail));
    }
    match asked.decision {
        Decision::Approve => Ok(()),
        Decision::Reject => {
            let detail = "Give a `reason` to reject it: the affiliate will ask.";
            Err(Refusal::of(Code::MissingReason, "reason", detail))
        }
    }
}
