//! Users and API keys, by an admin's hand.

use super::{
    Desk, between, read,
    settings::{change, error, leads_to, plain, post, shown_once, untouched, with},
};
use crate::{
    api::{Api, members},
    support::{Answer, Server, on_both_databases},
};

const PASSWORD: &str = "three plain words";

/// Presses the button that sends its form to this address.
async fn press(desk: &Desk<'_>, page: &str, action: &str) -> Answer {
    let form = between(page, &format!("action=\"{action}\""), "</form>");
    let value = |name: &str| plain(between(form, &format!("name=\"{name}\" value=\""), "\""));
    let fields = [("csrf", value("csrf")), ("version", value("version"))];
    desk.post_with(action, &[], &fields.each_ref().map(|(name, value)| (*name, value.as_str()))).await
}

async fn actions(server: &Server, subject: &str) -> Vec<String> {
    let entries = Api::new(server, "viewer").get(&format!("/audit?subject={subject}")).await.json;
    let outcomes = members(&entries, "items", "outcome");
    let told = members(&entries, "items", "action").into_iter().zip(outcomes);
    told.map(|(action, outcome)| format!("{action} {outcome}")).rev().collect()
}

on_both_databases! {
    async fn an_admin_adds_a_user_and_changes_what_they_may_do(server: Server) {
        let olga = Desk::new(&server, "olga", "admin").await;
        let fresh = untouched(&olga.page("/settings/users/new").await, "/settings/users");
        let fields = [("name", "Anna B"), ("password", "short"), ("role", "boss")];
        let refused = post(&olga, "/settings/users", &with(fresh.clone(), &fields)).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(error(&refused, "name").contains("user name"), "{}", error(&refused, "name"));
        assert!(error(&refused, "password").contains("too short"));
        assert_eq!(error(&refused, "role"), "Choose one of them.");
        assert!(refused.text.contains("value=\"Anna B\"") && !refused.text.contains("short\""));
        let fields = [("name", "anna"), ("password", PASSWORD), ("role", "viewer")];
        let added = post(&olga, "/settings/users", &with(fresh.clone(), &fields)).await;
        leads_to(&added, "/settings/users/anna?saved=1");
        let again = post(&olga, "/settings/users", &with(fresh, &fields)).await;
        assert_eq!(again.status, 409, "{}", again.text);
        assert!(error(&again, "name").contains("There is a user anna already"));
        let anna = Desk::signed_in(&server, "anna", PASSWORD).await;
        leads_to(&change(&olga, "/settings/users/anna", &[("role", "manager")]).await, "/settings/users/anna?saved=1");
        assert!(read(&anna.page("/").await).contains("anna manager"), "another role ends no session");
        let text = read(&olga.page("/settings/users").await);
        assert!(text.contains("anna manager") && text.contains("olga admin"), "{text}");
        let entries = Api::new(&server, "viewer").get("/audit?subject=user:anna").await.json;
        assert_eq!((&entries["items"][0]["before"]["role"], &entries["items"][0]["after"]["role"]),
            (&"viewer".into(), &"manager".into()));
        assert_eq!(entries["items"][0]["actor"], "user:olga");
        assert!(!server.database().holds(PASSWORD).await && !server.log().contains(PASSWORD));
    }

    async fn disabling_a_user_ends_their_sessions_until_they_are_let_in_again(server: Server) {
        let olga = Desk::new(&server, "olga", "admin").await;
        let anna = Desk::new(&server, "anna", "manager").await;
        let before = olga.page("/settings/users/anna").await;
        let disabled = press(&olga, &before, "/settings/users/anna/disable").await;
        leads_to(&disabled, "/settings/users/anna?saved=1");
        assert_eq!(anna.get("/").await.header("location"), "/sign-in");
        let stale = press(&olga, &before, "/settings/users/anna/disable").await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        assert!(stale.text.contains("Somebody has changed the user anna"), "{}", stale.text);
        let stale = post(&olga, "/settings/users/anna", &untouched(&before, "/settings/users/anna")).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        let page = olga.page("/settings/users/anna").await;
        assert!(read(&page).contains("anna disabled"), "{}", read(&page));
        leads_to(&press(&olga, &page, "/settings/users/anna/enable").await, "/settings/users/anna?saved=1");
        let address = "/settings/users/anna/password";
        let fields = [("password", PASSWORD), ("again", "other plain words")];
        let page = olga.page("/settings/users/anna").await;
        let differ = post(&olga, address, &with(untouched(&page, address), &fields)).await;
        assert_eq!(differ.status, 400);
        assert!(differ.text.contains("The two passwords differ."), "{}", differ.text);
        let fields = [("password", PASSWORD), ("again", PASSWORD)];
        let renewed = post(&olga, address, &with(untouched(&page, address), &fields)).await;
        leads_to(&renewed, "/settings/users/anna?saved=1");
        Desk::signed_in(&server, "anna", PASSWORD).await;
        let done = ["user.add done", "user.disable done", "user.enable done", "user.password done"];
        assert_eq!(actions(&server, "user:anna").await, done);
    }

    async fn the_last_admin_stays_one_and_changes_their_password_with_the_present_one_only(server: Server) {
        let olga = Desk::new(&server, "olga", "admin").await;
        Desk::new(&server, "anna", "manager").await;
        let page = olga.page("/settings/users/olga").await;
        let alone = press(&olga, &page, "/settings/users/olga/disable").await;
        assert_eq!(alone.status, 409, "{}", alone.text);
        assert!(alone.text.contains("the only admin") || alone.text.contains("Olga is the only admin"));
        assert_eq!(change(&olga, "/settings/users/olga", &[("role", "viewer")]).await.status, 409);
        assert!(!page.contains("action=\"/settings/users/olga/password\""), "{page}");
        let fields = [("password", PASSWORD), ("again", PASSWORD)];
        leads_to(&olga.post("/settings/users/olga/password", &fields).await, "/account");
        assert_eq!(olga.get("/").await.status, 200);
        leads_to(&change(&olga, "/settings/users/anna", &[("role", "admin")]).await, "/settings/users/anna?saved=1");
        leads_to(&change(&olga, "/settings/users/olga", &[("role", "viewer")]).await, "/");
        assert_eq!(olga.get("/settings/users").await.status, 403);
        assert_eq!(Desk::new(&server, "eve", "admin").await.get("/settings/users/nobody").await.status, 404);
    }

    async fn users_and_keys_are_an_admins_alone_and_attempts_are_kept(server: Server) {
        let olga = Desk::new(&server, "olga", "admin").await;
        for role in ["manager", "viewer"] {
            let desk = Desk::new(&server, role, role).await;
            let settings = desk.page("/settings").await;
            assert!(!settings.contains("/settings/users") && !settings.contains("/settings/api-keys"));
            for address in ["/settings/users", "/settings/users/new", "/settings/users/olga", "/settings/api-keys"] {
                let answer = desk.get(address).await;
                assert_eq!(answer.status, 403, "{address}: {}", answer.text);
            }
            for (address, fields) in [
                ("/settings/users", [("name", "eve"), ("password", PASSWORD), ("role", "admin")]),
                ("/settings/users/olga", [("role", "viewer"), ("version", ""), ("", "")]),
                ("/settings/users/olga/disable", [("version", ""), ("", ""), ("", "")]),
                ("/settings/users/olga/password", [("password", PASSWORD), ("again", PASSWORD), ("", "")]),
                ("/settings/api-keys", [("name", "mine"), ("role", "admin"), ("", "")]),
                ("/settings/api-keys/01998000-0000-7000-8000-000000000000/revoke", [("", ""); 3]),
            ] {
                assert_eq!(desk.post(address, &fields).await.status, 403, "{address}");
            }
        }
        assert!(olga.page("/settings").await.contains("/settings/users"));
        let refused = ["user.role forbidden", "user.disable forbidden", "user.password forbidden"];
        assert_eq!(actions(&server, "user:olga").await[1..], [refused, refused].concat());
        assert_eq!(actions(&server, "api-key:mine").await, ["api-key.create forbidden"; 2]);
        assert_eq!(actions(&server, "user:eve").await, ["user.add forbidden"; 2]);
        assert_eq!(server.database().count("account").await, 3);
    }

    async fn a_key_is_shown_once_seen_in_use_and_revoked(server: Server) {
        let olga = Desk::new(&server, "olga", "admin").await;
        let all = "/settings/api-keys";
        let fresh = untouched(&olga.page(all).await, all);
        let refused = post(&olga, all, &with(fresh.clone(), &[("name", "a key"), ("role", "viewer")])).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(!error(&refused, "name").is_empty() && refused.text.contains("value=\"a key\""));
        let fields = [("name", "nightly"), ("role", "viewer")];
        let created = post(&olga, all, &with(fresh.clone(), &fields)).await;
        assert_eq!(created.status, 200, "{}", created.text);
        let key = shown_once(&created.text);
        assert!(key.starts_with("csk_") && created.header("cache-control") == "no-store");
        assert!(read(&created.text).contains("nightly viewer"), "{}", read(&created.text));
        assert_eq!(post(&olga, all, &with(fresh, &fields)).await.status, 409);
        let authorization = format!("Bearer {key}");
        let used = async || {
            server.request("GET", "/api/v1/merchants", &[("authorization", &authorization)], "").await.status
        };
        assert_eq!(used().await, 200);
        let page = olga.page(all).await;
        assert!(!page.contains(&key) && !server.database().holds(&key).await && !server.log().contains(&key));
        let id = between(&page, "action=\"/settings/api-keys/", "/revoke\"").to_owned();
        let revoked = olga.post(&format!("{all}/{id}/revoke"), &[]).await;
        leads_to(&revoked, "/settings/api-keys?revoked=1");
        assert_eq!(used().await, 401);
        let page = olga.page("/settings/api-keys?revoked=1").await;
        assert!(read(&page).contains("revoked") && !page.contains("/revoke\""), "{}", read(&page));
        assert_eq!(actions(&server, "api-key:nightly").await, ["api-key.create done", "api-key.revoke done"]);
        assert_eq!(olga.post(&format!("{all}/nonsense/revoke"), &[]).await.status, 404);
    }
}
