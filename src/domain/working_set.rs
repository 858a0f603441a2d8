//! The working set: what a batch of events touches, loaded before and carried along while they are decided.

use std::collections::{BTreeSet, HashMap};

use super::{
    catalog::Catalog,
    click::Click,
    conversion::Conversion,
    decide::{Changes, Event},
    goal::GoalRole,
    ids::{ClickId, GoalAlias, MerchantId, TransactionId},
    merchant::Merchant,
    postback::Intent,
    status::Status,
    time::Timestamp,
};

/// How long after an equal one a conversion without a transaction id is suspected to be its repetition.
pub const SUSPICION_MILLIS: i64 = 60_000;

/// A merchant's own id of one of its conversions, in full.
pub type TransactionKey = (MerchantId, GoalAlias, TransactionId);

/// What has to be loaded before a batch can be decided.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// These clicks, with those of their conversions that have [`Conversion::once`].
    pub clicks: BTreeSet<ClickId>,
    /// The conversions under these transaction ids.
    pub transactions: BTreeSet<TransactionKey>,
    /// Of these clicks and repeatable goals: what was recorded [`SUSPICION_MILLIS`] or less before the
    /// earliest stamp of the batch, or later, to find twins.
    pub recent: BTreeSet<(ClickId, GoalAlias)>,
    /// Of these clicks and repeatable goals: [`Keys::candidates_limit`] conversions, pending ones first; enough
    /// to tell whether a status change means the only one, the only pending one, or cannot be told.
    pub candidates: BTreeSet<(ClickId, GoalAlias)>,
    /// How many candidates to load of each: two, which tell one from several, or one more than the batch has
    /// decisions, since each of them may take a pending one away before the last one asks.
    pub candidates_limit: usize,
    /// Of these clicks and repeatable goals: the earliest conversion, which has set the currency of a player whose
    /// first deposit is older than the tracker.
    pub earliest: BTreeSet<(ClickId, GoalAlias)>,
}

impl Keys {
    /// Of these events.
    pub fn of<'a>(catalog: &Catalog, events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut keys = Self::default();
        let mut decisions = 0;
        for event in events {
            let Event::Postback { merchant, postback } = event else { continue };
            keys.clicks.insert(postback.click.clone());
            if let Some(transaction) = &postback.transaction {
                keys.transactions.insert((merchant.clone(), postback.goal.clone(), transaction.clone()));
            }
            let Some(merchant) = catalog.merchants.get(merchant) else { continue };
            let of_click = |goal: &GoalAlias| (postback.click.clone(), goal.clone());
            if merchant.goal(&postback.goal).is_some_and(|goal| !goal.once) {
                let records = !matches!(postback.intent, Intent::Decide(_));
                decisions += usize::from(!matches!(postback.intent, Intent::Record(_)));
                if postback.transaction.is_none() {
                    let asked = if records { &mut keys.recent } else { &mut keys.candidates };
                    asked.insert(of_click(&postback.goal));
                }
            }
            if !merchant.require_ftd {
                let repeat_deposits =
                    merchant.goals.iter().filter(|goal| goal.role == GoalRole::RepeatDeposit);
                keys.earliest.extend(repeat_deposits.map(|goal| of_click(&goal.alias)));
            }
        }
        keys.candidates_limit = decisions.max(1) + 1;
        keys
    }
}

/// The clicks and conversions that a batch touches.
#[derive(Clone, Debug, Default)]
pub struct WorkingSet {
    clicks: HashMap<ClickId, Click>,
    conversions: HashMap<ClickId, Vec<Conversion>>,
    transactions: HashMap<TransactionKey, ClickId>,
}

impl WorkingSet {
    /// Adds a click.
    pub fn add_click(&mut self, click: Click) {
        self.clicks.insert(click.id.clone(), click);
    }

