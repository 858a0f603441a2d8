//! The commands for those who look after pixels.

use serde_json::json;

use super::{SECRET, answer, approved, click, deliveries, json, pixel, program, serve, settled};
use crate::support::{Database, Receiver, Reply, Server, WORLD, on_both_databases};

/// A pixel at each platform.
const PLATFORMS: [&str; 4] = ["meta", "tiktok", "ga4", "yandex"];

fn taken(platform: &str) -> Reply {
    match platform {
        "meta" => answer(200, &json!({ "events_received": 1 })),
        "tiktok" => answer(200, &json!({ "code": 0, "message": "OK" })),
        "ga4" => answer(200, &json!({ "validationMessages": [] })),
        _ => answer(200, &json!({ "uploadings": [] })),
    }
}

on_both_databases! {
    async fn a_test_shows_request_and_answer_and_tells_nothing_that_counts(database: Database) {
        for platform in PLATFORMS {
            let receiver = Receiver::with(taken(platform)).await;
            let code = if ["meta", "tiktok"].contains(&platform) { "test_event_code = \"TEST7\"" } else { "" };
            let pixel = pixel(platform, &receiver, code).replace("\"px\"", &format!("\"{platform}\""));
            let server = serve(&database, &pixel);
            let printed = server.command(&["pixel", "test", platform]).ok();
            let request = receiver.wait(1).await.remove(0);
            assert!(printed.contains("→ 200 {") && !printed.contains(SECRET), "{printed}");
            match platform {
                "ga4" => assert!(request.path.starts_with("/debug/mp/collect?"), "{}", request.path),
                "yandex" => {
                    let asked = "/management/v1/counter/2215573/offline_conversions/uploadings?limit=1";
                    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", asked));
                }
                _ => assert!(request.body.contains("\"test_event_code\":\"TEST7\""), "{}", request.body),
            }
            assert_eq!(json(&server, &["pixel", "test", platform])["status"], 200);
            receiver.answer(Reply::Status(500));
            let failed = server.command(&["pixel", "test", platform]);
            assert_eq!(failed.status, 1);
            assert!(failed.stderr.contains("did not take it"), "{}", failed.stderr);
        }
        assert_eq!((database.count("delivery").await, database.count("attempt").await), (0, 0));
    }

    async fn what_google_analytics_would_drop_is_told_by_the_test(database: Database) {
        let objection = json!({ "fieldPath": "events", "description": "Name is reserved." });
        let receiver = Receiver::with(answer(200, &json!({ "validationMessages": [objection] }))).await;
        let server = serve(&database, &pixel("ga4", &receiver, ""));
        let failed = server.command(&["pixel", "test", "px"]);
        assert!(failed.stderr.contains("would drop it: Name is reserved."), "{}", failed.stderr);
    }

    async fn a_test_that_would_count_is_not_sent(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let refused = server.command(&["pixel", "test", "px"]);
        assert_eq!(refused.status, 1);
        assert!(refused.stderr.contains("set the one that its events manager shows"), "{}", refused.stderr);
        assert_eq!(receiver.received().len(), 0);
    }

    async fn a_list_warns_of_what_clicks_lack(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &pixel("meta", &receiver, "test_event_code = \"TEST7\""));
        let warnings = |server: &Server| json(server, &["pixel", "list"])[0]["warnings"].clone();
        assert!(warnings(&server)[0].as_str().unwrap().contains("no click yet"), "{}", warnings(&server));
        click(&server, "sub1=x").await;
        click(&server, "fbclid=x").await;
        server.click_to("plain").await;
        let told = warnings(&server);
        assert!(told[0].as_str().unwrap().contains("1 of the last 2 clicks carried none of fbclid, fbc"), "{told}");
        assert!(told[1].as_str().unwrap().contains("take test_event_code out"), "{told}");
        let lines = server.command(&["pixel", "list"]).ok();
        assert!(lines.starts_with("px  meta  acme-offer  every affiliate  well\n    warning: 1 of"), "{lines}");
        let listed = json(&server, &["pixel", "list"]);
        assert_eq!(listed[0]["events"]["ftd"], "Purchase");
    }

    async fn a_pixel_paused_by_hand_keeps_its_deliveries_waiting(database: Database) {
        let receiver = Receiver::with(taken("meta")).await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        server.command(&["pixel", "pause", "px"]).ok();
        let click = click(&server, "fbclid=x").await;
        approved(&server, &click, "").await;
        settled(&server, "waiting", 1).await;
        assert!(server.command(&["pixel", "list"]).ok().contains("paused by hand"));
        server.command(&["pixel", "resume", "px"]).ok();
        settled(&server, "delivered", 1).await;
    }

    async fn no_secret_is_shown_stored_or_logged(database: Database) {
        let receiver = Receiver::with(Reply::Echo).await;
        let pixels = PLATFORMS.map(|platform| {
            let more = if platform == "yandex" { "measurement_secret = \"canary-measurement\"" } else { "" };
            pixel(platform, &receiver, more).replace("\"px\"", &format!("\"{platform}\""))
        });
        let server = serve(&database, &pixels.concat());
        let click = click(&server, "fbclid=x&client_id=12&yclid=13").await;
        approved(&server, &click, "").await;
        receiver.wait(8).await;
        let mut seen = vec![server.log()];
        for arguments in [["pixel", "list"], ["deliveries", "list"]] {
            seen.push(server.command(&arguments).ok());
        }
        for delivery in deliveries(&server) {
            seen.push(server.command(&["deliveries", "show", delivery["id"].as_str().unwrap()]).ok());
        }
        for secret in [SECRET, "canary-measurement"] {
            assert!(seen.iter().all(|text| !text.contains(secret)), "{secret} in {seen:#?}");
            assert!(!database.holds(secret).await, "{secret} is in the database");
        }
    }

    async fn applying_a_pixel_again_changes_nothing_and_a_new_secret_does(database: Database) {
        let receiver = Receiver::new().await;
        let (program, text) = (program(&database), pixel("meta", &receiver, ""));
        assert!(program.apply(&format!("{WORLD}{text}")).ok().contains("created pixel px"));
        assert!(program.apply(&text).ok().contains("unchanged pixel px"));
        assert!(program.apply(&text.replace(SECRET, "canary-other")).ok().contains("changed pixel px"));
    }

    async fn an_id_belongs_to_a_postback_endpoint_or_to_a_pixel(database: Database) {
        let receiver = Receiver::new().await;
        let program = program(&database);
        program.apply(&format!("{WORLD}{}", pixel("meta", &receiver, ""))).ok();
        let refused = program.apply(&super::super::postback("px", &receiver, "")).failed(1);
        assert!(refused.contains("line 3: postback.id: px is the id of a pixel already"), "{refused}");
        program.apply(&super::super::postback("pb", &receiver, "")).ok();
        let refused = program.apply(&pixel("meta", &receiver, "").replace("\"px\"", "\"pb\"")).failed(1);
        assert!(refused.contains("line 3: pixel.id: pb is the id of a postback endpoint already"), "{refused}");
    }

    async fn only_clicks_on_offers_with_a_pixel_keep_what_the_browser_tells_of_itself(database: Database) {
        let receiver = Receiver::with(taken("meta")).await;
        let server = serve(&database, &pixel("meta", &receiver, ""));
        let kept = async |id: &str| {
            database.texts(&format!("SELECT params FROM click WHERE id = '{id}'")).await.remove(0)
        };
        let id = click(&server, "fbclid=x").await;
        let params = kept(&id).await;
        assert!(params.contains("\"client_user_agent\":\"Mozilla/5.0 (X)\""), "{params}");
        assert!(params.contains("\"client_ip_address\":\"127.0.0.1\""), "{params}");
        let told = click(&server, "user_agent=Own&ip=203.0.113.7").await;
        let params = kept(&told).await;
        assert!(params.contains("\"user_agent\":\"Own\"") && !params.contains("client_"), "{params}");
        for id in [server.click().await, server.click_to("plain").await] {
            assert!(!kept(&id).await.contains("client_"));
        }
    }
}
