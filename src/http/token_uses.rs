//! When tokens were last used, gathered in memory and written now and then: a write per request would cost as much as
//! the postback itself.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::{ids::TokenId, time::Timestamp};

/// The last use of each token since it was last asked for.
#[derive(Debug, Default)]
pub struct TokenUses(Mutex<HashMap<TokenId, Timestamp>>);

impl TokenUses {
    pub(super) fn note(&self, token: TokenId, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, now);
    }

    /// Those since the last call.
    pub fn take(&self) -> Vec<(TokenId, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}
