use uuid::Uuid;

use crate::{
    configuration_file::{World, read},
    domain::{
        catalog::Catalog,
        fixture,
        ids::{GoalAlias, TokenId},
        pixel::{EventName, Pixel, Platform, When},
        token::TokenDigester,
    },
    storage::Configuration,
};

/// A merchant with a goal of its own, an offer, and a pixel whose keys follow from line 17 on.
const HEAD: &str = "[[merchant]]\nid = \"neon\"\nname = \"Neon\"\n\n\
                    [[merchant.goal]]\nalias = \"own\"\nname = \"Own\"\n\
                    events = { meta = \"Lead\", ga4 = \"generate_lead\" }\n\n\
                    [[offer]]\nid = \"neon\"\nmerchant = \"neon\"\nname = \"Neon\"\n\
                    landing_url = \"https://neon.example/?c={click_id}\"\n\n[[pixel]]\n";

const LEAST: &str =
    "id = \"px\"\nplatform = \"meta\"\noffer = \"neon\"\npixel_id = \"123\"\nsecret = \"swordfish\"\n";

fn read_file(text: &str) -> Result<Configuration, String> {
    let present =
        Catalog { built_in_goals: fixture::catalog().merchants["acme"].goals.clone(), ..Catalog::default() };
    let digester = TokenDigester::new(b"a secret of the tests");
    let world = World { present: &present, digester: &digester, new_id: &|| TokenId::new(Uuid::nil()) };
    read(text, &world).map_err(|mistake| mistake.to_string())
}

fn read_pixel(keys: &str) -> Result<Pixel, String> {
    read_file(&format!("{HEAD}{keys}")).map(|mut it| it.pixels.remove(0))
}

#[test]
fn what_is_left_out_has_its_default() {
    let pixel = read_pixel(LEAST).unwrap();
    assert_eq!((pixel.platform, pixel.when, pixel.active), (Platform::Meta, When::Approved, true));
    assert_eq!((pixel.platform_id.as_str(), pixel.secret.expose()), ("123", "swordfish"));
    assert!(pixel.affiliate.is_none() && pixel.events.is_empty() && pixel.test_event_code.is_none());
    assert!(pixel.page.is_none() && pixel.base_url.is_none() && pixel.measurement_secret.is_none());
}

#[test]
fn names_of_events_are_a_goals_own_or_a_pixels() {
    let pixel =
        read_pixel(&format!("{LEAST}events = {{ ftd = \"Subscribe\", own = \"Contact\", reg = \"\" }}"));
    let pixel = pixel.unwrap();
    let named: Vec<_> = pixel
        .events
        .iter()
        .map(|(goal, name)| (goal.as_str(), name.as_ref().map(EventName::as_str)))
        .collect();
    assert_eq!(named, [("ftd", Some("Subscribe")), ("own", Some("Contact")), ("reg", None)]);
    let configuration = read_file(&format!("{HEAD}{LEAST}")).unwrap();
    let goal = &configuration.merchants[0].merchant.goals[0];
    assert_eq!(goal.alias, GoalAlias::parse("own").unwrap());
    let named: Vec<_> = goal.events.iter().map(|(platform, name)| (*platform, name.as_str())).collect();
    assert_eq!(named, [(Platform::Meta, "Lead"), (Platform::Ga4, "generate_lead")]);
}

#[test]
fn every_mistake_names_its_line_its_key_and_what_to_write() {
    #[track_caller]
    fn check(keys: &str, said: &[&str]) {
        let mistake = read_pixel(keys).unwrap_err();
        for part in said {
            assert!(mistake.contains(part), "{part} in {mistake}");
        }
        assert!(!mistake.contains("swordfish"), "{mistake}");
    }
    let with = |more: &str| format!("{LEAST}{more}");
    let on = |platform: &str, more: &str| format!("{}{more}", LEAST.replace("meta", platform));
    check(&on("myspace", ""), &["line 18", "`myspace`", "meta, tiktok, ga4, yandex"]);
    check(&LEAST.replace("\"neon\"", "\"none\""), &["line 19: pixel.offer", "as [[offer]]"]);
    check(&with("affiliate = \"none\""), &["line 22: pixel.affiliate", "as [[affiliate]]"]);
    check(&LEAST.replace("\"123\"", "\"12x\""), &["line 20: pixel.pixel_id", "a number"]);
    check(&on("ga4", ""), &["line 20: pixel.pixel_id", "G-ABC123DEF4"]);
    check(&LEAST.replace("swordfish", "short"), &["line 21: pixel.secret", "8 or more"]);
    check(&LEAST.replace("swordfish", "sword fish"), &["line 21: pixel.secret", "no spaces"]);
    check(
        &LEAST.replace("\"swordfish\"", "{ env = \"NOT_SET_ANYWHERE\" }"),
        &["pixel.secret", "NOT_SET_ANYWHERE"],
    );
    check(&with("measurement_secret = \"swordfish\""), &["line 22: pixel.measurement_secret", "Yandex"]);
    check(&with("when = \"rejected\""), &["line 22", "pending, approved, both"]);
    check(&with("events = { ftf = \"Purchase\" }"), &["line 22: pixel.events", "no goal ftf", "ftd"]);
    check(&with("events = { ftd = \" Purchase\" }"), &["line 22: pixel.events", "no spaces around"]);
    check(
        &on("yandex", "test_event_code = \"TEST1\""),
        &["line 22: pixel.test_event_code", "knows no test events"],
    );
    check(&with("test_event_code = \"TEST 1\""), &["line 22: pixel.test_event_code", "TEST12345"]);
    check(&with("page = \"acme\""), &["line 22: pixel.page", "https://"]);
    check(&with("base_url = \"https://u:p@a/\""), &["line 22: pixel.base_url", "without credentials"]);
    check(&with("token = \"x\""), &["line 22", "token"]);
    check(&format!("{LEAST}[[pixel]]\n{LEAST}"), &["line 23: pixel.id", "line 17"]);
    let postback = "[[affiliate]]\nid = \"lotus\"\nname = \"Lotus\"\n[[postback]]\nid = \"px\"\naffiliate = \"lotus\"\n\
                    url = \"https://t.example/\"\n";
    check(&with(postback), &["line 17: pixel.id", "postback endpoint", "choose another"]);
    let wrong_goal = |events: &str| {
        let head = HEAD.replace("{ meta = \"Lead\", ga4 = \"generate_lead\" }", events);
        read_file(&format!("{head}{LEAST}")).map(drop).unwrap_err()
    };
    let mistake = wrong_goal("{ ga4 = \"Generate lead\" }");
    assert!(
        mistake.contains("line 8: merchant.goal.events") && mistake.contains("Generate lead"),
        "{mistake}"
    );
    let mistake = wrong_goal("{ myspace = \"Lead\" }");
    assert!(mistake.contains("line 8") && mistake.contains("myspace"), "{mistake}");
}
