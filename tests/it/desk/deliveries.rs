//! What endpoints were told: looked through, looked at, sent again; endpoints paused, let go on and tested.

use serde_json::json;

use super::{Desk, between, read};
use crate::{
    api::{Api, has},
    outgoing::{deliveries, deposits, endpoint, postback, serve, settled},
    support::{Database, Receiver, Reply, Server, on_both_databases, percent_encoded},
};

/// What somebody might answer to have it run in a manager's browser.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// An answer with this body.
fn saying(status: u16, body: &str) -> Reply {
    let length = body.len();
    Reply::Raw(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"))
}

/// The ids of deliveries, newest first.
fn ids(server: &Server) -> Vec<String> {
    deliveries(server).iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids among those that a page links to.
fn shown<'a>(page: &str, ids: &'a [String]) -> Vec<&'a str> {
    let linked = ids.iter().filter(|id| page.contains(&format!("/deliveries/{id}\"")));
    linked.map(String::as_str).collect()
}

on_both_databases! {
    async fn deliveries_are_found_by_state_endpoint_id_and_day(database: Database) {
        let (good, bad) = (Receiver::new().await, Receiver::with(Reply::Status(500)).await);
        let server = serve(&database, &[postback("good", &good, ""), postback("bad", &bad, "")].concat());
        deposits(&server, 2).await;
        settled(&server, "delivered", 2).await;
        bad.wait(4).await;
        let all = deliveries(&server);
        let of = |endpoint: &str| -> Vec<String> {
            let found = all.iter().filter(|delivery| delivery["postback"] == endpoint);
            found.map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
        };
        let (all_ids, good_ids, bad_ids) = (ids(&server), of("good"), of("bad"));
        let desk = Desk::new(&server, "olga", "viewer").await;
        let conversion = all[0]["conversion"].as_str().unwrap();
        let id = &good_ids[0];
        let cases = [
            ("", 4), ("state=delivered", 2), ("state=waiting", 2), ("state=dead", 0), ("state=too_late", 0),
            ("endpoint=bad", 2), ("endpoint=bad&state=waiting", 2), ("endpoint=bad&state=delivered", 0),
            ("endpoint=bad&state=dead", 0), ("from=2020-01-01", 4), ("to=2020-01-01", 0),
            ("from=2020-01-01&state=waiting", 2),
            (&*format!("text={conversion}"), 2), (&*format!("text={conversion}&endpoint=good"), 1),
            (&*format!("text={id}"), 1), (&*format!("text={id}&state=waiting"), 0),
        ];
        for (query, count) in cases {
            let page = desk.page(&format!("/deliveries?{query}")).await;
            assert_eq!(shown(&page, &all_ids).len(), count, "{query}: {}", read(&page));
        }
        let page = desk.page("/deliveries?endpoint=bad").await;
        assert_eq!(shown(&page, &bad_ids).len(), 2);
        assert!(read(&page).contains("waiting") && read(&page).contains("answered 500; success is 200-299"), "{page}");
        assert!(read(&desk.page("/deliveries?state=dead").await).contains("Nothing matches"));
        let page = desk.page(&format!("/conversions/{conversion}")).await;
        assert_eq!(shown(&page, &all_ids).len(), 2, "{page}");
    }

    async fn a_list_is_read_page_by_page_and_what_it_does_not_understand_is_said(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        let desk = Desk::new(&server, "olga", "viewer").await;
        assert!(read(&desk.page("/deliveries").await).contains("Nothing is owed to anybody yet"));
        deposits(&server, 52).await;
        settled(&server, "delivered", 52).await;
        let all = ids(&server);
        let page = desk.page("/deliveries?state=delivered").await;
        let mut found = shown(&page, &all);
        assert_eq!(found.len(), 50);
        let next = between(&page, "<a href=\"/deliveries?state=delivered&#38;", "\"").replace("&#38;", "&");
        let page = desk.page(&format!("/deliveries?state=delivered&{next}")).await;
        found.extend(shown(&page, &all));
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 52);
        assert!(page.contains("First page"), "{page}");
        for (query, told) in [
            ("state=lost", "waiting, delivered, unconfirmed, dead, too_late"),
            ("endpoint=A%20B", "a slug"),
            ("text=eafa6b55", "the whole id"),
            ("from=yesterday", "2026-11-20"),
            ("cursor=tampered", "exactly as"),
            ("colour=red", "colour"),
            ("state=dead&state=waiting", "once"),
            ("text=%FF", "UTF-8"),
        ] {
            let refused = desk.get(&format!("/deliveries?{query}")).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text);
            assert!(refused.text.contains("flash bad") && refused.text.contains(told), "{query}: {}", refused.text);
        }
        let conversion = deliveries(&server)[0]["conversion"].as_str().unwrap().to_owned();
        for other in ["not-an-id", conversion.as_str(), "01998000-0000-7000-8000-000000000000"] {
            let missing = desk.get(&format!("/deliveries/{other}")).await;
            assert_eq!(missing.status, 404, "{other}: {}", missing.text);
            assert!(missing.text.contains("Request id"), "{}", missing.text);
        }
    }

    async fn a_delivery_shows_every_attempt_and_no_credential(database: Database) {
        let receiver = Receiver::new().await;
        let more = "basic_auth = { login = \"lotus\", password = \"canary-password\" }\nmethod = \"POST_FORM\"\n\
                    params = { token = \"canary-param\", c = \"{click_id}\" }\n\
                    headers = { X-Api-Key = \"canary-header\" }";
        let server = serve(&database, &endpoint("pb", &receiver.url("/pb?auth_token=canary-url"), more));
        receiver.answer_next([saying(503, "come back later"), Reply::Echo]);
        let click = deposits(&server, 1).await.remove(0);
        settled(&server, "delivered", 1).await;
        receiver.answer_next([saying(200, HOSTILE)]);
        server.change(&click, "ftd approved").await;
        settled(&server, "delivered", 2).await;
        let desk = Desk::new(&server, "olga", "viewer").await;
        let all = ids(&server);
        let first = desk.page(&format!("/deliveries/{}", all[1])).await;
        let text = read(&first);
        for told in [
            "To pb delivered", "Attempt 1", "503", "answered 503; success is 200-299", "come back later", "Attempt 2",
            "200", "POST http", "[redacted]", "Tells pending", "Affiliate Lotus Media", &click, all[1].as_str(),
        ] {
            assert!(text.contains(told), "{told} is not in {text}");
        }
        let second = desk.page(&format!("/deliveries/{}", all[0])).await;
        assert!(second.contains("&#60;script&#62;alert(1)") && !second.contains("<script>alert"), "{second}");
        let listed = desk.page("/deliveries").await;
        for page in [&first, &second, &listed] {
            for secret in ["canary", "bG90dXM6Y2FuYXJ5"] {
                assert!(!page.contains(secret), "{secret} is in {page}");
            }
            assert!(!page.contains("Send again"), "a viewer may not: {page}");
        }
    }

    async fn what_is_selected_is_counted_and_then_sent_again(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 3).await;
        settled(&server, "delivered", 3).await;
        let all = ids(&server);
        let desk = Desk::new(&server, "olga", "manager").await;
        let listed = desk.page("/deliveries").await;
        let here = between(&listed, "name=\"here\" value=\"", "\"").to_owned();
        let whole = desk.post("/deliveries/resend", &[("scope", "here"), ("here", &here)]).await;
        assert!(read(&whole.text).contains("Send 3 deliveries again?"), "{}", whole.text);
        let confirm = desk.post("/deliveries/resend", &[("id", &all[0]), ("id", &all[2])]).await;
        let text = read(&confirm.text);
        assert!(text.contains("Send 2 deliveries again?") && text.contains("delivered 2"), "{text}");
        assert_eq!(receiver.received().len(), 3, "nothing is sent before it is confirmed");
        let picked = between(&confirm.text, "name=\"ids\" value=\"", "\"");
        let done = desk.post("/deliveries/resend/now", &[("ids", picked), ("back", "/deliveries?state=dead")]).await;
        assert!(read(&done.text).contains("2 deliveries on their way again"), "{}", done.text);
        assert!(done.text.contains("href=\"/deliveries?state=dead\""), "{}", done.text);
        receiver.wait(5).await;
        settled(&server, "delivered", 3).await;
        let sent = |id: &str| receiver.received().iter().filter(|request| request.header("webhook-id") == id).count();
        assert_eq!([&all[0], &all[1], &all[2]].map(|id| sent(id)), [2, 1, 2]);
        let one = desk.post(&format!("/deliveries/{}/resend", all[1]), &[]).await;
        assert_eq!((one.status, one.header("location")), (303, &*format!("/deliveries/{}", all[1])), "{}", one.text);
        receiver.wait(6).await;
        let audit = Api::new(&server, "viewer").get("/audit?action=delivery.resend").await.json;
        assert_eq!(audit["items"].as_array().unwrap().len(), 2, "{audit}");
        has(&audit, json!({ "items.0.subject": format!("delivery:{}", all[1]), "items.0.actor": "user:olga" }));
        for (fields, told) in [
            ([("filter", "")], "Nothing was selected"), ([("id", "x")], "is no delivery"),
            ([("scope", "matching")], "by a filter first"),
        ] {
            let refused = desk.post("/deliveries/resend", &fields).await;
            assert_eq!(refused.status, 400, "{}", refused.text);
            assert!(refused.text.contains(told), "{told}: {}", refused.text);
        }
    }

    async fn all_that_match_are_sent_again_and_what_came_later_is_not(database: Database) {
        let (one, two) = (Receiver::new().await, Receiver::new().await);
        let server = serve(&database, &[postback("one", &one, ""), postback("two", &two, "")].concat());
        deposits(&server, 2).await;
        settled(&server, "delivered", 4).await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let matching = [("scope", "matching"), ("filter", "endpoint=one")];
        let confirm = desk.post("/deliveries/resend", &matching).await;
        assert!(read(&confirm.text).contains("Send 2 deliveries again?"), "{}", confirm.text);
        let until = between(&confirm.text, "name=\"until\" value=\"", "\"").to_owned();
        deposits(&server, 1).await;
        settled(&server, "delivered", 6).await;
        let done = desk.post("/deliveries/resend/now", &[("filter", "endpoint=one"), ("until", &until)]).await;
        assert!(read(&done.text).contains("2 deliveries on their way again"), "{}", done.text);
        one.wait(5).await;
        settled(&server, "delivered", 6).await;
        assert_eq!((one.received().len(), two.received().len()), (5, 3));
        let refused = desk.post("/deliveries/resend", &[("scope", "matching"), ("filter", "state=lost")]).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }

    async fn among_many_a_page_ends_after_a_while_and_all_are_sent_again_with_progress(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        server.command(&["postback", "pause", "pb"]).ok();
        deposits(&server, 1).await;
        let id = if database.is_sqlite() {
            "unhex(substr(hex(id), 1, 24) || printf('%08x', n))"
        } else {
            "(substr(replace(id::text, '-', ''), 1, 24) || lpad(to_hex(n), 8, '0'))::uuid"
        };
        let columns = "endpoint, conversion, step, state, due_at, claim, attempts, round_attempts, created_at";
        server.database().execute(&format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 25000)
            INSERT INTO delivery (id, {columns}) SELECT {id}, {columns} FROM numbers CROSS JOIN delivery"
        )).await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page("/deliveries?state=waiting&endpoint=pb").await;
        assert!(page.contains("name=\"scope\" value=\"matching\"") && page.contains("Next"), "{page}");
        let page = desk.page("/deliveries?state=too_late").await;
        assert!(read(&page).contains("Nothing among the newest"), "{}", read(&page));
        let further = between(&page, "<a class=\"button\" href=\"", "\"").replace("&#38;", "&");
        assert!(read(&desk.page(&further).await).contains("Nothing matches"), "{further}");
        let confirm = desk.post("/deliveries/resend", &[("scope", "matching"), ("filter", "state=waiting")]).await;
        assert!(read(&confirm.text).contains("Send 25 001 deliveries again?"), "{}", read(&confirm.text));
        let until = between(&confirm.text, "name=\"until\" value=\"", "\"").to_owned();
        let done = desk.post("/deliveries/resend/now", &[("filter", "state=waiting"), ("until", &until)]).await;
        let text = read(&done.text);
        assert!(text.contains("1 000 of 25 001") && text.contains("25 001 deliveries on their way again"), "{text}");
        assert!(done.text.trim_end().ends_with("</html>"), "{}", done.text);
        let audit = Api::new(&server, "viewer").get("/audit?action=delivery.resend").await.json;
        assert_eq!(audit["items"].as_array().unwrap().len(), 1, "{audit}");
    }

    async fn a_paused_endpoint_holds_its_deliveries_until_it_goes_on(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        let desk = Desk::new(&server, "olga", "manager").await;
        assert!(read(&desk.page("/deliveries/endpoints").await).contains("pb postback Lotus Media healthy"));
        let paused = desk.post("/deliveries/endpoints/pb/pause", &[]).await;
        assert_eq!((paused.status, paused.header("location")), (303, "/deliveries/endpoints"), "{}", paused.text);
        deposits(&server, 2).await;
        settled(&server, "waiting", 2).await;
        let page = desk.page("/deliveries/endpoints").await;
        assert!(read(&page).contains("paused for under 1 min: paused by olga 2 0"), "{}", read(&page));
        assert!(page.contains("href=\"/deliveries?state=waiting&#38;endpoint=pb\""), "{page}");
        let one = desk.page(&format!("/deliveries/{}", ids(&server)[0])).await;
        assert!(read(&one).contains("The endpoint is paused (paused by olga)"), "{}", read(&one));
        let listed = read(&desk.page("/deliveries?state=waiting&endpoint=pb").await);
        assert!(listed.contains("waiting 0 – the endpoint is paused: paused by olga"), "{listed}");
        assert_eq!(receiver.received().len(), 0);
        assert_eq!(desk.post("/deliveries/endpoints/pb/resume", &[]).await.status, 303);
        settled(&server, "delivered", 2).await;
        assert!(read(&desk.page("/deliveries/endpoints").await).contains("healthy – 0 0"));
        let audit = Api::new(&server, "viewer").get("/audit?subject=postback:pb").await.json;
        has(&audit, json!({ "items.0.action": "postback.resume", "items.1.action": "postback.pause" }));
        let missing = desk.post("/deliveries/endpoints/nobody/pause", &[]).await;
        assert_eq!(missing.status, 404, "{}", missing.text);
    }

    async fn a_test_shows_request_and_answer_and_tells_nobody_else(database: Database) {
        let receiver = Receiver::with(saying(200, HOSTILE)).await;
        let more = "params = { click = \"{click_id}\", token = \"canary-param\" }";
        let server = serve(&database, &postback("pb", &receiver, more));
        let desk = Desk::new(&server, "olga", "manager").await;
        let tested = desk.post("/deliveries/endpoints/pb/test", &[]).await;
        let request = receiver.wait(1).await.remove(0);
        assert!(request.path.contains("click=countersign-test-click"), "{}", request.path);
        let text = read(&tested.text);
        assert!(text.contains("The test of pb 200") && text.contains("It took it."), "{text}");
        assert!(text.contains("click=countersign-test-click") && text.contains("webhook-id"), "{text}");
        assert!(tested.text.contains("&#60;script&#62;alert(1)"), "{}", tested.text);
        assert!(!tested.text.contains("<script>alert") && !tested.text.contains("canary"), "{}", tested.text);
        receiver.answer(Reply::Status(500));
        let failed = read(&desk.post("/deliveries/endpoints/pb/test", &[]).await.text);
        assert!(failed.contains("It did not take it: answered 500"), "{failed}");
        assert_eq!((database.count("delivery").await, database.count("attempt").await), (0, 0));
        let audit = Api::new(&server, "viewer").get("/audit?action=postback.test").await.json;
        assert_eq!(audit["items"].as_array().unwrap().len(), 2, "{audit}");
    }

    async fn a_viewer_looks_and_what_they_try_beyond_is_in_the_audit_log(database: Database) {
        let receiver = Receiver::new().await;
        let server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 1).await;
        settled(&server, "delivered", 1).await;
        let id = ids(&server).remove(0);
        let desk = Desk::new(&server, "victor", "viewer").await;
        let page = desk.page("/deliveries/endpoints").await;
        assert!(!page.contains("/deliveries/endpoints/pb/"), "{page}");
        let one = format!("/deliveries/{id}/resend");
        let tries = [
            ("/deliveries/resend", "delivery.resend"), ("/deliveries/resend/now", "delivery.resend"),
            (one.as_str(), "delivery.resend"), ("/deliveries/endpoints/pb/pause", "postback.pause"),
            ("/deliveries/endpoints/pb/resume", "postback.resume"), ("/deliveries/endpoints/pb/test", "postback.test"),
        ];
        let api = Api::new(&server, "viewer");
        for (address, action) in tries {
            let refused = desk.post(address, &[("id", &id), ("ids", &id)]).await;
            assert_eq!(refused.status, 403, "{address}: {}", refused.text);
            let audit = api.get("/audit?limit=1").await.json;
            has(&audit, json!({
                "items.0.action": action, "items.0.outcome": "forbidden", "items.0.actor": "user:victor",
            }));
        }
        assert_eq!(receiver.received().len(), 1);
        let hostile = percent_encoded(HOSTILE);
        for address in [format!("/deliveries/{hostile}"), format!("/deliveries?text={hostile}")] {
            let page = desk.get(&address).await;
            assert!((400..500).contains(&page.status) && !page.text.contains("<script>alert"), "{}", page.text);
        }
    }
}
