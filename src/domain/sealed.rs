//! Secrets at rest: what must be read back later (a signing secret, a password for an affiliate's tracker)
//! is stored sealed under a key that the database does not hold.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Keeps the sealing key apart from every other key that is derived from the same server secret.
const KEY_LABEL: &[u8] = b"countersign: secrets at rest, version 1";

/// Opens every sealed text, so that another cipher can follow without guessing at what is stored.
const VERSION: &str = "v1.";

/// Bytes of a nonce: that of `XChaCha20`, long enough to be drawn at random for every seal.
pub const NONCE_LEN: usize = 24;

/// Seals and opens secrets with XChaCha20-Poly1305 under a key derived from the server secret.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    /// Derives the sealing key from the server secret, whatever its length.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    pub fn derive(server_secret: &[u8]) -> Self {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(server_secret).expect("HMAC takes a key of any length");
        mac.update(KEY_LABEL);
        Self { cipher: XChaCha20Poly1305::new(&mac.finalize().into_bytes()) }
    }

    /// Seals `plain` for `context`, which names the place the secret belongs to
    /// (`merchant/acme/signing_secret`): sealed text that is moved to another place doesn't open there. The
    /// nonce must be fresh random bytes.
    ///
    /// # Panics
    /// Above the cipher's limit of 256 GiB.
    pub fn seal(&self, plain: &[u8], context: &str, nonce: [u8; NONCE_LEN]) -> String {
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let ciphertext =
            self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret is shorter than 256 GiB");
        let sealed = [nonce.as_slice(), &ciphertext].concat();
        format!("{VERSION}{}", BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what [`Sealer::seal`] sealed for the same `context` under the same server secret.
    pub fn open(&self, sealed: &str, context: &str) -> Result<Vec<u8>, Unsealable> {
        let encoded = sealed.strip_prefix(VERSION).ok_or(Unsealable::UnknownVersion)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Unsealable::Damaged)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable::Damaged)?;
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unsealable::Refused)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([redacted])")
    }
}

/// Why a sealed text does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// It carries no version that this program knows.
    #[error(
        "this is not a sealed secret that this version of the program can read: it doesn't begin with `v1.`"
    )]
    UnknownVersion,
    /// It is not base64url, or too short to hold a nonce.
    #[error("the sealed secret is damaged: set it again")]
    Damaged,
    /// The cipher refuses it. The key, the context and the bytes cannot be told apart here.
    #[error(
        "the sealed secret does not open: it was sealed under another COUNTERSIGN_SECRET, belongs to another \
         place, or was altered; restore that server secret, or set the secret again"
    )]
    Refused,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTEXT: &str = "merchant/acme/signing_secret";

    fn sealer() -> Sealer {
        Sealer::derive(b"a server secret")
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_in_its_own_context(
            server_secret: Vec<u8>, plain: Vec<u8>, context: String, nonce: [u8; NONCE_LEN],
        ) {
            let sealer = Sealer::derive(&server_secret);
            let sealed = sealer.seal(&plain, &context, nonce);
            prop_assert_eq!(sealer.open(&sealed, &context), Ok(plain));
        }

        #[test]
        fn a_changed_character_is_noticed(position in 3_usize..64, replacement in "[A-Za-z0-9_-]") {
            let sealed = sealer().seal(b"a password", CONTEXT, [7; NONCE_LEN]);
            let mut altered = sealed.clone();
            altered.replace_range(position..=position, &replacement);
            prop_assume!(altered != sealed);
            prop_assert!(sealer().open(&altered, CONTEXT).is_err());
        }
    }

    #[test]
    fn another_server_secret_or_context_does_not_open_it() {
        let sealed = sealer().seal(b"a password", CONTEXT, [7; NONCE_LEN]);
        let other = Sealer::derive(b"another server secret");
        assert_eq!(other.open(&sealed, CONTEXT), Err(Unsealable::Refused));
        assert_eq!(sealer().open(&sealed, "merchant/rival/signing_secret"), Err(Unsealable::Refused));
    }

    #[test]
    fn text_that_is_not_sealed_is_refused_by_what_is_wrong_with_it() {
        let check =
            |text: &str, expected| assert_eq!(sealer().open(text, CONTEXT), Err(expected), "{text:?}");
        check("", Unsealable::UnknownVersion);
        check("a plain password", Unsealable::UnknownVersion);
        check("v2.AAAA", Unsealable::UnknownVersion);
        check("v1.", Unsealable::Damaged);
        check("v1.not base64url", Unsealable::Damaged);
        check("v1.AAAA", Unsealable::Damaged);
        check(&format!("v1.{}", "A".repeat(32)), Unsealable::Refused);
        check(&format!("v1.{}", "A".repeat(64)), Unsealable::Refused);
    }

    /// What is stored today must still open after an upgrade: a change of the label, the cipher or the text
    /// form breaks this test and needs a new version instead.
    #[test]
    fn the_stored_form_stays_readable() {
        let stored = "v1.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHQzXtYqtLrtWALsdDplsj4aVBJIBABVw-Qxg";
        assert_eq!(sealer().seal(b"a password", CONTEXT, [7; NONCE_LEN]), stored);
        assert_eq!(sealer().open(stored, CONTEXT).as_deref(), Ok(b"a password".as_slice()));
    }

    #[test]
    fn neither_the_key_nor_the_plain_text_shows() {
        assert_eq!(format!("{:?}", sealer()), "Sealer([redacted])");
        let sealed = sealer().seal(b"a password", CONTEXT, [7; NONCE_LEN]);
        assert!(
            !sealed.contains("password") && !sealed.contains(&BASE64_URL_SAFE_NO_PAD.encode("a password"))
        );
    }
}
