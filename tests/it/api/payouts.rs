//! What we owe affiliates.

use serde_json::json;

use super::Api;
use crate::support::{Server, WORLD, eventually, on_both_databases};

/// The test world, in which acme's offer pays for first deposits.
fn paying(amount: &str, currency: &str) -> String {
    let payout =
        format!("[[offer.payout]]\ngoal = \"ftd\"\namount = \"{amount}\"\ncurrency = \"{currency}\"\n");
    let (before, after) = WORLD.split_once("[[offer]]\nid = \"acme-closed\"").unwrap();
    format!("{before}{payout}\n[[offer]]\nid = \"acme-closed\"{after}")
}

on_both_databases! {
    async fn an_approved_conversion_owes_what_its_offer_paid_when_it_was_recorded(server: Server) {
        let api = Api::new(&server, "viewer");
        let first_deposit = async || {
            let click = server.click().await;
            let id = server.conv(&click, "ftd 100 EUR").await.ok(json!({}))["id"].clone();
            let found = api.get(&format!("/conversions/{}", id.as_str().unwrap())).await.json;
            (click, found["payout"].clone(), found["payout_currency"].clone())
        };
        assert_eq!(first_deposit().await.1, json!(null));
        assert!(server.program.apply(&paying("40.00", "USD")).ok().contains("changed offer acme-offer"));
        eventually("the offer pays", async || first_deposit().await.1 == json!("40.00")).await;
        let (click, payout, currency) = first_deposit().await;
        assert_eq!((payout, currency), (json!("40.00"), json!("USD")));
        let owed = async || {
            let stats = api.get("/stats").await.json;
            let of = |block: &serde_json::Value| (block["currency"].clone(), block["total"]["payout"].clone());
            stats["currencies"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(owed().await, [(json!("EUR"), json!("0.00"))]);
        server.change(&click, "ftd approved").await.ok(json!({}));
        assert_eq!(owed().await, [(json!("EUR"), json!("0.00")), (json!("USD"), json!("40.00"))]);
        server.program.apply(&paying("55", "EUR")).ok();
        eventually("the offer pays more", async || first_deposit().await.1 == json!("55.00")).await;
        assert_eq!(owed().await, [(json!("EUR"), json!("0.00")), (json!("USD"), json!("40.00"))]);
        assert!(server.program.apply(&paying("55", "EUR")).ok().lines().all(|line| line.starts_with("unchanged ")));
    }
}
