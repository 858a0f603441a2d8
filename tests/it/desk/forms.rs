//! Forms: that only a page of ours can send them, and only somebody who may.

use super::{Desk, add_user};
use crate::{
    api::Api,
    support::{Server, on_both_databases},
};

/// A first deposit that waits for a decision.
async fn waiting(server: &Server) -> String {
    let click = server.click().await;
    let answer = server.conv(&click, "ftd 100 EUR").await;
    answer.json["conversion"]["id"].as_str().expect(&answer.text).to_owned()
}

async fn status(server: &Server, id: &str) -> String {
    let one = Api::new(server, "viewer").get(&format!("/conversions/{id}")).await;
    one.json["status"].as_str().expect(&one.text).to_owned()
}

on_both_databases! {
    async fn a_form_without_the_token_of_its_session_changes_nothing(server: Server) {
        let (id, desk) = (waiting(&server).await, Desk::new(&server, "anna", "manager").await);
        let other = Desk::new(&server, "bert", "manager").await;
        let (own, foreign) = (desk.csrf(), other.csrf());
        assert!(own.len() == 64 && own != foreign, "{own} {foreign}");
        let decide = [("decision", "approve"), ("ids", id.as_str()), ("back", "/")];
        for token in ["", "wrong", &foreign] {
            let fields = [&decide[..], &[("csrf", token)]].concat();
            let answer = desk.post_with("/review/decide", &[], &fields).await;
            assert_eq!(answer.status, 403, "{token}: {}", answer.text);
        }
        assert_eq!(desk.post_with("/review/decide", &[], &decide).await.status, 403);
        assert_eq!(desk.post_with("/sign-out", &[], &[]).await.status, 403);
        assert_eq!(status(&server, &id).await, "pending");
        assert!(desk.post("/review/decide", &decide).await.status < 400);
        assert_eq!(status(&server, &id).await, "approved");
    }

    async fn a_form_of_another_site_changes_nothing(server: Server) {
        let (id, desk) = (waiting(&server).await, Desk::new(&server, "anna", "manager").await);
        let csrf = desk.csrf();
        let fields = [("decision", "approve"), ("ids", id.as_str()), ("back", "/"), ("csrf", csrf.as_str())];
        for header in [
            ("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = desk.post_with("/review/decide", &[header], &fields).await;
            assert_eq!(answer.status, 403, "{header:?}: {}", answer.text);
        }
        assert_eq!(status(&server, &id).await, "pending");
        let own = [("origin", "http://countersign.example"), ("sec-fetch-site", "same-origin")];
        assert!(desk.post_with("/review/decide", &own, &fields).await.status < 400);
        assert_eq!(status(&server, &id).await, "approved");
    }

    async fn another_site_can_sign_nobody_in(server: Server) {
        let password = add_user(&server, "anna", "viewer");
        let fields = [("name", "anna"), ("password", password.as_str())];
        let answer = Desk::outside(&server).post_with("/sign-in", &[("origin", "https://evil.example")], &fields).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, ""));
    }

    async fn signing_in_leads_on_to_pages_of_this_server_only(server: Server) {
        let password = add_user(&server, "anna", "viewer");
        for (next, location) in [
            ("/log?merchant=acme", "/log?merchant=acme"), ("", "/"), ("https://evil.example/", "/"),
            ("//evil.example/", "/"), ("/\\evil.example", "/"), ("javascript:alert(1)", "/"),
        ] {
            let fields = [("name", "anna"), ("password", password.as_str()), ("next", next)];
            let answer = Desk::outside(&server).post("/sign-in", &fields).await;
            assert_eq!((answer.status, answer.header("location")), (303, location), "{next}");
        }
    }

    async fn a_viewer_may_look_but_not_decide_and_the_attempt_is_kept(server: Server) {
        let (id, desk) = (waiting(&server).await, Desk::new(&server, "victor", "viewer").await);
        let page = desk.get("/").await;
        assert!(!page.text.contains("name=\"decision\""), "a viewer is offered a decision");
        let fields = [("decision", "approve"), ("ids", id.as_str()), ("back", "/")];
        let answer = desk.post("/review/decide", &fields).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.header("content-type").starts_with("text/html"));
        assert_eq!(status(&server, &id).await, "pending");
        let audit = Api::new(&server, "viewer").get("/audit?actor=user:victor").await.json;
        assert_eq!(audit["items"][0]["outcome"], "forbidden", "{audit}");
    }

    async fn a_session_is_no_key_of_the_api(server: Server) {
        let (id, desk) = (waiting(&server).await, Desk::new(&server, "anna", "admin").await);
        let headers = [("cookie", desk.cookie()), ("content-type", "application/json")];
        let address = format!("/api/v1/conversions/{id}/status");
        let answer = server.request("POST", &address, &headers, r#"{"status":"approved"}"#).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        assert_eq!(status(&server, &id).await, "pending");
    }
}
