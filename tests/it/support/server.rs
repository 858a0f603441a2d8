//! A running server and what is sent to it.

use std::{net::SocketAddr, process::Child, process::Command, time::Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Answer, Database, OnDatabase, PATIENCE, Program, WORLD, wire};

/// The program, serving. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    /// How it was started.
    pub(crate) program: Program,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
}

impl OnDatabase for Server {
    fn on(database: Database) -> Self {
        let program = Program::new(&database);
        program.apply(WORLD).ok();
        program.serve()
    }
}

impl Server {
    pub(super) fn new(program: Program, child: Child, address: SocketAddr) -> Self {
        Self { program, address, child }
    }

    /// One with the test world, where it makes no difference on which database.
    pub(crate) fn on_sqlite() -> Self {
        Self::on(Database::sqlite())
    }

    /// Its database.
    pub(crate) fn database(&self) -> &Database {
        &self.program.database
    }

    /// The id of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has logged, over all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.database().folder().join("serve.log")).unwrap()
    }

    /// Sends a request as it stands.
    ///
    /// # Errors
    /// When the connection breaks before the answer is there.
    pub(crate) async fn try_request(
        &self,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request =
            Request::builder().method(method).uri(address).header("host", "countersign.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        wire::exchange(self.address, request).await
    }

    /// Sends a request and expects an answer.
    pub(crate) async fn request(
        &self,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        match self.try_request(method, address, headers, body).await {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {address} was not answered: {error}\n{}", self.log()),
        }
    }

    /// GET of a path with its query, as it stands.
    pub(crate) async fn get(&self, address: &str) -> Answer {
        self.request("GET", address, &[], "").await
    }

    /// POST of a body of this type.
    pub(crate) async fn post(&self, address: &str, content_type: &str, body: &str) -> Answer {
        self.request("POST", address, &[("content-type", content_type)], body).await
    }

    /// A connection on which anything may be written.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Writes bytes on a connection and returns what comes back until the server closes it.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // A server that has seen enough may close before everything is written.
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stayed open");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Records a click on the way to acme, and returns its id.
    pub(crate) async fn click(&self) -> String {
        self.click_to("acme").await
    }

    /// Records a click on the way to a merchant, and returns its id.
    pub(crate) async fn click_to(&self, merchant: &str) -> String {
        let address = format!("/click?offer={merchant}-offer&affiliate=lotus");
        let answer = self.request("GET", &address, &[("accept", "application/json")], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["click_id"].as_str().unwrap().to_owned()
    }

    /// `/track/conv` for a click, in words; see [`query`].
    pub(crate) async fn conv(&self, click: &str, words: &str) -> Answer {
        self.get(&format!("/track/conv?{}", query(click, words))).await
    }

    /// `/track/conv-change` for a click, in words; see [`query`].
    pub(crate) async fn change(&self, click: &str, words: &str) -> Answer {
        self.get(&format!("/track/conv-change?{}", query(click, words))).await
    }

    /// `/track/conv-addchange` for a click, in words; see [`query`].
    pub(crate) async fn addchange(&self, click: &str, words: &str) -> Answer {
        self.get(&format!("/track/conv-addchange?{}", query(click, words))).await
    }

    /// Expects that `/track/conv` refuses this, and that nothing of it is recorded.
    pub(crate) async fn refuses(&self, click: &str, words: &str, code: &str, parameter: &str) {
        let before = self.database().count("conversion").await;
        let answer = self.conv(click, words).await;
        assert!((400..500).contains(&answer.status), "{words}: {}", answer.text);
        answer.refused(answer.status, code, parameter);
        assert_eq!(self.database().count("conversion").await, before, "{words}");
    }

    /// Runs another command beside it, with the same settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> super::Done {
        self.program.run(arguments)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was killed or stopped, at another port.
    pub(crate) fn restart(&mut self) {
        let running = self.child.try_wait().unwrap().is_none();
        assert!(!running, "a server that is to start again must have ended");
        *self = self.program.serve();
    }

    /// Asks it to stop with this signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.process_id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended by itself, and returns its exit status.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the server did not end");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Asks it to stop with SIGTERM, and expects exit status 0.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.ended().await, Some(0), "{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A postback's query from words such as `ftd 100 EUR`, `ftd approved` or `rdep 7 EUR transaction_id=T-1`: the goal,
/// then an amount, a currency and a status as far as they are there; `name=value` is taken as it stands. The token is
/// acme's, if none is given.
pub(crate) fn query(click: &str, words: &str) -> String {
    let mut pairs = vec![format!("click_id={click}")];
    for (position, word) in words.split_whitespace().enumerate() {
        let is_amount = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        pairs.push(match word {
            _ if word.contains('=') => word.to_owned(),
            _ if position == 0 => format!("goal_alias={word}"),
            "pending" | "approved" | "rejected" => format!("conv_status={word}"),
            _ if is_amount => format!("amount={word}"),
            _ => format!("currency={word}"),
        });
    }
    if !pairs.iter().any(|pair| pair.starts_with("token=")) {
        pairs.push("token=acme-token-1".to_owned());
    }
    pairs.join("&")
}
