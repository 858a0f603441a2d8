//! `/track/*`: merchants' postbacks.

use std::{
    error::Error,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Extension, State},
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::{counter, histogram};

use super::{
    Shared,
    answer::{self, respond},
    client_address::{Peer, client_address},
    problem::Problem,
    query::Parameters,
};
use crate::{
    clock::new_uuid,
    domain::{
        currency::Currencies,
        decide::Event,
        ids::{ClickId, MerchantId, RequestId},
        merchant::Merchant,
        params::Params,
        postback::{Operation, Postback},
        refusal::{Code, Refusal},
        time::Timestamp,
    },
    ingest::{Answer, LogEntry, Submission},
};

/// How large a body may be, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

type SharedState = State<Arc<Shared>>;

pub(super) async fn conv(state: SharedState, peer: Extension<Peer>, request: Request<Body>) -> Response {
    track(&state, *peer, "/track/conv", Operation::Record, request).await
}

pub(super) async fn conv_change(
    state: SharedState,
    peer: Extension<Peer>,
    request: Request<Body>,
) -> Response {
    track(&state, *peer, "/track/conv-change", Operation::Decide, request).await
}

pub(super) async fn conv_addchange(
    state: SharedState,
    peer: Extension<Peer>,
    request: Request<Body>,
) -> Response {
    track(&state, *peer, "/track/conv-addchange", Operation::RecordAndDecide, request).await
}

/// A request that has arrived, with what is known of it from the start.
struct Arrival<'a> {
    shared: &'a Shared,
    id: RequestId,
    endpoint: &'static str,
    operation: Operation,
    method: Method,
    address: IpAddr,
    now: Timestamp,
    received: Instant,
}

async fn track(
    shared: &Shared,
    peer: Peer,
    endpoint: &'static str,
    operation: Operation,
    request: Request<Body>,
) -> Response {
    let received = Instant::now();
    let now = shared.edge.clock.now();
    let arrival = Arrival {
        shared,
        id: RequestId::new(new_uuid(now)),
        endpoint,
        operation,
        method: request.method().clone(),
        address: client_address(peer, request.headers(), &shared.edge.trusted_proxies),
        now,
        received,
    };
    let (outcome, response) = match arrival.answer(request).await {
        Ok(answer) => (answer.outcome, respond(answer)),
        Err(problem) => (problem.code, problem.into_response(arrival.id)),
    };
    counter!("countersign_requests_total", "endpoint" => endpoint, "outcome" => outcome).increment(1);
    histogram!("countersign_request_seconds", "endpoint" => endpoint).record(received.elapsed());
    response
}

impl Arrival<'_> {
    async fn answer(&self, request: Request<Body>) -> Result<Answer, Problem> {
        if self.method != Method::GET && self.method != Method::POST {
            return Err(Problem::method_not_allowed("GET, POST"));
        }
        let (head, body) = request.into_parts();
        let mut parameters = Parameters::default();
        parameters.read_pairs(head.uri.query().unwrap_or_default());
        let mut unread = None;
        if self.method == Method::POST {
            unread = read_body(&mut parameters, &head.headers, body).await.err();
        }
        parameters.check_repeated();
        let token = parameters.params.get("token").or_else(|| bearer(&head.headers)).unwrap_or_default();
        let digest = self.shared.edge.digester.digest(token);
        let catalog = Arc::clone(&self.shared.edge.catalog.borrow());
        let Some((token, merchant)) = catalog.merchant_of_token(&digest, self.now) else {
            return match unread {
                Some(problem) => Err(problem),
                None => self.answer_stranger(parameters).await,
            };
        };
        if !self.shared.limits.admits_merchant(&merchant.id) {
            return Err(Problem::rate_limited());
        }
        self.shared.edge.token_uses.note(token.id, self.now);
        let event = match (unread, parameters.fault) {
            (Some(problem), _) => Err(answer::of_problem(self.id, &problem)),
            (None, Some(fault)) => Err(answer::refused(self.id, &fault)),
            (None, None) => self
                .read(merchant, &catalog.currencies, &parameters.params)
                .map_err(|refusal| answer::refused(self.id, &refusal)),
        };
        self.submit(event, self.log_entry(Some(merchant.id.clone()), &parameters.params)).await
    }

    fn read(&self, merchant: &Merchant, currencies: &Currencies, params: &Params) -> Result<Event, Refusal> {
        merchant.admits(self.address)?;
        let postback = Postback::parse(self.operation, merchant, currencies, params, self.now)?;
        Ok(Event::Postback { merchant: merchant.id.clone(), postback })
    }

    /// Answers a request whose token is unknown. Only a few of them are kept.
    async fn answer_stranger(&self, parameters: Parameters) -> Result<Answer, Problem> {
        if !self.shared.limits.admits_address(self.address) {
            return Err(Problem::rate_limited());
        }
        let refusal = parameters.fault.unwrap_or_else(|| {
            let detail = "Send the `token` that your affiliate manager gave you; the one that was sent is missing, \
                          unknown, revoked or expired.";
            Refusal::of(Code::InvalidToken, "token", detail)
        });
        let refused = answer::refused(self.id, &refusal);
        if !self.shared.limits.takes_sample(self.now) {
            return Ok(refused);
        }
        self.submit(Err(refused), self.log_entry(None, &parameters.params)).await
    }

    fn log_entry(&self, merchant: Option<MerchantId>, params: &Params) -> LogEntry {
        LogEntry {
            merchant,
            endpoint: self.endpoint,
            method: self.method.to_string(),
            params: redacted(params),
            click: params.get("click_id").and_then(|id| ClickId::parse(id).ok()),
            address: self.address.to_string(),
            received: self.received,
        }
    }

    async fn submit(&self, event: Result<Event, Answer>, log: LogEntry) -> Result<Answer, Problem> {
        let submission = Submission { request: self.id, event, log: Some(log), render: answer::render };
        self.shared.edge.ingest.submit(submission).await.map_err(Problem::from)
    }
}

async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("Send at most {BODY_MAX} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "Body too large", &detail)
    };
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_MAX) {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_MAX).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if (&*error as &(dyn Error + 'static)).is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => {
            let detail = "Send the body whole.";
            Err(Problem::new(StatusCode::BAD_REQUEST, "malformed_query", "Malformed body", detail))
        }
        Err(_) => {
            let detail = "Send the body within 10 seconds.";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "Body too slow", detail))
        }
    }
}

/// Reads the parameters in a body. What is wrong with the body itself is the problem.
async fn read_body(parameters: &mut Parameters, headers: &HeaderMap, body: Body) -> Result<(), Problem> {
    let body = collect(headers, body).await?;
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/json" => parameters.read_json(&body),
        "" | "application/x-www-form-urlencoded" => {
            if let Ok(text) = std::str::from_utf8(&body) {
                parameters.read_pairs(text);
            } else {
                let detail = "Send the form as percent-encoded UTF-8.";
                parameters.fail(Refusal::new(Code::MalformedQuery, detail));
            }
        }
        _ => {
            let detail =
                "Send a form (application/x-www-form-urlencoded) or a JSON object (application/json).";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "unsupported_media_type", "Unsupported media type", detail));
        }
    }
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The parameters as they are logged: a JSON array of names and values, without the token.
fn redacted(params: &Params) -> String {
    let shown = |(name, value)| if name == "token" { (name, "[redacted]") } else { (name, value) };
    serde_json::to_string(&params.iter().map(shown).collect::<Vec<(&str, &str)>>()).unwrap_or_default()
}
