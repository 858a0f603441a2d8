//! `/api/v1/postback-log`: what merchants have sent, and processing it again.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Json, Page,
    reading::{Query, Read, invalid, path_id},
};
use crate::{
    domain::{
        access::Role,
        ids::{ClickId, ConversionId, MerchantId, RequestId},
    },
    http::{
        Shared,
        access::Caller,
        answer::conversion_json,
        logged::{advice, params_of},
        problem::Problem,
        reprocess::{Again, BULK_REPEATS_MAX, NOT_REPEATABLE, Repeated, impossible},
    },
    storage::{LogFilter, LogRow, Outcome},
};

/// How long a text that is looked for may be, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// How many requests one call processes again by a filter, unless it says otherwise.
const BULK_REPEATS: u32 = 200;

/// How many repetitions of a request are named with it.
const REPETITIONS_MAX: u32 = 100;

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(reprocess))
        .routes(routes!(reprocess_many))
}

/// A parameter of a request.
#[derive(Serialize, ToSchema)]
struct ParamView {
    /// Its name.
    name: String,
    /// Its value; a token is hidden.
    value: String,
}

/// A request that a merchant has sent.
#[derive(Serialize, ToSchema)]
struct LogView {
    /// Its id: the `request_id` of its answer.
    id: Uuid,
    /// When it was decided.
    #[schema(format = DateTime)]
    at: String,
    /// Whose token it carried; null for an unknown one.
    merchant: Option<String>,
    /// Its path.
    endpoint: String,
    /// Its method.
    method: String,
    /// Its parameters in their order, the token redacted.
    params: Vec<ParamView>,
    /// The click that it named.
    click_id: Option<String>,
    /// `recorded`, `decided`, `duplicate`, `dry_run`, or the code of the refusal.
    outcome: String,
    /// The HTTP status of its answer.
    status: u16,
    /// Of a refused one: what the merchant has to change.
    detail: Option<String>,
    /// The conversion that it is about.
    conversion: Option<Uuid>,
    /// The address that it came from.
    address: String,
    /// From its arrival until it was written, in microseconds.
    duration_us: i64,
    /// The request that it repeats, where it is one that was processed again.
    repeats: Option<Uuid>,
    /// The repetition by which a refused one came to its conversion after all.
    settled_by: Option<Uuid>,
}

impl LogView {
    fn of(row: &LogRow) -> Self {
        let param =
            |(name, value): (&str, &str)| ParamView { name: name.to_owned(), value: value.to_owned() };
        Self {
            id: row.id.uuid(),
            at: row.at.to_string(),
            merchant: row.merchant.as_ref().map(ToString::to_string),
            endpoint: row.endpoint.clone(),
            method: row.method.clone(),
            params: params_of(row).iter().map(param).collect(),
            click_id: row.click.as_ref().map(ToString::to_string),
            outcome: row.outcome.clone(),
            status: row.status,
            detail: advice(&row.outcome, &row.answer),
            conversion: row.conversion.map(ConversionId::uuid),
            address: row.address.clone(),
            duration_us: row.duration_us,
            repeats: row.repeats.map(RequestId::uuid),
            settled_by: row.settled_by.map(RequestId::uuid),
        }
    }
}

/// A request with everything that is known of it.
#[derive(Serialize, ToSchema)]
struct WholeRequest {
    #[serde(flatten)]
    request: LogView,
    /// The body of its answer, as it was sent.
    answer: String,
    /// Its repetitions, oldest first, at most 100.
    repetitions: Vec<Uuid>,
    /// Why it can't be processed again; null if it can.
    not_repeatable: Option<String>,
}

/// Which requests a query asks for; the pages ask in the same words.
pub(in crate::http) fn filter(query: &mut Query) -> Result<LogFilter, Problem> {
    let (from, to) = query.period("from", "to")?;
    let outcome = query.text("outcome").map(|word| match word {
        "refused" => Outcome::Refused,
        word => Outcome::Is(word.to_owned()),
    });
    let conversion =
        |text: &str| Uuid::try_parse(text).map_err(|_| format!("`{text}` is not a conversion's id"));
    let text = |text: &str| {
        let fits = text.chars().count() <= TEXT_CHARS_MAX;
        fits.then(|| text.to_owned()).ok_or_else(|| format!("it is longer than {TEXT_CHARS_MAX} characters"))
    };
    Ok(LogFilter {
        merchant: query.parsed("merchant", MerchantId::parse)?,
        outcome,
        open: query.truth("open")?,
        endpoint: query.text("endpoint").map(str::to_owned),
        click: query.parsed("click_id", ClickId::parse)?,
        conversion: query.parsed("conversion", conversion)?.map(ConversionId::new),
        text: query.parsed("text", text)?,
        from,
        to,
        oldest_first: false,
    })
}

