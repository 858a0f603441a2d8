//! A merchant: its deal with us and what it may send.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

use super::{
    currency::CurrencyCode,
    goal::{Goal, stored_words},
    ids::{GoalAlias, MerchantId},
    money::Multiplier,
    refusal::{Code, Refusal},
    secret::Secret,
    status::Status,
};

/// What we are owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deal {
    /// A fixed sum per first deposit.
    Cpa,
    /// That, and a part of the revenue: an event's amount times this.
    Hybrid(Multiplier),
}

/// The kind of a deal without its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DealKind {
    /// See [`Deal::Cpa`].
    Cpa,
    /// See [`Deal::Hybrid`].
    Hybrid,
}

stored_words!(DealKind { "cpa" => Self::Cpa, "hybrid" => Self::Hybrid });

impl Deal {
    /// Its kind.
    pub const fn kind(self) -> DealKind {
        match self {
            Self::Cpa => DealKind::Cpa,
            Self::Hybrid(_) => DealKind::Hybrid,
        }
    }

    /// The multiplier of a hybrid deal.
    pub const fn multiplier(self) -> Option<Multiplier> {
        match self {
            Self::Cpa => None,
            Self::Hybrid(multiplier) => Some(multiplier),
        }
    }
}

/// A merchant: its deal with us and what it may send.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
#[derive(Clone, Debug)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name for people.
    pub name: String,
    /// What it owes us.
    pub deal: Deal,
    /// The currencies that it may send; none means every known one.
    pub currencies: Option<BTreeSet<CurrencyCode>>,
    /// The addresses that it may send from; empty means any.
    pub allowed_ips: Vec<IpNet>,
    /// Whether a repeat deposit needs a recorded first deposit.
    pub require_ftd: bool,
    /// Whether a suspected duplicate waits for a manager instead of counting at once.
    pub hold_suspected: bool,
    /// Whether its postbacks must be signed.
    pub require_signature: bool,
    /// Under what they are signed.
    pub signing_secret: Option<Secret>,
    /// What a recording postback may set a two-phase goal to, beside `pending`.
    pub initial_statuses: BTreeSet<Status>,
    /// Whether it may send at all.
    pub active: bool,
    /// Every goal that it can report: the built-in ones and its own.
    pub goals: Vec<Goal>,
}

impl Merchant {
    /// The goal of this name.
    pub fn goal(&self, alias: &GoalAlias) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.alias == *alias)
    }

    /// Whether a recording postback may ask for this status of a two-phase goal.
    pub fn allows_initially(&self, status: Status) -> bool {
        status == Status::Pending || self.initial_statuses.contains(&status)
    }

    /// Whether it may send now, from this address.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn admits(&self, address: IpAddr) -> Result<(), Refusal> {
        if !self.active {
            let detail = "This merchant is switched off: ask your affiliate manager to switch it on.";
            return Err(Refusal::new(Code::MerchantInactive, detail));
        }
        if !self.allowed_ips.is_empty() && !self.allowed_ips.iter().any(|range| range.contains(&address)) {
            let detail = format!(
                "Send from an allowed address, or ask your affiliate manager to allow {address} for this merchant."
            );
            return Err(Refusal::new(Code::IpNotAllowed, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;

    #[test]
    fn an_active_merchant_sends_from_its_allowed_addresses() {
        #[track_caller]
        fn check(active: bool, allowed: &[&str], address: &str, expected: Option<Code>) {
            let plain = Merchant::clone(&fixture::catalog().merchants["plain"]);
            let allowed_ips = allowed.iter().map(|range| range.parse().unwrap()).collect();
            let merchant = Merchant { allowed_ips, active, ..plain };
            let refused = merchant.admits(address.parse().unwrap()).err().map(|refusal| refusal.code);
            assert_eq!(refused, expected, "{allowed:?} {address}");
        }
        check(true, &[], "203.0.113.7", None);
        check(true, &["203.0.113.0/24", "2001:db8::/32"], "203.0.113.7", None);
        check(true, &["203.0.113.0/24", "2001:db8::/32"], "2001:db8::7", None);
        check(true, &["203.0.113.0/24"], "203.0.114.7", Some(Code::IpNotAllowed));
        check(true, &["203.0.113.0/24"], "2001:db8::7", Some(Code::IpNotAllowed));
        check(false, &[], "203.0.113.7", Some(Code::MerchantInactive));
        check(false, &["203.0.113.0/24"], "203.0.114.7", Some(Code::MerchantInactive));
    }
}
