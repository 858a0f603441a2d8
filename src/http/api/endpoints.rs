//! How endpoints fare, and what is done to them: below `/api/v1/postbacks/{id}` and `/api/v1/pixels/{id}`. Both kinds
//! are alike, so one macro describes them.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Json, deliveries::AttemptView, reading::Query};
use crate::{
    domain::setting::SettingKind,
    http::{
        Shared,
        access::Caller,
        outgoing::{Fares, Known},
        problem::Problem,
        settings::must_manage,
    },
};

/// How an endpoint fares.
#[derive(Serialize, ToSchema)]
struct HealthView {
    /// The endpoint.
    id: String,
    /// `healthy`, `failing`, `paused`, or `inactive`.
    state: &'static str,
    /// Since when every attempt has failed; null after a success.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    /// Since when it is paused, which keeps its deliveries waiting; null while it is not.
    #[schema(format = DateTime)]
    paused_since: Option<String>,
    /// Why it is paused.
    pause_reason: Option<String>,
    /// How many of its deliveries wait, counted up to 10000.
    waiting: u64,
    /// How many of its deliveries were given up, counted up to 10000.
    dead: u64,
    /// What was wrong of late, while it fails.
    last_error: Option<String>,
}

impl HealthView {
    async fn of(shared: &Shared, caller: &Caller, known: &Known) -> Result<Self, Problem> {
        let id = known.endpoint.id();
        let fares = Fares::of(shared, &[id], caller.now).await?.remove(id).unwrap_or_default();
        let state = fares.health.word(known.endpoint.is_active());
        let (paused_since, pause_reason) = fares.health.paused.unzip();
        Ok(Self {
            id: id.to_string(),
            state,
            last_error: fares.backlog.last_error.filter(|_| fares.health.failing_since.is_some()),
            failing_since: fares.health.failing_since.map(|at| at.to_string()),
            paused_since: paused_since.map(|at| at.to_string()),
            pause_reason,
            waiting: fares.backlog.waiting,
            dead: fares.backlog.dead,
        })
    }
}

/// Describes what is done to a kind of endpoint.
macro_rules! endpoint {
    ($name:ident, $kind:ident, $tag:literal, $what:literal) => {
        mod $name {
            use super::*;

            const KIND: SettingKind = SettingKind::$kind;

            pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
                OpenApiRouter::new()
                    .routes(routes!(health))
                    .routes(routes!(pause))
                    .routes(routes!(resume))
                    .routes(routes!(test))
            }

            #[utoipa::path(
                get, path = concat!("/api/v1/", $tag, "/{id}/health"), tag = $tag,
                summary = concat!("How a ", $what, " fares."),
                params(("id" = String, Path, description = "Its id.")),
                responses((status = 200, description = "How it fares.", body = HealthView))
            )]
            async fn health(
                caller: Caller,
                State(shared): State<Arc<Shared>>,
                Path(id): Path<String>,
                query: Query,
            ) -> Result<Json<HealthView>, Problem> {
                query.finish()?;
                let known = Known::seen(&shared, &id, Some(KIND)).await?;
                Ok(Json(HealthView::of(&shared, &caller, &known).await?))
            }

            #[utoipa::path(
                post, path = concat!("/api/v1/", $tag, "/{id}/pause"), tag = $tag,
                summary = concat!("Pauses a ", $what, ": what it is owed waits."),
                params(("id" = String, Path, description = "Its id.")),
                responses((status = 200, description = "How it fares now.", body = HealthView))
            )]
            async fn pause(
                caller: Caller,
                State(shared): State<Arc<Shared>>,
                Path(id): Path<String>,
                query: Query,
            ) -> Result<Json<HealthView>, Problem> {
                let known = manage(&shared, &caller, KIND, "pause", &id, query).await?;
                known.pause(&shared, &caller).await?;
                Ok(Json(HealthView::of(&shared, &caller, &known).await?))
            }

            #[utoipa::path(
                post, path = concat!("/api/v1/", $tag, "/{id}/resume"), tag = $tag,
                summary = concat!("Lets a ", $what, " go on with what waits."),
                params(("id" = String, Path, description = "Its id.")),
                responses((status = 200, description = "How it fares now.", body = HealthView))
            )]
            async fn resume(
                caller: Caller,
                State(shared): State<Arc<Shared>>,
                Path(id): Path<String>,
                query: Query,
            ) -> Result<Json<HealthView>, Problem> {
                let known = manage(&shared, &caller, KIND, "resume", &id, query).await?;
                known.resume(&shared, &caller).await?;
                Ok(Json(HealthView::of(&shared, &caller, &known).await?))
            }

            #[utoipa::path(
                post, path = concat!("/api/v1/", $tag, "/{id}/test"), tag = $tag,
                summary = concat!("Sends a ", $what, " a marked example conversion, and shows request and answer."),
                description = "It is sent once, by the rules of every delivery, and nothing of it is kept. No ad \
                               platform counts it. It may take as long as a delivery may: 15 seconds.",
                params(("id" = String, Path, description = "Its id.")),
                responses((
                    status = 200, description = "What came of it; `error` is null where it was taken.",
                    body = AttemptView
                ))
            )]
            async fn test(
                caller: Caller,
                State(shared): State<Arc<Shared>>,
                Path(id): Path<String>,
                query: Query,
            ) -> Result<Json<AttemptView>, Problem> {
                let known = manage(&shared, &caller, KIND, "test", &id, query).await?;
                Ok(Json(known.test(&shared, &caller).await?.into()))
            }
        }
    };
}

endpoint!(postbacks, Postback, "postbacks", "postback endpoint");
endpoint!(pixels, Pixel, "pixels", "pixel");

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().merge(postbacks::router()).merge(pixels::router())
}

/// An endpoint to which somebody may do this.
async fn manage(
    shared: &Shared,
    caller: &Caller,
    kind: SettingKind,
    action: &str,
    id: &str,
    query: Query,
) -> Result<Known, Problem> {
    must_manage(shared, caller, kind, action, id).await?;
    query.finish()?;
    Known::find(shared, id, Some(kind)).await
}
