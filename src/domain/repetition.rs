//! Requests that arrived before and are processed again.

use super::{ids::RequestId, postback::Proof, time::Timestamp};

/// What is known of a request that arrived before and is processed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// The request, by its first arrival.
    pub request: RequestId,
    /// When that was.
    pub at: Timestamp,
    /// Whether it came from an allowed address then, so that it is not asked for again.
    pub is_admitted: bool,
    /// Whether it proved by its signature then that it was the merchant's, so that it is not asked for again.
    pub is_proved: bool,
    /// Whether it is only to be told what would come of it.
    pub dry_run: bool,
}

impl Repetition {
    /// What its signature has to prove.
    pub const fn proof(&self) -> Proof {
        if self.is_proved { Proof::Given } else { Proof::AskedAt(self.at) }
    }
}
