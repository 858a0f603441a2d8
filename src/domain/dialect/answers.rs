//! What a dialect answers: status, media type and a body with macros.

use std::borrow::Cow;

use super::{
    InvalidDialect,
    form::{AnswerForm, CaseForm, DialectForm},
};
use crate::domain::{conversion::Conversion, params::Params, refusal::Code};

/// Outcomes that are no refusal.
const SUCCESSES: [&str; 4] = ["recorded", "decided", "duplicate", "dry_run"];

/// Outcomes of requests that were turned away before they were read.
const TURNED_AWAY: [&str; 9] = [
    "rate_limited",
    "overloaded",
    "storage_unavailable",
    "internal_error",
    "method_not_allowed",
    "body_too_large",
    "body_timeout",
    "unsupported_media_type",
    "uri_too_long",
];

/// The macros of answers, beside `params__NAME` for whatever was sent under that name.
const MACROS: [&str; 14] = [
    "request_id",
    "code",
    "parameter",
    "detail",
    "click_id",
    "conversion_id",
    "goal",
    "status",
    "amount",
    "currency",
    "transaction_id",
    "offer",
    "offer_name",
    "duplicate",
];

const MEDIA_TYPE_MAX: usize = 100;

/// What came of a postback, for whoever sent it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The request.
    pub request: &'a str,
    /// In one word: `recorded`, or the code of a refusal.
    pub outcome: &'a str,
    /// The status that goes with it in the contract.
    pub status: u16,
    /// Which of our parameters a refusal blames.
    pub parameter: Option<&'a str>,
    /// What to send instead.
    pub detail: Option<&'a str>,
    /// Which of our goals it is about.
    pub goal: Option<&'a str>,
    /// The conversion that it is about.
    pub conversion: Option<&'a Conversion>,
    /// The name of the offer that the sender named.
    pub offer_name: Option<&'a str>,
    /// The parameters as they were sent.
    pub sent: &'a Params,
}

impl Told<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let owned = |text: String| Some(Cow::Owned(text));
        if let Some(sent) = name.strip_prefix("params__") {
            return self.sent.given(sent).map(Cow::Borrowed);
        }
        let conversion = self.conversion;
        match name {
            "request_id" => Some(self.request.into()),
            "code" => Some(self.outcome.into()),
            "parameter" => self.parameter.map(Cow::Borrowed),
            "detail" => self.detail.map(Cow::Borrowed),
            "goal" => self.goal.map(Cow::Borrowed),
            "offer_name" => self.offer_name.map(Cow::Borrowed),
            "duplicate" => Some(if self.outcome == "duplicate" { "true" } else { "false" }.into()),
            "click_id" => conversion.map(|c| c.click.as_str().into()),
            "conversion_id" => conversion.and_then(|c| owned(c.id.to_string())),
            "status" => conversion.map(|c| c.status.as_str().into()),
            "currency" => {
                conversion.and_then(|c| c.currency).and_then(|currency| owned(currency.code.to_string()))
            }
            "transaction_id" => conversion.and_then(|c| c.transaction.as_ref()).map(|id| id.as_str().into()),
            "offer" => conversion.map(|c| c.offer.as_str().into()),
            "amount" => conversion.and_then(|c| {
                let minor_unit = c.currency.map_or(0, |currency| currency.minor_unit);
                owned(c.amount.display(minor_unit).to_string())
            }),
            _ => None,
        }
    }
}

/// An answer, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worded {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// What a dialect answers.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    success: Answer,
    error: Answer,
    cases: Vec<Case>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: Option<u16>,
    content_type: String,
    body: Body,
}

#[derive(Clone, Debug)]
struct Case {
    outcomes: Vec<String>,
    parameter: Option<String>,
    goal: Option<String>,
    given: Option<String>,
    answer: Answer,
}

impl Case {
    fn fits(&self, told: &Told<'_>) -> bool {
        let names = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        (self.outcomes.is_empty() || self.outcomes.iter().any(|outcome| outcome == told.outcome))
            && names(&self.parameter, told.parameter)
            && names(&self.goal, told.goal)
            && self.given.as_deref().is_none_or(|name| told.sent.given(name).is_some())
    }
}

impl Answers {
    pub(super) fn of(form: &DialectForm) -> Result<Self, InvalidDialect> {
        let usual = |place, form: &AnswerForm, body: &str| {
            let content_type = form.content_type.as_deref().unwrap_or("text/plain; charset=utf-8");
            answer(place, form.status, content_type, form.body.as_deref().unwrap_or(body))
        };
        let success = usual("success", &form.success, "OK")?;
        let error = usual("error", &form.error, "{code}: {detail}")?;
        let cases = form.answer.iter().map(|form| case(form, &success, &error)).collect::<Result<_, _>>()?;
        Ok(Self { success, error, cases })
    }

    pub(super) fn word(&self, told: &Told<'_>) -> Worded {
        let usual = if told.status < 400 { &self.success } else { &self.error };
        let answer = self.cases.iter().find(|case| case.fits(told)).map_or(usual, |case| &case.answer);
        Worded {
            status: answer.status.unwrap_or(told.status),
            content_type: answer.content_type.clone(),
            body: answer.body.render(told),
        }
    }
}

