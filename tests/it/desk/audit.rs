//! The audit log.

use serde_json::json;

use super::{Desk, between, ftd, read};
use crate::{
    api::Api,
    support::{Server, on_both_databases, percent_encoded},
};

const MERCHANT: &str = "[[merchant]]\nid = \"plain\"\nname = \"<b>Plain\"\n";

on_both_databases! {
    async fn whoever_decides_or_changes_something_is_in_the_audit_log(server: Server) {
        let (id, _) = ftd(&server, "100 EUR").await;
        let olga = Desk::new(&server, "olga", "manager").await;
        olga.post("/review/decide", &[("decision", "approve"), ("ids", &id)]).await;
        server.program.apply(MERCHANT).ok();
        let victor = Desk::new(&server, "victor", "viewer").await;
        let hostile = "<script>alert(1)</script>";
        let fields = [("decision", "approve"), ("scope", "matching"), ("filter", hostile)];
        assert_eq!(victor.post("/review", &fields).await.status, 403);
        let page = victor.page("/audit").await;
        let text = read(&page);
        let told = format!("user:olga 127.0.0.1 conversion.approve conversion:{id} decided");
        assert!(text.contains(&told), "{told} is not in {text}");
        assert!(page.contains(&format!("href=\"/conversions/{id}\"")), "{page}");
        assert!(text.contains("user:victor 127.0.0.1 conversion.decide"), "{text}");
        assert!(text.contains("&#60;script&#62;alert(1)&#60;/script&#62; forbidden"), "{text}");
        assert!(!page.contains("<script>alert") && !page.contains("<b>Plain"), "{page}");
        let changed = victor.page("/audit?subject=merchant:plain&action=merchant.change").await;
        let text = read(&changed);
        assert!(text.contains("name Plain Bets → &#60;b&#62;Plain"), "{text}");
        assert!(changed.contains("href=\"/settings/merchants/plain\""), "{changed}");
    }

    async fn a_filter_of_the_audit_log_lives_in_the_address(server: Server) {
        let (id, _) = ftd(&server, "100 EUR").await;
        let olga = Desk::new(&server, "olga", "manager").await;
        olga.post("/review/decide", &[("decision", "approve"), ("ids", &id)]).await;
        let decision = format!("conversion:{id}");
        for (query, found) in [
            ("actor=user:olga", true), ("actor=operator", false), ("action=conversion.", true),
            ("action=conversion.approve&actor=user:olga", true), ("action=merchant.", false),
            (&*format!("subject={decision}"), true), ("subject=merchant:acme", false),
            ("from=2020-01-01", true), ("to=2020-01-01", false),
        ] {
            let page = olga.page(&format!("/audit?{query}")).await;
            assert_eq!(page.contains(&format!(">{decision}</a>")), found, "{query}: {page}");
            assert!(page.contains("Conditions in force"), "{query}: {page}");
        }
        assert!(read(&olga.page("/audit?to=2020-01-01").await).contains("Nothing here Drop a condition"));
        let hostile = percent_encoded("\"><script>alert(1)</script>");
        for (query, told) in [
            ("from=yesterday", "2026-11-20"), ("cursor=tampered", "exactly as"), ("colour=red", "colour"),
            ("subject=a&subject=b", "once"), ("actor=%FF", "UTF-8"), (&*format!("cursor={hostile}"), "exactly as"),
        ] {
            let refused = olga.get(&format!("/audit?{query}")).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text);
            assert!(refused.text.contains("flash bad") && refused.text.contains(told), "{query}: {}", refused.text);
            assert!(!refused.text.contains("<script>alert"), "{query}: {}", refused.text);
        }
        assert_eq!(Desk::outside(&server).get("/audit").await.status, 303);
    }

    async fn the_audit_log_has_pages(server: Server) {
        let api = Api::new(&server, "manager");
        for number in 0..52 {
            let click = json!({"id": format!("old-{number}"), "offer": "acme-offer", "affiliate": "lotus"});
            assert_eq!(api.post("/clicks", &click).await.status, 201);
        }
        let desk = Desk::new(&server, "olga", "viewer").await;
        let page = desk.page("/audit?action=click.").await;
        assert_eq!(page.matches("<td role=\"cell\" data-label=\"When\">").count(), 50, "{page}");
        let next = between(&page, "<a href=\"/audit?action=click.&#38;", "\"").replace("&#38;", "&");
        let page = desk.page(&format!("/audit?action=click.&{next}")).await;
        assert_eq!(page.matches("<td role=\"cell\" data-label=\"When\">").count(), 2, "{page}");
        assert!(page.contains("First page") && !page.contains("Next"), "{page}");
    }
}
