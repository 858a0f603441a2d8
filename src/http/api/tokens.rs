//! `/api/v1/merchants/{id}/tokens`: merchants' tokens, shown once and kept as digests.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Json, Page,
    creation::{Creation, answered, created, earlier, keep},
    reading::{Query, invalid, path_id},
    settings::merchant,
};
use crate::{
    domain::{
        access::Role,
        ids::{MerchantId, TokenId},
        secret::Secret,
        time::Timestamp,
        token::Token,
    },
    http::{Shared, access::Caller, issue::new_token, problem::Problem},
    storage::{Once, SavedAnswer},
};

/// How long the name of a token may be, in characters.
const LABEL_CHARS_MAX: usize = 100;

/// How long an old token may go on beside a new one: a year.
const OVERLAP_HOURS_MAX: u32 = 8_760;

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(list, issue))
        .routes(routes!(one))
        .routes(routes!(rotate))
        .routes(routes!(revoke))
}

/// A token, without its text.
#[derive(Serialize, ToSchema)]
struct TokenView {
    /// Its id.
    id: Uuid,
    /// Whose it is.
    merchant: String,
    /// What people call it.
    label: String,
    /// `live`, `expired` or `revoked`.
    state: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// From when on it is no longer accepted.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

impl TokenView {
    fn of(token: &Token, now: Timestamp) -> Self {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: token.id.uuid(),
            merchant: token.merchant.to_string(),
            label: token.label.clone(),
            state: token.state(now),
            created_at: token.created_at.to_string(),
            last_used_at: time(token.last_used_at),
            expires_at: time(token.expires_at),
            revoked_at: time(token.revoked_at),
        }
    }
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
struct IssuedToken {
    #[serde(flatten)]
    token: TokenView,
    /// Its text. It is shown this once.
    #[serde(rename = "token")]
    text: String,
    /// The tokens that end because of it.
    ending: Vec<TokenView>,
}

/// Every token of a merchant, revoked ones included, oldest first.
#[utoipa::path(
    get, path = "/api/v1/merchants/{id}/tokens", tag = "tokens",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of tokens.", body = Page<TokenView>))
)]
async fn list(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Json<Page<TokenView>>, Problem> {
    let (limit, cursor) = (query.limit()?, query.cursor()?);
    query.finish()?;
    let merchant = merchant(&shared, &id).await?;
    let mut tokens = shared.edge.storage.tokens(Some(&merchant)).await?;
    tokens.retain(|token| cursor.is_none_or(|cursor| token.id.uuid() > cursor));
    tokens.sort_by_key(|token| token.id);
    let cursor = |token: &Token| token.id.uuid().simple().to_string();
    Ok(Json(Page::of(tokens, limit, cursor, |token| TokenView::of(&token, caller.now))))
}

/// One token.
#[utoipa::path(
    get, path = "/api/v1/merchants/{id}/tokens/{token_id}", tag = "tokens",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("token_id" = String, Path, description = "The token's id."),
    ),
    responses((status = 200, description = "The token.", body = TokenView))
)]
async fn one(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path((id, token)): Path<(String, String)>,
    query: Query,
) -> Result<Json<TokenView>, Problem> {
    query.finish()?;
    let merchant = merchant(&shared, &id).await?;
    Ok(Json(TokenView::of(&token_of(&shared, &merchant, &token).await?, caller.now)))
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    label: Option<String>,
    /// From when on it is no longer accepted; without it never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// After how many hours the merchant's other tokens end; without it they go on.
    #[schema(maximum = 8760)]
    overlap_hours: Option<u32>,
}

