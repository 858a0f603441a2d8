//! Every page: readable by everybody, and running nothing but our own script.

use serde_json::json;

use super::page::Browser;
use crate::{
    api::Api,
    desk::{PAGES, add_user},
    support::{Server, percent_encoded},
};

/// What somebody might send to have it run in a manager's browser.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// A player who was brought, and everything that can happen to one; gives the click and a rejected conversion.
async fn populate(server: &Server, note: &str) -> (String, String) {
    let told = percent_encoded(note);
    let api = Api::new(server, "manager");
    // No request ever goes to an address of this machine, so it fails, and its delivery waits.
    let address = "http://127.0.0.1:9/pb?note={params__note}";
    let endpoint = json!({"id": "lotus-all", "affiliate": "lotus", "url": address, "statuses": ["pending"]});
    assert_eq!(api.post("/postbacks", &endpoint).await.status, 201);
    let address = format!("/click?offer=acme-offer&affiliate=lotus&sub1={told}&username={told}");
    let click = server.request("GET", &address, &[("accept", "application/json")], "").await.json;
    let click = click["click_id"].as_str().unwrap().to_owned();
    server.conv(&click, "reg").await.ok(json!({}));
    let deposit = format!("ftd 100 EUR transaction_id=tx-1&note={told}");
    let id = server.conv(&click, &deposit).await.json["conversion"]["id"].as_str().unwrap().to_owned();
    server.conv(&click, "rdep 7.50 EUR").await.ok(json!({}));
    server.conv(&click, &format!("{told} 1 EUR")).await;
    server.conv("nobody-s-click", "ftd 1 EUR").await;
    let rejected = json!({"status": "rejected", "reason": note});
    assert_eq!(api.post(&format!("/conversions/{id}/status"), &rejected).await.status, 200);
    let waits = server.click().await;
    server.conv(&waits, "ftd 55.5 EUR").await.ok(json!({}));
    (click, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_with_nothing_to_show_and_with_something() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "anna", "admin");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    for address in PAGES {
        browser.open(address).await;
        browser.is_accessible().await;
    }
    let (click, id) = populate(&server, "a sample").await;
    let refused = server.conv("nobody-s-click", "ftd 1 EUR").await;
    let refused = format!("/log/{}", refused.json["request_id"].as_str().unwrap());
    let delivery = Api::new(&server, "viewer").get("/deliveries").await.json["items"][0]["id"].clone();
    let delivery = format!("/deliveries/{}", delivery.as_str().unwrap());
    let nobody = "/players?q=nobody".to_owned();
    let more = [format!("/conversions/{id}"), format!("/players/{click}"), nobody, refused, delivery];
    for address in PAGES.into_iter().chain(more.iter().map(String::as_str)) {
        browser.open(address).await;
        browser.is_accessible().await;
    }
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_tell_what_was_wrong_are_accessible_too() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "victor", "viewer");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("victor", &password).await;
    let unknown = "/conversions/01998000-0000-7000-8000-000000000000";
    for (address, said) in [
        ("/?from=yesterday", "from"),
        ("/conversions?cursor=tampered", "cursor"),
        ("/conversions/not-an-id", "not-an-id"),
        (unknown, "There is no conversion"),
        ("/players/nobody", "no such player"),
        ("/log?cursor=tampered", "cursor"),
        ("/log/01998000-0000-7000-8000-000000000000", "There is no request"),
        ("/audit?from=yesterday", "from"),
        ("/deliveries?state=lost", "none of waiting"),
        ("/deliveries/not-an-id", "not-an-id"),
    ] {
        browser.open(address).await;
        browser.sees(said).await;
        browser.is_accessible().await;
    }
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn script_that_others_have_sent_is_read_and_never_run() {
    let server = Server::on_sqlite();
    let (click, id) = populate(&server, HOSTILE).await;
    let password = add_user(&server, "anna", "admin");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    for address in [format!("/conversions/{id}"), format!("/players/{click}")] {
        browser.open(&address).await;
        browser.sees("<script>alert(1)</script>").await;
    }
    let hostile = percent_encoded(HOSTILE);
    for address in PAGES {
        for parameter in ["text", "merchant", "q", "from", "cursor", "tz", "group_by", "actor"] {
            browser.open(&format!("{address}?{parameter}={hostile}")).await;
        }
    }
    // A script that ran would have opened a dialog, which fails whatever comes next; one that was blocked by the
    // pages' policy is in the console.
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_is_found_by_any_id_and_can_be_annotated() {
    let server = Server::on_sqlite();
    let (click, _) = populate(&server, "a sample").await;
    let password = add_user(&server, "anna", "manager");
    let Some(browser) = Browser::on(&server).await else { return };
    browser.sign_in("anna", &password).await;
    for known in [click.as_str(), "tx-1"] {
        browser.press("Players").await;
        browser.fill("q", known).await;
        browser.press("Find").await;
        browser.sees("What happened").await;
        assert_eq!(browser.address().await, format!("/players/{click}"), "{known}");
    }
    browser.fill("note", "asked for a proof of payment").await;
    browser.press("Add the note").await;
    browser.sees("asked for a proof of payment").await;
    browser.close().await.unwrap();
}
