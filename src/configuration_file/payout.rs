//! `[[offer.payout]]`: what an offer pays its affiliates.

use serde::Deserialize;
use toml::Spanned;
use utoipa::ToSchema;

use super::{
    Mistake, Reader,
    entries::{File, OfferEntry, goal_alias},
};
use crate::domain::{
    currency::Currencies,
    ids::GoalAlias,
    money::Money,
    payout::{Payout, PayoutRule},
};

/// What an offer pays for each approved conversion of a goal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Payout)]
pub(super) struct PayoutEntry {
    /// A goal of its merchant.
    #[serde(deserialize_with = "goal_alias")]
    #[schema(value_type = String)]
    goal: Spanned<GoalAlias>,
    /// How much: a decimal above 0.
    #[schema(value_type = String)]
    amount: Spanned<String>,
    /// In which currency.
    #[schema(value_type = String)]
    currency: Spanned<String>,
}

impl Reader<'_> {
    /// What an offer pays, for goals of its merchant.
    pub(super) fn payouts(&self, offer: &OfferEntry, known: &Currencies) -> Result<Vec<PayoutRule>, Mistake> {
        self.check_unique(offer.payout.iter().map(|entry| &entry.goal), "offer.payout.goal")?;
        offer.payout.iter().map(|entry| self.payout(entry, known)).collect()
    }

    fn payout(&self, entry: &PayoutEntry, known: &Currencies) -> Result<PayoutRule, Mistake> {
        let code = self.known_currency(&entry.currency, known, "offer.payout.currency")?;
        let span = entry.currency.span();
        let gone = || self.mistake(span, "offer.payout.currency", "there is no such currency".to_owned());
        let currency = known.find(code.as_str()).ok_or_else(gone)?;
        let money = Money::parse(entry.amount.get_ref())
            .ok()
            .filter(|money| !money.is_zero() && !money.is_negative() && money.fits(currency.minor_unit));
        let money = money.ok_or_else(|| {
            let why = format!(
                "`{}` is no payout in {code}: a decimal above 0 with at most {} decimal places, as in \"40.00\"",
                entry.amount.get_ref(),
                currency.minor_unit
            );
            self.mistake(entry.amount.span(), "offer.payout.amount", why)
        })?;
        Ok(PayoutRule { goal: entry.goal.get_ref().clone(), payout: Payout { money, currency } })
    }

    /// Every goal that an offer pays for is one that its merchant has, here or already.
    pub(super) fn check_payout_goals(&self, file: &File) -> Result<(), Mistake> {
        for offer in &file.offer {
            let merchant = offer.merchant.get_ref();
            let built_in = self.world.present.built_in_goals.iter().map(|goal| &goal.alias);
            let present = self.world.present.merchants.get(merchant).into_iter().flat_map(|it| &it.goals);
            let entries = file.merchant.iter().filter(|entry| entry.id.get_ref() == merchant);
            let here = entries.flat_map(|entry| &entry.goal).map(|goal| goal.alias.get_ref());
            let goals: Vec<_> = built_in.chain(present.map(|goal| &goal.alias)).chain(here).collect();
            for entry in &offer.payout {
                let goal = entry.goal.get_ref();
                if !goals.contains(&goal) {
                    let why = format!("{merchant} has no goal {goal}: add [[merchant.goal]] with this alias");
                    return Err(self.mistake(entry.goal.span(), "offer.payout.goal", why));
                }
            }
        }
        Ok(())
    }
}
