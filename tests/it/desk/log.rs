//! The log of what merchants sent.

use serde_json::json;

use super::{Desk, between, read};
use crate::{
    api::Api,
    support::{Answer, Server, on_both_databases, percent_encoded},
};

/// What somebody might send to have it run in a manager's browser.
const HOSTILE: &str = "\"'><script>alert(1)</script>";

pub(super) fn request_id(answer: &Answer) -> String {
    answer.json["request_id"].as_str().expect(&answer.text).to_owned()
}

/// Creates clicks with these ids, on their way to acme.
pub(super) async fn import(server: &Server, clicks: &[&str]) {
    let api = Api::new(server, "manager");
    for click in clicks {
        let click = json!({"id": click, "offer": "acme-offer", "affiliate": "lotus"});
        assert_eq!(api.post("/clicks", &click).await.status, 201);
    }
}

/// A sentence as pages write it.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;");
    text.replace('"', "&#34;").replace('\'', "&#39;")
}

on_both_databases! {
    async fn what_arrived_is_listed_newest_first_with_what_to_change(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        assert!(read(&desk.page("/log").await).contains("Nothing has arrived yet"));
        let click = server.click().await;
        let recorded = server.conv(&click, "ftd 100 EUR").await;
        let refused = server.conv(&click, "nogoal 5 EUR").await;
        let strange = server.conv(&click, "ftd 5 EUR token=nobody-s-token").await;
        let page = desk.page("/log").await;
        let ids = [&strange, &refused, &recorded].map(request_id);
        let places = ids.each_ref().map(|id| page.find(&format!("href=\"/log/{id}\"")).expect(id));
        assert!(places.is_sorted(), "{page}");
        assert!(page.contains(&escaped(refused.json["detail"].as_str().unwrap())), "{page}");
        let text = read(&page);
        assert!(page.contains(&format!("href=\"/players/{click}\"")), "{page}");
        assert!(text.contains("Acme Casino GET /track/conv nogoal"), "{text}");
        assert!(text.contains("unknown goal 400") && text.contains("recorded 200"), "{text}");
        assert!(text.contains("unknown GET /track/conv"), "nobody knows whose it was: {text}");
        for token in ["acme-token-1", "nobody-s-token"] {
            assert!(!page.contains(token), "{page}");
        }
        // What can be processed again can be selected: neither what was recorded, nor what nobody is known for.
        assert_eq!(page.matches("name=\"id\"").count(), 1);
        assert_eq!(between(&page, "name=\"here\" value=\"", "\""), ids[1]);
        let viewer = Desk::new(&server, "victor", "viewer").await.page("/log").await;
        assert!(!viewer.contains("Process again") && viewer.contains("takes the role of a manager"), "{viewer}");
    }

    async fn each_filter_of_the_log_lives_in_the_address_and_finds_what_it_says(server: Server) {
        let click = server.click().await;
        let recorded = request_id(&server.conv(&click, "ftd 100 EUR mine=Needle").await);
        let refused = request_id(&server.conv(&click, "nogoal 5 EUR").await);
        let plain = server.click_to("plain").await;
        let other = request_id(&server.conv(&plain, "ftd 7 EUR token=plain-token-1").await);
        let desk = Desk::new(&server, "olga", "viewer").await;
        let all = [&recorded, &refused, &other];
        for (query, found) in [
            ("merchant=plain", &[&other][..]), ("merchant=acme", &[&recorded, &refused]),
            ("outcome=refused", &[&refused]), ("outcome=recorded", &[&recorded, &other]),
            ("outcome=unknown_goal&open=1", &[&refused]), ("text=needle", &[&recorded]),
            (&*format!("text={plain}"), &[&other]), (&*format!("click_id={click}"), &[&recorded, &refused]),
            ("from=2020-01-01&endpoint=/track/conv", &all), ("to=2020-01-01", &[]),
        ] {
            let page = desk.page(&format!("/log?{query}")).await;
            for id in all {
                let is_there = page.contains(&format!("href=\"/log/{id}\""));
                assert_eq!(is_there, found.contains(&id), "{query} {id}: {page}");
            }
            assert!(page.contains("Conditions in force"), "{query}: {page}");
        }
        import(&server, &["player-1", "player-10"]).await;
        let one = server.conv("player-1", "ftd 1 EUR").await;
        let ten = server.conv("player-10", "ftd 1 EUR").await;
        for (text, found) in [("player-1", &[&one][..]), ("PLAYER-1", &[&one, &ten]), ("player-10", &[&ten])] {
            let page = desk.page(&format!("/log?text={text}")).await;
            assert_eq!(page.matches("data-label=\"Arrived\"").count(), found.len(), "{text}: {page}");
            assert!(found.iter().all(|answer| page.contains(&request_id(answer))), "{text}: {page}");
        }
        let chips = read(&desk.page("/log?merchant=acme&outcome=unknown_goal&click_id=c1").await);
        assert!(chips.contains("Merchant: Acme Casino") && chips.contains("Outcome: unknown goal"), "{chips}");
        assert!(chips.contains("Click: c1") && chips.contains("Nothing matches"), "{chips}");
    }

    async fn what_the_log_does_not_understand_it_says(server: Server) {
        server.conv("nobody", "ftd 5 EUR").await;
        let (conversion, _) = super::ftd(&server, "100 EUR").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        for (query, told) in [
            ("from=yesterday", "2026-11-20"), ("cursor=tampered", "exactly as"), ("colour=red", "colour"),
            ("merchant=A%20B", "merchant"), ("conversion=7", "conversion"), ("open=perhaps", "perhaps"),
            ("from=2026-11-20&to=2026-11-01", "later than"), ("text=%FF", "UTF-8"), ("outcome=a&outcome=b", "once"),
        ] {
            let refused = desk.get(&format!("/log?{query}")).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text);
            assert!(refused.text.contains("flash bad") && refused.text.contains(told), "{query}: {}", refused.text);
            assert!(!refused.text.contains("href=\"/log/"), "{query}: {}", refused.text);
        }
        for id in ["not-an-id", "00000000-0000-7000-8000-000000000000", &conversion] {
            let missing = desk.get(&format!("/log/{id}")).await;
            assert_eq!(missing.status, 404, "{}", missing.text);
            assert!(missing.text.contains(id), "{}", missing.text);
        }
    }

    async fn a_long_log_has_pages(server: Server) {
        let mut ids = Vec::new();
        for number in 0..52 {
            ids.push(request_id(&server.conv("nobody", &format!("ftd {number} EUR")).await));
        }
        let desk = Desk::new(&server, "olga", "viewer").await;
        let found = |page: &str| ids.iter().filter(|id| page.contains(&format!("\"/log/{id}\""))).count();
        let page = desk.page("/log?merchant=acme").await;
        assert_eq!(found(&page), 50);
        let next = between(&page, "<a href=\"/log?merchant=acme&#38;", "\"").replace("&#38;", "&");
        let page = desk.page(&format!("/log?merchant=acme&{next}")).await;
        assert_eq!(found(&page), 2);
        assert!(page.contains("First page") && !page.contains("Next"), "{page}");
    }

    async fn one_request_is_shown_with_its_answer_and_leads_to_what_it_was_about(server: Server) {
        let click = server.click().await;
        let recorded = server.conv(&click, "ftd 100 EUR transaction_id=T-1").await;
        let conversion = recorded.json["conversion"]["id"].as_str().unwrap();
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page(&format!("/log/{}", request_id(&recorded))).await;
        for link in [format!("/conversions/{conversion}"), format!("/players/{click}")] {
            assert!(page.contains(&format!("href=\"{link}\"")), "{link}: {page}");
        }
        let text = read(&page);
        for told in ["transaction_id T-1", "token [redacted]", "GET /track/conv", "HTTP status 200", "From 127.0.0.1"] {
            assert!(text.contains(told), "{told} is not in {text}");
        }
        assert!(page.contains(&escaped(&recorded.text)) && !page.contains("acme-token-1"), "{page}");
        assert!(!page.contains("Process again"), "{page}");
        let back = desk.page(&format!("/conversions/{conversion}")).await;
        assert!(back.contains(&format!("href=\"/log/{}\"", request_id(&recorded))), "{back}");
        let refused = server.conv("nobody-s-click", "ftd 5 EUR").await;
        let page = desk.page(&format!("/log/{}", request_id(&refused))).await;
        let advice = escaped(refused.json["detail"].as_str().unwrap());
        assert!(page.contains(&format!("The merchant must change something: {advice}")), "{page}");
        assert!(page.contains("Process again…") && !page.contains("href=\"/players/nobody"), "{page}");
        let strange = server.conv(&click, "ftd 5 EUR token=nobody-s-token").await;
        let page = desk.page(&format!("/log/{}", request_id(&strange))).await;
        assert!(page.contains("Its token was unknown, so nobody knows whose it was."), "{page}");
        assert!(!page.contains("Process again…") && !page.contains("nobody-s-token"), "{page}");
        let viewer = Desk::new(&server, "victor", "viewer").await;
        let page = viewer.page(&format!("/log/{}", request_id(&refused))).await;
        assert!(page.contains(&advice) && !page.contains("Process again…"), "{page}");
    }

    async fn script_in_a_request_is_shown_as_text(server: Server) {
        let hostile = percent_encoded(HOSTILE);
        let click = server.click().await;
        let refused = server.conv(&click, &format!("{hostile} 5 EUR {hostile}={hostile} token={hostile}")).await;
        let refused = [refused, server.conv(&click, &format!("{hostile} 5 EUR {hostile}={hostile}")).await];
        let desk = Desk::new(&server, "olga", "manager").await;
        let entries = refused.iter().map(|answer| format!("/log/{}", request_id(answer)));
        for address in entries.chain(["/log".to_owned(), format!("/log?text={hostile}")]) {
            let page = desk.page(&address).await;
            assert!(!page.contains("<script>alert"), "{address}: {page}");
            assert!(page.contains("&#60;script&#62;alert(1)"), "{address}: {page}");
        }
    }

    async fn what_was_processed_again_says_so(server: Server) {
        let refused = request_id(&server.conv("old-1", "ftd 100 EUR").await);
        import(&server, &["old-1"]).await;
        let api = Api::new(&server, "manager");
        let again = api.post(&format!("/postback-log/{refused}/reprocess"), &json!({})).await.json;
        let again = again["log_id"].as_str().unwrap();
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page("/log").await;
        assert!(read(&page).contains("Nothing more: processed again"), "{page}");
        assert!(!page.contains("name=\"id\""), "nothing is left to be processed again: {page}");
        let first = desk.page(&format!("/log/{refused}")).await;
        assert!(first.contains("nothing is left to do") && first.contains(&format!("\"/log/{again}\"")), "{first}");
        let repetition = desk.page(&format!("/log/{again}")).await;
        assert!(repetition.contains(&format!("\"/log/{refused}\"")), "{repetition}");
        assert!(read(&desk.page("/log?open=1").await).contains("Nothing matches"));
    }
}
