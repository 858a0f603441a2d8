//! The Measurement Protocol of Google Analytics 4.

use serde_json::json;

use super::{approved, body, click, days_ago, deliveries, last_error, pixel, serve, settled};
use crate::support::{Database, Receiver, Reply, on_both_databases};

on_both_databases! {
    async fn what_was_sent_stays_unconfirmed(database: Database) {
        let receiver = Receiver::with(Reply::Status(204)).await;
        receiver.answer_next([Reply::Status(503)]);
        let server = serve(&database, &pixel("ga4", &receiver, ""));
        let click = click(&server, "client_id=11.22&session_id=33").await;
        let conversion = approved(&server, &click, "").await;
        settled(&server, "unconfirmed", 1).await;
        let requests = receiver.received();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[1].path, "/mp/collect?measurement_id=G-ABC123DEF4&api_secret=canary-secret");
        let told = body(&requests[1]);
        assert_eq!((&told["client_id"], &told["events"][0]["name"]), (&json!("11.22"), &json!("purchase")));
        assert!(told["timestamp_micros"].as_i64().unwrap() > 1_700_000_000_000_000);
        let expected = json!({
            "transaction_id": conversion, "value": 100.0, "currency": "EUR", "session_id": "33",
            "engagement_time_msec": 1,
        });
        assert_eq!(told["events"][0]["params"], expected);
        let delivery = &deliveries(&server)[0];
        assert_eq!((&delivery["state"], &delivery["last_error"]), (&json!("unconfirmed"), &json!(null)));
        let shown = server.command(&["deliveries", "show", delivery["id"].as_str().unwrap()]).ok();
        assert_eq!(shown.matches("sent, unconfirmed").count(), 2, "{shown}");
        assert!(shown.contains("api_secret=[redacted]"), "{shown}");
    }

    async fn nothing_is_sent_without_a_client_id_or_after_72_hours(database: Database) {
        let receiver = Receiver::with(Reply::Status(204)).await;
        let server = serve(&database, &pixel("ga4", &receiver, ""));
        let nameless = click(&server, "gclid=x").await;
        approved(&server, &nameless, "").await;
        settled(&server, "dead", 1).await;
        assert!(last_error(&server).contains("client_id"), "{}", last_error(&server));
        let late = click(&server, "client_id=1.2").await;
        approved(&server, &late, &format!("event_time={}", days_ago(4))).await;
        settled(&server, "too_late", 1).await;
        assert_eq!(receiver.received().len(), 0);
    }
}
