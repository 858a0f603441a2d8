use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{
    currency::{Currencies, CurrencyCode},
    endpoint::Method,
    fixture::{self, NOW, params},
    ids::{DeliveryId, MerchantId, RequestId},
    money::Money,
    params::Params,
    status::Actor,
};

mod told;
mod understood;

/// The pixel of `acme` at a platform, as the catalog has it.
fn pixel(platform: Platform) -> Pixel {
    let catalog = fixture::catalog();
    bare(platform).complete(&catalog.offers["acme"], &catalog.merchants["acme"].goals)
}

fn bare(platform: Platform) -> Pixel {
    let platform_id = match platform {
        Platform::Ga4 => "G-ABC123DEF4",
        _ => "2215573",
    };
    Pixel {
        id: EndpointId::parse("acme-pixel").unwrap(),
        platform,
        offer: OfferId::parse("acme").unwrap(),
        affiliate: None,
        platform_id: PlatformId::parse(platform, platform_id).unwrap(),
        secret: Secret::new("the/secret=1"),
        measurement_secret: Some(Secret::new("measurement-1")),
        when: When::Approved,
        events: BTreeMap::new(),
        test_event_code: None,
        page: None,
        base_url: None,
        active: true,
    }
}

/// A first deposit of 100 EUR, a minute after a click with these parameters.
fn facts(click: &str) -> Facts {
    Facts {
        delivery: DeliveryId::new(Uuid::from_u128(9)),
        conversion: fixture::conversion(),
        click_params: params(click),
        clicked_at: NOW.plus_millis(-60_000),
        player_id: None,
        status: Status::Approved,
        reason: None,
        changed_at: NOW,
    }
}

const CONVERSION: &str = "00000000-0000-0000-0000-000000000007";

#[track_caller]
fn call(pixel: &Pixel, facts: &Facts) -> Call {
    match pixel.step(facts, None, NOW) {
        Step::Send(call) => call,
        Step::End(ending) => panic!("nothing is sent: {ending:?}"),
    }
}

#[track_caller]
fn sent(pixel: &Pixel, facts: &Facts) -> Message {
    call(pixel, facts).message
}

#[track_caller]
fn ended(pixel: &Pixel, facts: &Facts) -> Ending {
    match pixel.step(facts, None, NOW) {
        Step::End(ending) => ending,
        Step::Send(call) => panic!("it is sent: {}", call.message.shown()),
    }
}

fn body(message: &Message) -> Value {
    serde_json::from_str(message.body.as_deref().unwrap()).unwrap()
}

fn goal(alias: &str) -> GoalAlias {
    GoalAlias::parse(alias).unwrap()
}

fn step(from: Option<Status>, to: Status) -> StatusEvent {
    StatusEvent {
        conversion: fixture::conversion().id,
        step: 1,
        from,
        to,
        actor: Actor::Merchant(MerchantId::parse("acme").unwrap()),
        reason: None,
        request: RequestId::new(Uuid::nil()),
        at: NOW,
    }
}

#[test]
fn a_conversion_is_told_once_and_never_when_it_is_rejected() {
    #[track_caller]
    fn check(when: When, from: Option<Status>, to: Status, told: bool) {
        let pixel = Pixel { when, ..pixel(Platform::Meta) };
        assert_eq!(pixel.wants(&fixture::conversion(), &step(from, to)), told, "{when:?} {from:?} {to:?}");
    }
    let pending = Some(Status::Pending);
    check(When::Approved, None, Status::Pending, false);
    check(When::Approved, pending, Status::Approved, true);
    check(When::Approved, None, Status::Approved, true);
    check(When::Pending, None, Status::Pending, true);
    check(When::Pending, pending, Status::Approved, false);
    check(When::Both, None, Status::Pending, true);
    check(When::Both, pending, Status::Approved, false);
    check(When::Both, None, Status::Approved, true);
    // What was rejected and is approved after all may never have been told.
    check(When::Both, Some(Status::Rejected), Status::Approved, true);
    check(When::Approved, Some(Status::Rejected), Status::Approved, true);
    for when in [When::Pending, When::Approved, When::Both] {
        check(when, pending, Status::Rejected, false);
    }
}