/// Makes a token.
///
/// Its text is in this answer and nowhere else, but for a repetition under the same `Idempotency-Key`. The others stay
/// valid, unless `overlap_hours` says when they end: time for the merchant to change over.
#[utoipa::path(
    post, path = "/api/v1/merchants/{id}/tokens", tag = "tokens",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("Idempotency-Key" = Option<String>, Header, description = "Your name for this creation; it happens once."),
    ),
    request_body = IssueBody,
    responses((status = 201, description = "The token, with its text.", body = IssuedToken))
)]
async fn issue(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
    creation: Creation<IssueBody>,
) -> Result<Response, Problem> {
    let merchant = managed(&shared, &caller, &id, "token.issue").await?;
    query.finish()?;
    let (once, body) = (creation.once(&caller), creation.body);
    if let Some(answer) = earlier(&shared, once.as_ref()).await? {
        return Ok(answer);
    }
    let expires_at = body.expires_at.as_deref().map(|text| later(text, caller.now)).transpose()?;
    let label = body.label.as_deref().unwrap_or("default");
    let ends = (expires_at, body.overlap_hours);
    let issued = issue_token(&shared, &caller, &merchant, label, ends, once.as_ref()).await;
    answered(&shared, once.as_ref(), issued, |issued| issued.answer(caller.now)).await
}

/// A token that was just made.
pub(in crate::http) struct Issued {
    /// The token.
    pub(in crate::http) token: Token,
    /// Its text, which is shown this once.
    pub(in crate::http) text: Secret,
    /// The tokens that end because of it.
    pub(in crate::http) ending: Vec<Token>,
}

impl Issued {
    fn answer(&self, now: Timestamp) -> SavedAnswer {
        answer(&self.token, &self.text, &self.ending, now)
    }
}

fn answer(token: &Token, text: &Secret, ending: &[Token], now: Timestamp) -> SavedAnswer {
    let view = IssuedToken {
        token: TokenView::of(token, now),
        text: text.expose().to_owned(),
        ending: ending.iter().map(|token| TokenView::of(token, now)).collect(),
    };
    created(None, &view)
}

/// Gives a merchant a token, which ends at this time, if at any; its others end after so many hours, if at all.
pub(in crate::http) async fn issue_token(
    shared: &Shared,
    caller: &Caller,
    merchant: &MerchantId,
    label: &str,
    (expires_at, overlap_hours): (Option<Timestamp>, Option<u32>),
    once: Option<&Once>,
) -> Result<Issued, Problem> {
    let (text, setting) = new_token(&shared.edge.digester, self::label(label)?, caller.now);
    let ends = overlap_hours.map(|hours| overlap(hours, caller.now)).transpose()?;
    let alone = |token: &Token| answer(token, &text, &[], caller.now);
    let together = |(token, ending): &(Token, Vec<Token>)| answer(token, &text, ending, caller.now);
    let (storage, author) = (&shared.edge.storage, caller.author());
    let (token, ending) = match ends {
        None => {
            let keep = keep(once, caller, &alone);
            (storage.add_token(merchant, &setting, expires_at, &author, keep).await?, Vec::new())
        }
        Some(ends) => {
            let keep = keep(once, caller, &together);
            storage.rotate_tokens(merchant, None, &setting, (expires_at, ends), &author, keep).await?
        }
    };
    Ok(Issued { token, text, ending })
}

/// How a token is to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    /// After how many hours the old one ends; 24 by default.
    #[schema(maximum = 8760)]
    overlap_hours: Option<u32>,
}

/// Makes a token in place of this one.
///
/// The new one is called like the old one, which ends after `overlap_hours`, unless it ends sooner.
#[utoipa::path(
    post, path = "/api/v1/merchants/{id}/tokens/{token_id}/rotate", tag = "tokens",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("token_id" = String, Path, description = "The old token's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Your name for this creation; it happens once."),
    ),
    request_body = RotateBody,
    responses((status = 201, description = "The new token, with its text.", body = IssuedToken))
)]
async fn rotate(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path((id, token)): Path<(String, String)>,
    query: Query,
    creation: Creation<RotateBody>,
) -> Result<Response, Problem> {
    let merchant = managed(&shared, &caller, &id, "token.rotate").await?;
    query.finish()?;
    let (once, body) = (creation.once(&caller), creation.body);
    if let Some(answer) = earlier(&shared, once.as_ref()).await? {
        return Ok(answer);
    }
    let old = token_of(&shared, &merchant, &token).await?;
    let hours = body.overlap_hours.unwrap_or(24);
    let issued = replace_token(&shared, &caller, old, hours, once.as_ref()).await;
    answered(&shared, once.as_ref(), issued, |issued| issued.answer(caller.now)).await
}

