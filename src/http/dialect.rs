//! Where postbacks arrive, and what is answered in a sender's dialect.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Extension, Path, State},
    http::Request,
    response::Response,
    routing,
};

use super::{
    Shared,
    answer::outcome,
    client_address::Peer,
    observe,
    problem::Problem,
    track::{Address, track},
};
use crate::{
    domain::{
        catalog::Catalog,
        decide::{Effect, Event, Verdict},
        dialect::{Dialect, Told},
        ids::{DialectId, RequestId},
        params::Params,
    },
    ingest::Answer,
};

type SharedState = State<Arc<Shared>>;

/// The addresses of the dialects that come with the program, and of all others below `/postback`.
pub(super) fn routes(ready_made: &HashMap<DialectId, Arc<Dialect>>) -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for dialect in ready_made.values() {
        for path in &dialect.paths {
            let (id, endpoint): (_, Arc<str>) = (dialect.id.clone(), path.as_str().into());
            let arrive = move |state: SharedState, peer: Extension<Peer>, request: Request<Body>| async move {
                let Some(dialect) = find(&state, id.as_str()) else { return observe::not_found(&state) };
                track(&state, *peer, Address { dialect, endpoint, token: None }, request).await
            };
            if !dialect.own_words {
                router = router.route(&format!("{path}/"), routing::any(arrive.clone()));
            }
            router = router.route(path, routing::any(arrive));
        }
    }
    router
        .route("/postback/{id}", routing::any(by_id))
        .route("/postback/{id}/", routing::any(by_id))
        .route("/postback/{id}/{token}", routing::any(by_id_and_token))
        .route("/postback/{id}/{token}/", routing::any(by_id_and_token))
}

async fn by_id(
    state: SharedState,
    peer: Extension<Peer>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    below_postback(state, *peer, &id, None, request).await
}

async fn by_id_and_token(
    state: SharedState,
    peer: Extension<Peer>,
    Path((id, token)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    below_postback(state, *peer, &id, Some(token), request).await
}

async fn below_postback(
    state: SharedState,
    peer: Peer,
    id: &str,
    token: Option<String>,
    request: Request<Body>,
) -> Response {
    let Some(dialect) = find(&state, id).filter(|dialect| !dialect.own_words) else {
        return observe::not_found(&state);
    };
    let endpoint = format!("/postback/{}", dialect.id).into();
    track(&state, peer, Address { dialect, endpoint, token }, request).await
}

/// Any other address: one that a configured dialect has, or none.
pub(super) async fn elsewhere(state: SharedState, peer: Extension<Peer>, request: Request<Body>) -> Response {
    let catalog = Arc::clone(&state.edge.catalog.borrow());
    let path = request.uri().path().trim_end_matches('/');
    let mut dialects = catalog.dialects.values();
    let Some(dialect) = dialects.find(|dialect| dialect.paths.iter().any(|own| own == path)) else {
        return observe::not_found(&state);
    };
    let address = Address { dialect: Arc::clone(dialect), endpoint: path.into(), token: None };
    track(&state, *peer, address, request).await
}

/// The dialect of this id: as it is configured, or else as it comes with the program.
fn find(shared: &Shared, id: &str) -> Option<Arc<Dialect>> {
    let catalog: Arc<Catalog> = Arc::clone(&shared.edge.catalog.borrow());
    catalog.dialects.get(id).or_else(|| shared.edge.ready_made.get(id)).cloned()
}

/// The dialect that was spoken at an address, as the log has it.
pub(super) fn spoken_at(
    endpoint: &str,
    catalog: &Catalog,
    ready_made: &HashMap<DialectId, Arc<Dialect>>,
) -> Option<Arc<Dialect>> {
    let of_id = |id: &str| catalog.dialects.get(id).or_else(|| ready_made.get(id)).cloned();
    let has_path = |dialect: &&Arc<Dialect>| dialect.paths.iter().any(|own| own == endpoint);
    if let Some(dialect) = ready_made.values().find(has_path) {
        return of_id(dialect.id.as_str());
    }
    let below = endpoint.strip_prefix("/postback/").and_then(of_id);
    below.or_else(|| catalog.dialects.values().find(has_path).cloned())
}

/// Tells a verdict in the sender's dialect.
pub(super) fn render(event: &Event, request: RequestId, verdict: &Verdict) -> Answer {
    let Event::Report(report) = event else { unreachable!("only a dialect's postbacks are answered in it") };
    let request = request.to_string();
    let offer_name = report.offer_name.as_deref();
    match verdict {
        Verdict::Accepted { conversion, effect, dry_run } => {
            let tried = *dry_run && *effect == Effect::Recorded;
            let told = Told {
                request: &request,
                outcome: outcome(*effect, *dry_run),
                status: 200,
                parameter: None,
                detail: None,
                goal: Some(conversion.goal.as_str()),
                conversion: (!tried).then_some(&**conversion),
                offer_name,
                sent: &report.sent,
            };
            let answer = word(&report.dialect, outcome(*effect, *dry_run), &told);
            Answer { conversion: (!tried).then_some(conversion.id), ..answer }
        }
        Verdict::Refused(refusal) => {
            of_problem(&report.dialect, &request, &Problem::from(refusal), &report.sent)
        }
        Verdict::Clicked { .. } => unreachable!("a postback never records a click"),
    }
}

/// A problem in the sender's dialect.
pub(super) fn of_problem(dialect: &Dialect, request: &str, problem: &Problem, sent: &Params) -> Answer {
    let told = Told {
        request,
        outcome: problem.code,
        status: problem.status.as_u16(),
        parameter: problem.parameter.as_deref(),
        detail: Some(&problem.detail),
        goal: dialect.goal_alias(sent),
        conversion: None,
        offer_name: None,
        sent,
    };
    word(dialect, problem.code, &told)
}

fn word(dialect: &Dialect, outcome: &'static str, told: &Told<'_>) -> Answer {
    let worded = dialect.word(told);
    Answer {
        status: worded.status,
        content_type: Cow::Owned(worded.content_type),
        body: worded.body,
        location: None,
        outcome,
        conversion: None,
    }
}
