//! A dialect as it is written down: in the files that come with the program, in a user's configuration, and in the
//! database. [`Dialect::of`](super::Dialect::of) checks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A dialect as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectForm {
    /// A slug; postbacks come to `/postback/{id}`.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// Addresses beside that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Whether it is our own: nothing is translated, and answers are the contract's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own_words: bool,
    /// `record`, `decide`, `record_and_decide`, or `as_status` (the default).
    #[serde(default = "as_status")]
    pub operation: String,
    /// Where the token may stand: `query:NAME`, `header:NAME`, `bearer`, `path`. The first that is there counts.
    #[serde(default = "usual_places")]
    pub token: Vec<String>,
    /// Whether a postback without a token is refused.
    #[serde(default = "yes")]
    pub token_required: bool,
    /// Our names for parameters, and the sender's: the first that is there counts.
    #[serde(default)]
    pub parameters: BTreeMap<String, Names>,
    /// Our goals, and the sender's words for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub goals: BTreeMap<String, Names>,
    /// Our statuses, and the sender's words for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, Names>,
    /// Our parameters that have the same value in every postback, whatever is sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed: BTreeMap<String, String>,
    /// Our parameters that have this value where the sender leaves them out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
    /// What a success is answered with.
    #[serde(default)]
    pub success: AnswerForm,
    /// What a refusal is answered with.
    #[serde(default)]
    pub error: AnswerForm,
    /// What is answered otherwise; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answer: Vec<CaseForm>,
}

/// One word, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text, or a list of texts")]
pub enum Names {
    /// Only this.
    One(String),
    /// The first that is there.
    Several(Vec<String>),
}

impl Names {
    /// All of them, in order.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// An answer; what is left out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerForm {
    /// The HTTP status; 200 for a success, and what the contract says for a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The media type of the body; plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body, with macros; `OK`, or `{code}: {detail}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// An answer for some cases. What it does not name fits always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseForm {
    /// What came of the postback: `recorded`, `decided`, `duplicate`, `dry_run`, or the code of a refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<String>,
    /// Which of our parameters a refusal blames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Which of our goals it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Which of the sender's parameters is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// As in [`AnswerForm`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// As in [`AnswerForm`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// As in [`AnswerForm`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn as_status() -> String {
    "as_status".to_owned()
}

fn usual_places() -> Vec<String> {
    ["query:token", "bearer", "path"].map(str::to_owned).into()
}
