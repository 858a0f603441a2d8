//! Queries and bodies of the API, read strictly: a name that means nothing here is refused, because a filter that is
//! misspelt and ignored would answer another question than the one that was asked.

use std::{collections::BTreeSet, fmt::Display, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts},
    http::{Request, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{PAGE_ITEMS, PAGE_ITEMS_MAX};
use crate::{
    domain::{params::Params, time::Timestamp},
    http::{Shared, problem::Problem, query::Parameters, track::collect},
};

/// The parameters of an address.
#[derive(Debug)]
pub(in crate::http) struct Query {
    params: Params,
    unread: BTreeSet<String>,
}

impl FromRequestParts<Arc<Shared>> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Query {
    /// Reads `name=value` pairs.
    pub(in crate::http) fn parse(text: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::default();
        parameters.read_pairs(text);
        parameters.check_repeated();
        if let Some(fault) = &parameters.fault {
            return Err(Problem::from(fault));
        }
        Ok(Self::of(parameters.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()))))
    }

    /// Of names and values that have been read already, each name once.
    pub(in crate::http) fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let params: Params = pairs.into_iter().collect();
        let unread = params.iter().map(|(name, _)| name.to_owned()).collect();
        Self { params, unread }
    }

    /// Whether something is wanted: `1` or `0`, in words too.
    pub(in crate::http) fn truth(&mut self, name: &str) -> Result<bool, Problem> {
        let truth = |word: &str| match word {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
        Ok(self.word(name, "1, 0, true, false", truth)?.unwrap_or(false))
    }

    /// A parameter that was given.
    pub(in crate::http) fn text(&mut self, name: &str) -> Option<&str> {
        self.unread.remove(name);
        self.params.given(name)
    }

    /// A parameter that was given, as what it stands for.
    pub(in crate::http) fn parsed<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.text(name).map(parse).transpose();
        parsed.map_err(|error| invalid(name, &format!("Change `{name}`: {error}.")))
    }

    /// One of some words.
    pub(in crate::http) fn word<T>(
        &mut self,
        name: &str,
        words: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.parsed(name, |text| parse(text).ok_or_else(|| format!("`{text}` is none of {words}")))
    }

    /// A point in time.
    pub(in crate::http) fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let expected = "a time such as 2026-11-20T10:00:00Z, or Unix seconds";
        self.parsed(name, |text| Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not {expected}")))
    }

    /// How many items a page shall have.
    pub(in crate::http) fn limit(&mut self) -> Result<u32, Problem> {
        let limit = self.parsed("limit", |text| {
            let number = text.parse().ok().filter(|number| (1..=PAGE_ITEMS_MAX).contains(number));
            number.ok_or_else(|| format!("`{text}` is not a whole number from 1 to {PAGE_ITEMS_MAX}"))
        })?;
        Ok(limit.unwrap_or(PAGE_ITEMS))
    }

    /// After which item the page begins.
    pub(in crate::http) fn cursor(&mut self) -> Result<Option<Uuid>, Problem> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        let id = Uuid::try_parse(text).ok().filter(|id| id.simple().to_string() == text);
        id.map(Some).ok_or_else(invalid_cursor)
    }

    /// A period from one time to a later one, as far as it is given.
    pub(in crate::http) fn period(
        &mut self,
        from: &str,
        to: &str,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
        match (self.time(from)?, self.time(to)?) {
            (Some(begin), Some(end)) if begin >= end => {
                Err(invalid(to, &format!("Send a `{to}` that is later than `{from}`.")))
            }
            period => Ok(period),
        }
    }

    /// After which item the page of things with ids of their own begins.
    pub(in crate::http) fn text_cursor(&mut self) -> Result<Option<String>, Problem> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        let fits = text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'));
        if fits { Ok(Some(text.to_owned())) } else { Err(invalid_cursor()) }
    }

    /// Refuses what nobody has asked for; to be called when everything is read.
    pub(in crate::http) fn finish(self) -> Result<(), Problem> {
        match self.unread.first() {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(60).collect();
                let detail = format!("Leave out `{name}`: it means nothing here.");
                Err(Problem::bad_request("unknown_parameter", "Unknown parameter", &detail).of(name))
            }
        }
    }
}

/// A cursor that no list has given.
pub(super) fn invalid_cursor() -> Problem {
    let detail = "Send `cursor` exactly as `next_cursor` gave it, or leave it out to begin anew.";
    Problem::bad_request("invalid_cursor", "Invalid cursor", detail).of("cursor")
}

/// A parameter that does not parse.
pub(in crate::http) fn invalid(name: &str, detail: &str) -> Problem {
    Problem::bad_request("invalid_parameter", "Invalid parameter", detail).of(name)
}

/// The id in a path.
pub(in crate::http) fn path_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| {
        let shown: String = text.chars().take(60).collect();
        Problem::not_found(&format!("`{shown}` is not an id of this kind: send one that a list has given."))
    })
}

/// Whether a text within JSON has a NUL character, which not every database can store.
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[at + 1..];
        if rest.starts_with(b"u0000") {
            return true;
        }
        // What is escaped begins no escape itself.
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// A body of JSON, unread.
#[derive(Debug)]
pub(super) struct RawBody(pub(super) Bytes);

impl FromRequest<Arc<Shared>> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &Arc<Shared>) -> Result<Self, Problem> {
        let (_, body) = json_body(request).await?;
        Ok(Self(body))
    }
}

/// A body that is one JSON object.
#[derive(Debug)]
pub(super) struct Read<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Read<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &Arc<Shared>) -> Result<Self, Problem> {
        let (_, body) = json_body(request).await?;
        parsed(&body).map(Self)
    }
}

/// The head and the bytes of a request whose body shall be JSON.
pub(super) async fn json_body(request: Request<Body>) -> Result<(Parts, Bytes), Problem> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let detail = "Send a JSON object with `Content-Type: application/json`.";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "unsupported_media_type", "Unsupported media type", detail));
    }
    let body = collect(&head.headers, body).await?;
    Ok((head, body))
}

/// What a JSON body holds.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let malformed = |what: String| {
        Problem::bad_request("malformed_body", "Malformed body", &format!("Change the body: {what}."))
    };
    if has_nul(body) {
        return Err(malformed("a text in it holds a NUL, which no database keeps".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::has_nul;

    #[test]
    fn an_escaped_nul_is_told_from_an_escaped_backslash() {
        assert!(has_nul(br#"{"a": "x\u0000"}"#));
        assert!(has_nul(br#"{"a": "\\\u0000"}"#));
        assert!(!has_nul(br#"{"a": "\\u0000"}"#));
        assert!(!has_nul(br#"{"a": "u0000"}"#));
    }
}
