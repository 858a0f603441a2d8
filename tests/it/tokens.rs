//! Merchants' tokens: issued, listed, revoked, and never kept.

use serde_json::{Value, json};

use crate::support::{Database, Program, Server, WORLD, eventually, on_both_databases};

/// The listed tokens.
fn list(server: &Server, more: &[&str]) -> Vec<Value> {
    let listed = server.command(&[&["token", "list", "--json"], more].concat()).ok();
    serde_json::from_str(&listed).unwrap()
}

/// Waits until a token is answered with this status.
async fn opens(server: &Server, token: &str, status: u16) {
    let click = server.click().await;
    eventually("the token's new state is known", async || {
        server.conv(&click, &format!("ftd 5 EUR dry_run=1 token={token}")).await.status == status
    })
    .await;
}

on_both_databases! {
    async fn an_issued_token_is_shown_once_and_kept_only_as_a_digest(server: Server) {
        let issued = server.command(&["token", "issue", "--merchant", "acme", "--label", "night shift"]).ok();
        let token = issued.trim();
        assert!(
            token.strip_prefix("cs_").is_some_and(|hex| hex.len() == 64 && hex::decode(hex).is_ok()),
            "{token}"
        );
        opens(&server, token, 200).await;
        let listed =
            server.command(&["token", "list"]).ok() + &server.command(&["token", "list", "--json"]).ok();
        assert!(listed.contains("night shift") && !listed.contains(token), "{listed}");
        assert!(!server.database().holds(token).await);
        assert!(!server.database().holds("acme-token-1").await);
        assert!(server.database().holds("night shift").await, "the search finds what is there");
        assert!(!server.log().contains(token));
        let again = server.command(&["token", "issue", "--merchant", "acme", "--label", "night shift"]).ok();
        assert_ne!(again, issued);
    }

    async fn tokens_are_listed_with_what_became_of_them(server: Server) {
        let issued = server
            .command(&[
                "token",
                "issue",
                "--merchant",
                "plain",
                "--label",
                "spring",
                "--days",
                "30",
                "--json",
            ])
            .ok();
        let issued: Value = serde_json::from_str(&issued).unwrap();
        assert_eq!((&issued["merchant"], &issued["label"]), (&json!("plain"), &json!("spring")));
        let of_plain = list(&server, &["--merchant", "plain"]);
        assert_eq!(
            of_plain.iter().map(|token| token["merchant"].as_str().unwrap()).collect::<Vec<_>>(),
            ["plain"; 2]
        );
        let spring = of_plain.iter().find(|token| token["id"] == issued["id"]).unwrap();
        assert_eq!((&spring["state"], &spring["last_used_at"]), (&json!("live"), &Value::Null));
        assert_eq!(spring["expires_at"], issued["expires_at"]);
        assert!(spring["expires_at"].as_str() > spring["created_at"].as_str());
        assert!(list(&server, &[]).len() > of_plain.len());
        server.database().execute("UPDATE token SET expires_at = created_at WHERE label = 'spring'").await;
        let states = list(&server, &["--merchant", "plain"]);
        assert!(states.iter().any(|token| token["state"] == "expired"), "{states:?}");
    }

    async fn a_revoked_token_is_soon_refused_and_others_live_on(server: Server) {
        opens(&server, "acme-token-2", 200).await;
        let second = list(&server, &["--merchant", "acme"])
            .into_iter()
            .find(|token| token["label"] == "second")
            .unwrap();
        let id = second["id"].as_str().unwrap();
        let shown = server.command(&["token", "revoke", id]).ok();
        assert!(shown.contains("revoked"), "{shown}");
        opens(&server, "acme-token-2", 401).await;
        opens(&server, "acme-token-1", 200).await;
        let first = list(&server, &["--merchant", "acme"]);
        server.command(&["token", "revoke", id]).ok();
        assert_eq!(list(&server, &["--merchant", "acme"]), first, "revoking again changes nothing");
        // The configuration still names it; that does not bring it back.
        server.program.apply(WORLD).ok();
        assert_eq!(list(&server, &["--merchant", "acme"]), first);
    }

    async fn the_last_use_of_a_token_is_kept(mut server: Server) {
        opens(&server, "acme-token-2", 200).await;
        server.stop().await;
        for token in list(&server, &[]) {
            assert_eq!(token["last_used_at"].is_string(), token["label"] == "second", "{token}");
        }
    }

    async fn a_token_for_nobody_is_refused(server: Server) {
        let complaint = server.command(&["token", "issue", "--merchant", "nobody"]).failed(1);
        assert_eq!(complaint, "there is no merchant nobody\n");
        let complaint =
            server.command(&["token", "revoke", "01900000-0000-7000-8000-000000000000"]).failed(1);
        assert_eq!(complaint, "there is no token 01900000-0000-7000-8000-000000000000\n");
        server.command(&["token", "revoke", "not-an-id"]).failed(2);
        server.command(&["token", "issue", "--merchant", "No Slug"]).failed(2);
        server.command(&["token", "issue", "--merchant", "acme", "--days", "0"]).failed(2);
    }

    async fn under_another_secret_nothing_opens(database: Database) {
        let program = Program::new(&database);
        program.apply(WORLD).ok();
        let other = program.with("COUNTERSIGN_SECRET", "quite another secret than the first");
        for command in
            [&["serve"][..], &["token", "list"], &["migrate"], &["token", "issue", "--merchant", "acme"]]
        {
            let complaint = other.run(command).failed(1);
            assert!(
                complaint.contains("COUNTERSIGN_SECRET") && complaint.lines().count() == 1,
                "{complaint}"
            );
        }
    }
}
