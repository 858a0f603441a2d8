//! The manager's desk: what its pages ask and do.
//!
//! The looks are in `ui`; here is who may see a page, what it is filled with, and what a form brings about. It has no
//! rule of its own: it reads by `storage`, and changes conversions through `ingest` like everybody else. Every form
//! carries its session's token, and whoever is not signed in is sent to do that first.

mod audit;
mod conversion;
mod conversions;
mod deliveries;
mod entrance;
mod export;
mod filter;
mod given;
mod guest;
mod integration;
mod log;
mod names;
mod players;
mod reprocess;
mod review;
mod selection;
mod settings;
mod statistics;
mod steps;
mod tally;
mod visit;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Request, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

use self::visit::zone_of;
use super::{
    Shared,
    access::Caller,
    problem::{Problem, RETRY_AFTER_SECONDS},
    ui::{
        error::ErrorPage,
        html,
        layout::{Csrf, Page, Section, Viewer},
    },
};
use crate::{clock::new_uuid, domain::ids::RequestId};

/// How many rows a page of a list has.
const PAGE_ROWS: u32 = 50;

/// All addresses of the desk.
pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(review::list))
        .route("/review", post(review::confirm).get(|| async { Redirect::to("/") }))
        .route("/review/decide", post(review::decide).get(|| async { Redirect::to("/") }))
        .route("/conversions", get(conversions::list))
        .route("/conversions.csv", get(export::conversions))
        .route("/conversions/{id}", get(conversion::show))
        .route("/conversions/{id}/status", post(conversion::reverse))
        .route("/players", get(players::find))
        .route("/players/{click}", get(players::show))
        .route("/players/{click}/notes", post(players::note).get(|| async { Redirect::to("/players") }))
        .route("/log", get(log::list))
        .route("/log/reprocess", post(reprocess::again).get(|| async { Redirect::to("/log") }))
        .route("/log/{id}", get(log::show))
        .route("/audit", get(audit::list))
        .merge(delivery_routes())
        .route("/statistics", get(statistics::show))
        .route("/statistics.csv", get(statistics::export))
        .route("/settings/merchants/{id}/integration", get(integration::show))
        .route("/settings/merchants/{id}/integration/try", post(integration::attempt).get(integration::back))
        .route("/settings/merchants/{id}/integration/share", post(integration::share).get(integration::back))
        .route(
            "/settings/merchants/{id}/integration/withdraw",
            post(integration::withdraw).get(integration::back),
        )
        .route("/sign-in", get(entrance::sign_in_page).post(entrance::sign_in))
        .route("/sign-out", post(entrance::sign_out))
        .route("/setup", get(entrance::set_up_page).post(entrance::set_up))
        .route("/account", get(entrance::account))
        .route("/account/password", post(entrance::change_password))
        .merge(settings::router())
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed("GET or POST") })
        .layer(middleware::from_fn_with_state(Arc::clone(shared), show_problems))
        .merge(guest::router(shared))
}

fn delivery_routes() -> Router<Arc<Shared>> {
    let to_list = || async { Redirect::to("/deliveries") };
    let to_endpoints = || async { Redirect::to("/deliveries/endpoints") };
    let one = |act: &str| format!("/deliveries/endpoints/{{id}}/{act}");
    Router::new()
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}", get(deliveries::show))
        .route("/deliveries/{id}/resend", post(deliveries::resend::resend_one).get(to_list))
        .route("/deliveries/resend", post(deliveries::resend::confirm).get(to_list))
        .route("/deliveries/resend/now", post(deliveries::resend::resend).get(to_list))
        .route("/deliveries/endpoints", get(deliveries::endpoints::list))
        .route(&one("pause"), post(deliveries::endpoints::pause).get(to_endpoints))
        .route(&one("resume"), post(deliveries::endpoints::resume).get(to_endpoints))
        .route(&one("test"), post(deliveries::endpoints::test).get(to_endpoints))
}

/// Gives a request an id, and shows every problem that comes of it as a page.
async fn show_problems(State(shared): State<Arc<Shared>>, request: Request<Body>, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = RequestId::new(new_uuid(shared.edge.clock.now()));
    parts.extensions.insert(id);
    let asked = parts.clone();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if problem.status.is_server_error() {
        tracing::error!(request_id = %id, code = problem.code, "a page could not be shown");
    }
    show(problem, &asked, &shared, id).await
}

async fn show(problem: Problem, asked: &Parts, shared: &Arc<Shared>, id: RequestId) -> Response {
    // Whoever it is told to sees where they are, if they are signed in and the database still answers.
    let caller = Caller::of(asked, shared).await.ok().flatten().filter(|caller| !caller.is_program());
    let (page, next) = match caller {
        Some(caller) => {
            let viewer = Viewer { name: caller.name(), role: caller.role.as_str() };
            let csrf = Csrf(caller.csrf_token(shared));
            let page = Page::inside(problem.title, Section::Review, viewer, csrf, zone_of(&asked.headers));
            (Page { section: None, ..page }, ("/", "Go to the review"))
        }
        None => (Page::outside(problem.title), ("/sign-in", "Sign in")),
    };
    error_page(problem, page, Some((next.0.to_owned(), next.1)), id)
}

fn error_page(
    problem: Problem,
    page: Page,
    next: Option<(String, &'static str)>,
    request: RequestId,
) -> Response {
    let shown = ErrorPage { page, detail: problem.detail, next, request: request.to_string() };
    let mut response = html(problem.status, &shown);
    if matches!(problem.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        let soon = HeaderValue::from_static(RETRY_AFTER_SECONDS);
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    response
}

/// Sends a browser on, by `GET`. The address is one of ours.
fn go_to(address: &str) -> Response {
    Redirect::to(address).into_response()
}