#[test]
fn a_pixel_is_told_of_its_offer_its_affiliate_and_the_goals_that_have_a_name() {
    let wants = |change: &dyn Fn(&mut Pixel, &mut Conversion)| {
        let (mut pixel, mut conversion) = (pixel(Platform::Tiktok), fixture::conversion());
        change(&mut pixel, &mut conversion);
        pixel.wants(&conversion, &step(None, Status::Approved))
    };
    assert!(wants(&|_, _| {}));
    assert!(!wants(&|pixel, _| pixel.active = false));
    assert!(!wants(&|pixel, _| pixel.offer = OfferId::parse("plain").unwrap()));
    assert!(wants(&|pixel, _| pixel.affiliate = AffiliateId::parse("lotus").ok()));
    assert!(!wants(&|pixel, _| pixel.affiliate = AffiliateId::parse("orchid").ok()));
    assert!(!wants(&|_, conversion| conversion.goal = goal("revshare")));
    assert!(!wants(&|pixel, _| drop(pixel.events.insert(goal("ftd"), None))));
}

#[test]
fn an_event_has_the_pixels_name_or_else_the_goals_or_else_the_usual_one() {
    #[track_caller]
    fn check(pixel: &Pixel, alias: &str, expected: Option<&str>) {
        assert_eq!(pixel.event_name(&goal(alias)).map(EventName::as_str), expected, "{alias}");
    }
    let catalog = fixture::catalog();
    let name = |platform, text| EventName::parse(platform, text).unwrap();
    let mut goals = catalog.merchants["acme"].goals.clone();
    for goal in goals.iter_mut().filter(|goal| ["kyc", "vip", "rdep"].contains(&goal.alias.as_str())) {
        goal.events.insert(Platform::Meta, name(Platform::Meta, "SubmitApplication"));
        goal.events.insert(Platform::Ga4, name(Platform::Ga4, "application"));
    }
    let own = [("vip", Some(name(Platform::Meta, "Subscribe"))), ("reg", None)];
    let own = own.map(|(alias, name)| (goal(alias), name));
    let meta = Pixel { events: own.into(), ..bare(Platform::Meta) };
    let complete = |pixel: Pixel| pixel.complete(&catalog.offers["acme"], &goals);
    let meta = complete(meta);
    check(&meta, "vip", Some("Subscribe"));
    check(&meta, "kyc", Some("SubmitApplication"));
    check(&meta, "rdep", Some("SubmitApplication"));
    check(&meta, "ftd", Some("Purchase"));
    check(&meta, "reg", None);
    check(&meta, "revshare", None);
    check(&meta, "level", None);
    for (platform, expected) in [
        (Platform::Meta, "CompleteRegistration"),
        (Platform::Tiktok, "CompleteRegistration"),
        (Platform::Ga4, "sign_up"),
        (Platform::Yandex, "reg"),
    ] {
        check(&complete(bare(platform)), "reg", Some(expected));
    }
    assert_eq!(meta.example_goal(), Some(&goal("ftd")));
}

#[test]
fn the_page_is_the_offers_landing_page_without_what_differs_from_player_to_player() {
    #[track_caller]
    fn check(landing: &str, expected: &str) {
        use crate::domain::template::{UrlTemplate, Vocabulary};
        let landing_url = UrlTemplate::parse(landing, Vocabulary::LandingUrl).unwrap();
        let offer = Offer { landing_url, ..fixture::catalog().offers["acme"].clone() };
        let page = bare(Platform::Meta).complete(&offer, &[]).page;
        assert_eq!(page.as_deref(), Some(expected), "{landing}");
    }
    check("https://acme.example/land?cid={click_id}", "https://acme.example/land");
    check("https://acme.example/a/{offer}/b?cid={click_id}", "https://acme.example/a/");
    check("https://acme.example/#{click_id}", "https://acme.example/");
    check("https://acme.example", "https://acme.example");
    let own = Pixel { page: Some("https://a.example/thanks".to_owned()), ..bare(Platform::Meta) };
    let own = own.complete(&fixture::catalog().offers["acme"], &[]);
    assert_eq!(own.page.as_deref(), Some("https://a.example/thanks"));
}

