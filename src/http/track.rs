//! Merchants' postbacks, at `/track/*` and in senders' dialects.

use std::{
    error::Error,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::{counter, histogram};

use super::{
    Shared,
    answer::{self, respond},
    client_address::{Peer, client_address},
    dialect,
    problem::Problem,
    query::Parameters,
};
use crate::{
    clock::new_uuid,
    domain::{
        catalog::Catalog,
        currency::Currencies,
        decide::Event,
        dialect::{Dialect, TokenPlace},
        ids::{ClickId, MerchantId, RequestId},
        merchant::Merchant,
        params::Params,
        player::PlayerRef,
        postback::Postback,
        refusal::{Code, Refusal},
        report::Report,
        time::Timestamp,
    },
    ingest::{Answer, LogEntry, Submission},
};

/// How large a body may be, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a postback has arrived.
pub(super) struct Address {
    /// The dialect that is spoken there.
    pub(super) dialect: Arc<Dialect>,
    /// The address, for the log: without what stands for a token.
    pub(super) endpoint: Arc<str>,
    /// The token in the address.
    pub(super) token: Option<String>,
}

/// A request that has arrived, with what is known of it from the start.
struct Arrival<'a> {
    shared: &'a Shared,
    id: RequestId,
    at: Address,
    method: Method,
    address: IpAddr,
    now: Timestamp,
    received: Instant,
}

