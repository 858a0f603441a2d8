//! chromedriver as a child process, with a headless Chromium of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::support::program;

/// How long chromedriver, and each page, may take. Generous: only a failing test waits so long.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// How long it may take to end before it is killed.
const FAREWELL: Duration = Duration::from_secs(5);

/// The program. Dropping it ends it together with its browser.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    port: u16,
    /// Its home and its temporary files, profile of the browser included.
    folder: TempDir,
}

impl Driver {
    /// One on a free port; none, said loudly, where it or Chromium is not installed.
    pub(super) fn start() -> Option<Self> {
        let (driver, _) = (program("chromedriver", "chromium-driver")?, program("chromium", "chromium")?);
        let folder = TempDir::new().unwrap();
        let log = File::create(folder.path().join("chromedriver.log")).unwrap();
        let mut command = Command::new(driver);
        command.arg("--port=0").env("HOME", folder.path()).env("TMPDIR", folder.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (told, heard) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // "ChromeDriver was started successfully on port 40001."; the pipe is read on, lest it blocks.
                let port = line.trim_end_matches('.').rsplit_once("successfully on port ");
                if let Some(port) = port.and_then(|(_, port)| port.parse().ok()) {
                    let _ = told.send(port);
                }
            }
        });
        let port = heard.recv_timeout(PATIENCE).expect("chromedriver says on which port it listens");
        Some(Self { child, port, folder })
    }

    /// A browser whose pages may run scripts, or not, and which reaches nothing but this machine.
    pub(super) async fn browser(&self, scripts: bool) -> Client {
        let options = json!({
            "args": [
                "--headless=new", "--window-size=1280,900", "--hide-scrollbars", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-gpu",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                // Containers and root have no sandbox to offer, and it only ever shows our own pages.
                "--no-sandbox", "--disable-dev-shm-usage",
            ],
            "prefs": {
                "profile.managed_default_content_settings.javascript": if scripts { 1 } else { 2 },
                "credentials_enable_service": false,
            },
            "perfLoggingPrefs": {"enableNetwork": true, "enablePage": false},
        });
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "timeouts": {"script": PATIENCE.as_millis(), "pageLoad": PATIENCE.as_millis()},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let capabilities = capabilities.as_object().unwrap().clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        match builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{}", self.port)).await {
            Ok(client) => client,
            Err(error) => panic!("the browser did not start: {error}\n{}", self.log()),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("chromedriver.log")).unwrap_or_default()
    }

    /// Asks it to end its browser and itself.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(FAREWELL))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.shut_down().is_err() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A command of chromedriver that the standard does not have.
#[derive(Debug)]
pub(super) struct Extra {
    path: &'static str,
    body: Value,
}

impl Extra {
    /// A command of Chromium's own protocol.
    #[expect(clippy::needless_pass_by_value, reason = "it is written in place, as `json!({ .. })`")]
    pub(super) fn devtools(name: &str, parameters: Value) -> Self {
        Self { path: "goog/cdp/execute", body: json!({"cmd": name, "params": parameters}) }
    }

    /// What was noted since the last time: `browser` is the console, `performance` holds the requests.
    pub(super) fn log(kind: &str) -> Self {
        Self { path: "se/log", body: json!({"type": kind}) }
    }
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
