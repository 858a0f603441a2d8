//! A logged request for people: its parameters, and what its sender has to change.

use serde_json::Value;

use crate::{
    domain::{params::Params, refusal::Code},
    storage::LogRow,
};

/// How much of an answer stands in for a sentence, in characters.
const EXCERPT_CHARS: usize = 300;

/// The outcomes by which nothing was refused.
const SUCCESSES: [&str; 4] = ["recorded", "decided", "duplicate", "dry_run"];

/// The parameters of a logged request; of its token it is only known that there was one.
pub(super) fn params_of(row: &LogRow) -> Params {
    let pairs: Vec<(String, String)> = serde_json::from_str(&row.params).unwrap_or_default();
    pairs.into_iter().collect()
}

/// Whether a request with this outcome was refused.
pub(super) fn is_refusal(outcome: &str) -> bool {
    !SUCCESSES.contains(&outcome)
}

/// Whether a refused request still waits to be processed again with success.
pub(super) fn is_open(row: &LogRow) -> bool {
    let is_settled = row.conversion.is_some() || row.settled_by.is_some();
    is_refusal(&row.outcome) && row.repeats.is_none() && !is_settled
}

/// A sentence that says what the sender of a refused request has to change: as its answer has it, or else what
/// its code means, since not every dialect has words for it.
pub(super) fn advice(outcome: &str, answer: &str) -> Option<String> {
    if !is_refusal(outcome) {
        return None;
    }
    let document: Option<Value> = serde_json::from_str(answer).ok();
    let member = |name: &str| document.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let of_code = || Code::parse(outcome).map(|code| code.advice().to_owned());
    let excerpt = || answer.trim().chars().take(EXCERPT_CHARS).collect::<String>();
    let found = member("detail").or_else(of_code).or_else(|| member("error")).or_else(|| member("message"));
    Some(found.unwrap_or_else(excerpt)).filter(|sentence| !sentence.is_empty())
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn a_refusal_is_told_in_a_sentence_whatever_its_dialect() {
        #[track_caller]
        fn check(outcome: &str, answer: &str, expected: Option<&str>) {
            assert_eq!(advice(outcome, answer).as_deref(), expected, "{outcome} {answer}");
        }
        check("recorded", r#"{"success": true}"#, None);
        check("unknown_goal", r#"{"detail": "Send one of your goals."}"#, Some("Send one of your goals."));
        let ftd_missing = "Send the player's first deposit before the repeat deposit.";
        check("ftd_missing", r#"{"error": "no"}"#, Some(ftd_missing));
        check("ftd_missing", "<html>", Some(ftd_missing));
        check("registration_already", r#"{"error": "registration_already"}"#, Some("registration_already"));
        check("odd", " ERROR 7 ", Some("ERROR 7"));
        check("odd", "", None);
    }
}