/// What merchants have sent, newest first.
///
/// Merchant, click, conversion and refusals are looked up. Among what is found so, the other conditions are
/// looked for in some 25,000 requests a page: a page may have fewer items than `limit`, even none, and yet a
/// `next_cursor` that goes on from there.
#[utoipa::path(
    get, path = "/api/v1/postback-log", tag = "postback log",
    params(
        ("merchant" = Option<String>, Query, description = "Only of this merchant."),
        ("outcome" = Option<String>, Query,
            description = "Only with this outcome: `recorded`, `decided`, `duplicate`, `dry_run`, or the code of a \
                           refusal; `refused` for any of those."),
        ("open" = Option<String>, Query,
            description = "`1`: only refused ones that have not been processed again with success."),
        ("endpoint" = Option<String>, Query, description = "Only to this path, as in `/track/conv`."),
        ("click_id" = Option<String>, Query, description = "Only about this click."),
        ("conversion" = Option<String>, Query, description = "Only about this conversion."),
        ("text" = Option<String>, Query,
            description = "Only with this text in the names or values of their parameters, in upper or lower case."),
        ("from" = Option<String>, Query, description = "Only arrived at this time or later."),
        ("to" = Option<String>, Query, description = "Only arrived before this time."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of requests.", body = Page<LogView>))
)]
async fn list(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<LogView>>, Problem> {
    let filter = filter(&mut query)?;
    let (limit, cursor) = (query.limit()?, query.cursor()?.map(RequestId::new));
    query.finish()?;
    let found = shared.edge.storage.postback_log(&filter, cursor, limit).await?;
    let items = found.rows.iter().map(LogView::of).collect();
    Ok(Json(Page { items, next_cursor: found.next.map(cursor_of) }))
}

fn cursor_of(id: RequestId) -> String {
    id.uuid().simple().to_string()
}

/// One request, with its answer.
#[utoipa::path(
    get, path = "/api/v1/postback-log/{id}", tag = "postback log",
    params(("id" = String, Path, description = "The request.")),
    responses((status = 200, description = "The request.", body = WholeRequest))
)]
async fn one(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<WholeRequest>, Problem> {
    query.finish()?;
    let row = logged(&shared, RequestId::new(path_id(&id)?)).await?;
    let repetitions = shared.edge.storage.repetitions(row.id, REPETITIONS_MAX).await?;
    Ok(Json(WholeRequest {
        request: LogView::of(&row),
        not_repeatable: impossible(&row, &shared),
        repetitions: repetitions.into_iter().map(RequestId::uuid).collect(),
        answer: row.answer,
    }))
}

async fn logged(shared: &Shared, id: RequestId) -> Result<LogRow, Problem> {
    let found = shared.edge.storage.logged([id]).await?.pop();
    found.ok_or_else(|| Problem::not_found(&format!("There is no request {id} in the log.")))
}

/// What came of processing a request again, or would.
#[derive(Serialize, ToSchema)]
struct RepeatView {
    /// The logged request.
    id: String,
    /// `recorded`, `decided`, `duplicate` (it had been before), `dry_run` (the merchant itself only tried), the
    /// code of the refusal, `not_repeatable`, or `not_found`.
    outcome: String,
    /// Whether it stands as the merchant wanted it, or would.
    success: bool,
    /// What has to be changed, where it was refused.
    detail: Option<String>,
    /// The conversion that it is about; null for one that would be recorded.
    conversion_id: Option<Uuid>,
    /// The new entry of the log; null for a dry run.
    log_id: Option<Uuid>,
}

impl RepeatView {
    fn of(id: String, repeated: &Repeated) -> Self {
        Self {
            id,
            success: repeated.is_success(),
            outcome: repeated.outcome.clone(),
            detail: repeated.detail.clone(),
            conversion_id: repeated.conversion.map(ConversionId::uuid),
            log_id: repeated.logged.map(RequestId::uuid),
        }
    }

    fn not_found(id: String) -> Self {
        let detail = Some("There is no such request in the log.".to_owned());
        let outcome = "not_found".to_owned();
        Self { id, outcome, success: false, detail, conversion_id: None, log_id: None }
    }
}

/// What came of processing one request again, or would.
#[derive(Serialize, ToSchema)]
struct WholeRepeat {
    #[serde(flatten)]
    result: RepeatView,
    /// Whether nothing was recorded.
    dry_run: bool,
    /// The conversion as the merchant is told of it: as it stands, or as it would be recorded.
    #[schema(value_type = Option<Object>)]
    conversion: Option<Value>,
}

/// Processes a request again.
///
/// After the cause of a refusal is mended (a goal added, a deal changed, a click imported) the request goes
/// through the same door again, with the same parameters, for the merchant and the path that it had. That is as
/// if the merchant had sent it again, except that its token, its address and its signature are not asked for
/// anew, and that it happens once: a request that led to a conversion before is a duplicate of that. It gets an
/// entry of its own in the log, which names the one that it repeats. A request whose token or signature was
/// wrong, or that could not be read, can't be processed again (409 `not_repeatable`).
#[utoipa::path(
    post, path = "/api/v1/postback-log/{id}/reprocess", tag = "postback log",
    params(
        ("id" = String, Path, description = "The request."),
        ("dry_run" = Option<String>, Query, description = "`1`: only tell what would come of it."),
    ),
    responses((status = 200, description = "What came of it, or would.", body = WholeRepeat))
)]
async fn reprocess(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Json<WholeRepeat>, Problem> {
    let id = RequestId::new(path_id(&id)?);
    caller.must(Role::Manager, &shared, "postback.reprocess", &format!("request:{id}")).await?;
    let dry_run = query.truth("dry_run")?;
    query.finish()?;
    let row = logged(&shared, id).await?;
    let again = Again::new(&shared, &caller, dry_run).await?;
    let repeated = again.all(vec![row]).await?.remove(&id).ok_or_else(Problem::internal)?;
    if repeated.outcome == NOT_REPEATABLE {
        let detail = repeated.detail.unwrap_or_default();
        let status = axum::http::StatusCode::CONFLICT;
        return Err(Problem::new(status, NOT_REPEATABLE, "Not repeatable", &detail));
    }
    let conversion = match repeated.conversion {
        Some(id) if repeated.tried.is_none() => {
            shared.edge.storage.conversion(id).await?.as_ref().map(conversion_json)
        }
        _ => repeated.tried.clone(),
    };
    Ok(Json(WholeRepeat { result: RepeatView::of(id.to_string(), &repeated), dry_run, conversion }))
}

/// Which requests are to be processed again: `ids`, or a `filter`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RepeatBody {
    /// These, at most 1000.
    #[schema(max_items = 1000)]
    ids: Option<Vec<String>>,
    /// Those that match, in the words of the list's parameters; at least one. Of them, those that were refused,
    /// are no repetitions, and have not been processed again with success.
    filter: Option<BTreeMap<String, String>>,
    /// With a filter: how many at once; 200 by default.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// With a filter: the `next_cursor` of the call before.
    cursor: Option<String>,
}