fn case(form: &CaseForm, success: &Answer, error: &Answer) -> Result<Case, InvalidDialect> {
    let is_known =
        |word: &str| SUCCESSES.contains(&word) || TURNED_AWAY.contains(&word) || Code::parse(word).is_some();
    if let Some(unknown) = form.outcomes.iter().find(|word| !is_known(word)) {
        let why = format!("`{unknown}` is neither one of {} nor the code of a refusal", SUCCESSES.join(", "));
        return Err(InvalidDialect::of("answer.outcomes", why));
    }
    let all_succeed = form.outcomes.iter().all(|word| SUCCESSES.contains(&word.as_str()));
    let succeeds = form.status.map_or(all_succeed, |status| status < 400);
    let usual = if succeeds { success } else { error };
    let content_type = form.content_type.as_deref().unwrap_or(&usual.content_type);
    let answer = match &form.body {
        Some(body) => answer("answer", form.status, content_type, body)?,
        None => Answer { status: form.status, ..usual.clone() },
    };
    let (outcomes, parameter) = (form.outcomes.clone(), form.parameter.clone());
    Ok(Case { outcomes, parameter, goal: form.goal.clone(), given: form.given.clone(), answer })
}

fn answer(
    place: &str,
    status: Option<u16>,
    content_type: &str,
    body: &str,
) -> Result<Answer, InvalidDialect> {
    if status.is_some_and(|status| !(200..600).contains(&status)) {
        return Err(InvalidDialect::of(&format!("{place}.status"), "an HTTP status is 200 to 599"));
    }
    let is_visible = content_type.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if content_type.len() > MEDIA_TYPE_MAX || !is_visible || !content_type.contains('/') {
        let why = format!("`{content_type}` is no media type: write one such as application/json");
        return Err(InvalidDialect::of(&format!("{place}.content_type"), why));
    }
    let body =
        Body::parse(body, content_type).map_err(|why| InvalidDialect::of(&format!("{place}.body"), why))?;
    Ok(Answer { status, content_type: content_type.to_owned(), body })
}

/// A body with macros. Values are hostile: in JSON and in markup they stay where the author put them.
#[derive(Clone, Debug)]
struct Body {
    parts: Vec<Part>,
    syntax: Syntax,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// `in_text`: within the quotes of a JSON text.
    Macro {
        name: String,
        in_text: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Plain,
    Json,
    Markup,
}

impl Body {
    /// Only a name in braces is a macro: braces of JSON are not.
    fn parse(text: &str, content_type: &str) -> Result<Self, String> {
        let media_type = content_type.to_ascii_lowercase();
        let syntax = match () {
            () if media_type.contains("json") => Syntax::Json,
            () if media_type.contains("html") || media_type.contains("xml") => Syntax::Markup,
            () => Syntax::Plain,
        };
        let (mut parts, mut plain, mut rest, mut in_text) = (Vec::new(), String::new(), text, false);
        while let Some(c) = rest.chars().next() {
            if let Some((name, after)) = macro_at(rest) {
                let is_known =
                    MACROS.contains(&name) || name.strip_prefix("params__").is_some_and(|n| !n.is_empty());
                if !is_known {
                    let known = MACROS.join(", ");
                    return Err(format!("there is no macro {{{name}}}: write one of {known}, params__NAME"));
                }
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Macro { name: name.to_owned(), in_text });
                rest = after;
                continue;
            }
            in_text ^= c == '"' && !plain.ends_with('\\');
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
        parts.push(Part::Text(plain));
        Ok(Self { parts, syntax })
    }

    fn render(&self, told: &Told<'_>) -> String {
        let mut body = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => body.push_str(text),
                Part::Macro { name, in_text } => {
                    let value = told.value(name);
                    match self.syntax {
                        Syntax::Plain => body.push_str(value.as_deref().unwrap_or_default()),
                        Syntax::Markup => push_markup(&mut body, value.as_deref().unwrap_or_default()),
                        Syntax::Json => push_json(&mut body, value.as_deref(), *in_text),
                    }
                }
            }
        }
        body
    }
}

/// The macro that a text begins with, and what follows it.
fn macro_at(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, after))
}

fn push_markup(body: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => body.push_str("&amp;"),
            '<' => body.push_str("&lt;"),
            '>' => body.push_str("&gt;"),
            '"' => body.push_str("&quot;"),
            '\'' => body.push_str("&#39;"),
            c => body.push(c),
        }
    }
}

/// In a JSON text the value's letters; elsewhere a whole value: a number or a truth as such, anything else as a text.
fn push_json(body: &mut String, value: Option<&str>, in_text: bool) {
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    match value {
        _ if in_text => {
            let quoted = quoted(value.unwrap_or_default());
            body.push_str(&quoted[1..quoted.len() - 1]);
        }
        None => body.push_str("null"),
        Some(value) if matches!(value, "true" | "false") || is_json_number(value) => body.push_str(value),
        Some(value) => body.push_str(&quoted(value)),
    }
}

/// A number that a reader of JSON takes without loss: at most 15 digits, and written as JSON writes one.
fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole)
        && all_digits(fraction)
        && (whole == "0" || !whole.starts_with('0'))
        && whole.len() + fraction.len() <= 16
}
