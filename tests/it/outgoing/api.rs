//! Deliveries by the API: listed page by page, shown with every attempt, sent again.

use serde_json::json;

use super::{deposits, postback, serve, settled};
use crate::{
    api::Api,
    support::{Database, Receiver, on_both_databases},
};

on_both_databases! {
    async fn deliveries_are_listed_shown_and_sent_again(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 3).await;
        settled(&server, "delivered", 3).await;
        let api = Api::new(&server, "manager");
        let first = api.get("/deliveries?status=delivered&postback=pb&limit=2").await.json;
        let next = first["next_cursor"].as_str().unwrap();
        let second = api.get(&format!("/deliveries?status=delivered&postback=pb&limit=2&cursor={next}")).await.json;
        let ids: Vec<_> = [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
        let ids: Vec<_> = ids.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((ids.len(), ids.is_sorted_by(|a, b| a > b), &second["next_cursor"]), (3, true, &json!(null)));
        let one = api.get(&format!("/deliveries/{}", ids[0])).await.json;
        assert_eq!((&one["tries"][0]["status"], &one["attempts"]), (&json!(200), &json!(1)), "{one}");
        let again = api.post(&format!("/deliveries/{}/resend", ids[0]), &json!({})).await;
        assert_eq!(again.status, 200, "{}", again.text);
        receiver.wait(4).await;
        let many = api.post("/deliveries/resend", &json!({"postback": "pb"})).await.json;
        assert!(many["resent"].as_u64().is_some_and(|count| count >= 2), "{many}");
        api.post("/deliveries/resend", &json!({})).await.refused(400, "invalid_parameter", "ids");
        api.get("/deliveries/nonsense").await.refused(404, "not_found", "");
        let viewer = Api::new(&server, "viewer");
        viewer.post(&format!("/deliveries/{}/resend", ids[0]), &json!({})).await.refused(403, "forbidden", "");
        let audit = api.get(&format!("/audit?subject=delivery:{}", ids[0])).await.json;
        let outcomes = (&audit["items"][0]["outcome"], &audit["items"][1]["outcome"]);
        assert_eq!(outcomes, (&json!("forbidden"), &json!("done")));
    }
}
