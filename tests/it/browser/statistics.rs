//! Statistics, looked at.

use serde_json::json;

use super::page::Browser;
use crate::{desk::add_user, support::Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_looks_at_a_period_in_another_way() {
    let server = Server::on_sqlite();
    let Some(browser) = Browser::on(&server).await else { return };
    let password = add_user(&server, "anna", "viewer");
    browser.sign_in("anna", &password).await;
    browser.open("/statistics").await;
    browser.sees("Nothing happened in this period").await;
    browser.is_accessible().await;
    let click = server.click().await;
    for words in ["reg", "ftd 100 EUR", "rdep 10 EUR", "revshare 20 USD"] {
        // The player's currency is that of the first deposit; the last one is refused.
        server.conv(&click, words).await;
    }
    server.change(&click, "ftd approved").await.ok(json!({}));
    browser.open("/statistics").await;
    browser.sees("From the click to the approved first deposit").await;
    browser.is_accessible().await;
    browser.press("Last 7 days").await;
    // On a phone the question is folded away.
    browser.width(390).await;
    browser.press("Period and groups").await;
    browser.field("group2").await.select_by_value("merchant").await.unwrap();
    browser.press("Apply").await;
    browser.sees("Acme Casino").await;
    assert!(browser.address().await.contains("group2=merchant"), "{}", browser.address().await);
    browser.is_accessible().await;
    browser.was_quiet().await;
    browser.close().await.unwrap();
}
