//! `/settings/users`: who may sign in, for admins.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};

use super::{page, saved_at};
use crate::{
    domain::{
        access::{Role, User, password_objection},
        ids::UserName,
        secret::Secret,
        status::Actor,
    },
    http::{
        Shared,
        api::Query,
        desk::{
            entrance::objection,
            go_to,
            visit::{Fields, Posted, Visit},
        },
        problem::Problem,
        ui::{
            html,
            layout::{Page, Section},
            listing::{Act, Cell, Facts},
            settings::{Values, forms, lists, sheet},
            sheet::{Part, Sheet},
            view::{Badge, Moment, Tone},
        },
    },
    storage::{StorageError, UserChange},
};

const ALL: &str = "/settings/users";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(add))
        .route("/settings/users/new", get(fresh))
        .route("/settings/users/{name}", get(one).post(change))
        .route("/settings/users/{name}/password", post(renew).get(back))
        .route("/settings/users/{name}/disable", post(disable).get(back))
        .route("/settings/users/{name}/enable", post(enable).get(back))
}

/// What the forms of a user's page hold.
#[derive(Default)]
struct Sent {
    role: Values,
    password: Values,
}

async fn back(Path(name): Path<String>) -> Response {
    UserName::parse(&name).map_or_else(|_| go_to(ALL), |name| go_to(&address(&name)))
}

fn address(name: &UserName) -> String {
    format!("{ALL}/{name}")
}

async fn must_read(visit: &Visit) -> Result<(), Problem> {
    visit.caller.must(Role::Admin, &visit.shared, "user.read", "users").await
}

/// The user of an address, whom the visitor may change.
async fn managed(visit: &Visit, action: &str, name: &str) -> Result<UserName, Problem> {
    let shown: String = name.chars().take(64).collect();
    visit.caller.must(Role::Admin, &visit.shared, action, &format!("user:{shown}")).await?;
    known_name(name)
}

fn known_name(name: &str) -> Result<UserName, Problem> {
    UserName::parse(name).map_err(|error| Problem::not_found(&format!("There is no such user: {error}.")))
}

async fn stored(visit: &Visit, name: &UserName) -> Result<(User, String), Problem> {
    let found = visit.shared.edge.storage.user_with_version(name).await?;
    found.ok_or_else(|| Problem::not_found(&format!("There is no user {name}.")))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    must_read(&visit).await?;
    query.finish()?;
    let moment = |at| Moment::new(at, visit.zone);
    let item = |user: User| lists::UserItem {
        name: user.name.to_string(),
        role: user.role.to_string(),
        signed_in: user.last_sign_in_at.map(moment),
        disabled: user.disabled_at.map(moment),
    };
    let users = visit.shared.edge.storage.users().await?;
    let sheet = lists::users(visit.page("Users", Section::Settings), users.into_iter().map(item).collect());
    Ok(html(StatusCode::OK, &sheet))
}

async fn fresh(visit: Visit, query: Query) -> Result<Response, Problem> {
    must_read(&visit).await?;
    query.finish()?;
    Ok(html(StatusCode::OK, &fresh_sheet(&visit, &Values::default().with("role", "manager"))))
}

fn fresh_sheet(visit: &Visit, values: &Values) -> Sheet {
    let page = visit.page("New user", Section::Settings);
    let form = forms::user(&page, ALL, values, true);
    sheet(page, "Users").below(ALL, "Users").part(Part::Form(String::new(), form))
}

async fn add(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let (name, role) = (fields.get("name").trim(), Role::parse(fields.get("role")));
    let shown: String = name.chars().take(64).collect();
    let subject = format!("user:{shown}");
    visit.caller.must(Role::Admin, &visit.shared, "user.add", &subject).await?;
    let values = Values::default().with("name", name).with("role", fields.get("role"));
    let (name, password) = (UserName::parse(name), fields.get("password"));
    let (Ok(name), Some(role), None) = (&name, role, password_objection(password)) else {
        return Ok(html(StatusCode::BAD_REQUEST, &fresh_sheet(&visit, &wrong_user(values, &fields))));
    };
    let hash = visit.shared.sign_ins.hash(Secret::new(password)).await?;
    let created_at = visit.caller.now;
    let user = User { name: name.clone(), role, created_at, last_sign_in_at: None, disabled_at: None };
    let audit = visit.caller.audit("user.add", &subject);
    match visit.shared.edge.storage.add_user(&user, hash, false, &audit, None).await {
        Ok(_) => Ok(saved_at(&address(name))),
        Err(StorageError::Refused(_)) => {
            let values =
                values.wrong("name", format!("There is a user {name} already: choose another name."));
            Ok(html(StatusCode::CONFLICT, &fresh_sheet(&visit, &values)))
        }
        Err(error) => Err(error.into()),
    }
}

/// With all that is wrong with a user who shall be added.
fn wrong_user(mut values: Values, fields: &Fields) -> Values {
    if let Err(error) = UserName::parse(fields.get("name").trim()) {
        values = values.wrong("name", format!("{error}."));
    }
    if let Some(objection) = password_objection(fields.get("password")) {
        values = values.wrong("password", format!("The password {objection}."));
    }
    if Role::parse(fields.get("role")).is_none() {
        values = values.wrong("role", "Choose one of them.");
    }
    values
}

