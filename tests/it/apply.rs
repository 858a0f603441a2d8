//! The configuration as a file.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Database, Program, Server, WORLD, eventually, on_both_databases};

/// A small file that is right.
const FILE: &str = r#"
[[merchant]]
id = "acme"
name = "Acme"
tokens = ["acme-token-1"]

[[affiliate]]
id = "lotus"
name = "Lotus"

[[offer]]
id = "acme-offer"
merchant = "acme"
name = "Slots"
landing_url = "https://acme.example/?cid={click_id}"
"#;

on_both_databases! {
    async fn applying_again_changes_nothing(database: Database) {
        let program = Program::new(&database);
        let first = program.apply(WORLD).ok();
        assert!(first.lines().all(|line| line.starts_with("created ")), "{first}");
        for line in [
            "created merchant acme",
            "created goal acme/kyc",
            "created token acme/second",
            "created offer acme-offer",
        ] {
            assert!(first.lines().any(|printed| printed == line), "{line}: {first}");
        }
        let version = database.number("SELECT version FROM catalog").await;
        let again = program.apply(WORLD).ok();
        assert_eq!(again, first.replace("created ", "unchanged "));
        assert_eq!(database.number("SELECT version FROM catalog").await, version);
    }

    async fn only_what_differs_is_changed_and_nothing_is_removed(database: Database) {
        let program = Program::new(&database);
        program.apply(FILE).ok();
        let renamed = FILE.replace("\"Slots\"", "\"Slots and more\"");
        let done = program.apply(&renamed).ok();
        assert_eq!(
            done,
            "unchanged merchant acme\nunchanged token acme/configuration\nunchanged affiliate lotus\n\
             changed offer acme-offer\n"
        );
        let other = "[[affiliate]]\nid = \"orchid\"\nname = \"Orchid\"\n";
        assert_eq!(program.apply(other).ok(), "created affiliate orchid\n");
        assert_eq!(program.apply("").ok(), "");
        let path = database.folder().join("as.toml");
        std::fs::write(&path, &renamed).unwrap();
        let printed: Value =
            serde_json::from_str(&program.run(&["apply", path.to_str().unwrap(), "--json"]).ok()).unwrap();
        assert_eq!(printed[0], json!({ "action": "unchanged", "kind": "merchant", "id": "acme" }));
        assert_eq!(printed.as_array().unwrap().len(), 4);
    }

    async fn a_running_server_sees_a_change_within_two_seconds(server: Server) {
        let address = "/click?offer=fresh-offer&affiliate=lotus";
        server.get(address).await.refused(404, "offer_not_found", "offer");
        let fresh = "[[offer]]\nid = \"fresh-offer\"\nmerchant = \"acme\"\nname = \"Fresh\"\n\
                     landing_url = \"https://fresh.example/\"\n";
        server.program.apply(fresh).ok();
        let applied = Instant::now();
        eventually("the offer is open", async || server.get(address).await.status == 302).await;
        assert!(applied.elapsed() < Duration::from_secs(2), "{:?}", applied.elapsed());
        let closed = server.program.apply(&format!("{fresh}active = false\n")).ok();
        assert_eq!(closed, "changed offer fresh-offer\n");
        eventually("the offer is closed", async || server.get(address).await.status == 404).await;
    }

    async fn a_wrong_file_changes_nothing_and_says_where_it_is_wrong(database: Database) {
        let program = Program::new(&database);
        program.apply(FILE).ok();
        let changes = [
            ("id = \"lotus\"", "id = \"Lotus Media\"", 8, "id"),
            ("name = \"Slots\"", "title = \"Slots\"", 14, "title"),
            ("name = \"Acme\"", "name = 7", 4, "name"),
            ("name = \"Acme\"", "name = \"Acme", 4, "name"),
            ("merchant = \"acme\"", "merchant = \"nobody\"", 13, "offer.merchant"),
            ("name = \"Acme\"", "name = \"Acme\"\ndeal = \"cps\"", 5, "deal"),
            ("name = \"Acme\"", "name = \"Acme\"\ndeal = \"hybrid\"", 3, "merchant.revshare_multiplier"),
            (
                "name = \"Acme\"",
                "name = \"Acme\"\nrevshare_multiplier = \"0.3\"",
                5,
                "merchant.revshare_multiplier",
            ),
            (
                "name = \"Acme\"",
                "name = \"Acme\"\ndeal = \"hybrid\"\nrevshare_multiplier = \"1.01\"",
                6,
                "revshare_multiplier",
            ),
            (
                "name = \"Acme\"",
                "name = \"Acme\"\ndeal = \"hybrid\"\nrevshare_multiplier = 0.3",
                6,
                "revshare_multiplier",
            ),
            (
                "name = \"Acme\"",
                "name = \"Acme\"\ncurrencies = [\"EUR\", \"EURO\"]",
                5,
                "merchant.currencies",
            ),
            ("name = \"Acme\"", "name = \"Acme\"\nallowed_ips = [\"10.0.0.0/33\"]", 5, "allowed_ips"),
            ("name = \"Acme\"", "name = \"Acme\"\ninitial_statuses = [\"open\"]", 5, "initial_statuses"),
            ("name = \"Acme\"", "name = \"Acme\"\nrequire_signature = true", 5, "merchant.require_signature"),
            ("[\"acme-token-1\"]", "[\"short\"]", 5, "merchant.tokens"),
            ("[\"acme-token-1\"]", "[{ label = \"x\", env = \"NOT_SET_ANYWHERE\" }]", 5, "merchant.tokens"),
            (
                "[[affiliate]]",
                "[[merchant.goal]]\nalias = \"ftd\"\nname = \"Mine\"\n\n[[affiliate]]",
                8,
                "merchant.goal.alias",
            ),
            ("[[offer]]", "[[offer]]\npayout = [{goal=\"vip\",amount=\"1\",currency=\"EUR\"}]", 12, "offer.payout"),
            ("[[offer]]", "[[offer]]\npayout = [{goal=\"ftd\",amount=\"0\",currency=\"EUR\"}]", 12, "offer.payout"),
            ("[[offer]]", "[[offer]]\npayout = [{goal=\"ftd\",amount=\"1.005\",currency=\"EUR\"}]", 12, "offer.payout"),
            ("[[offer]]", "[[offer]]\npayout = [{goal=\"ftd\",amount=\"1\",currency=\"EURO\"}]", 12, "offer.payout"),
            ("[[offer]]", "[[affiliate]]\nid = \"lotus\"\nname = \"Twice\"\n\n[[offer]]", 12, "affiliate.id"),
        ];
        for (right, wrong, line, key) in changes {
            // The name of the first affiliate would change, if anything did.
            let text = FILE.replacen(right, wrong, 1).replace("\"Lotus\"", "\"Renamed\"");
            let complaint = program.apply(&text).failed(1);
            assert!(
                complaint.contains(&format!("line {line}")) && complaint.contains(key),
                "{wrong}: {complaint}"
            );
        }
        assert_eq!(database.texts("SELECT name FROM affiliate").await, ["Lotus"]);
        assert_eq!(database.number("SELECT version FROM catalog").await, 2);
        let complaint = program.run(&["apply", "not-there.toml"]).failed(1);
        assert!(complaint.contains("not-there.toml"), "{complaint}");
    }

    async fn a_token_belongs_to_one_merchant(database: Database) {
        let program = Program::new(&database);
        program.apply(FILE).ok();
        let thief = "[[merchant]]\nid = \"thief\"\nname = \"Thief\"\ntokens = [\"acme-token-1\"]\n";
        let complaint = program.apply(thief).failed(1);
        assert!(complaint.contains("acme") && !complaint.contains("acme-token-1"), "{complaint}");
        assert_eq!(database.count("merchant").await, 1);
    }

    async fn secrets_come_from_the_environment_and_are_sealed(database: Database) {
        let program = Program::new(&database)
            .with("ACME_TOKEN", "token-of-acme-9")
            .with("ACME_SIGNING", "signing-of-acme-9");
        let text = FILE.replace(
            "[\"acme-token-1\"]",
            "[{ label = \"production\", env = \"ACME_TOKEN\" }]\nsigning_secret = { env = \"ACME_SIGNING\" }",
        );
        assert!(program.apply(&text).ok().contains("created token acme/production"));
        for secret in ["token-of-acme-9", "signing-of-acme-9"] {
            assert!(!database.holds(secret).await, "{secret}");
        }
        assert!(program.apply(&text).ok().lines().all(|line| line.starts_with("unchanged ")));
        let changed = program.clone().with("ACME_SIGNING", "signing-of-acme-10").apply(&text).ok();
        assert!(changed.contains("changed merchant acme\n"), "{changed}");
        let server = program.serve();
        let click = server.click().await;
        server.conv(&click, "ftd 5 EUR token=token-of-acme-9").await.ok(json!({}));
    }

    async fn an_extra_currency_can_be_added(server: Server) {
        let click = server.click().await;
        server.conv(&click, "ftd 5.1234 DOGE").await.refused(400, "invalid_currency", "currency");
        server.program.apply("[[currency]]\ncode = \"DOGE\"\nminor_unit = 4\n").ok();
        eventually("the currency is known", async || server.conv(&click, "ftd 5.1 DOGE").await.status == 200)
            .await;
        server.conv(&click, "ftd 5.1 DOGE").await.ok(json!({ "amount": "5.1000", "currency": "DOGE" }));
    }
}
