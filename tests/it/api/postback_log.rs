//! The log of inbound postbacks, and processing requests again.

use countersign::clock::{Clock, SystemClock};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{Api, has, members};
use crate::{
    signature::signature,
    support::{Server, WORLD, on_both_databases},
};

/// A goal more for acme.
pub(crate) fn with_goal(alias: &str) -> String {
    let goal = format!(
        "[[merchant.goal]]\nalias = \"{alias}\"\nname = \"New\"\n\n[[merchant.goal]]\nalias = \"kyc\""
    );
    WORLD.replacen("[[merchant.goal]]\nalias = \"kyc\"", &goal, 1)
}

fn request_id(answer: &crate::support::Answer) -> String {
    answer.json["request_id"].as_str().expect(&answer.text).to_owned()
}

fn outcomes(of: &Value, list: &str) -> Vec<String> {
    members(of, list, "outcome")
}

fn again(id: &str) -> String {
    format!("/postback-log/{id}/reprocess")
}

fn tried(id: &str) -> String {
    format!("/postback-log/{id}/reprocess?dry_run=1")
}

on_both_databases! {
    async fn every_request_is_shown_with_its_answer_and_what_to_change(server: Server) {
        let click = server.click().await;
        let recorded = server.conv(&click, "ftd 5 EUR mine=%C3%BC").await;
        let refused = server.conv(&click, "nogoal").await;
        let api = Api::new(&server, "viewer");
        let list = api.get("/postback-log").await.json;
        assert_eq!(outcomes(&list, "items"), ["unknown_goal", "recorded"], "newest first");
        assert_eq!(list["items"][0]["detail"], refused.json["detail"]);
        assert_eq!(list["items"][1]["detail"], json!(null));
        let one = api.get(&format!("/postback-log/{}", request_id(&recorded))).await;
        assert_eq!(one.status, 200, "{}", one.text);
        let expected = json!([
            {"name": "click_id", "value": click}, {"name": "goal_alias", "value": "ftd"},
            {"name": "amount", "value": "5"}, {"name": "currency", "value": "EUR"},
            {"name": "mine", "value": "\u{fc}"}, {"name": "token", "value": "[redacted]"},
        ]);
        assert_eq!(one.json["params"], expected);
        assert_eq!(one.json["answer"], json!(recorded.text));
        assert_eq!(one.json["conversion"], recorded.json["conversion"]["id"]);
        for (member, value) in [
            ("merchant", "acme"), ("endpoint", "/track/conv"), ("method", "GET"), ("address", "127.0.0.1"),
        ] {
            assert_eq!(one.json[member], value);
        }
        assert!(!one.text.contains("acme-token-1"));
        api.get("/postback-log/not-an-id").await.refused(404, "not_found", "");
        api.get("/postback-log/00000000-0000-7000-8000-000000000000").await.refused(404, "not_found", "");
    }

    async fn each_filter_of_the_log_finds_what_it_says(server: Server) {
        let (click, other) = (server.click().await, server.click_to("plain").await);
        let recorded = server.conv(&click, "ftd 5 EUR transaction_id=T_1%25").await.json["conversion"]["id"].clone();
        server.conv(&click, "ftd 5 EUR").await;
        server.change(&click, "ftd approved").await;
        server.conv(&click, "nogoal note=Say%20%22hi%22").await;
        server.conv(&click, "ftd 5 EUR dry_run=1").await;
        server.conv(&other, "ftd 7 USD token=plain-token-1").await;
        server.conv(&other, "ftd 7 USD token=nobody").await;
        let api = Api::new(&server, "viewer");
        for (filter, found) in [
            ("merchant=acme", 5), ("merchant=plain", 1), ("merchant=nobody", 0), ("outcome=recorded", 2),
            ("outcome=refused", 2), ("outcome=unknown_goal", 1), ("outcome=invalid_token", 1), ("outcome=dry_run", 1),
            ("outcome=refused&merchant=acme", 1), ("outcome=recorded&merchant=acme", 1), ("outcome=nonsense", 0),
            ("open=1", 2), ("open=0", 7), ("endpoint=/track/conv-change", 1), (&format!("click_id={click}"), 5),
            (&format!("click_id={click}&merchant=plain"), 0), (&format!("click_id={click}&outcome=refused"), 1),
            (&format!("conversion={}", recorded.as_str().unwrap()), 4), ("text=t_1%25", 1), ("text=t%251", 0),
            ("text=say%20%22HI%22", 1), ("text=nothing", 0), ("from=2020-01-01T00:00:00Z", 7),
            ("to=2020-01-01T00:00:00Z", 0), ("from=2020-01-01T00:00:00Z&merchant=acme&text=ftd", 4),
        ] {
            let page = api.get(&format!("/postback-log?{filter}")).await;
            assert_eq!(page.json["items"].as_array().map(Vec::len), Some(found), "{filter}: {}", page.text);
        }
        for (query, code, parameter) in [
            ("merchant=A%20B", "invalid_parameter", "merchant"), ("conversion=x", "invalid_parameter", "conversion"),
            ("open=yes", "invalid_parameter", "open"), ("cursor=tampered", "invalid_cursor", "cursor"),
            (&format!("text={}", "x".repeat(201)), "invalid_parameter", "text"),
            ("outcom=x", "unknown_parameter", "outcom"),
        ] {
            api.get(&format!("/postback-log?{query}")).await.refused(400, code, parameter);
        }
    }

    async fn pages_go_on_where_the_look_ended_however_far_apart_the_finds_are(server: Server) {
        let api = Api::new(&server, "viewer");
        let click = server.click().await;
        let newest = request_id(&server.conv(&click, "ftd 5 EUR note=needle").await);
        // Thirty thousand older requests without, and one before all of them with it.
        let sqlite = server.database().is_sqlite();
        let columns = "at, merchant, endpoint, method, params, outcome, status, answer, address, duration_us";
        let (id, from) = if sqlite {
            let numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 30000)";
            (format!("{numbers} SELECT unhex(printf('%032x', n))"), "FROM n")
        } else {
            ("SELECT lpad(to_hex(n), 32, '0')::uuid".to_owned(), "FROM generate_series(1, 30000) AS n")
        };
        let params = "CASE WHEN n = 1 THEN '[[\"note\",\"NEEDLE\"]]' ELSE '[]' END";
        server.database().execute(&format!(
            "INSERT INTO postback_log (id, {columns})
                {id}, 1, 'acme', '/track/conv', 'GET', {params}, 'recorded', 200, '{{}}', '127.0.0.1', 1 {from}"
        )).await;
        let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = api.get(&format!("/postback-log?text=needle&limit=10{cursor}")).await.json;
            found.extend(members(&page, "items", "id"));
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, [newest, "00000000-0000-0000-0000-000000000001".to_owned()]);
        assert_eq!(pages, 2, "a page looks through 24,500");
    }

    async fn a_refused_request_goes_through_once_its_cause_is_mended(server: Server) {
        let click = server.click().await;
        let refused = server.conv(&click, "level 7 EUR transaction_id=L-1 mine=x").await;
        refused.refused(400, "unknown_goal", "goal_alias");
        let id = request_id(&refused);
        let api = Api::new(&server, "manager");
        let would = api.post(&tried(&id), &json!({})).await.json;
        has(&would, json!({"outcome": "unknown_goal", "success": false}));
        assert_eq!(would["detail"], refused.json["detail"]);
        server.program.apply(&with_goal("level")).ok();
        let would = api.post(&tried(&id), &json!({})).await.json;
        has(&would, json!({"outcome": "recorded", "dry_run": true, "log_id": null}));
        has(&would, json!({"conversion.amount": "7.00", "conversion.id": null}));
        assert_eq!(server.database().count("conversion").await, 0);
        assert_eq!(server.database().count("postback_log").await, 1);
        assert_eq!(server.database().count("audit WHERE action = 'postback.reprocess'").await, 0);
        let done = api.post(&again(&id), &json!({})).await.json;
        has(&done, json!({"outcome": "recorded", "success": true, "dry_run": false}));
        assert_eq!(done["conversion"]["status"], "approved");
        let conversion = api.get(&format!("/conversions/{}", done["conversion_id"].as_str().unwrap())).await.json;
        has(&conversion, json!({"transaction_id": "L-1", "extra": {"mine": "x"}}));
        assert_eq!(conversion["history"][0]["actor"], "merchant:acme");
        assert_eq!(conversion["history"][0]["request_id"], done["log_id"]);
        let logged = api.get(&format!("/postback-log/{}", done["log_id"].as_str().unwrap())).await.json;
        has(&logged, json!({"repeats": id, "outcome": "recorded", "endpoint": "/track/conv"}));
        let original = api.get(&format!("/postback-log/{id}")).await.json;
        has(&original, json!({"outcome": "unknown_goal", "settled_by": done["log_id"]}));
        assert_eq!(original["repetitions"], json!([done["log_id"]]));
        let audit = api.get(&format!("/audit?subject=request:{id}")).await.json;
        has(&audit["items"][0], json!({"action": "postback.reprocess", "outcome": "recorded"}));
        assert!(audit["items"][0]["actor"].as_str().unwrap().starts_with("api-key:test-manager"), "{audit}");
        let twice = api.post(&again(&id), &json!({})).await.json;
        has(&twice, json!({"outcome": "duplicate", "conversion_id": done["conversion_id"]}));
        assert_eq!(api.post(&tried(&id), &json!({})).await.json["outcome"], "duplicate");
        assert_eq!(server.conv(&click, "level 7 EUR transaction_id=L-1 mine=x").await.json["duplicate"], true);
    }

    async fn what_nothing_tells_apart_is_recorded_once_however_often_it_is_processed_again(server: Server) {
        let click = server.click().await;
        let refused = request_id(&server.conv(&click, "rdep 5 EUR").await);
        let api = Api::new(&server, "manager");
        let still = api.post(&again(&refused), &json!({})).await.json;
        assert_eq!(still["outcome"], "ftd_missing", "{still}");
        let first = server.conv(&click, "ftd 100 EUR").await;
        let racing = join_all((0..8).map(async |_| api.post(&again(&refused), &json!({})).await.json)).await;
        let mut seen: Vec<_> = racing.iter().map(|answer| answer["outcome"].as_str().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [&["duplicate"; 7][..], &["recorded"]].concat());
        assert!(racing.iter().all(|answer| answer["conversion_id"] == racing[0]["conversion_id"]));
        // By a repetition, and by what was recorded at once, too.
        let repetition = still["log_id"].as_str().unwrap();
        assert_eq!(api.post(&again(repetition), &json!({})).await.json["outcome"], "duplicate");
        let of_first = api.post(&again(&request_id(&first)), &json!({})).await.json;
        has(&of_first, json!({"outcome": "duplicate", "conversion_id": first.json["conversion"]["id"]}));
        let recorded = request_id(&server.conv(&click, "rdep 9 EUR").await);
        assert_eq!(api.post(&again(&recorded), &json!({})).await.json["outcome"], "duplicate");
        assert_eq!(server.database().count("conversion").await, 3);
        let repeats = server.database().count("postback_log WHERE repeats IS NOT NULL").await;
        assert_eq!(repeats, 12, "each is logged");
    }

    async fn every_operation_keeps_its_meaning(server: Server) {
        let api = Api::new(&server, "manager");
        let change = request_id(&server.change("old-1", "ftd approved").await);
        let both = request_id(&server.addchange("old-2", "ftd 5 EUR rejected").await);
        for id in ["old-1", "old-2"] {
            api.post("/clicks", &json!({"id": id, "offer": "acme-offer", "affiliate": "lotus"})).await;
        }
        assert_eq!(api.post(&again(&change), &json!({})).await.json["outcome"], "conversion_not_found");
        server.conv("old-1", "ftd 100 EUR").await.ok(json!({"status": "pending"}));
        let would = api.post(&tried(&change), &json!({})).await.json;
        has(&would, json!({"outcome": "decided", "conversion.status": "approved"}));
        let decided = api.post(&again(&change), &json!({})).await.json;
        has(&decided, json!({"outcome": "decided", "conversion.status": "approved"}));
        let added = api.post(&again(&both), &json!({})).await.json;
        has(&added, json!({"outcome": "recorded", "conversion.status": "rejected"}));
        let only_tried = request_id(&server.conv("old-2", "reg dry_run=1").await);
        assert_eq!(api.post(&again(&only_tried), &json!({})).await.json["outcome"], "dry_run");
        assert_eq!(server.database().count("conversion").await, 2);
    }

    async fn what_was_not_proved_or_not_read_can_not_be_processed_again(server: Server) {
        let api = Api::new(&server, "manager");
        let click = server.click_to("signed").await;
        let now = SystemClock.now().seconds().to_string();
        let token = ("token", "signed-token-1");
        let parameters = [("click_id", click.as_str()), ("goal_alias", "level"), token, ("ts", &now)];
        let query = |sig: &str| {
            let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("/track/conv?{}{sig}", pairs.join("&"))
        };
        let right = format!("&sig={}", signature("signed-signing-secret", &parameters));
        let mine = server.click().await;
        let posted = server.post("/track/conv?token=acme-token-1", "text/xml", "<x/>").await;
        for (answer, code) in [
            (server.conv(&mine, "ftd 5 EUR token=nobody").await, "invalid_token"),
            (server.conv(&click, "ftd 5 EUR token=signed-token-1").await, "invalid_signature"),
            (server.get(&query("&sig=00")).await, "unknown_goal"),
            (server.get(&query("")).await, "unknown_goal"),
            (server.conv(&mine, "level sig=00").await, "unknown_goal"),
            (server.conv(&mine, "ftd 5 EUR mine=%FF").await, "malformed_query"),
            (server.conv(&mine, "ftd 5 EUR amount=6").await, "duplicate_parameter"),
            (posted, "unsupported_media_type"),
        ] {
            assert_eq!(answer.json["code"], code, "{}", answer.text);
            let id = request_id(&answer);
            for address in [tried(&id), again(&id)] {
                let refused = api.post(&address, &json!({})).await;
                refused.refused(409, "not_repeatable", "");
                let detail = refused.json["detail"].as_str().unwrap();
                assert!(detail.ends_with("has to send it again."), "{detail}");
            }
            assert!(api.get(&format!("/postback-log/{id}")).await.json["not_repeatable"].is_string());
        }
        // Signed rightly, but before it was looked at.
        let signed = server.get(&query(&right)).await;
        signed.refused(400, "unknown_goal", "goal_alias");
        assert_eq!(api.post(&tried(&request_id(&signed)), &json!({})).await.json["outcome"], "unknown_goal");
        let secret = "signing_secret = \"signed-signing-secret\"\n";
        let goal = format!("{secret}\n[[merchant.goal]]\nalias = \"level\"\nname = \"Level\"\n");
        let world = WORLD.replace(secret, &goal);
        server.program.apply(&world).ok();
        assert_eq!(api.post(&again(&request_id(&signed)), &json!({})).await.json["outcome"], "recorded");
        assert_eq!(server.database().count("conversion").await, 1);
    }

    async fn an_address_or_a_merchant_that_is_allowed_since_lets_a_request_through(server: Server) {
        let api = Api::new(&server, "manager");
        let click = server.click_to("walled").await;
        let walled = request_id(&server.conv(&click, "ftd 5 EUR token=walled-token-1").await);
        let click = server.click_to("asleep").await;
        let asleep = request_id(&server.conv(&click, "ftd 5 EUR token=asleep-token-1").await);
        for (id, code) in [(&walled, "ip_not_allowed"), (&asleep, "merchant_inactive")] {
            assert_eq!(api.post(&again(id), &json!({})).await.json["outcome"], code);
        }
        let world = WORLD.replace("203.0.113.0/24", "127.0.0.1");
        let world = world.replace("active = false\n\n[[merchant]]", "\n[[merchant]]");
        server.program.apply(&world).ok();
        for id in [&walled, &asleep] {
            let done = api.post(&again(id), &json!({})).await.json;
            assert_eq!(done["outcome"], "recorded", "{done}");
        }
    }

    async fn many_are_processed_again_in_the_order_in_which_they_came(server: Server) {
        let mut ids = Vec::new();
        for words in ["ftd 100 EUR", "rdep 5 EUR", "rdep 6 EUR", "nogoal", "change"] {
            let answer = match words {
                "change" => server.change("old-1", "ftd approved").await,
                _ => server.conv("old-1", words).await,
            };
            ids.push(request_id(&answer));
        }
        let api = Api::new(&server, "manager");
        api.post("/clicks", &json!({"id": "old-1", "offer": "acme-offer", "affiliate": "lotus"})).await;
        let unknown = "01998000-0000-7000-8000-000000000000";
        let asked: Vec<_> = ids.iter().rev().map(String::as_str).chain([unknown, "nonsense"]).collect();
        let would = api.post("/postback-log/reprocess?dry_run=1", &json!({"ids": asked})).await.json;
        let expected = ["conversion_not_found", "unknown_goal", "ftd_missing", "ftd_missing", "recorded"];
        assert_eq!(outcomes(&would, "results"), [&expected[..], &["not_found"; 2]].concat(), "each by itself");
        assert_eq!(server.database().count("postback_log").await, 5);
        let done = api.post("/postback-log/reprocess", &json!({"ids": asked})).await.json;
        let expected = ["decided", "unknown_goal", "recorded", "recorded", "recorded", "not_found", "not_found"];
        assert_eq!(outcomes(&done, "results"), expected);
        assert_eq!(done["results"][0]["id"], asked[0]);
        assert_eq!(server.database().count("conversion").await, 3);
    }

    async fn all_that_match_are_processed_again_some_at_a_time(server: Server) {
        for number in 0..5 {
            server.conv(&format!("old-{number}"), "ftd 100 EUR").await;
        }
        let mine = server.click().await;
        server.conv(&mine, "nogoal").await;
        server.conv(&mine, "ftd 1 EUR").await;
        let api = Api::new(&server, "manager");
        for number in 0..4 {
            let click = json!({"id": format!("old-{number}"), "offer": "acme-offer", "affiliate": "lotus"});
            api.post("/clicks", &click).await;
        }
        let process = async |dry_run: &str| {
            let (mut seen, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let filter = json!({"outcome": "click_not_found", "merchant": "acme"});
                let body = json!({"filter": filter, "limit": 2, "cursor": cursor});
                let page = api.post(&format!("/postback-log/reprocess?dry_run={dry_run}"), &body).await.json;
                seen.extend(outcomes(&page, "results"));
                cursor = page["next_cursor"].clone();
                if cursor.is_null() {
                    return seen;
                }
            }
        };
        let expected = [&["recorded"; 4][..], &["click_not_found"]].concat();
        assert_eq!(process("1").await, expected);
        assert_eq!(process("0").await, expected);
        assert_eq!(process("0").await, ["click_not_found"], "what has gone through is left alone");
        assert_eq!(api.get("/postback-log?open=1").await.json["items"].as_array().map(Vec::len), Some(2));
    }

    async fn what_may_not_be_processed_again_is_refused_by_name(server: Server) {
        let id = request_id(&server.conv("nobody", "ftd 1 EUR").await);
        let viewer = Api::new(&server, "viewer");
        viewer.post(&again(&id), &json!({})).await.refused(403, "forbidden", "");
        viewer.post("/postback-log/reprocess", &json!({"ids": [id]})).await.refused(403, "forbidden", "");
        let audit = viewer.get(&format!("/audit?subject=request:{id}")).await.json;
        has(&audit, json!({"items.0.outcome": "forbidden"}));
        let api = Api::new(&server, "manager");
        let many = vec![id.as_str(); 1001];
        for (body, code, parameter) in [
            (json!({}), "invalid_parameter", "ids"), (json!({"ids": [], "filter": {}}), "invalid_parameter", "ids"),
            (json!({"filter": {}}), "invalid_parameter", "filter"),
            (json!({"ids": many}), "invalid_parameter", "ids"),
            (json!({"filter": {"merchant": "A B"}}), "invalid_parameter", "merchant"),
            (json!({"filter": {"merchnt": "acme"}}), "unknown_parameter", "merchnt"),
            (json!({"filter": {"merchant": "acme"}, "limit": 0}), "invalid_parameter", "limit"),
            (json!({"filter": {"merchant": "acme"}, "cursor": "x"}), "invalid_cursor", "cursor"),
            (json!({"all": true}), "malformed_body", ""),
        ] {
            api.post("/postback-log/reprocess", &body).await.refused(400, code, parameter);
        }
        let perhaps = api.post(&format!("{}?dry_run=perhaps", again(&id)), &json!({})).await;
        perhaps.refused(400, "invalid_parameter", "dry_run");
        api.post(&again("00000000-0000-7000-8000-000000000000"), &json!({})).await.refused(404, "not_found", "");
        api.get("/postback-log/reprocess").await.refused(405, "method_not_allowed", "");
    }
}
