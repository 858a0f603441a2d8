//! A merchant's integration page for who has a link to it, and no account.
//!
//! A guest sees this one page of this one merchant. Its address is the secret: it stands in no log, and every answer
//! tells browsers not to hand it on and not to keep it.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderName, HeaderValue, Request, StatusCode, request::Parts},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};

use super::{
    error_page, go_to,
    integration::{Trial, page, try_it},
    visit::{Fields, zone_of},
};
use crate::{
    clock::new_uuid,
    domain::{ids::RequestId, time::Timestamp},
    http::{
        Shared,
        access::{address_of, is_same_origin},
        integration::{Guide, open_link},
        problem::Problem,
        ui::{
            html,
            integration::Integration,
            layout::{Csrf, Page},
            view::Moment,
        },
    },
};

type Token = Result<Path<String>, PathRejection>;

/// The addresses of guests.
pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/i/{token}", get(show))
        .route("/i/{token}/try", post(attempt).get(back))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed("GET or POST") })
        .layer(middleware::from_fn_with_state(Arc::clone(shared), show_problems))
}

/// Shows every problem as a page from which nothing leads into the desk, and keeps all pages out of search engines.
async fn show_problems(State(shared): State<Arc<Shared>>, request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let id = RequestId::new(new_uuid(shared.edge.clock.now()));
        if problem.status.is_server_error() {
            tracing::error!(request_id = %id, code = problem.code, "a page could not be shown to a guest");
        }
        let page = Page::outside(problem.title);
        response = error_page(problem, page, None, id);
    }
    let robots = HeaderName::from_static("x-robots-tag");
    response.headers_mut().insert(robots, HeaderValue::from_static("noindex"));
    response
}

/// Somebody with a link that still opens its page.
struct Guest {
    guide: Guide,
    token: String,
    ends_at: Timestamp,
}

impl Guest {
    async fn of(shared: &Shared, token: Token, parts: &Parts) -> Result<Self, Problem> {
        if !shared.limits.admits_address(address_of(parts, shared)) {
            return Err(Problem::rate_limited());
        }
        let token = token.map(|Path(token)| token).unwrap_or_default();
        let link = open_link(shared, &token).await?;
        let guide = Guide::of(shared, link.merchant.as_str(), &parts.headers).await?;
        Ok(Self { guide, token, ends_at: link.ends_at })
    }

    fn own(&self) -> String {
        format!("/i/{}", self.token)
    }

    async fn page(&self, shared: &Shared, parts: &Parts, trial: Option<Trial>) -> Result<Response, Problem> {
        let title = format!("Integration of {}", self.guide.merchant.name);
        let zone = zone_of(&parts.headers);
        let around = Page { zone, csrf: Csrf(self.token.clone()), ..Page::outside(title) };
        let shown = page(shared, &self.guide, around, self.own(), trial).await?;
        let ends = Some(Moment::new(self.ends_at, zone));
        Ok(html(StatusCode::OK, &Integration { ends, ..shown }))
    }
}

/// `GET /i/{token}`
async fn show(State(shared): State<Arc<Shared>>, token: Token, parts: Parts) -> Result<Response, Problem> {
    Guest::of(&shared, token, &parts).await?.page(&shared, &parts, None).await
}

/// `GET /i/{token}/try`: what was tried is not kept.
async fn back(State(shared): State<Arc<Shared>>, token: Token, parts: Parts) -> Result<Response, Problem> {
    Ok(go_to(&Guest::of(&shared, token, &parts).await?.own()))
}

/// `POST /i/{token}/try`
async fn attempt(
    State(shared): State<Arc<Shared>>,
    token: Token,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let guest = Guest::of(&shared, token, &parts).await?;
    let fields = Fields::read(&parts.headers, body).await?;
    if fields.get("csrf") != guest.token || !is_same_origin(&parts.headers, &shared) {
        let detail = "This form is not from this page: load the page again and send it once more.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "stale_form", "Stale form", detail));
    }
    let trial = try_it(&shared, &guest.guide, address_of(&parts, &shared), &fields).await?;
    guest.page(&shared, &parts, Some(trial)).await
}
