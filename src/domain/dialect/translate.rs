//! A sender's parameters in our words.

use super::{ACCOUNT, AMOUNT, CLICK, CURRENCY, Dialect, GOAL, SPOT, STATUS};
use crate::domain::{
    catalog::Offer,
    currency::CurrencyCode,
    goal::{Goal, StatusFlow},
    ids::{ClickId, TransactionId},
    merchant::Merchant,
    params::Params,
    postback::KNOWN,
    status::Status,
};

/// The sender's own words for a status, sent along.
const LISTS: [&str; 3] = ["approved_status", "pending_status", "rejected_status"];

/// What a postback is read against: the less is known, the fewer of its words can be understood.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Whose it is.
    pub merchant: Option<&'a Merchant>,
    /// The offer of its click.
    pub offer: Option<&'a Offer>,
    /// Its click, where that is not what was sent.
    pub click: Option<&'a ClickId>,
}

impl Dialect {
    /// What was sent, in our words: what the dialect has a name for under ours, and everything else as it came. Our
    /// own names mean what they mean with us, where the dialect does not use them otherwise.
    pub fn translate(&self, sent: &Params, context: Context<'_>) -> Params {
        let mut ours = Params::new();
        let mut used: Vec<&str> = Vec::with_capacity(self.parameters.len());
        for (name, theirs) in &self.parameters {
            let Some((theirs, value)) = theirs.iter().find_map(|it| Some((it.as_str(), sent.given(it)?)))
            else {
                continue;
            };
            used.push(theirs);
            let is_set = self.fixed.iter().any(|(fixed, _)| fixed == name);
            if !is_set && !matches!(*name, CLICK | GOAL | STATUS | SPOT | ACCOUNT) {
                ours.push(*name, value);
            }
        }
        for (name, value) in sent.iter() {
            if !used.contains(&name) && !self.is_token(name) && !self.has_other_use(name) {
                ours.push(name, value);
            }
        }
        ours.set(CLICK, context.click.map(ClickId::as_str).or_else(|| self.sent(sent, CLICK)));
        self.add_goal_and_status(&mut ours, sent, context.merchant);
        self.add_money(&mut ours, context);
        ours
    }

    /// Whether a name is one of ours that does not mean here what it means with us.
    fn has_other_use(&self, name: &str) -> bool {
        let is_ours = KNOWN.contains(&name) || matches!(name, SPOT | ACCOUNT);
        is_ours
            && (self
                .parameters
                .iter()
                .any(|(ours, theirs)| *ours == name || theirs.iter().any(|it| it == name))
                || self.fixed.iter().any(|(fixed, _)| *fixed == name))
    }

