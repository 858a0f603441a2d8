//! Places: which claimed delivery is attempted next, and how many are attempted at once.
//!
//! Each host has a queue, and hosts take turns. An attempt has a place at its host and one of all places. While there
//! is room, every host has all of its own; once it is crowded, a host that has not answered promptly of late has one,
//! and in the end none. So however many hosts hang, those that answer find places.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::Limits;
use crate::{
    domain::{delivery::AttemptResult, endpoint::Endpoint, time::Timestamp},
    storage::{Attempt, Claimed},
};

#[cfg(test)]
mod tests;

/// What of a claim must be left when an attempt begins, in milliseconds: more than the longest attempt takes.
const ATTEMPT_MILLIS_MAX: i64 = 20_000;

/// An answer within this time is prompt.
const PROMPT_MAX: Duration = Duration::from_secs(2);

/// A claimed delivery on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) claimed: Claimed,
    pub(super) endpoint: Endpoint,
    /// The endpoint's lane.
    pub(super) lane: usize,
    /// The host, as [`Places::host`] has numbered it.
    pub(super) host: usize,
}

/// What came of a claimed delivery; no attempt where it was given up before.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) claimed: Claimed,
    pub(super) lane: usize,
    pub(super) attempted: Option<Attempted>,
}

/// An attempt that was made.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) attempt: Attempt,
    pub(super) result: AttemptResult,
}

impl Attempted {
    /// Whether there was an answer, whatever it said, and soon; or nothing was asked.
    pub(super) fn is_prompt(&self) -> bool {
        let taken = u64::try_from(self.attempt.duration_us).map_or(PROMPT_MAX, Duration::from_micros);
        (self.result.status.is_some() || self.result.endpoint_works().is_none()) && taken < PROMPT_MAX
    }
}

/// Places for attempts, and the queues before them.
#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    state: Mutex<State>,
    /// Told when something has ended.
    pub(super) ended: Notify,
    /// Told when a place has become free and nobody waits for it.
    pub(super) idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    hosts: Vec<Host>,
    by_name: HashMap<String, usize>,
    /// Hosts that may have a delivery attempted, each once. One whose places are taken is left out until one of its
    /// own attempts has ended or the engine looks again.
    ready: VecDeque<usize>,
    in_flight: usize,
    ended: Vec<Ended>,
    /// Lanes whose deliveries are given up before their attempt.
    stopped: Vec<bool>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Host {
    waiting: VecDeque<Job>,
    in_flight: usize,
    is_prompt: bool,
    is_ready: bool,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default(), ended: Notify::new(), idle: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a host.
    pub(super) fn host(&self, name: &str) -> usize {
        let mut state = self.state();
        if let Some(known) = state.by_name.get(name) {
            return *known;
        }
        state.hosts.push(Host::default());
        let number = state.hosts.len() - 1;
        state.by_name.insert(name.to_owned(), number);
        number
    }

    /// Puts deliveries into the queues of their hosts and gives those that have a place at once. Each of them must be
    /// ended.
    pub(super) fn add(&self, jobs: Vec<Job>, now: Timestamp) -> Vec<Job> {
        let mut state = self.state();
        for job in jobs {
            state.hosts[job.host].waiting.push_back(job);
        }
        for host in 0..state.hosts.len() {
            state.line_up(host);
        }
        let started = std::iter::from_fn(|| state.next(self.limits, now)).collect();
        self.tell(&state);
        started
    }

    /// Ends an attempt and gives the next that its place is for.
    pub(super) fn end(&self, job: Job, attempted: Attempted, now: Timestamp) -> Option<Job> {
        let mut state = self.state();
        let is_prompt = attempted.is_prompt();
        state.hosts[job.host].is_prompt = is_prompt;
        if attempted.result.says_gone() {
            state.stop(job.lane);
        }
        state.leave(job, Some(attempted));
        let next = state.next(self.limits, now);
        self.tell(&state);
        if next.is_none() {
            self.idle.notify_one();
        }
        next
    }

    /// Ends an attempt that was broken off.
    pub(super) fn give_up(&self, job: Job) {
        let mut state = self.state();
        state.leave(job, None);
        self.tell(&state);
    }

    /// What has ended since this was asked last.
    pub(super) fn take_ended(&self) -> Vec<Ended> {
        std::mem::take(&mut self.state().ended)
    }

    /// Stops these lanes, and lets the others go on; but not one that has said that it is gone since the last turn.
    pub(super) fn stop(&self, lanes: Vec<bool>) {
        let mut state = self.state();
        state.stopped = lanes;
        let says_gone = |ended: &&Ended| ended.attempted.as_ref().is_some_and(|it| it.result.says_gone());
        let gone: Vec<_> = state.ended.iter().filter(says_gone).map(|ended| ended.lane).collect();
        for lane in gone {
            state.stop(lane);
        }
    }

    /// Begins nothing any more, and gives up what waits.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        for host in 0..state.hosts.len() {
            let waiting = std::mem::take(&mut state.hosts[host].waiting);
            state.ended.extend(waiting.into_iter().map(Job::given_up));
        }
    }

    fn tell(&self, state: &State) {
        if !state.ended.is_empty() {
            self.ended.notify_one();
        }
    }
}

impl State {
    /// The next delivery to be attempted, on its place.
    fn next(&mut self, limits: Limits, now: Timestamp) -> Option<Job> {
        while !self.is_closed && self.in_flight < limits.in_all {
            let at = self.ready.pop_front()?;
            let host = &mut self.hosts[at];
            host.is_ready = false;
            if host.in_flight >= host.places(limits, self.in_flight) {
                continue;
            }
            let Some(job) = host.waiting.pop_front() else { continue };
            let is_stopped = self.stopped.get(job.lane).is_some_and(|stopped| *stopped);
            if is_stopped || now.plus_millis(ATTEMPT_MILLIS_MAX) >= job.claimed.until {
                self.ended.push(job.given_up());
                self.line_up(at);
                continue;
            }
            host.in_flight += 1;
            self.in_flight += 1;
            self.line_up(at);
            return Some(job);
        }
        None
    }

    fn leave(&mut self, job: Job, attempted: Option<Attempted>) {
        let host = job.host;
        self.in_flight -= 1;
        self.hosts[host].in_flight -= 1;
        self.ended.push(Ended { claimed: job.claimed, lane: job.lane, attempted });
        self.line_up(host);
    }

    fn line_up(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        if !host.is_ready && !host.waiting.is_empty() {
            host.is_ready = true;
            self.ready.push_back(at);
        }
    }

    fn stop(&mut self, lane: usize) {
        if self.stopped.len() <= lane {
            self.stopped.resize(lane + 1, false);
        }
        self.stopped[lane] = true;
    }
}

impl Host {
    /// How many places it has while so many are taken in all.
    const fn places(&self, limits: Limits, taken: usize) -> usize {
        if self.is_prompt || taken * 4 < limits.in_all {
            limits.per_host
        } else if taken * 4 < limits.in_all * 3 {
            1
        } else {
            0
        }
    }
}

impl Job {
    fn given_up(self) -> Ended {
        Ended { claimed: self.claimed, lane: self.lane, attempted: None }
    }
}
