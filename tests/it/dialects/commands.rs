//! `countersign dialect`.

use serde_json::{Value, json};

use super::Casino;
use crate::support::{Database, Program, on_both_databases};

on_both_databases! {
    async fn an_address_is_shown_as_it_would_be_read(casino: Casino) {
        let read = |dialect: &str, address: &str, more: &[&str]| -> Value {
            let arguments = [&["--json", "dialect", "try", dialect, address], more].concat();
            serde_json::from_str(&casino.command(&arguments).ok()).unwrap()
        };
        let address = "https://x.example/postback/?clickid=c1&goal=dep&sum=100";
        let deposit = read("mvp", address, &["--offer", "casino-offer"]);
        let means = json!({ "click_id": "c1", "goal_alias": "ftd", "amount": "100", "currency": "EUR" });
        assert_eq!((&deposit["means"], &deposit["merchant"]), (&means, &json!("casino")));
        assert_eq!(deposit["asks"], "record it");
        assert_eq!((&deposit["refusals"], &deposit["answer"]), (&json!([]), &Value::Null));
        let user = read("mvp", "user_id=7&spot=other-spot&goal=level10", &[]);
        assert_eq!(user["player"], "the newest click of user 7 to the offer casino-other");
        assert_eq!((&user["merchant"], &user["means"]["goal_alias"]), (&json!("casino"), &json!("level")));
        let address = "/postback/keitaro/casino-token-1?subid=c&status=sale&payout=5&currency=EUR";
        let approved = read("keitaro", address, &[]);
        assert_eq!(approved["asks"], "record it if it is not there yet, and decide it: approved");
        let wrong = read("keitaro", "?subid=c&status=reg&payout=x&token=casino-token-1", &[]);
        assert_eq!(wrong["refusals"][0]["code"], "invalid_amount");
        assert_eq!(wrong["sent"]["token"], "[redacted]");
        assert_eq!(wrong["answer"]["status"], 400);
        let body = wrong["answer"]["body"].as_str().unwrap();
        assert!(body.starts_with("invalid_amount: Send a plain decimal as `payout`"), "{body}");
        let untold = read("mvp", "?user_id=7&spot=wary-spot&goal=reg", &[]);
        assert_eq!(untold["refusals"][0]["code"], "invalid_token");
        let own = read("conv", "/track/conv?click_id=c&goal_alias=dragon&token=acme-token-1", &[]);
        assert_eq!((&own["refusals"][0]["code"], &own["answer"]), (&json!("unknown_goal"), &Value::Null));
        assert_eq!(casino.database().count("postback_log").await, 0);
        let text = casino.command(&["dialect", "try", "mvp", "?clickid=c1&goal=dep", "--merchant", "casino"]).ok();
        assert!(text.contains("refused   missing_parameter: Send `sum`"), "{text}");
        assert!(text.contains("answer    400 application/json {\"error\": \"Send `sum`"), "{text}");
        let complaint = casino.command(&["dialect", "try", "nobody", "?a=1"]).failed(1);
        assert!(complaint.contains("there is no dialect nobody"), "{complaint}");
    }

    async fn the_dialects_are_listed_with_their_addresses_even_before_there_is_a_database(database: Database) {
        let program = Program::new(&database);
        let listed = |program: &Program| -> Vec<Value> {
            serde_json::from_str(&program.run(&["--json", "dialect", "list"]).ok()).unwrap()
        };
        let dialects = listed(&program);
        let find = |dialects: &[Value], id: &str| dialects.iter().find(|it| it["id"] == id).cloned().unwrap();
        let mvp = find(&dialects, "mvp");
        assert_eq!(mvp["origin"], "ready-made");
        assert_eq!(
            mvp["addresses"],
            json!(["/api/v1/api_send_postback", "/postback", "/postback/mvp", "/postback/mvp/TOKEN"])
        );
        assert_eq!(find(&dialects, "conv")["addresses"], json!(["/track/conv"]));
        if database.is_sqlite() {
            assert!(!database.folder().join("data").exists());
        }
        program.apply("[[dialect]]\nid = \"binom\"\nname = \"Ours\"\n[dialect.parameters]\nclick_id = \"c\"\n").ok();
        let binom = find(&listed(&program), "binom");
        assert_eq!((&binom["name"], &binom["origin"]), (&json!("Ours"), &json!("configured instead")));
        let text = program.run(&["dialect", "list"]).ok();
        assert!(text.lines().any(|line| line.starts_with("voluum  Voluum  /postback/voluum ")), "{text}");
    }
}
