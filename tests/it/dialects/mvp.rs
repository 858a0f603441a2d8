//! The postback API of MVP Project: every documented address with its documented answer.

use super::Casino;
use crate::support::{Database, Program, Receiver, WORLD, eventually, on_both_databases};

const SUCCESS: &str = r#"{"success": true}"#;
const NO_SUBSCRIBER: &str = r#"{"error": "Subscriber not exists with this clickid"}"#;
const REGISTERED: &str = r#"{"error": "registration_already"}"#;

/// What the contact of this user by this click is answered.
fn contact(user: u64, click: &str) -> String {
    let spot = r#"{"id": "casino-offer", "title": "MVPtestQA"}"#;
    let subscriber = format!(r#"{{"user_id": {user}, "id": "{click}", "spot": {spot}}}"#);
    format!(r#"{{"success": true, "subscriber": {subscriber}}}"#)
}

on_both_databases! {
    async fn the_documented_addresses_get_their_documented_answers(casino: Casino) {
        casino.click_abc123().await;
        casino.answers("/postback/?clickid=ABC123&goal=reg", 200, SUCCESS).await;
        casino.answers("/postback/?clickid=ABC123&goal=dep&sum=100", 200, SUCCESS).await;
        casino.answers("/postback/?clickid=ABC123&goal=redep&sum=50", 200, SUCCESS).await;
        casino.answers("/postback/?clickid=ABC123&goal=level10&sum=1", 200, SUCCESS).await;
        casino.click_with("casino-offer", "user_id=7788").await;
        casino.answers("/postback/?user_id=7788&spot=87fa11c2-ff00-44a1&goal=reg", 200, SUCCESS).await;
        let expected = [
            "reg approved 0 -", "ftd pending 10000 EUR", "rdep approved 5000 EUR", "level approved 100 EUR",
            "reg approved 0 -",
        ];
        assert_eq!(casino.conversions().await, expected);
        let answer = casino.get("/postback?clickid=ABC123&goal=redep&sum=51").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    }

    async fn the_long_addresses_of_transactions_and_goals_work_once_they_are_filled(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let base = "/api/v1/api_send_postback/";
        casino.answers(&format!("{base}?clickid={click}&goal=reg&playerid=p1&ow=0"), 200, SUCCESS).await;
        casino.answers(&format!("{base}?clickid={click}&goal=dep&sum=100.5&playerid=p1&ow=0"), 200, SUCCESS).await;
        let redep = format!("{base}?clickid={click}&goal=redep&sum=50&sumrd=&playerid=p2&ow=0");
        casino.answers(&redep, 200, SUCCESS).await;
        let redep = format!("{base}?clickid={click}&goal=redep&sum=&sumrd=51&playerid=p2&ow=0");
        casino.answers(&redep, 200, SUCCESS).await;
        let redep = format!("{base}?clickid={click}&goal=redep&sum=52&sumrd={{sumrd}}&playerid={{custom1}}&ow=0");
        casino.answers(&redep, 200, SUCCESS).await;
        let payout = format!("{base}?clickid={click}&goal=payout&playerid=p2&sum=12.34&ow=0");
        casino.answers(&payout, 200, SUCCESS).await;
        let rebill = format!("{}?clickid={click}&goal=rebill&sum=7", base.trim_end_matches('/'));
        casino.answers(&rebill, 200, SUCCESS).await;
        let expected = [
            "reg approved 0 -", "ftd pending 10050 EUR", "rdep approved 5000 EUR", "rdep approved 5100 EUR",
            "rdep approved 5200 EUR", "payout approved 1234 EUR", "rdep approved 700 EUR",
        ];
        assert_eq!(casino.conversions().await, expected);
        let players = "SELECT click_id || ' ' || player_id FROM player";
        assert_eq!(casino.database().texts(players).await, [format!("{click} p2")]);
    }

    async fn the_addresses_as_they_are_printed_are_refused_because_nobody_has_filled_them(casino: Casino) {
        let base = "/api/v1/api_send_postback/?clickid={sub_id1}";
        for query in [
            "&goal=redep&sum={revenue}&sumrd={sumrd}&playerid={custom1}&ow=0",
            "&goal=payout&playerid={playerid}&sum=withdrawalamount&ow=0",
        ] {
            let answer = casino.get(&format!("{base}{query}")).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert!(answer.json["error"].as_str().unwrap().contains("`clickid`"), "{}", answer.text);
        }
        assert_eq!(casino.database().count("conversion").await, 0);
    }

    async fn every_documented_error_is_answered_as_documented(casino: Casino) {
        let click = casino.click_with("casino-offer", "user_id=7788").await;
        let error = async |address: String, status: u16, part: &str| {
            let answer = casino.get(&address).await;
            assert_eq!(answer.status, status, "{address}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.json.as_object().unwrap().len(), 1, "{}", answer.text);
            let text = answer.json["error"].as_str().unwrap();
            assert!(text.contains(part), "{address}: {text}");
        };
        for query in ["goal=reg", "user_id=7788&goal=reg", "spot=87fa11c2-ff00-44a1"] {
            error(format!("/postback/?{query}"), 400, "`clickid`, or `user_id` and `spot`").await;
        }
        for sum in ["abc", "1e2", "10,5", "{sum}", "{}", "-5", "0"] {
            error(format!("/postback/?clickid={click}&goal=dep&sum={sum}"), 400, "`sum`").await;
        }
        error(format!("/postback/?clickid={click}&goal=dep&sum=1.005"), 400, "at most 2 digits").await;
        error(format!("/postback/?clickid={click}&goal=dep"), 400, "`sum`").await;
        error(format!("/postback/?clickid={click}&goal=dep&sumrd=x"), 400, "plain decimal").await;
        error(format!("/postback/?clickid={click}"), 404, "`goal`").await;
        error(format!("/postback/?clickid={click}&goal="), 404, "`goal`").await;
        error(format!("/postback/?clickid={click}&goal=dragon"), 400, "one of your goals").await;
        error(format!("/postback/?clickid={click}&goal=reg&goal=dep"), 400, "once").await;
        casino.answers("/postback/?clickid=nobody&goal=reg", 404, NO_SUBSCRIBER).await;
        casino.answers("/postback/?user_id=1&spot=87fa11c2-ff00-44a1&goal=reg", 404, NO_SUBSCRIBER).await;
        casino.answers("/postback/?user_id=7788&spot=wrong&goal=reg", 404, NO_SUBSCRIBER).await;
        error("/postback/?clickid=nobody&goal=dep&sum={sum}".to_owned(), 400, "`sum`").await;
        let registered = format!("/postback/?clickid={click}&goal=reg");
        casino.answers(&registered, 200, SUCCESS).await;
        casino.answers(&registered, 409, REGISTERED).await;
        casino.answers(&format!("{registered}&sum=5"), 409, REGISTERED).await;
        let deposit = format!("/postback/?clickid={click}&goal=dep&sum=100");
        casino.answers(&deposit, 200, SUCCESS).await;
        casino.answers(&deposit, 200, SUCCESS).await;
        error(deposit.replace("sum=100", "sum=101"), 409, "already recorded").await;
        assert_eq!(casino.conversions().await, ["reg approved 0 -", "ftd pending 10000 EUR"]);
        let head = casino.request("HEAD", &deposit, &[], "").await;
        assert_eq!((head.status, head.header("allow")), (405, "GET, POST"));
    }

    async fn a_user_is_found_by_the_newest_click_in_the_spot(casino: Casino) {
        let old = casino.click_with("casino-offer", "user_id=7788").await;
        let new = casino.click_with("casino-offer", "user_id=7788").await;
        casino.click_with("casino-other", "user_id=7788").await;
        casino.answers("/postback/?user_id=7788&spot=87fa11c2-ff00-44a1&goal=dep&sum=5", 200, SUCCESS).await;
        let clicks = casino.database().texts("SELECT click_id FROM conversion").await;
        assert_eq!(clicks, [new.as_str()]);
        let both = format!("/postback/?clickid={old}&user_id=7788&spot=87fa11c2-ff00-44a1&goal=dep&sum=6");
        casino.answers(&both, 200, SUCCESS).await;
        casino.answers("/postback/?user_id=7788&spot=other-spot&goal=dep&sum=500", 200, SUCCESS).await;
        let expected = ["ftd pending 500 EUR", "ftd pending 600 EUR", "ftd pending 50000 JPY"];
        assert_eq!(casino.conversions().await, expected);
        let logged = "SELECT click_id FROM postback_log ORDER BY id LIMIT 1";
        assert_eq!(casino.database().texts(logged).await, [new]);
    }

    async fn an_account_that_is_given_must_be_the_clicks(casino: Casino) {
        let zero = casino.click_with("casino-offer", "").await;
        let other = casino.click_with("casino-other", "").await;
        casino.answers(&format!("/postback/?clickid={other}&goal=reg&ow=16"), 404, NO_SUBSCRIBER).await;
        casino.answers(&format!("/postback/?clickid={zero}&goal=reg&ow=17"), 404, NO_SUBSCRIBER).await;
        casino.answers(&format!("/postback/?clickid={other}&goal=reg&ow=17"), 200, SUCCESS).await;
        casino.answers(&format!("/postback/?clickid={zero}&goal=reg&ow="), 200, SUCCESS).await;
    }

    async fn a_merchant_may_want_its_token_and_let_first_deposits_count_at_once(casino: Casino) {
        let click = casino.click_with("wary-offer", "user_id=1").await;
        let deposit = format!("/postback/?clickid={click}&goal=dep&sum=100");
        for address in [&deposit, &format!("{deposit}&token=nope"), &format!("{deposit}&token=casino-token-1")] {
            let answer = casino.get(address).await;
            let expected = if address.contains("casino") { 404 } else { 401 };
            assert_eq!(answer.status, expected, "{}", answer.text);
        }
        assert_eq!(casino.database().count("conversion").await, 0);
        casino.answers(&format!("{deposit}&token=wary-token-1"), 200, SUCCESS).await;
        assert_eq!(casino.conversions().await, ["ftd approved 10000 USD"]);
        let bearer = [("authorization", "Bearer wary-token-1")];
        let repeated = format!("/postback/?clickid={click}&goal=redep&sum=5");
        assert_eq!(casino.request("GET", &repeated, &bearer, "").await.text, SUCCESS);
        casino.answers("/spot/postback/chat/?user_id=1&spot=wary-spot", 403, "{}").await;
    }

    async fn nobody_takes_postbacks_without_a_token_who_has_not_said_so(casino: Casino) {
        let acme = casino.click().await;
        let answer = casino.get(&format!("/postback/?clickid={acme}&goal=dep&sum=100&currency=EUR")).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        let address = format!("/postback/?clickid={acme}&goal=dep&sum=100&currency=EUR&token=acme-token-1");
        casino.answers(&address, 200, SUCCESS).await;
        let bare = casino.click_with("bare-offer", "").await;
        casino.answers(&format!("/postback/?clickid={bare}&goal=dep&sum=100"), 200, SUCCESS).await;
        assert_eq!(casino.conversions().await, ["ftd pending 10000 EUR", "ftd pending 10000 USD"]);
        let signed = casino.click_to("signed").await;
        let address = format!("/postback/?clickid={signed}&goal=reg&token=signed-token-1");
        assert_eq!(casino.get(&address).await.status, 401);
    }

    async fn a_contact_is_recorded_once_and_answered_every_time(casino: Casino) {
        let click = casino.click_with("casino-offer", "user_id=7275455017").await;
        let address = "/spot/postback/chat/?user_id=7275455017&spot=87fa11c2-ff00-44a1";
        let expected = contact(7_275_455_017, &click);
        casino.answers(address, 200, &expected).await;
        casino.answers(&address.replace("chat/", "chat"), 200, &expected).await;
        assert_eq!(casino.conversions().await, ["contact approved 0 -"]);
        casino.answers("/spot/postback/chat/?user_id=7275455017&spot=wrong", 403, "{}").await;
        casino.answers("/spot/postback/chat/?user_id=7275455017", 403, "{}").await;
        let for_chat = r#"{"success": false, "error": "That's endpoint for chat"}"#;
        casino.answers("/spot/postback/chat/?spot=87fa11c2-ff00-44a1", 400, for_chat).await;
        casino.answers("/spot/postback/chat/", 400, for_chat).await;
        let nobody = r#"{"success": false, "error": "Subscriber not exists with this clickid"}"#;
        casino.answers("/spot/postback/chat/?user_id=1&spot=87fa11c2-ff00-44a1", 404, nobody).await;
    }

    async fn the_player_id_is_assigned_and_replaced_but_not_by_a_repetition(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let player = async || casino.database().texts("SELECT coalesce(player_id, '-') FROM player").await;
        casino.answers(&format!("/postback/?clickid={click}&goal=reg"), 200, SUCCESS).await;
        assert_eq!(player().await, [""; 0]);
        casino.answers(&format!("/postback/?clickid={click}&goal=dep&sum=5&playerid=one"), 200, SUCCESS).await;
        assert_eq!(player().await, ["one"]);
        casino.answers(&format!("/postback/?clickid={click}&goal=redep&sum=5&playerid=two"), 200, SUCCESS).await;
        casino.answers(&format!("/postback/?clickid={click}&goal=dep&sum=5&playerid=one"), 200, SUCCESS).await;
        casino.answers(&format!("/postback/?clickid={click}&goal=reg&playerid=one"), 409, REGISTERED).await;
        assert_eq!(player().await, ["two"]);
        casino.conv(&click, "rdep 7 EUR token=casino-token-1 player_id=three username=ann name=Ann").await;
        let all = "SELECT player_id || ' ' || username || ' ' || name FROM player";
        assert_eq!(casino.database().texts(all).await, ["three ann Ann"]);
    }

    async fn affiliates_are_told_the_player_id_that_was_last_assigned(database: Database) {
        let receiver = Receiver::new().await;
        let program = Program::new(&database).with("COUNTERSIGN_DELIVERY_ALLOW", "127.0.0.0/8");
        let url = receiver.url("/{action}?p={player_id}&u={user_id}");
        let endpoint = format!("\n[[postback]]\nid = \"pb\"\naffiliate = \"lotus\"\nurl = \"{url}\"\n");
        program.apply(WORLD).ok();
        program.apply(&[include_str!("casino.toml"), &endpoint].concat()).ok();
        let casino = Casino(program.serve());
        let click = casino.click_with("casino-offer", "user_id=7").await;
        casino.answers(&format!("/postback/?clickid={click}&goal=reg&playerid=one"), 200, SUCCESS).await;
        casino.answers(&format!("/postback/?clickid={click}&goal=level10&playerid={{playerid}}"), 200, SUCCESS).await;
        casino.answers("/spot/postback/chat/?user_id=7&spot=87fa11c2-ff00-44a1", 200, &contact(7, &click)).await;
        let mut told: Vec<_> = receiver.wait(3).await.into_iter().map(|request| request.path).collect();
        told.sort();
        assert_eq!(told, ["/contact?p=one&u=7", "/level?p=one&u=7", "/reg?p=one&u=7"]);
    }

    async fn the_log_holds_these_requests_with_their_address_and_outcome(casino: Casino) {
        let click = casino.click_with("casino-offer", "user_id=7").await;
        let body = format!(r#"{{"clickid":"{click}","goal":"dep","sum":10}}"#);
        assert_eq!(casino.post("/postback/", "application/json", &body).await.text, SUCCESS);
        casino.answers(&format!("/postback/?clickid={click}&goal=reg"), 200, SUCCESS).await;
        casino.answers(&format!("/postback/?clickid={click}&goal=reg"), 409, REGISTERED).await;
        casino.get(&format!("/postback/?clickid={click}&goal=redep&sum=5&token=casino-token-1")).await;
        casino.get(&format!("/postback/?clickid={click}&goal=dragon")).await;
        casino.get("/spot/postback/chat/?user_id=7&spot=87fa11c2-ff00-44a1").await;
        casino.get("/spot/postback/chat/?spot=87fa11c2-ff00-44a1").await;
        casino.get("/postback/?clickid=nobody&goal=reg").await;
        let expected = [
            "recorded /postback casino", "recorded /postback casino", "duplicate /postback casino",
            "recorded /postback casino", "unknown_goal /postback casino", "recorded /spot/postback/chat casino",
            "missing_parameter /spot/postback/chat casino", "click_not_found /postback -",
        ];
        assert_eq!(casino.log().await, expected);
        assert!(!casino.database().holds("casino-token-1").await);
        let metrics = casino.get("/metrics").await.text;
        let counted = r#"countersign_requests_total{endpoint="/postback",outcome="recorded"} 3"#;
        assert!(metrics.contains(counted), "{metrics}");
    }

    async fn strangers_leave_a_bounded_number_of_rows_here_too(casino: Casino) {
        let click = casino.click().await;
        for _ in 0..30 {
            casino.answers("/postback/?clickid=nobody&goal=reg", 404, NO_SUBSCRIBER).await;
            assert_eq!(casino.get(&format!("/postback/?clickid={click}&goal=reg")).await.status, 401);
            assert_eq!(casino.get("/postback/?goal=reg").await.status, 400);
        }
        let kept = casino.database().count("postback_log").await;
        assert!((1..=20).contains(&kept), "{kept}");
    }

    async fn settings_are_followed_while_the_server_runs(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let moved = "[[offer]]\nid = \"casino-offer\"\nmerchant = \"casino\"\nname = \"Moved\"\n\
                     landing_url = \"https://casino.example/\"\ncurrency = \"KWD\"\nspot = \"moved\"\naccount = 5\n";
        casino.program.apply(moved).ok();
        let address = format!("/postback/?clickid={click}&goal=dep&sum=1.234&ow=5");
        eventually("the offer has moved", async || casino.get(&address).await.status == 200).await;
        assert_eq!(casino.conversions().await, ["ftd pending 123 KWD"]);
    }
}