/// Takes a postback in, and answers it.
pub(super) async fn track(shared: &Shared, peer: Peer, at: Address, request: Request<Body>) -> Response {
    let received = Instant::now();
    let now = shared.edge.clock.now();
    let arrival = Arrival {
        shared,
        id: RequestId::new(new_uuid(now)),
        at,
        method: request.method().clone(),
        address: client_address(peer, request.headers(), &shared.edge.trusted_proxies),
        now,
        received,
    };
    let (outcome, response) = match arrival.answer(request).await {
        Ok(answer) => (answer.outcome, respond(answer)),
        Err(problem) => (problem.code, arrival.turn_away(problem)),
    };
    let endpoint = arrival.at.endpoint;
    counter!("countersign_requests_total", "endpoint" => Arc::clone(&endpoint), "outcome" => outcome)
        .increment(1);
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
        let catalog = Arc::clone(&self.shared.edge.catalog.borrow());
        let merchant = match self.token(&head.headers, &parameters.params) {
            None if !self.at.dialect.token_required => None,
            token => {
                let digest = self.shared.edge.digester.digest(token.unwrap_or_default());
                let Some((token, merchant)) = catalog.merchant_of_token(&digest, self.now) else {
                    return match unread {
                        Some(problem) => Err(problem),
                        None => self.answer_stranger(parameters).await,
                    };
                };
                self.shared.edge.token_uses.note(token.id, self.now);
                Some(merchant)
            }
        };
        let admitted = match merchant {
            Some(merchant) => self.shared.limits.admits_merchant(&merchant.id),
            None => self.shared.limits.admits_address(self.address),
        };
        if !admitted {
            return Err(Problem::rate_limited());
        }
        let Parameters { params, fault } = parameters;
        let mut log = self.log_entry(merchant.map(|merchant| merchant.id.clone()), &params);
        let event = match (unread, fault) {
            (Some(problem), _) => Err(self.worded(&problem, &params)),
            (None, Some(fault)) => Err(self.worded(&Problem::from(&fault), &params)),
            (None, None) => self.read(merchant, &catalog, params, &mut log),
        };
        if merchant.is_none() && event.is_err() {
            return self.answer_untokened(event, log).await;
        }
        self.submit(event, log).await
    }

    /// The token, from the first place that has one.
    fn token<'a>(&'a self, headers: &'a HeaderMap, params: &'a Params) -> Option<&'a str> {
        let found = self.at.dialect.token_places.iter().find_map(|place| match place {
            TokenPlace::Query(name) => params.given(name),
            TokenPlace::Header(name) => headers.get(name)?.to_str().ok(),
            TokenPlace::Bearer => bearer(headers),
            TokenPlace::Path => self.at.token.as_deref(),
        });
        found.filter(|token| !token.is_empty())
    }

    fn read(
        &self,
        merchant: Option<&Arc<Merchant>>,
        catalog: &Catalog,
        params: Params,
        log: &mut LogEntry,
    ) -> Result<Event, Answer> {
        let dialect = &self.at.dialect;
        if let (true, Some(merchant)) = (dialect.own_words, merchant) {
            let read = self.read_own(merchant, &catalog.currencies, &params);
            return read.map_err(|refusal| {
                // Should it be processed again one day, it has to be known whether it was the merchant's.
                log.signed = Postback::is_signed(merchant, &params, self.now);
                answer::refused(self.id, &refusal)
            });
        }
        log.signed = merchant.and_then(|merchant| Postback::is_signed(merchant, &params, self.now));
        let admitted = merchant.map_or(Ok(()), |merchant| merchant.admits(self.address));
        match admitted.and_then(|()| Report::check(dialect, &params, catalog)) {
            Err(refusal) => {
                let offer = dialect.offer(&params, catalog);
                let owner = offer.and_then(|offer| catalog.merchants.get(&offer.merchant));
                let owner = owner.filter(|owner| merchant.is_none() && owner.takes_untokened(dialect, offer));
                log.merchant = log.merchant.take().or_else(|| owner.map(|owner| owner.id.clone()));
                Err(self.worded(&Problem::from(&refusal), &params))
            }
            Ok(player) => {
                if let PlayerRef::Click(click) = &player {
                    log.click = Some(click.clone());
                }
                Ok(Event::Report(Report {
                    dialect: Arc::clone(dialect),
                    sender: merchant.map(|merchant| merchant.id.clone()),
                    offer_name: dialect.offer(&params, catalog).map(|offer| offer.name.clone()),
                    player,
                    sent: params,
                    address: self.address,
                    repetition: None,
                }))
            }
        }
    }

    fn read_own(
        &self,
        merchant: &Merchant,
        currencies: &Currencies,
        params: &Params,
    ) -> Result<Event, Refusal> {
        merchant.admits(self.address)?;
        let operation = self.at.dialect.operation;
        let postback = Postback::parse(operation, merchant, currencies, params, self.now)?;
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
        let refused = self.worded(&Problem::from(&refusal), &parameters.params);
        self.answer_untokened(Err(refused), self.log_entry(None, &parameters.params)).await
    }

    /// Answers a request that was refused. Of those that are nobody's only a few are kept.
    async fn answer_untokened(
        &self,
        refused: Result<Event, Answer>,
        log: LogEntry,
    ) -> Result<Answer, Problem> {
        match refused {
            Err(answer) if log.merchant.is_none() && !self.shared.limits.samples.take(self.now) => Ok(answer),
            event => self.submit(event, LogEntry { strangers: None, ..log }).await,
        }
    }

    fn log_entry(&self, merchant: Option<MerchantId>, params: &Params) -> LogEntry {
        let own = self.at.dialect.own_words;
        let click = params.get("click_id").filter(|_| own);
        LogEntry {
            strangers: merchant.is_none().then(|| Arc::clone(&self.shared.limits.samples)),
            merchant,
            endpoint: Arc::clone(&self.at.endpoint),
            method: self.method.to_string(),
            params: redacted(params, &self.at.dialect),
            click: click.and_then(|id| ClickId::parse(id).ok()),
            address: self.address.to_string(),
            received: self.received,
            repeats: None,
            signed: None,
        }
    }

    async fn submit(&self, event: Result<Event, Answer>, log: LogEntry) -> Result<Answer, Problem> {
        let render = if self.at.dialect.own_words { answer::render } else { dialect::render };
        let submission = Submission { request: self.id, event, log: Some(log), audit: None, render };
        self.shared.edge.ingest.submit(submission).await.map_err(Problem::from)
    }

    /// A problem in the words of whoever sent it.
    fn worded(&self, problem: &Problem, sent: &Params) -> Answer {
        if self.at.dialect.own_words {
            return answer::of_problem(self.id, problem);
        }
        dialect::of_problem(&self.at.dialect, &self.id.to_string(), problem, sent)
    }

    /// Answers a request that got no verdict.
    fn turn_away(&self, problem: Problem) -> Response {
        if self.at.dialect.own_words {
            return problem.respond(self.id);
        }
        let mut response = respond(self.worded(&problem, &Params::new()));
        problem.add_headers(response.headers_mut());
        response
    }
}

pub(super) async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
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

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The parameters as they are logged: a JSON array of names and values, without the token.
fn redacted(params: &Params, dialect: &Dialect) -> String {
    let shown = |(name, value)| if dialect.is_token(name) { (name, "[redacted]") } else { (name, value) };
    serde_json::to_string(&params.iter().map(shown).collect::<Vec<(&str, &str)>>()).unwrap_or_default()
}
