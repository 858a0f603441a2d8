//! What the audit log holds of changes of settings.

use serde_json::{Value, json};

use super::Api;
use crate::support::{Server, on_both_databases};

/// The entries about a subject, newest first, each as its action.
async fn entries(api: &Api<'_>, query: &str) -> Vec<Value> {
    api.get(&format!("/audit?{query}")).await.json["items"].as_array().unwrap().clone()
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

on_both_databases! {
    async fn what_is_applied_is_there_with_before_and_after(server: Server) {
        let api = Api::new(&server, "viewer");
        let created = entries(&api, "subject=merchant:signed").await;
        assert_eq!(actions(&created), ["merchant.create"]);
        assert_eq!((&created[0]["actor"], &created[0]["before"]), (&json!("operator"), &Value::Null));
        assert_eq!(created[0]["after"]["signing_secret"], json!({"keep": true}));
        assert_eq!(actions(&entries(&api, "subject=goal:acme/kyc").await), ["goal.create"]);
        let changed = "[[merchant]]\nid = \"signed\"\nname = \"Signs\"\nrequire_signature = true\n\
                       signing_secret = \"another-signing-secret\"\n";
        server.program.apply(changed).ok();
        server.program.apply(changed).ok();
        let changed = entries(&api, "subject=merchant:signed").await;
        assert_eq!(actions(&changed), ["merchant.change", "merchant.create"]);
        assert_eq!(changed[0]["before"], created[0]["after"]);
        assert_eq!(changed[0]["after"]["name"], "Signs");
        assert_eq!(changed[0]["after"]["sealed_anew"], json!(["signing_secret"]));
        for secret in ["another-signing-secret", "signed-signing-secret"] {
            assert!(!server.database().holds(secret).await);
        }
    }

    async fn entries_are_found_by_period_and_page_by_page(server: Server) {
        let api = Api::new(&server, "viewer");
        let created = entries(&api, "action=merchant.create").await;
        assert_eq!(created.len(), 7);
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/audit?action=merchant.create&limit=3{cursor}")).await.json;
            found.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, created);
        let newest = created[0]["at"].as_str().unwrap();
        assert!(entries(&api, "to=2020-01-01T00:00:00Z").await.is_empty());
        let since = entries(&api, &format!("from={newest}&action=merchant.create")).await;
        assert!(since.contains(&created[0]), "{since:?}");
        let backwards = api.get("/audit?from=2026-11-20T10:00:00Z&to=2026-11-01T10:00:00Z").await;
        backwards.refused(400, "invalid_parameter", "to");
        api.get("/audit?cursor=x").await.refused(400, "invalid_cursor", "cursor");
    }

    async fn tokens_and_pauses_are_there_too(server: Server) {
        let postback = "[[postback]]\nid = \"pb\"\naffiliate = \"lotus\"\n\
                        url = \"https://t.example/?token=hidden-token\"\n";
        server.program.apply(postback).ok();
        server.command(&["postback", "pause", "pb"]).ok();
        server.command(&["postback", "resume", "pb"]).ok();
        let api = Api::new(&server, "viewer");
        let of_postback = entries(&api, "subject=postback:pb").await;
        assert_eq!(actions(&of_postback), ["postback.resume", "postback.pause", "postback.create"]);
        assert_eq!(of_postback[0]["before"], json!({"paused": "paused by hand"}));
        assert_eq!(of_postback[0]["after"], json!({"paused": null}));
        assert_eq!(of_postback[2]["after"]["url"], "https://t.example/?token={keep}");
        assert!(!server.database().holds("hidden-token").await);
        let issued = server.command(&["--json", "token", "issue", "--merchant", "plain", "--label", "night"]).ok();
        let issued: Value = serde_json::from_str(&issued).unwrap();
        let id = issued["id"].as_str().unwrap();
        server.command(&["token", "revoke", id]).ok();
        server.command(&["token", "revoke", id]).ok();
        let of_token = entries(&api, &format!("subject=token:{id}")).await;
        assert_eq!(actions(&of_token), ["token.revoke", "token.issue"]);
        let after = &of_token[1]["after"];
        assert_eq!((&after["merchant"], &after["label"]), (&json!("plain"), &json!("night")));
        assert!(of_token[0]["before"]["revoked_at"].is_null() && of_token[0]["after"]["revoked_at"].is_string());
    }
}
