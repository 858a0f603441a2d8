//! What can be configured, by the names of the configuration's tables.

use std::fmt;

use super::goal::stored_words;

/// A kind of thing that is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettingKind {
    /// A currency beside ISO 4217.
    Currency,
    /// A merchant, with its goals.
    Merchant,
    /// A goal of a merchant's own, known as `merchant/alias`.
    Goal,
    /// An affiliate.
    Affiliate,
    /// An offer.
    Offer,
    /// A postback endpoint.
    Postback,
    /// A dialect of senders' systems.
    Dialect,
    /// A pixel at an ad platform.
    Pixel,
}

stored_words!(SettingKind {
    "currency" => Self::Currency, "merchant" => Self::Merchant, "goal" => Self::Goal,
    "affiliate" => Self::Affiliate, "offer" => Self::Offer, "postback" => Self::Postback,
    "dialect" => Self::Dialect, "pixel" => Self::Pixel,
});

impl SettingKind {
    /// Those with a table of their own, each after those that it refers to. Goals stand within merchants.
    pub const TABLES: [Self; 7] = [
        Self::Currency,
        Self::Dialect,
        Self::Merchant,
        Self::Affiliate,
        Self::Offer,
        Self::Postback,
        Self::Pixel,
    ];
}

impl fmt::Display for SettingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
