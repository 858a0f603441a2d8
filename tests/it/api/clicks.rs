//! Clicks: imported and found.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Api, has, members};
use crate::support::{Server, on_both_databases};

fn import(id: &str) -> Value {
    json!({"id": id, "offer": "acme-offer", "affiliate": "lotus", "params": {"sub1": "a b", "custom2": "7"}})
}

/// Without an id of its own.
fn drawn() -> Value {
    json!({"offer": "acme-offer", "affiliate": "lotus"})
}

on_both_databases! {
    async fn an_imported_click_is_a_player_like_any_other(server: Server) {
        let api = Api::new(&server, "manager");
        let created = api.post("/clicks", &import("KT.old_player-1")).await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert_eq!((&created.json["success"], &created.json["duplicate"]), (&json!(true), &json!(false)));
        let url = "https://acme.example/land?cid=KT.old_player-1&order_id=7&login=";
        assert_eq!(created.json["url"], url);
        let first = server.conv("KT.old_player-1", "ftd 100 EUR").await.ok(json!({}))["id"].clone();
        let second = server.conv("KT.old_player-1", "rdep 5 EUR").await.ok(json!({}))["id"].clone();
        let one = api.get("/clicks/KT.old_player-1").await.json;
        assert_eq!(one["conversions"], json!([second, first]), "newest first");
        assert_eq!(one["params"], json!({"custom2": "7", "sub1": "a b"}));
        assert_eq!((&one["merchant"], &one["offer"]), (&json!("acme"), &json!("acme-offer")));
        let audit = api.get("/audit?subject=click:KT.old_player-1").await.json;
        has(&audit, json!({"items.0.action": "click.create", "items.0.outcome": "recorded"}));
    }

    async fn the_same_facts_again_are_a_duplicate_and_others_are_refused(server: Server) {
        let api = Api::new(&server, "manager");
        assert_eq!(api.post("/clicks", &import("p1")).await.status, 201);
        let again = api.post("/clicks", &import("p1")).await;
        assert_eq!((again.status, &again.json["duplicate"]), (200, &json!(true)), "{}", again.text);
        for (member, value) in [("offer", json!("plain-offer")), ("params", json!({"sub1": "other"}))] {
            let mut other = import("p1");
            other[member] = value;
            api.post("/clicks", &other).await.refused(409, "conflicting_duplicate", "id");
        }
        let by_player = server.click().await;
        let of_player = json!({"id": by_player, "offer": "acme-offer", "affiliate": "lotus"});
        assert_eq!(api.post("/clicks", &of_player).await.json["duplicate"], true);
        let racing = join_all((0..8).map(async |_| api.post("/clicks", &import("raced")).await)).await;
        let mut statuses: Vec<_> = racing.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
        assert_eq!(server.database().count("click").await, 3);
    }

    async fn a_creation_under_a_key_happens_once_and_is_answered_alike(server: Server) {
        let api = Api::new(&server, "manager");
        let create = async |key: &str, body: &Value| api.post_under(key, "/clicks", body).await;
        let first = create("import-1", &drawn()).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let again = create("import-1", &drawn()).await;
        assert_eq!((again.status, &again.text), (201, &first.text));
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_ne!(create("import-2", &drawn()).await.json["click"]["id"], first.json["click"]["id"]);
        create("import-1", &import("p9")).await.refused(409, "idempotency_key_reused", "Idempotency-Key");
        let other = Api::new(&server, "manager").post_under("import-1", "/clicks", &drawn()).await;
        assert_ne!(other.json["click"]["id"], first.json["click"]["id"], "everybody's keys are their own");
        let clicks = server.database().count("click").await;
        let racing = join_all((0..8).map(async |_| create("raced", &drawn()).await)).await;
        assert!(racing.iter().all(|answer| answer.status == 201));
        assert!(racing.iter().all(|answer| answer.json["click"]["id"] == racing[0].json["click"]["id"]));
        assert_eq!(server.database().count("click").await, clicks + 1);
        for wrong in ["", &"x".repeat(256)] {
            create(wrong, &drawn()).await.refused(400, "invalid_parameter", "Idempotency-Key");
        }
        assert!(!server.database().holds("\"success\":true,\"duplicate\"").await, "answers are sealed at rest");
    }

    async fn clicks_are_found_page_by_page(server: Server) {
        let mut made = Vec::new();
        for merchant in ["acme", "plain", "acme", "plain", "acme"] {
            made.push(server.click_to(merchant).await);
        }
        made.sort_unstable_by(|a, b| b.cmp(a));
        let api = Api::new(&server, "viewer");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/clicks?limit=2{cursor}")).await.json;
            seen.extend(members(&page, "items", "id"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, made);
        for (filter, found) in [
            (format!("id={}", made[0]), 1), ("id=nobody".to_owned(), 0), ("offer=plain-offer".to_owned(), 2),
            ("affiliate=lotus".to_owned(), 5), ("affiliate=nobody".to_owned(), 0),
            ("offer=acme-offer&from=2020-01-01T00:00:00Z".to_owned(), 3), ("to=2020-01-01T00:00:00Z".to_owned(), 0),
        ] {
            let page = api.get(&format!("/clicks?{filter}")).await;
            assert_eq!(page.json["items"].as_array().map(Vec::len), Some(found), "{filter}: {}", page.text);
        }
    }

    async fn what_does_not_parse_or_may_not_be_is_refused_by_name(server: Server) {
        let api = Api::new(&server, "manager");
        for (member, value, status, code, parameter) in [
            ("id", json!("a b"), 400, "invalid_parameter", "id"),
            ("offer", json!("A"), 400, "invalid_parameter", "offer"),
            ("offer", json!("nothing"), 404, "offer_not_found", "offer"),
            ("offer", json!("acme-closed"), 404, "offer_not_found", "offer"),
            ("affiliate", json!("nobody"), 404, "affiliate_not_found", "affiliate"),
            ("params", json!({"a": "x".repeat(2049)}), 400, "malformed_query", "params"),
            ("params", json!({"a": 1}), 400, "malformed_body", ""),
            ("params", json!({"a": "\0"}), 400, "malformed_body", ""),
            ("clicked_at", json!("today"), 400, "malformed_body", ""),
        ] {
            let mut body = import("p1");
            body[member] = value;
            api.post("/clicks", &body).await.refused(status, code, parameter);
        }
        api.get("/clicks?cursor=a%20b").await.refused(400, "invalid_cursor", "cursor");
        api.get("/clicks?ofer=x").await.refused(400, "unknown_parameter", "ofer");
        api.get("/clicks/nobody").await.refused(404, "not_found", "");
        let viewer = Api::new(&server, "viewer");
        viewer.post("/clicks", &import("p1")).await.refused(403, "forbidden", "");
        assert_eq!(viewer.get("/audit?action=click.").await.json["items"][0]["outcome"], "forbidden");
        assert_eq!(server.database().count("click").await, 0);
    }
}
