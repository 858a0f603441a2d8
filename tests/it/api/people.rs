//! Users and API keys, by the API.

use serde_json::json;

use super::Api;
use crate::support::{Server, on_both_databases};

on_both_databases! {
    async fn an_admin_adds_changes_and_disables_users(server: Server) {
        let api = Api::new(&server, "admin");
        let body = json!({"name": "anna", "role": "admin", "password": "three plain words"});
        let created = api.post("/users", &body).await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert!(!created.text.contains("three plain words"));
        api.post("/users", &body).await.refused(409, "refused", "");
        let etag = created.header("etag").to_owned();
        let alone = api.put("/users/anna", &etag, &json!({"role": "viewer"})).await;
        alone.refused(409, "refused", "");
        assert!(alone.json["detail"].as_str().unwrap().contains("only admin"), "{}", alone.text);
        api.post("/users", &json!({"name": "bert", "role": "admin", "password": "other plain words"})).await;
        let changed = api.put("/users/anna", &etag, &json!({"role": "manager", "disabled": true})).await;
        let now = (changed.status, &changed.json["role"], &changed.json["disabled"]);
        assert_eq!(now, (200, &json!("manager"), &json!(true)));
        api.put("/users/anna", &etag, &json!({"role": "admin"})).await.refused(412, "stale", "");
        let etag = changed.header("etag").to_owned();
        let body = json!({"role": "manager", "password": "yet more plain words"});
        let renewed = api.put("/users/anna", &etag, &body).await;
        assert_eq!((renewed.status, &renewed.json["disabled"]), (200, &json!(false)), "{}", renewed.text);
        assert_ne!(renewed.header("etag"), etag);
        let listed = api.get("/users?limit=1").await.json;
        assert_eq!((&listed["items"][0]["name"], &listed["next_cursor"]), (&json!("anna"), &json!("anna")));
        assert_eq!(api.get("/users?cursor=anna").await.json["items"][0]["name"], "bert");
        let entries = api.get("/audit?subject=user:anna").await.json;
        assert_eq!(entries["items"][1]["before"]["role"], "admin");
        assert_eq!(entries["items"][1]["after"]["role"], "manager");
    }

    async fn what_is_wrong_with_a_user_is_said(server: Server) {
        let api = Api::new(&server, "admin");
        for (body, code, parameter) in [
            (json!({"name": "Anna B", "role": "admin", "password": "three plain words"}), "invalid_parameter", "name"),
            (json!({"name": "anna", "role": "boss", "password": "three plain words"}), "invalid_parameter", "role"),
            (json!({"name": "anna", "role": "admin", "password": "short"}), "invalid_parameter", "password"),
            (json!({"name": "anna", "role": "admin"}), "malformed_body", ""),
        ] {
            api.post("/users", &body).await.refused(400, code, parameter);
        }
        api.get("/users/nobody").await.refused(404, "not_found", "");
        api.put("/users/nobody", "*", &json!({"role": "admin"})).await.refused(404, "not_found", "");
        for role in ["viewer", "manager"] {
            let other = Api::new(&server, role);
            other.get("/users").await.refused(403, "forbidden", "");
            other.get("/api-keys").await.refused(403, "forbidden", "");
            other.post("/users", &json!({"name": "me", "role": "admin", "password": "three plain words"})).await
                .refused(403, "forbidden", "");
        }
    }

    async fn an_api_key_is_shown_once_and_revoked(server: Server) {
        let api = Api::new(&server, "admin");
        let created = api.post("/api-keys", &json!({"name": "nightly", "role": "viewer"})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let (key, id) = (created.json["key"].as_str().unwrap(), created.json["id"].as_str().unwrap());
        let authorization = format!("Bearer {key}");
        let listed = async || {
            server.request("GET", "/api/v1/merchants", &[("authorization", &authorization)], "").await.status
        };
        assert_eq!(listed().await, 200);
        assert!(!api.get("/api-keys").await.text.contains(key) && !server.database().holds(key).await);
        api.post("/api-keys", &json!({"name": "nightly", "role": "viewer"})).await.refused(409, "refused", "");
        let revoked = api.send("POST", &format!("/api-keys/{id}/revoke"), "").await;
        assert!(revoked.json["revoked_at"].is_string(), "{}", revoked.text);
        assert_eq!(listed().await, 401);
        api.get("/api-keys/01998000-0000-7000-8000-000000000000").await.refused(404, "not_found", "");
        let entries = api.get("/audit?subject=api-key:nightly").await.json;
        assert_eq!(entries["items"][0]["action"], "api-key.revoke");
    }
}
