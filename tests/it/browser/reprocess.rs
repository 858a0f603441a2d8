//! A refused postback, from the log to the review.

use super::page::Browser;
use crate::{api::with_goal, desk::add_user, support::Server};

/// A goal that waits for a decision.
fn with_vip() -> String {
    let goal = "alias = \"vip\"\n";
    with_goal("vip").replacen(goal, &format!("{goal}status_flow = \"two_phase\"\n"), 1)
}

/// A manager looks for what was refused, learns what to mend, and puts it through once that is done; the same with and
/// without scripts.
async fn repairs(server: &Server, browser: &Browser) {
    let click = server.click().await;
    let refused = server.conv(&click, "vip 120 EUR transaction_id=V-1").await;
    refused.refused(400, "unknown_goal", "goal_alias");
    server.conv("nobody-s-click", "ftd 5 EUR").await;
    let password = add_user(server, "anna", "manager");
    browser.sign_in("anna", &password).await;
    browser.open("/log?outcome=unknown_goal").await;
    browser.sees("What to change").await;
    assert_eq!(browser.count("tbody tr").await, 1);
    browser.is_accessible().await;
    browser.click("tbody tr input[name=id]").await;
    browser.press("Process again…").await;
    browser.sees("Each would be refused again").await;
    browser.is_accessible().await;
    server.program.apply(&with_vip()).ok();
    browser.press("Back to the log").await;
    browser.sees("Outcome: unknown goal").await;
    browser.click("tbody tr input[name=id]").await;
    browser.press("Process again…").await;
    browser.sees("Process 1 postback again?").await;
    browser.sees("A new conversion: vip of 120.00 EUR, pending.").await;
    browser.is_accessible().await;
    assert_eq!(server.database().count("conversion").await, 0, "it was only tried");
    browser.press("Process 1 postback again").await;
    browser.sees("1 postback processed again").await;
    browser.is_accessible().await;
    browser.press("Open it").await;
    browser.sees("Transaction").await;
    browser.sees("V-1").await;
    browser.open("/").await;
    browser.sees("1 conversion waits for a decision").await;
    browser.sees("120.00").await;
    browser.open("/log?outcome=unknown_goal").await;
    browser.sees("Nothing more: processed again").await;
    browser.is_accessible().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_processes_a_refused_postback_again() {
    let server = Server::on_sqlite();
    let Some(browser) = Browser::on(&server).await else { return };
    repairs(&server, &browser).await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_processes_a_refused_postback_again_with_javascript_switched_off() {
    let server = Server::on_sqlite();
    let Some(browser) = Browser::without_scripts(&server).await else { return };
    repairs(&server, &browser).await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_match_are_processed_again_those_on_other_pages_too() {
    let server = Server::on_sqlite();
    let click = server.click().await;
    for number in 1..=60 {
        server.conv(&click, &format!("vip {number} EUR transaction_id=V-{number}")).await;
    }
    server.program.apply(&with_vip()).ok();
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.open("/log").await;
    assert_eq!(browser.count("input[name=id]").await, 50);
    browser.click("#all-matching").await;
    browser.sees("Selected: all refused ones that match").await;
    browser.press("Process again…").await;
    browser.sees("Process 60 postbacks again?").await;
    browser.sees("And 10 more.").await;
    browser.is_accessible().await;
    browser.press("Process 60 postbacks again").await;
    browser.sees("60 postbacks processed again").await;
    browser.is_accessible().await;
    browser.open("/").await;
    browser.sees("60 conversions wait for a decision").await;
    browser.close().await.unwrap();
}