#[test]
fn what_the_platform_would_find_too_old_is_not_sent() {
    #[track_caller]
    fn check(platform: Platform, age_hours: i64, sent: bool, said: &str) {
        let mut facts = facts("client_id=1&yclid=2");
        facts.conversion.event_time = Some(NOW.plus_millis(-age_hours * HOUR_MILLIS));
        match pixel(platform).step(&facts, None, NOW) {
            Step::Send(_) => assert!(sent, "{platform:?} {age_hours}"),
            Step::End(Ending::TooLate(why)) => assert!(!sent && why.contains(said), "{platform:?} {why}"),
            Step::End(other) => panic!("{other:?}"),
        }
    }
    check(Platform::Meta, 7 * 24, true, "");
    check(Platform::Meta, 7 * 24 + 1, false, "Meta takes nothing older than 7 days");
    check(Platform::Tiktok, 90 * 24, true, "");
    check(Platform::Ga4, 72, true, "");
    check(Platform::Ga4, 73, false, "Google Analytics takes nothing older than 72 hours");
    check(Platform::Yandex, 21 * 24, true, "");
    check(Platform::Yandex, 21 * 24 + 1, false, "Yandex Metrica takes nothing older than 21 days");
    let said = "2026-11-13T09:00:00.000Z";
    check(Platform::Meta, 7 * 24 + 1, false, said);
}

#[test]
fn a_conversion_that_is_rejected_meanwhile_sends_nothing() {
    for platform in [Platform::Meta, Platform::Tiktok, Platform::Ga4, Platform::Yandex] {
        let mut facts = facts("client_id=1");
        facts.conversion.status = Status::Rejected;
        let ending = ended(&pixel(platform), &facts);
        assert!(matches!(&ending, Ending::Refused(why) if why.contains("rejected")), "{ending:?}");
    }
}

#[test]
fn a_goal_without_a_name_sends_nothing() {
    let mut pixel = pixel(Platform::Meta);
    pixel.events.insert(goal("ftd"), None);
    let ending = ended(&pixel, &facts(""));
    assert!(matches!(&ending, Ending::Refused(why) if why.contains("goal ftd")), "{ending:?}");
}

#[test]
fn money_that_platforms_do_not_know_is_left_out() {
    let usdt = CurrencyCode::parse("USDT").unwrap();
    let mut facts = facts("client_id=1");
    facts.conversion.currency = Currencies::with_extras([(usdt, 6)]).find("USDT");
    assert!(body(&sent(&pixel(Platform::Meta), &facts))["data"][0].get("custom_data").is_none());
    assert!(body(&sent(&pixel(Platform::Tiktok), &facts))["data"][0].get("properties").is_none());
    assert!(body(&sent(&pixel(Platform::Ga4), &facts))["events"][0]["params"].get("value").is_none());
}

#[test]
fn money_is_written_as_it_was_read() {
    let mut facts = facts("");
    facts.conversion.amount = Money::parse("89999999999.1").unwrap();
    let sent = sent(&pixel(Platform::Meta), &facts);
    assert!(sent.body.unwrap().contains("\"value\":89999999999.10,\"currency\":\"EUR\""));
}

#[test]
fn what_happens_in_our_future_happens_now() {
    let mut facts = facts("");
    facts.conversion.event_time = Some(NOW.plus_millis(60_000));
    assert_eq!(body(&sent(&pixel(Platform::Meta), &facts))["data"][0]["event_time"], NOW.seconds());
}

