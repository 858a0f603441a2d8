//! Review: select, confirm, decide.

use serde_json::Value;

use super::{Desk, between, ftd, read};
use crate::support::{Server, on_both_databases};

/// The history of a conversion, as the API tells it: statuses, and by whom.
async fn history(server: &Server, id: &str) -> Vec<(String, String, Option<String>)> {
    let api = crate::api::Api::new(server, "viewer");
    let steps = api.get(&format!("/conversions/{id}")).await.json["history"].clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let step =
        |step: &Value| (text(&step["to"]).unwrap(), text(&step["actor"]).unwrap(), text(&step["reason"]));
    steps.as_array().unwrap().iter().map(step).collect()
}

on_both_databases! {
    async fn what_waits_is_listed_oldest_first_with_everything_to_decide_by(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        assert!(read(&desk.page("/").await).contains("Nothing has been reported yet"));
        let (first, click) = ftd(&server, "100 EUR").await;
        let (second, _) = ftd(&server, "2500 JPY").await;
        server.conv(&click, "rdep 7 EUR").await;
        server.conv(&click, "rdep 8 EUR").await;
        let page = desk.page("/").await;
        let (at_first, at_second) = (page.find(&first).unwrap(), page.find(&second).unwrap());
        assert!(at_first < at_second, "{page}");
        let text = read(&page);
        assert!(text.contains("2 conversions wait for a decision, the oldest for under 1 min."), "{text}");
        assert!(text.contains("Acme Casino Acme Slots Lotus Media First deposit 100.00 EUR under 1 min 2"), "{text}");
        assert!(text.contains("2 500 JPY under 1 min 0"), "{text}");
    }

    async fn a_filter_narrows_the_review_and_says_what_it_does_not_understand(server: Server) {
        let (small, _) = ftd(&server, "100 EUR").await;
        let (large, click) = ftd(&server, "250 EUR").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        for (query, found) in [
            ("amount_min=200", &large),
            ("amount_max=200&merchant=acme&goal=ftd", &small),
            (&*format!("text={click}"), &large),
        ] {
            let page = desk.page(&format!("/?{query}")).await;
            let other = if *found == large { &small } else { &large };
            assert!(page.contains(&**found) && !page.contains(&**other), "{query}: {page}");
        }
        let none = read(&desk.page("/?age=30d").await);
        assert!(none.contains("Nothing that waits matches") && none.contains("Waiting: More than 30 days"), "{none}");
        for (query, told) in [
            ("amount_min=1,5", "1,5"),
            ("age=2d", "1h, 1d, 3d, 7d, 30d"),
            ("cursor=tampered", "exactly as"),
            ("colour=red", "colour"),
            ("merchant=a&merchant=b", "once"),
            ("text=%FF", "UTF-8"),
        ] {
            let refused = desk.get(&format!("/?{query}")).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text);
            assert!(refused.text.contains("flash bad") && refused.text.contains(told), "{query}: {}", refused.text);
        }
    }

    async fn a_selection_is_counted_and_summed_before_it_is_approved(server: Server) {
        let mut ids = Vec::new();
        for words in ["100 EUR", "50.50 EUR", "2500 JPY", "9 EUR"] {
            ids.push(ftd(&server, words).await.0);
        }
        let desk = Desk::new(&server, "olga", "manager").await;
        let three = ids[..3].iter().map(|id| ("id", id.as_str()));
        let selection: Vec<_> = three.chain([("decision", "approve")]).collect();
        let confirm = desk.post("/review", &selection).await;
        let text = read(&confirm.text);
        assert!(text.contains("Approve 3 conversions?") && text.contains("2 150.50 EUR 1 2 500 JPY"), "{text}");
        assert_eq!(history(&server, &ids[0]).await.len(), 1);
        let picked = between(&confirm.text, "name=\"ids\" value=\"", "\"");
        let done = desk.post("/review/decide", &[("decision", "approve"), ("ids", picked)]).await;
        let text = read(&done.text);
        assert!(text.contains("3 conversions approved") && text.contains("2 150.50 EUR 1 2 500 JPY"), "{text}");
        assert!(text.contains("On to the next 1"), "{text}");
        let actor = "user:olga".to_owned();
        assert_eq!(history(&server, &ids[0]).await[1], ("approved".into(), actor, None));
        assert_eq!(history(&server, &ids[3]).await.len(), 1);
    }

    async fn a_page_can_be_selected_as_a_whole_without_a_script(server: Server) {
        let (first, _) = ftd(&server, "100 EUR").await;
        let (second, _) = ftd(&server, "50 EUR").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page("/").await;
        let here = between(&page, "name=\"here\" value=\"", "\"");
        assert_eq!(here, format!("{first},{second}"));
        let fields = [("scope", "here"), ("here", here), ("decision", "approve")];
        assert!(read(&desk.post("/review", &fields).await.text).contains("Approve 2 conversions?"));
        let nothing = desk.post("/review", &[("here", here), ("decision", "approve")]).await;
        assert_eq!(nothing.status, 400);
        assert!(nothing.text.contains("Nothing was selected"), "{}", nothing.text);
    }

    async fn a_rejection_takes_a_reason_and_keeps_it(server: Server) {
        let (id, _) = ftd(&server, "100 EUR").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let asked = desk.post("/review", &[("id", &id), ("decision", "reject")]).await;
        assert!(asked.text.contains("<option value=\"Bonus abuse\">"), "{}", asked.text);
        let without = desk.post("/review/decide", &[("ids", &id), ("decision", "reject"), ("reason", " ")]).await;
        assert_eq!(without.status, 400);
        assert!(without.text.contains("Give a reason") && without.text.contains("Reject 1 conversion?"));
        let reason = "<script>alert(1)</script> & \"abuse\"";
        let done = desk.post("/review/decide", &[("ids", &id), ("decision", "reject"), ("reason", reason)]).await;
        assert!(read(&done.text).contains("1 conversion rejected"), "{}", done.text);
        assert!(!done.text.contains("<script>alert"), "{}", done.text);
        assert_eq!(history(&server, &id).await[1].2.as_deref(), Some(reason));
        let page = desk.page(&format!("/conversions/{id}")).await;
        assert!(!page.contains("<script>alert") && page.contains("&#60;script&#62;alert(1)"), "{page}");
    }

    async fn all_that_match_are_decided_and_what_came_later_is_not(server: Server) {
        let mut ids = Vec::new();
        for words in ["100 EUR", "150 EUR", "2500 JPY"] {
            ids.push(ftd(&server, words).await.0);
        }
        let desk = Desk::new(&server, "olga", "manager").await;
        let fields = [("scope", "matching"), ("filter", "currency=EUR"), ("decision", "reject")];
        let confirm = desk.post("/review", &fields).await;
        let asked = "Reject 2 conversions? Counts and sums by currency Conversions Sum 2 250.00 EUR";
        assert!(read(&confirm.text).contains(asked), "{}", confirm.text);
        let until = between(&confirm.text, "name=\"until\" value=\"", "\"").to_owned();
        let (later, _) = ftd(&server, "7 EUR").await;
        let fields = [("filter", "currency=EUR"), ("until", &*until), ("decision", "reject"), ("reason", "Test")];
        let done = desk.post("/review/decide", &fields).await;
        let text = read(&done.text);
        assert_eq!(done.status, 200, "{text}");
        assert!(text.contains("2 of 2") && text.contains("2 conversions rejected"), "{text}");
        assert!(done.text.trim_end().ends_with("</html>"), "{}", done.text);
        let statuses = [&ids[0], &ids[1], &ids[2], &later];
        let mut steps = Vec::new();
        for id in statuses {
            steps.push(history(&server, id).await.len());
        }
        assert_eq!(steps, [2, 2, 1, 1]);
    }

    async fn of_two_managers_the_second_is_told_what_the_first_has_decided(server: Server) {
        let (both, _) = ftd(&server, "100 EUR").await;
        let (mine, _) = ftd(&server, "60 EUR").await;
        let (olga, ivan) = (Desk::new(&server, "olga", "manager").await, Desk::new(&server, "ivan", "manager").await);
        let ids = format!("{both},{mine}");
        assert_eq!(ivan.post("/review", &[("id", &both), ("id", &mine), ("decision", "approve")]).await.status, 200);
        let rejected = [("ids", both.as_str()), ("decision", "reject"), ("reason", "Self-referral")];
        assert_eq!(olga.post("/review/decide", &rejected).await.status, 200);
        let done = ivan.post("/review/decide", &[("ids", &*ids), ("decision", "approve")]).await;
        let text = read(&done.text);
        let told = "1 conversion approved Counts and sums by currency Conversions Sum 1 60.00 EUR";
        assert!(text.contains(told), "{text}");
        assert!(text.contains("1 conversion left as they were"), "{text}");
        assert!(text.contains("100.00 EUR rejected user:olga"), "{text}");
        assert!(text.contains("Self-referral"), "{text}");
        assert_eq!(history(&server, &both).await.last().unwrap().0, "rejected");
        let late = ivan.post("/review", &[("id", &both), ("decision", "approve")]).await;
        assert!(read(&late.text).contains("Nothing was approved 1 conversion left as they were"), "{}", late.text);
    }
}
