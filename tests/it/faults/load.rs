//! Many merchants at once, who remember every answer.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet};

use crate::support::query;

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A connection that is kept open.
pub(super) struct Client {
    sender: http1::SendRequest<Empty<Bytes>>,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Broken> {
        let (sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// The status and the body. A 503 must say when to come back.
    pub(super) async fn get(&mut self, path: &str) -> Result<(u16, Value), Broken> {
        let request =
            Request::get(path).header("host", "countersign.example").header("accept", "application/json");
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request.body(Empty::new())?).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status == 503 {
            assert!(head.headers.contains_key("retry-after"), "a 503 without Retry-After");
        }
        Ok((head.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// What was answered with a success.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// Clicks.
    pub(super) clicks: Vec<String>,
    /// By the id of the conversion, the address of the postback that recorded it.
    pub(super) recorded: BTreeMap<String, String>,
    /// By the id of the conversion, how it was decided.
    pub(super) decided: BTreeMap<String, String>,
    /// How many requests were told to come back later.
    pub(super) put_off: usize,
}

impl Acknowledged {
    pub(super) fn extend(&mut self, other: Self) {
        self.clicks.extend(other.clicks);
        self.recorded.extend(other.recorded);
        self.decided.extend(other.decided);
        self.put_off += other.put_off;
    }

    /// Sends a postback and remembers the answer; the id of the conversion if it was a success.
    async fn send(
        &mut self,
        client: &mut Client,
        endpoint: &str,
        query: &str,
    ) -> Result<Option<String>, Broken> {
        let address = format!("/track/{endpoint}?{query}");
        let (status, answer) = client.get(&address).await?;
        if status == 503 {
            self.put_off += 1;
            return Ok(None);
        }
        assert_eq!(status, 200, "{address} -> {answer}");
        let id = answer["conversion"]["id"].as_str().unwrap().to_owned();
        if endpoint == "conv" {
            self.recorded.insert(id.clone(), address);
        } else {
            let status = answer["conversion"]["status"].as_str().unwrap();
            self.decided.insert(id.clone(), status.to_owned());
        }
        Ok(Some(id))
    }

    /// A player's life: a click, a first deposit, its decision, a repeat deposit with a transaction id.
    async fn play(&mut self, client: &mut Client, number: usize) -> Result<(), Broken> {
        let (status, answer) = client.get("/click?offer=acme-offer&affiliate=lotus").await?;
        if status == 503 {
            self.put_off += 1;
            return Ok(());
        }
        let click = answer["click_id"].as_str().unwrap().to_owned();
        self.clicks.push(click.clone());
        if self.send(client, "conv", &query(&click, "ftd 100 EUR")).await?.is_none() {
            return Ok(());
        }
        let decision = if number.is_multiple_of(2) { "ftd approved" } else { "ftd rejected" };
        self.send(client, "conv-change", &query(&click, decision)).await?;
        let deposit = format!("rdep 7.50 EUR transaction_id=T-{click}");
        self.send(client, "conv", &query(&click, &deposit)).await?;
        Ok(())
    }
}

/// Merchants who send without a pause until they are stopped, or cut off.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    put_off: Arc<AtomicUsize>,
    merchants: JoinSet<Acknowledged>,
}

impl Load {
    pub(super) fn start(address: SocketAddr, connections: usize) -> Self {
        let load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            put_off: Arc::default(),
            merchants: JoinSet::new(),
        };
        let Self { stop, answered, put_off, mut merchants } = load;
        for number in 0..connections {
            let (stop, answered, put_off) = (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&put_off));
            merchants.spawn(async move {
                let mut known = Acknowledged::default();
                let Ok(mut client) = Client::connect(address).await else { return known };
                while !stop.load(Ordering::Relaxed) {
                    let before = known.put_off;
                    if known.play(&mut client, number).await.is_err() {
                        break;
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                    put_off.fetch_add(known.put_off - before, Ordering::Relaxed);
                }
                known
            });
        }
        Self { stop, answered, put_off, merchants }
    }

    /// How many players' lives were gone through.
    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many requests were told to come back later.
    pub(super) fn put_off(&self) -> usize {
        self.put_off.load(Ordering::Relaxed)
    }

    /// Stops, unless they were cut off, and gives all that was acknowledged.
    pub(super) async fn finish(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Acknowledged::default();
        for known in self.merchants.join_all().await {
            all.extend(known);
        }
        all
    }
}
