//! What the answers of each platform mean.

use super::*;

const TAKEN: &str = "taken";
const REFUSED: &str = "refused";
const FAILED: &str = "failed";

/// What an answer to the call means: a word for its ending, and what is said of it.
fn judged(call: &Call, status: u16, body: &str) -> (&'static str, String) {
    let result = call.judge(status, body, RetryAfter::parse("7"));
    assert_eq!((result.status, result.retry_after), (Some(status), RetryAfter::parse("7")));
    let word = match &result.ending {
        Ending::Taken => TAKEN,
        Ending::Unconfirmed => "unconfirmed",
        Ending::Continues { .. } => "continues",
        Ending::Failed(_) => FAILED,
        Ending::Refused(_) => REFUSED,
        Ending::TooLate(_) => "too late",
    };
    (word, result.error().unwrap_or_default().to_owned())
}

#[track_caller]
fn check(call: &Call, status: u16, body: &str, expected: &str, said: &[&str]) {
    let (word, error) = judged(call, status, body);
    assert_eq!(word, expected, "{body}: {error}");
    for part in said {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn meta_has_taken_what_it_has_received() {
    let call = call(&pixel(Platform::Meta), &facts(""));
    let taken = r#"{"events_received":1,"messages":[],"fbtrace_id":"A1"}"#;
    check(&call, 200, taken, TAKEN, &[]);
    check(&call, 200, r#"{"events_received":0,"messages":["x"]}"#, FAILED, &["answered 200"]);
    check(&call, 200, "<html>", FAILED, &["not as Meta does"]);
    check(&call, 502, "", FAILED, &["answered 502"]);
}

#[test]
fn of_metas_errors_those_of_the_event_are_final() {
    let call = call(&pixel(Platform::Meta), &facts(""));
    let fault = |code: i64, more: &str| {
        format!(r#"{{"error":{{"message":"(#{code}) Wrong","type":"OAuthException","code":{code}{more}}}}}"#)
    };
    let told =
        r#","error_subcode":2804016,"is_transient":false,"error_user_msg":"The ct parameter is not hashed.""#;
    check(&call, 400, &fault(100, told), REFUSED, &["code 100", "ct parameter is not hashed"]);
    check(&call, 400, &fault(100, ""), REFUSED, &["(#100) Wrong"]);
    check(&call, 400, &fault(100, r#","error_subcode":33"#), FAILED, &[]);
    check(&call, 400, &fault(100, r#","is_transient":true"#), FAILED, &[]);
    check(&call, 401, &fault(190, ""), FAILED, &["code 190", "another access token"]);
    for temporary in [1, 2, 4, 17, 10, 200, 341, 368, 613] {
        check(&call, 400, &fault(temporary, ""), FAILED, &[]);
    }
}

#[test]
fn tiktok_tells_by_its_code_whatever_the_status() {
    let call = call(&pixel(Platform::Tiktok), &facts(""));
    let answer =
        |code: i64| format!(r#"{{"code":{code},"message":"Said {code}","request_id":"1","data":{{}}}}"#);
    check(&call, 200, &answer(0), TAKEN, &[]);
    check(&call, 200, &answer(40_002), REFUSED, &["code 40002", "Said 40002"]);
    check(&call, 200, &answer(40_105), FAILED, &["another access token"]);
    check(&call, 200, &answer(40_100), FAILED, &["code 40100"]);
    check(&call, 200, &answer(50_000), FAILED, &[]);
    check(&call, 500, &answer(0), FAILED, &[]);
    check(&call, 200, "OK", FAILED, &["not as TikTok does"]);
}

#[test]
fn google_analytics_never_confirms() {
    let call = call(&pixel(Platform::Ga4), &facts("client_id=1"));
    check(&call, 204, "", "unconfirmed", &[]);
    check(&call, 200, "", "unconfirmed", &[]);
    check(&call, 503, "", FAILED, &["answered 503"]);
}

#[test]
fn the_validation_of_google_analytics_tells_what_it_would_drop() {
    let Step::Send(call) = pixel(Platform::Ga4).test(&facts("client_id=1"), NOW) else { panic!() };
    check(&call, 200, r#"{ "validationMessages": [ ] }"#, TAKEN, &[]);
    let objection = r#"{ "validationMessages": [ { "fieldPath": "events",
        "description": "Event at index: [0] has invalid name [_x]. Names must start with an alphabetic character.",
        "validationCode": "NAME_INVALID" } ] }"#;
    check(&call, 200, objection, REFUSED, &["would drop it", "has invalid name"]);
    check(&call, 404, "", FAILED, &["answered 404"]);
}

#[test]
fn metrica_takes_an_event_with_a_success() {
    let call = call(&pixel(Platform::Yandex), &facts("client_id=1"));
    check(&call, 200, "<!-- OK -->", TAKEN, &[]);
    check(&call, 400, "invalid parameter", REFUSED, &["answered 400", "invalid parameter"]);
    check(&call, 403, "", FAILED, &["OAuth token"]);
    check(&call, 503, "", FAILED, &[]);
}

#[test]
fn an_upload_is_taken_only_when_metrica_has_processed_it() {
    let yandex = pixel(Platform::Yandex);
    let upload = call(&yandex, &facts("yclid=1"));
    let answer = |status: &str, more: &str| {
        format!(
            r#"{{"uploading":{{"id":17,"source_quantity":1,"line_quantity":1,"status":"{status}"{more}}}}}"#
        )
    };
    let began = upload.judge(200, &answer("UPLOADED", ""), None);
    assert_eq!(began.continuation(), Some("17"));
    check(&upload, 200, &answer("PREPARED", ""), "continues", &["uploaded as 17", "not processed it yet"]);
    let empty = r#"{"uploading":{"id":17,"source_quantity":1,"line_quantity":0}}"#;
    check(&upload, 200, empty, REFUSED, &["no valid line"]);
    check(&upload, 200, "OK", FAILED, &["not as Metrica does"]);
    let invalid =
        r#"{"errors":[{"error_type":"invalid_parameter","message":"x"}],"code":400,"message":"Bad header"}"#;
    check(&upload, 400, invalid, REFUSED, &["answered 400", "Bad header"]);
    check(&upload, 403, r#"{"errors":[],"code":403,"message":"Access is denied"}"#, FAILED, &["OAuth token"]);
    for quota in [420, 429] {
        check(&upload, quota, "", FAILED, &["quota"]);
    }
    let Step::Send(asked) = yandex.step(&facts(""), Some("17"), NOW) else { panic!() };
    for status in ["PREPARED", "UPLOADED", "EXPORTED", "MATCHED", "SOMETHING"] {
        check(&asked, 200, &answer(status, ""), "continues", &[status]);
    }
    check(&asked, 200, &answer("PROCESSED", ""), TAKEN, &[]);
    check(&asked, 200, &answer("LINKAGE_FAILURE", ""), REFUSED, &["no session", "upload 17"]);
    let unknown_goal = answer("LINKAGE_FAILURE", r#","goal_not_found_quantity":1"#);
    check(&asked, 200, &unknown_goal, REFUSED, &["knows no such goal"]);
    check(&asked, 400, "", FAILED, &[]);
    check(&asked, 404, "", FAILED, &[]);
}

#[test]
fn whether_metrica_lets_us_in_is_told_by_what_it_shows() {
    let Step::Send(call) = pixel(Platform::Yandex).test(&facts(""), NOW) else { panic!() };
    check(&call, 200, r#"{"uploadings":[]}"#, TAKEN, &[]);
    check(
        &call,
        403,
        r#"{"errors":[],"code":403,"message":"Access is denied"}"#,
        FAILED,
        &["Access is denied"],
    );
}

#[test]
fn what_a_platform_says_is_told_on_in_one_line_of_bounded_length() {
    let call = call(&pixel(Platform::Tiktok), &facts(""));
    let body = json!({ "code": 40_002, "message": format!("a\n b {}", "é".repeat(5_000)) }).to_string();
    let (_, error) = judged(&call, 200, &body);
    assert!(error.contains("a b é") && error.ends_with('…') && error.chars().count() < 400, "{error}");
}
