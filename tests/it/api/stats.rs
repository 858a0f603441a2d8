//! Statistics.

use serde_json::{Value, json};

use super::Api;
use crate::support::{Server, WORLD, eventually, on_both_databases};

/// Records a click with more parameters, and returns its id.
async fn click(server: &Server, offer: &str, more: &str) -> String {
    let address = format!("/click?offer={offer}&affiliate=lotus{more}");
    let answer = server.request("GET", &address, &[("accept", "application/json")], "").await;
    answer.json["click_id"].as_str().expect(&answer.text).to_owned()
}

/// Two players of acme, one of them with deposits in each state and money of every kind; one of plain, in dollars.
async fn fill(server: &Server) {
    let (first, second) = (click(server, "acme-offer", "&sub1=blue&geo=DE").await, server.click().await);
    let third = click(server, "plain-offer", "&sub1=%22%3Cb%3E&country=FR&geo=").await;
    for words in ["reg", "ftd 100 EUR", "rdep 10.50 EUR", "rdep 5 EUR", "revshare -20.5 EUR", "fee 3 EUR"] {
        server.conv(&first, words).await.ok(json!({}));
    }
    server.change(&first, "ftd approved").await.ok(json!({}));
    server.conv(&second, "ftd 70 EUR").await.ok(json!({}));
    server.conv(&third, "ftd 7.25 USD token=plain-token-1").await.ok(json!({}));
    server.change(&third, "ftd rejected token=plain-token-1").await.ok(json!({}));
}

