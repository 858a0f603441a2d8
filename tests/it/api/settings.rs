//! What is configured, by the API.

use futures::future::join_all;
use serde_json::{Value, json};

use super::Api;
use crate::support::{Answer, Server, eventually, on_both_databases};

/// Expects an answer with this status.
#[track_caller]
fn expect(answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

on_both_databases! {
    async fn every_kind_is_created_read_changed_and_listed(server: Server) {
        let api = Api::new(&server, "manager");
        let kinds = [
            ("/merchants", json!({"id": "neon", "name": "Neon"}),
             json!({"deal": "hybrid", "revshare_multiplier": "0.5"})),
            ("/merchants/neon/goals", json!({"alias": "vip", "name": "VIP"}), json!({"status_flow": "two_phase"})),
            ("/affiliates", json!({"id": "papaya", "name": "Papaya"}), json!({"name": "Papaya Media"})),
            ("/offers", json!({"id": "neon-slots", "merchant": "neon", "name": "Slots",
                               "landing_url": "https://neon.example/?cid={click_id}"}), json!({"active": false})),
            ("/postbacks", json!({"id": "papaya-pb", "affiliate": "papaya", "goal": "vip",
                                  "url": "https://t.example/?c={cl_id}"}),
             json!({"statuses": ["pending", "approved"]})),
            ("/pixels", json!({"id": "neon-meta", "platform": "meta", "offer": "neon-slots", "pixel_id": "123",
                               "secret": "platform-secret"}), json!({"when": "both"})),
            ("/dialects", json!({"id": "house", "name": "House", "parameters": {"click_id": "cid"}}),
             json!({"token_required": false})),
            ("/currencies", json!({"code": "DOGE", "minor_unit": 4}), json!({"minor_unit": 6})),
        ];
        for (address, body, changes) in kinds {
            let created = expect(api.post(address, &body).await, 201);
            let key = if body["id"].is_string() { "id" } else if body["alias"].is_string() { "alias" } else { "code" };
            let one = format!("{address}/{}", body[key].as_str().unwrap());
            let read = expect(api.get(&one).await, 200);
            assert_eq!((&read.json, read.header("etag")), (&created.json, created.header("etag")), "{one}");
            for (name, value) in body.as_object().unwrap().iter().filter(|(name, _)| *name != "secret") {
                assert_eq!(&read.json[name], value, "{name} of {one}");
            }
            let same = expect(api.put(&one, read.header("etag"), &read.json).await, 200);
            assert_eq!((&same.json, same.header("etag")), (&read.json, read.header("etag")), "{one}");
            let mut wanted = read.json.clone();
            wanted.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let changed = expect(api.put(&one, read.header("etag"), &wanted).await, 200);
            assert_eq!(changed.json, wanted, "{one}");
            assert_ne!(changed.header("etag"), read.header("etag"));
            let listed = expect(api.get(address).await, 200).json;
            assert!(listed["items"].as_array().unwrap().contains(&wanted), "{listed}");
            let again = api.post(address, &body).await;
            again.refused(409, "refused", "");
            assert!(again.json["detail"].as_str().unwrap().contains("already"), "{}", again.text);
        }
        let click = server.get("/click?offer=neon-slots&affiliate=papaya").await;
        assert_eq!(click.status, 404, "the offer was switched off");
    }

    async fn of_two_changes_of_one_thing_the_second_is_told(server: Server) {
        let api = Api::new(&server, "manager");
        let read = api.get("/affiliates/lotus").await;
        let etag = read.header("etag");
        api.send("PUT", "/affiliates/lotus", "{\"name\": \"Blind\"}").await.refused(428, "precondition_required", "");
        expect(api.put("/affiliates/lotus", etag, &json!({"name": "One"})).await, 200);
        api.put("/affiliates/lotus", etag, &json!({"name": "Two"})).await.refused(412, "stale", "");
        api.put("/affiliates/lotus", &format!("W/{etag}"), &json!({"name": "Two"})).await.refused(412, "stale", "");
        assert_eq!(api.get("/affiliates/lotus").await.json["name"], "One");
        expect(api.put("/affiliates/lotus", "*", &json!({"name": "Three"})).await, 200);
        for round in 0..5 {
            let etag = api.get("/affiliates/lotus").await.header("etag").to_owned();
            let names: Vec<_> = (0..4).map(|at| json!({"name": format!("Racer {at} of round {round}")})).collect();
            let racing = names.iter().map(|name| api.put("/affiliates/lotus", &etag, name));
            let answers = join_all(racing).await;
            let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            assert!(answers.iter().all(|answer| [200, 412].contains(&answer.status)));
            assert_eq!(api.get("/affiliates/lotus").await.json, won[0].json);
        }
    }

    async fn a_wrong_body_is_refused_by_its_member_and_changes_nothing(server: Server) {
        let api = Api::new(&server, "manager");
        let version = server.database().number("SELECT version FROM catalog").await;
        let postback = |url: &str| json!({"id": "pb", "affiliate": "lotus", "url": url});
        for (address, body, member, said) in [
            ("/postbacks", postback("https://t.example/?c={clik_id}"), "url", "did you mean {click_id}?"),
            ("/postbacks", postback("ftp://t.example/"), "url", "http://"),
            ("/postbacks", json!({"id": "pb", "affiliate": "none", "url": "https://t.example/"}), "affiliate", "none"),
            ("/postbacks", json!({"id": "pb", "affiliate": "lotus", "url": "https://t.example/",
                                  "signing_secret": {"keep": true}, "method": "POST_JSON"}),
             "signing_secret", "to keep"),
            ("/postbacks", json!({"id": "pb", "affiliate": "lotus", "url": "https://t.example/",
                                  "basic_auth": {"token": {"env": "PATH"}}}), "basic_auth", "only a file"),
            ("/merchants", json!({"id": "Neon", "name": "Neon"}), "id", "slug"),
            ("/merchants", json!({"id": "neon"}), "name", "missing"),
            ("/merchants", json!({"id": "neon", "name": "Neon", "deal": "cps"}), "deal", "cpa, hybrid"),
            ("/offers", json!({"id": "new", "merchant": "nobody", "name": "New", "landing_url": "https://x.example/"}),
             "merchant", "nobody"),
            ("/merchants/acme/goals", json!({"alias": "ftd", "name": "Mine"}), "alias", "another alias"),
            ("/merchants/acme/goals", json!({"alias": "new", "name": "New", "token": "kyc"}), "token", "alias of"),
            ("/affiliates", json!({"id": "new", "name": "New", "nmae": "x"}), "nmae", "unknown field"),
        ] {
            let answer = api.post(address, &body).await;
            answer.refused(400, "invalid_setting", member);
            assert!(answer.json["detail"].as_str().unwrap().contains(said), "{said} in {}", answer.text);
        }
        let etag = api.get("/affiliates/lotus").await.header("etag").to_owned();
        let renamed = json!({"id": "orchid", "name": "Lotus"});
        api.put("/affiliates/lotus", &etag, &renamed).await.refused(400, "invalid_setting", "id");
        api.put("/affiliates/nobody", &etag, &renamed).await.refused(404, "not_found", "");
        api.get("/merchants/nobody/goals").await.refused(404, "not_found", "");
        api.get("/merchants/acme/goals/ftd").await.refused(404, "not_found", "");
        api.get("/merchants?cursor=%2F").await.refused(400, "invalid_cursor", "cursor");
        api.send("POST", "/affiliates", "[]").await.refused(400, "invalid_setting", "");
        assert_eq!(server.database().number("SELECT version FROM catalog").await, version);
    }

    async fn secrets_are_never_shown_and_stay_where_they_are_kept(server: Server) {
        let api = Api::new(&server, "manager");
        let body = json!({
            "id": "pb", "affiliate": "lotus", "method": "POST_JSON", "url": "https://t.example/?api_key=url-secret",
            "params": {"z": "{status}", "a": "1"}, "headers": {"X-Auth": "header-secret"},
            "basic_auth": {"login": "login-secret", "password": "password-secret"},
            "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        });
        let in_order = body.to_string().replace(r#""a":"1","z":"{status}""#, r#""z":"{status}","a":"1""#);
        let created = expect(api.send("POST", "/postbacks", &in_order).await, 201);
        for secret in ["url-secret", "header-secret", "login-secret", "password-secret", "whsec_"] {
            assert!(!created.text.contains(secret), "{secret} in {}", created.text);
            assert!(!server.database().holds(secret).await, "{secret}");
        }
        assert_eq!(created.json["signing_secret"], json!({"keep": true}));
        assert!(created.text.find("\"z\"") < created.text.find("\"a\""), "in their order: {}", created.text);
        let if_match = [("if-match", created.header("etag"))];
        let kept = expect(api.send_with("PUT", "/postbacks/pb", &if_match, &created.text).await, 200);
        assert_eq!(kept.header("etag"), created.header("etag"));
        let mut changed = created.json.clone();
        changed["basic_auth"]["password"] = json!("another-secret");
        let changed = expect(api.put("/postbacks/pb", created.header("etag"), &changed).await, 200);
        assert_eq!(changed.json, created.json);
        assert_ne!(changed.header("etag"), created.header("etag"), "a secret is a change too");
        let mut elsewhere = created.json.clone();
        elsewhere["url"] = json!("https://elsewhere.example/");
        let refused = api.put("/postbacks/pb", changed.header("etag"), &elsewhere).await;
        refused.refused(400, "invalid_setting", "url");
        let signed = api.get("/merchants/signed").await;
        assert_eq!(signed.json["signing_secret"], json!({"keep": true}));
        assert!(signed.json.get("tokens").is_none());
    }

    async fn a_change_is_in_the_audit_log_and_soon_in_force(server: Server) {
        let api = Api::new(&server, "manager");
        let read = api.get("/merchants/acme").await;
        let mut wanted = read.json.clone();
        wanted["active"] = json!(false);
        expect(api.put("/merchants/acme", read.header("etag"), &wanted).await, 200);
        let entries = api.get("/audit?subject=merchant:acme").await.json;
        let entry = &entries["items"][0];
        assert_eq!((&entry["action"], &entry["outcome"]), (&json!("merchant.change"), &json!("done")));
        assert!(entry["actor"].as_str().unwrap().starts_with("api-key:test-manager"), "{entry}");
        assert_eq!((&entry["before"], &entry["after"]), (&read.json, &wanted));
        let click = server.click().await;
        eventually("the merchant is off", async || server.conv(&click, "reg").await.status == 403).await;
    }

    async fn a_viewer_reads_and_changes_nothing(server: Server) {
        let viewer = Api::new(&server, "viewer");
        let read = expect(viewer.get("/merchants/acme").await, 200);
        viewer.put("/merchants/acme", read.header("etag"), &read.json).await.refused(403, "forbidden", "");
        viewer.post("/affiliates", &json!({"id": "mine", "name": "Mine"})).await.refused(403, "forbidden", "");
        viewer.post("/merchants/acme/tokens", &json!({})).await.refused(403, "forbidden", "");
        let entries = viewer.get("/audit?subject=affiliate:mine").await.json;
        let tried = (&entries["items"][0]["action"], &entries["items"][0]["outcome"]);
        assert_eq!(tried, (&json!("affiliate.create"), &json!("forbidden")));
    }

    async fn lists_come_in_pages_by_id(server: Server) {
        let api = Api::new(&server, "viewer");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = expect(api.get(&format!("/merchants?limit=3{cursor}")).await, 200).json;
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        seen.sort();
        assert_eq!(seen, ["acme", "asleep", "careful", "eager", "plain", "signed", "walled"]);
        let goals = api.get("/merchants/acme/goals?limit=2").await.json;
        let aliases =
            |page: &Value| page["items"].as_array().unwrap().iter().map(|goal| goal["alias"].clone()).collect();
        let (first, next): (Vec<_>, _) = (aliases(&goals), goals["next_cursor"].as_str().unwrap().to_owned());
        let rest: Vec<_> = aliases(&api.get(&format!("/merchants/acme/goals?cursor={next}")).await.json);
        assert_eq!((first, rest), (vec![json!("fee"), json!("kyc")], vec![json!("lead")]));
    }
}
