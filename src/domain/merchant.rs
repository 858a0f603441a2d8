//! A merchant: its deal with us and what it may send.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    catalog::Offer,
    currency::CurrencyCode,
    dialect::Dialect,
    goal::{Goal, stored_words},
    ids::{DialectId, GoalAlias, MerchantId},
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

/// As it is configured: the kind, and the multiplier beside it.
impl Serialize for Deal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("deal", &self.kind())?;
        if let Some(multiplier) = self.multiplier() {
            map.serialize_entry("revshare_multiplier", &multiplier.to_string())?;
        }
        map.end()
    }
}

/// A merchant: its deal with us and what it may send.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
#[derive(Clone, Debug, Serialize)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name for people.
    pub name: String,
    /// What it owes us.
    #[serde(flatten)]
    pub deal: Deal,
    /// The currencies that it may send; none means every known one.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<Secret>,
    /// What a recording postback may set a two-phase goal to, beside `pending`.
    pub initial_statuses: BTreeSet<Status>,
    /// The dialect that its systems speak, where it is not our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<DialectId>,
    /// Whether its postbacks need its token even in a dialect that knows none.
    pub dialect_token: bool,
    /// What a postback in a dialect sets a two-phase goal to where it does not say a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect_initial_status: Option<Status>,
    /// Whether it may send at all.
    pub active: bool,
    /// Every goal that it can report: the built-in ones and its own.
    #[serde(rename = "goal", skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<Goal>,
}

impl Merchant {
    /// The goal of this name.
    pub fn goal(&self, alias: &GoalAlias) -> Option<&Goal> {
        self.goals.iter().find(|goal| goal.alias == *alias)
    }

    /// The goal that its own systems call this: by its token, or by its name.
    pub fn goal_called(&self, word: &str) -> Option<&Goal> {
        let by_token = self.goals.iter().find(|goal| goal.token.as_deref() == Some(word));
        by_token.or_else(|| self.goals.iter().find(|goal| goal.alias.as_str() == word))
    }

    /// Whether it takes postbacks about this offer in this dialect without a token. Somebody must have said so: by
    /// naming the dialect, or by giving the offer a spot, where the dialect speaks of spots.
    pub fn takes_untokened(&self, dialect: &Dialect, offer: Option<&Offer>) -> bool {
        let has_spot = offer.is_some_and(|offer| offer.spot.is_some());
        !self.dialect_token
            && !dialect.token_required
            && (self.dialect.as_ref() == Some(&dialect.id) || (has_spot && dialect.knows_spots()))
    }

    /// Whether a recording postback may ask for this status of a two-phase goal.
    pub fn allows_initially(&self, status: Status) -> bool {
        status == Status::Pending || self.initial_statuses.contains(&status)
    }

    /// Whether it may send now.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn check_active(&self) -> Result<(), Refusal> {
        if self.active {
            return Ok(());
        }
        let detail = "This merchant is switched off: ask your affiliate manager to switch it on.";
        Err(Refusal::new(Code::MerchantInactive, detail))
    }

    /// Whether it may send now, from this address.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn admits(&self, address: IpAddr) -> Result<(), Refusal> {
        self.check_active()?;
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
