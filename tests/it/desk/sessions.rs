//! Signing in, staying, and signing out.

use futures::{StreamExt, stream::FuturesUnordered};

use super::{Desk, PAGES, add_user, let_sessions_rest, setup_key};
use crate::support::{Database, OnDatabase, Program, Server, WORLD, on_both_databases};

const HOUR: i64 = 3_600_000;

/// One that people reach at this address.
fn server_at(database: &Database, public_url: &str) -> Server {
    let program = Program::new(database).with("COUNTERSIGN_PUBLIC_URL", public_url);
    program.apply(WORLD).ok();
    program.serve()
}

on_both_databases! {
    async fn nobody_sees_a_page_without_signing_in(server: Server) {
        add_user(&server, "anna", "viewer");
        for page in PAGES {
            let answer = server.get(page).await;
            let expected = match page {
                "/" => "/sign-in".to_owned(),
                other => format!("/sign-in?next={}", other.replace('/', "%2F")),
            };
            assert_eq!((answer.status, answer.header("location")), (303, expected.as_str()), "{page}");
            assert_eq!(answer.text, "", "{page}");
        }
    }

    async fn the_cookie_of_a_session_is_out_of_reach_of_scripts_and_of_other_sites(server: Server) {
        let password = add_user(&server, "anna", "viewer");
        let fields = [("name", "anna"), ("password", password.as_str())];
        let answer = Desk::outside(&server).post("/sign-in", &fields).await;
        let mut attributes = answer.header("set-cookie").split("; ");
        let (name, secret) = attributes.next().unwrap().split_once('=').unwrap();
        assert_eq!((name, secret.len()), ("countersign", 64));
        let mut attributes: Vec<_> = attributes.collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax"]);
        assert!(!server.database().holds(secret).await, "a session's secret is stored");
        assert!(!server.log().contains(secret) && !server.log().contains(&password));
    }

    async fn an_unknown_name_and_a_wrong_password_are_answered_alike(server: Server) {
        add_user(&server, "anna", "viewer");
        let disabled = add_user(&server, "bert", "viewer");
        server.command(&["user", "disable", "bert"]).ok();
        let mut answers = Vec::new();
        for (name, password) in [("anna", "wrong"), ("nobody", "wrong"), ("No Name!", "wrong"), ("bert", &disabled)] {
            let fields = [("name", name), ("password", password)];
            let answer = Desk::outside(&server).post("/sign-in", &fields).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (401, ""), "{name}");
            assert!(!answer.text.contains(&disabled), "a page shows a password");
            answers.push(answer.text.replace(&format!("value=\"{name}\""), "value=\"\""));
        }
        assert!(answers.iter().all(|text| *text == answers[0]), "{answers:#?}");
    }

    async fn somebody_who_tries_one_password_after_the_other_has_to_wait(server: Server) {
        let password = add_user(&server, "anna", "viewer");
        let desk = Desk::outside(&server);
        let wrong = || async { desk.post("/sign-in", &[("name", "anna"), ("password", "wrong")]).await };
        let mut tries: FuturesUnordered<_> = (0..12).map(|_| wrong()).collect();
        // Those that are too many are answered before any password was compared.
        while tries.next().await.expect("ten are answered, and two refused").status != 429 {}
        // The right one, too: otherwise it would tell which one is right.
        let right = desk.post("/sign-in", &[("name", "anna"), ("password", &password)]).await;
        assert_eq!((right.status, right.header("set-cookie")), (429, ""), "{}", right.text);
        assert!(!right.header("retry-after").is_empty(), "it does not say how long to wait");
        let others: Vec<_> = tries.map(|answer| answer.status).collect().await;
        assert!(others.iter().all(|status| [401, 429].contains(status)), "{others:?}");
    }

    async fn signing_out_ends_this_session_and_no_other(server: Server) {
        let password = add_user(&server, "anna", "viewer");
        let here = Desk::signed_in(&server, "anna", &password).await;
        let there = Desk::signed_in(&server, "anna", &password).await;
        let answer = here.post("/sign-out", &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("countersign=;") && cookie.contains("Max-Age=0"), "{cookie}");
        assert_eq!(here.get("/").await.status, 303, "the old cookie still works");
        assert_eq!(there.get("/").await.status, 200);
    }

    async fn signing_out_everywhere_ends_all_sessions_of_this_user(server: Server) {
        let password = add_user(&server, "anna", "viewer");
        let here = Desk::signed_in(&server, "anna", &password).await;
        let there = Desk::signed_in(&server, "anna", &password).await;
        let other = Desk::new(&server, "bert", "viewer").await;
        assert_eq!(here.get("/account").await.status, 200);
        let answer = here.post("/sign-out", &[("everywhere", "1")]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!((here.get("/").await.status, there.get("/").await.status), (303, 303));
        assert_eq!(other.get("/").await.status, 200);
    }

    async fn a_session_ends_when_it_was_idle_for_twelve_hours(server: Server) {
        let desk = Desk::new(&server, "anna", "viewer").await;
        let_sessions_rest(&server, 12 * HOUR - 60_000).await;
        assert_eq!(desk.get("/").await.status, 200);
        // It has been used, so the twelve hours begin anew.
        let_sessions_rest(&server, 12 * HOUR - 60_000).await;
        assert_eq!(desk.get("/").await.status, 200);
        let_sessions_rest(&server, 12 * HOUR + 1_000).await;
        assert_eq!(desk.get("/").await.status, 303);
    }

    async fn a_session_ends_with_its_user_and_with_its_password(server: Server) {
        let (anna, bert) = (Desk::new(&server, "anna", "viewer").await, Desk::new(&server, "bert", "viewer").await);
        server.command(&["user", "disable", "anna"]).ok();
        server.command(&["user", "passwd", "bert"]).ok();
        assert_eq!((anna.get("/").await.status, bert.get("/").await.status), (303, 303));
    }

    async fn under_https_the_cookie_is_bound_to_this_host_and_to_encryption(database: Database) {
        let server = server_at(&database, "https://desk.example");
        let password = add_user(&server, "anna", "viewer");
        let fields = [("name", "anna"), ("password", password.as_str())];
        let origin = [("origin", "https://desk.example")];
        let answer = Desk::outside(&server).post_with("/sign-in", &origin, &fields).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("__Host-countersign="), "{cookie}");
        let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
        for attribute in ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"] {
            assert!(attributes.contains(&attribute), "{cookie}");
        }
        assert_eq!(attributes.len(), 4, "{cookie}");
        let own = cookie.split(';').next().unwrap();
        assert_eq!(server.request("GET", "/", &[("cookie", own)], "").await.status, 200);
        let without_prefix = own.replace("__Host-", "");
        assert_eq!(server.request("GET", "/", &[("cookie", &without_prefix)], "").await.status, 303);
    }

    async fn the_first_admin_is_made_once_by_the_address_that_the_operator_reads(database: Database) {
        let server = Server::on(database);
        let key = &setup_key(&server).await;
        let desk = Desk::outside(&server);
        assert_eq!(server.get("/setup?key=wrong").await.status, 404);
        assert_eq!(desk.get(&format!("/setup?key={key}")).await.status, 200);
        let fields = |key, password, again| {
            [("key", key), ("name", "anna"), ("password", password), ("again", again)]
        };
        let sentence = "a sentence that only anna says";
        for (fields, status) in [
            (fields("wrong", sentence, sentence), 404), (fields(key, "short", "short"), 400),
            (fields(key, sentence, "another"), 400),
        ] {
            let answer = desk.post("/setup", &fields).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (status, ""), "{}", answer.text);
        }
        let answer = desk.post("/setup", &fields(key, sentence, sentence)).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        assert_eq!(server.request("GET", "/", &[("cookie", cookie)], "").await.status, 200);
        assert_eq!(server.get(&format!("/setup?key={key}")).await.status, 404, "it can be used twice");
        assert_eq!(desk.post("/setup", &fields(key, sentence, sentence)).await.status, 404);
        assert_eq!(server.database().count("account").await, 1);
    }
}
