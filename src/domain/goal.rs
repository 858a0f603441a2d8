//! Goals are data: what a player can reach, how often, for what amount, and how it comes to count.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    ids::GoalAlias,
    money::{Money, SCALE},
    pixel::{EventName, Platform},
    template::TextTemplate,
};

/// A goal, built in or a merchant's own. The rules of `decide` read these fields and never the alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Goal {
    /// Its name in postbacks.
    pub alias: GoalAlias,
    /// Its name for people.
    pub name: String,
    /// What a sender in a dialect calls it, where that is not its alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether a player reaches it at most once.
    pub once: bool,
    /// What amount goes with it.
    pub amount: AmountRule,
    /// How a conversion of it comes to count.
    pub status_flow: StatusFlow,
    /// What it means for the player's money; not configured.
    #[serde(skip)]
    pub role: GoalRole,
    /// Whether statistics show the sum of its amounts in a column of its own.
    pub show_sum: bool,
    /// Whether statistics show in a column of its own how many there were.
    pub show_count: bool,
    /// What it says on the player's card when it arrives, with the macros `{sum}`, `{player_id}` and `{manager}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<TextTemplate>,
    /// What ad platforms call it, where that was said; see [`super::pixel::Pixel::complete`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<Platform, EventName>,
}

/// The built-in goal by which players register. Only statistics tell it from other events.
pub const REGISTRATION: &str = "reg";

/// What amount a goal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountRule {
    /// No amount; a given one must be zero.
    Nothing,
    /// An amount, or none for zero.
    Optional,
    /// An amount above zero.
    Positive,
    /// An amount other than zero, negative ones included, with up to 8 decimal places whatever the currency.
    NonZero,
}

/// How a conversion of a goal comes to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFlow {
    /// It counts at once.
    Immediate,
    /// It lands pending and is decided by a second message.
    TwoPhase,
}

/// What a goal means for the player's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoalRole {
    /// The first deposit: sets the player's currency.
    FirstDeposit,
    /// A deposit after the first one.
    RepeatDeposit,
    /// A revenue event, of which our share is taken; for merchants on a hybrid deal.
    RevenueShare,
    /// Anything else.
    Event,
}

impl AmountRule {
    /// Whether an amount must be given.
    pub fn requires_amount(self) -> bool {
        matches!(self, Self::Positive | Self::NonZero)
    }

    /// What is wrong with this amount for such a goal, if anything: the rest of a sentence after "`amount` must".
    pub fn objection(self, amount: Money) -> Option<&'static str> {
        match self {
            Self::Nothing if !amount.is_zero() => Some("be left out: this goal carries none"),
            Self::Optional if amount.is_negative() => Some("not be negative"),
            Self::Positive if amount.is_negative() || amount.is_zero() => Some("be above zero"),
            Self::NonZero if amount.is_zero() => Some("not be zero"),
            _ => None,
        }
    }

    /// How many decimal places an amount may have in a currency with this minor unit.
    pub fn decimal_places(self, minor_unit: u8) -> u8 {
        if self == Self::NonZero { SCALE } else { minor_unit }
    }
}

/// The words under which rules are stored and configured.
macro_rules! stored_words {
    ($type:ty { $($word:literal => $value:path),* $(,)? }) => {
        impl $type {
            /// All there are.
            pub const ALL: &[Self] = &[$($value),*];

            /// The word under which it is stored and configured.
            pub const fn as_str(self) -> &'static str {
                match self { $($value => $word),* }
            }

            /// Reads that word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($value),)* _ => None }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(super) use stored_words;

stored_words!(AmountRule {
    "none" => Self::Nothing, "optional" => Self::Optional, "required" => Self::Positive, "non_zero" => Self::NonZero,
});
stored_words!(StatusFlow { "immediate" => Self::Immediate, "two_phase" => Self::TwoPhase });
stored_words!(GoalRole {
    "first_deposit" => Self::FirstDeposit, "repeat_deposit" => Self::RepeatDeposit,
    "revenue_share" => Self::RevenueShare, "event" => Self::Event,
});
