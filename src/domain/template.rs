//! Templates with macros: `https://tracker.example/pb?cid={cl_id}&payout={payout}`. Parsed once, rendered
//! for every click or delivery. Values are hostile: whatever they hold, they stay where the template's
//! author put them.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};
use url::{Position, Url};

#[cfg(test)]
mod tests;
mod vocabulary;

pub use vocabulary::Vocabulary;

/// Bytes of a template: what a server accepts as a request line.
pub const TEMPLATE_MAX: usize = 8 * 1024;

/// Everything but RFC 3986's unreserved characters is encoded: none of the rest can end a value, in a path,
/// a query or a form body. A space is `%20`, which all three read alike.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a template is refused. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The vocabulary has no such macro.
    #[error("unknown macro {{{name}}} at character {position}: did you mean {{{nearest}}}?")]
    UnknownMacro {
        /// The macro as it was written.
        name: String,
        /// Where its opening brace stands.
        position: usize,
        /// The known macro with the smallest edit distance.
        nearest: String,
    },
    /// A brace without its partner.
    #[error("the `{brace}` at character {position} has no partner: a macro is written {{name}}")]
    UnbalancedBrace {
        /// The lone brace.
        brace: char,
        /// Where it stands.
        position: usize,
    },
    /// Something between braces that cannot be the name of a macro.
    #[error(
        "{{{name}}} at character {position} is not a macro: a name has letters, digits and `_ - . ~ [ ]` only"
    )]
    InvalidName {
        /// What stands between the braces.
        name: String,
        /// Where the opening brace stands.
        position: usize,
    },
    /// A macro where a value would choose the server.
    #[error(
        "{{{name}}} stands in the {part} of the URL: macros may stand in its path, query and fragment only"
    )]
    MacroInOrigin {
        /// The macro.
        name: String,
        /// `scheme`, `user information`, `host` or `port`.
        part: &'static str,
    },
    /// A macro that a later `..` of the path removes.
    #[error("a `..` in the path removes a macro that stands before it: write the path without `..`")]
    MacroRemoved,
    /// A URL of another scheme, or of none.
    #[error("the URL begins with neither `http://` nor `https://`")]
    NotHttp,
    /// A URL that doesn't parse.
    #[error("this is not a URL: {reason}")]
    InvalidUrl {
        /// What the parser objects to.
        reason: String,
    },
    /// A template over [`TEMPLATE_MAX`] bytes.
    #[error("the template is {length} bytes long: at most {TEMPLATE_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

/// A template for text: the value of a request parameter or of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTemplate {
    source: String,
    parts: Vec<Part>,
}

impl TextTemplate {
    /// Parses text in which every brace belongs to a macro of the vocabulary.
    pub fn parse(source: &str, vocabulary: Vocabulary) -> Result<Self, TemplateError> {
        Ok(Self { source: source.to_owned(), parts: parse_parts(source, vocabulary)? })
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text with its macros filled in, unencoded: for a place that encodes what it is given, as a JSON
    /// serializer or [`form_body`] does. A macro without a value becomes empty.
    pub fn render_text<'v>(&self, mut values: impl FnMut(&str) -> Option<Cow<'v, str>>) -> String {
        let mut text = String::new();
        render_parts(&self.parts, &mut text, &mut values, String::push_str);
        text
    }

    /// The text as a header's value: every control character (CR, LF and NUL among them) becomes a space, so
    /// a value can neither end its header nor begin another.
    pub fn render_header<'v>(&self, values: impl FnMut(&str) -> Option<Cow<'v, str>>) -> String {
        self.render_text(values).replace(char::is_control, " ")
    }
}

/// As it was written.
impl Serialize for TextTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// As it was written.
impl Serialize for UrlTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// A template for an `http` or `https` URL. Its values can't change the URL's structure: scheme, user
/// information, host and port are fixed, and so are the number of path segments and the query's pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    source: String,
    origin: String,
    path: Vec<Vec<Part>>,
    query_and_fragment: Vec<Part>,
}