#[test]
fn no_secret_shows() {
    for platform in [Platform::Meta, Platform::Tiktok, Platform::Ga4, Platform::Yandex] {
        for facts in [facts("client_id=1"), facts("client_id=1&yclid=2")] {
            let message = sent(&pixel(platform), &facts);
            let shown = message.shown();
            let told = format!("{} {:?} {:?}", message.url, message.headers, message.body);
            assert!(told.contains("secret") || told.contains("measurement-1"), "{told}");
            for secret in ["the/secret=1", "the%2Fsecret%3D1", "measurement-1"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(shown.contains("[redacted]"), "{shown}");
        }
        assert!(!format!("{:?}", pixel(platform)).contains("the/secret"));
    }
}

#[test]
fn what_clicks_lack_is_told_before_money_is_spent() {
    #[track_caller]
    fn check(platform: Platform, clicks: &[&str], said: Option<&str>) {
        let clicks: Vec<Params> = clicks.iter().map(|click| params(click)).collect();
        let warnings = pixel(platform).warnings(&clicks);
        match said {
            Some(said) => assert!(warnings.len() == 1 && warnings[0].contains(said), "{warnings:?}"),
            None => assert!(warnings.is_empty(), "{warnings:?}"),
        }
    }
    check(Platform::Meta, &[], Some("no click yet to look for any of fbclid, fbc, _fbc"));
    check(Platform::Meta, &["fbclid=a", "fbc=b"], None);
    check(Platform::Meta, &["fbclid=a", "sub1=b", "fbclid="], Some("2 of the last 3 clicks carried none of"));
    check(Platform::Tiktok, &["fbclid=a"], Some("1 of the last 1 clicks carried none of ttclid"));
    check(Platform::Tiktok, &["ttclid=a"], None);
    check(Platform::Ga4, &["gclid=a"], Some("client_id"));
    check(Platform::Ga4, &["_ga=GA1.1.1.2"], None);
    check(Platform::Yandex, &["yclid=1", "client_id=2"], None);
    check(Platform::Yandex, &[""], Some("yclid"));
    let testing = Pixel { test_event_code: Some("TEST1".to_owned()), ..pixel(Platform::Meta) };
    assert!(testing.warnings(&[params("fbclid=a")])[0].contains("take test_event_code out"));
}

#[test]
fn a_test_tells_a_platform_nothing_that_it_would_count() {
    let test = |pixel: &Pixel| pixel.test(&facts("client_id=1"), NOW);
    let at = |step: Step| match step {
        Step::Send(call) => format!("{:?} {}", call.message.method, call.message.url),
        Step::End(ending) => format!("{ending:?}"),
    };
    for platform in [Platform::Meta, Platform::Tiktok] {
        let refused = at(test(&pixel(platform)));
        assert!(refused.starts_with("Refused") && refused.contains("test_event_code"), "{refused}");
        let marked = Pixel { test_event_code: Some("TEST1".to_owned()), ..pixel(platform) };
        let Step::Send(call) = test(&marked) else { panic!("{platform:?}") };
        assert_eq!(body(&call.message)["test_event_code"], "TEST1");
    }
    let looked_at = at(test(&pixel(Platform::Ga4)));
    assert!(looked_at.contains("/debug/mp/collect?"), "{looked_at}");
    let asked = at(test(&pixel(Platform::Yandex)));
    let expected = "Get https://api-metrika.yandex.net/management/v1/counter/2215573/offline_conversions/\
                    uploadings?limit=1";
    assert_eq!(asked, expected);
}

#[test]
fn another_base_address_stands_for_every_host_of_the_platform() {
    for platform in [Platform::Meta, Platform::Tiktok, Platform::Ga4, Platform::Yandex] {
        let base_url = BaseUrl::parse("http://127.0.0.1:9/base/").unwrap();
        let pixel = Pixel { base_url: Some(base_url), ..pixel(platform) };
        for facts in
            [facts("client_id=1"), Facts { clicked_at: NOW.plus_millis(-DAY_MILLIS), ..facts("client_id=1") }]
        {
            let url = sent(&pixel, &facts).url;
            assert!(url.starts_with("http://127.0.0.1:9/base/"), "{url}");
        }
        assert_eq!(pixel.address(), "http://127.0.0.1:9/base");
    }
}