async fn one(visit: Visit, Path(name): Path<String>, mut query: Query) -> Result<Response, Problem> {
    must_read(&visit).await?;
    let name = known_name(&name)?;
    let page = page(&visit, name.to_string(), &mut query)?;
    query.finish()?;
    let (user, version) = stored(&visit, &name).await?;
    Ok(html(StatusCode::OK, &one_sheet(&visit, page, &user, &version, Sent::default())))
}

fn is_own(visit: &Visit, user: &UserName) -> bool {
    matches!(&visit.caller.actor, Actor::User(name) if name == user)
}

fn one_sheet(visit: &Visit, page: Page, user: &User, version: &str, sent: Sent) -> Sheet {
    let own = address(&user.name);
    let moment = |at| Cell::Moment(Moment::new(at, visit.zone));
    let facts = Facts::default()
        .fact("Added", moment(user.created_at))
        .fact("Last signed in", Cell::maybe(user.last_sign_in_at, moment))
        .known("Disabled since", Cell::maybe(user.disabled_at, moment));
    let role = Values::default().with("role", user.role.as_str()).over(sent.role).of_version(version);
    let role = forms::user(&page, &own, &role, false);
    let (badge, act) = if user.disabled_at.is_some() {
        let act = Act::new(&page, format!("{own}/enable"), "Let them sign in again");
        (Badge::new(Tone::Plain, "disabled"), act)
    } else {
        let question = format!("Disable {}? Their sessions end now, and they can't sign in.", user.name);
        (Badge::of("active"), Act::new(&page, format!("{own}/disable"), "Disable").confirm(question))
    };
    let password = if is_own(visit, &user.name) {
        let told = "You change your own under your name, at the top of the page.";
        Part::Text("Password".to_owned(), told.to_owned())
    } else {
        let form = forms::new_password(&page, &format!("{own}/password"), &sent.password, false);
        Part::Form("A new password".to_owned(), form)
    };
    Sheet { badge: Some(badge), ..sheet(page, "Users") }
        .below(ALL, "Users")
        .part(Part::Facts(String::new(), facts))
        .part(Part::Form("Role".to_owned(), role))
        .part(password)
        .part(Part::Acts("Access".to_owned(), vec![act.field("version", version)]))
}

/// A user's page again, with what was wrong.
async fn refused(visit: &Visit, name: &UserName, problem: Problem, role: &str) -> Result<Response, Problem> {
    if problem.status.is_server_error() {
        return Err(problem);
    }
    let (user, version) = stored(visit, name).await?;
    let values = Values::default().refused(problem.detail);
    let values = if role.is_empty() { values } else { values.with("role", role) };
    let sent = Sent { role: values, ..Sent::default() };
    let page = visit.page(name.to_string(), Section::Settings);
    Ok(html(problem.status, &one_sheet(visit, page, &user, &version, sent)))
}

async fn change(Path(name): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let name = managed(&visit, "user.role", &name).await?;
    stored(&visit, &name).await?;
    let Some(role) = Role::parse(fields.get("role")) else {
        let problem =
            Problem::bad_request("malformed_form", "Nothing was changed", "Choose one of the roles.");
        return refused(&visit, &name, problem, "").await;
    };
    let audit = visit.caller.audit("user.role", &format!("user:{name}"));
    let (storage, changes) = (&visit.shared.edge.storage, vec![UserChange::Role(role)]);
    match storage.change_user_as_seen(&name, changes, fields.get("version"), &audit).await {
        Ok(_) if is_own(&visit, &name) && role != Role::Admin => Ok(go_to("/")),
        Ok(_) => Ok(saved_at(&address(&name))),
        Err(error) => refused(&visit, &name, error.into(), role.as_str()).await,
    }
}

async fn renew(Path(name): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let name = managed(&visit, "user.password", &name).await?;
    let (user, version) = stored(&visit, &name).await?;
    if is_own(&visit, &name) {
        return Ok(go_to("/account"));
    }
    let wrong = objection(&fields);
    if !wrong.is_empty() {
        let sent = Sent { password: Values::default().wrong("password", wrong), ..Sent::default() };
        let page = visit.page(name.to_string(), Section::Settings);
        return Ok(html(StatusCode::BAD_REQUEST, &one_sheet(&visit, page, &user, &version, sent)));
    }
    let hash = visit.shared.sign_ins.hash(Secret::new(fields.get("password"))).await?;
    let audit = visit.caller.audit("user.password", &format!("user:{name}"));
    visit.shared.edge.storage.change_user(&name, UserChange::Password(hash), &audit).await?;
    Ok(saved_at(&address(&name)))
}

async fn disable(Path(name): Path<String>, posted: Posted) -> Result<Response, Problem> {
    let since = posted.visit.caller.now;
    switch(&name, posted, "user.disable", UserChange::Disabled(Some(since))).await
}

async fn enable(Path(name): Path<String>, posted: Posted) -> Result<Response, Problem> {
    switch(&name, posted, "user.enable", UserChange::Disabled(None)).await
}

async fn switch(name: &str, posted: Posted, action: &str, change: UserChange) -> Result<Response, Problem> {
    let Posted { visit, fields } = posted;
    let name = managed(&visit, action, name).await?;
    stored(&visit, &name).await?;
    let audit = visit.caller.audit(action, &format!("user:{name}"));
    let storage = &visit.shared.edge.storage;
    match storage.change_user_as_seen(&name, vec![change], fields.get("version"), &audit).await {
        Ok(_) => Ok(saved_at(&address(&name))),
        Err(error) => refused(&visit, &name, error.into(), "").await,
    }
}
