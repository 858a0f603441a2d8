//! Processing refused requests again: first what would happen, then the thing itself.

use futures::future::join_all;

use super::{
    Desk, between,
    log::{escaped, import, request_id},
    read,
};
use crate::{
    api::with_goal,
    support::{Server, on_both_databases},
};

const UNKNOWN: &str = "01998000-0000-7000-8000-000000000000";

/// How much is recorded: conversions, requests in the log, and repetitions in the audit log.
async fn recorded(server: &Server) -> [i64; 3] {
    let database = server.database();
    [
        database.count("conversion").await,
        database.count("postback_log").await,
        database.count("audit WHERE action = 'postback.reprocess' AND outcome <> 'forbidden'").await,
    ]
}

/// Sends requests of clicks that are not there yet, and gives their ids.
async fn early(server: &Server, clicks: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for click in clicks {
        let refused = server.conv(click, "ftd 100 EUR").await;
        refused.refused(404, "click_not_found", "click_id");
        ids.push(request_id(&refused));
    }
    ids
}

on_both_databases! {
    async fn one_is_tried_before_it_is_processed_again(server: Server) {
        let click = server.click().await;
        let refused = server.conv(&click, "vip 7 EUR transaction_id=V-1").await;
        let id = request_id(&refused);
        let desk = Desk::new(&server, "olga", "manager").await;
        let one = [("id", id.as_str()), ("back", "/log?outcome=unknown_goal")];
        let vain = desk.post("/log/reprocess", &one).await;
        assert_eq!(vain.status, 200, "{}", vain.text);
        let text = read(&vain.text);
        assert!(text.contains("Process 1 postback again?") && text.contains("unknown goal 1"), "{text}");
        assert!(text.contains("Each would be refused again"), "{text}");
        assert!(vain.text.contains(&escaped(refused.json["detail"].as_str().unwrap())), "{}", vain.text);
        assert!(!vain.text.contains("name=\"sure\""), "{}", vain.text);
        server.program.apply(&with_goal("vip")).ok();
        let would = desk.post("/log/reprocess", &one).await;
        let text = read(&would.text);
        assert!(text.contains("1 of 1 would go through. Nothing has been recorded."), "{text}");
        assert!(text.contains("recorded 1"), "{text}");
        assert!(text.contains("A new conversion: vip of 7.00 EUR, approved."), "{text}");
        assert_eq!(recorded(&server).await, [0, 1, 0], "a dry run changes nothing");
        assert_eq!(between(&would.text, "name=\"ids\" value=\"", "\""), id);
        assert_eq!(between(&would.text, "name=\"back\" value=\"", "\""), "/log?outcome=unknown_goal");
        let sure = [("ids", id.as_str()), ("sure", "1"), ("expected", "1")];
        let done = desk.post("/log/reprocess", &sure).await;
        let text = read(&done.text);
        assert!(text.contains("1 postback processed again 1 of 1 went through."), "{text}");
        assert!(text.contains("recorded 1"), "{text}");
        assert!(text.contains("A new conversion: vip of 7.00 EUR, approved. Open it"), "{text}");
        assert_eq!(recorded(&server).await, [1, 2, 1]);
        let conversion = between(&done.text, "href=\"/conversions/", "\"");
        let history = read(&desk.page(&format!("/conversions/{conversion}")).await);
        assert!(history.contains("Transaction V-1") && history.contains("by merchant:acme"), "{history}");
        let audit = read(&desk.page(&format!("/audit?subject=request:{id}")).await);
        assert!(audit.contains(&format!("user:olga 127.0.0.1 postback.reprocess request:{id} recorded")), "{audit}");
        let twice = read(&desk.post("/log/reprocess", &sure).await.text);
        assert!(twice.contains("duplicate 1") && twice.contains("There is one already: vip of 7.00 EUR"), "{twice}");
        assert_eq!(recorded(&server).await[0], 1);
    }

    async fn the_selected_ones_and_no_others_are_processed_again(server: Server) {
        let clicks = ["old-1", "old-2", "old-3"];
        let ids = early(&server, &clicks).await;
        import(&server, &clicks).await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let two = [("id", ids[2].as_str()), ("id", ids[0].as_str()), ("filter", "merchant=acme")];
        let would = desk.post("/log/reprocess", &two).await;
        let text = read(&would.text);
        assert!(text.contains("Process 2 postbacks again?") && text.contains("recorded 2"), "{text}");
        assert_eq!(recorded(&server).await, [0, 3, 0]);
        let picked = between(&would.text, "name=\"ids\" value=\"", "\"").to_owned();
        assert_eq!(picked, format!("{},{}", ids[0], ids[2]));
        let back = between(&would.text, "name=\"back\" value=\"", "\"").to_owned();
        assert_eq!(back, "/log?merchant=acme");
        let done = desk.post("/log/reprocess", &[("ids", &picked), ("sure", "1"), ("back", &back)]).await;
        assert!(read(&done.text).contains("2 postbacks processed again"), "{}", done.text);
        assert!(done.text.contains("href=\"/log?merchant=acme\">Back to the log"), "{}", done.text);
        assert_eq!(recorded(&server).await, [2, 5, 2]);
        let page = desk.page("/log?open=1").await;
        assert!(page.contains(&ids[1]) && !page.contains(&ids[0]), "{page}");
        // The box for the page works without a script, and takes what can be processed again.
        let here = between(&page, "name=\"here\" value=\"", "\"");
        let would = desk.post("/log/reprocess", &[("scope", "here"), ("here", here)]).await;
        assert!(read(&would.text).contains("Process 1 postback again?"), "{}", would.text);
    }

    async fn all_that_match_are_processed_again_and_what_came_later_is_not(server: Server) {
        let ids = early(&server, &["old-1", "old-2", "old-3", "never"]).await;
        let click = server.click().await;
        server.conv(&click, "nogoal").await;
        server.conv(&click, "ftd 5 EUR").await;
        import(&server, &["old-1", "old-2", "old-3"]).await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let all = [("scope", "matching"), ("filter", "outcome=click_not_found&merchant=acme")];
        let would = desk.post("/log/reprocess", &all).await;
        assert_eq!(would.status, 200, "{}", would.text);
        let text = read(&would.text);
        assert!(text.contains("4 so far") && text.contains("Process 4 postbacks again?"), "{text}");
        assert!(text.contains("recorded 3") && text.contains("click not found 1"), "{text}");
        assert!(would.text.trim_end().ends_with("</html>"), "{}", would.text);
        assert_eq!(recorded(&server).await, [1, 6, 0], "a dry run changes nothing");
        let until = between(&would.text, "name=\"until\" value=\"", "\"").to_owned();
        let filter = between(&would.text, "name=\"filter\" value=\"", "\"").replace("&#38;", "&");
        let late = early(&server, &["late"]).await;
        import(&server, &["late"]).await;
        let sure = [("filter", &*filter), ("until", &until), ("expected", "4"), ("sure", "1")];
        let done = desk.post("/log/reprocess", &sure).await;
        let text = read(&done.text);
        assert!(text.contains("0 of 4") && text.contains("4 of 4"), "{text}");
        assert!(text.contains("4 postbacks processed again 3 of 4 went through."), "{text}");
        assert!(text.contains("recorded 3"), "{text}");
        assert!(done.text.trim_end().ends_with("</html>"), "{}", done.text);
        assert_eq!(recorded(&server).await, [4, 11, 4]);
        let open = desk.page("/log?open=1").await;
        assert!(open.contains(&late[0]) && open.contains(&ids[3]) && !open.contains(&ids[0]), "{open}");
        let none = desk.post("/log/reprocess", &[("scope", "matching"), ("filter", "outcome=recorded")]).await;
        assert!(read(&none.text).contains("Nothing to process again"), "{}", none.text);
    }

    async fn long_work_goes_in_steps_that_tell_how_far_they_have_come(server: Server) {
        for chunk in (0..1_100).collect::<Vec<_>>().chunks(50) {
            let words = chunk.iter().map(|number| format!("fee 1 EUR transaction_id=F-{number}"));
            join_all(words.map(async |words| server.conv("old-1", &words).await)).await;
        }
        import(&server, &["old-1"]).await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let all = [("scope", "matching"), ("filter", "text=old-1")];
        let would = desk.post("/log/reprocess", &all).await;
        let text = read(&would.text);
        assert!(text.contains("500 so far") && text.contains("1 000 so far 1 100 so far"), "{text}");
        assert!(text.contains("1 100 of 1 100 would go through") && text.contains("And 1 050 more."), "{text}");
        assert_eq!(recorded(&server).await, [0, 1_100, 0]);
        let until = between(&would.text, "name=\"until\" value=\"", "\"").to_owned();
        let sure = [("filter", "text=old-1"), ("until", &until), ("expected", "1100"), ("sure", "1")];
        let text = read(&desk.post("/log/reprocess", &sure).await.text);
        assert!(text.contains("500 of 1 100") && text.contains("1 000 of 1 100 1 100 of 1 100"), "{text}");
        assert!(text.contains("1 100 postbacks processed again"), "{text}");
        assert_eq!(recorded(&server).await, [1_100, 2_200, 1_100]);
    }

    async fn what_can_not_be_processed_again_is_told(server: Server) {
        let refused = early(&server, &["nobody"]).await;
        let click = server.click().await;
        let strange = request_id(&server.conv(&click, "ftd 5 EUR token=nobody-s-token").await);
        let (conversion, _) = super::ftd(&server, "5 EUR").await;
        let desk = Desk::new(&server, "olga", "manager").await;
        let told = desk.post("/log/reprocess", &[("id", &strange)]).await;
        let text = read(&told.text);
        assert!(text.contains("not repeatable 1") && text.contains("nobody knows whose it was"), "{text}");
        assert!(!told.text.contains("nobody-s-token"), "{}", told.text);
        let ids: Vec<_> = (0..1_001).map(|number| format!("00000000-0000-7000-8000-{number:012}")).collect();
        let ids = ids.join(",");
        for (fields, status, said) in [
            (&[][..], 400, "Nothing was selected"), (&[("id", "7")], 400, "is no postback"),
            (&[("id", UNKNOWN)], 404, "not in the log"), (&[("id", &*conversion)], 404, "not in the log"),
            (&[("ids", &*ids)], 400, "at most 1000"),
            (&[("scope", "matching"), ("filter", "from=yesterday")], 400, "2026-11-20"),
            (&[("scope", "matching"), ("filter", "cursor=tampered")], 400, "exactly as"),
            (&[("scope", "matching"), ("filter", "colour=red")], 400, "colour"),
        ] {
            let answer = desk.post("/log/reprocess", fields).await;
            assert_eq!(answer.status, status, "{fields:?}: {}", answer.text);
            assert!(answer.text.contains(said), "{fields:?}: {}", answer.text);
        }
        let sure = [("ids", refused[0].as_str()), ("sure", "1"), ("csrf", "forged")];
        assert_eq!(desk.post_with("/log/reprocess", &[], &sure).await.status, 403);
        assert_eq!(desk.get("/log/reprocess").await.header("location"), "/log");
        assert_eq!(recorded(&server).await, [1, 3, 0]);
    }

    async fn a_viewer_may_neither_try_nor_process_again_and_the_attempt_is_kept(server: Server) {
        let ids = early(&server, &["old-1"]).await;
        import(&server, &["old-1"]).await;
        let viewer = Desk::new(&server, "victor", "viewer").await;
        for sure in ["", "1"] {
            let one = viewer.post("/log/reprocess", &[("id", &*ids[0]), ("sure", sure)]).await;
            assert_eq!(one.status, 403, "{}", one.text);
            assert!(one.text.contains("takes the role manager"), "{}", one.text);
        }
        let all = [("scope", "matching"), ("filter", "merchant=acme"), ("sure", "1")];
        assert_eq!(viewer.post("/log/reprocess", &all).await.status, 403);
        assert_eq!(recorded(&server).await, [0, 1, 0]);
        let text = read(&viewer.page("/audit?actor=user:victor").await);
        let told = format!("postback.reprocess request:{} forbidden", ids[0]);
        assert_eq!(text.matches(&told).count(), 2, "{text}");
        assert!(text.contains("postback.reprocess requests:matching merchant=acme forbidden"), "{text}");
    }
}