/// What came of each, or would.
#[derive(Serialize, ToSchema)]
struct ManyRepeats {
    /// Whether nothing was recorded.
    dry_run: bool,
    /// In the order of the ids; with a filter oldest first.
    results: Vec<RepeatView>,
    /// With a filter: what to send as `cursor` to go on; null when all that match are done.
    next_cursor: Option<String>,
}

/// Processes many requests again.
///
/// Each by itself, oldest first, as they came; see the address for one. With a filter the call goes through
/// those that match, some at a time: call again with `next_cursor` until it is null. A dry run tries each by
/// itself too, so it can't see what one would owe to another.
#[utoipa::path(
    post, path = "/api/v1/postback-log/reprocess", tag = "postback log",
    params(("dry_run" = Option<String>, Query, description = "`1`: only tell what would come of each.")),
    request_body = RepeatBody,
    responses((status = 200, description = "What came of each, or would.", body = ManyRepeats))
)]
async fn reprocess_many(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
    Read(body): Read<RepeatBody>,
) -> Result<Json<ManyRepeats>, Problem> {
    caller.must(Role::Manager, &shared, "postback.reprocess", "requests").await?;
    let dry_run = query.truth("dry_run")?;
    query.finish()?;
    let again = Again::new(&shared, &caller, dry_run).await?;
    match (body.ids, body.filter) {
        (Some(ids), None) => {
            if ids.len() > BULK_REPEATS_MAX as usize {
                return Err(invalid("ids", &format!("Send at most {BULK_REPEATS_MAX} ids at once.")));
            }
            let known = ids.iter().filter_map(|id| Uuid::try_parse(id).ok()).map(RequestId::new);
            let repeated = again.all(shared.edge.storage.logged(known).await?).await?;
            let result = |id: String| {
                let found = Uuid::try_parse(&id).ok().and_then(|id| repeated.get(&RequestId::new(id)));
                found.map_or_else(|| RepeatView::not_found(id.clone()), |it| RepeatView::of(id.clone(), it))
            };
            let results = ids.into_iter().map(result).collect();
            Ok(Json(ManyRepeats { dry_run, results, next_cursor: None }))
        }
        (None, Some(wanted)) => {
            let limit = body.limit.unwrap_or(BULK_REPEATS);
            if !(1..=BULK_REPEATS_MAX).contains(&limit) {
                return Err(invalid("limit", &format!("Send a `limit` from 1 to {BULK_REPEATS_MAX}.")));
            }
            if wanted.is_empty() {
                let detail = "Send a `filter` with at least one condition, such as the merchant.";
                return Err(invalid("filter", detail));
            }
            let mut wanted = Query::of(wanted);
            let filter = LogFilter { open: true, oldest_first: true, ..filter(&mut wanted)? };
            wanted.finish()?;
            let mut cursor = Query::of(body.cursor.map(|cursor| ("cursor".to_owned(), cursor)));
            let after = cursor.cursor()?.map(RequestId::new);
            let found = shared.edge.storage.postback_log(&filter, after, limit).await?;
            let ids: Vec<_> = found.rows.iter().map(|row| row.id).collect();
            let repeated = again.all(found.rows).await?;
            let result = |id: RequestId| Some(RepeatView::of(id.to_string(), repeated.get(&id)?));
            let results = ids.into_iter().filter_map(result).collect();
            Ok(Json(ManyRepeats { dry_run, results, next_cursor: found.next.map(cursor_of) }))
        }
        _ => Err(invalid("ids", "Send either `ids` or a `filter`.")),
    }
}
