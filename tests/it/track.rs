//! Merchants' postbacks: what is recorded, and what is answered.

use serde_json::json;

use crate::support::{Server, on_both_databases};

on_both_databases! {
    async fn an_ftd_lands_pending_and_counts_once_it_is_approved(server: Server) {
        let click = server.click().await;
        let made = server.conv(&click, "ftd 100 EUR").await.ok(json!({
            "click_id": click, "goal_alias": "ftd", "status": "pending", "amount": "100.00", "currency": "EUR",
            "revenue": null, "revshare_multiplier": null, "transaction_id": null, "suspected_duplicate": false,
            "decided_at": null, "duplicate": false,
        }));
        let decided = server.change(&click, "ftd approved").await.ok(json!({ "status": "approved", "duplicate": false }));
        assert_eq!((&decided["id"], &decided["created_at"]), (&made["id"], &made["created_at"]));
        assert!(decided["decided_at"].is_string());
    }
}
