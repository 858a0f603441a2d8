//! A postback endpoint, by a manager's hand.

use super::page::Browser;
use crate::{desk::add_user, support::Server};

const UNKNOWN: &str = "Unknown macro {clik_id} at character 22: did you mean {click_id}?";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postback_with_a_bad_macro_is_refused_beside_its_field_mended_and_saved() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.press("Settings").await;
    browser.press("Postbacks").await;
    browser.sees("No endpoints yet").await;
    browser.press("Add an endpoint").await;
    browser.fill("id", "lotus-pb").await;
    browser.fill("url", "https://t.example/?c={clik_id}").await;
    browser.sees(&format!("URL: {UNKNOWN}")).await;
    assert_eq!(browser.address().await, "/settings/postbacks/new", "the preview comes while one writes");
    browser.press("Add the endpoint").await;
    browser.sees("Nothing was changed").await;
    assert_eq!(browser.visible("#f-url-error").await.text().await.unwrap(), UNKNOWN);
    browser.is_accessible().await;
    browser.fill("url", "https://t.example/?c={click_id}").await;
    browser.sees("GET https://t.example/?c=countersign-test-click").await;
    browser.press("Add the endpoint").await;
    browser.sees("Saved.").await;
    assert_eq!(browser.address().await, "/settings/postbacks/lotus-pb?saved=1");
    browser.is_accessible().await;
    browser.fill("params", "state = {statu}").await;
    browser.sees("did you mean {status}?").await;
    browser.press("Save").await;
    browser.sees("Nothing was changed").await;
    let beside = browser.visible("#f-params-error").await.text().await.unwrap();
    assert!(beside.contains("did you mean {status}?"), "{beside}");
    browser.fill("params", "state = {status}").await;
    browser.press("Save").await;
    browser.sees("Saved.").await;
    browser.sees("&state=approved").await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_needs_no_script() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::without_scripts(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.open("/settings/postbacks/new").await;
    browser.fill("url", "https://t.example/?c={cl_id}&g={goal}").await;
    browser.press("Preview").await;
    browser.sees("GET https://t.example/?c=countersign-test-cl_id&g=ftd").await;
    browser.fill("id", "lotus-pb").await;
    browser.press("Add the endpoint").await;
    browser.sees("Saved.").await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_adds_a_user_and_makes_a_key_that_is_shown_once() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "olga", "admin");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("olga", &password).await;
    browser.open("/settings/users").await;
    browser.press("Add a user").await;
    browser.fill("name", "anna").await;
    browser.fill("password", "three plain words").await;
    browser.press("Add the user").await;
    browser.sees("Saved.").await;
    browser.is_accessible().await;
    browser.press("Disable").await;
    browser.sees("Their sessions end now").await;
    browser.click("dialog button.danger").await;
    browser.sees("Disabled since").await;
    browser.press("API keys").await;
    browser.fill("name", "nightly").await;
    browser.press("Create a key").await;
    browser.sees("It is shown this once").await;
    browser.is_accessible().await;
    let key = browser.visible(".once code").await.text().await.unwrap();
    let authorization = format!("Bearer {key}");
    let answer = server.request("GET", "/api/v1/merchants", &[("authorization", &authorization)], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    browser.open("/settings/api-keys").await;
    browser.sees("nightly").await;
    assert!(!browser.text().await.contains(&key));
    browser.close().await.unwrap();
}
