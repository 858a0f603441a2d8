//! `/api/v1/clicks`: clicks that are imported, and clicks that are looked for.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Json, Page,
    creation::{self, Creation, replayed, reused},
    reading::{Query, invalid, invalid_cursor},
};
use crate::{
    clock::{new_uuid, random},
    domain::{
        access::Role,
        click::{Click, ClickRequest},
        decide::{Event, Verdict},
        ids::{AffiliateId, ClickId, ConversionId, OfferId, RequestId},
        params::Params,
    },
    http::{
        Shared,
        access::Caller,
        answer::{JSON, refused, respond},
        click::check_kept,
        problem::Problem,
    },
    ingest::{Answer, AuditEntry, Submission},
    storage::{ClickFilter, Held, SavedAnswer},
};

/// How many conversions of a click are named with it.
const CONVERSIONS_MAX: usize = 100;

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one))
}

/// A click.
#[derive(Serialize, ToSchema)]
struct ClickView {
    /// Its id; conversions are reported under it.
    id: String,
    /// The offer that was clicked.
    offer: String,
    /// Who sent the player.
    affiliate: String,
    /// Whose the offer was.
    merchant: String,
    /// What it came with.
    params: BTreeMap<String, String>,
    /// When it was recorded.
    #[schema(format = DateTime)]
    created_at: String,
    /// The player's newest conversions, newest first, at most 100; `/api/v1/conversions?click_id=` has all.
    conversions: Vec<Uuid>,
}

impl ClickView {
    fn of(click: &Click, params: &Params, conversions: Vec<ConversionId>) -> Self {
        Self {
            id: click.id.to_string(),
            offer: click.offer.to_string(),
            affiliate: click.affiliate.to_string(),
            merchant: click.merchant.to_string(),
            params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            created_at: click.at.to_string(),
            conversions: conversions.into_iter().map(ConversionId::uuid).collect(),
        }
    }
}

/// Clicks, newest first.
///
/// Ids that were drawn here grow with time: the list follows them, and `from` and `to` go by them. A click that was
/// imported under an id of another system stands among them by that id; ask for it by `id`.
///
/// Offer and affiliate are looked for among some 25,000 clicks a page, so a page may have fewer items than
/// `limit`, even none, and yet a `next_cursor` that goes on from there.
#[utoipa::path(
    get, path = "/api/v1/clicks", tag = "clicks",
    params(
        ("id" = Option<String>, Query, description = "Only this one."),
        ("offer" = Option<String>, Query, description = "Only of this offer."),
        ("affiliate" = Option<String>, Query, description = "Only of this affiliate."),
        ("from" = Option<String>, Query, description = "Only recorded at this time or later."),
        ("to" = Option<String>, Query, description = "Only recorded before this time."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of clicks.", body = Page<ClickView>))
)]
async fn list(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<ClickView>>, Problem> {
    let (from, to) = query.period("from", "to")?;
    let filter = ClickFilter {
        id: query.parsed("id", ClickId::parse)?,
        offer: query.parsed("offer", OfferId::parse)?,
        affiliate: query.parsed("affiliate", AffiliateId::parse)?,
        from,
        to,
    };
    let limit = query.limit()?;
    let cursor = query.text("cursor").map(ClickId::parse).transpose().map_err(|_| invalid_cursor())?;
    query.finish()?;
    let storage = &shared.edge.storage;
    let found = storage.click_list(&filter, cursor, limit).await?;
    let ids = found.rows.iter().map(|(click, _)| &click.id);
    let mut conversions = storage.conversion_ids(ids, CONVERSIONS_MAX).await?;
    let view = |(click, params): &(Click, Params)| {
        ClickView::of(click, params, conversions.remove(&click.id).unwrap_or_default())
    };
    let items = found.rows.iter().map(view).collect();
    Ok(Json(Page { items, next_cursor: found.next.map(|id| id.to_string()) }))
}

/// One click, with its conversions.
#[utoipa::path(
    get, path = "/api/v1/clicks/{id}", tag = "clicks",
    params(("id" = String, Path, description = "The click.")),
    responses((status = 200, description = "The click.", body = ClickView))
)]
async fn one(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<ClickView>, Problem> {
    query.finish()?;
    let shown: String = id.chars().take(60).collect();
    let missing = || Problem::not_found(&format!("There is no click `{shown}`."));
    let id = ClickId::parse(&id).map_err(|_| missing())?;
    view_of(&shared, &id).await?.map(Json).ok_or_else(missing)
}

async fn view_of(shared: &Shared, id: &ClickId) -> Result<Option<ClickView>, Problem> {
    let storage = &shared.edge.storage;
    let Some((click, params)) = storage.clicks([id]).await?.remove(id) else { return Ok(None) };
    let conversions = storage.conversion_ids([id], CONVERSIONS_MAX).await?.remove(id);
    Ok(Some(ClickView::of(&click, &params, conversions.unwrap_or_default())))
}

/// A click to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClickBody {
    /// The id that it shall have: 1 to 128 of `A-Z a-z 0-9 . _ -`, as another system knows the player. Drawn if it is
    /// left out.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,128}$")]
    id: Option<String>,
    /// The offer; it must be active.
    offer: String,
    /// The affiliate.
    affiliate: String,
    /// What is kept with it: `sub1`, `cl_id`, `user_id`, anything; at most 64, of 2 KiB each.
    #[serde(default)]
    params: BTreeMap<String, String>,
}

