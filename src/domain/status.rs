//! The status of a conversion, and who may change it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{
    goal::stored_words,
    ids::{ConversionId, MerchantId, RequestId},
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

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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
    /// The status that it leads to.
    pub const fn status(self) -> Status {
        match self {
            Self::Approve => Status::Approved,
            Self::Reject => Status::Rejected,
        }
    }
}

/// Who caused a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The merchant, by a postback.
    Merchant(MerchantId),
}

/// As it is stored and shown: `merchant:acme`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant(id) => write!(f, "merchant:{id}"),
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