    /// The goal that a postback is about, where it is one of the merchant's.
    pub fn goal<'a>(&self, sent: &Params, merchant: &'a Merchant) -> Option<&'a Goal> {
        let word = self.goal_word(sent, Some(merchant))?;
        merchant.goals.iter().find(|goal| goal.alias.as_str() == word)
    }

    /// The name of the goal that a postback is about, as far as the dialect can tell.
    pub fn goal_alias<'a>(&'a self, sent: &'a Params) -> Option<&'a str> {
        self.goal_word(sent, None)
    }

    /// The transaction id of a postback.
    pub fn transaction(&self, sent: &Params) -> Option<TransactionId> {
        let own = || sent.given("transaction_id").filter(|_| self.names("transaction_id").is_empty());
        TransactionId::parse(self.sent(sent, "transaction_id").or_else(own)?).ok()
    }

    /// What was sent for a parameter of ours.
    fn sent<'a>(&self, sent: &'a Params, ours: &str) -> Option<&'a str> {
        self.names(ours).iter().find_map(|name| sent.given(name))
    }

    fn set<'a>(settings: &'a [(&'static str, String)], ours: &str) -> Option<&'a str> {
        settings.iter().find(|(name, _)| *name == ours).map(|(_, value)| value.as_str())
    }

    /// The goal in our words, or in the sender's where they are not understood. A word in a parameter that also says
    /// the status names a goal only if it is one.
    fn goal_word<'a>(&'a self, sent: &'a Params, merchant: Option<&'a Merchant>) -> Option<&'a str> {
        if let Some(fixed) = Self::set(&self.fixed, GOAL) {
            return Some(fixed);
        }
        for name in self.names(GOAL) {
            let Some(word) = sent.given(name) else { continue };
            let is_shared = self.names(STATUS).contains(name);
            if let Some(goal) = self.goal_named(word, is_shared, merchant) {
                return Some(goal);
            }
            if !is_shared {
                return Some(word);
            }
        }
        let own = || sent.given(GOAL).filter(|_| self.names(GOAL).is_empty());
        own().or_else(|| Self::set(&self.defaults, GOAL))
    }

    /// The goal that a word names. What the merchant calls its goals comes before what others call theirs, but not
    /// before the dialect's words for a status.
    fn goal_named<'a>(
        &'a self,
        word: &str,
        is_shared: bool,
        merchant: Option<&'a Merchant>,
    ) -> Option<&'a str> {
        let of_merchant = || merchant?.goal_called(word).map(|goal| goal.alias.as_str());
        let of_dialect = || {
            let known = self.goals.iter().find(|(own, _)| own.eq_ignore_ascii_case(word));
            known.map(|(_, goal)| goal.as_str())
        };
        if is_shared {
            let is_status = self.statuses.iter().any(|(own, _)| own.eq_ignore_ascii_case(word));
            return of_dialect().or_else(|| of_merchant().filter(|_| !is_status));
        }
        of_merchant().or_else(of_dialect)
    }

    /// The status in our words, or in the sender's where they are not understood.
    fn status_word<'a>(&'a self, sent: &'a Params, merchant: Option<&'a Merchant>) -> Option<&'a str> {
        if let Some(fixed) = Self::set(&self.fixed, STATUS) {
            return Some(fixed);
        }
        for name in self.names(STATUS) {
            let Some(word) = sent.given(name) else { continue };
            let lists = LISTS.iter().filter_map(|list| self.sent(sent, list).or_else(|| sent.given(list)));
            let mut listed = lists.flat_map(|list| list.split([';', ','])).map(str::trim);
            if listed.any(|own| own.eq_ignore_ascii_case(word.trim())) {
                return Some(word);
            }
            let known = self.statuses.iter().find(|(own, _)| own.eq_ignore_ascii_case(word.trim()));
            if let Some((_, status)) = known {
                return Some(status.as_str());
            }
            let is_shared = self.names(GOAL).contains(name);
            if !is_shared || self.goal_named(word, true, merchant).is_none() {
                return Some(word);
            }
        }
        let own = || sent.given(STATUS).filter(|_| self.names(STATUS).is_empty());
        own().or_else(|| Self::set(&self.defaults, STATUS))
    }

    fn add_goal_and_status(&self, ours: &mut Params, sent: &Params, merchant: Option<&Merchant>) {
        let goal = self.goal_word(sent, merchant);
        let status = self.status_word(sent, merchant);
        let is_two_phase = |merchant: &Merchant| {
            let goal = merchant.goals.iter().find(|own| Some(own.alias.as_str()) == goal);
            goal.is_some_and(|goal| goal.status_flow == StatusFlow::TwoPhase)
        };
        let usual = || {
            let merchant = merchant.filter(|merchant| is_two_phase(merchant))?;
            merchant.dialect_initial_status.map(Status::as_str)
        };
        let status = status.or_else(usual);
        ours.set(GOAL, goal);
        ours.set(STATUS, status);
    }

    /// Where a sender leaves out amount or currency: what is set, or what the offer or the merchant is set up for.
    fn add_money(&self, ours: &mut Params, context: Context<'_>) {
        let setting = |name| Self::set(&self.fixed, name).or_else(|| Self::set(&self.defaults, name));
        for name in [AMOUNT, "reason", "geo"] {
            if ours.given(name).is_none() {
                ours.set(name, setting(name));
            }
        }
        // Where there is no amount, there is nothing to be in a currency.
        if ours.given(AMOUNT).is_none() || ours.given(CURRENCY).is_some() {
            return;
        }
        let of_offer = context.offer.and_then(|offer| offer.currency);
        let only = || {
            let currencies = context.merchant?.currencies.as_ref()?;
            currencies.first().copied().filter(|_| currencies.len() == 1)
        };
        let usual = of_offer.or_else(only);
        ours.set(CURRENCY, setting(CURRENCY).or(usual.as_ref().map(CurrencyCode::as_str)));
    }
}
