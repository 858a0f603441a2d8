//! Everything that is recorded, and what of it a batch may load.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    catalog::Catalog,
    click::Click,
    conversion::Conversion,
    decide::{Changes, Event},
    ids::{ClickId, ConversionId, GoalAlias, OfferId, RequestId, TransactionId, UserId},
    params::Params,
    player::PlayerNote,
    status::{Status, StatusEvent},
    time::Timestamp,
    working_set::{Keys, Players, SUSPICION_MILLIS, WorkingSet},
};

/// A database in memory: insert, compare and set, append; and loading as exactly as [`Keys`] asks for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) clicks: BTreeMap<ClickId, Click>,
    pub(crate) params: BTreeMap<ClickId, Params>,
    pub(crate) conversions: Vec<Conversion>,
    pub(crate) history: Vec<StatusEvent>,
    pub(crate) users: Vec<(OfferId, UserId, ClickId)>,
    pub(crate) players: BTreeMap<ClickId, PlayerNote>,
    pub(crate) repeated: BTreeMap<RequestId, ConversionId>,
}

impl Ledger {
    /// Writes, and panics where a write would not fit what stands there.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for new in &changes.clicks {
            let before = self.clicks.insert(new.click.id.clone(), new.click.clone());
            assert_eq!(before, None, "a click is recorded once");
            self.params.insert(new.click.id.clone(), new.params.clone());
            let user = new.user.clone();
            self.users.extend(user.map(|user| (new.click.offer.clone(), user, new.click.id.clone())));
        }
        for note in &changes.players {
            let known = self.players.entry(note.click.clone()).or_insert_with(|| note.clone());
            known.add(note.clone());
        }
        for conversion in &changes.recorded {
            assert!(self.conversions.iter().all(|c| c.id != conversion.id), "a conversion is recorded once");
            self.conversions.push(conversion.clone());
        }
        for decided in &changes.decided {
            let recorded = self.conversions.iter_mut().find(|c| c.id == decided.id).expect("it is recorded");
            let added = changes.history.iter().filter(|step| step.conversion == decided.id).count();
            let before = decided.steps - i32::try_from(added).unwrap();
            assert_eq!(recorded.steps, before, "what is decided stands where it was decided from");
            let (status, steps, decided_at) = (decided.status, decided.steps, decided.decided_at);
            *recorded = Conversion { status, steps, decided_at, ..recorded.clone() };
        }
        self.history.extend(changes.history.iter().cloned());
        self.repeated.extend(changes.repeated.iter().copied());
    }

    pub(crate) fn history_of(&self, id: ConversionId) -> impl Iterator<Item = &StatusEvent> {
        self.history.iter().filter(move |step| step.conversion == id)
    }

    /// What a batch of these events that begins at `now` may know: what its keys ask for, and nothing else.
    pub(crate) fn load<'a>(
        &self,
        catalog: &Catalog,
        events: impl IntoIterator<Item = &'a Event> + Clone,
        now: Timestamp,
    ) -> WorkingSet {
        let known = self.load_players(&Players::of(events.clone()));
        let keys = Keys::of(catalog, &known, events);
        self.load_conversions(&keys, now, known)
    }

    fn load_players(&self, players: &Players) -> WorkingSet {
        let mut known = WorkingSet::default();
        let mut clicks = players.clicks.clone();
        for (offer, user) in &players.users {
            let newest = self.users.iter().filter(|(o, u, _)| (o, u) == (offer, user)).map(|(.., c)| c).max();
            if let Some(click) = newest {
                clicks.insert(click.clone());
                known.add_user(offer.clone(), user.clone(), click.clone());
            }
        }
        for click in self.clicks.values().filter(|click| clicks.contains(&click.id)) {
            known.add_click(click.clone());
        }
        for (id, params) in self.params.iter().filter(|(id, _)| players.given_clicks.contains(*id)) {
            known.add_click_params(id.clone(), params.clone());
        }
        known
    }

    fn load_conversions(&self, keys: &Keys, now: Timestamp, mut known: WorkingSet) -> WorkingSet {
        let mut loaded = BTreeSet::new();
        for conversion in &self.conversions {
            let key = |id: &TransactionId| (conversion.merchant.clone(), conversion.goal.clone(), id.clone());
            let once = conversion.once && keys.clicks.contains(&conversion.click);
            let transaction = conversion.transaction.as_ref().map(key);
            let under_id = transaction.is_some_and(|key| keys.transactions.contains(&key));
            if once || under_id || keys.conversions.contains(&conversion.id) {
                loaded.insert(conversion.id);
            }
        }
        for request in &keys.repeated {
            let by_itself = self.history.iter().find(|step| step.request == *request);
            let led_to = by_itself.map(|step| step.conversion);
            if let Some(conversion) = led_to.or_else(|| self.repeated.get(request).copied()) {
                known.add_repeated(*request, conversion);
                loaded.insert(conversion);
            }
        }
        let of = |(click, goal): &(ClickId, GoalAlias)| {
            let (click, goal) = (click.clone(), goal.clone());
            self.conversions.iter().filter(move |c| !c.once && c.click == click && c.goal == goal)
        };
        for key in &keys.recent {
            let recent = of(key).filter(|c| c.created_at.plus_millis(SUSPICION_MILLIS) >= now);
            loaded.extend(recent.map(|c| c.id));
        }
        for key in &keys.candidates {
            let (pending, others): (Vec<_>, Vec<_>) = of(key).partition(|c| c.status == Status::Pending);
            loaded.extend(pending.iter().chain(&others).take(keys.candidates_limit).map(|c| c.id));
        }
        for key in &keys.earliest {
            loaded.extend(of(key).min_by_key(|c| (c.created_at, c.id)).map(|c| c.id));
        }
        for conversion in self.conversions.iter().filter(|c| loaded.contains(&c.id)) {
            known.add_conversion(Conversion { extra: Params::new(), ..conversion.clone() });
        }
        known
    }
}
