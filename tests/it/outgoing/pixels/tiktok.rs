//! `TikTok`'s Events API 2.0.

use serde_json::json;

use super::{answer, approved, attempts, body, click, deliveries, last_error, pixel, serve, settled};
use crate::support::{Database, Receiver, Reply, on_both_databases};

/// As `TikTok` answers: with 200, whatever it thinks.
fn says(code: i64, message: &str) -> Reply {
    answer(200, &json!({ "code": code, "message": message, "request_id": "2026", "data": {} }))
}

on_both_databases! {
    async fn a_code_other_than_zero_is_a_failure_though_the_status_is_200(database: Database) {
        let receiver = Receiver::with(says(0, "OK")).await;
        receiver.answer_next([says(50_000, "System error"), says(40_105, "Access token is incorrect")]);
        let server = serve(&database, &pixel("tiktok", &receiver, "test_event_code = \"TEST7\""));
        let click = click(&server, "ttclid=E.C.P.x&ttp=p1").await;
        let conversion = approved(&server, &click, "phone=%2B16505551212").await;
        settled(&server, "delivered", 1).await;
        let requests = receiver.received();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|it| it.header("access-token") == "canary-secret" && it.path == "/event/track/"));
        let told = body(&requests[2]);
        assert_eq!((&told["event_source"], &told["event_source_id"], &told["test_event_code"]), (
            &json!("web"), &json!("2215573"), &json!("TEST7"),
        ));
        let event = &told["data"][0];
        assert_eq!((&event["event"], &event["event_id"]), (&json!("Purchase"), &json!(conversion)));
        assert_eq!(event["properties"], json!({ "value": 100.0, "currency": "EUR" }));
        let user = &event["user"];
        assert_eq!((&user["ttclid"], &user["ttp"]), (&json!("E.C.P.x"), &json!("p1")));
        assert_eq!((&user["user_agent"], &user["ip"]), (&json!("Mozilla/5.0 (X)"), &json!("127.0.0.1")));
        let history = attempts(&server, &deliveries(&server)[0]);
        let said: Vec<_> = history.iter().map(|it| (&it["status"], it["error"].as_str().unwrap_or_default())).collect();
        assert!(said.iter().all(|(status, _)| **status == 200), "{said:?}");
        assert!(said[0].1.contains("code 50000") && said[1].1.contains("another access token"), "{said:?}");
    }

    async fn an_event_that_is_wrong_in_itself_is_given_up(database: Database) {
        let receiver = Receiver::with(says(40_002, "event_time: Missing data")).await;
        let server = serve(&database, &pixel("tiktok", &receiver, ""));
        let click = click(&server, "ttclid=x").await;
        approved(&server, &click, "").await;
        settled(&server, "dead", 1).await;
        assert!(last_error(&server).contains("TikTok did not take it (code 40002): event_time: Missing data"));
        assert_eq!(receiver.received().len(), 1);
    }
}
