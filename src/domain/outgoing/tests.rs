use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use url::Url;
use uuid::Uuid;

use super::*;
use crate::domain::{
    conversion::Revenue,
    currency::Currencies,
    fixture::{self, NOW, params},
    ids::TransactionId,
    money::{Money, Multiplier},
    payout::Payout,
    secret::Secret,
    template::{TextTemplate, UrlTemplate, Vocabulary},
    webhook::SigningSecret,
};

/// What an affiliate and a merchant may send to break out of the place of a value.
const HOSTILE: &str = "a&status=approved#x/../\"},{\\ é\r\nX-Evil: 1 {sum}%00+";

fn facts() -> Facts {
    Facts {
        player_id: None,
        delivery: DeliveryId::new(Uuid::from_u128(9)),
        conversion: Conversion { transaction: TransactionId::parse("T 1").ok(), ..fixture::conversion() },
        click_params: params(
            "cl_id=their click&sub1=s1&sub10=s10&custom1=c1&custom10=c10&advert__zone=z&utm=u",
        ),
        clicked_at: NOW.plus_millis(-60_000),
        status: Status::Rejected,
        reason: Some("fraud".to_owned()),
        changed_at: NOW,
    }
}

fn text(source: &str) -> TextTemplate {
    TextTemplate::parse(source, Vocabulary::Postback).unwrap()
}

fn templates(pairs: &[(&str, &str)]) -> Vec<(String, TextTemplate)> {
    pairs.iter().map(|(name, source)| ((*name).to_owned(), text(source))).collect()
}

fn url(source: &str) -> UrlTemplate {
    UrlTemplate::parse(source, Vocabulary::Postback).unwrap()
}

#[track_caller]
fn check(facts: &Facts, template: &str, expected: &str) {
    assert_eq!(text(template).render_text(|name| facts.value(name)), expected, "{template}");
}

#[test]
fn every_macro_tells_its_fact() {
    let mut facts = facts();
    check(&facts, "{delivery_id}", "00000000-0000-0000-0000-000000000009");
    check(&facts, "{conversion_id}", "00000000-0000-0000-0000-000000000007");
    check(&facts, "{click_id} {cl_id} {transaction_id}", "click-1 their click T 1");
    check(&facts, "{goal} {action} {status} {reason}", "ftd ftd rejected fraud");
    check(&facts, "{amount} {sum} {currency}", "100.00 100.00 EUR");
    check(&facts, "{merchant} {offer} {affiliate}", "acme acme lotus");
    check(&facts, "{event_time} {event_time_unix}", "2026-11-20T10:00:00.000Z 1795168800");
    check(&facts, "{sub1} {sub10} {custom1} {custom10} {advert__zone} {params__utm}", "s1 s10 c1 c10 z u");
    facts.click_params = params("user_id=u1&username=user&name=Zo%C3%AB");
    check(&facts, "{user_id} {username} {name}", "u1 user Zo%C3%AB");
    facts.conversion.event_time = Some(NOW.plus_millis(-1_500));
    check(&facts, "{event_time} {event_time_unix}", "2026-11-20T09:59:58.500Z 1795168798");
    let multiplier = Multiplier::parse("0.35").unwrap();
    facts.conversion.revenue = Some(Revenue { money: Money::parse("-3.5").unwrap(), multiplier });
    check(&facts, "{revenue}", "-3.50");
    let currency = Currencies::default().find("USD").unwrap();
    facts.conversion.payout = Some(Payout { money: Money::parse("40").unwrap(), currency });
    facts.conversion.extra = params("payout=12.5");
    check(&facts, "{payout} {payout_currency} {currency}", "40.00 USD EUR");
}

#[test]
fn a_macro_without_a_value_becomes_empty() {
    let mut facts = Facts { reason: None, click_params: Params::new(), ..facts() };
    (facts.conversion.transaction, facts.conversion.currency) = (None, None);
    check(&facts, "[{cl_id}{transaction_id}{reason}{currency}{revenue}{payout}{sub2}{params__x}]", "[]");
    check(&facts, "[{user_id}{username}{name}{player_id}{geo}{custom3}{advert__x}]", "[]");
}

