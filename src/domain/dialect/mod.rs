//! Dialects: how senders' systems word their postbacks, and what they want to hear.
//!
//! A dialect is data. [`Dialect::translate`] turns a sender's parameters into ours, so that there is one parser,
//! [`Postback`](super::postback::Postback), for all of them; [`Dialect::word`] puts an answer into the sender's form.

mod answers;
mod form;
mod shown;
#[cfg(test)]
mod tests;
mod translate;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use self::answers::Answers;
pub use self::{
    answers::{Told, Worded},
    form::{AnswerForm, CaseForm, DialectForm, Names},
    translate::Context,
};
use super::{
    catalog::{Catalog, Offer},
    ids::{ClickId, DialectId, GoalAlias, UserId},
    params::Params,
    player::PlayerRef,
    postback::{Operation, check_filled, missing_goal, parse_amount},
    refusal::{Code, Refusal},
    status::Status,
};

/// Our parameters that a sender may have names for.
const TRANSLATED: [&str; 19] = [
    CLICK,
    GOAL,
    AMOUNT,
    CURRENCY,
    STATUS,
    "transaction_id",
    "event_time",
    "approved_status",
    "pending_status",
    "rejected_status",
    "dry_run",
    SPOT,
    ACCOUNT,
    USER,
    "player_id",
    "username",
    "name",
    "reason",
    "geo",
];

/// Our parameters that a dialect may set.
const SETTABLE: [&str; 6] = [GOAL, AMOUNT, CURRENCY, STATUS, "reason", "geo"];

const CLICK: &str = "click_id";
const GOAL: &str = "goal_alias";
const AMOUNT: &str = "amount";
const CURRENCY: &str = "currency";
const STATUS: &str = "conv_status";
const SPOT: &str = "spot";
const ACCOUNT: &str = "account";
const USER: &str = "user_id";

/// First parts of addresses that are taken.
const RESERVED_PATHS: [&str; 5] = ["track", "click", "healthz", "readyz", "metrics"];

const PATH_CHARS_MAX: usize = 120;
const PATHS_MAX: usize = 10;

/// A dialect that can't be: where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct InvalidDialect {
    place: String,
    why: String,
}

impl InvalidDialect {
    fn of(place: &str, why: impl Into<String>) -> Self {
        Self { place: place.to_owned(), why: why.into() }
    }
}

/// Where a sender may put its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// A parameter of this name.
    Query(String),
    /// A header of this name.
    Header(String),
    /// `Authorization: Bearer`.
    Bearer,
    /// The last part of the address: `/postback/{id}/{token}`.
    Path,
}

impl TokenPlace {
    fn parse(text: &str) -> Option<Self> {
        let name = |prefix| text.strip_prefix(prefix).filter(|name| !name.is_empty()).map(str::to_owned);
        match text {
            "bearer" => Some(Self::Bearer),
            "path" => Some(Self::Path),
            _ => {
                let header = name("header:").filter(|name| is_header_name(name));
                name("query:").map(Self::Query).or(header.map(Self::Header))
            }
        }
    }
}

fn is_header_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// As it is written down.
impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.form.serialize(serializer)
    }
}

