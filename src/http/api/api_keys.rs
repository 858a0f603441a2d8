//! `/api/v1/api-keys`: the keys of programs, for admins.

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
    users::{RoleWord, role},
};
use crate::{
    clock::new_uuid,
    domain::{
        access::{ApiKey, Role},
        ids::{ApiKeyId, ApiKeyName},
    },
    http::{Shared, access::Caller, issue::new_api_key, problem::Problem},
};

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one)).routes(routes!(revoke))
}

/// A key, without its text.
#[derive(Serialize, ToSchema)]
struct ApiKeyView {
    /// Its id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// What it may be used for.
    #[schema(value_type = RoleWord)]
    role: &'static str,
    /// Since when it is there.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// Since when it is no longer accepted.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.uuid(),
            name: key.name.to_string(),
            role: key.role.as_str(),
            created_at: key.created_at.to_string(),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        }
    }
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
struct CreatedKey {
    #[serde(flatten)]
    view: ApiKeyView,
    /// Its text. It is shown this once.
    key: String,
}

/// Every key, revoked ones included, oldest first.
#[utoipa::path(
    get, path = "/api/v1/api-keys", tag = "api-keys",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of keys.", body = Page<ApiKeyView>))
)]
async fn list(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    caller.must(Role::Admin, &shared, "api-key.read", "api-keys").await?;
    let (limit, cursor) = (query.limit()?, query.cursor()?);
    query.finish()?;
    let mut keys = shared.edge.storage.api_keys().await?;
    keys.retain(|key| cursor.is_none_or(|cursor| key.id.uuid() > cursor));
    Ok(Json(Page::of(keys, limit, |key| key.id.uuid().simple().to_string(), ApiKeyView::from)))
}

/// One key.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", tag = "api-keys",
    params(("id" = String, Path, description = "The key.")),
    responses((status = 200, description = "The key.", body = ApiKeyView))
)]
async fn one(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<ApiKeyView>, Problem> {
    caller.must(Role::Admin, &shared, "api-key.read", "api-keys").await?;
    query.finish()?;
    Ok(Json(ApiKeyView::from(find(&shared, &id).await?)))
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// What people call it: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    name: String,
    /// What it may be used for.
    #[schema(value_type = RoleWord)]
    role: String,
}

/// Makes a key for a program.
///
/// Its text is in this answer and nowhere else, but for a repetition under the same `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/v1/api-keys", tag = "api-keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Your name for this creation; it happens once.")),
    request_body = NewKey,
    responses((status = 201, description = "The key, with its text.", body = CreatedKey))
)]
async fn create(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    query: Query,
    creation: Creation<NewKey>,
) -> Result<Response, Problem> {
    let (once, body) = (creation.once(&caller), creation.body);
    let shown: String = body.name.chars().take(64).collect();
    let subject = format!("api-key:{shown}");
    caller.must(Role::Admin, &shared, "api-key.create", &subject).await?;
    query.finish()?;
    if let Some(answer) = earlier(&shared, once.as_ref()).await? {
        return Ok(answer);
    }
    let name = ApiKeyName::parse(&body.name)
        .map_err(|error| invalid("name", &format!("Change `name`: {error}.")))?;
    let (text, digest) = new_api_key(&shared.edge.digester);
    let key = ApiKey {
        id: ApiKeyId::new(new_uuid(caller.now)),
        name,
        role: role(&body.role)?,
        created_at: caller.now,
        last_used_at: None,
        revoked_at: None,
    };
    let answer = |(): &()| {
        created(None, &CreatedKey { view: ApiKeyView::from(key.clone()), key: text.expose().to_owned() })
    };
    let (audit, keep) = (caller.audit("api-key.create", &subject), keep(once.as_ref(), &caller, &answer));
    let made = shared.edge.storage.add_api_key(&key, &digest, &audit, keep).await;
    answered(&shared, once.as_ref(), made, answer).await
}

/// Revokes a key for good, at once.
#[utoipa::path(
    post, path = "/api/v1/api-keys/{id}/revoke", tag = "api-keys",
    params(("id" = String, Path, description = "The key.")),
    responses((status = 200, description = "The key.", body = ApiKeyView))
)]
async fn revoke(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<ApiKeyView>, Problem> {
    let shown: String = id.chars().take(64).collect();
    caller.must(Role::Admin, &shared, "api-key.revoke", &format!("api-key:{shown}")).await?;
    query.finish()?;
    let key = find(&shared, &id).await?;
    let audit = caller.audit("api-key.revoke", &format!("api-key:{}", key.name));
    let revoked = shared.edge.storage.revoke_api_key(key.id, caller.now, &audit).await?;
    Ok(Json(ApiKeyView::from(revoked)))
}

async fn find(shared: &Shared, id: &str) -> Result<ApiKey, Problem> {
    let id = ApiKeyId::new(path_id(id)?);
    let found = shared.edge.storage.api_keys().await?.into_iter().find(|key| key.id == id);
    found.ok_or_else(|| Problem::not_found(&format!("There is no API key {id}.")))
}