impl UrlTemplate {
    /// Parses a URL in which every brace belongs to a macro of the vocabulary, none before the path.
    pub fn parse(source: &str, vocabulary: Vocabulary) -> Result<Self, TemplateError> {
        let parts = parse_parts(source, vocabulary)?;
        check_origin(source)?;
        let stand_in = unused_stand_in(source);
        let (marked, macros) = mark_macros(parts, &stand_in);
        let url =
            Url::parse(&marked).map_err(|error| TemplateError::InvalidUrl { reason: error.to_string() })?;
        if url.as_str().matches(&stand_in).count() != macros.len() {
            return Err(TemplateError::MacroRemoved);
        }
        let mut macros = macros.into_iter();
        let path = &url[Position::BeforePath..Position::AfterPath];
        Ok(Self {
            source: source.to_owned(),
            origin: url[..Position::BeforePath].to_owned(),
            path: path
                .split('/')
                .skip(1)
                .map(|segment| unmark_macros(segment, &stand_in, &mut macros))
                .collect(),
            query_and_fragment: unmark_macros(&url[Position::AfterPath..], &stand_in, &mut macros),
        })
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it carries a user name or a password.
    pub fn has_credentials(&self) -> bool {
        self.origin.contains('@')
    }

    /// The URL with its macros filled in and percent-encoded, in the URL standard's normal form. A macro
    /// without a value becomes empty. A path segment that would become `.` or `..`, which browsers and
    /// servers take out, becomes empty instead.
    pub fn render<'v>(&self, mut values: impl FnMut(&str) -> Option<Cow<'v, str>>) -> String {
        let mut url = self.origin.clone();
        for segment in &self.path {
            url.push('/');
            let start = url.len();
            render_parts(segment, &mut url, &mut values, push_component);
            if is_dot_segment(&url[start..]) {
                url.truncate(start);
            }
        }
        render_parts(&self.query_and_fragment, &mut url, &mut values, push_component);
        url
    }
}

/// A form body (`application/x-www-form-urlencoded`) of these names and values.
pub fn form_body<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut body = String::new();
    for (name, value) in pairs {
        if !body.is_empty() {
            body.push('&');
        }
        push_component(&mut body, name);
        body.push('=');
        push_component(&mut body, value);
    }
    body
}

/// A URL with these names and values appended to its query, before its fragment.
pub fn append_query<'a>(url: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let added = form_body(pairs);
    if added.is_empty() {
        return url.to_owned();
    }
    let (target, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let separator = match target.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{target}{separator}{added}{fragment}")
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Macro(String),
}

fn parse_parts(source: &str, vocabulary: Vocabulary) -> Result<Vec<Part>, TemplateError> {
    if source.len() > TEMPLATE_MAX {
        return Err(TemplateError::TooLong { length: source.len() });
    }
    let position_of = |byte: usize| source[..byte].chars().count() + 1;
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some(brace) = rest.find(['{', '}']) {
        let (literal, from_brace) = rest.split_at(brace);
        let position = position_of(source.len() - from_brace.len());
        let Some(after_brace) = from_brace.strip_prefix('{') else {
            return Err(TemplateError::UnbalancedBrace { brace: '}', position });
        };
        let unclosed = TemplateError::UnbalancedBrace { brace: '{', position };
        let end = after_brace.find(['{', '}']).ok_or_else(|| unclosed.clone())?;
        let (name, from_end) = after_brace.split_at(end);
        rest = from_end.strip_prefix('}').ok_or(unclosed)?;
        check_macro(name, position, vocabulary)?;
        push_literal(&mut parts, literal);
        parts.push(Part::Macro(name.to_owned()));
    }
    push_literal(&mut parts, rest);
    Ok(parts)
}