    /// Adds a conversion, or replaces it by its new state.
    pub fn add_conversion(&mut self, conversion: Conversion) {
        if let Some(transaction) = &conversion.transaction {
            let key = (conversion.merchant.clone(), conversion.goal.clone(), transaction.clone());
            self.transactions.insert(key, conversion.click.clone());
        }
        let siblings = self.conversions.entry(conversion.click.clone()).or_default();
        match siblings.iter_mut().find(|sibling| sibling.id == conversion.id) {
            Some(known) => *known = conversion,
            None => siblings.push(conversion),
        }
    }

    /// Takes in what was decided, so that the next event of the batch meets it.
    pub fn apply(&mut self, changes: &Changes) {
        for click in &changes.clicks {
            self.add_click(click.click.clone());
        }
        for conversion in changes.conversions() {
            self.add_conversion(conversion.clone());
        }
    }

    /// The click of this id, if it belongs to this merchant.
    pub fn click(&self, id: &ClickId, merchant: &MerchantId) -> Option<&Click> {
        self.clicks.get(id).filter(|click| click.merchant == *merchant)
    }

    /// The player's conversions that were loaded.
    fn of_player<'a>(&'a self, click: &ClickId) -> impl Iterator<Item = &'a Conversion> + use<'a> {
        self.conversions.get(click).into_iter().flatten()
    }

    /// The player's conversions of this goal that were loaded.
    pub fn of_goal<'a>(
        &'a self,
        click: &ClickId,
        goal: &'a GoalAlias,
    ) -> impl Iterator<Item = &'a Conversion> + use<'a> {
        self.of_player(click).filter(move |conversion| conversion.goal == *goal)
    }

    /// The conversion under this transaction id, whosever click it is.
    pub fn of_transaction(&self, key: &TransactionKey) -> Option<&Conversion> {
        let click = self.transactions.get(key)?;
        self.of_player(click)
            .find(|c| c.merchant == key.0 && c.goal == key.1 && c.transaction.as_ref() == Some(&key.2))
    }

    /// The player's first deposit: that of the goal with this role, or else, where a first deposit may be older
    /// than the tracker, the earliest repeat deposit.
    pub fn first_deposit(&self, click: &ClickId, merchant: &Merchant) -> Option<&Conversion> {
        let role = |c: &Conversion| merchant.goal(&c.goal).map(|goal| goal.role);
        let of_role = |wanted| self.of_player(click).filter(move |c| role(c) == Some(wanted));
        let earliest_repeat = || of_role(GoalRole::RepeatDeposit).min_by_key(|c| (c.created_at, c.id));
        let first = of_role(GoalRole::FirstDeposit).next();
        if merchant.require_ftd { first } else { first.or_else(earliest_repeat) }
    }

    /// The player's first deposit under the goal that is meant for it.
    pub fn has_ftd(&self, click: &ClickId, merchant: &Merchant) -> bool {
        let is_ftd =
            |c: &Conversion| merchant.goal(&c.goal).is_some_and(|g| g.role == GoalRole::FirstDeposit);
        self.of_player(click).any(is_ftd)
    }

    /// Whether an equal conversion was recorded shortly before `now`, neither of them told apart by a transaction id
    /// or an event time.
    pub fn has_twin(&self, of: &Conversion, now: Timestamp) -> bool {
        let other_time =
            |c: &Conversion| matches!((c.event_time, of.event_time), (Some(a), Some(b)) if a != b);
        of.transaction.is_none()
            && self.of_goal(&of.click, &of.goal).any(|c| {
                (c.amount, c.currency) == (of.amount, of.currency)
                    && c.transaction.is_none()
                    && !other_time(c)
                    && c.created_at.plus_millis(SUSPICION_MILLIS) >= now
            })
    }

    /// The player's pending conversions of this goal that were loaded.
    pub fn pending<'a>(
        &'a self,
        click: &ClickId,
        goal: &'a GoalAlias,
    ) -> impl Iterator<Item = &'a Conversion> {
        self.of_goal(click, goal).filter(|conversion| conversion.status == Status::Pending)
    }
}
