//! All conversions, one of them, and the file.

use super::{Desk, between, ftd, read};
use crate::support::{Server, on_both_databases};

on_both_databases! {
    async fn every_conversion_is_found_page_by_page(server: Server) {
        let mut ids = Vec::new();
        for amount in 1..=52 {
            ids.push(ftd(&server, &format!("{amount} EUR")).await.0);
        }
        let desk = Desk::new(&server, "olga", "viewer").await;
        let page = desk.page("/conversions?status=pending").await;
        let found = |page: &str| ids.iter().filter(|id| page.contains(&format!("/conversions/{id}\""))).count();
        assert_eq!(found(&page), 50);
        let next = between(&page, "<a href=\"/conversions?status=pending&#38;", "\"").replace("&#38;", "&");
        let page = desk.page(&format!("/conversions?status=pending&{next}")).await;
        assert_eq!(found(&page), 2);
        assert!(page.contains("First page"), "{page}");
        assert!(read(&desk.page("/conversions?status=rejected").await).contains("Nothing matches"));
    }

    async fn a_conversion_is_found_by_every_id_that_people_have(server: Server) {
        let (id, click) = ftd(&server, "100 EUR transaction_id=T-9 player_id=p-77 user_id=u-5").await;
        ftd(&server, "7 EUR transaction_id=T-8 player_id=p-78 user_id=u-6").await;
        let desk = Desk::new(&server, "olga", "viewer").await;
        for text in [id.as_str(), click.as_str(), "T-9", "p-77", "u-5"] {
            for list in ["/", "/conversions"] {
                let page = desk.page(&format!("{list}?text={text}")).await;
                assert!(page.contains(&format!("/conversions/{id}\"")), "{list} {text}: {page}");
                assert_eq!(page.matches("7.00").count(), 0, "{list} {text}");
            }
        }
        assert!(read(&desk.page("/conversions?text=p-7").await).contains("Nothing matches"));
    }

    async fn a_file_of_conversions_holds_all_that_match_and_no_formula(server: Server) {
        let (first, click) = ftd(&server, "100 EUR transaction_id=%3DSUM(1)").await;
        ftd(&server, "7 JPY").await;
        server.conv(&click, "rdep 5 EUR transaction_id=T-1").await;
        let desk = Desk::new(&server, "olga", "viewer").await;
        let file = desk.get("/conversions.csv?currency=EUR&goal=ftd").await;
        assert_eq!((file.status, file.header("content-type")), (200, "text/csv; charset=utf-8"));
        let lines: Vec<_> = file.text.lines().collect();
        assert_eq!(lines.len(), 2, "{}", file.text);
        assert!(lines[0].starts_with("id,created_at,status,"), "{}", file.text);
        assert!(lines[1].starts_with(&first) && lines[1].contains(",100.00,EUR,"), "{}", file.text);
        assert!(lines[1].contains(",'=SUM(1),"), "{}", file.text);
        assert_eq!(desk.get("/conversions.csv").await.text.lines().count(), 4);
        assert_eq!(desk.get("/conversions.csv?amount_min=x").await.status, 400);
    }

    async fn one_conversion_is_shown_with_all_that_is_known_of_it(server: Server) {
        let click = server.get("/click?offer=acme-offer&affiliate=lotus&sub1=banner&cl_id=%3Cb%3Ex").await;
        let click = between(click.header("location"), "cid=", "&").to_owned();
        let recorded = server.conv(&click, "ftd 100 EUR transaction_id=T-9 player_id=p-77").await;
        let id = recorded.json["conversion"]["id"].as_str().expect(&recorded.text).to_owned();
        server.conv(&click, "ftd 100 EUR transaction_id=T-9 player_id=p-77").await;
        server.conv(&click, "rdep 7 EUR").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page(&format!("/conversions/{id}")).await;
        let text = read(&page);
        for told in [
            "First deposit of 100.00 EUR pending",
            "Transaction T-9",
            "player_id p-77",
            "by merchant:acme",
            "sub1 banner",
            "cl_id &#60;b&#62;x",
            "[redacted]",
            "duplicate",
            "Nobody is told",
            "Repeat deposit 7.00 EUR",
        ] {
            assert!(text.contains(told), "{told} is not in {text}");
        }
        assert_eq!(desk.get("/conversions/not-an-id").await.status, 404);
        let other = desk.get("/conversions/00000000-0000-7000-8000-000000000000").await;
        assert_eq!(other.status, 404);
        assert!(other.text.contains("Request id"), "{}", other.text);
    }

    async fn a_decision_is_reversed_by_one_more_step_with_a_reason(server: Server) {
        let (id, click) = ftd(&server, "100 EUR").await;
        server.change(&click, "ftd approved").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let address = format!("/conversions/{id}/status");
        let without = desk.post(&address, &[("status", "rejected"), ("reason", "")]).await;
        assert_eq!(without.status, 400);
        assert!(without.text.contains("Give a reason"), "{}", without.text);
        let done = desk.post(&address, &[("status", "rejected"), ("reason", "Charged back")]).await;
        assert_eq!((done.status, done.header("location")), (303, &*format!("/conversions/{id}")), "{}", done.text);
        let text = read(&desk.page(&format!("/conversions/{id}")).await);
        assert!(text.contains("rejected after approved") && text.contains("Charged back"), "{text}");
        let same = desk.post(&address, &[("status", "rejected"), ("reason", "Again")]).await;
        assert_eq!(same.status, 303);
        let back = desk.post(&address, &[("status", "pending"), ("reason", "x")]).await;
        assert_eq!(back.status, 400, "{}", back.text);
        let (fresh, _) = ftd(&server, "5 EUR").await;
        let fields = [("status", "rejected"), ("reason", "x")];
        let stale = desk.post(&format!("/conversions/{fresh}/status"), &fields).await;
        assert_eq!(stale.status, 409, "{}", stale.text);
        assert!(stale.text.contains("Somebody else has decided it meanwhile: it is pending"), "{}", stale.text);
    }

    async fn days_of_a_filter_are_those_of_the_viewers_zone(server: Server) {
        ftd(&server, "100 EUR").await;
        let desk = Desk::new(&server, "olga", "viewer").await;
        assert!(read(&desk.page("/conversions?to=2020-01-01").await).contains("Nothing matches"));
        let page = desk.page("/conversions?from=2020-01-01").await;
        assert!(page.contains("100.00") && page.contains("value=\"2020-01-01\""), "{page}");
        let cookie = format!("{}; zone=Asia/Tokyo", desk.cookie());
        let page = server.request("GET", "/conversions", &[("cookie", &cookie)], "").await.text;
        assert!(page.contains("data-zone=\"Asia/Tokyo\"") && page.contains("Times are in"), "{page}");
    }
}
