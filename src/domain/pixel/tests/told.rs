//! What each platform is told.

use super::*;
use crate::domain::pixel::identity::sha256;

const PLAYER: &str = "fbclid=AbC_1&fbp=fb.1.2.3&ttclid=E.C.P.x&_ttp=ttp-1&client_user_agent=Mozilla/5.0 (X)\
                      &client_ip_address=203.0.113.7&ga_client_id=11.22&ga_session_id=33&ym_client_id=44&yclid=55";

/// A conversion of which the merchant tells who the player is.
fn known_player() -> Facts {
    let mut facts = facts(PLAYER);
    facts.conversion.extra = params(
        "email= John_Smith@gmail.com&phone=+1 (650) 555-1212&first_name=Mary&geo=DE&birth_date=1997-02-16",
    );
    facts
}

#[test]
fn meta_is_told_one_event_with_a_hashed_player() {
    let sent = sent(&pixel(Platform::Meta), &known_player());
    let expected = "https://graph.facebook.com/v25.0/2215573/events?access_token=the%2Fsecret%3D1";
    assert_eq!((sent.method, sent.url.as_str()), (Method::PostJson, expected));
    let expected = json!({ "data": [{
        "event_name": "Purchase",
        "event_time": NOW.seconds(),
        "event_id": CONVERSION,
        "action_source": "website",
        "event_source_url": "https://play.example/",
        "user_data": {
            "em": "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
            "ph": "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
            "fn": "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec",
            "db": sha256("19970216"),
            "country": sha256("de"),
            "external_id": sha256("click-1"),
            "client_user_agent": "Mozilla/5.0 (X)",
            "client_ip_address": "203.0.113.7",
            "fbc": format!("fb.1.{}.AbC_1", NOW.millis() - 60_000),
            "fbp": "fb.1.2.3",
        },
        "custom_data": { "value": 100.0, "currency": "EUR" },
    }] });
    assert_eq!(body(&sent), expected);
}

#[test]
fn meta_is_told_of_a_website_only_where_the_browser_is_known() {
    let sent = sent(&pixel(Platform::Meta), &facts("fbc=fb.1.5.own&fbclid=other"));
    let event = &body(&sent)["data"][0];
    assert_eq!((&event["action_source"], event.get("event_source_url")), (&json!("other"), None));
    let expected = json!({ "external_id": sha256("click-1"), "fbc": "fb.1.5.own" });
    assert_eq!(event["user_data"], expected);
}

#[test]
fn tiktok_is_told_one_event_under_its_pixel_code() {
    let tested = Pixel { test_event_code: Some("TEST7".to_owned()), ..pixel(Platform::Tiktok) };
    let sent = sent(&tested, &known_player());
    let expected = "https://business-api.tiktok.com/open_api/v1.3/event/track/";
    assert_eq!((sent.method, sent.url.as_str()), (Method::PostJson, expected));
    assert!(sent.headers.contains(&("access-token".to_owned(), "the/secret=1".to_owned())));
    let expected = json!({
        "event_source": "web",
        "event_source_id": "2215573",
        "test_event_code": "TEST7",
        "data": [{
            "event": "Purchase",
            "event_id": CONVERSION,
            "event_time": NOW.seconds(),
            "user": {
                "ttclid": "E.C.P.x",
                "ttp": "ttp-1",
                "external_id": sha256("click-1"),
                "email": "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
                "phone": sha256("+16505551212"),
                "ip": "203.0.113.7",
                "user_agent": "Mozilla/5.0 (X)",
            },
            "page": { "url": "https://play.example/" },
            "properties": { "value": 100.0, "currency": "EUR" },
        }],
    });
    assert_eq!(body(&sent), expected);
}

#[test]
fn google_analytics_is_told_under_the_browsers_own_client_id() {
    let sent = sent(&pixel(Platform::Ga4), &known_player());
    let expected =
        "https://www.google-analytics.com/mp/collect?measurement_id=G-ABC123DEF4&api_secret=the%2Fsecret%3D1";
    assert_eq!((sent.method, sent.url.as_str()), (Method::PostJson, expected));
    let expected = json!({
        "client_id": "11.22",
        "timestamp_micros": NOW.millis() * 1000,
        "events": [{ "name": "purchase", "params": {
            "transaction_id": CONVERSION, "value": 100.0, "currency": "EUR", "session_id": "33",
            "engagement_time_msec": 1,
        } }],
    });
    assert_eq!(body(&sent), expected);
}

