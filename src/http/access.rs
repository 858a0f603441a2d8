//! Who asks: a user with a session, or a program with an API key.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use axum::http::{HeaderMap, Method, StatusCode, header, request::Parts};
use cookie::{Cookie, SameSite};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::{
    Shared,
    client_address::{Peer, client_address},
    problem::Problem,
    track::bearer,
};
use crate::{
    clock::{new_uuid, random},
    domain::{
        access::Role,
        ids::{RequestId, UserName},
        password::{self, SALT_BYTES},
        secret::Secret,
        status::Actor,
        time::Timestamp,
        token::{TokenDigest, TokenDigester},
    },
    storage::{AuditRow, Author},
};

/// How many passwords are hashed at once; each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;

/// How many sign-ins an account, or an address, may try in a row before it has to wait.
const SIGN_INS_IN_A_ROW: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// How long until it may try one more.
pub(super) const SIGN_IN_INTERVAL: Duration = Duration::from_secs(20);

/// How many random bytes a session's secret has: 256 bits can't be guessed.
const SESSION_BYTES: usize = 32;

/// How old the noted last use of a session may be before it is written again, in milliseconds.
const LAST_SEEN_MILLIS: i64 = 60_000;

/// Somebody whose word is proved, and what they may do.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Who.
    pub(super) actor: Actor,
    /// What they may do.
    pub(super) role: Role,
    /// From which address.
    pub(super) address: IpAddr,
    /// By which request.
    pub(super) request: RequestId,
    /// When.
    pub(super) now: Timestamp,
    /// The secret of their session; none for a program.
    session: Option<Secret>,
}

/// What guards sign-in.
#[derive(Debug)]
pub(super) struct SignIns {
    accounts: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    hashes: Semaphore,
}

impl Default for SignIns {
    fn default() -> Self {
        let quota = Quota::with_period(SIGN_IN_INTERVAL).expect("the interval is above zero");
        let quota = quota.allow_burst(SIGN_INS_IN_A_ROW);
        Self {
            accounts: RateLimiter::keyed(quota),
            addresses: RateLimiter::keyed(quota),
            hashes: Semaphore::new(HASHES_AT_ONCE),
        }
    }
}

impl SignIns {
    /// Runs something that hashes a password, beside the tasks of all others.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = self.hashes.acquire().await;
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())
    }

    /// The hash of a password to be stored.
    pub(super) async fn hash(&self, password: Secret) -> Result<String, Problem> {
        self.hashing(move || password::hash(&password, random::<SALT_BYTES>())).await
    }

    fn admits(&self, name: &str, address: IpAddr) -> bool {
        self.accounts.retain_recent();
        self.addresses.retain_recent();
        let account = self.accounts.check_key(&name.to_owned()).is_ok();
        self.addresses.check_key(&address).is_ok() && account
    }
}

impl Caller {
    /// Whoever the request's API key or session proves; nobody without either.
    pub(super) async fn of(parts: &Parts, shared: &Shared) -> Result<Option<Self>, Problem> {
        let edge = &shared.edge;
        let now = edge.clock.now();
        let request = parts.extensions.get::<RequestId>().copied();
        let request = request.unwrap_or_else(|| RequestId::new(new_uuid(now)));
        let address = address_of(parts, shared);
        if let Some(key) = bearer(&parts.headers) {
            let found = edge.storage.api_key(&key_digest(&edge.digester, key), now).await?;
            return Ok(found.map(|key| Self {
                actor: Actor::ApiKey(key.name),
                role: key.role,
                address,
                request,
                now,
                session: None,
            }));
        }
        let Some(secret) = session_secret(&parts.headers, shared) else { return Ok(None) };
        let digest = session_digest(&edge.digester, &secret);
        let Some((user, seen)) = edge.storage.session(&digest, now).await? else { return Ok(None) };
        if seen.plus_millis(LAST_SEEN_MILLIS) < now {
            edge.storage.touch_session(&digest, now).await?;
        }
        let actor = Actor::User(user.name);
        Ok(Some(Self { actor, role: user.role, address, request, now, session: Some(secret) }))
    }

    /// Whether it is a program: its requests come from no form, so they need no proof against forged ones.
    pub(super) fn is_program(&self) -> bool {
        self.session.is_none()
    }

    /// The name to show: of the user, or of the key.
    pub(super) fn name(&self) -> String {
        match &self.actor {
            Actor::User(name) => name.to_string(),
            other => other.to_string(),
        }
    }

    /// The token that every form of this session carries.
    pub(super) fn csrf_token(&self, shared: &Shared) -> String {
        self.session.as_ref().map_or_else(String::new, |secret| csrf_token(&shared.edge.digester, secret))
    }

