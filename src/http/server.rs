//! Connections: how many, how slow, how large; and how they end.

use std::{
    convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    response::Response,
};
use futures::FutureExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use metrics::{counter, gauge};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{client_address::Peer, problem::Problem};
use crate::{
    clock::{Clock, new_uuid},
    domain::ids::RequestId,
};

/// How long a URI may be, in bytes.
const URI_MAX: usize = 8 * 1024;

/// How large the head of a request may be. Larger than a URI may be, so that a long URI gets an answer that says so.
const HEAD_MAX: usize = 80 * 1024;

/// How many headers a request may have.
const HEADERS_MAX: usize = 64;

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many at once; more wait to be accepted.
    pub connections: usize,
    /// How long a request's head may take to arrive, and how long a connection may idle.
    pub header_timeout: Duration,
    /// How long requests in flight may take to finish when the service stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_048,
            header_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(7),
        }
    }
}

/// Serves until told to stop, then lets requests in flight finish within the limit, and cuts whoever is left.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = GracefulShutdown::new();
    let cut = CancellationToken::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: whoever holds them needs a moment.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        gauge!("countersign_connections").increment(1);
        let connection =
            connections.watch(connection(stream, peer, router.clone(), limits, Arc::clone(&clock)));
        let cut = cut.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // A peer that breaks off or breaks the protocol concerns nobody else.
                _ = &mut connection => {}
                () = cut.cancelled() => {}
            }
            gauge!("countersign_connections").decrement(1);
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, connections.shutdown()).await.is_err() {
        tracing::warn!("connections that did not finish in time were cut");
    }
    cut.cancel();
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    clock: Arc<dyn Clock>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // Answers are small and whole: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let (router, clock) = (router.clone(), Arc::clone(&clock));
        async move { Ok::<_, Infallible>(answer(request, peer, router, &*clock).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
}

async fn answer(request: Request<Incoming>, peer: SocketAddr, router: Router, clock: &dyn Clock) -> Response {
    let new_id = || RequestId::new(new_uuid(clock.now()));
    if request.uri().path_and_query().is_some_and(|address| address.as_str().len() > URI_MAX) {
        let detail =
            format!("Send an address of at most {URI_MAX} bytes, or the parameters in the body of a POST.");
        counter!("countersign_refused_heads_total").increment(1);
        return Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", "URI too long", &detail)
            .respond(new_id());
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let handled = AssertUnwindSafe(router.oneshot(request)).catch_unwind().await;
    match handled {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            let id = new_id();
            counter!("countersign_panics_total").increment(1);
            tracing::error!(request_id = %id, "a handler panicked");
            Problem::internal().respond(id)
        }
    }
}

#[cfg(test)]
mod tests;
