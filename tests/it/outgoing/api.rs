//! Deliveries by the API: listed page by page, shown with every attempt, sent again; and endpoints, asked how they
//! fare, paused, let go on, and tested.

use serde_json::json;

use super::{deposits, endpoint, postback, serve, settled};
use crate::{
    api::{Api, has},
    support::{Database, Receiver, Reply, eventually, on_both_databases},
};

on_both_databases! {
    async fn deliveries_are_listed_shown_and_sent_again(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 3).await;
        settled(&server, "delivered", 3).await;
        let api = Api::new(&server, "manager");
        let first = api.get("/deliveries?status=delivered&postback=pb&limit=2").await.json;
        let next = first["next_cursor"].as_str().unwrap();
        let second = api.get(&format!("/deliveries?status=delivered&postback=pb&limit=2&cursor={next}")).await.json;
        let ids: Vec<_> = [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
        let ids: Vec<_> = ids.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((ids.len(), ids.is_sorted_by(|a, b| a > b), &second["next_cursor"]), (3, true, &json!(null)));
        let one = api.get(&format!("/deliveries/{}", ids[0])).await.json;
        assert_eq!((&one["tries"][0]["status"], &one["attempts"]), (&json!(200), &json!(1)), "{one}");
        let again = api.post(&format!("/deliveries/{}/resend", ids[0]), &json!({})).await;
        assert_eq!(again.status, 200, "{}", again.text);
        receiver.wait(4).await;
        let many = api.post("/deliveries/resend", &json!({"postback": "pb"})).await.json;
        assert!(many["resent"].as_u64().is_some_and(|count| count >= 2), "{many}");
        api.post("/deliveries/resend", &json!({})).await.refused(400, "invalid_parameter", "ids");
        api.get("/deliveries/nonsense").await.refused(404, "not_found", "");
        let viewer = Api::new(&server, "viewer");
        viewer.post(&format!("/deliveries/{}/resend", ids[0]), &json!({})).await.refused(403, "forbidden", "");
        let audit = api.get(&format!("/audit?subject=delivery:{}", ids[0])).await.json;
        let outcomes = (&audit["items"][0]["outcome"], &audit["items"][1]["outcome"]);
        assert_eq!(outcomes, (&json!("forbidden"), &json!("done")));
    }
    async fn endpoints_are_asked_how_they_fare_paused_and_let_go_on(database: Database) {
        let receiver = Receiver::with(Reply::Status(500)).await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        let (api, viewer) = (Api::new(&server, "manager"), Api::new(&server, "viewer"));
        let health = async || viewer.get("/postbacks/pb/health").await.json;
        has(&health().await, json!({ "id": "pb", "state": "healthy", "waiting": 0, "dead": 0, "last_error": null }));
        deposits(&server, 1).await;
        eventually("it fails", async || health().await["state"] == "failing").await;
        let told = "answered 500; success is 200-299";
        eventually("its trouble is told", async || health().await["last_error"] == told).await;
        let paused = api.post("/postbacks/pb/pause", &json!({})).await;
        assert_eq!(paused.status, 200, "{}", paused.text);
        has(&paused.json, json!({ "state": "paused", "waiting": 1 }));
        let why = paused.json["pause_reason"].as_str().unwrap();
        assert!(why.starts_with("paused by api-key:test-manager"), "{why}");
        receiver.answer(Reply::Status(200));
        let resumed = api.post("/postbacks/pb/resume", &json!({})).await.json;
        has(&resumed, json!({ "state": "healthy", "paused_since": null, "failing_since": null }));
        settled(&server, "delivered", 1).await;
        has(&health().await, json!({ "waiting": 0, "last_error": null }));
        server.database().execute("UPDATE delivery SET state = 'dead'").await;
        has(&health().await, json!({ "waiting": 0, "dead": 1 }));
        for act in ["pause", "resume", "test"] {
            api.post(&format!("/postbacks/nobody/{act}"), &json!({})).await.refused(404, "not_found", "");
            api.post(&format!("/pixels/pb/{act}"), &json!({})).await.refused(404, "not_found", "");
            viewer.post(&format!("/postbacks/pb/{act}"), &json!({})).await.refused(403, "forbidden", "");
            let audit = viewer.get("/audit?subject=postback:pb&limit=1").await.json;
            has(&audit, json!({ "items.0.action": format!("postback.{act}"), "items.0.outcome": "forbidden" }));
        }
        viewer.get("/postbacks/nobody/health").await.refused(404, "not_found", "");
    }

    async fn a_test_by_the_api_shows_request_and_answer(database: Database) {
        let receiver = Receiver::with(Reply::Echo).await;
        let more = "params = { click = \"{click_id}\", token = \"canary-param\" }";
        let inside = endpoint("inside", "http://10.1.2.3/pb", "");
        let server = serve(&database, &[postback("pb", &receiver, more), inside].concat());
        let api = Api::new(&server, "manager");
        let tested = api.post("/postbacks/pb/test", &json!({})).await;
        assert_eq!(tested.status, 200, "{}", tested.text);
        has(&tested.json, json!({ "status": 200, "error": null }));
        let request = receiver.wait(1).await.remove(0);
        assert!(request.path.contains("click=countersign-test-click"), "{}", request.path);
        let shown = |member: &str| tested.json[member].as_str().unwrap().to_owned();
        assert!(shown("request").contains("click=countersign-test-click"), "{}", tested.text);
        assert!(shown("answer").starts_with("GET /pb"), "{}", tested.text);
        assert!(!tested.text.contains("canary"), "{}", tested.text);
        let refused = api.post("/postbacks/inside/test", &json!({})).await.json;
        assert!(refused["status"].is_null() && refused["error"].as_str().unwrap().contains("10.1.2.3"), "{refused}");
        assert_eq!((database.count("delivery").await, database.count("attempt").await), (0, 0));
        let audit = api.get("/audit?action=postback.test").await.json;
        assert_eq!(audit["items"].as_array().unwrap().len(), 2, "{audit}");
    }
}
