//! Refusals: stable codes, and a sentence that says what to send instead.

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
}

impl Code {
    /// The code as it stands in answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingParameter => "missing_parameter",
            Self::DuplicateParameter => "duplicate_parameter",
            Self::MalformedQuery => "malformed_query",
            Self::UnresolvedMacro => "unresolved_macro",
            Self::InvalidClickId => "invalid_click_id",
            Self::InvalidAmount => "invalid_amount",
            Self::AmountPrecision => "amount_precision",
            Self::InvalidCurrency => "invalid_currency",
            Self::InvalidStatus => "invalid_status",
            Self::InvalidTransactionId => "invalid_transaction_id",
            Self::InvalidEventTime => "invalid_event_time",
            Self::UnknownGoal => "unknown_goal",
            Self::InvalidToken => "invalid_token",
            Self::InvalidSignature => "invalid_signature",
            Self::MerchantInactive => "merchant_inactive",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::DealNotHybrid => "deal_not_hybrid",
            Self::StatusNotAllowed => "status_not_allowed",
            Self::ClickNotFound => "click_not_found",
            Self::ConversionNotFound => "conversion_not_found",
            Self::OfferNotFound => "offer_not_found",
            Self::AffiliateNotFound => "affiliate_not_found",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::AmountMismatch => "amount_mismatch",
            Self::ConflictingDuplicate => "conflicting_duplicate",
            Self::AlreadyDecided => "already_decided",
            Self::AmbiguousConversion => "ambiguous_conversion",
            Self::NoStatusFlow => "no_status_flow",
            Self::FtdMissing => "ftd_missing",
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
