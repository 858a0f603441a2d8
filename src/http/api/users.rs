//! `/api/v1/users`: who may sign in, for admins.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Json, Page,
    creation::{Creation, answered, created, earlier, keep},
    json,
    reading::{Query, Read, invalid},
    settings::{if_match, with_version},
};
use crate::{
    domain::{
        access::{Role, User, password_objection},
        ids::UserName,
        secret::Secret,
    },
    http::{Shared, access::Caller, problem::Problem},
    storage::UserChange,
};

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, change))
}

/// The words for a role.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes what `Role` reads and writes")]
pub(super) enum RoleWord {
    Viewer,
    Manager,
    Admin,
}

/// Somebody who may sign in.
#[derive(Serialize, ToSchema)]
struct UserView {
    /// The name to sign in with.
    name: String,
    /// What they may do.
    #[schema(value_type = RoleWord)]
    role: &'static str,
    /// Whether they may no longer sign in.
    disabled: bool,
    /// Since when they are there.
    #[schema(format = DateTime)]
    created_at: String,
    /// When they last signed in.
    #[schema(format = DateTime)]
    last_sign_in_at: Option<String>,
    /// Since when they may no longer.
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name.to_string(),
            role: user.role.as_str(),
            disabled: user.disabled_at.is_some(),
            created_at: user.created_at.to_string(),
            last_sign_in_at: user.last_sign_in_at.map(|at| at.to_string()),
            disabled_at: user.disabled_at.map(|at| at.to_string()),
        }
    }
}

/// Every user, by name.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many; 50 by default."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of users.", body = Page<UserView>))
)]
async fn list(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<Page<UserView>>, Problem> {
    caller.must(Role::Admin, &shared, "user.read", "users").await?;
    let (limit, cursor) = (query.limit()?, query.text_cursor()?);
    query.finish()?;
    let mut users = shared.edge.storage.users().await?;
    users.sort_by(|one, other| one.name.cmp(&other.name));
    users.retain(|user| cursor.as_deref().is_none_or(|cursor| user.name.as_str() > cursor));
    Ok(Json(Page::of(users, limit, |user| user.name.to_string(), UserView::from)))
}

/// A user to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// The name to sign in with: 1 to 64 of `a-z 0-9 . _ @ -`.
    name: String,
    /// What they may do.
    #[schema(value_type = RoleWord)]
    role: String,
    /// Their first password: 10 characters at least.
    #[schema(write_only)]
    password: String,
}

/// Adds a user.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users",
    params(("Idempotency-Key" = Option<String>, Header, description = "Your name for this creation; it happens once.")),
    request_body = NewUser,
    responses((
        status = 201, description = "The user is there now.", body = UserView,
        headers(("ETag" = String, description = "Its version."))
    ))
)]
async fn create(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    query: Query,
    creation: Creation<NewUser>,
) -> Result<Response, Problem> {
    let once = creation.once(&caller);
    let body = creation.body;
    let shown: String = body.name.chars().take(64).collect();
    let subject = format!("user:{shown}");
    caller.must(Role::Admin, &shared, "user.add", &subject).await?;
    query.finish()?;
    if let Some(answer) = earlier(&shared, once.as_ref()).await? {
        return Ok(answer);
    }
    let name =
        UserName::parse(&body.name).map_err(|error| invalid("name", &format!("Change `name`: {error}.")))?;
    let role = role(&body.role)?;
    let hash = shared.sign_ins.hash(password(body.password)?).await?;
    let created_at = caller.now;
    let user = User { name, role, created_at, last_sign_in_at: None, disabled_at: None };
    let answer = |version: &String| created(Some(version), &UserView::from(user.clone()));
    let (audit, keep) = (caller.audit("user.add", &subject), keep(once.as_ref(), &caller, &answer));
    let made = shared.edge.storage.add_user(&user, hash, false, &audit, keep).await;
    answered(&shared, once.as_ref(), made, answer).await
}

/// One user.
#[utoipa::path(
    get, path = "/api/v1/users/{name}", tag = "users",
    params(("name" = String, Path, description = "The user.")),
    responses((
        status = 200, description = "The user.", body = UserView,
        headers(("ETag" = String, description = "Its version."))
    ))
)]
async fn one(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    caller.must(Role::Admin, &shared, "user.read", "users").await?;
    query.finish()?;
    answer(&shared, StatusCode::OK, &path_name(&name)?).await
}

/// A user as they shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserBody {
    /// What they may do.
    #[schema(value_type = RoleWord)]
    role: String,
    /// Whether they may no longer sign in.
    #[serde(default)]
    disabled: bool,
    /// Another password; without it the one that is there stays.
    #[schema(write_only)]
    password: Option<String>,
}

/// Changes a user.
///
/// Another password, or being disabled, ends their sessions. The last admin stays one.
#[utoipa::path(
    put, path = "/api/v1/users/{name}", tag = "users",
    params(
        ("name" = String, Path, description = "The user."),
        ("If-Match" = Option<String>, Header, description = "Its `ETag` when you read it."),
    ),
    request_body = UserBody,
    responses((
        status = 200, description = "The user from now on.", body = UserView,
        headers(("ETag" = String, description = "Its version."))
    ))
)]
async fn change(
    caller: Caller,
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Query,
    headers: HeaderMap,
    Read(body): Read<UserBody>,
) -> Result<Response, Problem> {
    let shown: String = name.chars().take(64).collect();
    let subject = format!("user:{shown}");
    caller.must(Role::Admin, &shared, "user.change", &subject).await?;
    query.finish()?;
    let name = path_name(&name)?;
    let (user, stored) = stored(&shared, &name).await?;
    let version = if_match(&headers, &stored)?;
    let mut changes = vec![UserChange::Role(role(&body.role)?)];
    if body.disabled != user.disabled_at.is_some() {
        changes.push(UserChange::Disabled(body.disabled.then_some(caller.now)));
    }
    if let Some(text) = body.password {
        changes.push(UserChange::Password(shared.sign_ins.hash(password(text)?).await?));
    }
    let audit = caller.audit("user.change", &subject);
    shared.edge.storage.change_user_as_seen(&name, changes, &version, &audit).await?;
    answer(&shared, StatusCode::OK, &name).await
}

async fn stored(shared: &Shared, name: &UserName) -> Result<(User, String), Problem> {
    let found = shared.edge.storage.user_with_version(name).await?;
    found.ok_or_else(|| Problem::not_found(&format!("There is no user {name}.")))
}

async fn answer(shared: &Shared, status: StatusCode, name: &UserName) -> Result<Response, Problem> {
    let (user, version) = stored(shared, name).await?;
    Ok(with_version(json(status, &UserView::from(user)).into_response(), &version))
}

fn path_name(text: &str) -> Result<UserName, Problem> {
    UserName::parse(text).map_err(|error| Problem::not_found(&format!("There is no such user: {error}.")))
}

/// A role that was named.
pub(super) fn role(word: &str) -> Result<Role, Problem> {
    Role::parse(word).ok_or_else(|| invalid("role", "Send one of viewer, manager, admin as `role`."))
}

fn password(text: String) -> Result<Secret, Problem> {
    match password_objection(&text) {
        Some(objection) => Err(invalid("password", &format!("Change `password`: it {objection}."))),
        None => Ok(Secret::new(text)),
    }
}
