//! Whether the service lives, whether it is ready, and its figures.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use metrics::gauge;
use tokio::time::timeout;

use super::{Shared, problem::Problem};
use crate::{clock::new_uuid, domain::ids::RequestId};

/// How long the database may take to answer before it counts as away.
const READY_MAX: Duration = Duration::from_secs(4);

/// 200 while the process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 while the database answers.
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let error = match timeout(READY_MAX, shared.edge.storage.ping()).await {
        Ok(Ok(())) => return "ready\n".into_response(),
        Ok(Err(error)) => error.to_string(),
        Err(silent) => silent.to_string(),
    };
    tracing::warn!(%error, "not ready");
    (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
}

/// The metrics in the text format of Prometheus.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let waiting = u32::try_from(shared.edge.ingest.waiting()).unwrap_or(u32::MAX);
    gauge!("countersign_queue_events").set(waiting);
    let text = shared.edge.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// There is nothing at this address.
pub(super) fn not_found(shared: &Shared) -> Response {
    let detail = "There is nothing at this address: postbacks go to /track/conv, /track/conv-change and \
                  /track/conv-addchange, clicks to /click.";
    let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail);
    problem.respond(RequestId::new(new_uuid(shared.edge.clock.now())))
}
