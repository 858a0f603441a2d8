//! Yandex Metrica.

use serde_json::json;

use super::{
    answer, approved, attempted, attempts, click, days_ago, deliveries, last_error, pixel, serve, settled,
};
use crate::support::{Database, Receiver, Reply, eventually, on_both_databases};

const MEASUREMENT: &str = "measurement_secret = \"canary-measurement\"";

/// As Metrica answers about an upload that stands there.
fn uploading(status: &str) -> Reply {
    let uploading =
        json!({ "id": 17, "source_quantity": 1, "line_quantity": 1, "type": "BASIC", "status": status });
    answer(200, &json!({ "uploading": uploading }))
}

on_both_databases! {
    async fn a_fresh_event_goes_by_the_measurement_protocol(database: Database) {
        let receiver = Receiver::new().await;
        receiver.answer_next([Reply::Status(500)]);
        let server = serve(&database, &pixel("yandex", &receiver, MEASUREMENT));
        let click = click(&server, "ym_client_id=133591247640966458").await;
        approved(&server, &click, "").await;
        settled(&server, "delivered", 1).await;
        let request = receiver.wait(2).await.remove(1);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/collect"));
        let told = "tid=2215573&cid=133591247640966458&t=event&ea=ftd&dl=https%3A%2F%2Facme.example%2Fland&et=";
        assert!(request.body.starts_with(told), "{}", request.body);
        assert!(request.body.ends_with("&ms=canary-measurement"), "{}", request.body);
        let history = attempts(&server, &deliveries(&server)[0]);
        assert!(history[1]["request"].as_str().unwrap().ends_with("&ms=[redacted]"), "{}", history[1]);
    }

    async fn a_later_event_is_uploaded_and_asked_after_until_it_is_processed(database: Database) {
        let receiver = Receiver::with(uploading("PROCESSED")).await;
        receiver.answer_next([
            Reply::Status(429), uploading("PREPARED"), uploading("UPLOADED"), Reply::Status(502), uploading("MATCHED"),
        ]);
        let server = serve(&database, &pixel("yandex", &receiver, MEASUREMENT));
        let click = click(&server, "client_id=133591247640966458&yclid=55").await;
        let yesterday = days_ago(1);
        approved(&server, &click, &format!("event_time={yesterday}")).await;
        settled(&server, "delivered", 1).await;
        let requests = receiver.received();
        let asked: Vec<_> = requests.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
        let id = deliveries(&server)[0]["id"].as_str().unwrap().to_owned();
        let counter = "/management/v1/counter/2215573/offline_conversions";
        assert_eq!(asked[0], format!("POST {counter}/upload?type=BASIC&comment={id}"));
        assert_eq!(asked[1], asked[0]);
        assert_eq!(asked[2..], vec![format!("GET {counter}/uploading/17"); 4]);
        assert!(requests.iter().all(|it| it.header("authorization") == "OAuth canary-secret"));
        let upload = &requests[1];
        let boundary = upload.header("content-type").strip_prefix("multipart/form-data; boundary=").unwrap();
        assert!(upload.body.starts_with(&format!("--{boundary}\r\n")), "{}", upload.body);
        let row = format!("133591247640966458,ftd,{yesterday},100.00,EUR");
        let file = format!("\r\n\r\nClientId,Target,DateTime,Price,Currency\r\n{row}\r\n");
        assert!(upload.body.contains(&file), "{}", upload.body);
        let history = attempts(&server, &deliveries(&server)[0]);
        let said: Vec<_> = history.iter().map(|it| it["error"].as_str().unwrap_or_default()).collect();
        let expected = ["quota", "uploaded as 17", "not processed it yet (UPLOADED)", "answered 502", "(MATCHED)", ""];
        assert!(said.iter().zip(expected).all(|(said, expected)| said.contains(expected)), "{said:?}");
        assert_eq!(database.count("endpoint_health WHERE failing_since IS NOT NULL").await, 0);
    }

    async fn an_upload_of_which_metrica_finds_no_session_is_given_up_with_the_reason(database: Database) {
        let receiver = Receiver::with(uploading("LINKAGE_FAILURE")).await;
        receiver.answer_next([uploading("UPLOADED")]);
        let server = serve(&database, &pixel("yandex", &receiver, ""));
        let click = click(&server, "yclid=55").await;
        approved(&server, &click, "").await;
        settled(&server, "dead", 1).await;
        assert!(last_error(&server).contains("found no session"), "{}", last_error(&server));
        assert!(receiver.received()[0].body.contains("Yclid,Target,DateTime,Price,Currency\r\n55,ftd,"));
        // Sent again, it is uploaded again.
        receiver.answer_next([uploading("UPLOADED"), uploading("PROCESSED")]);
        server.command(&["deliveries", "resend", "--status", "dead"]).ok();
        settled(&server, "delivered", 1).await;
        let methods: Vec<_> = receiver.received().iter().map(|it| it.method.clone()).collect();
        assert_eq!(methods, ["POST", "GET", "POST", "GET"]);
    }

    async fn a_server_that_dies_between_upload_and_answer_asks_on_and_uploads_nothing_twice(database: Database) {
        let receiver = Receiver::with(uploading("UPLOADED")).await;
        let mut server = serve(&database, &pixel("yandex", &receiver, ""));
        let click = click(&server, "client_id=1").await;
        approved(&server, &click, "").await;
        attempted(&server, 2).await;
        server.kill();
        let over = "UPDATE delivery SET claimed_until = claimed_until - 60000 WHERE claimed_until IS NOT NULL";
        database.execute(over).await;
        receiver.answer(uploading("PROCESSED"));
        server.restart();
        settled(&server, "delivered", 1).await;
        let uploads = receiver.received().iter().filter(|it| it.method == "POST").count();
        assert_eq!(uploads, 1);
    }

    async fn without_an_id_of_metricas_and_after_21_days_nothing_is_sent(database: Database) {
        let receiver = Receiver::with(uploading("PROCESSED")).await;
        let server = serve(&database, &pixel("yandex", &receiver, MEASUREMENT));
        let nameless = click(&server, "fbclid=x").await;
        approved(&server, &nameless, "").await;
        settled(&server, "dead", 1).await;
        assert!(last_error(&server).contains("yclid"), "{}", last_error(&server));
        let late = click(&server, "client_id=1").await;
        approved(&server, &late, &format!("event_time={}", days_ago(22))).await;
        settled(&server, "too_late", 1).await;
        assert_eq!(receiver.received().len(), 0);
    }

    async fn an_access_that_is_denied_shows_in_the_pixels_health_and_is_tried_again(database: Database) {
        let denied = json!({ "errors": [{ "error_type": "access_denied", "message": "Access is denied" }],
            "code": 403, "message": "Access is denied" });
        let receiver = Receiver::with(answer(403, &denied)).await;
        let server = serve(&database, &pixel("yandex", &receiver, ""));
        let click = click(&server, "client_id=1").await;
        approved(&server, &click, "").await;
        eventually("the pixel counts as failing", async || {
            database.count("endpoint_health WHERE failing_since IS NOT NULL").await == 1
        })
        .await;
        assert!(server.command(&["pixel", "list"]).ok().contains("failing since"));
        receiver.answer_next([uploading("UPLOADED")]);
        receiver.answer(uploading("PROCESSED"));
        settled(&server, "delivered", 1).await;
        let said = attempts(&server, &deliveries(&server)[0])[0]["error"].to_string();
        assert!(said.contains("Access is denied") && said.contains("OAuth token"), "{said}");
    }
}
