//! The log of inbound postbacks: every request to `/track/*`, with what came of it.

use serde_json::{Value, json};

use crate::support::{Database, Program, Server, WORLD, on_both_databases, query};

/// The log's rows as the command shows them, newest first.
fn log(server: &Server, filter: &[&str]) -> Vec<Value> {
    let printed = server.command(&[&["log", "--json"], filter].concat()).ok();
    serde_json::from_str(&printed).unwrap()
}

on_both_databases! {
    async fn every_postback_is_in_the_log_with_its_answer(server: Server) {
        let click = server.click().await;
        let answers = [
            ("recorded", "/track/conv", server.conv(&click, "ftd 5 EUR mine=%C3%BC").await),
            ("duplicate", "/track/conv", server.conv(&click, "ftd 5.00 eur").await),
            ("dry_run", "/track/conv-change", server.change(&click, "ftd approved dry_run=1").await),
            ("decided", "/track/conv-change", server.change(&click, "ftd approved").await),
            ("already_decided", "/track/conv-change", server.change(&click, "ftd rejected").await),
            (
                "duplicate_parameter",
                "/track/conv-addchange",
                server.addchange(&click, "ftd 5 EUR amount=5").await,
            ),
            ("click_not_found", "/track/conv", server.conv("nobody", "ftd 5 EUR").await),
        ];
        let rows = log(&server, &[]);
        assert_eq!(rows.len(), answers.len());
        for (outcome, endpoint, answer) in &answers {
            let row = rows.iter().find(|row| row["id"] == answer.json["request_id"]).unwrap();
            let got = (
                &row["outcome"],
                &row["endpoint"],
                &row["status"],
                &row["merchant"],
                &row["method"],
                &row["address"],
            );
            let expected = (
                &json!(outcome),
                &json!(endpoint),
                &json!(answer.status),
                &json!("acme"),
                &json!("GET"),
                &json!("127.0.0.1"),
            );
            assert_eq!(got, expected);
            assert_eq!(row["answer"].as_str(), Some(answer.text.as_str()));
            assert_eq!(row["conversion"], answer.json["conversion"]["id"], "{row}");
            assert!(row["duration_us"].as_i64().is_some_and(|micros| micros > 0));
        }
        let first = rows.iter().find(|row| row["outcome"] == "recorded").unwrap();
        let params = json!([
            ["click_id", click],
            ["goal_alias", "ftd"],
            ["amount", "5"],
            ["currency", "EUR"],
            ["mine", "\u{fc}"],
            ["token", "[redacted]"],
        ]);
        assert_eq!(serde_json::from_str::<Value>(first["params"].as_str().unwrap()).unwrap(), params);
    }

    async fn the_log_is_searched_by_merchant_outcome_and_click(server: Server) {
        let (one, other) = (server.click().await, server.click_to("plain").await);
        for click in [&one, &one, &other] {
            server.conv(click, "ftd 5 EUR").await;
        }
        server.conv(&other, "ftd 5 EUR token=plain-token-1").await.ok(json!({}));
        server.conv(&other, "ftd 5 EUR token=nope").await.refused(401, "invalid_token", "token");
        let count = |filter: &[&str]| log(&server, filter).len();
        assert_eq!(count(&[]), 5);
        assert_eq!(count(&["--merchant", "acme"]), 3);
        assert_eq!(count(&["--merchant", "plain"]), 1);
        assert_eq!(count(&["--outcome", "recorded"]), 2);
        assert_eq!(count(&["--outcome", "invalid_token"]), 1);
        assert_eq!(count(&["--click", &one]), 2);
        assert_eq!(count(&["--click", &other, "--merchant", "acme", "--outcome", "click_not_found"]), 1);
        assert_eq!(count(&["--limit", "2"]), 2);
        let text = server.command(&["log", "--merchant", "plain"]).ok();
        for part in ["200", "recorded", "plain", "/track/conv", "amount=5", "token=[redacted]"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.lines().count(), 1);
        assert!(server.command(&["log", "--outcome", "invalid_token"]).ok().contains("unknown token"));
    }

    async fn what_a_sender_writes_cannot_forge_a_line_of_the_log(server: Server) {
        server.conv("nobody", "ftd 5 EUR mine=a%0A2026-01-01%1B%5B31m").await.refused(
            404,
            "click_not_found",
            "click_id",
        );
        let text = server.command(&["log"]).ok();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    async fn the_address_is_the_senders_behind_a_trusted_proxy_only(database: Database) {
        let program = Program::new(&database);
        program.apply(WORLD).ok();
        let trusting = program.clone().with("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8");
        for (program, status, code, address) in [
            (&trusting, 404, "click_not_found", "203.0.113.9"),
            (&program, 403, "ip_not_allowed", "127.0.0.1"),
        ] {
            let mut server = program.serve();
            let path = format!("/track/conv?{}", query("nobody", "ftd 5 EUR token=walled-token-1"));
            let headers = [("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.1.2.3")];
            let answer = server.request("GET", &path, &headers, "").await;
            answer.refused(status, code, answer.json["parameter"].as_str().unwrap_or_default());
            assert_eq!(log(&server, &["--limit", "1"])[0]["address"], address);
            let forged =
                server.request("GET", &path, &[("x-forwarded-for", "203.0.113.9, 6.6.6.6")], "").await;
            assert_eq!(forged.json["code"], "ip_not_allowed");
            server.stop().await;
        }
    }

    async fn strangers_leave_a_bounded_number_of_rows(server: Server) {
        for at in 0..60 {
            server.conv("nobody", &format!("ftd 5 EUR token=guess-{at}")).await.refused(
                401,
                "invalid_token",
                "token",
            );
        }
        // Ten a minute are kept, and a minute may have ended meanwhile.
        let kept = server.database().count("postback_log").await;
        assert!((1..=20).contains(&kept), "{kept}");
        let metrics = server.get("/metrics").await.text;
        let counted = r#"countersign_requests_total{endpoint="/track/conv",outcome="invalid_token"} 60"#;
        assert!(metrics.contains(counted), "every one is counted: {metrics}");
        assert!(!server.database().holds("guess-").await);
    }
}
