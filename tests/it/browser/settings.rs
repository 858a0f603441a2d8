//! Settings, by a manager's hand.

use super::page::Browser;
use crate::{
    desk::add_user,
    support::{Server, eventually},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_adds_a_merchant_issues_a_token_and_builds_a_link() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.press("Settings").await;
    browser.press("Merchants").await;
    browser.press("Add a merchant").await;
    browser.fill("id", "nova").await;
    browser.fill("name", "Nova Bets").await;
    browser.field("deal").await.select_by_value("hybrid").await.unwrap();
    browser.fill("revshare_multiplier", "0,4").await;
    browser.press("Add the merchant").await;
    browser.sees("Nothing was changed").await;
    browser.is_accessible().await;
    browser.fill("revshare_multiplier", "0.4").await;
    browser.press("Add the merchant").await;
    browser.sees("No token yet").await;
    assert_eq!(browser.address().await, "/settings/merchants/nova?saved=1");
    browser.fill("label", "production").await;
    browser.press("Issue a token").await;
    browser.sees("It is shown this once").await;
    browser.is_accessible().await;
    let token = browser.visible(".once code").await.text().await.unwrap();
    eventually("the token opens", async || {
        server.conv("nobody", &format!("reg dry_run=1 token={token}")).await.status == 404
    })
    .await;
    browser.press("production").await;
    browser.sees("Issue a new token in its place").await;
    browser.is_accessible().await;
    browser.press("Offers").await;
    browser.press("Add an offer").await;
    browser.fill("id", "nova-slots").await;
    browser.fill("name", "Nova Slots").await;
    browser.field("merchant").await.select_by_value("nova").await.unwrap();
    browser.fill("landing_url", "https://nova.example/?cid={click_id}").await;
    browser.press("Add the offer").await;
    browser.sees("A link for an affiliate").await;
    browser.field("affiliate").await.select_by_value("lotus").await.unwrap();
    browser.fill("cl_id", "{clickid}").await;
    browser.press("Make the link").await;
    browser.sees("/click?offer=nova-slots&affiliate=lotus&cl_id={clickid}").await;
    browser.is_accessible().await;
    browser.close().await.unwrap();
}
