//! Secrets that are made here and shown this once: merchants' tokens and programs' keys.

use super::access::key_digest;
use crate::{
    clock::{new_uuid, random},
    domain::{
        ids::TokenId,
        secret::Secret,
        time::Timestamp,
        token::{TokenDigest, TokenDigester},
    },
    storage::TokenSetting,
};

/// How many random bytes a secret has: 256 bits can't be guessed.
const SECRET_BYTES: usize = 32;

/// A new token of a merchant, and its text.
pub fn new_token(digester: &TokenDigester, label: String, now: Timestamp) -> (Secret, TokenSetting) {
    let text = format!("cs_{}", hex::encode(random::<SECRET_BYTES>()));
    let setting = TokenSetting { id: TokenId::new(new_uuid(now)), label, digest: digester.digest(&text) };
    (Secret::new(text), setting)
}

/// The text of a new API key, and by what it is recognised.
pub fn new_api_key(digester: &TokenDigester) -> (Secret, TokenDigest) {
    let text = format!("csk_{}", hex::encode(random::<SECRET_BYTES>()));
    let digest = key_digest(digester, &text);
    (Secret::new(text), digest)
}