#[test]
fn the_affiliates_own_parameters_come_before_the_merchants() {
    let mut facts = facts();
    facts.click_params = params("sub1=ours&sub2=&geo=DE&player_id=p-click");
    facts.conversion.extra = params("sub1=theirs&sub2=theirs&payout=12.5&player_id=p-merchant");
    check(&facts, "{sub1} {params__sub1} {sub2} {payout} {geo}", "ours ours theirs 12.5 DE");
    check(&facts, "{player_id}", "p-merchant");
    facts.conversion.extra = params("playerid=p7&country=FR");
    check(&facts, "{player_id} {geo}", "p7 FR");
}

#[test]
fn values_are_encoded_for_where_they_stand() {
    let hostile = Facts { reason: Some(HOSTILE.to_owned()), ..facts() };
    let encoded =
        "a%26status%3Dapproved%23x%2F..%2F%22%7D%2C%7B%5C%20%C3%A9%0D%0AX-Evil%3A%201%20%7Bsum%7D%2500%2B";
    let endpoint = PostbackEndpoint {
        url: url("https://t.example/{reason}/pb?r={reason}#{reason}"),
        params: templates(&[("p", "{reason}"), ("q", "1")]),
        headers: templates(&[("X-Reason", "r={reason}")]),
        ..fixture::endpoint()
    };
    let get = Message::compose(&endpoint, &hostile, NOW);
    assert_eq!(get.url, format!("https://t.example/{encoded}/pb?r={encoded}&p={encoded}&q=1#{encoded}"));
    assert_eq!(
        (get.body, header(&get.headers, "x-reason")),
        (None, "r=a&status=approved#x/../\"},{\\ é  X-Evil: 1 {sum}%00+")
    );
    let form =
        Message::compose(&PostbackEndpoint { method: Method::PostForm, ..endpoint.clone() }, &hostile, NOW);
    assert_eq!(form.url, format!("https://t.example/{encoded}/pb?r={encoded}#{encoded}"));
    assert_eq!(form.body, Some(format!("p={encoded}&q=1")));
    assert_eq!(header(&form.headers, "content-type"), "application/x-www-form-urlencoded");
    let posted = Message::compose(&PostbackEndpoint { method: Method::PostJson, ..endpoint }, &hostile, NOW);
    let body: Value = serde_json::from_str(&posted.body.unwrap()).unwrap();
    assert_eq!(body, json!({ "p": HOSTILE, "q": "1" }));
    assert_eq!(header(&posted.headers, "content-type"), "application/json");
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let found = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let values: Vec<_> = found.map(|(_, value)| value.as_str()).collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values[0]
}

