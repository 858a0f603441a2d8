//! Who visits the desk, and what they send.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts},
    http::{HeaderMap, Request, header, request::Parts},
    response::{IntoResponse, Response},
};
use cookie::Cookie;
use url::form_urlencoded;

use super::go_to;
use crate::{
    domain::{access::Role, params::Params},
    http::{
        Shared,
        access::{Caller, is_safe},
        problem::Problem,
        query::Parameters,
        track::collect,
        ui::{
            layout::{Csrf, Page, Section, Viewer},
            view::Zone,
        },
    },
};

/// The cookie by which a browser tells its time zone. It is no secret and proves nothing.
const ZONE_COOKIE: &str = "zone";

/// A signed-in user at the desk.
#[derive(Debug)]
pub(super) struct Visit {
    /// Who.
    pub(super) caller: Caller,
    /// What the handlers share.
    pub(super) shared: Arc<Shared>,
    /// The zone that they read times in.
    pub(super) zone: Zone,
}

impl Visit {
    /// A page for them.
    pub(super) fn page(&self, title: impl Into<String>, section: Section) -> Page {
        let viewer = Viewer { name: self.caller.name(), role: self.caller.role.as_str() };
        Page::inside(title, section, viewer, Csrf(self.caller.csrf_token(&self.shared)), self.zone)
    }

    /// Whether they may do what takes this role.
    pub(super) fn may(&self, role: Role) -> bool {
        self.caller.role.may(role)
    }
}

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Turned {
    /// Nobody is signed in: they come back to this address afterwards.
    ToSignIn(String),
    /// Something else is wrong.
    Away(Problem),
}

impl From<Problem> for Turned {
    fn from(problem: Problem) -> Self {
        Self::Away(problem)
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        match self {
            Self::Away(problem) => problem.into_response(),
            Self::ToSignIn(next) if next == "/" => go_to("/sign-in"),
            Self::ToSignIn(next) => {
                let query =
                    form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
                go_to(&format!("/sign-in?{query}"))
            }
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Visit {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Turned> {
        match Caller::of(parts, shared).await? {
            Some(caller) if !caller.is_program() => {
                Ok(Self { caller, shared: Arc::clone(shared), zone: zone_of(&parts.headers) })
            }
            _ => {
                let asked = parts.uri.path_and_query().map_or("/", |address| address.as_str());
                // What was sent is lost, so they begin at the front.
                Err(Turned::ToSignIn(if is_safe(&parts.method) { asked.to_owned() } else { "/".to_owned() }))
            }
        }
    }
}

/// The zone of a browser that has told it.
pub(super) fn zone_of(headers: &HeaderMap) -> Zone {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let told = cookies.find(|cookie| cookie.name() == ZONE_COOKIE);
    told.map_or_else(Zone::default, |cookie| Zone::named(cookie.value()))
}

/// The fields of a form, or the parameters of an address.
#[derive(Debug, Default)]
pub(super) struct Fields(Params);

impl Fields {
    /// Reads `name=value` pairs.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::default();
        parameters.read_pairs(text);
        match &parameters.fault {
            Some(fault) => Err(Problem::from(fault)),
            None => Ok(Self(parameters.params)),
        }
    }

    /// Reads the body of a form.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let body = collect(headers, body).await?;
        let text = std::str::from_utf8(&body).map_err(|_| {
            Problem::bad_request("malformed_body", "Malformed body", "Send the form from its page.")
        })?;
        Self::parse(text)
    }

    /// The first value of a field; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// All values of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(its, _)| *its == name).map(|(_, value)| value)
    }

    /// Every field that was filled in.
    pub(super) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(_, value)| !value.is_empty())
    }

    /// Where to go on: an address of ours that a field holds, or else the front.
    pub(super) fn address(&self, name: &str) -> &str {
        let address = self.get(name);
        if is_own(address) { address } else { "/" }
    }
}

/// Whether an address leads to this server, whatever a browser makes of it.
fn is_own(address: &str) -> bool {
    let mut bytes = address.bytes();
    let is_path = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    is_path && address.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A form that a signed-in user has sent from a page of ours.
#[derive(Debug)]
pub(super) struct Posted {
    /// Who.
    pub(super) visit: Visit,
    /// What.
    pub(super) fields: Fields,
}

impl FromRequest<Arc<Shared>> for Posted {
    type Rejection = Turned;

    async fn from_request(request: Request<Body>, shared: &Arc<Shared>) -> Result<Self, Turned> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, shared).await?;
        let fields = Fields::read(&parts.headers, body).await?;
        visit.caller.check_form(fields.get("csrf"), &parts.headers, shared)?;
        Ok(Self { visit, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_to_addresses_of_this_server_only() {
        for own in ["/", "/?merchant=acme", "/conversions/1#x"] {
            assert!(is_own(own), "{own}");
        }
        for foreign in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil", "/a b", "x"]
        {
            assert!(!is_own(foreign), "{foreign:?}");
        }
    }
}
