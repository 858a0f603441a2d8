//! What a person does with a browser, and what a test expects of the pages.

use std::time::Instant;

use fantoccini::{Client, Locator, elements::Element, error::CmdError};
use serde_json::{Value, json};
use url::Url;

use super::driver::{Driver, Extra, PATIENCE};
use crate::support::{Server, eventually, installed};

/// The widths at which pages are looked at, in CSS pixels: a desk and a phone.
const WIDTHS: [u32; 2] = [1280, 390];

/// A browser with one window, looking at one server.
#[derive(Debug)]
pub(super) struct Browser {
    client: Client,
    home: Url,
    scripts: bool,
    _driver: Driver,
}

impl Browser {
    /// A fresh one; none where browsers are not installed.
    pub(super) async fn on(server: &Server) -> Option<Self> {
        Self::start(server, true).await
    }

    /// One whose user has switched JavaScript off.
    pub(super) async fn without_scripts(server: &Server) -> Option<Self> {
        Self::start(server, false).await
    }

    async fn start(server: &Server, scripts: bool) -> Option<Self> {
        let driver = Driver::start()?;
        let client = driver.browser(scripts).await;
        let home = Url::parse(&format!("http://{}/", server.address)).unwrap();
        Some(Self { client, home, scripts, _driver: driver })
    }

    /// Goes to an address below the server's.
    pub(super) async fn open(&self, address: &str) {
        self.client.goto(self.home.join(address).unwrap().as_str()).await.unwrap();
    }

    /// Signs a user in.
    pub(super) async fn sign_in(&self, name: &str, password: &str) {
        self.open("/sign-in").await;
        self.fill("name", name).await;
        self.fill("password", password).await;
        self.press("Sign in").await;
        self.sees("Sign out").await;
    }

    /// Where it is: path and query.
    pub(super) async fn address(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url[url::Position::BeforePath..].to_owned()
    }

    /// What a person reads.
    pub(super) async fn text(&self) -> String {
        // A page that is being replaced has no text for a moment.
        let Ok(body) = self.client.find(Locator::Css("body")).await else { return String::new() };
        body.text().await.unwrap_or_default()
    }