    /// Makes sure that a form was sent by a page of ours, by its token and the browser's word on where it came from.
    pub(super) fn check_form(
        &self,
        token: &str,
        headers: &HeaderMap,
        shared: &Shared,
    ) -> Result<(), Problem> {
        let expected = self.csrf_token(shared);
        let same: bool = subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), token.as_bytes()).into();
        if same && !expected.is_empty() && is_same_origin(headers, shared) {
            return Ok(());
        }
        let detail = "This form is not from this session: load the page again and send it once more.";
        Err(Problem::new(StatusCode::FORBIDDEN, "stale_form", "Stale form", detail))
    }

    /// Makes sure that they may do this, and keeps the attempt in the audit log if not.
    pub(super) async fn must(
        &self,
        needed: Role,
        shared: &Shared,
        action: &str,
        subject: &str,
    ) -> Result<(), Problem> {
        if self.role.may(needed) {
            return Ok(());
        }
        let row = AuditRow { outcome: "forbidden".to_owned(), ..self.audit(action, subject) };
        shared.edge.storage.note_audit(&row).await?;
        let detail = format!("This takes the role {needed}, and {} has the role {}.", self.name(), self.role);
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Forbidden", &detail))
    }

    /// An entry of the audit log for something that they do.
    pub(super) fn audit(&self, action: &str, subject: &str) -> AuditRow {
        self.author().entry(action, subject)
    }

    /// They, as who changes settings.
    pub(super) fn author(&self) -> Author {
        Author {
            actor: self.actor.clone(),
            address: self.address.to_string(),
            request: self.request,
            at: self.now,
            fresh_id: new_uuid,
            nonce: random,
        }
    }

    /// Makes sure that it is themselves who ask, by their password.
    pub(super) async fn check_password(
        &self,
        shared: &Shared,
        name: &UserName,
        password: Secret,
    ) -> Result<(), Problem> {
        if !shared.sign_ins.admits(name.as_str(), self.address) {
            return Err(too_many_sign_ins());
        }
        let account = shared.edge.storage.account(name).await?;
        let hashed = account.map(|account| account.password);
        let hash = move || password::matches(&password, hashed.as_deref());
        if shared.sign_ins.hashing(hash).await? {
            return Ok(());
        }
        let detail = "This is not your present password.";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "Wrong password", detail))
    }

    /// Ends this session, or every one of the user's.
    pub(super) async fn sign_out(&self, everywhere: bool, shared: &Shared) -> Result<(), Problem> {
        let Some(secret) = &self.session else { return Ok(()) };
        let digest = session_digest(&shared.edge.digester, secret);
        Ok(shared.edge.storage.end_session(&digest, everywhere).await?)
    }
}

/// Signs somebody in, and gives the cookie of the new session. A wrong password and an account that is not there are
/// answered with the same words in the same time.
pub(super) async fn sign_in(
    shared: &Shared,
    parts: &Parts,
    name: &str,
    password: Secret,
) -> Result<String, Problem> {
    let (edge, address) = (&shared.edge, address_of(parts, shared));
    if !is_same_origin(&parts.headers, shared) {
        let detail = "Sign in on the page of this server itself.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", "Foreign origin", detail));
    }
    if !shared.sign_ins.admits(name, address) {
        return Err(too_many_sign_ins());
    }
    let account = match UserName::parse(name) {
        Ok(name) => edge.storage.account(&name).await?,
        Err(_) => None,
    };
    let account = account.filter(|account| account.user.disabled_at.is_none());
    let hashed = account.as_ref().map(|account| account.password.clone());
    let right = shared.sign_ins.hashing(move || password::matches(&password, hashed.as_deref())).await?;
    let now = edge.clock.now();
    match account {
        Some(account) if right => {
            let secret = Secret::new(hex::encode(random::<SESSION_BYTES>()));
            let digest = session_digest(&edge.digester, &secret);
            edge.storage.begin_session(&digest, &account.user.name, &address.to_string(), now).await?;
            Ok(session_cookie(shared, secret.expose().to_owned(), None))
        }
        _ => {
            let detail = "This name and password do not belong together. Check both.";
            Err(Problem::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "Wrong name or password", detail))
        }
    }
}

fn too_many_sign_ins() -> Problem {
    let detail = "Too many sign-ins were tried. Wait a minute, and try again.";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many sign-ins", detail)
}

/// The cookie that makes a browser forget its session.
pub(super) fn forgotten_session(shared: &Shared) -> String {
    session_cookie(shared, String::new(), Some(cookie::time::Duration::ZERO))
}

fn session_cookie(shared: &Shared, value: String, max_age: Option<cookie::time::Duration>) -> String {
    let mut cookie = Cookie::build((cookie_name(shared), value))
        .http_only(true)
        .same_site(SameSite::Lax)
        .path("/")
        .secure(shared.edge.is_https())
        .build();
    cookie.set_max_age(max_age);
    cookie.to_string()
}

/// The prefix binds the cookie to this host, and browsers take it over https only.
fn cookie_name(shared: &Shared) -> &'static str {
    if shared.edge.is_https() { "__Host-countersign" } else { "countersign" }
}

fn session_secret(headers: &HeaderMap, shared: &Shared) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let own = cookies.find(|cookie| cookie.name() == cookie_name(shared))?;
    Some(Secret::new(own.value()))
}

/// The purposes of a secret are told apart, so that none can stand in for another.
fn session_digest(digester: &TokenDigester, secret: &Secret) -> TokenDigest {
    digester.digest(&format!("session:{}", secret.expose()))
}

fn csrf_token(digester: &TokenDigester, secret: &Secret) -> String {
    hex::encode(digester.digest(&format!("form:{}", secret.expose())).as_bytes())
}

/// By what an API key is recognised.
pub(super) fn key_digest(digester: &TokenDigester, key: &str) -> TokenDigest {
    digester.digest(&format!("api-key:{key}"))
}

/// Whether a browser says that a request comes from a page of this server. Programs say nothing.
pub(super) fn is_same_origin(headers: &HeaderMap, shared: &Shared) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    let public = shared.edge.public_url.split_once("://").map(|(_, authority)| authority);
    text(header::HOST) == Some(authority) || public == Some(authority)
}

pub(super) fn address_of(parts: &Parts, shared: &Shared) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().copied();
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| {
        client_address(peer, &parts.headers, &shared.edge.trusted_proxies)
    })
}

/// Whether a request of this method changes nothing.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
