//! What becomes of a postback that an endpoint does not take.

use serde_json::json;

use super::{attempts, deliveries, deposits, postback, program, serve, settled};
use crate::support::{Database, Receiver, Reply, WORLD, eventually, on_both_databases};

on_both_databases! {
    async fn five_failures_and_a_success_are_one_delivery_with_six_attempts(database: Database) {
        let receiver = Receiver::new().await;
        receiver.answer_next([500, 500, 500, 500, 500].map(Reply::Status));
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 1).await;
        settled(&server, "delivered", 1).await;
        let requests = receiver.received();
        assert_eq!(requests.len(), 6);
        assert!(requests.iter().all(|one| one.header("webhook-id") == requests[0].header("webhook-id")));
        let delivery = deliveries(&server).remove(0);
        assert_eq!((&delivery["id"], &delivery["attempts"]), (&json!(requests[0].header("webhook-id")), &json!(6)));
        let history = attempts(&server, &delivery);
        let told: Vec<_> = history.iter().map(|it| (&it["number"], &it["status"], it["error"].is_null())).collect();
        let failed = |number: u32| (json!(number), json!(500), false);
        let expected: Vec<_> = (1..=5).map(failed).chain([(json!(6), json!(200), true)]).collect();
        assert_eq!(told, expected.iter().map(|(number, status, taken)| (number, status, *taken)).collect::<Vec<_>>());
        assert!(history[0]["error"].as_str().unwrap().contains("answered 500"), "{}", history[0]);
    }

    async fn approved_waits_until_pending_has_settled(database: Database) {
        let receiver = Receiver::with(Reply::Status(503)).await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        let clicks = deposits(&server, 3).await;
        for click in &clicks {
            server.change(click, "ftd approved").await.ok(json!({}));
        }
        receiver.wait(12).await;
        assert!(receiver.received().iter().all(|request| request.path.contains("s=pending")));
        receiver.answer(Reply::Status(200));
        settled(&server, "delivered", 6).await;
    }

    async fn a_delivery_that_is_given_up_is_kept_and_sent_again_on_demand(database: Database) {
        let receiver = Receiver::with(Reply::Status(500)).await;
        let program = program(&database).with("COUNTERSIGN_DELIVERY_SCHEDULE", "0s 10ms until 30ms");
        program.apply(&format!("{WORLD}{}", postback("pb", &receiver, ""))).ok();
        let server = program.serve();
        deposits(&server, 3).await;
        settled(&server, "dead", 3).await;
        receiver.answer(Reply::Status(200));
        let dead = deliveries(&server);
        assert!(dead.iter().all(|it| it["state"] == "dead" && it["due_at"].is_null() && it["attempts"] != 0));
        let (sent_before, id) = (receiver.received().len(), dead[0]["id"].as_str().unwrap());
        let said = server.command(&["deliveries", "resend", id]).ok();
        assert_eq!(said, "1 deliveries will be sent again\n");
        settled(&server, "delivered", 1).await;
        let again = receiver.received().split_off(sent_before);
        assert_eq!(again.iter().map(|it| it.header("webhook-id")).collect::<Vec<_>>(), [id]);
        let by_time = |since: &str, until: &str| {
            server.command(&["deliveries", "resend", "--status", "dead", "--since", since, "--until", until]).ok()
        };
        assert_eq!(by_time("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"), "0 deliveries will be sent again\n");
        let oldest = dead[2]["created_at"].as_str().unwrap();
        assert_eq!(by_time(oldest, "2999-01-01T00:00:00Z"), "2 deliveries will be sent again\n");
        settled(&server, "delivered", 3).await;
    }

    async fn an_endpoint_that_says_410_is_paused_until_it_is_resumed(database: Database) {
        let receiver = Receiver::with(Reply::Status(410)).await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 1).await;
        eventually("the endpoint is paused", async || {
            server.database().count("endpoint_health WHERE paused_at IS NOT NULL").await == 1
        })
        .await;
        let listed = server.command(&["postback", "list"]).ok();
        assert!(listed.contains("paused since") && listed.contains("it answered 410 Gone"), "{listed}");
        let told = receiver.received().len();
        deposits(&server, 2).await;
        receiver.answer(Reply::Status(200));
        settled(&server, "waiting", 3).await;
        assert_eq!(receiver.received().len(), told);
        server.command(&["postback", "resume", "pb"]).ok();
        settled(&server, "delivered", 3).await;
        assert!(server.command(&["postback", "list"]).ok().contains("well"));
    }

    async fn what_is_claimed_of_an_endpoint_that_says_410_is_given_back(database: Database) {
        let receiver = Receiver::with(Reply::Status(410)).await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        server.command(&["postback", "pause", "pb"]).ok();
        deposits(&server, 40).await;
        server.command(&["postback", "resume", "pb"]).ok();
        eventually("the endpoint is paused", async || {
            database.count("endpoint_health WHERE pause_reason LIKE '%410%'").await == 1
        })
        .await;
        let given_back = "delivery WHERE state = 'waiting' AND claimed_until IS NULL";
        eventually("all are given back", async || database.count(given_back).await == 40).await;
        // No more than were in flight when it said so.
        assert!(receiver.received().len() <= 8);
    }

    async fn five_days_of_nothing_but_failures_pause_an_endpoint(database: Database) {
        let receiver = Receiver::with(Reply::Status(500)).await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 1).await;
        receiver.wait(2).await;
        assert_eq!(database.count("endpoint_health WHERE paused_at IS NOT NULL").await, 0);
        database.execute("UPDATE endpoint_health SET failing_since = failing_since - 432000000").await;
        eventually("the endpoint is paused", async || {
            database.count("endpoint_health WHERE paused_at IS NOT NULL").await == 1
        })
        .await;
        assert!(server.command(&["postback", "list"]).ok().contains("every attempt of the last 5 days"));
        assert_eq!(database.count("delivery WHERE state = 'waiting'").await, 1);
    }

    async fn a_redirect_is_a_failure_and_leads_nowhere(database: Database) {
        let elsewhere = Receiver::new().await;
        let location = elsewhere.url("/");
        let moved = format!("HTTP/1.1 302 X\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let receiver = Receiver::with(Reply::Raw(moved)).await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 1).await;
        receiver.wait(2).await;
        receiver.answer(Reply::Status(200));
        settled(&server, "delivered", 1).await;
        assert_eq!(elsewhere.received().len(), 0);
    }

    async fn the_rule_of_success_is_the_endpoints_own(database: Database) {
        let answer = |status: u16, body: &str| {
            let length = body.len();
            Reply::Raw(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"))
        };
        let receiver = Receiver::with(answer(200, "error: no such click")).await;
        let success = "success = { statuses = \"200-299,409\", body_contains = \"OK\" }";
        let server = serve(&database, &postback("pb", &receiver, success));
        deposits(&server, 1).await;
        receiver.wait(2).await;
        receiver.answer(answer(409, "OK, known"));
        settled(&server, "delivered", 1).await;
        let history = attempts(&server, &deliveries(&server)[0]);
        assert_eq!(history[0]["answer"], "error: no such click");
        assert!(history[0]["error"].as_str().unwrap().contains("without `OK`"), "{}", history[0]);
        assert_eq!(history.last().unwrap()["status"], 409);
    }

    async fn retry_after_is_honoured(database: Database) {
        let busy = "HTTP/1.1 429 X\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let receiver = Receiver::with(Reply::Raw(busy.to_owned())).await;
        let program = program(&database).with("COUNTERSIGN_DELIVERY_SCHEDULE", "0s 10ms until 8d");
        program.apply(&format!("{WORLD}{}", postback("pb", &receiver, ""))).ok();
        let server = program.serve();
        deposits(&server, 1).await;
        let waits_an_hour = "delivery WHERE attempts = 1 AND due_at - created_at >= 3600000";
        eventually("the delivery waits an hour", async || server.database().count(waits_an_hour).await == 1).await;
    }
}
