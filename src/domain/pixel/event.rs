//! A conversion as a platform is told it, whichever platform that is.

use serde_json::value::RawValue;

use super::EventName;
use crate::domain::{outgoing::Facts, time::Timestamp};

/// A conversion under the platform's name for its goal.
#[derive(Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) facts: &'a Facts,
    pub(super) name: &'a EventName,
    /// When it happened. Platforms refuse the future, so a clock that is ahead of ours counts as ours.
    pub(super) at: Timestamp,
}

impl<'a> Event<'a> {
    pub(super) fn new(facts: &'a Facts, name: &'a EventName, now: Timestamp) -> Self {
        Self { facts, name, at: facts.event_time().min(now) }
    }

    /// By what a platform tells a repetition: the same on every attempt and for every status of the conversion.
    pub(super) fn id(&self) -> String {
        self.facts.conversion.id.to_string()
    }

    /// What the player's browser brought along, under the first of these names that has a value: what came with the
    /// click, or else what the merchant tells.
    pub(super) fn of_click(&self, names: &[&str]) -> Option<&'a str> {
        let (click, merchant) = (&self.facts.click_params, &self.facts.conversion.extra);
        names.iter().find_map(|name| click.given(name).or_else(|| merchant.given(name)))
    }

    /// What is known of the player: what the merchant tells, or else what came with the click.
    pub(super) fn of_player(&self, names: &[&str]) -> Option<&'a str> {
        let (click, merchant) = (&self.facts.click_params, &self.facts.conversion.extra);
        names.iter().find_map(|name| merchant.given(name).or_else(|| click.given(name)))
    }

    /// The player's money and its currency, where it is one of ISO 4217: platforms know no other.
    pub(super) fn money(&self) -> Option<(String, &'a str)> {
        let conversion = &self.facts.conversion;
        let currency = conversion.currency.as_ref()?;
        let code = iso_currency::Currency::from_code(currency.code.as_str())?.code();
        Some((conversion.amount.display(currency.minor_unit).to_string(), code))
    }

    /// The same with the amount as a JSON number: exact, because it is never anything but text.
    pub(super) fn money_json(&self) -> Option<(Box<RawValue>, &'a str)> {
        let (amount, currency) = self.money()?;
        Some((RawValue::from_string(amount).ok()?, currency))
    }
}

/// The parameters that tell how the browser calls itself; the first is the one that a click is recorded with.
pub const USER_AGENT: &[&str] = &["client_user_agent", "user_agent"];

/// The parameters that tell where the browser was; the first is the one that a click is recorded with.
pub const ADDRESS: &[&str] = &["client_ip_address", "ip"];
