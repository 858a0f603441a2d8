//! Lanes: how much of each endpoint's queue is kept at hand.
//!
//! An endpoint that answers quickly has as much claimed as it takes while a turn goes on; one that hangs has little
//! more than it keeps in flight, so that nobody's supply uses up the room of the others.

use std::collections::HashMap;

use url::Url;

use super::{
    Limits,
    places::{Attempted, Ended, Places},
};
use crate::{
    domain::{catalog::Catalog, endpoint::Endpoint, ids::EndpointId, time::Timestamp},
    storage::{EndpointHealth, Taken, Wanted},
};

#[cfg(test)]
mod tests;

/// How many claimed deliveries are kept in memory at once, by all endpoints together.
const CLAIMED_MAX: usize = 2_048;

/// How many of one endpoint, while it answers quickly: what it can take during two turns on a busy machine.
const SUPPLY_MAX: usize = 1_024;

/// How many times as much as an endpoint has taken during a turn is kept at hand for the next.
const SUPPLY_FACTOR: usize = 4;

/// From which time on a queue is looked through that may hold anything.
const BEGINNING: Timestamp = Timestamp::from_millis(0);

/// All endpoints that there have been, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    all: Vec<Lane>,
    by_id: HashMap<EndpointId, usize>,
    /// Who is served first in this turn: another each time.
    first: usize,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) endpoint: Endpoint,
    pub(super) host: usize,
    /// Whether it is told of anything at all.
    is_active: bool,
    /// Whether it is, and is not paused.
    is_running: bool,
    /// From which time on its queue is known to hold something that is due. What was due before is claimed already, but
    /// for what [`Lanes::found_due`] finds.
    due: Option<Timestamp>,
    claimed: usize,
    supply: usize,
    /// Whether its last attempt had a prompt answer.
    is_prompt: bool,
}

impl Lanes {
    /// Takes in the catalog's endpoints.
    pub(super) fn take_in(&mut self, catalog: &Catalog, places: &Places) {
        self.all.iter_mut().for_each(|lane| lane.is_active = false);
        for endpoint in catalog.every_endpoint().filter(Endpoint::is_active) {
            let host = places.host(&host_of(&endpoint));
            let number = *self.by_id.entry(endpoint.id().clone()).or_insert_with(|| {
                self.all.push(Lane::new(endpoint.clone()));
                self.all.len() - 1
            });
            let lane = &mut self.all[number];
            (lane.endpoint, lane.host, lane.is_active) = (endpoint, host, true);
        }
    }

    /// Takes in how endpoints fare. Gives which lanes are stopped.
    pub(super) fn fare(&mut self, health: &HashMap<EndpointId, EndpointHealth>) -> Vec<bool> {
        let fare = |lane: &mut Lane| {
            let is_paused = health.get(lane.endpoint.id()).is_some_and(|health| health.paused.is_some());
            lane.is_running = lane.is_active && !is_paused;
            !lane.is_running
        };
        self.all.iter_mut().map(fare).collect()
    }

    /// The endpoints whose deliveries are to be sent.
    pub(super) fn running(&self) -> Vec<EndpointId> {
        self.all.iter().filter(|lane| lane.is_running).map(|lane| lane.endpoint.id().clone()).collect()
    }

    /// Notes whose queues hold something that is due, after all have been looked at.
    pub(super) fn found_due(&mut self, due: &[(EndpointId, Timestamp)], now: Timestamp) {
        for lane in &mut self.all {
            lane.due = None;
        }
        for (endpoint, _) in due.iter().filter(|(_, at)| *at <= now) {
            if let Some(known) = self.by_id.get(endpoint) {
                self.all[*known].due = Some(BEGINNING);
            }
        }
    }

    /// Notes that a delivery has been released, whenever it was due.
    pub(super) fn released(&mut self, lane: usize) {
        self.all[lane].due.get_or_insert(BEGINNING);
    }

