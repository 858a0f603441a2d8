//! The pages in a real browser: headless Chromium, driven through chromedriver.

mod docs;
mod driver;
mod endpoints;
mod entrance;
mod integration;
mod page;
mod pages;
mod reprocess;
mod review;
mod settings;
mod statistics;

use self::page::Browser;
use crate::support::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_runs_scripts_unless_its_user_has_switched_them_off() {
    let server = Server::on_sqlite();
    let page = "data:text/html,<main>It is <script>document.write('on')</script></main>";
    let Some(browser) = Browser::on(&server).await else { return };
    browser.open(page).await;
    browser.sees("It is on").await;
    browser.close().await.unwrap();
    let Some(browser) = Browser::without_scripts(&server).await else { return };
    browser.open(page).await;
    browser.sees("It is").await;
    assert_eq!(browser.text().await, "It is");
    browser.close().await.unwrap();
}
