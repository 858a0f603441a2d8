//! Creations under an `Idempotency-Key`: each of them happens once.

use futures::future::join_all;
use serde_json::{Value, json};

use super::Api;
use crate::support::{Answer, Server, on_both_databases};

/// Something of every kind that can be created: where, how its audit entries begin and name it, and two bodies. None
/// refers to what another one creates.
fn everything() -> Vec<(&'static str, &'static str, Value, Value)> {
    let offer = |name: &str| {
        let url = "https://acme.example/?cid={click_id}";
        json!({"id": "acme-more", "merchant": "acme", "name": name, "landing_url": url})
    };
    let postback = |method: &str| {
        let url = "https://t.example/?c={cl_id}&token=secret-of-tracker";
        json!({"id": "lotus-pb", "affiliate": "lotus", "url": url, "method": method})
    };
    let pixel = |secret: &str| {
        let (offer, platform) = ("acme-offer", "meta");
        json!({"id": "acme-meta", "platform": platform, "offer": offer, "pixel_id": "123", "secret": secret})
    };
    let user = |password: &str| json!({"name": "ivan", "role": "viewer", "password": password});
    let dialect = |name: &str| json!({"id": "house", "name": name, "parameters": {"click_id": "cid"}});
    vec![
        (
            "/merchants",
            "merchant",
            json!({"id": "neon", "name": "Neon"}),
            json!({"id": "neon", "name": "Other"}),
        ),
        (
            "/merchants/acme/goals",
            "goal",
            json!({"alias": "vip", "name": "VIP"}),
            json!({"alias": "vip", "name": "V"}),
        ),
        (
            "/affiliates",
            "affiliate",
            json!({"id": "papaya", "name": "P"}),
            json!({"id": "mango", "name": "P"}),
        ),
        ("/offers", "offer", offer("More"), offer("Other")),
        ("/postbacks", "postback", postback("GET"), postback("POST_FORM")),
        ("/pixels", "pixel", pixel("platform-secret"), pixel("another-secret")),
        ("/dialects", "dialect", dialect("House"), dialect("Other")),
        (
            "/currencies",
            "currency",
            json!({"code": "DOGE", "minor_unit": 4}),
            json!({"code": "DOGE", "minor_unit": 5}),
        ),
        ("/users", "user", user("three plain words"), user("other plain words")),
        (
            "/api-keys",
            "api-key",
            json!({"name": "nightly", "role": "viewer"}),
            json!({"name": "nightly", "role": "admin"}),
        ),
        ("/merchants/plain/tokens", "token", json!({"label": "one"}), json!({"label": "two"})),
        ("/merchants/walled/tokens", "token", json!({"overlap_hours": 24}), json!({"overlap_hours": 25})),
    ]
}

/// How many entries of the audit log tell that something of a kind was made.
async fn made(server: &Server, kind: &str) -> i64 {
    let actions = ["create", "add", "issue"].map(|verb| format!("'{kind}.{verb}'")).join(", ");
    let sql = format!("SELECT COUNT(*) FROM audit WHERE action IN ({actions}) AND outcome = 'done'");
    server.database().number(&sql).await
}

#[track_caller]
fn is_again(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, &answer.text), (first.status, &first.text));
    assert_eq!(answer.header("etag"), first.header("etag"));
    assert_eq!(answer.header("content-type"), first.header("content-type"));
    assert_eq!(answer.header("idempotency-replayed"), "true");
}

