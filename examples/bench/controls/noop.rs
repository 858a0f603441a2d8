//! The ceiling: HTTP, parsing and rendering, and nothing else.

use anyhow::{Context, Result};
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::header::{CACHE_CONTROL, LOCATION};

use super::{Deposit, SAMPLE_ID, answer};

pub(super) fn router() -> Router {
    Router::new().route("/track/conv", get(conversion)).route("/click", get(click))
}

async fn conversion(uri: Uri) -> Response {
    let answered = Deposit::parse(uri.query().unwrap_or_default()).and_then(|deposit| answer(&deposit));
    answered.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response())
}

async fn click(uri: Uri) -> Response {
    let redirected = redirect(uri.query().unwrap_or_default());
    redirected.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response())
}

fn redirect(query: &str) -> Result<Response> {
    let parameters: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let (_, order) = parameters.iter().find(|(name, _)| name == "custom2").context("custom2 is missing")?;
    let landing = format!("https://casino.example/?cid={SAMPLE_ID}&order_id={order}");
    let headers = [(LOCATION, landing.as_str()), (CACHE_CONTROL, "no-store")];
    Ok((StatusCode::FOUND, headers).into_response())
}
