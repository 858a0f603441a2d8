//! Where outgoing postbacks go: receivers on ports of their own, which answer at once and note what arrived,
//! and one that takes connections and never answers.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::Control;
use crate::database::Scratch;
use crate::process::Peer;

/// How many receivers answer.
pub(crate) const ANSWERING: usize = 9;

/// The running receivers.
pub(crate) struct Receivers(Peer);

/// What the receivers tell about themselves.
#[derive(Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) answering: Vec<Arrivals>,
    /// Where nothing is ever answered.
    pub(crate) hanging: SocketAddr,
    /// How many connections have been made to it.
    pub(crate) hanging_taken: u64,
}

/// What has arrived at one receiver. Times are counted from a moment that all receivers share.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    pub(crate) address: SocketAddr,
    pub(crate) count: u64,
    /// How many different ids the arrivals had.
    pub(crate) distinct: u64,
    first: Duration,
    last: Duration,
}

impl Receivers {
    pub(crate) fn start(scratch: &Scratch) -> Result<Self> {
        Control::Receivers.start(scratch).map(Self)
    }

    pub(crate) fn noted(&self) -> Result<Noted> {
        let mut stream = std::net::TcpStream::connect(self.0.address())?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("the receivers gave no answer")?;
        serde_json::from_str(body).context("an answer of the receivers")
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.0.stop()
    }
}

impl Noted {
    pub(crate) fn count(&self) -> u64 {
        self.answering.iter().map(|arrivals| arrivals.count).sum()
    }

    /// From the first arrival to the last, wherever they were.
    pub(crate) fn span(&self) -> Duration {
        let reached = || self.answering.iter().filter(|arrivals| arrivals.count > 0);
        let first = reached().map(|arrivals| arrivals.first).min().unwrap_or_default();
        reached().map(|arrivals| arrivals.last).max().unwrap_or_default().saturating_sub(first)
    }

    /// Fails unless each of the first `receivers` got so many deliveries, none of them twice.
    pub(crate) fn check_each_once(&self, receivers: usize, expected: u64) -> Result<()> {
        for Arrivals { address, count, distinct, .. } in &self.answering[..receivers] {
            ensure!(
                (*count, *distinct) == (expected, expected),
                "{address} was to be told {expected} times, and was {count} times, of {distinct} deliveries"
            );
        }
        Ok(())
    }
}

/// Starts the receivers; what they note is served beside them.
pub(super) async fn router() -> Result<Router> {
    let started = Instant::now();
    let mut receivers = Vec::with_capacity(ANSWERING);
    for _ in 0..ANSWERING {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let receiver = Arc::new(Receiver::new(listener.local_addr()?, started));
        tokio::spawn(answer_all(listener, Arc::clone(&receiver)));
        receivers.push(receiver);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let hanging = listener.local_addr()?;
    let taken = Arc::new(AtomicU64::new(0));
    tokio::spawn(hang(listener, Arc::clone(&taken)));
    let tell = move || async move {
        let answering = receivers.iter().map(|receiver| receiver.arrivals()).collect();
        let hanging_taken = taken.load(Ordering::Relaxed);
        let noted = serde_json::to_vec(&Noted { answering, hanging, hanging_taken }).unwrap_or_default();
        ([(CONTENT_TYPE, "application/json")], noted).into_response()
    };
    Ok(Router::new().route("/", get(tell)))
}

struct Receiver {
    started: Instant,
    noted: Mutex<(Arrivals, HashSet<Box<[u8]>>)>,
}

impl Receiver {
    fn new(address: SocketAddr, started: Instant) -> Self {
        let arrivals =
            Arrivals { address, count: 0, distinct: 0, first: Duration::ZERO, last: Duration::ZERO };
        Self { started, noted: Mutex::new((arrivals, HashSet::new())) }
    }

    fn note(&self, request: &Request<Incoming>) {
        let now = self.started.elapsed();
        let id = request.headers().get("webhook-id").map(|id| id.as_bytes().into());
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let (arrivals, ids) = &mut *noted;
        if arrivals.count == 0 {
            arrivals.first = now;
        }
        arrivals.last = now;
        arrivals.count += 1;
        arrivals.distinct += u64::from(id.is_some_and(|id| ids.insert(id)));
    }

    fn arrivals(&self) -> Arrivals {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

async fn answer_all(listener: TcpListener, receiver: Arc<Receiver>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let receiver = Arc::clone(&receiver);
        let service = service_fn(move |request| {
            receiver.note(&request);
            std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn hang(listener: TcpListener, taken: Arc<AtomicU64>) -> Result<()> {
    let mut held = Vec::new();
    loop {
        held.push(listener.accept().await?);
        taken.fetch_add(1, Ordering::Relaxed);
    }
}