/// How a sender's system words its postbacks, and what it wants to hear.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// Its id.
    pub id: DialectId,
    /// Its name for people.
    pub name: String,
    /// Its addresses beside `/postback/{id}`, without a slash at the end.
    pub paths: Vec<String>,
    /// Whether it is our own: nothing is translated, and answers are the contract's.
    pub own_words: bool,
    /// What its postbacks ask for.
    pub operation: Operation,
    /// Where the token may stand; the first that is there counts.
    pub token_places: Vec<TokenPlace>,
    /// Whether a postback without a token is refused, whoever the merchant is.
    pub token_required: bool,
    parameters: Vec<(&'static str, Vec<String>)>,
    goals: Vec<(String, GoalAlias)>,
    statuses: Vec<(String, Status)>,
    fixed: Vec<(&'static str, String)>,
    defaults: Vec<(&'static str, String)>,
    answers: Answers,
    form: DialectForm,
}

impl Dialect {
    /// Checks a dialect as it is written down.
    ///
    /// # Errors
    /// [`InvalidDialect`] says where it is wrong, and what to write instead.
    pub fn of(form: DialectForm) -> Result<Self, InvalidDialect> {
        let id = DialectId::parse(&form.id).map_err(|error| InvalidDialect::of("id", error.to_string()))?;
        let operation = Operation::parse(&form.operation).ok_or_else(|| {
            let why = "write one of: as_status, record, decide, record_and_decide";
            InvalidDialect::of("operation", why)
        })?;
        let place = |text: &String| {
            TokenPlace::parse(text).ok_or_else(|| {
                let why = format!("`{text}` is not one of: query:NAME, header:NAME, bearer, path");
                InvalidDialect::of("token", why)
            })
        };
        Ok(Self {
            id,
            name: if form.name.is_empty() { form.id.clone() } else { form.name.clone() },
            paths: paths(&form)?,
            own_words: form.own_words,
            operation,
            token_places: form.token.iter().map(place).collect::<Result<_, _>>()?,
            token_required: form.token_required,
            parameters: parameters(&form)?,
            goals: goals(&form)?,
            statuses: statuses(&form)?,
            fixed: settings("fixed", &form.fixed)?,
            defaults: settings("defaults", &form.defaults)?,
            answers: Answers::of(&form)?,
            form,
        })
    }

    /// As it is written down.
    pub fn form(&self) -> &DialectForm {
        &self.form
    }

    /// Where its postbacks come to; `TOKEN` stands for the merchant's.
    pub fn addresses(&self) -> Vec<String> {
        let own = format!("/postback/{}", self.id);
        let with_token = self.token_places.contains(&TokenPlace::Path).then(|| format!("{own}/TOKEN"));
        let below =
            if self.own_words { Vec::new() } else { [Some(own), with_token].into_iter().flatten().collect() };
        self.paths.iter().cloned().chain(below).collect()
    }

    /// Whether its senders may name a player by user and spot.
    pub fn knows_spots(&self) -> bool {
        !self.names(SPOT).is_empty()
    }

    /// Whether a parameter of this name is a token.
    pub fn is_token(&self, name: &str) -> bool {
        name == "token"
            || self.token_places.iter().any(|it| matches!(it, TokenPlace::Query(own) if own == name))
    }

    /// Whose postback this is: by the click, or else by user and spot.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn player(&self, sent: &Params, catalog: &Catalog) -> Result<PlayerRef, Refusal> {
        if let Some(click) = self.first(sent, CLICK)? {
            let click = ClickId::parse(click).map_err(|error| {
                let detail = format!("Send the click id exactly as the landing page received it: {error}.");
                Refusal::of(Code::InvalidClickId, CLICK, detail)
            })?;
            return Ok(PlayerRef::Click(click));
        }
        let missing = |name| {
            let detail = self.in_senders_words(if self.names(CLICK).is_empty() {
                "Send `user_id` and `spot`."
            } else if self.knows_spots() {
                "Send `click_id`, or `user_id` and `spot`; they are missing or empty."
            } else {
                "Send `click_id`, the id that the landing page received with the player; it is missing or empty."
            });
            Refusal::of(Code::MissingParameter, name, detail)
        };
        let whoever = if self.names(CLICK).is_empty() { USER } else { CLICK };
        if !self.knows_spots() {
            return Err(missing(CLICK));
        }
        let user = self.first(sent, USER)?.ok_or_else(|| missing(whoever))?;
        let spot = self.first(sent, SPOT)?.ok_or_else(|| missing(SPOT))?;
        let unknown =
            |name, what: &str| Refusal::of(Code::ClickNotFound, name, format!("There is no such {what}."));
        let offer = catalog.offer_of_spot(spot).ok_or_else(|| unknown(SPOT, "spot"))?;
        let user = UserId::parse(user).map_err(|_| unknown(USER, "user"))?;
        Ok(PlayerRef::User { offer: offer.id.clone(), user })
    }

    /// Looks at what can be told before it is known whose postback it is: whether it names a goal, and whether its
    /// amount is one.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn check_syntax(&self, sent: &Params) -> Result<(), Refusal> {
        check_filled(GOAL, self.goal_alias(sent).ok_or_else(missing_goal)?)?;
        self.first(sent, AMOUNT)?.map(parse_amount).transpose().map(drop)
    }

    /// The offer whose spot a sender names.
    pub fn offer<'a>(&self, sent: &Params, catalog: &'a Catalog) -> Option<&'a Offer> {
        catalog.offer_of_spot(self.names(SPOT).iter().find_map(|name| sent.given(name))?)
    }

    /// The account that a sender gives; zero is none.
    pub fn account<'a>(&self, sent: &'a Params) -> Option<&'a str> {
        self.names(ACCOUNT).iter().find_map(|name| sent.given(name)).filter(|account| *account != "0")
    }

    /// An answer in the sender's form.
    pub fn word(&self, told: &Told<'_>) -> Worded {
        let detail = told.detail.map(|detail| self.in_senders_words(detail));
        self.answers.word(&Told { detail: detail.as_deref(), ..*told })
    }

    /// The sender's names for a parameter of ours.
    fn names(&self, ours: &str) -> &[String] {
        let found = self.parameters.iter().find(|(name, _)| *name == ours);
        found.map_or(&[], |(_, names)| names)
    }

    /// What was sent for a parameter of ours, with a placeholder refused.
    fn first<'a>(&self, sent: &'a Params, ours: &str) -> Result<Option<&'a str>, Refusal> {
        let found = self.names(ours).iter().find_map(|name| sent.given(name));
        found.map(|value| check_filled(ours, value)).transpose()
    }

    /// A sentence to the sender, with our names for parameters replaced by the sender's.
    pub fn in_senders_words(&self, detail: &str) -> String {
        let named = self.parameters.iter().filter_map(|(ours, names)| Some((ours, names.first()?)));
        named.fold(detail.to_owned(), |detail, (ours, theirs)| {
            detail.replace(&format!("`{ours}`"), &format!("`{theirs}`"))
        })
    }
}

