//! The working set: what a batch of events touches, loaded before and carried along while they are decided.

use std::collections::{BTreeSet, HashMap};

use super::{
    catalog::Catalog,
    click::{Click, ClickRequest},
    conversion::Conversion,
    decide::{Changes, Event, NewClick},
    goal::GoalRole,
    ids::{ClickId, ConversionId, GoalAlias, MerchantId, OfferId, RequestId, TransactionId, UserId},
    merchant::Merchant,
    params::Params,
    player::{PlayerRef, user_of_click},
    postback::Intent,
    report::Report,
    status::Status,
    time::Timestamp,
};

/// How long after an equal one a conversion without a transaction id is suspected to be its repetition.
pub const SUSPICION_MILLIS: i64 = 60_000;

/// A merchant's own id of one of its conversions, in full.
pub type TransactionKey = (MerchantId, GoalAlias, TransactionId);

/// Whom a batch is about. They are looked up first, because whose a postback in a dialect is, its click tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Players {
    /// These clicks.
    pub clicks: BTreeSet<ClickId>,
    /// The newest click of each of these users to an offer.
    pub users: BTreeSet<(OfferId, UserId)>,
    /// What these clicks came with: somebody has chosen their ids, so that they may be there already.
    pub given_clicks: BTreeSet<ClickId>,
}

impl Players {
    /// Of these events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut players = Self::default();
        for event in events {
            match event {
                Event::Click(request) => {
                    if request.id_given {
                        players.clicks.insert(request.id.clone());
                        players.given_clicks.insert(request.id.clone());
                    }
                }
                // It names its conversion.
                Event::Decision(_) => {}
                Event::Postback { postback, .. } => {
                    players.clicks.insert(postback.click.clone());
                }
                Event::Report(report) => match &report.player {
                    PlayerRef::Click(click) => {
                        players.clicks.insert(click.clone());
                    }
                    PlayerRef::User { offer, user } => {
                        players.users.insert((offer.clone(), user.clone()));
                    }
                },
            }
        }
        players
    }
}

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
    /// These conversions.
    pub conversions: BTreeSet<ConversionId>,
    /// The conversions that these requests, which are processed again, have led to before.
    pub repeated: BTreeSet<RequestId>,
}

impl Keys {
    /// Of these events, whose players were looked up.
    pub fn of<'a>(
        catalog: &Catalog,
        known: &WorkingSet,
        events: impl IntoIterator<Item = &'a Event> + Clone,
    ) -> Self {
        let mut keys = Self::default();
        let is_click = |event: &'a Event| if let Event::Click(click) = event { Some(click) } else { None };
        let clicks: Vec<_> = events.clone().into_iter().filter_map(is_click).collect();
        for event in events {
            match event {
                Event::Click(_) => {}
                Event::Decision(decision) => {
                    keys.conversions.insert(decision.conversion);
                    keys.candidates_limit += 1;
                }
                Event::Postback { merchant, postback } => {
                    let subject = Subject {
                        click: &postback.click,
                        merchant,
                        goal: Some(&postback.goal),
                        transaction: postback.transaction.clone(),
                        records: !matches!(postback.intent, Intent::Decide(_)),
                        looks_up: matches!(postback.intent, Intent::Decide(_)),
                        decides: !matches!(postback.intent, Intent::Record(_)),
                    };
                    keys.add(catalog, subject);
                    keys.repeated.extend(postback.repeats);
                }
                Event::Report(report) => {
                    keys.repeated.extend(report.repetition.map(|before| before.request));
                    for (click, merchant) in clicks_meant(catalog, known, report, &clicks) {
                        let goal = catalog.merchants.get(merchant).and_then(|it| report.goal(it));
                        let subject = Subject {
                            click,
                            merchant,
                            goal: goal.map(|goal| &goal.alias),
                            transaction: report.transaction(),
                            records: true,
                            looks_up: report.may_decide(),
                            decides: report.may_decide(),
                        };
                        keys.add(catalog, subject);
                    }
                }
            }
        }
        keys.candidates_limit = keys.candidates_limit.max(1) + 1;
        keys
    }

    /// Until all are added, `candidates_limit` counts decisions.
    fn add(&mut self, catalog: &Catalog, subject: Subject<'_>) {
        let Subject { click, merchant, goal, transaction, records, looks_up, decides } = subject;
        self.clicks.insert(click.clone());
        let is_told_by_id = transaction.is_some();
        if let (Some(goal), Some(transaction)) = (goal, transaction) {
            self.transactions.insert((merchant.clone(), goal.clone(), transaction));
        }
        let Some(merchant) = catalog.merchants.get(merchant) else { return };
        let of_click = |goal: &GoalAlias| (click.clone(), goal.clone());
        if let Some(goal) = goal.and_then(|goal| merchant.goal(goal)).filter(|goal| !goal.once) {
            self.candidates_limit += usize::from(decides);
            if !is_told_by_id && records {
                self.recent.insert(of_click(&goal.alias));
            }
            if !is_told_by_id && looks_up {
                self.candidates.insert(of_click(&goal.alias));
            }
        }
        if !merchant.require_ftd {
            let repeat_deposits = merchant.goals.iter().filter(|goal| goal.role == GoalRole::RepeatDeposit);
            self.earliest.extend(repeat_deposits.map(|goal| of_click(&goal.alias)));
        }
    }
}

