//! A merchant's engineer at work with a link, and without an account.

use super::page::Browser;
use crate::{desk::add_user, support::Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engineer_tries_a_postback_by_a_link_and_sees_the_first_real_call_arrive() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "mia", "manager");
    let Some(manager) = Browser::on(&server).await else { return };
    manager.sign_in("mia", &password).await;
    manager.open("/settings/merchants/acme/integration").await;
    manager.sees("No calls yet").await;
    manager.press("Make a link").await;
    manager.sees("it is not shown again").await;
    manager.is_accessible().await;
    let link = manager.evaluate("return document.getElementById('link').textContent").await;
    let link = link.as_str().unwrap().to_owned();
    let Some(engineer) = Browser::on(&server).await else { return };
    engineer.open(&link).await;
    engineer.sees("Integration of Acme Casino").await;
    engineer.is_accessible().await;
    let click = server.click().await;
    engineer.fill("click_id", &click).await;
    engineer.field("goal_alias").await.select_by_value("ftd").await.unwrap();
    engineer.fill("amount", "100").await;
    engineer.fill("currency", "EUR").await;
    engineer.press("Try it: nothing is recorded").await;
    engineer.sees("HTTP status 200").await;
    engineer.sees("\"dry_run\": true").await;
    engineer.sees("No calls yet").await;
    engineer.is_accessible().await;
    server.conv(&click, "jackpot 100 EUR").await.refused(400, "unknown_goal", "goal_alias");
    engineer.sees("unknown goal").await;
    assert_eq!(engineer.field("amount").await.prop("value").await.unwrap().as_deref(), Some("100"));
    // Somewhere else, where nothing is live that would ask by a link that is withdrawn.
    engineer.open("/sign-in").await;
    manager.press("Withdraw all links").await;
    manager.click("dialog button.danger").await;
    manager.sees("is withdrawn").await;
    engineer.open(&link).await;
    engineer.sees("Ask your affiliate manager for a new one").await;
    engineer.is_accessible().await;
    engineer.close().await.unwrap();
    manager.close().await.unwrap();
}
