//! Keys and roles.

use serde_json::json;

use super::Api;
use crate::support::{Server, on_both_databases};

on_both_databases! {
    async fn only_a_live_key_opens_the_api(server: Server) {
        let without = server.get("/api/v1/conversions").await;
        without.refused(401, "unauthorized", "");
        let wrong = server.request("GET", "/api/v1/conversions", &[("authorization", "Bearer csk_wrong")], "").await;
        wrong.refused(401, "unauthorized", "");
        let created = server.command(&["--json", "api-key", "create", "--name", "ci", "--role", "viewer"]).ok();
        let created: serde_json::Value = serde_json::from_str(&created).unwrap();
        let authorization = format!("Bearer {}", created["key"].as_str().unwrap());
        let listed = async || {
            server.request("GET", "/api/v1/conversions", &[("authorization", &authorization)], "").await.status
        };
        assert_eq!(listed().await, 200);
        let keys = server.command(&["--json", "api-key", "list"]).ok();
        let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
        assert!(keys[0]["last_used_at"].is_string(), "{keys}");
        assert!(!keys.to_string().contains(created["key"].as_str().unwrap()));
        server.command(&["api-key", "revoke", created["id"].as_str().unwrap()]).ok();
        assert_eq!(listed().await, 401);
    }

    async fn a_viewer_that_decides_is_refused_and_the_audit_log_shows_it(server: Server) {
        let click = server.click().await;
        let id = server.conv(&click, "ftd 100 EUR").await.json["conversion"]["id"].as_str().unwrap().to_owned();
        let viewer = Api::new(&server, "viewer");
        let refused = viewer.post(&format!("/conversions/{id}/status"), &json!({"status": "approved"})).await;
        refused.refused(403, "forbidden", "");
        let audit = viewer.get(&format!("/audit?subject=conversion:{id}")).await.json;
        assert_eq!(audit["items"][0]["outcome"], "forbidden");
        assert_eq!(audit["items"][0]["action"], "conversion.decide");
        assert_eq!(viewer.get(&format!("/conversions/{id}")).await.json["status"], "pending");
    }

    async fn commands_on_users_are_in_the_audit_log(server: Server) {
        let password = server.command(&["user", "add", "anna", "--role", "admin"]).ok();
        assert_eq!(password.trim().len(), 32);
        server.command(&["user", "add", "anna"]).failed(1);
        assert!(server.command(&["user", "disable", "anna"]).failed(1).contains("only admin"));
        server.command(&["user", "add", "bert", "--role", "admin"]).ok();
        server.command(&["user", "disable", "anna"]).ok();
        let users: serde_json::Value = serde_json::from_str(&server.command(&["--json", "user", "list"]).ok()).unwrap();
        assert_eq!((&users[0]["name"], &users[1]["role"]), (&json!("anna"), &json!("admin")));
        assert!(users[0]["disabled_at"].is_string());
        let audit = Api::new(&server, "viewer").get("/audit?action=user.").await.json;
        let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|row| &row["action"]).collect();
        assert_eq!(actions, ["user.disable", "user.add", "user.add"]);
        assert_eq!(audit["items"][0]["actor"], "operator");
    }
}
