use uuid::Uuid;

use super::*;
use crate::domain::{fixture, ids::TokenId, token::TokenDigester};

fn read_of(
    kind: SettingKind,
    merchant: Option<&str>,
    json: &str,
) -> Result<Configuration, (Option<String>, String)> {
    let (present, digester) = (fixture::catalog(), TokenDigester::new(b"a secret of the tests"));
    let world = World { present: &present, digester: &digester, new_id: &|| TokenId::new(Uuid::nil()) };
    let merchant = merchant.map(|id| MerchantId::parse(id).unwrap());
    Body::parse(kind, json.as_bytes())
        .and_then(|body| body.read(merchant.as_ref(), &world))
        .map_err(|objection| (objection.member, objection.why))
}

#[test]
fn a_body_is_read_by_the_rules_of_the_file() {
    let offer = r#"{"id": "new", "merchant": "acme", "name": "Ü \"x\"\n[y]", "active": null,
                    "landing_url": "https://a.example/?c={click_id}"}"#;
    let read = read_of(SettingKind::Offer, None, offer).unwrap();
    assert_eq!(read.offers[0].name, "Ü \"x\"\n[y]");
    assert!(read.offers[0].active);
    let goal = r#"{"alias": "gold", "name": "Gold", "amount": "none"}"#;
    let read = read_of(SettingKind::Goal, Some("acme"), goal).unwrap();
    assert_eq!((read.goals[0].merchant.as_str(), read.goals[0].goal.alias.as_str()), ("acme", "gold"));
    let postback = r#"{"id": "pb", "affiliate": "lotus", "url": "https://t.example/",
                       "params": {"z": "1", "a": "2", "m": "3"}}"#;
    let read = read_of(SettingKind::Postback, None, postback).unwrap();
    let names: Vec<_> = read.endpoints[0].params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn every_objection_names_the_member_and_what_to_write() {
    #[track_caller]
    fn check(kind: SettingKind, json: &str, member: Option<&str>, said: &str) {
        let merchant = (kind == Goal).then_some("acme");
        let (got, why) = read_of(kind, merchant, json).unwrap_err();
        assert_eq!(got.as_deref(), member, "{why}");
        assert!(why.contains(said), "{said} in {why}");
    }
    use SettingKind::{Goal, Merchant, Offer, Postback};
    let offer = |more: &str| format!(r#"{{"id": "new", "merchant": "acme", "name": "New"{more}}}"#);
    check(Offer, &offer(""), Some("landing_url"), "missing");
    check(Offer, &offer(r#", "landing_url": "ftp://x""#), Some("landing_url"), "http://");
    check(Offer, &offer(r#", "landing_url": 5"#), Some("landing_url"), "string");
    check(Offer, &offer(r#", "retries": 5"#), Some("retries"), "unknown field");
    check(Offer, &offer(r#", "re \" tries\n": 5"#), None, "");
    check(Offer, &offer(r#", "name": "Twice""#), None, "`name` once");
    check(Offer, &offer(r#", "active": 0.5"#), None, "fraction");
    check(Offer, &offer(r#", "active": [null]"#), None, "nulls");
    check(Offer, "[]", None, "object");
    check(Offer, "{", None, "EOF");
    check(Offer, "{\"name\": \"a\\u0000b\"}", None, "NUL");
    let nobodys = offer(r#", "landing_url": "https://x.example/""#).replace("acme", "nobody");
    check(Offer, &nobodys, Some("merchant"), "there is no merchant nobody");
    check(Merchant, r#"{"id": "m", "name": "M", "deal": "hybrid"}"#, Some("revshare_multiplier"), "0.35");
    check(Merchant, r#"{"id": "m", "name": "M", "currencies": ["EURO"]}"#, Some("currencies"), "EURO");
    check(Merchant, r#"{"id": "m", "name": "M", "tokens": ["short"]}"#, Some("tokens"), "8 characters");
    check(Goal, r#"{"alias": "x", "name": "X", "amount": "non_zero"}"#, Some("amount"), "required, optional");
    let postback = |more: &str| format!(r#"{{"id": "pb", "affiliate": "lotus", {more}}}"#);
    let misspelt = postback(r#""url": "https://t.example/?c={clik_id}""#);
    check(Postback, &misspelt, Some("url"), "did you mean {click_id}?");
    let misspelt = postback(r#""url": "https://t.example/", "params": {"p": "{pay_out}"}"#);
    check(Postback, &misspelt, Some("params"), "{payout}");
}

#[test]
fn a_request_reads_nothing_of_the_environment() {
    for secret in [r#"{"env": "PATH"}"#, r#"{"env": "PATH", "keep": true}"#] {
        let signed = format!(r#"{{"id": "signed", "name": "S", "signing_secret": {secret}}}"#);
        let (member, why) = read_of(SettingKind::Merchant, None, &signed).unwrap_err();
        assert_eq!(member.as_deref(), Some("signing_secret"));
        assert!(why.contains("only a file"), "{why}");
    }
    let token = r#"{"id": "m", "name": "M", "tokens": [{"label": "x", "env": "PATH"}]}"#;
    assert!(read_of(SettingKind::Merchant, None, token).unwrap_err().1.contains("only a file"));
}

#[test]
fn a_body_is_about_the_thing_of_its_address() {
    let mut body = Body::parse(SettingKind::Affiliate, br#"{"name": "Lotus"}"#).unwrap();
    body.identify("lotus").unwrap();
    assert_eq!(body.id(), Some("lotus"));
    assert_eq!(body.identify("orchid").unwrap_err().member.as_deref(), Some("id"));
}
