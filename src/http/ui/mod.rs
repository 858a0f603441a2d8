//! The manager's desk: pages for people, rendered here, complete without a script.
//!
//! A page is a struct of plain data and a template. It knows nothing of where its data comes from: a handler asks the
//! other rooms, fills the struct in and has it rendered. Templates escape all they show; nothing is marked as safe but
//! the parts of this module, which escape what they hold themselves. Pages hold no script and no style of their own
//! and load nothing from elsewhere, and the Content-Security-Policy says so too. They link only to addresses that are
//! made here, never to one that somebody else has written.

mod api_docs;
mod assets;
pub(super) mod audit;
pub(super) mod bulk;
pub(super) mod charts;
pub(super) mod conversion;
pub(super) mod conversions;
pub(super) mod deliveries;
pub(super) mod error;
pub(super) mod form;
pub(super) mod integration;
pub(super) mod layout;
pub(super) mod listing;
pub(super) mod players;
pub(super) mod postback_log;
pub(super) mod review;
pub(super) mod settings;
pub(super) mod sheet;
pub(super) mod sign_in;
pub(super) mod statistics;
#[cfg(test)]
mod tests;
pub(super) mod view;

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

pub(super) use self::{api_docs::ApiDocs, assets::serve as asset, layout::Page};

/// What a page may do: show and ask what comes from here, and nothing else.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// Headers of every page. A page is one person's and of this moment, so nobody keeps it.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// A page as an answer.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))), text)
            .into_response(),
        Err(error) => {
            // Only a template that fails by itself gets here: writing to memory does not.
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
