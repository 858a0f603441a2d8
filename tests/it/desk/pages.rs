//! What every page carries, and what it does with bad input.

use super::{Desk, PAGES, integration_link};
use crate::support::{Answer, Server, on_both_databases, percent_encoded};

/// What somebody might send to have it run in a manager's browser.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

#[track_caller]
fn is_a_page(answer: &Answer, address: &str) {
    assert!(answer.status < 500, "{address}: {} {}", answer.status, answer.text);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{address}: {}", answer.text);
    let policy = answer.header("content-security-policy");
    for rule in ["default-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{address}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{address}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{address}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{address}");
    assert_eq!(answer.header("cache-control"), "no-store", "{address}");
    assert!(answer.text.starts_with("<!doctype html>"), "{address}");
}

on_both_databases! {
    async fn every_page_says_what_a_browser_may_do_with_it(server: Server) {
        let desk = Desk::new(&server, "anna", "admin").await;
        let addresses = PAGES.into_iter().chain(["/account", "/api/docs"]).map(|address| (&desk, address));
        let (outside, link) = (Desk::outside(&server), integration_link(&server, "acme", 7).await);
        for (desk, address) in addresses.chain([(&outside, "/sign-in"), (&outside, &link)]) {
            let page = desk.get(address).await;
            is_a_page(&page, address);
            assert_eq!(page.status, 200, "{address}: {}", page.text);
        }
        let unknown = "01998000-0000-7000-8000-000000000000";
        for (address, status) in [
            ("/conversions/not-an-id".to_owned(), 404), (format!("/conversions/{unknown}"), 404),
            ("/?cursor=tampered".to_owned(), 400), ("/conversions?cursor=tampered".to_owned(), 400),
            ("/?limit=many".to_owned(), 400), ("/conversions?from=yesterday".to_owned(), 400),
            ("/conversions?staus=pending".to_owned(), 400), ("/conversions?merchant=A%20B".to_owned(), 400),
            ("/?amount_min=%FF".to_owned(), 400), ("/settings/merchants/nobody/integration".to_owned(), 404),
            ("/i/nothing".to_owned(), 404), ("/i/%FF".to_owned(), 404), (format!("{link}x"), 404),
            ("/deliveries?state=lost".to_owned(), 400), (format!("/deliveries/{unknown}"), 404),
        ] {
            let page = desk.get(&address).await;
            is_a_page(&page, &address);
            assert_eq!(page.status, status, "{address}: {}", page.text);
        }
    }

    async fn script_in_any_parameter_is_shown_as_text(server: Server) {
        let hostile = percent_encoded(HOSTILE);
        let desk = Desk::new(&server, "anna", "admin").await;
        let click = format!("/click?offer=acme-offer&affiliate=lotus&sub1={hostile}&sub2={hostile}");
        let click = server.request("GET", &click, &[("accept", "application/json")], "").await.json;
        let click = click["click_id"].as_str().unwrap();
        let words = format!("ftd 100 EUR transaction_id={hostile} player={hostile} note={hostile}");
        let recorded = server.conv(click, &words).await;
        let id = recorded.json["conversion"]["id"].as_str().expect(&recorded.text).to_owned();
        server.conv(click, &format!("{hostile} 1 EUR")).await;
        let reason = [("decision", "reject"), ("ids", id.as_str()), ("back", "/"), ("reason", HOSTILE)];
        let done = desk.post("/review/decide", &reason).await;
        assert!(done.status < 400, "{}", done.text);
        let mut shown = 0;
        let mut addresses = vec![format!("/conversions/{id}"), "/".to_owned()];
        for page in PAGES {
            for name in ["text", "merchant", "endpoint", "cursor", "from", "group_by", "tz", "actor", "flash", "next"] {
                addresses.push(format!("{page}?{name}={hostile}"));
            }
        }
        addresses.push(format!("/conversions/{hostile}"));
        addresses.push(format!("/i/{hostile}"));
        for address in addresses {
            let page = desk.get(&address).await;
            is_a_page(&page, &address);
            assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{address}");
            shown += page.text.matches("&lt;script&gt;alert(1)").count();
            shown += page.text.matches("&#60;script&#62;alert(1)").count();
        }
        assert!(shown > 5, "what was sent is hardly shown anywhere: {shown}");
    }
}
