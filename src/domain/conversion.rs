//! A conversion: one goal that one player reached.

use super::{
    currency::Currency,
    ids::{AffiliateId, ClickId, ConversionId, GoalAlias, MerchantId, OfferId, TransactionId},
    money::{Money, Multiplier},
    params::Params,
    payout::Payout,
    status::Status,
    time::Timestamp,
};

/// One goal that one player reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Its id.
    pub id: ConversionId,
    /// The player's click.
    pub click: ClickId,
    /// The merchant that reported it.
    pub merchant: MerchantId,
    /// The click's offer.
    pub offer: OfferId,
    /// The click's affiliate.
    pub affiliate: AffiliateId,
    /// What was reached.
    pub goal: GoalAlias,
    /// Whether the goal was one that a player reaches once, at that moment.
    pub once: bool,
    /// Where it stands: the status of the last step of its history.
    pub status: Status,
    /// How many steps its history has.
    pub steps: i32,
    /// The player's money.
    pub amount: Money,
    /// In which currency; none where no amount was given.
    pub currency: Option<Currency>,
    /// What the merchant owes us of it.
    pub revenue: Option<Revenue>,
    /// The merchant's own id of it.
    pub transaction: Option<TransactionId>,
    /// Whether it came within a minute of an equal one, neither with a transaction id.
    pub suspected_duplicate: bool,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it got its last final status; none while it is pending.
    pub decided_at: Option<Timestamp>,
    /// When it happened at the merchant, where that was told.
    pub event_time: Option<Timestamp>,
    /// What we owe the affiliate for it, should it count.
    pub payout: Option<Payout>,
    /// The parameters that came with it beyond the contract's. Empty where only the facts of the ledger were loaded.
    pub extra: Params,
}

/// Our part of a revenue event, with the multiplier of that moment: a later change of the deal rewrites nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revenue {
    /// Amount times multiplier.
    pub money: Money,
    /// The multiplier that was in force.
    pub multiplier: Multiplier,
}
