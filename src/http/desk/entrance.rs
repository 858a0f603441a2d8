//! Signing in and out, the first admin, and one's own account.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Request, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::{
    go_to,
    visit::{Fields, Posted, Visit},
};
use crate::{
    clock::new_uuid,
    domain::{
        access::{Role, User, password_objection},
        ids::{RequestId, UserName},
        secret::Secret,
        status::Actor,
    },
    http::{
        Shared,
        access::{self, Caller, forgotten_session},
        problem::Problem,
        ui::{
            form::Form,
            html,
            layout::{Flash, Page, Section},
            listing::Act,
            settings::{Values, forms},
            sheet::{Part, Sheet},
            sign_in::{SetUp, SignIn},
        },
    },
    storage::{AuditRow, UserChange},
};

/// Where a form of the front door is read by whoever is not signed in.
struct AtTheDoor {
    parts: Parts,
    fields: Fields,
}

impl AtTheDoor {
    async fn read(request: Request<Body>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let fields = Fields::read(&parts.headers, body).await?;
        Ok(Self { parts, fields })
    }
}

/// `GET /sign-in`
pub(super) async fn sign_in_page(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let fields = Fields::parse(parts.uri.query().unwrap_or_default())?;
    if Caller::of(&parts, &shared).await?.is_some_and(|caller| !caller.is_program()) {
        return Ok(go_to(fields.address("next")));
    }
    let nobody = shared.edge.setup_key.is_some() && !shared.edge.storage.has_users().await?;
    let told = if nobody {
        "nobody has an account yet. The server has printed an address that creates the first one when it started"
    } else {
        ""
    };
    Ok(html(StatusCode::OK, &SignIn::new(Page::outside("Sign in"), "", told, fields.address("next"))))
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let AtTheDoor { parts, fields } = AtTheDoor::read(request).await?;
    let (name, next) = (fields.get("name").trim(), fields.address("next"));
    match access::sign_in(&shared, &parts, name, Secret::new(fields.get("password"))).await {
        Ok(cookie) => with_cookie(go_to(next), &cookie),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let page = SignIn::new(Page::outside("Sign in"), name, &problem.detail, next);
            let mut response = html(problem.status, &page);
            if problem.status == StatusCode::TOO_MANY_REQUESTS {
                let seconds = HeaderValue::from(access::SIGN_IN_INTERVAL.as_secs());
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            Ok(response)
        }
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    visit.caller.sign_out(!fields.get("everywhere").is_empty(), &visit.shared).await?;
    with_cookie(go_to("/sign-in"), &forgotten_session(&visit.shared))
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, Problem> {
    let cookie = HeaderValue::from_str(cookie).map_err(|_| Problem::internal())?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Whether this key was printed by the server for whoever runs it, and nobody has an account yet.
async fn opens(shared: &Shared, key: &str) -> Result<bool, Problem> {
    let Some(expected) = &shared.edge.setup_key else { return Ok(false) };
    let is_right: bool = expected.expose().as_bytes().ct_eq(key.as_bytes()).into();
    Ok(is_right && !shared.edge.storage.has_users().await?)
}

fn no_set_up() -> Problem {
    Problem::not_found(
        "This address has created the first admin, or is not the one that the server printed when it last started.",
    )
}

/// `GET /setup`
pub(super) async fn set_up_page(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Problem> {
    let fields = Fields::parse(uri.query().unwrap_or_default())?;
    let key = fields.get("key");
    if !opens(&shared, key).await? {
        return Err(no_set_up());
    }
    Ok(html(StatusCode::OK, &SetUp::new(Page::outside("First set-up"), key, "", ["", ""])))
}

/// `POST /setup`
pub(super) async fn set_up(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let AtTheDoor { parts, fields } = AtTheDoor::read(request).await?;
    let (key, name) = (fields.get("key"), fields.get("name").trim());
    if !opens(&shared, key).await? {
        return Err(no_set_up());
    }
    let user = UserName::parse(name);
    let wrong_name = user.as_ref().err().map(|error| format!("{error}.")).unwrap_or_default();
    let wrong_password = objection(&fields);
    let Ok(user) = user else {
        return Ok(refused_set_up(key, name, [&wrong_name, &wrong_password]));
    };
    if !wrong_password.is_empty() {
        return Ok(refused_set_up(key, name, ["", &wrong_password]));
    }
    let password = Secret::new(fields.get("password"));
    let hashed = shared.sign_ins.hash(password.clone()).await?;
    let now = shared.edge.clock.now();
    let user =
        User { name: user, role: Role::Admin, created_at: now, last_sign_in_at: None, disabled_at: None };
    let audit = AuditRow {
        id: RequestId::new(new_uuid(now)),
        at: now,
        actor: Actor::Operator.to_string(),
        address: access::address_of(&parts, &shared).to_string(),
        action: "user.add".to_owned(),
        subject: format!("user:{}", user.name),
        outcome: "done".to_owned(),
        before: None,
        after: None,
    };
    shared.edge.storage.add_user(&user, hashed, true, &audit, None).await?;
    let cookie = access::sign_in(&shared, &parts, user.name.as_str(), password).await?;
    with_cookie(go_to("/"), &cookie)
}

fn refused_set_up(key: &str, name: &str, errors: [&str; 2]) -> Response {
    html(StatusCode::BAD_REQUEST, &SetUp::new(Page::outside("First set-up"), key, name, errors))
}

/// What is wrong with a new password that was given twice, as a sentence; empty for nothing.
pub(super) fn objection(fields: &Fields) -> String {
    let password = fields.get("password");
    match password_objection(password) {
        Some(objection) => format!("The password {objection}."),
        None if password != fields.get("again") => "The two passwords differ.".to_owned(),
        None => String::new(),
    }
}

fn account_page(visit: &Visit, values: &Values, flash: Option<Flash>) -> Sheet {
    let page = Page { section: None, flash, ..visit.page("Your account", Section::Settings) };
    let password: Form = forms::new_password(&page, "/account/password", values, true);
    let everywhere = Act::new(&page, "/sign-out", "Sign out everywhere").field("everywhere", "1");
    Sheet::new(page)
        .intro(format!("{}, with the role {}.", visit.caller.name(), visit.caller.role))
        .part(Part::Form("Change your password".to_owned(), password))
        .part(Part::Acts("Sessions".to_owned(), vec![everywhere]))
}

/// `GET /account`
pub(super) async fn account(visit: Visit) -> Response {
    html(StatusCode::OK, &account_page(&visit, &Values::default(), None))
}

/// `POST /account/password`: ends every session, this one too.
pub(super) async fn change_password(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Actor::User(name) = &visit.caller.actor else { return Err(Problem::internal()) };
    let wrong = objection(&fields);
    if !wrong.is_empty() {
        let page = account_page(&visit, &Values::default().wrong("password", wrong), None);
        return Ok(html(StatusCode::BAD_REQUEST, &page));
    }
    let current = Secret::new(fields.get("current"));
    if let Err(problem) = visit.caller.check_password(&visit.shared, name, current).await {
        if problem.status.is_server_error() {
            return Err(problem);
        }
        let page = account_page(&visit, &Values::default().wrong("current", &*problem.detail), None);
        return Ok(html(problem.status, &page));
    }
    let hashed = visit.shared.sign_ins.hash(Secret::new(fields.get("password"))).await?;
    let audit = visit.caller.audit("user.password", &format!("user:{name}"));
    visit.shared.edge.storage.change_user(name, UserChange::Password(hashed), &audit).await?;
    with_cookie(go_to("/sign-in"), &forgotten_session(&visit.shared)).map(IntoResponse::into_response)
}
