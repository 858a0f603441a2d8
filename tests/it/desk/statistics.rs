//! The page of statistics, and its file.

use serde_json::json;

use super::Desk;
use crate::support::{Answer, Server, WORLD, on_both_databases};

/// A line of the file, by the names of its columns.
#[track_caller]
fn cell<'a>(file: &'a Answer, line: usize, column: &str) -> &'a str {
    let mut lines = file.text.lines();
    let at = lines.next().unwrap().split(',').position(|name| name == column);
    let line = lines.nth(line).unwrap_or_else(|| panic!("no line {line}:\n{}", file.text));
    line.split(',').nth(at.unwrap_or_else(|| panic!("no column {column}:\n{}", file.text))).unwrap()
}

/// Two clicks, one of which becomes a player.
async fn fill(server: &Server) {
    let click = server.click().await;
    server.click().await;
    for words in ["reg", "ftd 1234.50 EUR", "rdep 10 EUR", "revshare -20 EUR", "fee 3 EUR"] {
        server.conv(&click, words).await.ok(json!({}));
    }
    server.change(&click, "ftd approved").await.ok(json!({}));
}

on_both_databases! {
    async fn a_period_is_shown_as_counts_money_and_charts(server: Server) {
        let desk = Desk::new(&server, "anna", "viewer").await;
        let empty = desk.get("/statistics").await;
        assert!(empty.text.contains("Nothing happened in this period"), "{}", empty.text);
        assert!(!empty.text.contains("<svg viewBox"), "{}", empty.text);
        fill(&server).await;
        let page = desk.get("/statistics?group1=merchant&group2=affiliate").await;
        assert_eq!(page.status, 200, "{}", page.text);
        for shown in [
            "Acme Casino", "Lotus Media", "50.00 %", "1\u{202f}234.50", "−20.00", "Conversions by status over time",
            "From the click to the approved first deposit", "/statistics.csv?",
        ] {
            assert!(page.text.contains(shown), "{shown} in {}", page.text);
        }
        let plain = desk.get("/statistics?merchant=plain&group1=").await;
        assert!(plain.text.contains("Nothing happened in this period"), "{}", plain.text);
        let by_goal = desk.get("/statistics?group_by=goal").await;
        for shown in ["First deposit", "Repeat deposit", "Registration"] {
            assert!(by_goal.text.contains(shown), "{shown} in {}", by_goal.text);
        }
    }

    async fn what_can_not_be_asked_is_told_beside_its_field(server: Server) {
        let desk = Desk::new(&server, "anna", "viewer").await;
        for (query, told) in [
            ("from=2026-02-02&to=2026-02-01", "the period ends before it begins"),
            ("tz=Mars/Olympus", "there is no time zone `Mars/Olympus`"),
            ("group1=day&group2=day", "`day` stands there twice"),
            ("group_by=day,offer,goal", "group by 2 things"), ("colour=red", "Leave out `colour`"),
        ] {
            for address in ["/statistics", "/statistics.csv"] {
                let page = desk.get(&format!("{address}?{query}")).await;
                assert_eq!(page.status, 400, "{address}?{query}");
                let told = told.replace('`', "&#96;");
                let shown = page.text.replace('`', "&#96;");
                assert!(shown.contains(&told), "{told} in {}", page.text);
            }
        }
    }

    async fn the_file_has_a_line_of_counts_and_one_for_each_currency(server: Server) {
        let shown = WORLD.replace("name = \"Fee\"\n", "name = \"Fee\"\nshow_sum = true\nshow_count = true\n");
        server.program.apply(&shown).ok();
        fill(&server).await;
        let other = server.click_to("plain").await;
        server.conv(&other, "ftd 5 USD token=plain-token-1").await.ok(json!({}));
        let hostile = "/click?offer=acme-offer&affiliate=lotus&sub1=%3D1%2B1";
        assert_eq!(server.get(hostile).await.status, 302);
        let desk = Desk::new(&server, "anna", "viewer").await;
        crate::support::eventually("the goal is shown", async || {
            desk.get("/statistics.csv?group1=").await.text.contains("fee_sum")
        }).await;
        let file = desk.get("/statistics.csv?group1=merchant&group2=").await;
        assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(file.header("content-disposition"), "attachment; filename=\"statistics.csv\"");
        assert_eq!(file.text.lines().count(), 5, "{}", file.text);
        for (line, column, expected) in [
            (0, "merchant", "acme"), (0, "currency", ""), (0, "clicks", "3"), (0, "ftd_approved", "1"),
            (0, "approval_rate", "100.00"), (0, "ftd_sum", ""), (0, "fee_count", "1"), (1, "currency", "EUR"),
            (1, "clicks", ""), (1, "ftd_sum", "1234.50"), (1, "revshare_sum", "-20.00"), (1, "revenue", "-7.00"),
            (1, "fee_sum", "3.00"), (2, "merchant", "plain"), (2, "ftd_pending", "1"), (3, "currency", "USD"),
            (3, "ftd_pending", "1"), (3, "sum", "0.00"),
        ] {
            assert_eq!(cell(&file, line, column), expected, "{line} {column} in {}", file.text);
        }
        let file = desk.get("/statistics.csv?group_by=sub1").await;
        assert!(file.text.contains("\n'=1+1,"), "{}", file.text);
        let total = desk.get("/statistics.csv?group1=&group2=").await;
        assert_eq!((cell(&total, 0, "clicks"), total.text.lines().count()), ("4", 4), "{}", total.text);
    }
}
