//! Players' cards.

use serde_json::json;

use super::Api;
use crate::support::{Database, Program, Server, WORLD, on_both_databases};

const MESSAGES: &str = r#"
[[merchant]]
id = "acme"
name = "Acme Casino"
tokens = ["acme-token-1"]

[[merchant.goal]]
alias = "payout"
name = "Payout"
amount = "required"
message = "Paid out {sum} to {player_id}; ask {manager}."

[[affiliate]]
id = "lotus"
name = "Lotus Media"
manager = "anna"
"#;

/// The only players that a search finds.
async fn found(api: &Api<'_>, text: &str) -> Vec<String> {
    let found = api.get(&format!("/players?q={text}")).await.json;
    found["items"].as_array().unwrap().iter().map(|it| it["click_id"].as_str().unwrap().to_owned()).collect()
}

/// A database that knows one country: that of this machine's own addresses, 127.0.0.0/8. The format is the
/// specification 2.0 of `MaxMind` DB: a tree of one node a bit, its data, and its metadata.
fn countries() -> Vec<u8> {
    const NODES: u8 = 8;
    let mut file = Vec::new();
    for bit in 0..NODES {
        let next = if bit + 1 == NODES { NODES + 16 } else { bit + 1 };
        // The first bit of 127 is 0, all others are 1; the other way leads to nothing.
        let (zero, one) = if bit == 0 { (next, NODES) } else { (NODES, next) };
        file.extend_from_slice(&[0, 0, zero, 0, 0, one]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(b"\xe1\x47country\xe1\x48iso_code\x42NL");
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com\xe9");
    file.extend_from_slice(b"\x5bbinary_format_major_version\xa1\x02");
    file.extend_from_slice(b"\x5bbinary_format_minor_version\xa0");
    file.extend_from_slice(b"\x4bbuild_epoch\x01\x02\x01");
    file.extend_from_slice(b"\x4ddatabase_type\x44Test");
    file.extend_from_slice(b"\x4bdescription\xe0");
    file.extend_from_slice(b"\x4aip_version\xa1\x04");
    file.extend_from_slice(b"\x49languages\x00\x04");
    file.extend_from_slice(b"\x4anode_count\xc1\x08");
    file.extend_from_slice(b"\x4brecord_size\xa1\x18");
    file
}

on_both_databases! {
    async fn a_card_tells_who_a_player_is_and_what_they_brought(server: Server) {
        server.program.apply(MESSAGES).ok();
        let address = "/click?offer=acme-offer&affiliate=lotus&user_id=u7&username=ann&geo=DE&sub1=x";
        let clicked = server.request("GET", address, &[("accept", "application/json")], "").await.json;
        let click = clicked["click_id"].clone();
        let click = click.as_str().unwrap();
        server.conv(click, "reg player_id=P-1").await;
        server.conv(click, "ftd 100 EUR").await;
        server.conv(click, "rdep 20 EUR transaction_id=T-1").await;
        server.conv(click, "rdep 22.5 EUR transaction_id=T-2").await;
        server.conv(click, "payout 5 EUR player_id=P-2 name=Ann").await;
        server.change(click, "ftd approved").await;
        let api = Api::new(&server, "manager");
        let card = api.get(&format!("/players/{click}")).await.json;
        for (member, expected) in [
            ("player_id", json!("P-2")), ("user_id", json!("u7")), ("username", json!("ann")), ("name", json!("Ann")),
            ("geo", json!("DE")), ("affiliate", json!("lotus")), ("merchant", json!("acme")),
        ] {
            assert_eq!(card[member], expected, "{member}");
        }
        assert!(card["registered_at"].is_string());
        assert_eq!(card["first_deposit"]["status"], "approved");
        let deposits = json!([{"count": 2, "currency": "EUR", "amount": "42.50", "revenue": "0.00"}]);
        assert_eq!(card["repeat_deposits"], deposits);
        assert_eq!(card["goals"]["payout"][0]["amount"], "5.00");
        let timeline = card["timeline"].as_array().unwrap();
        let kinds: Vec<_> = timeline.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "status").count(), 6, "{kinds:?}");
        let message = timeline.iter().find(|it| it["kind"] == "message").unwrap();
        assert_eq!((&message["actor"], &message["text"]), (
            &json!("goal:payout"), &json!("Paid out 5.00 to P-2; ask anna."),
        ));
        for text in [click, "P-2", "u7", "T-1", "T-2"] {
            assert_eq!(found(&api, text).await, [click], "{text}");
        }
        assert_eq!(found(&api, "P-1").await, Vec::<String>::new());
        api.get("/players/nobody").await.refused(404, "not_found", "");
        api.get("/players").await.refused(400, "invalid_parameter", "q");
    }

    async fn a_manager_notes_something_on_a_card(server: Server) {
        let click = server.click().await;
        let address = format!("/players/{click}/notes");
        let api = Api::new(&server, "manager");
        let card = api.post(&address, &json!({"text": "  asked the merchant <script>  "})).await.json;
        let note = card["timeline"].as_array().and_then(|timeline| timeline.last()).unwrap();
        assert_eq!(note["text"], "asked the merchant <script>");
        assert!(note["actor"].as_str().unwrap().starts_with("api-key:"), "{note}");
        api.post(&address, &json!({"text": " "})).await.refused(400, "invalid_parameter", "text");
        let viewer = Api::new(&server, "viewer");
        viewer.post(&address, &json!({"text": "me too"})).await.refused(403, "forbidden", "");
        let audit = viewer.get(&format!("/audit?subject=player:{click}")).await.json;
        let outcomes: Vec<_> = audit["items"].as_array().unwrap().iter().map(|row| &row["outcome"]).collect();
        assert_eq!(outcomes, ["forbidden", "done"]);
    }

    async fn a_message_with_an_unknown_macro_is_refused(database: Database) {
        let wrong = MESSAGES.replace("{manager}", "{manger}");
        let told = Program::new(&database).apply(&wrong).failed(1);
        assert!(told.contains("{manger}") && told.contains("{manager}"), "{told}");
    }

    async fn a_country_comes_from_the_operators_database(database: Database) {
        let file = database.folder().join("countries.mmdb");
        std::fs::write(&file, countries()).unwrap();
        let program = Program::new(&database).with("COUNTERSIGN_GEOIP_DB", file.to_str().unwrap());
        program.apply(WORLD).ok();
        let server = program.serve();
        let api = Api::new(&server, "viewer");
        let geo = async |more: &str| {
            let clicked = server.get(&format!("/click?offer=acme-offer&affiliate=lotus{more}")).await;
            let landing = clicked.header("location").to_owned();
            let click = landing.split("cid=").nth(1).unwrap().split('&').next().unwrap().to_owned();
            api.get(&format!("/players/{click}")).await.json["geo"].clone()
        };
        assert_eq!(geo("").await, json!("NL"));
        assert_eq!(geo("&geo=DE").await, json!("DE"));
        assert_eq!(geo("&country=FR").await, json!("FR"));
        drop(server);
        std::fs::write(&file, b"no such database").unwrap();
        let done = program.run(&["serve"]);
        assert!(done.failed(1).contains("COUNTERSIGN_GEOIP_DB"));
    }
}
