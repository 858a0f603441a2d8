//! The commands for those who look after endpoints.

use serde_json::json;

use super::{attempts, deliveries, deposits, json, postback, serve, settled};
use crate::support::{Database, Receiver, Reply, Server, on_both_databases};

on_both_databases! {
    async fn deliveries_are_listed_and_shown_with_every_attempt(database: Database) {
        let receiver = Receiver::with(Reply::Echo).await;
        let server = serve(&database, &[postback("one", &receiver, ""), postback("two", &receiver, "")].concat());
        deposits(&server, 1).await;
        settled(&server, "delivered", 2).await;
        let listed = deliveries(&server);
        assert_eq!(listed.len(), 2);
        let of_one = json(&server, &["deliveries", "list", "--postback", "one", "--status", "delivered"]);
        assert_eq!((of_one.as_array().unwrap().len(), &of_one[0]["status"]), (1, &json!("pending")));
        assert_eq!(json(&server, &["deliveries", "list", "--status", "dead"]), json!([]));
        let since = json(&server, &["deliveries", "list", "--since", "2999-01-01T00:00:00Z"]);
        assert_eq!(since, json!([]));
        let history = attempts(&server, &of_one[0]);
        let request = history[0]["request"].as_str().unwrap();
        assert!(request.starts_with(&format!("GET {}/pb?s=pending&c=", receiver.url(""))), "{request}");
        assert!(history[0]["answer"].as_str().unwrap().starts_with("GET /pb?s=pending"), "{}", history[0]);
        let id = of_one[0]["id"].as_str().unwrap();
        let shown = server.command(&["deliveries", "show", id]).ok();
        for part in [id, "delivered", "one", "attempt 1 at", "GET http://", "→ 200"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let lines = server.command(&["deliveries", "list"]).ok();
        assert_eq!(lines.lines().count(), 2);
    }

    async fn a_test_sends_a_marked_example_and_prints_request_and_answer(database: Database) {
        let receiver = Receiver::with(Reply::Echo).await;
        let server = serve(&database, &postback("pb", &receiver, "params = { click = \"{click_id}\" }"));
        let printed = server.command(&["postback", "test", "pb"]).ok();
        let request = receiver.wait(1).await.remove(0);
        assert!(request.path.contains("click=countersign-test-click"), "{}", request.path);
        assert!(printed.contains(&request.path) && printed.contains("→ 200 GET /pb"), "{printed}");
        assert_eq!(json(&server, &["postback", "test", "pb"])["status"], 200);
        receiver.answer(Reply::Status(500));
        let done = server.command(&["postback", "test", "pb"]);
        assert_eq!(done.status, 1);
        assert!(done.stderr.contains("did not take it: answered 500"), "{}", done.stderr);
        assert_eq!((database.count("delivery").await, database.count("attempt").await), (0, 0));
    }

    async fn an_endpoint_paused_by_hand_keeps_its_deliveries_waiting(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        server.command(&["postback", "pause", "pb"]).ok();
        deposits(&server, 2).await;
        let listed = json(&server, &["postback", "list"]);
        assert!(listed[0]["state"].as_str().unwrap().contains("paused by hand"), "{listed}");
        settled(&server, "waiting", 2).await;
        assert_eq!(receiver.received().len(), 0);
        server.command(&["postback", "resume", "pb"]).ok();
        settled(&server, "delivered", 2).await;
    }

    async fn no_secret_is_shown_stored_or_logged(database: Database) {
        let receiver = Receiver::with(Reply::Echo).await;
        let more = "basic_auth = { login = \"lotus\", password = \"canary-password\" }\nmethod = \"POST_FORM\"\n\
                    params = { token = \"canary-param\", c = \"{click_id}\" }\n\
                    headers = { X-Api-Key = \"canary-header\" }";
        let signed = "method = \"POST_JSON\"\nbasic_auth = { token = \"canary-token\" }\n\
                      signing_secret = \"whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5\"";
        let url = receiver.url("/pb?auth_token=canary-url&c={click_id}");
        let postbacks = [super::endpoint("form", &url, more), postback("signed", &receiver, signed)].concat();
        let server = serve(&database, &postbacks);
        deposits(&server, 1).await;
        settled(&server, "delivered", 2).await;
        let requests = receiver.received();
        let form = requests.iter().find(|request| request.body.contains("canary-param")).unwrap();
        assert_eq!(form.header("x-api-key"), "canary-header");
        let mut seen = vec![server.log()];
        for arguments in [["postback", "list"].as_slice(), &["postback", "test", "form"], &["deliveries", "list"]] {
            seen.push(server.command(arguments).ok());
        }
        for delivery in deliveries(&server) {
            seen.push(server.command(&["deliveries", "show", delivery["id"].as_str().unwrap()]).ok());
        }
        let basic = "bG90dXM6Y2FuYXJ5LXBhc3N3b3Jk";
        for secret in ["canary", "whsec_Y2Fu", basic] {
            assert!(seen.iter().all(|text| !text.contains(secret)), "{secret} in {seen:#?}");
            assert!(!database.holds(secret).await, "{secret} is in the database");
        }
    }
}

#[tokio::test]
async fn what_can_not_be_done_is_said_in_a_sentence() {
    let server = Server::on_sqlite();
    let check = |arguments: &[&str], status: i32, said: &str| {
        let done = server.command(arguments);
        assert_eq!(done.status, status, "{arguments:?} {}", done.stderr);
        assert!(done.stderr.contains(said), "{arguments:?} {}", done.stderr);
    };
    let nobody = "019a0000-0000-7000-8000-000000000000";
    check(&["deliveries", "resend"], 1, "give ids, or a filter");
    check(&["deliveries", "show", nobody], 1, "there is no delivery");
    check(
        &["deliveries", "list", "--status", "lost"],
        2,
        "waiting, delivered, unconfirmed, dead or too_late",
    );
    check(&["deliveries", "list", "--since", "yesterday"], 2, "2026-11-20T10:00:00Z");
    check(&["postback", "test", "nobody"], 1, "there is no postback endpoint nobody");
    check(&["postback", "resume", "nobody"], 1, "there is no postback endpoint nobody");
}
