//! The program: its commands, its settings, and how it starts and stops.

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use serde_json::json;

use crate::support::{Database, Program, Server, WORLD, on_both_databases, query};

on_both_databases! {
    async fn mistakes_in_the_settings_are_reported_all_at_once(database: Database) {
        let program = Program::new(&database)
            .with("COUNTERSIGN_LISTEN", "localhost")
            .with("COUNTERSIGN_PUBLIC_URL", "ftp://x")
            .with("COUNTERSIGN_SECRET", "short")
            .with("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8,nonsense")
            .with("COUNTERSIGN_LOG_FORMAT", "xml")
            .with("COUNTERSIGN_RATE_LIMIT", "-1")
            .with("COUNTERSIGN_CONNECTIONS_MAX", "0")
            .with("COUNTERSIGN_WRITERS", "many");
        let complaint = program.run(&["serve"]).failed(1);
        let named = [
            "LISTEN",
            "PUBLIC_URL",
            "SECRET",
            "TRUSTED_PROXIES",
            "LOG_FORMAT",
            "RATE_LIMIT",
            "CONNECTIONS_MAX",
            "WRITERS",
        ];
        let named = named.map(|name| format!("COUNTERSIGN_{name}: "));
        assert!(complaint.lines().zip(&named).all(|(line, name)| line.starts_with(name)), "{complaint}");
        assert_eq!(complaint.lines().count(), named.len(), "{complaint}");
        assert!(!complaint.contains("short\n"), "the secret is not shown: {complaint}");
        let database = program
            .with("COUNTERSIGN_DATABASE_URL", "mysql://root:hidden@localhost/x")
            .run(&["serve"])
            .failed(1);
        assert!(
            database.starts_with("COUNTERSIGN_DATABASE_URL: ") && !database.contains("hidden"),
            "{database}"
        );
    }

    async fn a_setting_may_be_a_flag_or_stand_in_a_file(database: Database) {
        let program = Program::new(&database);
        let complaint = program.run(&["serve", "--listen", "nowhere"]).failed(1);
        assert!(complaint.contains("nowhere"), "{complaint}");
        fs::write(
            database.folder().join(".env"),
            "COUNTERSIGN_LISTEN=from-the-file\nCOUNTERSIGN_WRITERS=x\n",
        )
        .unwrap();
        let complaint = program.clone().without("COUNTERSIGN_LISTEN").run(&["serve"]).failed(1);
        assert!(
            complaint.contains("from-the-file") && complaint.contains("COUNTERSIGN_WRITERS"),
            "{complaint}"
        );
        let complaint = program.with("COUNTERSIGN_LISTEN", "from-outside").run(&["serve"]).failed(1);
        assert!(complaint.contains("from-outside"), "{complaint}");
        fs::write(database.folder().join(".env"), "no assignment").unwrap();
        Program::new(&database).run(&["token", "list"]).failed(1);
    }

    async fn usage_mistakes_exit_with_2_and_help_explains(database: Database) {
        let program = Program::new(&database);
        for wrong in
            [&[][..], &["sell"], &["serve", "--fast"], &["apply"], &["token"], &["log", "--limit", "many"]]
        {
            let done = program.run(wrong);
            assert_eq!(done.status, 2, "{wrong:?}: {}", done.stderr);
        }
        for command in ["serve", "migrate", "apply", "token", "log"] {
            assert!(program.run(&["--help"]).ok().contains(command));
            let help = program.run(&[command, "--help"]).ok();
            assert!(
                help.contains("COUNTERSIGN_DATABASE_URL") && help.lines().next().unwrap().len() > 20,
                "{help}"
            );
            assert!(!help.contains("the secret of the integration tests"), "{help}");
        }
    }

    async fn a_port_that_is_taken_is_named(server: Server) {
        let database = Database::sqlite();
        let taken = server.address.to_string();
        let complaint = Program::new(&database).with("COUNTERSIGN_LISTEN", &taken).run(&["serve"]).failed(1);
        assert!(complaint.contains(&taken), "{complaint}");
    }

    async fn it_says_that_it_lives_and_is_ready_and_how_it_goes(server: Server) {
        for address in ["/healthz", "/readyz"] {
            assert_eq!(server.get(address).await.status, 200);
        }
        let click = server.click().await;
        server.conv(&click, "ftd 5 EUR").await.ok(json!({}));
        server.conv(&click, "ftd amount=x EUR").await.refused(400, "invalid_amount", "amount");
        let metrics = server.get("/metrics").await;
        assert!(metrics.header("content-type").starts_with("text/plain"));
        for line in [
            r#"countersign_requests_total{endpoint="/track/conv",outcome="recorded"} 1"#,
            r#"countersign_requests_total{endpoint="/track/conv",outcome="invalid_amount"} 1"#,
            r#"countersign_requests_total{endpoint="/click",outcome="recorded"} 1"#,
        ] {
            assert!(metrics.text.lines().any(|printed| printed == line), "{line}:\n{}", metrics.text);
        }
    }

    async fn asked_to_stop_it_ends_well(mut server: Server) {
        for signal in ["TERM", "INT"] {
            let asked = Instant::now();
            server.signal(signal);
            assert_eq!(server.ended().await, Some(0), "{}", server.log());
            assert!(asked.elapsed().as_secs() < 10);
            server.restart();
        }
    }

    async fn a_token_never_shows_in_logs_metrics_or_the_database(database: Database) {
        const CANARY: &str = "canary-token-4f1d0c";
        let program = Program::new(&database).with("COUNTERSIGN_LOG", "trace");
        program.apply(&WORLD.replace("acme-token-2", CANARY)).ok();
        let mut server = program.serve();
        let click = server.click().await;
        let (form, in_json) = ("application/x-www-form-urlencoded", "application/json");
        let full = query(&click, &format!("ftd 5 EUR token={CANARY}"));
        for query in [
            full.clone(),
            full.replace("EUR", "XXX"),
            full.replace(&click, "none"),
            format!("{full}&token={CANARY}"),
            format!("{full}&a=%ff"),
            full.replace("token=", "%74oken="),
            full.replace("token=", "token=x"),
            full.replace("4f1d0c", "4f1d0c%00"),
            format!("{full}&conv_status=approved"),
            format!("{full}&dry_run=1"),
        ] {
            for endpoint in ["conv", "conv-change", "conv-addchange"] {
                server.get(&format!("/track/{endpoint}?{query}")).await;
                server.post(&format!("/track/{endpoint}"), form, &query).await;
            }
            server.request("HEAD", &format!("/track/conv?{query}"), &[], "").await;
        }
        let body = format!(r#"{{"token": "{CANARY}", "click_id": "{click}", "goal_alias": "ftd"}}"#);
        server.post("/track/conv", in_json, &body).await;
        server.post("/track/conv", in_json, &body[1..]).await;
        server.post("/track/conv", "text/plain", &body).await;
        let bearer = format!("Bearer {CANARY}");
        server
            .request("GET", &format!("/track/conv?click_id={click}"), &[("authorization", &bearer)], "")
            .await;
        server.get(&format!("/track/conv?{full}&{}", "x".repeat(9000))).await.refused(
            414,
            "uri_too_long",
            "",
        );
        server.get(&format!("/track/{CANARY}")).await.refused(404, "not_found", "");
        server.raw(format!("GET /track/conv?{full}<> HTTP/1.1\r\n\r\n")).await;
        assert!(server.database().count("postback_log").await > 50);
        for metrics in [server.get("/metrics").await.text, server.get("/readyz").await.text] {
            assert!(!metrics.contains(CANARY), "{metrics}");
        }
        server.stop().await;
        assert!(!database.holds(CANARY).await);
        let log = server.log();
        assert!(log.contains("serving"), "the log is there");
        assert!(!log.contains(CANARY), "{}", log.lines().find(|line| line.contains(CANARY)).unwrap());
    }
}

#[tokio::test]
async fn postgres_needs_a_secret() {
    let program = Program::new(&Database::sqlite())
        .with("COUNTERSIGN_DATABASE_URL", "postgres://127.0.0.1:1/x")
        .without("COUNTERSIGN_SECRET");
    let complaint = program.run(&["serve"]).failed(1);
    assert!(complaint.starts_with("COUNTERSIGN_SECRET: with PostgreSQL"), "{complaint}");
}

#[tokio::test]
async fn beside_an_embedded_database_a_secret_is_kept_for_its_user_alone() {
    let database = Database::sqlite();
    let program = Program::new(&database).without("COUNTERSIGN_SECRET");
    program.apply(WORLD).ok();
    let token = program.run(&["token", "issue", "--merchant", "acme"]).ok();
    let path = database.folder().join("data/countersign.secret");
    let secret = fs::read_to_string(&path).unwrap();
    assert!(secret.len() == 64 && hex::decode(&secret).is_ok(), "256 random bits");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let server = program.serve();
    let click = server.click().await;
    server.conv(&click, &format!("ftd 5 EUR token={token}")).await.ok(json!({}));
    assert_eq!(fs::read_to_string(&path).unwrap(), secret);
    drop(server);
    fs::remove_file(&path).unwrap();
    let complaint = program.run(&["serve"]).failed(1);
    assert!(complaint.contains("belongs to another COUNTERSIGN_SECRET"), "{complaint}");
}

#[tokio::test]
async fn one_server_per_embedded_database_and_other_commands_beside_it() {
    let database = Database::sqlite();
    let program = Program::new(&database);
    program.apply(WORLD).ok();
    let mut server = program.serve();
    let complaint = program.run(&["serve"]).failed(1);
    let holder = server.process_id().to_string();
    assert!(complaint.contains(&holder) && complaint.contains("already"), "{complaint}");
    program.run(&["migrate"]).ok();
    program.run(&["token", "list"]).ok();
    program.apply(WORLD).ok();
    let click = server.click().await;
    server.conv(&click, "ftd 5 EUR").await.ok(json!({}));
    server.kill();
    // The lock ends with the process, however it ended.
    server.restart();
    server.conv(&click, "ftd 5 EUR").await.ok(json!({ "duplicate": true }));
}
