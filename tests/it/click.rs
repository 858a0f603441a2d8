//! Clicks: where they lead, and what is kept of them.

use std::{collections::HashSet, time::Duration};

use serde_json::json;

use crate::support::{Answer, Server, on_both_databases, percent_encoded};

/// A click as a browser makes it; the query follows offer and affiliate.
async fn follow(server: &Server, offer: &str, more: &str) -> Answer {
    server.get(&format!("/click?offer={offer}&affiliate=lotus{more}")).await
}

/// Where an answer leads, its click id replaced by `ID`.
#[track_caller]
fn leads_to(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.header("cache-control")), (302, "no-store"), "{}", answer.text);
    let address = answer.header("location");
    let (before, rest) = address.split_once("cid=").unwrap();
    let end = rest.find('&').unwrap_or(rest.len());
    format!("{before}cid={}{}", if end > 0 { "ID" } else { "" }, &rest[end..])
}

on_both_databases! {
    async fn a_click_leads_to_the_landing_page_with_its_macros_filled_in(server: Server) {
        let acme = "https://acme.example/land?cid=ID&order_id=";
        let rows = [
            ("", format!("{acme}&login=")),
            ("&custom2=A%26B%207&custom3=x", format!("{acme}A%26B%207&login=x")),
            ("&custom2=a+b%2Bc", format!("{acme}a%20b%2Bc&login=")),
            (
                "&custom2=%C3%BC%23%3F%3D%2F%0D%0A%22%3C",
                format!("{acme}%C3%BC%23%3F%3D%2F%0D%0A%22%3C&login="),
            ),
            ("&custom2={click_id}&custom3={custom2}", format!("{acme}%7Bclick_id%7D&login=%7Bcustom2%7D")),
            ("&custom2=one&custom2=two", format!("{acme}one&login=")),
            ("&unknown=x&click_id=mine", format!("{acme}&login=")),
        ];
        for (more, expected) in rows {
            assert_eq!(leads_to(&follow(&server, "acme-offer", more).await), expected, "{more}");
        }
        let plain = leads_to(&follow(&server, "plain-offer", "&sub1=s%2F1").await);
        assert_eq!(plain, "https://plain.example/plain/plain-offer/lotus?cid=ID&sub=s%2F1");
    }

    async fn a_click_is_committed_with_its_parameters_before_it_is_answered(server: Server) {
        let more = "&sub1=s&custom10=c&cl_id=their%201&user_id=7&advert__x=y&empty=";
        let answer = follow(&server, "acme-offer", more).await;
        let id =
            answer.header("location").split("cid=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let database = server.database();
        assert_eq!(
            database
                .count(&format!("click WHERE id = '{id}' AND affiliate = 'lotus' AND merchant = 'acme'"))
                .await,
            1
        );
        let kept = database.texts(&format!("SELECT params FROM click WHERE id = '{id}'")).await.remove(0);
        for value in ["their 1", "advert__x", "custom10"] {
            assert!(kept.contains(value), "{kept}");
        }
        server.conv(&id, "ftd 5 EUR").await.ok(json!({ "click_id": id }));
    }

    async fn who_asks_for_json_is_told_the_click(server: Server) {
        let address = "/click?offer=acme-offer&affiliate=lotus&custom2=x";
        for accept in ["application/json", "text/html, Application/JSON;q=0.9"] {
            let answer = server.request("GET", address, &[("accept", accept)], "").await;
            assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
            assert_eq!(answer.header("cache-control"), "no-store");
            let id = answer.json["click_id"].as_str().unwrap();
            let url = format!("https://acme.example/land?cid={id}&order_id=x&login=");
            assert_eq!(answer.json, json!({ "success": true, "click_id": id, "url": url }));
        }
        let refused = server
            .request("GET", "/click?offer=none&affiliate=lotus", &[("accept", "application/json")], "")
            .await;
        refused.refused(404, "offer_not_found", "offer");
    }

    async fn what_only_looks_records_nothing(server: Server) {
        let address = "/click?offer=acme-offer&affiliate=lotus&custom2=x";
        let head = server.request("HEAD", address, &[], "").await;
        assert_eq!(leads_to(&head), "https://acme.example/land?cid=&order_id=x&login=");
        for purpose in ["prefetch", "prefetch;prerender"] {
            let answer = server.request("GET", address, &[("sec-purpose", purpose)], "").await;
            assert_eq!(leads_to(&answer), "https://acme.example/land?cid=&order_id=x&login=");
        }
        for method in ["POST", "PUT", "OPTIONS"] {
            let answer = server.request(method, address, &[], "").await;
            answer.refused(405, "method_not_allowed", "");
            assert_eq!(answer.header("allow"), "GET, HEAD");
        }
        assert_eq!(server.database().count("click").await, 0);
    }

    async fn a_link_that_leads_nowhere_is_not_found(server: Server) {
        let rows = [
            ("offer=none&affiliate=lotus", 404, "offer_not_found", "offer"),
            ("offer=acme-closed&affiliate=lotus", 404, "offer_not_found", "offer"),
            ("offer=Acme%20Offer&affiliate=lotus", 404, "offer_not_found", "offer"),
            ("offer=acme-offer&affiliate=none", 404, "affiliate_not_found", "affiliate"),
            ("affiliate=lotus", 400, "missing_parameter", "offer"),
            ("offer=acme-offer", 400, "missing_parameter", "affiliate"),
            ("offer=&affiliate=lotus", 400, "missing_parameter", "offer"),
            ("offer=acme-offer&affiliate=lotus&a=%ff", 400, "malformed_query", "a"),
            ("offer=acme-offer&affiliate=lotus&a=%00", 400, "malformed_query", "a"),
        ];
        for (query, status, code, parameter) in rows {
            server.get(&format!("/click?{query}")).await.refused(status, code, parameter);
            let head = server.request("HEAD", &format!("/click?{query}"), &[], "").await;
            assert_eq!((head.status, head.text.as_str()), (status, ""), "{query}");
        }
        assert_eq!(server.database().count("click").await, 0);
    }

    async fn a_link_may_carry_64_parameters_of_2_kib(server: Server) {
        let parameters = |count: usize| (0..count).map(|at| format!("&p{at}=v")).collect::<Vec<_>>().concat();
        assert_eq!(follow(&server, "acme-offer", &parameters(64)).await.status, 302);
        follow(&server, "acme-offer", &parameters(65)).await.refused(400, "malformed_query", "");
        assert_eq!(follow(&server, "acme-offer", &format!("&a={}", "v".repeat(2048))).await.status, 302);
        follow(&server, "acme-offer", &format!("&a={}", "v".repeat(2049))).await.refused(
            400,
            "malformed_query",
            "",
        );
        let umlauts = percent_encoded(&"\u{fc}".repeat(1024));
        assert_eq!(follow(&server, "acme-offer", &format!("&a={umlauts}")).await.status, 302);
        assert_eq!(server.database().count("click").await, 3);
    }

    async fn click_ids_sort_by_time_and_cannot_be_guessed(server: Server) {
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(server.click().await);
            // Ids of one millisecond have no order.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(
            ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'),
            "UUIDs of version 7 have 74 random bits"
        );
        let tails: HashSet<_> = ids.iter().map(|id| &id[19..]).collect();
        assert_eq!(tails.len(), ids.len());
    }
}