/// Makes a token in place of another, which ends after so many hours.
pub(in crate::http) async fn replace_token(
    shared: &Shared,
    caller: &Caller,
    old: Token,
    overlap_hours: u32,
    once: Option<&Once>,
) -> Result<Issued, Problem> {
    let ends = overlap(overlap_hours, caller.now)?;
    let (text, setting) = new_token(&shared.edge.digester, old.label, caller.now);
    let together = |(token, ending): &(Token, Vec<Token>)| answer(token, &text, ending, caller.now);
    let (storage, author, keep) = (&shared.edge.storage, caller.author(), keep(once, caller, &together));
    let (token, ending) =
        storage.rotate_tokens(&old.merchant, Some(old.id), &setting, (None, ends), &author, keep).await?;
    Ok(Issued { token, text, ending })
}

/// Revokes a token for good; every server stops accepting it within 2 seconds.
#[utoipa::path(
    post, path = "/api/v1/merchants/{id}/tokens/{token_id}/revoke", tag = "tokens",
    params(
        ("id" = String, Path, description = "The merchant."),
        ("token_id" = String, Path, description = "The token's id."),
    ),
    responses((status = 200, description = "The token.", body = TokenView))
)]
async fn revoke(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path((id, token)): Path<(String, String)>,
    query: Query,
) -> Result<Json<TokenView>, Problem> {
    let merchant = managed(&shared, &caller, &id, "token.revoke").await?;
    query.finish()?;
    let token = token_of(&shared, &merchant, &token).await?;
    let revoked = shared.edge.storage.revoke_token(token.id, &caller.author()).await?;
    Ok(Json(TokenView::of(&revoked, caller.now)))
}

/// The merchant of an address, whose tokens the caller may change.
pub(in crate::http) async fn managed(
    shared: &Shared,
    caller: &Caller,
    id: &str,
    action: &str,
) -> Result<MerchantId, Problem> {
    let shown: String = id.chars().take(60).collect();
    caller.must(Role::Manager, shared, action, &format!("merchant:{shown}")).await?;
    merchant(shared, id).await
}

/// A token of a merchant's.
pub(in crate::http) async fn token_of(
    shared: &Shared,
    merchant: &MerchantId,
    id: &str,
) -> Result<Token, Problem> {
    let id = TokenId::new(path_id(id)?);
    let found = shared.edge.storage.tokens(Some(merchant)).await?.into_iter().find(|token| token.id == id);
    found.ok_or_else(|| Problem::not_found(&format!("The merchant {merchant} has no token {id}.")))
}

/// A name that people can read.
pub(in crate::http) fn label(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if !(1..=LABEL_CHARS_MAX).contains(&text.chars().count()) || text.contains(char::is_control) {
        let detail = format!("Send a `label` of 1 to {LABEL_CHARS_MAX} characters, or leave it out.");
        return Err(invalid("label", &detail));
    }
    Ok(text.to_owned())
}

fn later(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let time = Timestamp::parse(text).filter(|time| *time > now);
    time.ok_or_else(|| invalid("expires_at", "Send a time to come, such as 2030-01-31T00:00:00Z."))
}

fn overlap(hours: u32, now: Timestamp) -> Result<Timestamp, Problem> {
    if hours > OVERLAP_HOURS_MAX {
        return Err(invalid("overlap_hours", &format!("Send a number from 0 to {OVERLAP_HOURS_MAX}.")));
    }
    Ok(now.plus_millis(i64::from(hours) * HOUR_MILLIS))
}