fn check_macro(name: &str, position: usize, vocabulary: Vocabulary) -> Result<(), TemplateError> {
    let is_name_character = |c: char| c.is_alphanumeric() || "_-.~[]".contains(c);
    if name.is_empty() || !name.chars().all(is_name_character) {
        return Err(TemplateError::InvalidName { name: name.to_owned(), position });
    }
    vocabulary.check(name).map_err(|nearest| TemplateError::UnknownMacro {
        name: name.to_owned(),
        position,
        nearest,
    })
}

fn push_literal(parts: &mut Vec<Part>, literal: &str) {
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.to_owned()));
    }
}

/// Refuses what would let a value, or a browser's leniency, choose the server: the URL standard skips
/// control characters, reads `\` as `/`, and takes the host of `https:///x/` from its path.
fn check_origin(source: &str) -> Result<(), TemplateError> {
    let invalid = |reason: &str| TemplateError::InvalidUrl { reason: reason.to_owned() };
    if source.contains(char::is_control) {
        return Err(invalid("it holds a control character, such as a line break"));
    }
    let (scheme, rest) = source.split_once("://").ok_or(TemplateError::NotHttp)?;
    if let Some(name) = first_macro(scheme) {
        return Err(TemplateError::MacroInOrigin { name, part: "scheme" });
    }
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(TemplateError::NotHttp);
    }
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    if authority.is_empty() {
        return Err(invalid("it has no host"));
    }
    match first_macro(authority) {
        Some(name) => Err(TemplateError::MacroInOrigin { part: origin_part(authority), name }),
        None => Ok(()),
    }
}

fn first_macro(text: &str) -> Option<String> {
    let (_, from_name) = text.split_once('{')?;
    from_name.split_once('}').map(|(name, _)| name.to_owned())
}

/// Which part of `user@host:port` its first macro stands in.
fn origin_part(authority: &str) -> &'static str {
    let (before, after) = authority.split_once('{').unwrap_or((authority, ""));
    let host = before.rsplit('@').next().unwrap_or(before);
    let after_address = host.rsplit(']').next().unwrap_or(host);
    if after.contains('@') {
        "user information"
    } else if after_address.contains(':') && !after_address.starts_with('[') {
        "port"
    } else {
        "host"
    }
}

/// Text to stand for a macro while the URL standard's own parser normalizes the literal parts. It holds
/// unreserved characters only and cannot overlap itself.
fn unused_stand_in(source: &str) -> String {
    let source = source.to_ascii_lowercase();
    let unused = |stand_in: &String| !source.contains(stand_in.as_str());
    (0..=source.len()).map(|n| format!("macro{n}x")).find(unused).unwrap_or_default()
}

fn mark_macros(parts: Vec<Part>, stand_in: &str) -> (String, Vec<String>) {
    let mut marked = String::new();
    let mut macros = Vec::new();
    for part in parts {
        match part {
            Part::Literal(literal) => marked.push_str(&literal),
            Part::Macro(name) => {
                marked.push_str(stand_in);
                macros.push(name);
            }
        }
    }
    (marked, macros)
}

fn unmark_macros(marked: &str, stand_in: &str, macros: &mut impl Iterator<Item = String>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (index, literal) in marked.split(stand_in).enumerate() {
        if index > 0 {
            parts.extend(macros.next().map(Part::Macro));
        }
        push_literal(&mut parts, literal);
    }
    parts
}

fn render_parts<'v>(
    parts: &[Part],
    out: &mut String,
    values: &mut impl FnMut(&str) -> Option<Cow<'v, str>>,
    push_value: impl Fn(&mut String, &str),
) {
    for part in parts {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Macro(name) => {
                if let Some(value) = values(name) {
                    push_value(out, &value);
                }
            }
        }
    }
}

fn push_component(out: &mut String, value: &str) {
    out.extend(utf8_percent_encode(value, COMPONENT));
}

fn is_dot_segment(segment: &str) -> bool {
    let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
    decoded == "." || decoded == ".."
}
