//! Everything that is recorded, and what of it a batch may load.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    click::Click,
    conversion::Conversion,
    decide::Changes,
    ids::{ClickId, ConversionId, GoalAlias, TransactionId},
    params::Params,
    status::{Status, StatusEvent},
    time::Timestamp,
    working_set::{Keys, SUSPICION_MILLIS, WorkingSet},
};

/// A database in memory: insert, compare and set, append; and loading as exactly as [`Keys`] asks for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) clicks: BTreeMap<ClickId, Click>,
    pub(crate) conversions: Vec<Conversion>,
    pub(crate) history: Vec<StatusEvent>,
}

impl Ledger {
    /// Writes, and panics where a write would not fit what stands there.
    pub(crate) fn apply(&mut self, changes: &Changes) {
        for new in &changes.clicks {
            let before = self.clicks.insert(new.click.id.clone(), new.click.clone());
            assert_eq!(before, None, "a click is recorded once");
        }
        for conversion in &changes.recorded {
            assert!(self.conversions.iter().all(|c| c.id != conversion.id), "a conversion is recorded once");
            self.conversions.push(conversion.clone());
        }
        for decided in &changes.decided {
            let recorded = self.conversions.iter_mut().find(|c| c.id == decided.id).expect("it is recorded");
            assert_eq!(recorded.status, Status::Pending, "only what is pending is decided");
            let (status, steps, decided_at) = (decided.status, decided.steps, decided.decided_at);
            *recorded = Conversion { status, steps, decided_at, ..recorded.clone() };
        }
        self.history.extend(changes.history.iter().cloned());
    }

    pub(crate) fn history_of(&self, id: ConversionId) -> impl Iterator<Item = &StatusEvent> {
        self.history.iter().filter(move |step| step.conversion == id)
    }

    /// What a batch that begins at `now` may know: what its keys ask for, and nothing else.
    pub(crate) fn load(&self, keys: &Keys, now: Timestamp) -> WorkingSet {
        let mut loaded = BTreeSet::new();
        for conversion in &self.conversions {
            let key = |id: &TransactionId| (conversion.merchant.clone(), conversion.goal.clone(), id.clone());
            let once = conversion.once && keys.clicks.contains(&conversion.click);
            let transaction = conversion.transaction.as_ref().map(key);
            let under_id = transaction.is_some_and(|key| keys.transactions.contains(&key));
            if once || under_id {
                loaded.insert(conversion.id);
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
        let mut known = WorkingSet::default();
        for click in self.clicks.values().filter(|click| keys.clicks.contains(&click.id)) {
            known.add_click(click.clone());
        }
        for conversion in self.conversions.iter().filter(|c| loaded.contains(&c.id)) {
            known.add_conversion(Conversion { extra: Params::new(), ..conversion.clone() });
        }
        known
    }
}
