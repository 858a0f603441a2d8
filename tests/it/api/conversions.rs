//! Conversions and decisions.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::Api;
use crate::support::{Server, on_both_databases};

/// Records a first deposit of a fresh player, and gives its id.
async fn ftd(server: &Server, words: &str) -> String {
    let click = server.click().await;
    let answer = server.conv(&click, &format!("ftd {words}")).await;
    answer.json["conversion"]["id"].as_str().expect(&answer.text).to_owned()
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

on_both_databases! {
    async fn a_list_comes_in_pages_newest_first_and_each_item_once(server: Server) {
        let mut recorded = Vec::new();
        for amount in 1..=7 {
            recorded.push(ftd(&server, &format!("{amount} EUR")).await);
        }
        let api = Api::new(&server, "viewer");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/conversions?limit=3{cursor}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            seen.extend(ids(&page.json));
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 7);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>(), recorded.iter().collect());
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    }

    async fn each_filter_finds_what_it_says(server: Server) {
        let click = server.click().await;
        let id = server.conv(&click, "ftd 100 EUR transaction_id=T-1").await.json["conversion"]["id"].clone();
        server.conv(&click, "rdep 5 EUR").await;
        server.change(&click, "ftd approved").await;
        let other = server.click_to("plain").await;
        server.conv(&other, "ftd 7 USD token=plain-token-1").await;
        let api = Api::new(&server, "viewer");
        let id = id.as_str().unwrap();
        for (filter, found) in [
            ("status=approved&goal=ftd", 1), ("status=pending", 1), ("merchant=plain", 1), ("merchant=nobody", 0),
            ("offer=acme-offer", 2), ("affiliate=lotus", 3), ("goal=rdep", 1), ("currency=usd", 1),
            ("amount_min=7&amount_max=100", 2), ("amount_min=100.01", 0), (&format!("click_id={click}"), 2),
            ("text=T-1", 1), (&format!("text={click}"), 2), (&format!("text={id}"), 1), ("text=nothing", 0),
            ("from=2020-01-01T00:00:00Z", 3), ("to=2020-01-01T00:00:00Z", 0),
            ("from=2020-01-01T00:00:00Z&merchant=acme", 2),
        ] {
            let page = api.get(&format!("/conversions?{filter}")).await;
            assert_eq!(page.json["items"].as_array().map(Vec::len), Some(found), "{filter}: {}", page.text);
        }
    }

    async fn what_does_not_parse_is_refused_by_name(server: Server) {
        let api = Api::new(&server, "manager");
        for (query, code, parameter) in [
            ("status=done", "invalid_parameter", "status"), ("limit=0", "invalid_parameter", "limit"),
            ("limit=501", "invalid_parameter", "limit"), ("cursor=tampered", "invalid_cursor", "cursor"),
            ("from=yesterday", "invalid_parameter", "from"),
            ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "invalid_parameter", "to"),
            ("merchant=A%20B", "invalid_parameter", "merchant"), ("staus=pending", "unknown_parameter", "staus"),
            ("limit=1&limit=2", "duplicate_parameter", "limit"), ("text=%FF", "malformed_query", "text"),
            ("amount_min=1e3", "invalid_parameter", "amount_min"),
            ("currency=%E2%82%AC", "invalid_parameter", "currency"),
        ] {
            api.get(&format!("/conversions?{query}")).await.refused(400, code, parameter);
        }
        api.get("/conversions/not-an-id").await.refused(404, "not_found", "");
        api.get("/conversions/00000000-0000-7000-8000-000000000000").await.refused(404, "not_found", "");
        api.send("PUT", "/conversions", "").await.refused(405, "method_not_allowed", "");
        let id = ftd(&server, "1 EUR").await;
        for (body, code) in [
            (json!({"status": "pending"}), "invalid_parameter"), (json!({"status": "rejected"}), "missing_reason"),
            (json!({"status": "approved", "resaon": "x"}), "malformed_body"), (json!([]), "malformed_body"),
            (json!({"status": "rejected", "reason": "  "}), "missing_reason"),
            (json!({"status": "rejected", "reason": "x".repeat(501)}), "invalid_parameter"),
            (json!({"status": "rejected", "reason": "x\u{0}y"}), "malformed_body"),
        ] {
            let answer = api.post(&format!("/conversions/{id}/status"), &body).await;
            assert_eq!((answer.status, answer.json["code"].as_str()), (400, Some(code)), "{body}: {}", answer.text);
        }
    }

    async fn a_decision_is_recorded_with_who_and_why_and_can_be_reversed(server: Server) {
        let id = ftd(&server, "100 EUR").await;
        let api = Api::new(&server, "manager");
        let address = format!("/conversions/{id}/status");
        let decided = api.post(&address, &json!({"status": "rejected", "reason": "stolen card"})).await;
        assert_eq!(decided.json["conversion"]["status"], "rejected", "{}", decided.text);
        let again = api.post(&address, &json!({"status": "rejected", "reason": "again"})).await;
        assert_eq!(again.json["duplicate"], json!(true));
        api.post(&address, &json!({"status": "approved"})).await.refused(409, "already_decided", "");
        let seen = json!({"status": "approved", "reason": "a mistake", "seen": "pending"});
        api.post(&address, &seen).await.refused(409, "already_decided", "");
        let reversed = api.post(&address, &json!({"status": "approved", "reason": "a mistake"})).await;
        assert_eq!(reversed.json["conversion"]["status"], "approved");
        let one = api.get(&format!("/conversions/{id}")).await.json;
        let steps = one["history"].as_array().unwrap().iter();
        let steps: Vec<_> = steps.map(|step| (&step["from"], &step["to"], &step["reason"])).collect();
        assert_eq!(steps, [
            (&json!(null), &json!("pending"), &json!(null)),
            (&json!("pending"), &json!("rejected"), &json!("stolen card")),
            (&json!("rejected"), &json!("approved"), &json!("a mistake")),
        ]);
        assert!(one["history"][1]["actor"].as_str().unwrap().starts_with("api-key:test-manager"), "{one}");
        let audit = api.get(&format!("/audit?subject=conversion:{id}")).await.json;
        let rows = audit["items"].as_array().unwrap().iter();
        let outcomes: Vec<_> = rows.map(|row| row["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["decided", "already_decided", "already_decided", "duplicate", "decided"]);
        assert_eq!((&audit["items"][0]["before"], &audit["items"][0]["after"]), (
            &json!({"status": "rejected"}), &json!({"status": "approved", "reason": "a mistake"}),
        ));
    }

    async fn many_are_decided_each_by_itself(server: Server) {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(ftd(&server, "10 EUR").await);
        }
        let api = Api::new(&server, "manager");
        api.post(&format!("/conversions/{}/status", ids[3]), &json!({"status": "rejected", "reason": "test"})).await;
        api.post(&format!("/conversions/{}/status", ids[4]), &json!({"status": "approved"})).await;
        let unknown = "01998000-0000-7000-8000-000000000000";
        let asked: Vec<_> = ids.iter().map(String::as_str).chain([unknown, "nonsense"]).collect();
        let answer = api.post("/conversions/bulk-status", &json!({"ids": asked, "status": "approved"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let results = answer.json["results"].as_array().unwrap();
        assert_eq!(results.len(), 22);
        for (at, result) in results.iter().enumerate() {
            let expected = match at {
                3 => json!({"id": ids[3], "outcome": "already_decided", "status": "rejected"}),
                4 => json!({"id": ids[4], "outcome": "duplicate", "status": "approved"}),
                20 => json!({"id": unknown, "outcome": "conversion_not_found", "status": null}),
                21 => json!({"id": "nonsense", "outcome": "conversion_not_found", "status": null}),
                _ => json!({"id": ids[at], "outcome": "decided", "status": "approved"}),
            };
            assert_eq!(*result, expected);
        }
        let rejects = json!({"ids": ids, "status": "rejected"});
        api.post("/conversions/bulk-status", &rejects).await.refused(400, "missing_reason", "reason");
    }

    async fn of_two_managers_and_a_merchant_that_race_exactly_one_decides(server: Server) {
        let api = Api::new(&server, "manager");
        for _ in 0..10 {
            let click = server.click().await;
            let recorded = server.conv(&click, "ftd 100 EUR").await.json;
            let id = recorded["conversion"]["id"].as_str().unwrap();
            let address = format!("/conversions/{id}/status");
            let decide = async |status: &str| {
                let body = json!({"status": status, "reason": "race", "seen": "pending"});
                api.post(&address, &body).await
            };
            let by_merchant = async || server.change(&click, "ftd approved").await;
            let (a, b, c) = tokio::join!(decide("approved"), decide("rejected"), by_merchant());
            let history = api.get(&format!("/conversions/{id}")).await.json["history"].clone();
            assert_eq!(history.as_array().map(Vec::len), Some(2), "{history}");
            let won = history[1]["to"].as_str().unwrap();
            for (answer, wanted) in [(a, "approved"), (b, "rejected"), (c, "approved")] {
                assert_eq!(answer.status == 200, wanted == won, "{}", answer.text);
            }
        }
    }

    async fn a_decision_tells_the_affiliate_like_any_other(server: Server) {
        let postback = "[[postback]]\nid = \"told\"\naffiliate = \"lotus\"\nstatuses = [\"approved\"]\n\
                        url = \"https://tracker.example/?s={status}\"\n";
        server.program.apply(postback).ok();
        let decided = join_all((0..5).map(async |_| {
            let id = ftd(&server, "10 EUR").await;
            let api = Api::new(&server, "manager");
            api.post(&format!("/conversions/{id}/status"), &json!({"status": "approved"})).await.status
        })).await;
        assert_eq!(decided, [200; 5]);
        assert_eq!(server.database().count("delivery").await, 5);
    }
}
