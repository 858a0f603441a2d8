//! A player's card: who somebody is, what they brought, and everything that happened to them, in order.

use std::collections::BTreeMap;

use super::{
    click::Click,
    conversion::Conversion,
    currency::Currency,
    goal::{GoalRole, REGISTRATION},
    ids::{ConversionId, GoalAlias},
    merchant::Merchant,
    money::Total,
    params::Params,
    player::PlayerNote,
    status::{Status, StatusEvent},
    time::Timestamp,
};

/// A message on a card: what a goal's template said when it arrived, or what a manager noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardMessage {
    /// Who says so: `goal:kyc`, `user:anna`.
    pub author: String,
    /// What.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// Everything that is recorded of a player.
#[derive(Clone, Debug)]
pub struct PlayerRecord {
    /// The click that brought them.
    pub click: Click,
    /// The click's parameters.
    pub params: Params,
    /// What postbacks told of who they are.
    pub note: Option<PlayerNote>,
    /// Their conversions, the earliest first.
    pub conversions: Vec<Conversion>,
    /// The history of those.
    pub history: Vec<StatusEvent>,
    /// Messages and notes.
    pub messages: Vec<CardMessage>,
}

/// How many conversions of a kind a player has, and what they sum up to in a currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// In which currency; none where there was no amount.
    pub currency: Option<Currency>,
    /// Their amounts.
    pub amount: Total,
    /// What the merchant owes of them.
    pub revenue: Total,
}

/// What a player brought. Rejected conversions are in none of the sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// When they registered.
    pub registered_at: Option<Timestamp>,
    /// Their first deposit.
    pub first_deposit: Option<ConversionId>,
    /// Repeat deposits, a sum for each currency.
    pub repeat_deposits: Vec<Sum>,
    /// Revenue share.
    pub revenue_share: Vec<Sum>,
    /// Every other goal.
    pub goals: BTreeMap<GoalAlias, Vec<Sum>>,
}

/// Something in a player's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// They clicked.
    Clicked,
    /// A conversion of theirs got a status.
    Conversion {
        /// Which.
        id: ConversionId,
        /// Of which goal.
        goal: GoalAlias,
        /// The status before; none for the recording.
        from: Option<Status>,
        /// The status from then on.
        to: Status,
        /// Who caused it.
        actor: String,
        /// Why, where a reason was given.
        reason: Option<String>,
    },
    /// A goal's message, or a manager's note.
    Message(CardMessage),
}

impl PlayerRecord {
    /// What they brought, by the roles that their merchant's goals have.
    pub fn brought(&self, merchant: Option<&Merchant>) -> Brought {
        let mut brought = Brought::default();
        for conversion in &self.conversions {
            let role =
                merchant.and_then(|it| it.goal(&conversion.goal)).map_or(GoalRole::Event, |goal| goal.role);
            let is_registration = conversion.goal.as_str() == REGISTRATION;
            if is_registration {
                brought.registered_at.get_or_insert(conversion.event_time.unwrap_or(conversion.created_at));
            }
            if role == GoalRole::FirstDeposit {
                brought.first_deposit.get_or_insert(conversion.id);
            }
            if conversion.status == Status::Rejected {
                continue;
            }
            match role {
                GoalRole::RepeatDeposit => add(&mut brought.repeat_deposits, conversion),
                GoalRole::RevenueShare => add(&mut brought.revenue_share, conversion),
                GoalRole::Event if !is_registration => {
                    add(brought.goals.entry(conversion.goal.clone()).or_default(), conversion);
                }
                GoalRole::FirstDeposit | GoalRole::Event => {}
            }
        }
        brought
    }

    /// Everything that happened, the earliest first.
    pub fn timeline(&self) -> Vec<(Timestamp, Happened)> {
        let goals: BTreeMap<_, _> = self.conversions.iter().map(|it| (it.id, &it.goal)).collect();
        let step = |event: &StatusEvent| {
            let happened = Happened::Conversion {
                id: event.conversion,
                goal: (*goals.get(&event.conversion)?).clone(),
                from: event.from,
                to: event.to,
                actor: event.actor.to_string(),
                reason: event.reason.clone(),
            };
            Some((event.at, happened))
        };
        let clicked = std::iter::once((self.click.at, Happened::Clicked));
        let messages = self.messages.iter().map(|message| (message.at, Happened::Message(message.clone())));
        let mut all: Vec<_> = clicked.chain(self.history.iter().filter_map(step)).chain(messages).collect();
        // What happened at the same time stays in this order: a message follows the conversion that it tells of.
        all.sort_by_key(|(at, _)| *at);
        all
    }

    /// The country, as the click says it.
    pub fn country(&self) -> Option<&str> {
        ["geo", "country"].iter().find_map(|name| self.params.given(name))
    }
}

fn add(sums: &mut Vec<Sum>, conversion: &Conversion) {
    let at = sums.iter().position(|sum| sum.currency == conversion.currency).unwrap_or_else(|| {
        sums.push(Sum { currency: conversion.currency, ..Sum::default() });
        sums.len() - 1
    });
    sums[at].count += 1;
    sums[at].amount += conversion.amount.into();
    if let Some(revenue) = conversion.revenue {
        sums[at].revenue += revenue.money.into();
    }
}

#[cfg(test)]
mod tests;
