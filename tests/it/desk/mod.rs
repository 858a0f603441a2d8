//! The pages, by plain HTTP: sessions, forms, and what every answer carries. `browser` shows them to a real browser.

mod account;
mod audit;
mod deliveries;
mod endpoints;
mod forms;
mod integration;
mod lists;
mod log;
mod pages;
mod people;
mod reprocess;
mod review;
mod sessions;
mod settings;
mod statistics;

use std::cell::RefCell;

use serde_json::json;

use crate::{
    api::Api,
    support::{Answer, Server, eventually, percent_encoded},
};

/// Every page that the navigation and the settings lead to.
pub(crate) const PAGES: [&str; 34] = [
    "/",
    "/conversions",
    "/players",
    "/log",
    "/deliveries",
    "/deliveries/endpoints",
    "/statistics",
    "/audit",
    "/settings",
    "/settings/merchants",
    "/settings/merchants/new",
    "/settings/merchants/acme",
    "/settings/merchants/acme/goals/new",
    "/settings/merchants/acme/goals/kyc",
    "/settings/offers",
    "/settings/offers/new",
    "/settings/offers/acme-offer",
    "/settings/affiliates",
    "/settings/affiliates/new",
    "/settings/affiliates/lotus",
    "/settings/merchants/acme/integration",
    "/settings/postbacks",
    "/settings/postbacks/new",
    "/settings/pixels",
    "/settings/pixels/new",
    "/settings/dialects",
    "/settings/dialects/new",
    "/settings/dialects/keitaro",
    "/settings/dialects/conv",
    "/settings/currencies",
    "/settings/currencies/new",
    "/settings/users",
    "/settings/users/new",
    "/settings/api-keys",
];

/// Somebody who uses the pages, as a browser sends it: with a cookie, and with the token of the last page's forms.
pub(crate) struct Desk<'a> {
    server: &'a Server,
    cookie: String,
    csrf: RefCell<String>,
}

impl<'a> Desk<'a> {
    /// Somebody who has not signed in.
    pub(crate) fn outside(server: &'a Server) -> Self {
        Self { server, cookie: String::new(), csrf: RefCell::default() }
    }

    /// A fresh user of this role, signed in.
    pub(crate) async fn new(server: &'a Server, name: &str, role: &str) -> Self {
        let password = add_user(server, name, role);
        Self::signed_in(server, name, &password).await
    }

    /// A user who signs in, and looks at the first page.
    pub(crate) async fn signed_in(server: &'a Server, name: &str, password: &str) -> Self {
        let answer = Self::outside(server).post("/sign-in", &[("name", name), ("password", password)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let desk = Self { server, cookie, csrf: RefCell::default() };
        assert_eq!(desk.get("/").await.status, 200);
        desk
    }

    /// The cookie, as a browser sends it.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The token of the last page's forms.
    pub(crate) fn csrf(&self) -> String {
        self.csrf.borrow().clone()
    }

    /// Opens a page.
    pub(crate) async fn get(&self, address: &str) -> Answer {
        self.send("GET", address, &[], "").await
    }

    /// Opens a page that is shown, and gives it.
    pub(crate) async fn page(&self, address: &str) -> String {
        let answer = self.get(address).await;
        assert_eq!(answer.status, 200, "{address}: {}", answer.text);
        answer.text
    }

    /// Sends a form, with the token of the last page's forms.
    pub(crate) async fn post(&self, address: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.post_with(address, &[], &fields).await
    }

    /// Sends a form with these headers, and with no token but those given.
    pub(crate) async fn post_with(
        &self,
        address: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Answer {
        let pair =
            |(name, value): &(&str, &str)| format!("{}={}", percent_encoded(name), percent_encoded(value));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.send("POST", address, &[&form[..], headers].concat(), &body).await
    }

    async fn send(&self, method: &str, address: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let cookie = [("cookie", self.cookie.as_str())];
        let cookie: &[_] = if self.cookie.is_empty() { &[] } else { &cookie };
        let answer = self.server.request(method, address, &[cookie, headers].concat(), body).await;
        if let Some((_, rest)) = answer.text.split_once("name=\"csrf\" value=\"") {
            let token = rest.split('"').next().unwrap_or_default();
            token.clone_into(&mut self.csrf.borrow_mut());
        }
        answer
    }
}

/// Makes a user, and gives the password.
pub(crate) fn add_user(server: &Server, name: &str, role: &str) -> String {
    server.command(&["user", "add", name, "--role", role]).ok().trim().to_owned()
}

/// The key of the address that makes the first admin, as the operator reads it.
pub(crate) async fn setup_key(server: &Server) -> String {
    let told =
        || server.log().split_once("/setup?key=").map(|(_, key)| key.lines().next().unwrap().to_owned());
    eventually("serve tells the address of the first set-up", async || told().is_some()).await;
    told().unwrap()
}

/// The address of a link to a merchant's integration page that a manager gives away.
pub(crate) async fn integration_link(server: &Server, merchant: &str, days: u32) -> String {
    let address = format!("/merchants/{merchant}/integration-link");
    let made = Api::new(server, "manager").post(&address, &json!({ "days": days })).await;
    let url = made.json["url"].as_str().expect(&made.text);
    url[url.find("/i/").expect(url)..].to_owned()
}

/// What stands between two texts of a page, the first time.
#[track_caller]
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let Some((_, rest)) = page.split_once(before) else { panic!("{before} is not in {page}") };
    rest.split_once(after).unwrap().0
}

/// A page's text as people read it: without tags, its white space as single spaces.
fn read(page: &str) -> String {
    let parts = page.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let text = parts.collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\u{202f}', " ")
}

/// Records a first deposit of a fresh player, and gives its id and the player's click.
async fn ftd(server: &Server, words: &str) -> (String, String) {
    let click = server.click().await;
    let answer = server.conv(&click, &format!("ftd {words}")).await;
    (answer.json["conversion"]["id"].as_str().expect(&answer.text).to_owned(), click)
}

/// Moves everything that sessions remember by so many milliseconds into the past.
async fn let_sessions_rest(server: &Server, millis: i64) {
    let sql = format!("UPDATE session SET last_seen_at = last_seen_at - {millis}");
    server.database().execute(&sql).await;
}
