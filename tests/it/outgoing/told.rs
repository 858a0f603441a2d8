//! Who is told of what, and how.

use countersign::domain::webhook::SigningSecret;
use serde_json::{Value, json};

use super::{deposits, endpoint, postback, serve, settled};
use crate::support::{Database, Received, Receiver, on_both_databases};

fn paths(requests: &[Received]) -> Vec<&str> {
    requests.iter().map(|request| request.path.as_str()).collect()
}

on_both_databases! {
    async fn an_affiliate_hears_of_each_status_once_and_in_order(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &endpoint("pb", &receiver.url("/{status}?c={cl_id}&a={sum}{currency}"), ""));
        let address = "/click?offer=acme-offer&affiliate=lotus&cl_id=their%20click/1";
        let answer = server.request("GET", address, &[("accept", "application/json")], "").await;
        let click = answer.json["click_id"].as_str().unwrap();
        for words in ["ftd 100 EUR", "ftd 100 EUR"] {
            server.conv(click, words).await.ok(json!({}));
        }
        for words in ["ftd approved", "ftd approved"] {
            server.change(click, words).await.ok(json!({}));
        }
        let dry = server.addchange(&server.click().await, "ftd 7 EUR approved dry_run=1").await;
        dry.ok(json!({ "dry_run": true }));
        let other = server.click().await;
        server.addchange(&other, "ftd 5 EUR rejected").await.ok(json!({}));
        settled(&server, "delivered", 4).await;
        let expected = [
            "/pending?c=their%20click%2F1&a=100.00EUR",
            "/approved?c=their%20click%2F1&a=100.00EUR",
            "/pending?c=&a=5.00EUR",
            "/rejected?c=&a=5.00EUR",
        ];
        assert_eq!(paths(&receiver.received()), expected);
    }

    async fn only_endpoints_whose_conditions_fit_are_told(database: Database) {
        let receiver = Receiver::new().await;
        let at = |id: &str, more: &str| endpoint(id, &receiver.url(&format!("/{id}/{{goal}}/{{status}}")), more);
        let postbacks = [
            at("all", ""),
            at("default", "").replace("statuses", "# statuses"),
            at("done", "statuses = [\"done\"]"),
            at("reg-only", "goal = \"reg\""),
            at("acme-only", "offer = \"acme-offer\""),
            at("other-offer", "offer = \"plain-offer\""),
            at("asleep", "active = false"),
            "[[affiliate]]\nid = \"orchid\"\nname = \"Orchid\"\n".to_owned(),
            at("stranger", "").replace("\"lotus\"", "\"orchid\""),
        ];
        let server = serve(&database, &postbacks.concat());
        let click = server.click().await;
        server.conv(&click, "reg").await.ok(json!({}));
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        settled(&server, "delivered", 7).await;
        let requests = receiver.received();
        let mut told = paths(&requests);
        told.sort_unstable();
        let expected = [
            "/acme-only/ftd/pending", "/acme-only/reg/approved", "/all/ftd/pending", "/all/reg/approved",
            "/default/reg/approved", "/done/reg/approved", "/reg-only/reg/approved",
        ];
        assert_eq!(told, expected);
    }

    async fn switching_the_goals_of_an_offer_off_passes_the_goal_over_until_they_are_on(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &endpoint("pb", &receiver.url("/{goal}"), "goal = \"reg\""));
        let goals_enabled = |enabled: bool| {
            let offer = "[[offer]]\nid = \"acme-offer\"\nmerchant = \"acme\"\nname = \"Acme Slots\"\n\
                         landing_url = \"https://acme.example/?cid={click_id}\"\n";
            server.program.apply(&format!("{offer}goals_enabled = {enabled}\n")).ok();
        };
        goals_enabled(false);
        deposits(&server, 1).await;
        goals_enabled(true);
        deposits(&server, 1).await;
        server.conv(&server.click().await, "reg").await.ok(json!({}));
        settled(&server, "delivered", 2).await;
        assert_eq!(paths(&receiver.received()), ["/ftd", "/reg"]);
    }

    async fn each_method_carries_parameters_headers_and_credentials(database: Database) {
        let receiver = Receiver::new().await;
        let more = "params = { tid = \"{transaction_id}\", n = \"{name}\" }\n\
                    headers = { X-Network = \"cs-{offer}\", X-Name = \"{name}\" }\n";
        let of = |method: &str, auth: &str| {
            let more = format!("method = \"{method}\"\n{more}basic_auth = {auth}");
            endpoint(&method.to_lowercase().replace('_', "-"), &receiver.url("/pb?x={name}"), &more)
        };
        let postbacks = [
            of("GET", "{ login = \"u\", password = \"p\" }"),
            of("POST_FORM", "{ token = \"t\" }"),
            of("POST_JSON", "{ login = \"u\", password = \"p\" }"),
        ];
        let server = serve(&database, &postbacks.concat());
        let address = "/click?offer=acme-offer&affiliate=lotus&name=Zo%C3%AB+%22Q%22+%5C+%7Bsum%7D%26%0D%0AX-Evil:1";
        let answer = server.request("GET", address, &[("accept", "application/json")], "").await;
        let click = answer.json["click_id"].as_str().unwrap();
        server.conv(click, "ftd 100 EUR transaction_id=T-1").await.ok(json!({}));
        let mut requests = receiver.wait(3).await;
        requests.sort_by(|one, other| {
            (&one.method, one.header("authorization")).cmp(&(&other.method, other.header("authorization")))
        });
        let name = "Zo%C3%AB%20%22Q%22%20%5C%20%7Bsum%7D%26%0D%0AX-Evil%3A1";
        let [get, form, json] = requests.try_into().unwrap();
        let is = |request: &Received, method: &str, path: &str, authorization: &str| {
            let got = (request.method.as_str(), request.path.as_str(), request.header("authorization"));
            assert_eq!(got, (method, path, authorization));
            assert_eq!((request.header("x-network"), request.header("x-evil")), ("cs-acme-offer", ""));
            assert!(!request.header("webhook-id").is_empty());
        };
        is(&get, "GET", &format!("/pb?x={name}&tid=T-1&n={name}"), "Basic dTpw");
        is(&json, "POST", &format!("/pb?x={name}"), "Basic dTpw");
        is(&form, "POST", &format!("/pb?x={name}"), "Basic dDo=");
        assert_eq!(form.body, format!("tid=T-1&n={name}"));
        assert_eq!(form.header("content-type"), "application/x-www-form-urlencoded");
        let body: Value = serde_json::from_str(&json.body).unwrap();
        assert_eq!(body, json!({ "tid": "T-1", "n": "Zoë \"Q\" \\ {sum}&\r\nX-Evil:1" }));
        assert_eq!(json.header("content-type"), "application/json");
    }

    async fn json_is_signed_so_that_the_receiver_can_check_it(database: Database) {
        const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let receiver = Receiver::new().await;
        let more = format!("method = \"POST_JSON\"\nsigning_secret = \"{SECRET}\"");
        let server = serve(&database, &postback("pb", &receiver, &more));
        deposits(&server, 1).await;
        let request = receiver.wait(1).await.remove(0);
        let timestamp = request.header("webhook-timestamp").parse().unwrap();
        let body = request.body.as_bytes();
        let signed = SigningSecret::parse(SECRET).unwrap().sign(request.header("webhook-id"), timestamp, body);
        assert_eq!(request.header("webhook-signature"), signed[2].1);
        let event: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!((&event["type"], &event["data"]["amount"]), (&json!("conversion.pending"), &json!("100.00")));
    }

    async fn an_endpoint_that_was_added_while_serving_is_told(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, "");
        deposits(&server, 1).await;
        server.program.apply(&postback("pb", &receiver, "")).ok();
        deposits(&server, 1).await;
        settled(&server, "delivered", 1).await;
        assert_eq!(receiver.received().len(), 1);
    }
}
