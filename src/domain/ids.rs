//! Typed ids: mixing two kinds does not compile.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// A text that is no valid id of the kind that was asked for; says what one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidId {
    text: String,
    expected: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max_chars:literal, $expected:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What a valid one looks like, for messages to people.
            pub const EXPECTED: &'static str = $expected;

            /// Checks length and alphabet.
            ///
            /// # Errors
            /// [`InvalidId`] says what a valid id looks like.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(char) -> bool = $allowed;
                let length = text.chars().count();
                if (1..=$max_chars).contains(&length) && text.chars().all(allowed) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { text: text.chars().take(60).collect(), expected: Self::EXPECTED })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(Uuid);

        impl $name {
            /// From a UUID that was drawn as version 7, so that ids sort by time.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

fn is_slug(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

text_id!(
    /// A merchant: who receives the players and reports what they did.
    MerchantId, 40, "a slug: 1 to 40 of a-z 0-9 -", is_slug
);
text_id!(
    /// An affiliate: who sends the players.
    AffiliateId, 40, "a slug: 1 to 40 of a-z 0-9 -", is_slug
);
text_id!(
    /// An offer: what of a merchant an affiliate advertises.
    OfferId, 40, "a slug: 1 to 40 of a-z 0-9 -", is_slug
);
text_id!(
    /// An endpoint: where conversions are told, an affiliate's tracker or an ad platform.
    EndpointId, 40, "a slug: 1 to 40 of a-z 0-9 -", is_slug
);
text_id!(
    /// A dialect: how a sender's system words its postbacks.
    DialectId, 40, "a slug: 1 to 40 of a-z 0-9 -", is_slug
);
text_id!(
    /// The public token of an offer, by which senders of some dialects name it.
    SpotToken, 64, "a spot: 1 to 64 of A-Z a-z 0-9 . _ -",
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);
text_id!(
    /// A player's id where the affiliate knows it from, such as a messenger.
    UserId, 128, "a user id: 1 to 128 characters, none of them a control character",
    |c| !c.is_control()
);
text_id!(
    /// A player's id at the merchant.
    PlayerId, 128, "a player id: 1 to 128 characters, none of them a control character",
    |c| !c.is_control()
);
text_id!(
    /// The name of a goal in a postback.
    GoalAlias, 40, "a goal alias: 1 to 40 of a-z 0-9 _ -", |c| is_slug(c) || c == '_'
);
text_id!(
    /// A click, and so the player that it brought.
    ClickId, 128, "a click id: 1 to 128 of A-Z a-z 0-9 . _ -",
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);
text_id!(
    /// The merchant's own id of a deposit or revenue event.
    TransactionId, 128, "a transaction id: 1 to 128 characters, none of them a control character",
    |c| !c.is_control()
);

text_id!(
    /// The name under which a user signs in.
    UserName, 64, "a user name: 1 to 64 of a-z 0-9 . _ @ -",
    |c| is_slug(c) || matches!(c, '.' | '_' | '@')
);
text_id!(
    /// What people call an API key.
    ApiKeyName, 64, "a name of an API key: 1 to 64 of A-Z a-z 0-9 . _ -",
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);

text_id!(
    /// What a program calls a request that shall happen once, however often it is sent.
    IdempotencyKey, 255, "an idempotency key: 1 to 255 printable ASCII characters",
    |c| c.is_ascii_graphic() || c == ' '
);

uuid_id!(
    /// A conversion.
    ConversionId
);
uuid_id!(
    /// One request that reached us; also the id of its row in the postback log.
    RequestId
);
uuid_id!(
    /// One message to one endpoint, however often it is attempted.
    DeliveryId
);
uuid_id!(
    /// A merchant's token (not its secret text).
    TokenId
);

uuid_id!(
    /// An API key (not its secret text).
    ApiKeyId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_hold_only_their_alphabet() {
        assert!(MerchantId::parse("acme-2").is_ok());
        for wrong in ["", "Acme", "a b", "é", "a_b", &"a".repeat(41)] {
            assert!(MerchantId::parse(wrong).is_err(), "{wrong}");
        }
        assert!(GoalAlias::parse("kyc_passed-2").is_ok());
        assert!(ClickId::parse(&"x".repeat(128)).is_ok());
        for wrong in ["", "a/b", "a b", "a\0b", "ａ", &"x".repeat(129)] {
            assert!(ClickId::parse(wrong).is_err(), "{wrong}");
        }
        assert!(TransactionId::parse("№ 5/7 — ü").is_ok());
        assert!(TransactionId::parse("a\nb").is_err());
    }

    #[test]
    fn an_invalid_id_says_what_a_valid_one_looks_like() {
        let error = OfferId::parse("Big Offer").unwrap_err();
        assert_eq!(error.to_string(), "`Big Offer` is not a slug: 1 to 40 of a-z 0-9 -");
    }
}
