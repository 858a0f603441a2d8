//! Signatures of outgoing JSON postbacks, exactly as Standard Webhooks 1.0 has its symmetric ones:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::{fmt, ops::RangeInclusive};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, Serializer};
use sha2::Sha256;

use super::secret::{Secret, keep};

/// Begins the text form of every symmetric secret.
const PREFIX: &str = "whsec_";

/// Bytes that the specification allows a secret to have.
const KEY_LEN: RangeInclusive<usize> = 24..=64;

/// The secret that an affiliate's tracker shares with us to check where a postback comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret {
    key: Vec<u8>,
}

impl SigningSecret {
    /// Reads `whsec_` followed by the base64 of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidSigningSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSigningSecret::NoPrefix)?;
        let key = BASE64_STANDARD.decode(encoded).map_err(|_| InvalidSigningSecret::NotBase64)?;
        if !KEY_LEN.contains(&key.len()) {
            return Err(InvalidSigningSecret::Length { length: key.len() });
        }
        Ok(Self { key })
    }

    /// The text form, to be sealed and stored; never for a log, an error or an answer.
    pub fn expose(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.key)))
    }

    /// The headers that sign a request. `id` stays the same on every attempt, so that the receiver can tell
    /// a repetition; `timestamp` is the attempt's, in Unix seconds; `body` is what is sent, byte for byte.
    ///
    /// # Panics
    /// If `id` holds a `.`, which separates the signed parts and would let one message pass for another.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> [(&'static str, String); 3] {
        assert!(!id.contains('.'), "a webhook-id must not contain a `.`");
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", format!("v1,{signature}")),
        ]
    }
}

impl Serialize for SigningSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        keep(serializer)
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret([redacted])")
    }
}

/// Why a signing secret is refused. The secret itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSigningSecret {
    /// It does not begin as one.
    #[error("a signing secret begins with `whsec_`")]
    NoPrefix,
    /// What follows the prefix isn't base64.
    #[error("a signing secret is `whsec_` followed by padded base64")]
    NotBase64,
    /// Too short to be safe, or longer than the specification allows.
    #[error("a signing secret holds 24 to 64 bytes, this one {length}")]
    Length {
        /// Its bytes.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_example_computes() {
        let headers = SigningSecret::parse(EXAMPLE).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        let expected = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        assert_eq!(headers.each_ref().map(|(name, value)| (*name, value.as_str())), expected);
    }

    #[test]
    fn every_signed_part_changes_the_signature() {
        let secret = SigningSecret::parse(EXAMPLE).unwrap();
        let [.., (_, signature)] = secret.sign("a", 1, b"body");
        let check = |id, timestamp, body: &[u8]| {
            let [.., (_, other)] = secret.sign(id, timestamp, body);
            assert_ne!(signature, other, "{id} {timestamp} {body:?}");
        };
        check("b", 1, b"body");
        check("a", 2, b"body");
        check("a", 1, b"bodY");
        check("a", 1, b"");
    }

    #[test]
    fn secrets_of_24_to_64_bytes_are_read() {
        let check = |length: usize, accepted: bool| {
            let parsed = SigningSecret::parse(&format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length])));
            assert_eq!(parsed.err(), (!accepted).then_some(InvalidSigningSecret::Length { length }));
        };
        check(0, false);
        check(23, false);
        check(24, true);
        check(64, true);
        check(65, false);
    }

    #[test]
    fn what_is_not_a_secret_is_refused() {
        let check = |text: &str, expected| assert_eq!(SigningSecret::parse(text), Err(expected), "{text}");
        check("", InvalidSigningSecret::NoPrefix);
        check("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", InvalidSigningSecret::NoPrefix);
        check("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", InvalidSigningSecret::NoPrefix);
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", InvalidSigningSecret::NotBase64);
        check("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", InvalidSigningSecret::NotBase64);
        check(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", InvalidSigningSecret::NoPrefix);
    }

    #[test]
    #[should_panic(expected = "must not contain")]
    fn an_id_that_could_blur_the_signed_parts_is_a_bug() {
        SigningSecret::parse(EXAMPLE).unwrap().sign("a.1", 1, b"");
    }

    #[test]
    fn the_secret_does_not_print_itself() {
        let printed = format!("{:?}", SigningSecret::parse(EXAMPLE).unwrap());
        assert_eq!(printed, "SigningSecret([redacted])");
    }
}
