//! Refusals: stable codes, and a sentence that says what to send instead.

use super::goal::stored_words;

/// Why something was not done. The codes are part of the contract and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own codes, which it explains")]
pub enum Code {
    MissingParameter,
    DuplicateParameter,
    MalformedQuery,
    UnresolvedMacro,
    InvalidClickId,
    InvalidAmount,
    AmountPrecision,
    InvalidCurrency,
    InvalidStatus,
    InvalidTransactionId,
    InvalidEventTime,
    UnknownGoal,
    InvalidToken,
    InvalidSignature,
    MerchantInactive,
    IpNotAllowed,
    DealNotHybrid,
    StatusNotAllowed,
    ClickNotFound,
    ConversionNotFound,
    OfferNotFound,
    AffiliateNotFound,
    CurrencyMismatch,
    AmountMismatch,
    ConflictingDuplicate,
    AlreadyDecided,
    AmbiguousConversion,
    NoStatusFlow,
    FtdMissing,
    MissingReason,
}

stored_words!(Code {
    "missing_parameter" => Self::MissingParameter,
    "duplicate_parameter" => Self::DuplicateParameter,
    "malformed_query" => Self::MalformedQuery,
    "unresolved_macro" => Self::UnresolvedMacro,
    "invalid_click_id" => Self::InvalidClickId,
    "invalid_amount" => Self::InvalidAmount,
    "amount_precision" => Self::AmountPrecision,
    "invalid_currency" => Self::InvalidCurrency,
    "invalid_status" => Self::InvalidStatus,
    "invalid_transaction_id" => Self::InvalidTransactionId,
    "invalid_event_time" => Self::InvalidEventTime,
    "unknown_goal" => Self::UnknownGoal,
    "invalid_token" => Self::InvalidToken,
    "invalid_signature" => Self::InvalidSignature,
    "merchant_inactive" => Self::MerchantInactive,
    "ip_not_allowed" => Self::IpNotAllowed,
    "deal_not_hybrid" => Self::DealNotHybrid,
    "status_not_allowed" => Self::StatusNotAllowed,
    "click_not_found" => Self::ClickNotFound,
    "conversion_not_found" => Self::ConversionNotFound,
    "offer_not_found" => Self::OfferNotFound,
    "affiliate_not_found" => Self::AffiliateNotFound,
    "currency_mismatch" => Self::CurrencyMismatch,
    "amount_mismatch" => Self::AmountMismatch,
    "conflicting_duplicate" => Self::ConflictingDuplicate,
    "already_decided" => Self::AlreadyDecided,
    "ambiguous_conversion" => Self::AmbiguousConversion,
    "no_status_flow" => Self::NoStatusFlow,
    "ftd_missing" => Self::FtdMissing,
    "missing_reason" => Self::MissingReason,
});

impl Code {
    /// Whether it is found before a signature is looked at.
    pub const fn precedes_signature(self) -> bool {
        matches!(
            self,
            Self::MissingParameter
                | Self::UnresolvedMacro
                | Self::InvalidClickId
                | Self::InvalidAmount
                | Self::AmountPrecision
                | Self::InvalidCurrency
                | Self::InvalidStatus
                | Self::InvalidTransactionId
                | Self::InvalidEventTime
                | Self::UnknownGoal
                | Self::MerchantInactive
                | Self::IpNotAllowed
        )
    }

    /// What the sender, or whoever looks after it, has to change, where nothing more is known than the code.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::MissingParameter => "Send every parameter that is required; one is missing or empty.",
            Self::DuplicateParameter => "Send each parameter once.",
            Self::MalformedQuery => "Send the parameters as percent-encoded UTF-8, or as one JSON object.",
            Self::UnresolvedMacro => "Fill the placeholders in: one was sent as it stands in the template.",
            Self::InvalidClickId | Self::ClickNotFound => {
                "Send the click id exactly as the landing page received it; no click of this merchant has this one."
            }
            Self::InvalidAmount | Self::AmountPrecision => {
                "Send the amount as a plain decimal that the goal allows."
            }
            Self::InvalidCurrency => "Send a currency that this merchant is set up for.",
            Self::InvalidStatus => "Send a status that is known here, or name your own word for it.",
            Self::InvalidTransactionId => "Send another transaction id: 1 to 128 characters.",
            Self::InvalidEventTime => "Send the time as RFC 3339 or Unix seconds, and none in the future.",
            Self::UnknownGoal => "Send one of the merchant's goals, or have this one added.",
            Self::InvalidToken => {
                "Send the merchant's token; this one is missing, unknown, revoked or expired."
            }
            Self::InvalidSignature => {
                "Sign the request under the merchant's signing secret, and send it at once."
            }
            Self::MerchantInactive => "Have the merchant switched on.",
            Self::IpNotAllowed => "Send from an allowed address, or have this one allowed.",
            Self::DealNotHybrid => "Send no revenue share, or have the deal changed to a hybrid one.",
            Self::StatusNotAllowed => "Record it without a status, and decide it afterwards.",
            Self::ConversionNotFound => "Record the conversion before it is decided.",
            Self::OfferNotFound => "Name an active offer.",
            Self::AffiliateNotFound => "Name an affiliate that there is.",
            Self::CurrencyMismatch => "Send the currency of the player's first deposit.",
            Self::AmountMismatch => "Send the recorded amount, or none.",
            Self::ConflictingDuplicate => {
                "Send the same again, or another transaction id; it is recorded and differs."
            }
            Self::AlreadyDecided => "Leave it: it was decided the other way.",
            Self::AmbiguousConversion => "Say which conversion is meant by its transaction id.",
            Self::NoStatusFlow => "Record it without a status: this goal counts at once.",
            Self::FtdMissing => "Send the player's first deposit before the repeat deposit.",
            Self::MissingReason => "Give a reason.",
        }
    }
}

/// A refusal: what was wrong, where, and what to send instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was wrong.
    pub code: Code,
    /// The parameter that has to change, where it is one.
    pub parameter: Option<String>,
    /// One sentence for the sender: what to send instead. Never holds a secret.
    pub detail: String,
}

impl Refusal {
    /// A refusal that no single parameter is to blame for.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, parameter: None, detail: detail.into() }
    }

    /// A refusal because of this parameter.
    pub fn of(code: Code, parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, parameter: Some(parameter.into()), detail: detail.into() }
    }
}