async fn stats(api: &Api<'_>, query: &str) -> Value {
    let answer = api.get(&format!("/stats?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Expects members of an object.
#[track_caller]
fn expect(object: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&object[name], value, "{name} in {object:#}");
    }
}

/// The rows of a block, each as its group and one member.
fn rows(block: &Value, member: &str) -> Vec<String> {
    let shown = |row: &Value| {
        let group: Vec<_> = row["group"].as_object().unwrap().values().filter_map(Value::as_str).collect();
        format!("{}: {}", group.join(" "), row[member].to_string().trim_matches('"'))
    };
    block["rows"].as_array().unwrap().iter().map(shown).collect()
}

on_both_databases! {
    async fn figures_are_right_at_once_and_after_a_reversal(server: Server) {
        fill(&server).await;
        let api = Api::new(&server, "manager");
        let found = stats(&api, "").await;
        expect(&found["counts"]["total"], &json!({
            "clicks": 3, "registrations": 1, "ftd_pending": 1, "ftd_approved": 1, "ftd_rejected": 1,
            "approval_rate": "50.00", "registration_rate": "33.33", "deposit_rate": "300.00",
            "conversion_rate": "33.33", "repeat_deposits": 2, "revshare": 1, "pending": 1, "approved": 6, "rejected": 1,
        }));
        let codes: Vec<_> = found["currencies"].as_array().unwrap().iter().map(|it| &it["currency"]).collect();
        assert_eq!(codes, ["EUR", "USD"]);
        let euros = json!({
            "ftd_pending": 1, "ftd_approved": 1, "ftd_rejected": 0, "ftd_sum": "100.00", "repeat_deposits": 2,
            "repeat_deposit_sum": "15.50", "revshare": 1, "revshare_sum": "-20.50", "revenue": "-7.175", "sum": "98.00",
        });
        expect(&found["currencies"][0]["total"], &euros);
        expect(&found["currencies"][1]["total"], &json!({ "ftd_rejected": 1, "ftd_approved": 0, "ftd_sum": "0.00" }));
        let approved = api.get("/conversions?status=approved&goal=ftd").await.json["items"][0]["id"].clone();
        let body = json!({ "status": "rejected", "reason": "chargeback" });
        let reversed = api.post(&format!("/conversions/{}/status", approved.as_str().unwrap()), &body).await;
        assert_eq!(reversed.status, 200, "{}", reversed.text);
        let found = stats(&api, "").await;
        let total = json!({ "ftd_pending": 1, "ftd_approved": 0, "ftd_rejected": 2, "approval_rate": "0.00" });
        expect(&found["counts"]["total"], &total);
        expect(&found["currencies"][0]["total"], &json!({ "ftd_sum": "0.00", "ftd_rejected": 1 }));
    }

    async fn rows_are_told_apart_by_what_was_asked_for(server: Server) {
        fill(&server).await;
        let api = Api::new(&server, "viewer");
        let found = stats(&api, "group_by=merchant").await;
        assert_eq!(rows(&found["counts"], "clicks"), ["acme: 2", "plain: 1"]);
        assert_eq!(rows(&found["currencies"][1], "ftd_rejected"), ["plain: 1"]);
        let found = stats(&api, "group_by=goal").await;
        assert_eq!(rows(&found["counts"], "approved"), ["fee: 1", "ftd: 1", "rdep: 2", "reg: 1", "revshare: 1"]);
        let counts = &found["counts"];
        assert_eq!((&counts["total"]["clicks"], &counts["rows"][0]["clicks"]), (&json!(3), &json!(0)));
        let found = stats(&api, "group_by=sub1,offer").await;
        let expected = ["acme-offer : 0", "plain-offer \"<b>: 0", "acme-offer blue: 6"];
        assert_eq!(rows(&found["counts"], "approved"), expected);
        let found = stats(&api, "group_by=country").await;
        assert_eq!(rows(&found["counts"], "clicks"), [": 1", "DE: 1", "FR: 1"]);
        let found = stats(&api, "group_by=affiliate&merchant=plain").await;
        assert_eq!(rows(&found["counts"], "clicks"), ["lotus: 1"]);
        expect(&found["counts"]["total"], &json!({ "clicks": 1, "ftd_rejected": 1, "approved": 0 }));
        let found = stats(&api, "group_by=month,week&tz=Asia/Kathmandu").await;
        assert_eq!(found["tz"], "Asia/Kathmandu");
        assert_eq!(found["counts"]["rows"].as_array().map(Vec::len), Some(1));
        let found = stats(&api, "from=2020-01-01&to=2020-12-31&group_by=day").await;
        expect(&found, &json!({ "from": "2020-01-01T00:00:00.000Z", "to": "2021-01-01T00:00:00.000Z" }));
        assert_eq!((&found["counts"]["rows"], &found["currencies"]), (&json!([]), &json!([])));
        assert_eq!(found["counts"]["total"]["clicks"], 0);
    }

    async fn a_goal_that_is_set_to_be_shown_has_figures_of_its_own(server: Server) {
        fill(&server).await;
        let api = Api::new(&server, "viewer");
        assert_eq!(stats(&api, "").await["goals"], json!([]));
        let shown = WORLD.replace("name = \"Fee\"\n", "name = \"Fee\"\nshow_sum = true\nshow_count = true\n");
        let shown = shown.replace("name = \"KYC passed\"\n", "name = \"KYC passed\"\nshow_count = true\n");
        assert!(server.program.apply(&shown).ok().contains("changed goal acme/fee"));
        eventually("the goals are shown", async || stats(&api, "").await["goals"] != json!([])).await;
        let found = stats(&api, "").await;
        let fee = json!({ "alias": "fee", "name": "Fee", "count": true, "sum": true });
        let kyc = json!({ "alias": "kyc", "name": "KYC passed", "count": true, "sum": false });
        assert_eq!(found["goals"], json!([fee, kyc]));
        assert_eq!(found["counts"]["total"]["goals"], json!({ "fee": 1 }));
        assert_eq!(found["currencies"][0]["total"]["goals"], json!({ "fee": { "count": 1, "sum": "3.00" } }));
    }

    async fn what_can_not_be_asked_is_refused_by_name(server: Server) {
        let api = Api::new(&server, "viewer");
        for (query, code, parameter) in [
            ("from=yesterday", "invalid_parameter", "from"), ("to=2026-02-30", "invalid_parameter", "to"),
            ("from=2026-02-02&to=2026-02-01", "invalid_parameter", "from"),
            ("from=1980-02-02&to=2026-02-01", "invalid_parameter", "from"),
            ("tz=Mars/Olympus", "invalid_parameter", "tz"), ("group_by=day,day", "invalid_parameter", "group_by"),
            ("group_by=day,offer,goal", "invalid_parameter", "group_by"),
            ("group_by=x", "invalid_parameter", "group_by"),
            ("merchant=A%20B", "invalid_parameter", "merchant"), ("groupby=day", "unknown_parameter", "groupby"),
            ("tz=%00", "malformed_query", "tz"),
        ] {
            api.get(&format!("/stats?{query}")).await.refused(400, code, parameter);
        }
        server.get("/api/v1/stats").await.refused(401, "unauthorized", "");
    }

    async fn statistics_can_be_rebuilt_beside_a_running_server(server: Server) {
        fill(&server).await;
        let api = Api::new(&server, "viewer");
        let before = stats(&api, "group_by=day,affiliate").await;
        let printed = server.command(&["stats", "rebuild"]).ok();
        assert!(printed.starts_with("rebuilt: everything before "), "{printed}");
        assert_eq!(stats(&api, "group_by=day,affiliate").await, before);
        let printed: Value = serde_json::from_str(&server.command(&["--json", "stats", "rebuild"]).ok()).unwrap();
        assert!(printed["rolled_until"].is_string(), "{printed}");
    }
}
