//! `/api/docs`: the API as people read it.

use super::page::Browser;
use crate::support::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_how_the_api_works() {
    let server = Server::on_sqlite();
    let document = server.get("/api/openapi.json").await.json;
    let Some(browser) = Browser::on(&server).await else { return };
    browser.open("/api/docs").await;
    browser.sees("/api/v1/conversions/{id}/status").await;
    let paths = document["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    let schemas = document["components"]["schemas"].as_object().unwrap().len();
    assert_eq!(browser.count("main details").await, operations + schemas);
    browser.is_accessible().await;
    browser.evaluate("for (const part of document.querySelectorAll('details')) part.open = true").await;
    browser.sees("approved or rejected.").await;
    browser.is_accessible().await;
    // A link to an operation opens it.
    browser.open("/healthz").await;
    browser.open("/api/docs#conversions_decide").await;
    browser.sees("Decides a conversion, or reverses its decision.").await;
    browser.visible("#conversions_decide").await;
}
