//! What is configured: merchants with their goals, affiliates, offers, postback endpoints, pixels, dialects,
//! currencies. All are alike, so one macro describes them.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::value::RawValue;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Json, Page,
    creation::{Creation, answered, earlier, keep},
    reading::{Query, RawBody},
};
use crate::{
    configuration_file::{
        Body, DialectEntry, PixelEntry, PostbackEntry,
        entries::{AffiliateEntry, CurrencyEntry, MerchantEntry, OfferEntry},
    },
    domain::{ids::MerchantId, setting::SettingKind},
    http::{
        Shared,
        access::Caller,
        problem::Problem,
        settings::{Wanted, find, goal_id, must_manage},
    },
    storage::{SavedAnswer, Setting, Which},
};

/// A setting as it is described.
pub(super) type Described = Box<RawValue>;

/// Describes the addresses of a kind of setting.
macro_rules! resource {
    ($name:ident, $kind:ident, $entry:ty, $tag:literal, $all:literal, $one:literal, $what:literal) => {
        mod $name {
            use super::*;

            const KIND: SettingKind = SettingKind::$kind;

            pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
                OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, change))
            }

            #[utoipa::path(
                get, path = $all, tag = $tag,
                summary = concat!("Every ", $what, ", by id."),
                params(
                    (
                        "limit" = Option<u32>, Query, minimum = 1, maximum = 500,
                        description = "How many; 50 by default."
                    ),
                    ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
                ),
                responses((status = 200, description = "A page of them.", body = Page<$entry>))
            )]
            async fn list(
                _: Caller,
                State(shared): State<Arc<Shared>>,
                query: Query,
            ) -> Result<Json<Page<Described>>, Problem> {
                page(&shared, KIND, None, query).await
            }

            #[utoipa::path(
                post, path = $all, tag = $tag,
                summary = concat!("Creates one more ", $what, "."),
                description = "The body has the keys of the configuration file.",
                params((
                    "Idempotency-Key" = Option<String>, Header,
                    description = "Your name for this creation; it happens once."
                )),
                request_body = $entry,
                responses((
                    status = 201, description = "It is there now.", body = $entry,
                    headers(("ETag" = String, description = "Its version."))
                ))
            )]
            async fn create(
                caller: Caller,
                State(shared): State<Arc<Shared>>,
                query: Query,
                creation: Creation<RawBody>,
            ) -> Result<Response, Problem> {
                created(&shared, &caller, KIND, None, query, &creation).await
            }

            #[utoipa::path(
                get, path = $one, tag = $tag,
                summary = concat!("One ", $what, "."),
                params(("id" = String, Path, description = "Its id.")),
                responses((
                    status = 200, description = "It.", body = $entry,
                    headers(("ETag" = String, description = "Its version."))
                ))
            )]
            async fn one(
                _: Caller,
                State(shared): State<Arc<Shared>>,
                Path(id): Path<String>,
                query: Query,
            ) -> Result<Response, Problem> {
                query.finish()?;
                Ok(versioned(StatusCode::OK, find(&shared, KIND, &id).await?))
            }

            #[utoipa::path(
                put, path = $one, tag = $tag,
                summary = concat!("Changes one ", $what, "."),
                description = "The body is the whole of it, as `GET` shows it: a key that is left out goes back to its \
                               default. A secret that is shown as `keep` stays as it is.",
                params(
                    ("id" = String, Path, description = "Its id."),
                    ("If-Match" = Option<String>, Header, description = "Its `ETag` when you read it."),
                ),
                request_body = $entry,
                responses((
                    status = 200, description = "It, from now on.", body = $entry,
                    headers(("ETag" = String, description = "Its version."))
                ))
            )]
            async fn change(
                caller: Caller,
                State(shared): State<Arc<Shared>>,
                Path(id): Path<String>,
                query: Query,
                headers: HeaderMap,
                body: RawBody,
            ) -> Result<Response, Problem> {
                changed(&shared, &caller, (KIND, None, &id), query, &headers, &body).await
            }
        }
    };
}