    /// Waits until the page says this.
    #[track_caller]
    pub(super) fn sees<'a>(&'a self, text: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            while !self.text().await.contains(text) {
                if Instant::now() > deadline {
                    let (address, shown) = (self.address().await, self.text().await);
                    panic!("{caller}: {address} never said {text:?}:\n{shown}");
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    /// Writes into the field of this name, in place of what is there.
    pub(super) async fn fill(&self, name: &str, value: &str) {
        let field = self.field(name).await;
        field.clear().await.unwrap();
        field.send_keys(value).await.unwrap();
    }

    /// The field of this name that can be seen.
    pub(super) async fn field(&self, name: &str) -> Element {
        self.visible(&format!("main [name='{name}']:not([type=hidden])")).await
    }

    /// The first element of a selector that can be seen, as soon as there is one.
    pub(super) async fn visible(&self, selector: &str) -> Element {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for element in self.client.find_all(Locator::Css(selector)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or_default() {
                    return element;
                }
            }
            assert!(Instant::now() < deadline, "{selector} never appeared:\n{}", self.text().await);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// How many elements a selector finds.
    pub(super) async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.unwrap().len()
    }

    /// Clicks on what a selector finds.
    pub(super) async fn click(&self, selector: &str) {
        self.visible(selector).await.click().await.unwrap();
    }

    /// Presses the button, or follows the link, with this text.
    pub(super) async fn press(&self, text: &str) {
        let path = format!("//*[self::button or self::a or self::summary][normalize-space()='{text}']");
        eventually(&format!("{text:?} can be pressed"), async || {
            match self.client.find_all(Locator::XPath(&path)).await.unwrap_or_default().first() {
                Some(element) => element.click().await.is_ok(),
                None => false,
            }
        })
        .await;
    }

    /// Presses keys wherever the focus is.
    pub(super) async fn keys(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Runs a script in the page. The page's own policy does not concern it.
    pub(super) async fn evaluate(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.client.issue_cmd(Extra::devtools(command, parameters)).await.unwrap();
    }

    /// Shows pages at this width.
    pub(super) async fn width(&self, pixels: u32) {
        let metrics = json!({"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Shows pages as somebody sees them who prefers `light` or `dark` ones.
    pub(super) async fn scheme(&self, name: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": name}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Expects of the page that is shown that it fits a desk and a phone, and that axe-core finds no fault in it in
    /// either of them, light and dark. Where scripts are switched off axe-core does not run either.
    pub(super) async fn is_accessible(&self) {
        let axe = installed("axe.min.js").filter(|_| self.scripts);
        let axe = axe.map(|path| std::fs::read_to_string(path).unwrap());
        let address = self.address().await;
        for width in WIDTHS {
            self.width(width).await;
            let wide = self.evaluate("return document.documentElement.scrollWidth").await;
            assert!(wide.as_u64() <= Some(width.into()), "{address} is {wide} pixels wide at {width}");
            for scheme in ["light", "dark"] {
                self.scheme(scheme).await;
                if let Some(axe) = &axe {
                    self.has_no_violation(axe, &format!("{address} at {width} in {scheme}")).await;
                }
            }
        }
        self.width(WIDTHS[0]).await;
        self.scheme("light").await;
    }

    async fn has_no_violation(&self, axe: &str, shown: &str) {
        if self.evaluate("return typeof axe").await == "undefined" {
            self.client.execute(axe, Vec::new()).await.unwrap();
        }
        let run = "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then(
            (found) => done(found.violations.map((rule) => rule.id + ': ' + rule.help + '\\n' + rule.nodes.map(
                (node) => '  ' + node.target + ': ' + node.html + '\\n  ' + node.failureSummary).join('\\n'))),
            (error) => done(['axe failed: ' + error]))";
        let found = self.client.execute_async(run, Vec::new()).await.unwrap();
        let violations: Vec<_> = found.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(violations.is_empty(), "{shown}:\n{}", violations.join("\n"));
    }

    /// Expects that the pages since the last call complained about nothing in the console, and asked for nothing that
    /// was missing, forbidden by their own policy, or elsewhere.
    pub(super) async fn was_quiet(&self) {
        let entries = self.client.issue_cmd(Extra::log("browser")).await.unwrap();
        // Answers are looked at below, where those to a navigation can be told apart: they may well be refusals. And a
        // field may well show what somebody has written into the address, though it is no day.
        let is_ours = |entry: &&Value| {
            entry["level"] != "DEBUG" && entry["source"] != "network" && entry["source"] != "rendering"
        };
        let entries: Vec<_> = entries.as_array().unwrap().iter().filter(is_ours).collect();
        assert!(entries.is_empty(), "the console says {entries:#?}");
        let events = self.client.issue_cmd(Extra::log("performance")).await.unwrap();
        for event in events.as_array().unwrap() {
            let event: Value = serde_json::from_str(event["message"].as_str().unwrap()).unwrap();
            let (event, parameters) = (&event["message"], &event["message"]["params"]);
            let fault = match event["method"].as_str().unwrap() {
                "Network.requestWillBeSent" => !self.may_ask_for(&parameters["request"]["url"]),
                "Network.responseReceived" => {
                    parameters["type"] != "Document" && parameters["response"]["status"].as_u64() >= Some(400)
                }
                "Network.loadingFailed" => !parameters["blockedReason"].is_null(),
                _ => false,
            };
            assert!(!fault, "{event:#}");
        }
    }

    fn may_ask_for(&self, url: &Value) -> bool {
        let url = url.as_str().unwrap();
        url.starts_with(self.home.as_str()) || url.starts_with("data:") || url.starts_with("about:")
    }

    /// Ends it, given that its pages were quiet.
    pub(super) async fn close(self) -> Result<(), CmdError> {
        self.was_quiet().await;
        self.client.close().await
    }
}
