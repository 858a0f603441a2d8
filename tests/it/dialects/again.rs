//! Requests in senders' dialects that are processed again.

use serde_json::{Value, json};

use super::Casino;
use crate::{
    api::{Api, has},
    support::on_both_databases,
};

/// The newest entry of the log.
async fn newest(api: &Api<'_>) -> Value {
    api.get("/postback-log?limit=1").await.json["items"][0].clone()
}

fn address(row: &Value, dry_run: u8) -> String {
    format!("/postback-log/{}/reprocess?dry_run={dry_run}", row["id"].as_str().unwrap())
}

on_both_databases! {
    async fn a_request_goes_through_in_its_own_dialect_once_its_click_is_there(casino: Casino) {
        let api = Api::new(&casino, "manager");
        assert_eq!(casino.get("/postback/?clickid=ABC123&goal=redep&sum=7&playerid=p1").await.status, 404);
        let refused = newest(&api).await;
        has(&refused, json!({"outcome": "click_not_found", "merchant": null, "click_id": "ABC123"}));
        assert!(refused["detail"].as_str().unwrap().starts_with("Send the click id exactly"), "{refused}");
        casino.click_abc123().await;
        casino.get("/postback/?clickid=ABC123&goal=dep&sum=100").await;
        let would = api.post(&address(&refused, 1), &json!({})).await.json;
        has(&would, json!({"outcome": "recorded", "conversion.goal_alias": "rdep", "conversion.amount": "7.00"}));
        let rows = casino.database().count("postback_log").await;
        for outcome in ["recorded", "duplicate"] {
            let done = api.post(&address(&refused, 0), &json!({})).await.json;
            has(&done, json!({"outcome": outcome, "conversion.currency": "EUR"}));
        }
        assert_eq!(casino.conversions().await, ["ftd pending 10000 EUR", "rdep approved 700 EUR"]);
        assert_eq!(casino.database().texts("SELECT player_id FROM player").await, ["p1"]);
        assert_eq!(casino.database().count("postback_log").await, rows + 2);
        let logged = newest(&api).await;
        has(&logged, json!({"merchant": "casino", "endpoint": "/postback", "repeats": refused["id"]}));
        let one = api.get(&format!("/postback-log/{}", logged["id"].as_str().unwrap())).await.json;
        assert_eq!(one["answer"], r#"{"success": true}"#, "it is answered in its dialect");
    }

    async fn an_unknown_word_is_understood_once_it_is_a_goal_of_the_merchants(casino: Casino) {
        let api = Api::new(&casino, "manager");
        casino.click_abc123().await;
        casino.get("/postback/?clickid=ABC123&goal=dragon").await;
        let refused = newest(&api).await;
        has(&refused, json!({"outcome": "unknown_goal", "merchant": "casino"}));
        assert_eq!(api.post(&address(&refused, 0), &json!({})).await.json["outcome"], "unknown_goal");
        let goal = "[[merchant.goal]]\nalias = \"dragon-slain\"\nname = \"Dragon\"\ntoken = \"dragon\"\n\n[[offer]]";
        casino.program.apply(&include_str!("casino.toml").replacen("[[offer]]", goal, 1)).ok();
        assert_eq!(api.post(&address(&refused, 0), &json!({})).await.json["outcome"], "recorded");
        assert_eq!(casino.conversions().await, ["dragon-slain approved 0 -"]);
    }

    async fn whoever_may_not_send_without_a_token_may_not_be_processed_again_either(casino: Casino) {
        let api = Api::new(&casino, "manager");
        casino.get("/postback/?clickid=W1&goal=reg").await;
        let unknown_click = newest(&api).await;
        let click = casino.click_with("wary-offer", "user_id=1").await;
        casino.get(&format!("/postback/?clickid={click}&goal=reg")).await;
        let untokened = newest(&api).await;
        has(&untokened, json!({"outcome": "invalid_token", "merchant": null}));
        api.post(&address(&untokened, 0), &json!({})).await.refused(409, "not_repeatable", "");
        api.post("/clicks", &json!({"id": "W1", "offer": "wary-offer", "affiliate": "lotus"})).await;
        let done = api.post(&address(&unknown_click, 0), &json!({})).await.json;
        assert_eq!(done["outcome"], "invalid_token", "its click is of a merchant that wants its token: {done}");
        casino.get("/postback/?clickid=W2&goal=reg&token=wary-token-1").await;
        let tokened = newest(&api).await;
        has(&tokened, json!({"outcome": "click_not_found", "merchant": "wary"}));
        api.post("/clicks", &json!({"id": "W2", "offer": "wary-offer", "affiliate": "lotus"})).await;
        assert_eq!(api.post(&address(&tokened, 0), &json!({})).await.json["outcome"], "recorded");
        assert!(!casino.database().holds("wary-token-1").await);
    }
}
