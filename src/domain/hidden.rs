//! Credentials that stand within templates: trackers take their tokens as fixed values of parameters and headers, and
//! in the URL. People are shown [`KEEP`] in their place, and whoever sends that back leaves them as they are.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::{Serializer, ser::SerializeMap};

use super::template::{TextTemplate, UrlTemplate};

/// What stands for a value that is not shown.
pub const KEEP: &str = "{keep}";

/// A value that shall stay as it is, but there is none: the name that it was given under.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no `{0}` to keep: write its value in place of {KEEP}")]
pub struct NothingToKeep(String);

/// Whether what stands under this name is likely to be a credential.
pub(super) fn sounds_secret(name: &str) -> bool {
    let name: Cow<'_, [u8]> = percent_decode_str(name).into();
    let is_at = |place: &[u8], word: &str| place.eq_ignore_ascii_case(word.as_bytes());
    let within = ["token", "secret", "password", "passwd", "auth", "cookie", "credential", "apikey"];
    let mut at_end = ["key", "pwd", "pass"].iter().filter(|word| word.len() <= name.len());
    within.iter().any(|word| name.windows(word.len()).any(|place| is_at(place, word)))
        || at_end.any(|word| is_at(&name[name.len() - word.len()..], word))
}

/// The fixed credentials within the query of a URL template, each with its name.
pub(super) fn fixed_in_query(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let (_, query, _) = split(url);
    query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, value)| is_fixed(name, value))
}

/// Whether a template's text is a credential by itself, and not one that a macro brings.
pub(super) fn is_fixed(name: &str, source: &str) -> bool {
    sounds_secret(name) && !source.is_empty() && !source.contains('{')
}

/// A URL template as it is shown.
pub(super) fn shown_url<S: Serializer>(url: &UrlTemplate, serializer: S) -> Result<S::Ok, S::Error> {
    let (before, query, after) = split(url.source());
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_fixed(name, value) => Cow::Owned(format!("{name}={KEEP}")),
        _ => Cow::Borrowed(pair),
    });
    serializer.serialize_str(&format!("{before}{}{after}", pairs.collect::<Vec<_>>().join("&")))
}

/// Named templates as they are shown.
pub(super) fn shown_pairs<S: Serializer>(
    pairs: &[(String, TextTemplate)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, template) in pairs {
        let source = template.source();
        map.serialize_entry(name, if is_fixed(name, source) { KEEP } else { source })?;
    }
    map.end()
}

/// A URL as it was sent back, with what it keeps of the present one put in.
///
/// # Errors
/// [`NothingToKeep`]
pub fn whole_url<'a>(sent: &'a str, present: Option<&str>) -> Result<Cow<'a, str>, NothingToKeep> {
    if !sent.contains(KEEP) {
        return Ok(sent.into());
    }
    let (before, query, after) = split(sent);
    let pair = |pair: &'a str| match pair.split_once('=') {
        Some((name, KEEP)) => {
            let mut kept = present.into_iter().flat_map(fixed_in_query);
            let kept = kept.find(|(known, _)| *known == name);
            kept.map(|(_, value)| format!("{name}={value}")).ok_or_else(|| NothingToKeep(name.to_owned()))
        }
        _ => Ok(pair.to_owned()),
    };
    let pairs = query.split('&').map(pair).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{before}{}{after}", pairs.join("&")).into())
}

/// The text of a named template as it was sent back, with what it keeps of the present ones put in.
///
/// # Errors
/// [`NothingToKeep`]
pub fn whole_text<'a>(
    name: &str,
    sent: &'a str,
    present: &'a [(String, TextTemplate)],
) -> Result<&'a str, NothingToKeep> {
    if sent != KEEP {
        return Ok(sent);
    }
    let kept = present.iter().find(|(known, template)| known == name && is_fixed(known, template.source()));
    kept.map(|(_, template)| template.source()).ok_or_else(|| NothingToKeep(name.to_owned()))
}

/// What stands before the query of a URL, the query, and what stands after it.
fn split(url: &str) -> (&str, &str, &str) {
    let fragment = url.find('#').unwrap_or(url.len());
    let query = url[..fragment].find('?').map_or(fragment, |at| at + 1);
    (&url[..query], &url[query..fragment], &url[fragment..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::Vocabulary;

    fn shown(url: &str) -> String {
        let url = UrlTemplate::parse(url, Vocabulary::Postback).unwrap();
        shown_url(&url, serde_json::value::Serializer).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_fixed_credential_in_a_url_is_hidden_and_comes_back() {
        #[track_caller]
        fn check(url: &str, expected: &str) {
            assert_eq!(shown(url), expected);
            assert_eq!(whole_url(expected, Some(url)).as_deref(), Ok(url));
        }
        check("https://t.example/pb?c={cl_id}", "https://t.example/pb?c={cl_id}");
        check("https://t.example/pb?token=abc&c={cl_id}", "https://t.example/pb?token={keep}&c={cl_id}");
        check("https://t.example/?a=1&api_key=x#f", "https://t.example/?a=1&api_key={keep}#f");
        check("https://t.example/?token={sub1}", "https://t.example/?token={sub1}");
        check("https://t.example/", "https://t.example/");
    }

    #[test]
    fn what_is_not_there_can_not_be_kept() {
        let kept = |sent, present| whole_url(sent, present).map_err(|error| error.to_string());
        let url = "https://t.example/?token={keep}";
        assert!(kept(url, None).unwrap_err().contains("`token`"));
        assert!(kept(url, Some("https://t.example/?apikey=1")).is_err());
        assert!(kept(url, Some("https://t.example/?token={sub1}")).is_err());
        assert_eq!(
            kept(url, Some("https://t.example/?token=7")).as_deref(),
            Ok("https://t.example/?token=7")
        );
        let template = |text| TextTemplate::parse(text, Vocabulary::Postback).unwrap();
        let present = [("X-Token".to_owned(), template("t")), ("a".to_owned(), template("b"))];
        assert_eq!(whole_text("X-Token", KEEP, &present), Ok("t"));
        assert_eq!(whole_text("X-Token", "new", &present), Ok("new"));
        assert!(whole_text("a", KEEP, &present).is_err());
    }
}
