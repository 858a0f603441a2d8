//! A browser and a program in one: a session for the pages, a key for the API.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Days};
use countersign::domain::time::Timestamp;

/// Who looks at the pages.
pub(super) const USER: &str = "bench";
pub(super) const PASSWORD: &str = "a password of the bench";

/// How long an answer may take to begin or to go on.
const PATIENCE: Duration = Duration::from_mins(2);

/// Asks one request after the other.
pub(super) struct Client {
    address: SocketAddr,
    cookie: String,
    key: String,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    body: BufReader<TcpStream>,
}

impl Client {
    pub(super) fn new(address: SocketAddr, key: &str) -> Self {
        Self { address, cookie: String::new(), key: key.to_owned() }
    }

    /// Gets a session, whose cookie goes along from then on.
    pub(super) fn sign_in(&mut self) -> Result<()> {
        let form = format!("name={USER}&password={}", PASSWORD.replace(' ', "+"));
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = self.send(&head)?;
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        cookie.context("nobody was signed in")?.clone_into(&mut self.cookie);
        Ok(())
    }

    /// The whole answer to an address.
    pub(super) fn get(&self, path: &str) -> Result<Answer> {
        let mut answer = self.ask(path)?;
        let mut body = Vec::new();
        answer.body.read_to_end(&mut body)?;
        Ok(answer)
    }

    /// What the API says.
    pub(super) fn json(&self, path: &str) -> Result<serde_json::Value> {
        let mut answer = self.ask(path)?;
        ensure!(answer.status == 200, "{path} was answered with {}", answer.status);
        let mut body = String::new();
        answer.body.read_to_string(&mut body)?;
        Ok(serde_json::from_str(&body)?)
    }

    /// How many lines an answer has, read as it comes.
    pub(super) fn count_lines(&self, path: &str) -> Result<u64> {
        let mut answer = self.ask(path)?;
        ensure!(answer.status == 200, "{path} was answered with {}", answer.status);
        let (mut lines, mut line) = (0, Vec::new());
        while answer.body.read_until(b'\n', &mut line)? > 0 {
            lines += 1;
            line.clear();
        }
        Ok(lines)
    }

    fn ask(&self, path: &str) -> Result<Answer> {
        let who = match path {
            // Somebody who is signed in would be sent on to the review.
            "/sign-in" => String::new(),
            path if path.starts_with("/api/") => format!("authorization: Bearer {}\r\n", self.key),
            _ => format!("cookie: {}\r\n", self.cookie),
        };
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{who}connection: close\r\n\r\n"))
    }

    fn send(&self, request: &str) -> Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut body = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(body.read_line(&mut head)? > 0, "the connection ended within the head of an answer");
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Answer { status: status.context("an answer without a status")?, head, body })
    }
}

/// The thirty days from sixty days ago, which are filled from the first, as parameters.
pub(super) fn month(now: Timestamp) -> Result<String> {
    let now = DateTime::from_timestamp_millis(now.millis()).context("a time out of range")?;
    let before = |days| now.date_naive().checked_sub_days(Days::new(days)).context("a day before today");
    Ok(format!("from={}T00:00:00Z&to={}T00:00:00Z", before(60)?, before(30)?))
}