/// What an event is about, as far as it says what to load.
struct Subject<'a> {
    click: &'a ClickId,
    merchant: &'a MerchantId,
    goal: Option<&'a GoalAlias>,
    transaction: Option<TransactionId>,
    /// It may record a conversion.
    records: bool,
    /// It may mean a recorded conversion without naming it.
    looks_up: bool,
    /// It may decide a conversion.
    decides: bool,
}

/// The clicks that a postback in a dialect may mean, with their merchants: the one that is recorded, and those that
/// this very batch records.
fn clicks_meant<'a>(
    catalog: &'a Catalog,
    known: &'a WorkingSet,
    report: &'a Report,
    requests: &[&'a ClickRequest],
) -> Vec<(&'a ClickId, &'a MerchantId)> {
    let recorded = known.click_of(&report.player).map(|click| (&click.id, &click.merchant));
    let is_meant = |request: &&&ClickRequest| match &report.player {
        PlayerRef::Click(click) => recorded.is_none() && request.id == *click,
        PlayerRef::User { offer, user } => {
            request.offer == *offer && user_of_click(&request.params).as_ref() == Some(user)
        }
    };
    let recording = requests.iter().filter(is_meant);
    let recording = recording.filter_map(|it| Some((&it.id, &catalog.offers.get(&it.offer)?.merchant)));
    recorded.into_iter().chain(recording).collect()
}

/// The clicks and conversions that a batch touches.
#[derive(Clone, Debug, Default)]
pub struct WorkingSet {
    clicks: HashMap<ClickId, Click>,
    conversions: HashMap<ClickId, Vec<Conversion>>,
    transactions: HashMap<TransactionKey, ClickId>,
    players: HashMap<ConversionId, ClickId>,
    users: HashMap<(OfferId, UserId), ClickId>,
    given_clicks: HashMap<ClickId, Params>,
    repeated: HashMap<RequestId, ConversionId>,
}

impl WorkingSet {
    /// Adds a click.
    pub fn add_click(&mut self, click: Click) {
        self.clicks.insert(click.id.clone(), click);
    }

    /// Adds the parameters of a click whose id somebody has chosen.
    pub fn add_click_params(&mut self, click: ClickId, params: Params) {
        self.given_clicks.insert(click, params);
    }

    /// Adds that this user clicked to this offer.
    pub fn add_user(&mut self, offer: OfferId, user: UserId, click: ClickId) {
        let newest = self.users.entry((offer, user)).or_insert_with(|| click.clone());
        if *newest < click {
            *newest = click;
        }
    }

    /// Adds which conversion a request has led to.
    pub fn add_repeated(&mut self, request: RequestId, conversion: ConversionId) {
        self.repeated.insert(request, conversion);
    }

    /// Adds a conversion, or replaces it by its new state.
    pub fn add_conversion(&mut self, conversion: Conversion) {
        if let Some(transaction) = &conversion.transaction {
            let key = (conversion.merchant.clone(), conversion.goal.clone(), transaction.clone());
            self.transactions.insert(key, conversion.click.clone());
        }
        self.players.insert(conversion.id, conversion.click.clone());
        let siblings = self.conversions.entry(conversion.click.clone()).or_default();
        match siblings.iter_mut().find(|sibling| sibling.id == conversion.id) {
            Some(known) => *known = conversion,
            None => siblings.push(conversion),
        }
    }

    /// Takes in what was decided, so that the next event of the batch meets it.
    pub fn apply(&mut self, changes: &Changes) {
        for NewClick { click, params, user, id_given } in &changes.clicks {
            self.add_click(click.clone());
            if *id_given {
                self.add_click_params(click.id.clone(), params.clone());
            }
            if let Some(user) = user {
                self.add_user(click.offer.clone(), user.clone(), click.id.clone());
            }
        }
        for conversion in changes.conversions() {
            self.add_conversion(conversion.clone());
        }
        self.repeated.extend(changes.repeated.iter().copied());
    }

    /// The click of this id, if it belongs to this merchant.
    pub fn click(&self, id: &ClickId, merchant: &MerchantId) -> Option<&Click> {
        self.clicks.get(id).filter(|click| click.merchant == *merchant)
    }

    /// The click of this id, whosever it is, with its parameters where they were asked for.
    pub fn recorded_click(&self, id: &ClickId) -> Option<(&Click, Option<&Params>)> {
        Some((self.clicks.get(id)?, self.given_clicks.get(id)))
    }

    /// The conversion of this id.
    pub fn conversion(&self, id: ConversionId) -> Option<&Conversion> {
        self.of_player(self.players.get(&id)?).find(|conversion| conversion.id == id)
    }

    /// The click of a player, whosever it is.
    pub fn click_of(&self, player: &PlayerRef) -> Option<&Click> {
        let click = match player {
            PlayerRef::Click(click) => click,
            PlayerRef::User { offer, user } => self.users.get(&(offer.clone(), user.clone()))?,
        };
        self.clicks.get(click)
    }

    /// The conversion that a request, which is processed again, has led to before.
    pub fn led_to(&self, request: RequestId) -> Option<&Conversion> {
        self.conversion(*self.repeated.get(&request)?)
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