resource!(
    merchants,
    Merchant,
    MerchantEntry,
    "merchants",
    "/api/v1/merchants",
    "/api/v1/merchants/{id}",
    "merchant"
);
resource!(offers, Offer, OfferEntry, "offers", "/api/v1/offers", "/api/v1/offers/{id}", "offer");
resource!(
    affiliates,
    Affiliate,
    AffiliateEntry,
    "affiliates",
    "/api/v1/affiliates",
    "/api/v1/affiliates/{id}",
    "affiliate"
);
resource!(
    postbacks,
    Postback,
    PostbackEntry,
    "postbacks",
    "/api/v1/postbacks",
    "/api/v1/postbacks/{id}",
    "postback endpoint"
);
resource!(pixels, Pixel, PixelEntry, "pixels", "/api/v1/pixels", "/api/v1/pixels/{id}", "pixel");
resource!(
    dialects,
    Dialect,
    DialectEntry,
    "dialects",
    "/api/v1/dialects",
    "/api/v1/dialects/{id}",
    "dialect"
);
resource!(
    currencies,
    Currency,
    CurrencyEntry,
    "currencies",
    "/api/v1/currencies",
    "/api/v1/currencies/{id}",
    "currency"
);

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .merge(merchants::router())
        .merge(offers::router())
        .merge(affiliates::router())
        .merge(postbacks::router())
        .merge(pixels::router())
        .merge(dialects::router())
        .merge(currencies::router())
}

/// The merchant of an address, which must be there.
pub(in crate::http) async fn merchant(shared: &Shared, id: &str) -> Result<MerchantId, Problem> {
    find(shared, SettingKind::Merchant, id).await?;
    MerchantId::parse(id).map_err(|error| Problem::not_found(&format!("There is no merchant: {error}.")))
}

pub(super) async fn page(
    shared: &Shared,
    kind: SettingKind,
    merchant: Option<&MerchantId>,
    mut query: Query,
) -> Result<Json<Page<Described>>, Problem> {
    let (limit, cursor) = (query.limit()?, query.text_cursor()?);
    query.finish()?;
    let which = Which {
        id: None,
        merchant: merchant.map(MerchantId::as_str),
        after: cursor.as_deref(),
        limit: Some(u64::from(limit) + 1),
    };
    let found = shared.edge.storage.settings(kind, which).await?;
    let cursor = |setting: &Setting| setting.id.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Json(Page::of(found, limit, cursor, |setting| described(setting.description))))
}

pub(super) async fn created(
    shared: &Shared,
    caller: &Caller,
    kind: SettingKind,
    merchant: Option<&MerchantId>,
    query: Query,
    creation: &Creation<RawBody>,
) -> Result<Response, Problem> {
    let body = Body::parse(kind, &creation.body.0);
    let named = body.as_ref().ok().and_then(Body::id).unwrap_or("new");
    must_manage(shared, caller, kind, "create", named).await?;
    query.finish()?;
    let once = creation.once(caller);
    if let Some(answer) = earlier(shared, once.as_ref()).await? {
        return Ok(answer);
    }
    let answer = |setting: &Setting| SavedAnswer {
        status: StatusCode::CREATED.as_u16(),
        version: Some(setting.version.clone()),
        body: setting.description.clone(),
    };
    let wanted = Wanted { kind, merchant, body: body?, version: None };
    let made = wanted.bring_about_once(shared, caller, keep(once.as_ref(), caller, &answer)).await;
    answered(shared, once.as_ref(), made, answer).await
}

pub(super) async fn changed(
    shared: &Shared,
    caller: &Caller,
    (kind, merchant, own): (SettingKind, Option<&MerchantId>, &str),
    query: Query,
    headers: &HeaderMap,
    body: &RawBody,
) -> Result<Response, Problem> {
    let id = merchant.map_or_else(|| own.to_owned(), |merchant| goal_id(merchant, own));
    must_manage(shared, caller, kind, "change", &id).await?;
    query.finish()?;
    let stored = find(shared, kind, &id).await?;
    let version = Some(if_match(headers, &stored.version)?);
    let mut body = Body::parse(kind, &body.0)?;
    body.identify(own)?;
    let wanted = Wanted { kind, merchant, body, version };
    Ok(versioned(StatusCode::OK, wanted.bring_about(shared, caller).await?))
}

/// The version that a request means: one of those that it names, or whichever is there.
pub(super) fn if_match(headers: &HeaderMap, stored: &str) -> Result<String, Problem> {
    let named = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    if named.is_empty() {
        let detail =
            "Send the `ETag` of what you read as `If-Match`, so that nobody else's change is undone.";
        let status = StatusCode::PRECONDITION_REQUIRED;
        return Err(Problem::new(status, "precondition_required", "Precondition required", detail));
    }
    let tag = |tag: &str| tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
    let means_stored = named.iter().any(|name| *name == "*" || tag(name).as_deref() == Some(stored));
    // The transaction looks again: this one only tells which of several is meant.
    Ok(if means_stored { stored.to_owned() } else { String::new() })
}

/// An answer with the version of what it shows.
pub(super) fn with_version(mut response: Response, version: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) fn versioned(status: StatusCode, setting: Setting) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    with_version((status, content_type, setting.description).into_response(), &setting.version)
}

/// A description as the JSON that it is.
fn described(description: String) -> Described {
    RawValue::from_string(description).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