    /// Whether more is due than has been claimed, at an endpoint that could take it soon.
    pub(super) fn hold_more(&self) -> bool {
        self.all.iter().any(|lane| lane.due.is_some() && lane.is_running && lane.is_prompt)
    }

    /// How many are claimed.
    pub(super) fn claimed(&self) -> usize {
        self.all.iter().map(|lane| lane.claimed).sum()
    }

    pub(super) fn lane(&self, number: usize) -> &Lane {
        &self.all[number]
    }

    /// What to claim of each endpoint that has something due, while these have ended and are about to be settled.
    pub(super) fn wanted(&mut self, ended: &[Ended], limits: Limits) -> (Vec<usize>, Vec<Wanted>) {
        let mut just_ended = vec![(0_usize, 0_usize); self.all.len()];
        for Ended { lane, attempted, .. } in ended {
            let is_prompt = attempted.as_ref().is_some_and(Attempted::is_prompt);
            just_ended[*lane].0 += 1;
            just_ended[*lane].1 += usize::from(is_prompt);
            self.all[*lane].is_prompt = is_prompt;
        }
        // Nobody's supply may use up the room of those that come after it.
        let sharing = self.all.iter().filter(|lane| lane.is_prompt && lane.due.is_some()).count();
        let others = self.all.iter().filter(|lane| !lane.is_prompt).map(|lane| lane.claimed).sum();
        let share = CLAIMED_MAX.saturating_sub(others) / sharing.max(1);
        let (least, most) = (limits.per_host * 2, share.min(SUPPLY_MAX));
        let mut at_hand = self.claimed() - ended.len();
        let (mut numbers, mut wanted) = (Vec::new(), Vec::new());
        self.first = (self.first + 1) % self.all.len().max(1);
        for number in (self.first..self.all.len()).chain(0..self.first) {
            let lane = &mut self.all[number];
            let (ended, answered) = just_ended[number];
            lane.supply = (lane.supply / 2).max(answered * SUPPLY_FACTOR).clamp(least, most.max(least));
            let Some(from) = lane.due.filter(|_| lane.is_running) else { continue };
            let own = lane.claimed - ended;
            let limit = lane.wants(at_hand, own, least);
            if limit > 0 {
                at_hand += limit;
                numbers.push(number);
                wanted.push(Wanted { endpoint: lane.endpoint.id().clone(), limit, from });
            }
        }
        (numbers, wanted)
    }

    /// Notes that these are settled.
    pub(super) fn settled(&mut self, ended: &[Ended]) {
        for Ended { lane, .. } in ended {
            self.all[*lane].claimed -= 1;
        }
    }

    /// Notes what was taken of a queue. Gives whether that was all that was due.
    pub(super) fn taken(&mut self, number: usize, wanted: &Wanted, taken: &Taken) -> bool {
        let lane = &mut self.all[number];
        lane.claimed += taken.claimed.len();
        let holds_more = taken.found == wanted.limit;
        lane.due = holds_more.then(|| taken.last_due_at.unwrap_or(wanted.from));
        !holds_more
    }
}

impl Lane {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            host: 0,
            is_active: false,
            is_running: false,
            due: None,
            claimed: 0,
            supply: 0,
            is_prompt: false,
        }
    }

    /// How many more it shall have at hand, beside `own` of them and so many of all.
    fn wants(&self, at_hand: usize, own: usize, least: usize) -> usize {
        let (most, room) = if self.is_prompt {
            (self.supply, CLAIMED_MAX)
        } else if at_hand < CLAIMED_MAX / 4 {
            (least, CLAIMED_MAX / 2)
        } else {
            // Many wait for hosts that do not answer: one in flight, and one to follow.
            (2, CLAIMED_MAX / 2)
        };
        most.saturating_sub(own).min(room.saturating_sub(at_hand))
    }
}

/// The host of an endpoint, whose port counts as one of its own.
fn host_of(endpoint: &Endpoint) -> String {
    let url = Url::parse(endpoint.address()).ok();
    let host = url.and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
    host.unwrap_or_else(|| endpoint.id().to_string())
}
