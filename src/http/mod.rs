//! The edge: requests in, answers out.
//!
//! It may import `domain`, `ingest`, `clock`, `configuration_file`, and `storage` to read and to configure. It decides
//! nothing: it bounds what a sender may cost, reads parameters strictly, asks who is there, submits an event and tells
//! the verdict in the sender's words. It never names sea-orm, reqwest or `delivery`.

mod access;
mod answer;
mod api;
mod attempt;
mod click;
mod client_address;
mod decisions;
mod desk;
mod dialect;
mod geo;
mod integration;
mod issue;
mod limits;
mod logged;
mod observe;
mod outgoing;
mod problem;
mod query;
mod reprocess;
mod server;
mod settings;
mod statistics;
mod token_uses;
mod track;
#[expect(dead_code, reason = "pages come to be shown one after the other")]
mod ui;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    http::{HeaderMap, header, uri::Authority},
    routing,
};
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

pub use self::{
    geo::Countries,
    issue::{new_api_key, new_token},
    outgoing::Tester,
    problem::status_of,
    query::read_query,
    server::{Limits, serve},
    token_uses::TokenUses,
};
use crate::{
    clock::Clock,
    domain::{catalog::Catalog, dialect::Dialect, ids::DialectId, secret::Secret, token::TokenDigester},
    http::{access::SignIns, limits::SenderLimits, outgoing::Tests},
    ingest::Ingest,
    storage::{Storage, StorageError},
};

/// What the handlers share.
#[derive(Debug)]
pub struct Edge {
    /// The configuration of this moment.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// The dialects that come with the program.
    pub ready_made: HashMap<DialectId, Arc<Dialect>>,
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
    /// Where the service is reached, for links.
    pub public_url: String,
    /// Whether the operator has said so; otherwise it is only where the service listens.
    pub is_public_url_given: bool,
    /// What the first admin proves with that the operator has sent them; none where there are users.
    pub setup_key: Option<Secret>,
    /// Which country an address belongs to, where the operator has a database of it.
    pub countries: Option<Countries>,
    /// Tells endpoints an example.
    pub tester: Arc<dyn Tester>,
    /// The metrics of this process.
    pub metrics: PrometheusHandle,
}

impl Edge {
    /// Whether people reach the service over https.
    fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Where the service is reached, for addresses that people copy: as the operator says, or else by the name under
    /// which the one who asks has found it.
    fn address_for(&self, headers: &HeaderMap) -> String {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        match host.filter(|host| !self.is_public_url_given && !host.as_str().contains('@')) {
            Some(host) => format!("http://{host}"),
            None => self.public_url.clone(),
        }
    }
}

/// All addresses of the service.
pub fn router(edge: Arc<Edge>) -> Router {
    let limits = SenderLimits::new(edge.rate_limit);
    let shared = Arc::new(Shared { edge, limits, sign_ins: SignIns::default(), tests: Tests::default() });
    dialect::routes(&shared.edge.ready_made)
        .merge(api::router(&shared))
        .merge(desk::router(&shared))
        .route("/click", routing::any(click::click))
        .route("/assets/{name}", routing::get(ui::asset))
        .route("/healthz", routing::get(observe::healthz))
        .route("/readyz", routing::get(observe::readyz))
        .route("/metrics", routing::get(observe::metrics))
        .fallback(dialect::elsewhere)
        .with_state(shared)
}

/// The state behind every handler.
#[derive(Debug)]
struct Shared {
    edge: Arc<Edge>,
    limits: SenderLimits,
    sign_ins: SignIns,
    tests: Tests,
}

impl Shared {
    /// The configuration of this very moment: what was just configured, perhaps in another process, is there.
    async fn catalog(&self) -> Result<Arc<Catalog>, StorageError> {
        let (storage, known) = (&self.edge.storage, Arc::clone(&self.edge.catalog.borrow()));
        if storage.catalog_version().await? == known.version {
            return Ok(known);
        }
        Ok(Arc::new(storage.catalog().await?))
    }
}
