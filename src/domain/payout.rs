//! Payouts: what we owe the affiliates.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    currency::Currency,
    ids::GoalAlias,
    money::{Money, MoneyText},
};

/// What we owe an affiliate for one conversion, should it count. It is kept with the conversion: what an offer pays
/// later rewrites nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payout {
    /// How much.
    pub money: Money,
    /// In which currency; it need not be the player's.
    pub currency: Currency,
}

impl Payout {
    /// The amount as text, at least at the minor unit.
    pub fn display(&self) -> MoneyText {
        self.money.display(self.currency.minor_unit)
    }
}

/// What an offer pays for each conversion of a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutRule {
    /// For which goal.
    pub goal: GoalAlias,
    /// How much.
    pub payout: Payout,
}

/// In the words in which it is configured.
impl Serialize for PayoutRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rule = serializer.serialize_struct("PayoutRule", 3)?;
        rule.serialize_field("goal", &self.goal)?;
        rule.serialize_field("amount", &self.payout.display().to_string())?;
        rule.serialize_field("currency", &self.payout.currency.code)?;
        rule.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::decide::tests::world::World;

    /// Sets what acme's offer pays for first deposits.
    fn pay(world: &mut World, amount: &str, currency: &str) {
        let payout = Payout {
            money: Money::parse(amount).unwrap(),
            currency: world.catalog.currencies.find(currency).unwrap(),
        };
        let offer = world.catalog.offers.get_mut("acme").unwrap();
        offer.payouts = vec![PayoutRule { goal: GoalAlias::parse("ftd").unwrap(), payout }];
    }

    #[test]
    fn a_conversion_keeps_what_its_offer_paid_when_it_was_recorded() {
        let mut world = World::new();
        pay(&mut world, "40", "USD");
        world.tell("conv acme-1 reg");
        world.tell("conv acme-1 ftd 100 EUR");
        world.tell("conv plain-1 ftd 100 EUR");
        pay(&mut world, "55.5", "EUR");
        world.tell("change acme-1 ftd conv_status=approved");
        world.tell("addchange acme-2 ftd 70 EUR conv_status=approved");
        let payout = |payout: Option<Payout>| {
            payout.map(|payout| format!("{} {}", payout.display(), payout.currency.code)).unwrap_or_default()
        };
        let kept: Vec<_> =
            world.ledger.conversions.iter().map(|it| (it.goal.as_str(), payout(it.payout))).collect();
        let expected = [("reg", ""), ("ftd", "40.00 USD"), ("ftd", ""), ("ftd", "55.50 EUR")];
        assert_eq!(kept, expected.map(|(goal, payout)| (goal, payout.to_owned())));
    }
}