/// A click that is recorded.
#[derive(Serialize, ToSchema)]
struct RecordedClick {
    /// Always true.
    success: bool,
    /// Whether it was recorded before, with the same facts.
    duplicate: bool,
    /// The offer's landing page, with its macros filled in.
    url: String,
    /// The click.
    click: ClickView,
}

/// Records a click, as `/click` does for a player.
///
/// For players who came before this tracker, or by another way. With an `id` of your own it is safe to repeat:
/// the same facts again are a duplicate, other facts under the same id are refused. Without one, send an
/// `Idempotency-Key`: the same request under the same key is answered as it was the first time, for a day.
#[utoipa::path(
    post, path = "/api/v1/clicks", tag = "clicks",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Your name for this creation; it happens once."),
    ),
    request_body = ClickBody,
    responses(
        (status = 201, description = "It is recorded.", body = RecordedClick),
        (status = 200, description = "It was recorded before.", body = RecordedClick),
    )
)]
async fn create(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    query: Query,
    creation: Creation<ClickBody>,
) -> Result<Response, Problem> {
    caller.must(Role::Manager, &shared, "click.create", "clicks").await?;
    query.finish()?;
    let drawn = ClickId::parse(&new_uuid(caller.now).to_string()).expect("a UUID is a valid click id");
    let mut request = read(&creation.body, drawn)?;
    let once = creation.once(&caller);
    let mut planned = false;
    if let Some(once) = &once {
        match shared.edge.storage.take_key(once, request.id.as_str(), caller.now).await? {
            Held::Answer(answer) => return Ok(replayed(answer)),
            Held::OtherRequest => return Err(reused()),
            Held::Plan(id) => {
                // The id that was drawn for this key first: should it be recorded already, it was by this very
                // request.
                planned = !request.id_given;
                request.id = ClickId::parse(&id).map_err(|_| Problem::internal())?;
                request.id_given = true;
            }
        }
    }
    let id = request.id.clone();
    let answer = submit(&shared, &caller, request).await?;
    if answer.outcome != "recorded" && answer.outcome != "duplicate" {
        return Ok(respond(answer));
    }
    let duplicate = answer.outcome == "duplicate" && !planned;
    let click = view_of(&shared, &id).await?.ok_or_else(Problem::internal)?;
    let view = RecordedClick { success: true, duplicate, url: answer.body, click };
    let body = serde_json::to_string(&view).map_err(|_| Problem::internal())?;
    let status = if duplicate { StatusCode::OK } else { StatusCode::CREATED };
    let answer = SavedAnswer { status: status.as_u16(), version: None, body };
    if let Some(once) = &once {
        shared.edge.storage.answer_plan(once, &answer, random(), caller.now).await?;
    }
    Ok(creation::respond(answer))
}

fn read(body: &ClickBody, drawn: ClickId) -> Result<ClickRequest, Problem> {
    let id = body.id.as_deref().map(ClickId::parse).transpose();
    let id = id.map_err(|error| invalid("id", &format!("Change `id`: {error}.")))?;
    let offer = OfferId::parse(&body.offer);
    let affiliate = AffiliateId::parse(&body.affiliate);
    let owned = |(name, value): (&String, &String)| (name.clone(), value.clone());
    let request = ClickRequest {
        id_given: id.is_some(),
        id: id.unwrap_or(drawn),
        offer: offer.map_err(|error| invalid("offer", &format!("Change `offer`: {error}.")))?,
        affiliate: affiliate
            .map_err(|error| invalid("affiliate", &format!("Change `affiliate`: {error}.")))?,
        params: body.params.iter().map(owned).collect(),
    };
    check_kept(&request.params).map_err(|refusal| Problem::from(&refusal).of("params"))?;
    Ok(request)
}

async fn submit(shared: &Shared, caller: &Caller, request: ClickRequest) -> Result<Answer, Problem> {
    let audit = AuditEntry {
        actor: caller.actor.clone(),
        address: caller.address.to_string(),
        action: "click.create",
        subject: format!("click:{}", request.id),
    };
    let submission = Submission {
        request: caller.request,
        event: Ok(Event::Click(request)),
        log: None,
        audit: Some(audit),
        render,
    };
    Ok(shared.edge.ingest.submit(submission).await?)
}

/// Tells a verdict to [`create`], which puts the click itself in.
fn render(_: &Event, id: RequestId, verdict: &Verdict) -> Answer {
    match verdict {
        Verdict::Clicked { url, duplicate, .. } => Answer {
            status: StatusCode::OK.as_u16(),
            content_type: JSON.into(),
            body: url.clone(),
            location: None,
            outcome: if *duplicate { "duplicate" } else { "recorded" },
            conversion: None,
        },
        Verdict::Refused(refusal) => refused(id, refusal),
        Verdict::Accepted { .. } => unreachable!("a click records no conversion"),
    }
}
