//! Parameters, read strictly: what can't be read for certain is refused and not guessed.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::domain::{
    params::Params,
    refusal::{Code, Refusal},
};

/// Parameters as far as they could be read, and the first thing that was wrong with them. A broken request is logged
/// and answered too, and to know whose it is its token has to be found.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) params: Params,
    pub(super) fault: Option<Refusal>,
}

impl Parameters {
    /// Reads a query or a form body: `name=value` joined with `&`, percent-encoded UTF-8, `+` for a space.
    pub(super) fn read_pairs(&mut self, text: &str) {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = self.decode(name, name);
            let value = self.decode(value, &name);
            self.push(name, value);
        }
    }

    /// Reads a JSON object whose values are texts, numbers or truths. A number is taken as it is written.
    pub(super) fn read_json(&mut self, body: &[u8]) {
        let members: Members<'_> = match serde_json::from_slice(body) {
            Ok(members) => members,
            Err(error) => {
                let detail =
                    format!("Send one JSON object: line {}, column {}.", error.line(), error.column());
                return self.fail(Refusal::new(Code::MalformedQuery, detail));
            }
        };
        for (name, value) in members.0 {
            let text = match value.get() {
                "null" => continue,
                text if text.starts_with('"') => serde_json::from_str(text).ok(),
                text if text.starts_with(['{', '[']) => None,
                text => Some(text.to_owned()),
            };
            let Some(text) = text else {
                let detail = format!("Send `{name}` as a text of valid Unicode or as a number.");
                self.fail(Refusal::of(Code::MalformedQuery, &*name, detail));
                continue;
            };
            self.push(name, text);
        }
    }

    /// Refuses a name that stands twice; to be called when everything is read.
    pub(super) fn check_repeated(&mut self) {
        if let Some(name) = self.params.first_repeated().map(str::to_owned) {
            let detail = format!("Send `{name}` once: it stands there more than once.");
            self.fail(Refusal::of(Code::DuplicateParameter, name, detail));
        }
    }

    pub(super) fn fail(&mut self, refusal: Refusal) {
        self.fault.get_or_insert(refusal);
    }

    fn push(&mut self, name: String, value: String) {
        if name.contains('\0') || value.contains('\0') {
            let name = name.replace('\0', "\u{fffd}");
            let detail = format!("Send `{name}` without NUL bytes.");
            self.fail(Refusal::of(Code::MalformedQuery, &*name, detail));
            return self.params.push(name, value.replace('\0', "\u{fffd}"));
        }
        self.params.push(name, value);
    }

    fn decode(&mut self, encoded: &str, name: &str) -> String {
        let spaced = encoded.replace('+', " ");
        match percent_decode_str(&spaced).decode_utf8() {
            Ok(text) if has_whole_escapes(&spaced) => text.into_owned(),
            // Some senders' placeholders, such as %payout%, look like broken escapes; they are recognised later.
            _ if is_percent_placeholder(encoded) => encoded.to_owned(),
            _ => {
                let detail = format!("Send `{name}` as percent-encoded UTF-8.");
                self.fail(Refusal::of(Code::MalformedQuery, name, detail));
                percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
            }
        }
    }
}

/// Reads a query, and what is wrong with it, if anything.
pub fn read_query(query: &str) -> (Params, Option<Refusal>) {
    let mut parameters = Parameters::default();
    parameters.read_pairs(query);
    parameters.check_repeated();
    (parameters.params, parameters.fault)
}

/// Whether every `%` is followed by two hexadecimal digits.
fn has_whole_escapes(text: &str) -> bool {
    let is_hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    (0..bytes.len()).all(|at| bytes[at] != b'%' || (is_hex(bytes.get(at + 1)) && is_hex(bytes.get(at + 2))))
}

fn is_percent_placeholder(text: &str) -> bool {
    let name = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// The members of a JSON object in their order, repeated names included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<Vec<(String, String)>, (Code, Option<String>)>;

    fn read(read: impl Fn(&mut Parameters)) -> Read {
        let mut parameters = Parameters::default();
        read(&mut parameters);
        parameters.check_repeated();
        match parameters.fault {
            Some(fault) => Err((fault.code, fault.parameter)),
            None => Ok(parameters.params.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()),
        }
    }

    #[test]
    fn queries_are_decoded_strictly() {
        #[track_caller]
        fn check(query: &str, expected: Result<&[(&str, &str)], (Code, &str)>) {
            let expected = expected
                .map(|pairs| {
                    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
                })
                .map_err(|(code, parameter)| (code, Some(parameter.to_owned())));
            assert_eq!(read(|p| p.read_pairs(query)), expected, "{query}");
        }
        check("", Ok(&[]));
        check("a=1&b=x%20y+z&&c", Ok(&[("a", "1"), ("b", "x y z"), ("c", "")]));
        check("a=1%2B1%26b=%3D=", Ok(&[("a", "1+1&b===")]));
        check("a=%C3%BC", Ok(&[("a", "ü")]));
        check("amount=%payout%", Ok(&[("amount", "%payout%")]));
        check("a=%FF", Err((Code::MalformedQuery, "a")));
        check("a=%C0%80", Err((Code::MalformedQuery, "a")));
        check("a=%ED%A0%80", Err((Code::MalformedQuery, "a")));
        check("a=%zz", Err((Code::MalformedQuery, "a")));
        check("a=50%", Err((Code::MalformedQuery, "a")));
        check("a=x%00y", Err((Code::MalformedQuery, "a")));
        check("a=1&b=2&a=3", Err((Code::DuplicateParameter, "a")));
        check("a=1&%61=3", Err((Code::DuplicateParameter, "a")));
    }

    #[test]
    fn json_numbers_are_taken_as_they_are_written() {
        #[track_caller]
        fn check(body: &str, expected: Result<&str, Code>) {
            let got = read(|p| p.read_json(body.as_bytes()));
            let shown =
                got.map(|pairs| pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&"));
            assert_eq!(shown.map_err(|(code, _)| code), expected.map(str::to_owned), "{body}");
        }
        check(r#"{"amount": 4376450.73, "a": "x\u0041"}"#, Ok("amount=4376450.73&a=xA"));
        check(r#"{"amount": 100.000000000000000000001}"#, Ok("amount=100.000000000000000000001"));
        check(r#"{"amount": 1e5, "flag": true, "none": null}"#, Ok("amount=1e5&flag=true"));
        check("{}", Ok(""));
        check(r#"{"a": 1, "a": 2}"#, Err(Code::DuplicateParameter));
        check(r#"{"a": [1]}"#, Err(Code::MalformedQuery));
        check(r#"{"a": {"b": 1}}"#, Err(Code::MalformedQuery));
        check(r#"{"a": "\u0000"}"#, Err(Code::MalformedQuery));
        check(r#"{"a": "\ud800"}"#, Err(Code::MalformedQuery));
        check("[1]", Err(Code::MalformedQuery));
        check("", Err(Code::MalformedQuery));
        check(r#"{"a": 1} x"#, Err(Code::MalformedQuery));
    }
}
