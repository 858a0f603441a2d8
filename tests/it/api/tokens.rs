//! Merchants' tokens, by the API.

use serde_json::{Value, json};

use super::Api;
use crate::support::{Server, eventually, on_both_databases};

/// Waits until a token is answered with this status.
async fn opens(server: &Server, token: &str, status: u16) {
    let click = server.click().await;
    eventually("the token's new state is known", async || {
        server.conv(&click, &format!("reg dry_run=1 token={token}")).await.status == status
    })
    .await;
}

fn states(page: &Value) -> Vec<(&str, &str)> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|it| (it["label"].as_str().unwrap(), it["state"].as_str().unwrap())).collect()
}

on_both_databases! {
    async fn a_token_is_issued_shown_once_rotated_with_an_overlap_and_revoked(server: Server) {
        let api = Api::new(&server, "manager");
        let issued = api.post("/merchants/plain/tokens", &json!({"label": "night shift"})).await;
        assert_eq!(issued.status, 201, "{}", issued.text);
        let (token, id) = (issued.json["token"].as_str().unwrap(), issued.json["id"].as_str().unwrap());
        assert!(token.starts_with("cs_") && !server.database().holds(token).await);
        opens(&server, token, 404).await;
        assert!(!api.get("/merchants/plain/tokens").await.text.contains(token));
        let rotated = api.post(&format!("/merchants/plain/tokens/{id}/rotate"), &json!({"overlap_hours": 0})).await;
        assert_eq!(rotated.status, 201, "{}", rotated.text);
        assert_eq!((&rotated.json["label"], &rotated.json["ending"][0]["id"]), (&json!("night shift"), &json!(id)));
        opens(&server, token, 401).await;
        let (new, new_id) = (rotated.json["token"].as_str().unwrap(), rotated.json["id"].as_str().unwrap());
        opens(&server, new, 404).await;
        opens(&server, "plain-token-1", 404).await;
        let again = api.post(&format!("/merchants/plain/tokens/{id}/rotate"), &json!({})).await;
        again.refused(409, "refused", "");
        let all = api.post("/merchants/plain/tokens", &json!({"label": "all", "overlap_hours": 24})).await;
        assert_eq!(all.json["ending"].as_array().map(Vec::len), Some(2), "{}", all.text);
        opens(&server, "plain-token-1", 404).await;
        let ends = all.json["ending"][0]["expires_at"].as_str().unwrap().to_owned();
        let longer = api.post(&format!("/merchants/plain/tokens/{new_id}/rotate"), &json!({"overlap_hours": 48})).await;
        assert_eq!(longer.json["ending"], json!([]), "what ends sooner stays so: {}", longer.text);
        assert_eq!(api.get(&format!("/merchants/plain/tokens/{new_id}")).await.json["expires_at"], ends);
        let revoked = api.send("POST", &format!("/merchants/plain/tokens/{new_id}/revoke"), "").await;
        assert_eq!(revoked.json["state"], "revoked", "{}", revoked.text);
        opens(&server, new, 401).await;
        let listed = api.get("/merchants/plain/tokens").await.json;
        let mut states = states(&listed);
        states.sort_unstable();
        assert_eq!(states, [
            ("all", "live"), ("configuration", "live"), ("night shift", "expired"), ("night shift", "live"),
            ("night shift", "revoked"),
        ]);
        let entries = api.get(&format!("/audit?subject=token:{new_id}")).await.json;
        let actions: Vec<_> = entries["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
        assert_eq!(actions, ["token.revoke", "token.expire", "token.issue"]);
    }

    async fn a_token_that_can_not_be_is_refused(server: Server) {
        let api = Api::new(&server, "manager");
        let address = "/merchants/plain/tokens";
        for (body, code, parameter) in [
            (json!({"label": ""}), "invalid_parameter", "label"),
            (json!({"label": "x\ny"}), "invalid_parameter", "label"),
            (json!({"expires_at": "2020-01-01T00:00:00Z"}), "invalid_parameter", "expires_at"),
            (json!({"overlap_hours": 8761}), "invalid_parameter", "overlap_hours"),
            (json!({"hours": 1}), "malformed_body", ""),
        ] {
            api.post(address, &body).await.refused(400, code, parameter);
        }
        api.post("/merchants/nobody/tokens", &json!({})).await.refused(404, "not_found", "");
        api.get(&format!("{address}/nonsense")).await.refused(404, "not_found", "");
        let of_acme = api.get("/merchants/acme/tokens").await.json["items"][0]["id"].as_str().unwrap().to_owned();
        api.get(&format!("{address}/{of_acme}")).await.refused(404, "not_found", "");
        api.send("POST", &format!("{address}/{of_acme}/revoke"), "").await.refused(404, "not_found", "");
    }
}
