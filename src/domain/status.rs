//! The status of a conversion, and who may change it.

use std::fmt;

use super::{
    goal::stored_words,
    ids::{ApiKeyName, ConversionId, MerchantId, RequestId, UserName},
    time::Timestamp,
};

/// Where a conversion stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Recorded, and waits for a decision.
    Pending,
    /// It counts.
    Approved,
    /// It does not count.
    Rejected,
}

stored_words!(Status { "pending" => Self::Pending, "approved" => Self::Approved, "rejected" => Self::Rejected });

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A decision on a pending conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It shall count.
    Approve,
    /// It shall not.
    Reject,
}

impl Decision {
    /// The decision that leads to this status; none leads back to pending.
    pub const fn to(status: Status) -> Option<Self> {
        match status {
            Status::Pending => None,
            Status::Approved => Some(Self::Approve),
            Status::Rejected => Some(Self::Reject),
        }
    }

    /// The status that it leads to.
    pub const fn status(self) -> Status {
        match self {
            Self::Approve => Status::Approved,
            Self::Reject => Status::Rejected,
        }
    }
}

/// Who caused a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The merchant, by a postback.
    Merchant(MerchantId),
    /// A signed-in user.
    User(UserName),
    /// A program, by an API key.
    ApiKey(ApiKeyName),
    /// Whoever may run the program on its database.
    Operator,
    /// Somebody who did not prove who they are.
    Nobody,
}

impl Actor {
    /// Reads what [`Actor`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            None if text == "operator" => Self::Operator,
            None if text == "nobody" => Self::Nobody,
            Some(("merchant", id)) => Self::Merchant(MerchantId::parse(id).ok()?),
            Some(("user", name)) => Self::User(UserName::parse(name).ok()?),
            Some(("api-key", name)) => Self::ApiKey(ApiKeyName::parse(name).ok()?),
            _ => return None,
        })
    }
}

/// As it is stored and shown: `merchant:acme`, `user:anna`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(id) => write!(f, "merchant:{id}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::ApiKey(name) => write!(f, "api-key:{name}"),
            Self::Operator => f.write_str("operator"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// One step in the history of a conversion. Steps are only ever added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEvent {
    /// Whose history.
    pub conversion: ConversionId,
    /// Which step: 1 is the recording.
    pub step: i32,
    /// The status before; none for the recording.
    pub from: Option<Status>,
    /// The status from then on.
    pub to: Status,
    /// Who caused it.
    pub actor: Actor,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// The request that caused it.
    pub request: RequestId,
    /// When.
    pub at: Timestamp,
}
