//! The integration page of a merchant, for its manager and for its engineer, who has no account.

use countersign::{
    clock::{Clock, SystemClock},
    domain::{ids::MerchantId, link::IntegrationLink, token::TokenDigester},
};
use serde_json::{Value, json};

use super::{Desk, between, integration_link, read};
use crate::{
    api::{Api, members},
    support::{Answer, Database, Program, SECRET, Server, WORLD, on_both_databases, percent_encoded},
};

/// The page of a merchant.
fn of(merchant: &str) -> String {
    format!("/settings/merchants/{merchant}/integration")
}

fn plain(text: &str) -> String {
    let marks = [("&#38;", "&"), ("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">")];
    marks.into_iter().fold(text.to_owned(), |text, (coded, mark)| text.replace(coded, mark))
}

/// Every address that a page offers to copy.
fn copied(page: &str) -> Vec<String> {
    let found = page.split("data-copy=\"").skip(1).map(|rest| plain(rest.split('"').next().unwrap()));
    found.filter(|text| text.starts_with("http")).collect()
}

/// An address that was copied, without its host, with values in the place of its placeholders.
#[track_caller]
fn filled(address: &str, values: &[(&str, &str)]) -> String {
    let address = address.strip_prefix("http://countersign.example").expect(address);
    let fill = |text: String, (name, value): &(&str, &str)| text.replace(&format!("{{{name}}}"), value);
    let address = values.iter().fold(address.to_owned(), fill);
    assert!(!address.contains('{'), "{address} has a placeholder that nobody explains");
    address
}

/// What the tester of a page shows as its answer: the status, and the body.
#[track_caller]
fn tried(page: &Answer) -> (u16, Value) {
    assert_eq!(page.status, 200, "{}", page.text);
    let status = between(&page.text, "HTTP status <b>", "</b>").parse().unwrap();
    let body = plain(between(&page.text, "<pre class=\"answer\">", "</pre>"));
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

/// A body without what differs from request to request.
fn lasting(mut body: Value) -> Value {
    body["request_id"] = Value::Null;
    body
}

/// The part of a page that shows the last calls, as people read it.
fn calls(page: &str) -> String {
    read(&page[page.find("id=\"calls\"").unwrap()..])
}

/// The address of a link that ends at this time, as the server itself would have made it.
fn link_until(merchant: &str, millis_from_now: i64) -> String {
    let merchant = MerchantId::parse(merchant).unwrap();
    let ends_at = SystemClock.now().plus_millis(millis_from_now);
    let link = IntegrationLink { merchant, ends_at, generation: 0 };
    format!("/i/{}", link.token(&TokenDigester::new(SECRET.as_bytes())))
}

/// What the audit log says of a merchant's links: action and outcome, the newest first.
async fn audited(server: &Server, merchant: &str) -> Vec<(String, String)> {
    let address = format!("/audit?subject=merchant:{merchant}&action=integration-link.");
    let audit = Api::new(server, "viewer").get(&address).await.json;
    members(&audit, "items", "action").into_iter().zip(members(&audit, "items", "outcome")).collect()
}

fn as_text(audited: &[(String, String)]) -> Vec<(&str, &str)> {
    audited.iter().map(|(action, outcome)| (action.as_str(), outcome.as_str())).collect()
}

const TRY: [(&str, &str); 4] =
    [("endpoint", "/track/conv"), ("goal_alias", "ftd"), ("amount", "100"), ("currency", "EUR")];

on_both_databases! {
    async fn the_addresses_to_copy_are_those_that_work(server: Server) {
        let page = Desk::new(&server, "victor", "viewer").await.page(&of("acme")).await;
        let addresses = copied(&page);
        let mut recorded = 0;
        for address in addresses.iter().filter(|address| address.contains("/track/conv?")) {
            let click = server.click().await;
            if address.contains("goal_alias=rdep") {
                server.conv(&click, "ftd 1 EUR").await.ok(json!({}));
            }
            let values = [
                ("token", "acme-token-1"), ("click_id", &*click), ("amount", "10"), ("currency", "EUR"),
                ("transaction_id", &*format!("tx-{click}")), ("goal_alias", "ftd"),
            ];
            server.get(&filled(address, &values)).await.ok(json!({"duplicate": false, "click_id": click}));
            recorded += 1;
        }
        // One for all goals, and one for each: five that everybody has, and three of acme's own.
        assert_eq!(recorded, 9, "{addresses:#?}");
        let click = server.click().await;
        server.conv(&click, "ftd 10 EUR").await.ok(json!({"status": "pending"}));
        for path in ["/track/conv-change?", "/track/conv-addchange?"] {
            let address = addresses.iter().find(|address| address.contains(path)).expect(path);
            let values = [
                ("token", "acme-token-1"), ("click_id", &*click), ("goal_alias", "ftd"), ("transaction_id", ""),
                ("conv_status", "approved"), ("amount", "10"), ("currency", "EUR"),
            ];
            server.get(&filled(address, &values)).await.ok(json!({"status": "approved"}));
        }
    }

    async fn a_merchant_is_told_what_its_own_settings_ask_for(server: Server) {
        let desk = Desk::new(&server, "victor", "viewer").await;
        let (acme, plain) = (read(&desk.page(&of("acme")).await), read(&desk.page(&of("plain")).await));
        assert!(plain.contains("one of EUR, JPY, KWD, USD") && !acme.contains("one of EUR"), "{plain}");
        assert!(acme.contains("revshare") && !plain.contains("revshare"), "{plain}");
        assert!(acme.contains("KYC passed") && !plain.contains("KYC passed"), "{plain}");
        assert!(!acme.contains("sig={sig}") && !acme.contains("must be signed"), "{acme}");
        let signed = read(&desk.page(&of("signed")).await);
        assert!(signed.contains("sig={sig}") && signed.contains("must be signed"), "{signed}");
        let walled = read(&desk.page(&of("walled")).await);
        assert!(walled.contains("203.0.113.0/24") && !acme.contains("taken from"), "{walled}");
    }

    async fn a_merchant_whose_system_speaks_otherwise_is_told_in_its_words(database: Database) {
        let program = Program::new(&database);
        program.apply(WORLD).ok();
        program.apply(include_str!("../dialects/casino.toml")).ok();
        let server = program.serve();
        let desk = Desk::new(&server, "victor", "viewer").await;
        let page = desk.page(&of("wary")).await;
        let addresses = copied(&page);
        assert!(addresses[0].contains("/api/v1/api_send_postback?token={token}&clickid={click_id}"), "{addresses:#?}");
        let click = server.click_to("wary").await;
        let values = [("token", "wary-token-1"), ("click_id", &*click), ("goal_alias", "dep"), ("amount", "10")];
        assert_eq!(server.get(&filled(&addresses[0], &values)).await.text, r#"{"success": true}"#);
        assert_eq!(server.database().count("conversion").await, 1);
        assert!(calls(&desk.page(&of("wary")).await).contains("/api/v1/api_send_postback HTTP 200"));
        let again = [("endpoint", "/api/v1/api_send_postback"), ("click_id", &*click), ("goal_alias", "reg")];
        let answer = desk.post(&format!("{}/try", of("wary")), &again).await;
        assert_eq!(tried(&answer), (200, json!({"success": true})));
        let request = plain(between(&answer.text, "answered</h3>", "</code>"));
        assert!(request.ends_with(&format!("?clickid={click}&goal=reg&dry_run=1")), "{request}");
        assert_eq!(server.database().count("conversion").await, 1);
    }

    async fn the_tester_answers_as_the_address_itself_does_and_records_nothing(server: Server) {
        let desk = Desk::new(&server, "victor", "viewer").await;
        let (address, click) = (format!("{}/try", of("acme")), server.click().await);
        desk.page(&of("acme")).await;
        let foreign = server.click_to("plain").await;
        server.conv(&server.click().await, "ftd 7 EUR transaction_id=tx-1").await.ok(json!({}));
        let before = (server.database().count("conversion").await, server.database().count("postback_log").await);
        for (click, more) in [
            (&*click, ""), (&*click, "transaction_id=tx-9&event_time=2026-01-01T00:00:00Z"), (&*foreign, ""),
            (&*click, "conv_status=approved"), (&*click, "event_time=yesterday"), (&*click, "amount=7"),
            (&*click, "dry_run=0&token=wrong"),
        ] {
            let fields = [&TRY[..], &[("click_id", click), ("more", more)]].concat();
            let page = desk.post(&address, &fields).await;
            let sent = plain(between(&page.text, "answered</h3>", "</code>"));
            let sent = &sent[sent.find("/track/").unwrap()..];
            assert!(!sent.contains("token") && sent.ends_with("dry_run=1"), "{sent}");
            assert_eq!(server.database().count("postback_log").await, before.1, "{more} is in the log");
            let real = server.get(&format!("{sent}&token=acme-token-1")).await;
            let (status, body) = tried(&page);
            assert_eq!((status, lasting(body)), (real.status, lasting(real.json)), "{more}");
            let forget = "DELETE FROM postback_log WHERE outcome <> 'recorded'";
            server.database().execute(forget).await;
        }
        assert_eq!(server.database().count("conversion").await, before.0);
        let unknown = [("endpoint", "/track/nowhere"), ("click_id", &*click), ("goal_alias", "ftd")];
        assert_eq!(desk.post(&address, &unknown).await.status, 400);
    }

    async fn the_tester_asks_for_neither_signature_nor_an_allowed_address(server: Server) {
        let desk = Desk::new(&server, "victor", "viewer").await;
        for (merchant, status) in [("signed", 200), ("walled", 200), ("asleep", 403)] {
            // A merchant that is switched off takes no clicks either.
            let click = if status == 200 { server.click_to(merchant).await } else { "c1".to_owned() };
            desk.page(&of(merchant)).await;
            let fields = [&TRY[..], &[("click_id", &*click)]].concat();
            let answer = desk.post(&format!("{}/try", of(merchant)), &fields).await;
            assert_eq!(tried(&answer).0, status, "{merchant}: {}", answer.text);
        }
        assert_eq!(server.database().count("conversion").await, 0);
    }

    async fn the_last_calls_are_shown_with_no_token_and_none_of_another_merchant(server: Server) {
        let desk = Desk::new(&server, "victor", "viewer").await;
        assert!(calls(&desk.page(&of("acme")).await).contains("No calls yet"));
        let link = integration_link(&server, "acme", 1).await;
        let (click, other) = (server.click().await, server.click_to("plain").await);
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        server.conv(&click, "jackpot 100 EUR").await.refused(400, "unknown_goal", "goal_alias");
        server.conv(&other, "reg player_id=p-of-plain token=plain-token-1").await.ok(json!({}));
        server.conv(&other, "nonsense token=plain-token-1").await.refused(400, "unknown_goal", "goal_alias");
        for page in [desk.page(&of("acme")).await, Desk::outside(&server).page(&link).await] {
            let shown = calls(&page);
            assert!(shown.contains("GET /track/conv HTTP 200 ftd"), "{shown}");
            assert!(shown.contains("unknown goal Send one of your goals as `goal_alias`: "), "{shown}");
            for foreign in ["nonsense", "plain-token-1", "Plain Bets", other.as_str(), "acme-token-1"] {
                assert!(!page.contains(foreign), "{foreign} is in {shown}");
            }
        }
    }

    async fn a_manager_makes_a_link_that_needs_no_account(server: Server) {
        let desk = Desk::new(&server, "mia", "manager").await;
        desk.page(&of("acme")).await;
        let made = desk.post(&format!("{}/share", of("acme")), &[("days", "30")]).await;
        let url = between(&made.text, "id=\"link\">", "</code>").to_owned();
        let link = url.strip_prefix("http://countersign.example").expect(&url);
        let engineer = Desk::outside(&server);
        let page = engineer.get(link).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!((page.header("referrer-policy"), page.header("cache-control")), ("no-referrer", "no-store"));
        assert_eq!(page.header("x-robots-tag"), "noindex");
        for inside in ["<nav", "Sign out", "Make a link", "Withdraw", "/settings", "Plain Bets"] {
            assert!(!page.text.contains(inside), "a guest is shown {inside}");
        }
        let again = desk.page(&of("acme")).await;
        assert!(!again.contains(link) && again.contains("Make a link"));
        let click = server.click().await;
        let fields = [&TRY[..], &[("click_id", &*click)]].concat();
        let answer = engineer.post(&format!("{link}/try"), &fields).await;
        let (status, body) = tried(&answer);
        assert_eq!((status, &body["dry_run"]), (200, &json!(true)), "{body}");
        assert_eq!(server.database().count("conversion").await, 0);
        let back = engineer.get(&format!("{link}/try")).await;
        assert_eq!((back.status, back.header("location")), (303, link));
        let secret = link.rsplit('.').next().unwrap();
        assert!(secret.len() == 43 && !server.log().contains(secret), "the log holds a link");
        assert!(!server.database().holds(secret).await, "the database holds a link");
        assert_eq!(as_text(&audited(&server, "acme").await), [("integration-link.make", "done")]);
    }

    async fn the_tester_of_a_guest_takes_forms_of_its_own_page_only(server: Server) {
        let (link, other) = (integration_link(&server, "acme", 7).await, integration_link(&server, "plain", 7).await);
        let engineer = Desk::outside(&server);
        engineer.page(&link).await;
        let (own, click) = (engineer.csrf(), server.click().await);
        let fields = |csrf| [&TRY[..], &[("click_id", &*click), ("csrf", csrf)]].concat();
        let address = format!("{link}/try");
        for csrf in ["", "wrong", other.trim_start_matches("/i/")] {
            assert_eq!(engineer.post_with(&address, &[], &fields(csrf)).await.status, 403, "{csrf}");
        }
        for header in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            assert_eq!(engineer.post_with(&address, &[header], &fields(&own)).await.status, 403, "{header:?}");
        }
        let header = ("origin", "http://countersign.example");
        assert_eq!(engineer.post_with(&address, &[header], &fields(&own)).await.status, 200);
    }

    async fn a_link_that_has_ended_or_was_changed_says_to_ask_for_a_new_one(server: Server) {
        assert_eq!(server.get(&link_until("acme", 60_000)).await.status, 200);
        let ended = link_until("acme", -1);
        let whole = integration_link(&server, "acme", 7).await;
        let (said, proof) = whole.rsplit_once('.').unwrap();
        let later = format!("{}.9999999999.0.{proof}", said.split('.').next().unwrap());
        let other = whole.replace("/i/acme.", "/i/plain.");
        let manager = Desk::new(&server, "mia", "manager").await;
        for (link, status) in [
            (&*ended, 410), (&*later, 404), (&*other, 404), (&whole[..whole.len() - 1], 404), ("/i/acme", 404),
            (&*link_until("nobody", 60_000), 404),
        ] {
            for desk in [&Desk::outside(&server), &manager] {
                let page = desk.get(link).await;
                assert_eq!(page.status, status, "{link}: {}", page.text);
                assert!(status == 410 || !page.text.contains("Acme"), "{link}");
                assert!(!page.text.contains("<nav") && !page.text.contains("Sign in"), "{link}: {}", page.text);
            }
            assert_eq!(server.post(&format!("{link}/try"), "text/plain", "").await.status, status, "{link}");
        }
        for link in [&ended, &later] {
            assert!(server.get(link).await.text.contains("for a new one"), "{link}");
        }
    }

    async fn links_of_one_merchant_are_withdrawn_all_at_once(server: Server) {
        let desk = Desk::new(&server, "mia", "manager").await;
        let (first, second) = (integration_link(&server, "acme", 1).await, integration_link(&server, "acme", 90).await);
        let other = integration_link(&server, "plain", 7).await;
        desk.page(&of("acme")).await;
        let done = desk.post(&format!("{}/withdraw", of("acme")), &[]).await;
        assert!(done.status == 200 && read(&done.text).contains("is withdrawn"), "{}", done.text);
        for link in [&first, &second] {
            let page = server.get(link).await;
            assert!(page.status == 410 && page.text.contains("for a new one"), "{}", page.text);
        }
        assert_eq!(server.get(&other).await.status, 200);
        let fresh = integration_link(&server, "acme", 7).await;
        assert_eq!(server.get(&fresh).await.status, 200);
        let api = Api::new(&server, "manager");
        let withdrawn = api.post("/merchants/acme/integration-link/withdraw", &json!({})).await;
        assert_eq!((withdrawn.status, &withdrawn.json["merchant"]), (200, &json!("acme")), "{}", withdrawn.text);
        assert_eq!(server.get(&fresh).await.status, 410);
        let (make, withdraw) = (("integration-link.make", "done"), ("integration-link.withdraw", "done"));
        assert_eq!(as_text(&audited(&server, "acme").await), [withdraw, make, withdraw, make, make]);
    }

    async fn a_viewer_sees_the_page_but_gives_it_to_nobody(server: Server) {
        let desk = Desk::new(&server, "victor", "viewer").await;
        let page = desk.page(&of("acme")).await;
        assert!(!page.contains("Make a link") && !page.contains("Withdraw"), "a viewer is offered links");
        for part in ["share", "withdraw"] {
            let answer = desk.post(&format!("{}/{part}", of("acme")), &[("days", "7")]).await;
            assert_eq!(answer.status, 403, "{part}: {}", answer.text);
        }
        let refused = Api::new(&server, "viewer").post("/merchants/acme/integration-link", &json!({})).await;
        refused.refused(403, "forbidden", "");
        let (make, withdraw) = ("integration-link.make", "integration-link.withdraw");
        let expected = [(make, "forbidden"), (withdraw, "forbidden"), (make, "forbidden")];
        assert_eq!(as_text(&audited(&server, "acme").await), expected);
    }

    async fn a_program_reads_the_guide_and_makes_links_for_at_most_90_days(server: Server) {
        let api = Api::new(&server, "manager");
        let guide = api.get("/merchants/plain/integration").await.json;
        assert_eq!((&guide["merchant"], &guide["require_signature"]), (&json!("plain"), &json!(false)), "{guide}");
        let mut goals = members(&guide, "goals", "goal_alias");
        goals.sort_unstable();
        assert_eq!(goals, ["contact", "ftd", "rdep", "reg"]);
        let urls = members(&guide, "addresses", "url");
        assert!(urls[0].starts_with("http://countersign.example/track/conv?token={token}&click_id="), "{urls:?}");
        for days in [0, 91] {
            let refused = api.post("/merchants/acme/integration-link", &json!({"days": days})).await;
            refused.refused(400, "invalid_parameter", "days");
        }
        api.post("/merchants/nobody/integration-link", &json!({"days": 1})).await.refused(404, "not_found", "");
        let made = api.post("/merchants/acme/integration-link", &json!({"days": 7})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let ends = made.json["expires_at"].as_str().unwrap();
        let week = SystemClock.now().plus_millis(7 * 86_400_000).to_string();
        assert_eq!(&ends[..10], &week[..10], "{}", made.text);
    }

    async fn links_and_addresses_show_where_the_operator_says_that_the_service_is(database: Database) {
        let program = Program::new(&database).with("COUNTERSIGN_PUBLIC_URL", "https://track.example");
        program.apply(WORLD).ok();
        let server = program.serve();
        let api = Api::new(&server, "manager");
        let guide = api.get("/merchants/acme/integration").await.json;
        assert!(members(&guide, "addresses", "url")[0].starts_with("https://track.example/track/conv?"), "{guide}");
        let made = api.post("/merchants/acme/integration-link", &json!({})).await;
        assert!(made.json["url"].as_str().unwrap().starts_with("https://track.example/i/acme."), "{}", made.text);
    }

    async fn what_a_merchant_sends_is_shown_as_text(server: Server) {
        let (hostile, desk) = ("\"'><script>alert(1)</script>", Desk::new(&server, "mia", "manager").await);
        let link = integration_link(&server, "acme", 7).await;
        server.conv("c1", &format!("goal_alias={}", percent_encoded(hostile))).await;
        let more = format!("x={hostile}");
        let fields = [("endpoint", "/track/conv"), ("goal_alias", "ftd"), ("click_id", hostile), ("more", &*more)];
        for (desk, page) in [(&desk, of("acme")), (&Desk::outside(&server), link)] {
            let first = desk.page(&page).await;
            assert!(calls(&first).contains("&#60;script&#62;alert(1)"), "{first}");
            let answer = desk.post(&format!("{page}/try"), &fields).await;
            assert_eq!(tried(&answer).1["code"], "invalid_click_id");
            assert!(![first, answer.text].iter().any(|page| page.contains("<script>alert")), "{page}");
        }
    }
}

#[tokio::test]
async fn the_tester_may_be_used_as_often_as_an_address_may_send() {
    let database = Database::sqlite();
    let program = Program::new(&database).with("COUNTERSIGN_RATE_LIMIT", "3");
    program.apply(WORLD).ok();
    let server = program.serve();
    let link = integration_link(&server, "acme", 1).await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(server.get(&link).await.status);
    }
    assert!(statuses.starts_with(&[200]) && statuses.contains(&429), "{statuses:?}");
}