#[test]
fn a_client_id_is_found_in_the_cookie_of_google_analytics() {
    let client_id = |click: &str| body(&sent(&pixel(Platform::Ga4), &facts(click)))["client_id"].clone();
    assert_eq!(client_id("_ga=GA1.1.1234567890.1620000000"), "1234567890.1620000000");
    assert_eq!(client_id("client_id=1234567890.1620000000"), "1234567890.1620000000");
    let ending = ended(&pixel(Platform::Ga4), &facts("gclid=x"));
    assert!(matches!(&ending, Ending::Refused(why) if why.contains("client_id")), "{ending:?}");
}

#[test]
fn metrica_is_told_of_fresh_events_by_its_measurement_protocol() {
    let sent = sent(&pixel(Platform::Yandex), &known_player());
    assert_eq!((sent.method, sent.url.as_str()), (Method::PostForm, "https://mc.yandex.ru/collect"));
    let expected =
        "tid=2215573&cid=44&t=event&ea=ftd&dl=https%3A%2F%2Fplay.example%2F&et=1795168800&ms=measurement-1";
    assert_eq!(sent.body.as_deref(), Some(expected));
}

/// The lines of the uploaded file.
fn uploaded(message: &Message) -> Vec<String> {
    let body = message.body.clone().unwrap();
    let (_, csv) = body.split_once("text/csv\r\n\r\n").unwrap();
    let (csv, end) = csv.split_once("\r\n\r\n--").unwrap();
    assert_eq!(end, "countersign-00000000-0000-0000-0000-000000000009--\r\n");
    csv.lines().map(str::to_owned).collect()
}

#[test]
fn metrica_is_told_of_later_events_by_an_upload() {
    let late = |click: &str| Facts { clicked_at: NOW.plus_millis(-12 * HOUR_MILLIS), ..facts(click) };
    let sent = sent(&pixel(Platform::Yandex), &late("client_id=133591247640966458&yclid=55"));
    let expected = "https://api-metrika.yandex.net/management/v1/counter/2215573/offline_conversions/upload\
                    ?type=BASIC&comment=00000000-0000-0000-0000-000000000009";
    assert_eq!((sent.method, sent.url.as_str()), (Method::PostForm, expected));
    assert!(sent.headers.contains(&("authorization".to_owned(), "OAuth the/secret=1".to_owned())));
    let expected = "multipart/form-data; boundary=countersign-00000000-0000-0000-0000-000000000009";
    assert!(sent.headers.contains(&("content-type".to_owned(), expected.to_owned())), "{:?}", sent.headers);
    // Only the past is taken.
    let row = "133591247640966458,ftd,1795168799,100.00,EUR";
    assert_eq!(uploaded(&sent), ["ClientId,Target,DateTime,Price,Currency", row]);
    let by_click = uploaded(&self::sent(&pixel(Platform::Yandex), &late("yclid=55")));
    assert_eq!(by_click[0], "Yclid,Target,DateTime,Price,Currency");
    assert!(by_click[1].starts_with("55,"), "{by_click:?}");
}

#[test]
fn metrica_gets_an_upload_wherever_its_measurement_protocol_would_not_do() {
    let is_upload = |pixel: &Pixel, facts: &Facts| sent(pixel, facts).url.contains("offline_conversions");
    let yandex = pixel(Platform::Yandex);
    assert!(!is_upload(&yandex, &facts("client_id=1")));
    assert!(is_upload(&yandex, &facts("yclid=1")));
    assert!(is_upload(&Pixel { measurement_secret: None, ..yandex.clone() }, &facts("client_id=1")));
    let mut old = facts("client_id=1");
    old.conversion.event_time = Some(NOW.plus_millis(-12 * HOUR_MILLIS));
    assert!(is_upload(&yandex, &old));
    for click in ["", "client_id=a,b", "yclid=x"] {
        let ending = ended(&yandex, &facts(click));
        assert!(matches!(&ending, Ending::Refused(why) if why.contains("yclid")), "{click} {ending:?}");
    }
}

#[test]
fn a_goal_can_not_leave_its_field_of_the_file() {
    let mut yandex = pixel(Platform::Yandex);
    let name = EventName::parse(Platform::Yandex, "a,\"b\"").unwrap();
    yandex.events.insert(goal("ftd"), Some(name));
    let mut facts = facts("yclid=1");
    facts.conversion.currency = None;
    assert_eq!(uploaded(&sent(&yandex, &facts)), ["Yclid,Target,DateTime", "1,\"a,\"\"b\"\"\",1795168799"]);
}

#[test]
fn an_upload_is_asked_after_by_its_number() {
    let Step::Send(call) = pixel(Platform::Yandex).step(&facts(""), Some("17"), NOW) else { panic!() };
    let expected =
        "https://api-metrika.yandex.net/management/v1/counter/2215573/offline_conversions/uploading/17";
    assert_eq!((call.message.method, call.message.url.as_str()), (Method::Get, expected));
}