on_both_databases! {
    async fn a_creation_of_any_kind_happens_once_and_is_answered_alike(server: Server) {
        let api = Api::new(&server, "admin");
        for (address, kind, body, other) in everything() {
            let before = made(&server, kind).await;
            let first = api.post_under(address, address, &body).await;
            assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""), "{address}: {}", first.text);
            is_again(&api.post_under(address, address, &body).await, &first);
            let refused = api.post_under(address, address, &other).await;
            refused.refused(409, "idempotency_key_reused", "Idempotency-Key");
            assert_eq!(made(&server, kind).await, before + 1, "{address}");
            let is_versioned = !address.ends_with("/tokens") && address != "/api-keys";
            assert_eq!(!first.header("etag").is_empty(), is_versioned, "{address}");
        }
        // A key is a name for one creation, wherever it is sent.
        let body = json!({"id": "kiwi", "name": "Kiwi"});
        let elsewhere = api.post_under("/merchants", "/affiliates", &body).await;
        elsewhere.refused(409, "idempotency_key_reused", "Idempotency-Key");
        let of_others = Api::new(&server, "admin").post_under("/merchants", "/affiliates", &body).await;
        assert_eq!(of_others.status, 201, "everybody's keys are their own: {}", of_others.text);
    }

    async fn of_many_at_once_under_one_key_one_creates(server: Server) {
        let api = Api::new(&server, "admin");
        for (address, kind, body, _) in everything() {
            let before = made(&server, kind).await;
            let answers = join_all((0..6).map(async |_| api.post_under(address, address, &body).await)).await;
            for answer in &answers {
                assert_eq!((answer.status, &answer.text), (201, &answers[0].text), "{address}");
            }
            let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).count();
            assert_eq!((first, made(&server, kind).await), (1, before + 1), "{address}");
        }
    }

    async fn a_secret_that_is_shown_once_is_given_again_to_a_repetition_and_kept_sealed(server: Server) {
        let api = Api::new(&server, "admin");
        let key = api.post_under("k", "/api-keys", &json!({"name": "nightly", "role": "viewer"})).await;
        let token = api.post_under("t", "/merchants/plain/tokens", &json!({})).await;
        let id = token.json["id"].as_str().unwrap();
        let rotate = format!("/merchants/plain/tokens/{id}/rotate");
        let rotated = api.post_under("r", &rotate, &json!({"overlap_hours": 1})).await;
        assert_eq!((key.status, token.status, rotated.status), (201, 201, 201));
        is_again(&api.post_under("r", &rotate, &json!({"overlap_hours": 1})).await, &rotated);
        for text in [&key.json["key"], &token.json["token"], &rotated.json["token"]] {
            let text = text.as_str().unwrap();
            assert!(!server.database().holds(text).await && !server.log().contains(text));
        }
        let click = server.click_to("plain").await;
        let token = rotated.json["token"].as_str().unwrap();
        crate::support::eventually("the token that was given again is the one that works", async || {
            server.conv(&click, &format!("reg dry_run=1 token={token}")).await.status == 200
        }).await;
    }

    async fn a_creation_that_was_refused_leaves_its_key_free(server: Server) {
        let api = Api::new(&server, "admin");
        let create = async |body: &Value| api.post_under("k", "/affiliates", body).await;
        create(&json!({"id": "No Slug", "name": "Papaya"})).await.refused(400, "invalid_setting", "id");
        create(&json!({"id": "lotus", "name": "Papaya"})).await.refused(409, "refused", "");
        let first = create(&json!({"id": "papaya", "name": "Papaya"})).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let changed = api.put("/affiliates/papaya", first.header("etag"), &json!({"name": "Changed"})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        is_again(&create(&json!({"id": "papaya", "name": "Papaya"})).await, &first);
        assert_eq!(api.get("/affiliates/papaya").await.json["name"], "Changed", "a repetition changes nothing");
        let viewer = Api::new(&server, "viewer");
        viewer.post_under("k", "/affiliates", &json!({"id": "kiwi", "name": "K"})).await.refused(403, "forbidden", "");
        api.post_under("", "/affiliates", &json!({"id": "kiwi", "name": "K"})).await
            .refused(400, "invalid_parameter", "Idempotency-Key");
    }
}

#[tokio::test]
async fn the_document_names_the_header_wherever_something_is_created() {
    let server = Server::on_sqlite();
    let document = server.get("/api/openapi.json").await.json;
    for (address, _, _, _) in everything() {
        let address =
            address.replace("/acme/", "/{id}/").replace("/plain/", "/{id}/").replace("/walled/", "/{id}/");
        let parameters = &document["paths"][format!("/api/v1{address}")]["post"]["parameters"];
        let named =
            parameters.as_array().is_some_and(|all| all.iter().any(|it| it["name"] == "Idempotency-Key"));
        assert!(named, "{address}: {parameters}");
    }
}
