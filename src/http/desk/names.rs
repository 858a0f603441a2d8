//! What is configured, by its name for people.

use std::collections::BTreeMap;

use crate::{
    domain::{
        catalog::Catalog,
        conversion::Conversion,
        currency::Currency,
        goal::GoalRole,
        ids::GoalAlias,
        money::{Money, Total},
    },
    http::ui::{
        form::Choice,
        view::{Amount, Named},
    },
};

/// What a filter offers to choose from, by name.
pub(super) struct Choices<'a>(pub(super) &'a Catalog);

impl Choices<'_> {
    pub(super) fn merchants(&self) -> Vec<Choice> {
        by_name(self.0.merchants.values().map(|merchant| (merchant.id.to_string(), merchant.name.clone())))
    }

    pub(super) fn offers(&self) -> Vec<Choice> {
        by_name(self.0.offers.values().map(|offer| (offer.id.to_string(), offer.name.clone())))
    }

    pub(super) fn affiliates(&self) -> Vec<Choice> {
        by_name(
            self.0.affiliates.values().map(|affiliate| (affiliate.id.to_string(), affiliate.name.clone())),
        )
    }

    /// Every goal of any merchant once.
    pub(super) fn goals(&self) -> Vec<Choice> {
        let own = self.0.merchants.values().flat_map(|merchant| &merchant.goals);
        let all = self.0.built_in_goals.iter().chain(own);
        let unique: BTreeMap<_, _> = all.map(|goal| (goal.alias.to_string(), goal.name.clone())).collect();
        by_name(unique)
    }
}

fn by_name(found: impl IntoIterator<Item = (String, String)>) -> Vec<Choice> {
    let mut choices: Vec<_> = found.into_iter().map(|(id, name)| Choice::new(&id, name)).collect();
    choices.sort_by_key(|choice| choice.label.to_lowercase());
    choices
}

/// The names of what a conversion refers to; what is no longer configured goes by its id.
pub(super) struct Names<'a> {
    catalog: &'a Catalog,
    conversion: &'a Conversion,
}

impl<'a> Names<'a> {
    pub(super) fn new(catalog: &'a Catalog, conversion: &'a Conversion) -> Self {
        Self { catalog, conversion }
    }

    pub(super) fn merchant(&self) -> &'a str {
        let id = &self.conversion.merchant;
        self.catalog.merchants.get(id).map_or(id.as_str(), |merchant| &merchant.name)
    }

    pub(super) fn offer(&self) -> &'a str {
        let id = &self.conversion.offer;
        self.catalog.offers.get(id).map_or(id.as_str(), |offer| &offer.name)
    }

    pub(super) fn affiliate(&self) -> &'a str {
        let id = &self.conversion.affiliate;
        self.catalog.affiliates.get(id).map_or(id.as_str(), |affiliate| &affiliate.name)
    }

    pub(super) fn goal(&self) -> &'a str {
        let alias = &self.conversion.goal;
        let merchant = self.catalog.merchants.get(&self.conversion.merchant);
        merchant.and_then(|merchant| merchant.goal(alias)).map_or(alias.as_str(), |goal| &goal.name)
    }

    /// The goal of the merchant's that counts deposits after the first one.
    pub(super) fn repeat_deposit(&self) -> Option<&'a GoalAlias> {
        let merchant = self.catalog.merchants.get(&self.conversion.merchant)?;
        merchant.goals.iter().find(|goal| goal.role == GoalRole::RepeatDeposit).map(|goal| &goal.alias)
    }

    pub(super) fn named_merchant(&self) -> Named {
        Named::new(&self.conversion.merchant, self.merchant())
    }

    pub(super) fn named_offer(&self) -> Named {
        Named::new(&self.conversion.offer, self.offer())
    }

    pub(super) fn named_affiliate(&self) -> Named {
        Named::new(&self.conversion.affiliate, self.affiliate())
    }
}

/// An amount as pages show it; nothing where there is no currency.
pub(super) fn amount(money: Money, currency: Option<Currency>) -> Amount {
    sum(Total::from(money), currency)
}

/// A sum as pages show it; nothing where there is no currency.
pub(super) fn sum(total: Total, currency: Option<Currency>) -> Amount {
    currency.map_or_else(Amount::default, |currency| {
        Amount::new(&total.display(currency.minor_unit).to_string(), currency.code.as_str())
    })
}

/// A sum where its currency stands beside already.
pub(super) fn plain(total: Total, currency: Currency) -> Amount {
    Amount::new(&total.display(currency.minor_unit).to_string(), "")
}
