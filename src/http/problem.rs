//! Refusals as RFC 9457 problem details.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::Shared;
use crate::{
    clock::new_uuid,
    domain::{
        ids::RequestId,
        refusal::{Code, Refusal},
    },
    ingest::NotDecided,
    storage::StorageError,
};

/// The media type of problem details.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// How soon a sender may try again after a 503 or a 429, in seconds.
pub(super) const RETRY_AFTER_SECONDS: &str = "1";

/// What is wrong with a request, before or beside the rules of the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
    pub(super) parameter: Option<String>,
    /// The methods that are allowed instead, where it is the method that is wrong (RFC 9110, 15.5.6).
    pub(super) allow: Option<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    success: bool,
    request_id: RequestId,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &'static str, detail: &str) -> Self {
        Self { status, code, title, detail: detail.to_owned(), parameter: None, allow: None }
    }

    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let detail = format!("Send {allowed} here.");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self {
            allow: Some(allowed),
            ..Self::new(status, "method_not_allowed", "Method not allowed", &detail)
        }
    }

    pub(super) fn rate_limited() -> Self {
        let detail = "Send fewer requests a second, and this one again after the time in `Retry-After`.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests", detail)
    }

    pub(super) fn internal() -> Self {
        let detail = "This request hit a fault of the server, which has been logged under its request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Internal error", detail)
    }

    /// The JSON document.
    pub(super) fn document(&self, request_id: RequestId) -> String {
        let document = Document {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            parameter: self.parameter.as_deref(),
            success: false,
            request_id,
        };
        // A struct of texts and numbers always serialises.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// With the parameter that has to change.
    pub(super) fn of(self, parameter: impl Into<String>) -> Self {
        Self { parameter: Some(parameter.into()), ..self }
    }

    pub(super) fn bad_request(code: &'static str, title: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title, detail)
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    pub(super) fn respond(self, request_id: RequestId) -> Response {
        let mut response = (self.status, self.document(request_id)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.add_headers(headers);
        response
    }

    /// The headers that go with the problem, however it is worded.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(allowed) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
    }
}

/// A problem of a handler that leaves it to [`name_request`] to put the request's id in.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a request an id, and every problem that comes of it the form in which people and programs read it.
pub(super) async fn name_request(
    State(shared): State<Arc<Shared>>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let id = RequestId::new(new_uuid(shared.edge.clock.now()));
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            if problem.status.is_server_error() {
                tracing::error!(request_id = %id, code = problem.code, "a request of the desk failed");
            }
            problem.respond(id)
        }
        None => response,
    }
}

/// What a command tells on its line, as a sentence.
fn sentence(told: &str) -> String {
    let mut rest = told.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", rest.as_str().trim_end_matches('.'))
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Refused(detail) => {
                Self::new(StatusCode::CONFLICT, "refused", "Refused", &sentence(&detail))
            }
            StorageError::Stale(detail) => {
                let detail =
                    sentence(&format!("{detail}: read it again, and make your change on what it is now"));
                Self::new(StatusCode::PRECONDITION_FAILED, "stale", "Stale", &detail)
            }
            StorageError::Unavailable(_) | StorageError::Conflict(_) | StorageError::CommitUnknown(_) => {
                tracing::warn!(%error, "the desk could not reach the database");
                let detail = "The database does not answer just now. Try again shortly.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "storage_unavailable",
                    "Storage unavailable",
                    detail,
                )
            }
            StorageError::Broken(_) | StorageError::Unsafe(_) => {
                tracing::error!(%error, "the desk hit a fault");
                Self::internal()
            }
        }
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        let (status, title) = status_and_title(refusal.code);
        Self {
            status,
            code: refusal.code.as_str(),
            title,
            detail: refusal.detail.clone(),
            parameter: refusal.parameter.clone(),
            allow: None,
        }
    }
}

impl From<NotDecided> for Problem {
    fn from(why: NotDecided) -> Self {
        match why {
            NotDecided::Overloaded => {
                let detail = "Too many requests wait; nothing was recorded. Send it again shortly.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded", detail)
            }
            NotDecided::StorageUnavailable => {
                let detail = "The database did not confirm this request. Send it again shortly: a repetition is \
                              recognised and never counts twice where it carries a `transaction_id` or its goal is \
                              reached once.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "storage_unavailable",
                    "Storage unavailable",
                    detail,
                )
            }
            NotDecided::Broken => Self::internal(),
        }
    }
}

/// The HTTP status of a refusal with this code.
pub fn status_of(code: Code) -> u16 {
    status_and_title(code).0.as_u16()
}

fn status_and_title(code: Code) -> (StatusCode, &'static str) {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    const DENIED: StatusCode = StatusCode::UNAUTHORIZED;
    const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
    const MISSING: StatusCode = StatusCode::NOT_FOUND;
    const CONFLICT: StatusCode = StatusCode::CONFLICT;
    match code {
        Code::MissingParameter => (BAD, "Missing parameter"),
        Code::DuplicateParameter => (BAD, "Duplicate parameter"),
        Code::MalformedQuery => (BAD, "Malformed query"),
        Code::UnresolvedMacro => (BAD, "Unresolved macro"),
        Code::InvalidClickId => (BAD, "Invalid click id"),
        Code::InvalidAmount => (BAD, "Invalid amount"),
        Code::AmountPrecision => (BAD, "Too many decimal places"),
        Code::InvalidCurrency => (BAD, "Invalid currency"),
        Code::InvalidStatus => (BAD, "Invalid status"),
        Code::InvalidTransactionId => (BAD, "Invalid transaction id"),
        Code::InvalidEventTime => (BAD, "Invalid event time"),
        Code::UnknownGoal => (BAD, "Unknown goal"),
        Code::InvalidToken => (DENIED, "Invalid token"),
        Code::InvalidSignature => (DENIED, "Invalid signature"),
        Code::MerchantInactive => (FORBIDDEN, "Merchant inactive"),
        Code::IpNotAllowed => (FORBIDDEN, "Address not allowed"),
        Code::DealNotHybrid => (FORBIDDEN, "No hybrid deal"),
        Code::StatusNotAllowed => (FORBIDDEN, "Status not allowed"),
        Code::ClickNotFound => (MISSING, "Click not found"),
        Code::ConversionNotFound => (MISSING, "Conversion not found"),
        Code::OfferNotFound => (MISSING, "Offer not found"),
        Code::AffiliateNotFound => (MISSING, "Affiliate not found"),
        Code::CurrencyMismatch => (CONFLICT, "Currency mismatch"),
        Code::AmountMismatch => (CONFLICT, "Amount mismatch"),
        Code::ConflictingDuplicate => (CONFLICT, "Conflicting duplicate"),
        Code::AlreadyDecided => (CONFLICT, "Already decided"),
        Code::AmbiguousConversion => (CONFLICT, "Ambiguous conversion"),
        Code::NoStatusFlow => (CONFLICT, "No status flow"),
        Code::FtdMissing => (CONFLICT, "First deposit missing"),
        Code::MissingReason => (BAD, "Missing reason"),
    }
}
