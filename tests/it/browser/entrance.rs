//! The first set-up, signing in and out.

use super::page::Browser;
use crate::{
    desk::{add_user, setup_key},
    support::Server,
};

const PASSWORD: &str = "a sentence that only anna says";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_sets_up_signs_out_and_signs_in() {
    let server = Server::on_sqlite();
    let key = setup_key(&server).await;
    let Some(browser) = Browser::on(&server).await else { return };
    browser.open(&format!("/setup?key={key}")).await;
    browser.fill("name", "anna").await;
    browser.fill("password", PASSWORD).await;
    browser.fill("again", "something else").await;
    browser.is_accessible().await;
    browser.press("Create the admin").await;
    browser.sees("The two passwords differ").await;
    browser.is_accessible().await;
    browser.fill("password", PASSWORD).await;
    browser.fill("again", PASSWORD).await;
    browser.press("Create the admin").await;
    browser.sees("Nothing has been reported yet").await;
    assert_eq!(browser.address().await, "/");
    browser.is_accessible().await;
    browser.press("Sign out").await;
    browser.sees("Password").await;
    assert_eq!(browser.address().await, "/sign-in");
    browser.open("/conversions?merchant=acme").await;
    browser.fill("name", "anna").await;
    browser.fill("password", "wrong").await;
    browser.press("Sign in").await;
    browser.sees("do not belong together").await;
    browser.is_accessible().await;
    browser.fill("password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.sees("Sign out").await;
    assert_eq!(browser.address().await, "/conversions?merchant=acme");
    browser.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_out_everywhere_and_changes_their_password() {
    let server = Server::on_sqlite();
    let password = add_user(&server, "anna", "viewer");
    let (Some(here), Some(there)) = (Browser::on(&server).await, Browser::on(&server).await) else { return };
    for browser in [&here, &there] {
        browser.sign_in("anna", &password).await;
    }
    here.press("anna viewer").await;
    here.sees("Change your password").await;
    here.is_accessible().await;
    here.fill("current", &password).await;
    here.fill("password", PASSWORD).await;
    here.fill("again", PASSWORD).await;
    here.click("form[action='/account/password'] button").await;
    here.sees("Password").await;
    there.open("/").await;
    assert_eq!(there.address().await, "/sign-in");
    for browser in [&here, &there] {
        browser.sign_in("anna", PASSWORD).await;
    }
    here.open("/account").await;
    here.press("Sign out everywhere").await;
    here.sees("Password").await;
    there.open("/conversions").await;
    assert_eq!(there.address().await, "/sign-in?next=%2Fconversions");
    here.close().await.unwrap();
    there.close().await.unwrap();
}
