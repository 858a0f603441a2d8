//! The edge: requests in, answers out.
//!
//! It may import `domain`, `ingest`, `clock`, and `storage` to read. It decides nothing: it bounds what a sender may
//! cost, reads parameters strictly, asks who is there, submits an event and tells the verdict in the sender's words.
//! It never names sea-orm, reqwest or `delivery`.

mod answer;
mod click;
mod client_address;
mod limits;
mod observe;
mod problem;
mod query;
mod server;
mod token_uses;
mod track;

use std::sync::Arc;

use axum::{Router, routing};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

pub use self::{
    server::{Limits, serve},
    token_uses::TokenUses,
};
use crate::{
    clock::Clock,
    domain::{catalog::Catalog, token::TokenDigester},
    http::limits::SenderLimits,
    ingest::Ingest,
    storage::Storage,
};

/// What the handlers share.
#[derive(Debug)]
pub struct Edge {
    /// The configuration of this moment.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// The door for events.
    pub ingest: Ingest,
    /// For reading.
    pub storage: Storage,
    /// Recognises tokens.
    pub digester: TokenDigester,
    /// When tokens were last used.
    pub token_uses: TokenUses,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The proxies whose word on the sender's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many requests a second one merchant, or one unknown address, may send; none for no limit.
    pub rate_limit: Option<std::num::NonZeroU32>,
    /// The metrics of this process.
    pub metrics: PrometheusHandle,
}

/// All addresses of the service.
pub fn router(edge: Arc<Edge>) -> Router {
    let limits = SenderLimits::new(edge.rate_limit);
    let shared = Arc::new(Shared { edge, limits });
    Router::new()
        .route("/track/conv", routing::any(track::conv))
        .route("/track/conv-change", routing::any(track::conv_change))
        .route("/track/conv-addchange", routing::any(track::conv_addchange))
        .route("/click", routing::any(click::click))
        .route("/healthz", routing::get(observe::healthz))
        .route("/readyz", routing::get(observe::readyz))
        .route("/metrics", routing::get(observe::metrics))
        .fallback(observe::not_found)
        .with_state(shared)
}

/// The state behind every handler.
#[derive(Debug)]
struct Shared {
    edge: Arc<Edge>,
    limits: SenderLimits,
}
