//! Managers at work: looking through what waits, and deciding it.

use serde_json::Value;

use super::page::Browser;
use crate::{
    api::Api,
    desk::add_user,
    support::{Server, on_both_databases},
};

/// Records first deposits that wait for a decision, one of each amount, and gives their ids.
async fn waiting(server: &Server, amounts: impl IntoIterator<Item = u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for amount in amounts {
        let click = server.click().await;
        let answer = server.conv(&click, &format!("ftd {amount} EUR")).await;
        ids.push(answer.json["conversion"]["id"].as_str().expect(&answer.text).to_owned());
    }
    ids
}

/// What the record says of conversions: status, reason and who decided.
async fn decided(server: &Server, ids: &[String]) -> Vec<(String, String, String)> {
    let (api, mut found) = (Api::new(server, "viewer"), Vec::new());
    for id in ids {
        let one = api.get(&format!("/conversions/{id}")).await.json;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let last = one["history"].as_array().and_then(|steps| steps.last()).cloned().unwrap_or_default();
        found.push((text(&one["status"]), text(&last["reason"]), text(&last["actor"])));
    }
    found
}

fn as_text(found: &[(String, String, String)]) -> Vec<(&str, &str, &str)> {
    found.iter().map(|(status, reason, actor)| (status.as_str(), reason.as_str(), actor.as_str())).collect()
}

/// Ticks rows of the list, counted from 0.
async fn select(browser: &Browser, rows: &[usize]) {
    for row in rows {
        browser.click(&format!("tbody tr:nth-child({}) input[name=id]", row + 1)).await;
    }
}

/// Filters, selects, and decides, with the keyboard or the mouse; the same with and without scripts.
async fn reviews(server: &Server, browser: &Browser) {
    let ids = waiting(server, [10, 20, 30, 40]).await;
    let password = add_user(server, "anna", "manager");
    browser.sign_in("anna", &password).await;
    browser.sees("4 conversions wait for a decision").await;
    browser.is_accessible().await;
    browser.open("/?amount_min=15&amount_max=35").await;
    browser.sees("2 conversions wait for a decision and match the filter").await;
    browser.click("input[value=here]").await;
    browser.press("Approve…").await;
    browser.sees("Approve 2 conversions?").await;
    browser.sees("50.00").await;
    browser.is_accessible().await;
    browser.press("Approve 2 conversions").await;
    browser.sees("2 conversions approved").await;
    browser.is_accessible().await;
    browser.open("/").await;
    select(browser, &[1]).await;
    browser.press("Reject…").await;
    browser.sees("Reject 1 conversion?").await;
    browser.is_accessible().await;
    browser.fill("reason", "Bonus abuse").await;
    browser.press("Reject 1 conversion").await;
    browser.sees("1 conversion rejected").await;
    browser.sees("Bonus abuse").await;
    let found = decided(server, &ids).await;
    assert_eq!(
        as_text(&found),
        [
            ("pending", "", "merchant:acme"),
            ("approved", "", "user:anna"),
            ("approved", "", "user:anna"),
            ("rejected", "Bonus abuse", "user:anna"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_filters_approves_many_and_rejects_with_a_reason() {
    let server = Server::on_sqlite();
    let Some(browser) = Browser::on(&server).await else { return };
    reviews(&server, &browser).await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_reviews_with_javascript_switched_off() {
    let server = Server::on_sqlite();
    let Some(browser) = Browser::without_scripts(&server).await else { return };
    reviews(&server, &browser).await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_reviews_without_a_mouse() {
    let server = Server::on_sqlite();
    let ids = waiting(&server, [10, 20, 30]).await;
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.keys("jjx").await;
    browser.sees("1 selected · 20.00 EUR").await;
    browser.keys("jx").await;
    browser.sees("2 selected · 50.00 EUR").await;
    browser.keys("r").await;
    browser.sees("Reject 2 conversions?").await;
    browser.keys("Test").await;
    browser.keys("\u{e007}").await;
    browser.sees("2 conversions rejected").await;
    let found = decided(&server, &ids).await;
    let statuses: Vec<_> = found.iter().map(|(status, ..)| status.as_str()).collect();
    assert_eq!(statuses, ["pending", "rejected", "rejected"]);
    browser.open("/").await;
    browser.keys("/").await;
    browser.keys(&ids[0]).await;
    browser.keys("\u{e007}").await;
    browser.sees("1 conversion waits for a decision and match").await;
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_match_are_decided_those_on_other_pages_too() {
    let server = Server::on_sqlite();
    let ids = waiting(&server, 1..=60).await;
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.sees("60 conversions wait").await;
    assert_eq!(browser.count("input[name=id]").await, 50);
    browser.click("#all-matching").await;
    browser.sees("Selected: All 60 that match").await;
    browser.press("Approve…").await;
    browser.sees("Approve 60 conversions?").await;
    let later = waiting(&server, [99]).await;
    browser.press("Approve 60 conversions").await;
    browser.sees("60 conversions approved").await;
    browser.is_accessible().await;
    assert!(decided(&server, &ids).await.iter().all(|(status, ..)| status == "approved"));
    assert_eq!(decided(&server, &later).await[0].0, "pending", "it arrived after the page was read");
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_conversion_tells_its_story_and_can_be_reversed() {
    let server = Server::on_sqlite();
    let ids = waiting(&server, [10]).await;
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    browser.open(&format!("/conversions/{}", ids[0])).await;
    browser.is_accessible().await;
    let api = Api::new(&server, "manager");
    let approved = serde_json::json!({"status": "approved"});
    assert_eq!(api.post(&format!("/conversions/{}/status", ids[0]), &approved).await.status, 200);
    browser.open(&format!("/conversions/{}", ids[0])).await;
    browser.click(".reverse summary").await;
    browser.fill("reason", "charged back").await;
    browser.is_accessible().await;
    browser.click(".reverse button").await;
    browser.sees("charged back").await;
    let found = decided(&server, &ids).await;
    assert_eq!(as_text(&found), [("rejected", "charged back", "user:anna")]);
    browser.open("/conversions").await;
    browser.is_accessible().await;
    browser.close().await.unwrap();
}

on_both_databases! {
    async fn two_managers_with_the_same_list_never_overwrite_each_other(server: Server) {
        let ids = waiting(&server, [10, 20, 30]).await;
        let (anna, bert) = (add_user(&server, "anna", "manager"), add_user(&server, "bert", "manager"));
        let (Some(first), Some(second)) = (Browser::on(&server).await, Browser::on(&server).await) else { return };
        first.sign_in("anna", &anna).await;
        second.sign_in("bert", &bert).await;
        // Both have the whole list before them, and both are asked whether they are sure.
        select(&first, &[0, 1]).await;
        first.press("Approve…").await;
        first.sees("Approve 2 conversions?").await;
        select(&second, &[1, 2]).await;
        second.press("Reject…").await;
        second.sees("Reject 2 conversions?").await;
        second.fill("reason", "Test").await;
        tokio::join!(first.press("Approve 2 conversions"), second.press("Reject 2 conversions"));
        first.sees("approved").await;
        second.sees("rejected").await;
        let found = decided(&server, &ids).await;
        assert_eq!(found[0].0, "approved");
        assert_eq!(found[2].0, "rejected");
        let (winner, loser) = if found[1].2 == "user:anna" { (&first, &second) } else { (&second, &first) };
        winner.sees("2 conversions").await;
        loser.sees("1 conversion left as they were").await;
        let name = found[1].2.strip_prefix("user:").unwrap();
        loser.sees(name).await;
        loser.is_accessible().await;
        first.close().await.unwrap();
        second.close().await.unwrap();
    }
}
