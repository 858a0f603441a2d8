//! Meta's Conversions API.

use serde_json::json;

use super::{
    answer, approved, attempted, attempts, body, click, days_ago, deliveries, last_error, pixel, serve,
    settled,
};
use crate::support::{Database, Receiver, Reply, WORLD, eventually, on_both_databases};

/// As Meta answers when it has taken an event.
fn taken() -> Reply {
    answer(200, &json!({ "events_received": 1, "messages": [], "fbtrace_id": "A1" }))
}

fn fault(code: i64, message: &str) -> Reply {
    let error = json!({ "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1" });
    answer(400, &json!({ "error": error }))
}

on_both_databases! {
    async fn an_approved_deposit_is_told_with_what_the_browser_brought_along(database: Database) {
        let receiver = Receiver::with(taken()).await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let click = click(&server, "fbclid=AbC_1").await;
        let conversion = approved(&server, &click, "email=john_smith%40gmail.com").await;
        settled(&server, "delivered", 1).await;
        let request = receiver.wait(1).await.remove(0);
        assert_eq!((request.method.as_str(), request.header("content-type")), ("POST", "application/json"));
        assert_eq!(request.path, "/2215573/events?access_token=canary-secret");
        let told = body(&request);
        let event = &told["data"][0];
        assert_eq!((told["data"].as_array().unwrap().len(), told.get("test_event_code")), (1, None));
        assert_eq!((&event["event_name"], &event["event_id"]), (&json!("Purchase"), &json!(conversion)));
        assert_eq!((&event["action_source"], &event["event_source_url"]), (
            &json!("website"), &json!("https://acme.example/land"),
        ));
        assert_eq!(event["custom_data"], json!({ "value": 100.0, "currency": "EUR" }));
        let user = &event["user_data"];
        assert_eq!(user["em"], "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f");
        assert_eq!((&user["client_user_agent"], &user["client_ip_address"]), (
            &json!("Mozilla/5.0 (X)"), &json!("127.0.0.1"),
        ));
        let fbc = user["fbc"].as_str().unwrap();
        assert!(fbc.starts_with("fb.1.1") && fbc.ends_with(".AbC_1"), "{fbc}");
        let history = attempts(&server, &deliveries(&server)[0]);
        let shown = history[0]["request"].as_str().unwrap();
        assert!(shown.contains("/2215573/events?access_token=[redacted]") && shown.contains("Purchase"), "{shown}");
    }

    async fn each_event_goes_alone_and_a_rejected_conversion_not_at_all(database: Database) {
        let receiver = Receiver::with(taken()).await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        for at in 0..6 {
            let click = click(&server, &format!("fbclid=c{at}")).await;
            let status = if at == 0 { "rejected" } else { "approved" };
            assert_eq!(server.addchange(&click, &format!("ftd 5 EUR {status}")).await.status, 200);
        }
        settled(&server, "delivered", 5).await;
        let requests = receiver.received();
        assert_eq!((requests.len(), database.count("delivery").await), (5, 5));
        assert!(requests.iter().all(|request| body(request)["data"].as_array().unwrap().len() == 1));
    }

    async fn what_may_pass_is_tried_again_under_the_same_event_id(database: Database) {
        let receiver = Receiver::with(taken()).await;
        receiver.answer_next([
            fault(190, "Error validating access token canary-secret: Session has expired"),
            fault(2, "Service temporarily unavailable"),
            Reply::Status(502),
        ]);
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let click = click(&server, "fbclid=x").await;
        let conversion = approved(&server, &click, "").await;
        settled(&server, "delivered", 1).await;
        let requests = receiver.received();
        assert_eq!(requests.len(), 4);
        assert!(requests.iter().all(|request| body(request)["data"][0]["event_id"] == conversion));
        let history = attempts(&server, &deliveries(&server)[0]);
        let first = history[0]["error"].as_str().unwrap();
        assert!(first.contains("code 190") && first.contains("another access token"), "{first}");
        assert!(!history[0].to_string().contains("canary-secret"), "{}", history[0]);
    }

    async fn what_can_not_pass_is_given_up_at_once_and_harms_no_other(database: Database) {
        let receiver = Receiver::with(taken()).await;
        receiver.answer_next([fault(100, "Invalid parameter")]);
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let first = click(&server, "fbclid=x").await;
        approved(&server, &first, "").await;
        settled(&server, "dead", 1).await;
        assert!(last_error(&server).contains("Meta did not take it (code 100): Invalid parameter"));
        let second = click(&server, "fbclid=y").await;
        approved(&server, &second, "").await;
        settled(&server, "delivered", 1).await;
        assert_eq!((receiver.received().len(), database.count("endpoint_health").await), (2, 0));
        let dead = server.command(&["deliveries", "resend", "--status", "dead"]).ok();
        assert_eq!(dead, "1 deliveries will be sent again\n");
        settled(&server, "delivered", 2).await;
    }

    async fn what_is_older_than_meta_takes_is_kept_as_too_late_with_the_reason(database: Database) {
        let receiver = Receiver::with(taken()).await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let click = click(&server, "fbclid=x").await;
        approved(&server, &click, &format!("event_time={}", days_ago(8))).await;
        settled(&server, "too_late", 1).await;
        assert_eq!(receiver.received().len(), 0);
        let delivery = &deliveries(&server)[0];
        assert_eq!((&delivery["state"], &delivery["due_at"]), (&json!("too_late"), &json!(null)));
        assert!(last_error(&server).contains("Meta takes nothing older than 7 days"), "{delivery}");
        assert_eq!(attempts(&server, delivery)[0]["request"], "nothing was sent");
        let listed = server.command(&["deliveries", "list", "--status", "too_late", "--pixel", "px"]).ok();
        assert!(listed.contains("  too late  px"), "{listed}");
    }

    async fn a_conversion_that_is_rejected_before_it_was_told_sends_nothing_more(database: Database) {
        let receiver = Receiver::with(Reply::Status(500)).await;
        let server = serve(&database, &pixel("meta", &receiver, "when = \"pending\""));
        let click = click(&server, "fbclid=x").await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        attempted(&server, 2).await;
        server.change(&click, "ftd rejected").await.ok(json!({}));
        settled(&server, "dead", 1).await;
        assert!(last_error(&server).contains("rejected"), "{}", last_error(&server));
    }

    async fn a_conversion_is_told_once_however_many_statuses_are_told(database: Database) {
        let receiver = Receiver::with(taken()).await;
        let server = serve(&database, &pixel("meta", &receiver, "when = \"both\""));
        let click = click(&server, "fbclid=x").await;
        for words in ["reg", "ftd 100 EUR"] {
            server.conv(&click, words).await.ok(json!({}));
        }
        server.change(&click, "ftd approved").await.ok(json!({}));
        settled(&server, "delivered", 2).await;
        assert_eq!(database.count("delivery").await, 2);
        let mut names: Vec<_> =
            receiver.received().iter().map(|it| body(it)["data"][0]["event_name"].to_string()).collect();
        names.sort();
        assert_eq!(names, ["\"CompleteRegistration\"", "\"Purchase\""]);
    }

    async fn goals_go_under_their_own_names_and_to_the_pixels_of_their_offer_and_affiliate(database: Database) {
        let receiver = Receiver::with(taken()).await;
        let events = "events = { reg = \"\", ftd = \"Subscribe\" }\n";
        let stranger = "[[affiliate]]\nid = \"orchid\"\nname = \"Orchid\"\n".to_owned()
            + &pixel("meta", &receiver, "affiliate = \"orchid\"").replace("\"px\"", "\"of-orchid\"");
        let elsewhere = pixel("meta", &receiver, "").replace("acme-offer", "plain-offer");
        let elsewhere = elsewhere.replace("\"px\"", "\"other\"");
        let pixels = [pixel("meta", &receiver, events), stranger, elsewhere].concat();
        let application = "alias = \"kyc\"\nname = \"KYC passed\"\nevents = { meta = \"SubmitApplication\" }";
        let program = super::program(&database);
        let world = WORLD.replace("alias = \"kyc\"\nname = \"KYC passed\"", application);
        program.apply(&format!("{world}{pixels}")).ok();
        let server = program.serve();
        let click = click(&server, "fbclid=x").await;
        for words in ["reg", "kyc", "fee 5 EUR"] {
            server.conv(&click, words).await.ok(json!({}));
        }
        approved(&server, &click, "").await;
        settled(&server, "delivered", 2).await;
        assert_eq!(database.count("delivery WHERE endpoint = 'px'").await, 2);
        let mut names: Vec<_> =
            receiver.received().iter().map(|it| body(it)["data"][0]["event_name"].to_string()).collect();
        names.sort();
        assert_eq!(names, ["\"SubmitApplication\"", "\"Subscribe\""]);
    }

    async fn a_contact_in_a_merchants_own_dialect_is_told_too(database: Database) {
        let receiver = Receiver::with(taken()).await;
        let casino = include_str!("../../dialects/casino.toml");
        let pixel = pixel("meta", &receiver, "").replace("acme-offer", "casino-offer");
        let server = serve(&database, &format!("{casino}{pixel}"));
        let click = "/click?offer=casino-offer&affiliate=lotus&user_id=7275455017&fbclid=x";
        assert_eq!(server.get(click).await.status, 302);
        let contact = "/spot/postback/chat/?user_id=7275455017&spot=87fa11c2-ff00-44a1";
        for _ in 0..2 {
            assert_eq!(server.get(contact).await.status, 200);
        }
        settled(&server, "delivered", 1).await;
        let requests = receiver.received();
        assert_eq!((requests.len(), &body(&requests[0])["data"][0]["event_name"]), (1, &json!("Contact")));
    }

    async fn a_pixel_that_is_gone_is_paused_until_it_is_resumed(database: Database) {
        let receiver = Receiver::with(Reply::Status(410)).await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let click = click(&server, "fbclid=x").await;
        approved(&server, &click, "").await;
        eventually("the pixel is paused", async || {
            database.count("endpoint_health WHERE endpoint = 'px' AND paused_at IS NOT NULL").await == 1
        })
        .await;
        assert!(server.command(&["pixel", "list"]).ok().contains("paused since"));
        receiver.answer(taken());
        server.command(&["pixel", "resume", "px"]).ok();
        settled(&server, "delivered", 1).await;
    }
}
