//! `/click`: a player on the way from an affiliate to a merchant.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Extension, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use metrics::{counter, histogram};

use super::{
    Shared,
    answer::{JSON, refused, respond},
    client_address::{Peer, client_address},
    geo,
    problem::Problem,
    query::Parameters,
};
use crate::{
    clock::new_uuid,
    domain::{
        click::ClickRequest,
        decide::{Event, Verdict},
        ids::{AffiliateId, ClickId, OfferId, RequestId},
        params::Params,
        pixel,
        refusal::{Code, Refusal},
    },
    ingest::{Answer, Submission},
};

/// How many parameters beside offer and affiliate are kept with a click.
const PARAMS_MAX: usize = 64;

/// How long the name or value of such a parameter may be, in bytes.
const PARAM_BYTES_MAX: usize = 2 * 1024;

pub(super) async fn click(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let received = Instant::now();
    let id = RequestId::new(new_uuid(shared.edge.clock.now()));
    let (outcome, response) = match answer(&shared, peer, id, &method, &uri, &headers).await {
        Ok(answer) => (answer.outcome, respond(answer)),
        Err(problem) => (problem.code, problem.respond(id)),
    };
    counter!("countersign_requests_total", "endpoint" => "/click", "outcome" => outcome).increment(1);
    histogram!("countersign_request_seconds", "endpoint" => "/click").record(received.elapsed());
    response
}

async fn answer(
    shared: &Shared,
    peer: Peer,
    id: RequestId,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    if method != Method::GET && method != Method::HEAD {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    let mut parameters = Parameters::default();
    parameters.read_pairs(uri.query().unwrap_or_default());
    if let Some(fault) = &parameters.fault {
        return Err(Problem::from(fault));
    }
    let click =
        ClickId::parse(&new_uuid(shared.edge.clock.now()).to_string()).expect("a UUID is a valid click id");
    let mut request = read(click, &parameters.params).map_err(|refusal| Problem::from(&refusal))?;
    let wants_json = header_holds(headers, header::ACCEPT.as_str(), JSON);
    // Neither a link checker nor a browser that only expects a click has clicked.
    if method == Method::HEAD || header_holds(headers, "sec-purpose", "prefetch") {
        return preview(shared, &request);
    }
    if !wants_json {
        note_browser(shared, peer, headers, &mut request);
        note_country(shared, peer, headers, &mut request);
    }
    let render = if wants_json { as_json } else { as_redirect };
    let submission =
        Submission { request: id, event: Ok(Event::Click(request)), log: None, audit: None, render };
    shared.edge.ingest.submit(submission).await.map_err(Problem::from)
}

fn read(id: ClickId, params: &Params) -> Result<ClickRequest, Refusal> {
    let named = |name: &str| {
        params.given(name).ok_or_else(|| {
            let detail = format!("The link lacks `{name}`: /click?offer=…&affiliate=…");
            Refusal::of(Code::MissingParameter, name, detail)
        })
    };
    let (offer, affiliate) = (named("offer")?, named("affiliate")?);
    let offer = OfferId::parse(offer)
        .map_err(|error| Refusal::of(Code::OfferNotFound, "offer", format!("Check the link: {error}.")))?;
    let affiliate = AffiliateId::parse(affiliate).map_err(|error| {
        Refusal::of(Code::AffiliateNotFound, "affiliate", format!("Check the link: {error}."))
    })?;
    let kept = params.first_values(|name| !matches!(name, "offer" | "affiliate"));
    check_kept(&kept)?;
    Ok(ClickRequest { id, offer, affiliate, params: kept, id_given: false })
}

/// Makes sure that what a click keeps is no more than it may be.
pub(super) fn check_kept(kept: &Params) -> Result<(), Refusal> {
    let too_long = kept.iter().any(|(name, value)| name.len().max(value.len()) > PARAM_BYTES_MAX);
    if kept.len() <= PARAMS_MAX && !too_long {
        return Ok(());
    }
    let detail = format!("A click has at most {PARAMS_MAX} parameters of {PARAM_BYTES_MAX} bytes each.");
    Err(Refusal::new(Code::MalformedQuery, detail))
}

/// Keeps with the click which country the player is in, where the link does not tell it.
fn note_country(shared: &Shared, peer: Peer, headers: &HeaderMap, request: &mut ClickRequest) {
    if ["geo", "country"].iter().any(|name| request.params.given(name).is_some()) {
        return;
    }
    let trusted = &shared.edge.trusted_proxies;
    let address = client_address(peer, headers, trusted);
    if let Some(country) = geo::country(shared.edge.countries.as_ref(), address, peer, headers, trusted) {
        request.params.push("geo", country);
    }
}

/// Keeps with the click how the browser calls itself and where it is, if an ad platform will be told so and the link
/// does not tell it. Who asks for JSON need not be the player's browser, and tells it in the link.
fn note_browser(shared: &Shared, peer: Peer, headers: &HeaderMap, request: &mut ClickRequest) {
    let catalog = shared.edge.catalog.borrow();
    if !catalog.browser_matters(&request.offer, &request.affiliate) {
        return;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let address = client_address(peer, headers, &shared.edge.trusted_proxies).to_string();
    for (names, value) in [(pixel::USER_AGENT, agent), (pixel::ADDRESS, Some(address.as_str()))] {
        let told = names.iter().any(|name| request.params.given(name).is_some());
        if let Some(value) = value.filter(|value| !told && value.len() <= PARAM_BYTES_MAX) {
            request.params.push(names[0], value);
        }
    }
}

/// Where the click would lead, without recording it. It gets no click id: a conversion could not be told to it.
fn preview(shared: &Shared, request: &ClickRequest) -> Result<Answer, Problem> {
    let catalog = Arc::clone(&shared.edge.catalog.borrow());
    let offer =
        catalog.open_offer(&request.offer, &request.affiliate).map_err(|refusal| Problem::from(&refusal))?;
    Ok(redirect(offer.landing_address(&request.affiliate, &request.params, None), "not_recorded"))
}

fn redirect(url: String, outcome: &'static str) -> Answer {
    Answer {
        status: StatusCode::FOUND.as_u16(),
        content_type: "text/plain; charset=utf-8".into(),
        body: String::new(),
        location: Some(url),
        outcome,
        conversion: None,
    }
}

fn as_redirect(_: &Event, id: RequestId, verdict: &Verdict) -> Answer {
    match verdict {
        Verdict::Clicked { url, .. } => redirect(url.clone(), "recorded"),
        Verdict::Refused(refusal) => refused(id, refusal),
        Verdict::Accepted { .. } => unreachable!("a click records no conversion"),
    }
}

fn as_json(event: &Event, id: RequestId, verdict: &Verdict) -> Answer {
    match verdict {
        Verdict::Clicked { click, url, .. } => Answer {
            status: StatusCode::OK.as_u16(),
            content_type: JSON.into(),
            body: serde_json::json!({ "success": true, "click_id": click, "url": url }).to_string(),
            location: None,
            outcome: "recorded",
            conversion: None,
        },
        other => as_redirect(event, id, other),
    }
}

fn header_holds(headers: &HeaderMap, name: &str, part: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains(part)))
}
