//! Verification tokens of merchants: shown once, kept only as a keyed digest.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{
    ids::{MerchantId, TokenId},
    time::Timestamp,
};

/// How much of the server's secret is used under one purpose: each purpose has a key of its own.
const PURPOSE: &[u8] = b"countersign/token-digest/v1";

/// HMAC-SHA256 of a token under a key derived from the server's secret. Tells nothing about the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// A stored digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are equal, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// Turns tokens into digests.
#[derive(Clone)]
pub struct TokenDigester(Hmac<Sha256>);

impl TokenDigester {
    /// Under a key derived from the server's secret.
    pub fn new(server_secret: &[u8]) -> Self {
        let derived = hmac(server_secret).chain_update(PURPOSE).finalize().into_bytes();
        Self(hmac(&derived))
    }

    /// The digest of this token text.
    pub fn digest(&self, token: &str) -> TokenDigest {
        TokenDigest(self.0.clone().chain_update(token.as_bytes()).finalize().into_bytes().into())
    }
}

impl fmt::Debug for TokenDigester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigester(..)")
    }
}

/// An HMAC-SHA256 under a key of any length.
pub(super) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// A merchant's token, without its text.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// What people call it.
    pub label: String,
    /// By what it is recognised.
    pub digest: TokenDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is no longer accepted.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// How it stands at this time: `live`, `expired` or `revoked`.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.revoked_at {
            Some(_) => "revoked",
            None if self.is_live(now) => "live",
            None => "expired",
        }
    }

    /// Whether it is accepted at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_token_and_on_the_servers_secret() {
        let digest = |secret: &str, token: &str| TokenDigester::new(secret.as_bytes()).digest(token);
        assert!(digest("s1", "token").matches(&digest("s1", "token")));
        assert!(!digest("s1", "token").matches(&digest("s1", "Token")));
        assert!(!digest("s1", "token").matches(&digest("s2", "token")));
        assert_eq!(format!("{:?}", digest("s1", "token")), "TokenDigest(..)");
    }
}