fn paths(form: &DialectForm) -> Result<Vec<String>, InvalidDialect> {
    if form.paths.len() > PATHS_MAX {
        return Err(InvalidDialect::of("paths", format!("at most {PATHS_MAX} addresses")));
    }
    let path = |path: &String| {
        let trimmed = path.trim_end_matches('/');
        let parts: Vec<_> = trimmed.split('/').skip(1).collect();
        let is_part = |part: &&str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
            !part.is_empty() && part.chars().all(allowed)
        };
        if !path.starts_with('/')
            || path.len() > PATH_CHARS_MAX
            || parts.is_empty()
            || !parts.iter().all(is_part)
        {
            let why = format!("`{path}` is no address: write one such as /postback or /in/keitaro.php");
            return Err(InvalidDialect::of("paths", why));
        }
        if !form.own_words && RESERVED_PATHS.contains(&parts[0]) {
            return Err(InvalidDialect::of(
                "paths",
                format!("/{} is taken: choose another address", parts[0]),
            ));
        }
        Ok(trimmed.to_owned())
    };
    form.paths.iter().map(path).collect()
}

fn parameters(form: &DialectForm) -> Result<Vec<(&'static str, Vec<String>)>, InvalidDialect> {
    let mut found = Vec::new();
    for (ours, names) in &form.parameters {
        let place = format!("parameters.{ours}");
        let ours = our_name(&place, ours, &TRANSLATED)?;
        let names = names.as_slice();
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(InvalidDialect::of(&place, "write at least one name, and none that is empty"));
        }
        found.push((ours, names.to_vec()));
    }
    if !form.own_words && !found.iter().any(|(ours, _)| matches!(*ours, CLICK | SPOT)) {
        return Err(InvalidDialect::of("parameters", "say which parameter is our click_id"));
    }
    if found.iter().any(|(ours, _)| *ours == SPOT) && !found.iter().any(|(ours, _)| *ours == USER) {
        return Err(InvalidDialect::of(
            "parameters",
            "a spot needs a user: say which parameter is our user_id",
        ));
    }
    Ok(found)
}

fn our_name(place: &str, name: &str, known: &[&'static str]) -> Result<&'static str, InvalidDialect> {
    known
        .iter()
        .find(|known| **known == name)
        .copied()
        .ok_or_else(|| InvalidDialect::of(place, format!("`{name}` is not one of: {}", known.join(", "))))
}

fn goals(form: &DialectForm) -> Result<Vec<(String, GoalAlias)>, InvalidDialect> {
    let read = |alias: &str| GoalAlias::parse(alias).map_err(|error| error.to_string());
    words("goals", &form.goals, read)
}

fn statuses(form: &DialectForm) -> Result<Vec<(String, Status)>, InvalidDialect> {
    let unknown = |word: &str| format!("`{word}` is not one of: pending, approved, rejected");
    words("statuses", &form.statuses, |word| Status::parse(word).ok_or_else(|| unknown(word)))
}

/// The sender's words, each with what it means. A word means one thing.
fn words<T: Clone + PartialEq>(
    section: &str,
    form: &BTreeMap<String, Names>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<(String, T)>, InvalidDialect> {
    let mut found: Vec<(String, T)> = Vec::new();
    for (ours, words) in form {
        let place = format!("{section}.{ours}");
        let meaning = read(ours).map_err(|why| InvalidDialect::of(&place, why))?;
        for word in words.as_slice() {
            if found.iter().any(|(known, _)| known.eq_ignore_ascii_case(word)) {
                return Err(InvalidDialect::of(
                    &place,
                    format!("`{word}` stands there twice: a word means one thing"),
                ));
            }
            found.push((word.clone(), meaning.clone()));
        }
    }
    Ok(found)
}

fn settings(
    section: &str,
    form: &BTreeMap<String, String>,
) -> Result<Vec<(&'static str, String)>, InvalidDialect> {
    let read = |(name, value): (&String, &String)| {
        let place = format!("{section}.{name}");
        let name = our_name(&place, name, &SETTABLE)?;
        if name == STATUS && Status::parse(value).is_none() {
            return Err(InvalidDialect::of(&place, "write one of: pending, approved, rejected"));
        }
        Ok((name, value.clone()))
    };
    form.iter().map(read).collect()
}