#[test]
fn json_without_parameters_is_the_event() {
    let endpoint = PostbackEndpoint { method: Method::PostJson, ..fixture::endpoint() };
    let body: Value =
        serde_json::from_str(&Message::compose(&endpoint, &facts(), NOW).body.unwrap()).unwrap();
    let expected = json!({
        "type": "conversion.rejected",
        "timestamp": "2026-11-20T10:00:00.000Z",
        "data": {
            "conversion_id": "00000000-0000-0000-0000-000000000007", "click_id": "click-1", "cl_id": "their click",
            "goal": "ftd", "status": "rejected", "amount": "100.00", "currency": "EUR", "transaction_id": "T 1",
            "merchant": "acme", "offer": "acme", "affiliate": "lotus", "reason": "fraud",
            "event_time": "2026-11-20T10:00:00.000Z",
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn a_signed_message_carries_the_headers_of_standard_webhooks_over_its_very_body() {
    let secret = || SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let endpoint =
        PostbackEndpoint { method: Method::PostJson, signing_secret: Some(secret()), ..fixture::endpoint() };
    let message = Message::compose(&endpoint, &facts(), NOW);
    let id = facts().delivery.to_string();
    for (name, value) in secret().sign(&id, NOW.seconds(), message.body.unwrap().as_bytes()) {
        assert_eq!(header(&message.headers, name), value);
    }
    let later = Message::compose(&endpoint, &facts(), NOW.plus_millis(60_000));
    assert_eq!(header(&later.headers, "webhook-id"), id);
    assert_ne!(header(&later.headers, "webhook-timestamp"), header(&message.headers, "webhook-timestamp"));
}

#[test]
fn every_message_has_the_id_of_its_delivery() {
    let message = Message::compose(&fixture::endpoint(), &facts(), NOW);
    assert_eq!(header(&message.headers, "webhook-id"), "00000000-0000-0000-0000-000000000009");
}

#[test]
fn an_own_content_type_replaces_ours() {
    let endpoint = PostbackEndpoint {
        method: Method::PostJson,
        headers: templates(&[("Content-Type", "application/vnd.tracker+json")]),
        ..fixture::endpoint()
    };
    let message = Message::compose(&endpoint, &facts(), NOW);
    assert_eq!(header(&message.headers, "content-type"), "application/vnd.tracker+json");
}

/// An endpoint that is full of credentials, all of them containing `canary`.
fn secretive(method: Method) -> PostbackEndpoint {
    PostbackEndpoint {
        method,
        url: url("https://t.example/pb?api%5Fkey=canary-1&c={click_id}#top"),
        params: templates(&[("access_token", "canary-2"), ("sub", "{sub1}"), ("note", "canary-3 inside")]),
        headers: templates(&[
            ("X-Api-Key", "canary-4"),
            ("Cookie", "s={sub1}canary-5"),
            ("X-Note", "canary-3"),
        ]),
        basic_auth: Some(BasicAuth { login: Secret::new("us"), password: Some(Secret::new("canary-3")) }),
        ..fixture::endpoint()
    }
}

#[test]
fn a_kept_request_shows_no_credential() {
    for method in [Method::Get, Method::PostForm, Method::PostJson] {
        let shown = Message::compose(&secretive(method), &facts(), NOW).shown();
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("c=click-1") && shown.contains("s1"), "{shown}");
        assert!(shown.contains("authorization: [redacted]\n"), "{shown}");
    }
    let shown = Message::compose(&secretive(Method::PostForm), &facts(), NOW).shown();
    let body = "access_token=%5Bredacted%5D&sub=s1&note=[redacted]%20inside";
    assert!(shown.starts_with("POST https://t.example/pb?api%5Fkey=[redacted]&c=click-1\n"), "{shown}");
    assert!(shown.ends_with(&format!("\n\n{body}")), "{shown}");
}

#[test]
fn a_credential_that_a_receiver_echoes_is_not_kept() {
    let message = Message::compose(&secretive(Method::Get), &facts(), NOW);
    let basic = BASE64_STANDARD.encode("us:canary-3");
    let echoed =
        format!("You sent Basic {basic}, X-Api-Key: canary-4 and access_token=canary-2, us, canary-1");
    assert_eq!(
        message.without_secrets(echoed),
        "You sent Basic [redacted], X-Api-Key: [redacted] and access_token=[redacted], us, [redacted]"
    );
    let token = BasicAuth { login: Secret::new("canary-6"), password: None };
    let endpoint = PostbackEndpoint { basic_auth: Some(token), ..fixture::endpoint() };
    let message = Message::compose(&endpoint, &facts(), NOW);
    assert_eq!(message.without_secrets("canary-6".to_owned()), "[redacted]");
}

proptest! {
    #[test]
    fn no_value_changes_the_structure_of_a_request(value: String) {
        let facts = Facts { reason: Some(value.clone()), ..facts() };
        let endpoint = PostbackEndpoint {
            url: url("https://t.example/a/{reason}/b?x={reason}&y=1"),
            params: templates(&[("z", "{reason}")]),
            headers: templates(&[("X-R", "{reason}")]),
            ..fixture::endpoint()
        };
        let message = Message::compose(&endpoint, &facts, NOW);
        let sent = Url::parse(&message.url).unwrap();
        prop_assert_eq!(sent.host_str(), Some("t.example"));
        prop_assert_eq!(sent.path_segments().unwrap().count(), 3);
        let pairs: Vec<_> = sent.query_pairs().into_owned().collect();
        let expected = [("x", value.as_str()), ("y", "1"), ("z", value.as_str())];
        prop_assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        prop_assert!(!header(&message.headers, "x-r").contains(char::is_control));
    }
}
