//! The controls: peers that do less than the server, or the same less cleverly, served in the same way from
//! processes of their own, so that each figure of the server has a figure of the same machine and minute to
//! be held against.

mod noop;
mod one_by_one;
pub(crate) mod receivers;
mod tables;

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use axum::Router;
use axum::response::{IntoResponse, Response};
use clap::ValueEnum;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rust_decimal::Decimal;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::database::Scratch;
use crate::process::{LISTENING, Peer};
use crate::requests::Player;

/// Which control a child process is.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Control {
    /// Parses the request and answers, and does nothing in between.
    Noop,
    /// Records each conversion in a transaction of its own, through the ORM.
    OneByOne,
    /// Takes outgoing postbacks.
    Receivers,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::OneByOne => "one-by-one",
            Self::Receivers => "receivers",
        }
    }

    /// Starts this very program again, as the control.
    pub(crate) fn start(self, scratch: &Scratch) -> Result<Peer> {
        start_as(self.name(), scratch.url(), scratch.folder())
    }

    /// Is the control, in the child process, until it is told to stop.
    pub(crate) fn serve(self, database_url: &str) -> Result<()> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let router = match self {
                Self::Noop => noop::router(),
                Self::OneByOne => one_by_one::router(database_url).await?,
                Self::Receivers => receivers::router().await?,
            };
            serve(router).await
        })
    }
}

fn start_as(name: &'static str, database_url: &str, folder: &Path) -> Result<Peer> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--control", name, "--database-url", database_url]);
    Peer::start(name, command, folder)
}

/// Players for the control that records, in the order of their clicks.
pub(crate) fn recorded_players() -> Vec<Player> {
    let click = |ordinal| Player::new(&one_by_one::click_id(ordinal), ordinal);
    (0..one_by_one::CLICKS).map(click).collect()
}

/// Serves as the product does: HTTP/1.1 with keep-alive, a task a connection.
async fn serve(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{LISTENING}{}", listener.local_addr()?);
    let mut terminated = signal(SignalKind::terminate())?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = terminated.recv() => return Ok(()),
        };
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
}

/// The parameters of a conversion, parsed as far as any server must.
struct Deposit<'a> {
    click_id: Cow<'a, str>,
    token: Cow<'a, str>,
    goal_alias: Cow<'a, str>,
    amount: Decimal,
    currency: Cow<'a, str>,
}

impl<'a> Deposit<'a> {
    fn parse(query: &'a str) -> Result<Self> {
        let [mut click_id, mut token, mut goal_alias, mut amount, mut currency] = [const { None }; 5];
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "click_id" => click_id = Some(value),
                "token" => token = Some(value),
                "goal_alias" => goal_alias = Some(value),
                "amount" => amount = Some(value),
                "currency" => currency = Some(value),
                _ => {}
            }
        }
        Ok(Self {
            click_id: click_id.context("click_id is missing")?,
            token: token.context("token is missing")?,
            goal_alias: goal_alias.context("goal_alias is missing")?,
            amount: Decimal::from_str_exact(&amount.context("amount is missing")?)?,
            currency: currency.context("currency is missing")?,
        })
    }
}

/// The answer to a conversion, member by member what the product answers.
#[derive(Serialize)]
struct Recorded<'a> {
    success: bool,
    duplicate: bool,
    request_id: &'a str,
    conversion: RecordedConversion<'a>,
}

#[derive(Serialize)]
struct RecordedConversion<'a> {
    id: &'a str,
    click_id: &'a str,
    goal_alias: &'a str,
    status: &'a str,
    amount: String,
    currency: &'a str,
    revenue: Option<&'a str>,
    revshare_multiplier: Option<&'a str>,
    transaction_id: Option<&'a str>,
    suspected_duplicate: bool,
    created_at: &'a str,
    decided_at: Option<&'a str>,
}

/// As long as the ids of the product.
const SAMPLE_ID: &str = "019a0000-0000-7000-8000-000000000000";

fn answer(deposit: &Deposit<'_>) -> Result<Response> {
    let body = serde_json::to_vec(&Recorded {
        success: true,
        duplicate: false,
        request_id: SAMPLE_ID,
        conversion: RecordedConversion {
            id: SAMPLE_ID,
            click_id: &deposit.click_id,
            goal_alias: &deposit.goal_alias,
            status: "pending",
            amount: deposit.amount.to_string(),
            currency: &deposit.currency,
            revenue: None,
            revshare_multiplier: None,
            transaction_id: None,
            suspected_duplicate: false,
            created_at: "2026-11-20T10:00:00.123Z",
            decided_at: None,
        },
    })?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}
