//! The engine: one loop that turns, on a thread of its own, and the attempts that go on beside it.
//!
//! A turn settles every attempt that has ended and claims what is due, in one transaction. While it commits, attempts
//! go on with what was claimed before, and end; they are the next turn's. Turns keep a distance, so that a busy engine
//! makes few large ones; an idle one settles at once, and one that runs out of deliveries does not wait.

use std::{collections::HashMap, sync::Arc, time::Duration};

use metrics::{counter, gauge, histogram};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Limits,
    client::Client,
    lanes::Lanes,
    places::{Attempted, Ended, Job, Places},
    send::send,
};
use crate::{
    clock::{Clock, random},
    domain::{
        catalog::Catalog,
        currency::Currencies,
        delivery::DeliveryState,
        ids::{ConversionId, EndpointId},
        retry::RetrySchedule,
        time::Timestamp,
    },
    storage::{Claimed, EndpointHealth, Outbox, Settlement, StorageError, Taken, Wanted},
};

/// How long a claim lasts. It covers waiting for a place and the attempt itself; a worker that dies leaves its claims
/// to fall due again after it.
const CLAIM_MILLIS: i64 = 60_000;
const CLAIM: Duration = Duration::from_millis(CLAIM_MILLIS.unsigned_abs());

/// How far apart turns begin, at least: each costs the same beside what it settles and claims.
const TURN_INTERVAL: Duration = Duration::from_millis(10);

/// How often all queues are looked at without a hint: other processes owe deliveries too.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How soon they are looked at after a turn that has put something off or left nothing that is due.
const NEXT_LOOK: Duration = Duration::from_millis(20);

/// How often it is looked at whether endpoints have been paused or let go on by somebody else.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);

/// How long to wait after the database has failed.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// How much an attempt in flight may delay the stop of the service.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);

/// Delivers what is owed, until it is told to stop.
#[derive(Debug)]
pub struct Engine {
    /// Where deliveries are claimed and settled.
    pub outbox: Outbox,
    /// The endpoints.
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// Sends.
    pub client: Client,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// When to try again.
    pub schedule: RetrySchedule,
    /// How many at once.
    pub limits: Limits,
    /// Told when deliveries have come to be owed: a hint, which spares the wait for the next look.
    pub due: Arc<Notify>,
}

/// What the loop keeps between turns.
struct Work {
    sender: Arc<Sender>,
    attempts: JoinSet<()>,
    lanes: Lanes,
    /// The catalog that the lanes were made from.
    catalog: Option<Arc<Catalog>>,
    unsettled: Vec<Ended>,
    health: HashMap<EndpointId, EndpointHealth>,
    health_read_at: Option<Instant>,
    look_at: Instant,
    /// What was put back behind a predecessor that may be in flight: the lane and the conversion, and when.
    behind: HashMap<(usize, ConversionId), Instant>,
}

/// What an attempt needs.
struct Sender {
    places: Places,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Engine {
    /// Delivers until told to stop; then lets attempts in flight end within their limit, and settles them.
    pub fn start(self, stop: CancellationToken) -> JoinHandle<()> {
        // On a thread of its own: among the tasks of all attempts, each of a turn's statements would wait until those
        // that are ready have had their turn.
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(self.run(stop)))
    }

    async fn run(self, stop: CancellationToken) {
        let sender = Sender {
            places: Places::new(self.limits),
            client: self.client.clone(),
            clock: Arc::clone(&self.clock),
        };
        let mut work = Work {
            sender: Arc::new(sender),
            attempts: JoinSet::new(),
            lanes: Lanes::default(),
            catalog: None,
            unsettled: Vec::new(),
            health: HashMap::new(),
            health_read_at: None,
            look_at: Instant::now(),
            behind: HashMap::new(),
        };
        while !stop.is_cancelled() {
            let begun = Instant::now();
            if let Err(error) = self.turn(&mut work).await {
                tracing::warn!(%error, "deliveries wait for the database");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(TROUBLE_PAUSE) => {}
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.rest(&mut work, begun + TURN_INTERVAL) => {}
            }
        }
        self.drain(work).await;
    }

    /// Waits until there is something to do, and for the next turn's time unless places are idle.
    async fn rest(&self, work: &mut Work, next_turn: Instant) {
        let places = &work.sender.places;
        let holds_more = work.lanes.hold_more();
        let mut look_at = work.look_at;
        let something = async {
            tokio::select! {
                () = self.due.notified() => look_at = Instant::now(),
                () = sleep_until(look_at) => {}
                () = places.ended.notified() => {}
            }
            sleep_until(next_turn).await;
        };
        tokio::select! {
            () = places.idle.notified(), if holds_more => {}
            () = something => {}
        }
        work.look_at = look_at;
    }

    /// Settles and claims once.
    async fn turn(&self, work: &mut Work) -> Result<(), StorageError> {
        let now = self.clock.now();
        work.take_ended();
        let catalog = Arc::clone(&self.catalog.borrow());
        self.look(work, &catalog, now).await?;
        let (settlements, health) = self.settle(&work.unsettled, &work.health, now);
        for (settlement, ended) in settlements.iter().zip(&work.unsettled) {
            if settlement.state != DeliveryState::Waiting && settlement.claimed.followed {
                work.lanes.released(ended.lane);
            }
        }
        let (numbers, wanted) = work.lanes.wanted(&work.unsettled, self.limits);
        let mut jobs = Vec::new();
        if !settlements.is_empty() || !wanted.is_empty() {
            let until = now.plus_millis(CLAIM_MILLIS);
            let taken =
                self.outbox.turn(&settlements, &health, &wanted, now, until, &catalog.currencies).await?;
            let puts_off = settlements.iter().any(|settlement| settlement.state == DeliveryState::Waiting);
            drop(settlements);
            work.settled(health);
            let leaves_nothing = work.claimed(&numbers, &wanted, taken, &mut jobs);
            if puts_off || leaves_nothing {
                work.look_at = work.look_at.min(Instant::now() + NEXT_LOOK);
            }
        }
        work.attempt(jobs, self.clock.now());
        gauge!("countersign_deliveries_claimed").set(as_gauge(work.lanes.claimed()));
        Ok(())
    }

    /// Looks at how endpoints fare and at what is due in their queues, where it is time to.
    async fn look(
        &self,
        work: &mut Work,
        catalog: &Arc<Catalog>,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let is_old = work.health_read_at.is_none_or(|at| at.elapsed() >= HEALTH_INTERVAL);
        if is_old {
            work.health = self.outbox.health().await?;
            work.health_read_at = Some(Instant::now());
        }
        let is_known = work.catalog.as_ref().is_some_and(|known| Arc::ptr_eq(known, catalog));
        if !is_known {
            work.lanes.take_in(catalog, &work.sender.places);
            work.catalog = Some(Arc::clone(catalog));
        }
        if is_old || !is_known {
            work.fare();
        }
        if work.look_at <= Instant::now() {
            let due = self.outbox.due(&work.lanes.running(), now).await?;
            work.lanes.found_due(&due, now);
            work.look_at = Instant::now() + until_next(&due, now);
        }
        Ok(())
    }

    /// What becomes of attempts that have ended, and of the endpoints that they told.
    fn settle<'e>(
        &self,
        ended: &'e [Ended],
        known_health: &HashMap<EndpointId, EndpointHealth>,
        now: Timestamp,
    ) -> (Vec<Settlement<'e>>, HashMap<EndpointId, EndpointHealth>) {
        let mut changed: HashMap<EndpointId, EndpointHealth> = HashMap::new();
        let mut settlements = Vec::with_capacity(ended.len());
        for Ended { claimed, attempted, .. } in ended {
            let Some(attempted) = attempted else {
                settlements.push(given_up(claimed, now));
                continue;
            };
            let known = known_health.get(&claimed.endpoint).and_then(|health| health.failing_since);
            let fails = attempted.result.endpoint_works() == Some(false);
            if fails || known.is_some() || changed.contains_key(&claimed.endpoint) {
                let health = changed
                    .entry(claimed.endpoint.clone())
                    .or_insert(EndpointHealth { failing_since: known, paused: None });
                note(health, attempted, now);
            }
            settlements.push(self.settlement(claimed, attempted, now));
        }
        changed.retain(|endpoint, health| {
            let known = known_health.get(endpoint).and_then(|health| health.failing_since);
            health.paused.is_some() || health.failing_since != known
        });
        for (endpoint, health) in &changed {
            if let Some((_, why)) = &health.paused {
                tracing::warn!(%endpoint, why, "an endpoint is paused; its deliveries wait");
            }
        }
        (settlements, changed)
    }

    fn settlement<'e>(
        &self,
        claimed: &'e Claimed,
        attempted: &'e Attempted,
        now: Timestamp,
    ) -> Settlement<'e> {
        let Attempted { attempt, result } = attempted;
        let made = u32::try_from(claimed.round_attempts + 1).unwrap_or(u32::MAX);
        let first = claimed.round_started_at.unwrap_or(attempt.at);
        // Only what is put off needs a jitter.
        let jitter = if result.error().is_some() { u32::from_ne_bytes(random()) } else { 0 };
        let (state, due_at) = result.settles(&self.schedule, made, first, now, jitter);
        let continuation = result.continuation().or(claimed.continuation.as_deref());
        Settlement { claimed, attempt: Some(attempt), state, due_at, continuation }
    }

    /// Lets attempts in flight end, settles them, and gives back what was not attempted.
    async fn drain(self, mut work: Work) {
        work.sender.places.close();
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while let Ok(Some(_)) = tokio::time::timeout_at(deadline, work.attempts.join_next()).await {}
        work.attempts.shutdown().await;
        work.take_ended();
        let now = self.clock.now();
        let settled = async {
            let known_health = self.outbox.health().await?;
            let (settlements, health) = self.settle(&work.unsettled, &known_health, now);
            self.outbox.turn(&settlements, &health, &[], now, now, &Currencies::default()).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(%error, "the last deliveries were not settled: they will be sent again");
        }
        self.outbox.close().await;
    }
}

impl Work {
    fn take_ended(&mut self) {
        let ended = self.sender.places.take_ended();
        count(&ended);
        self.unsettled.extend(ended);
        if !self.behind.is_empty() {
            // A claim that is over is somebody else's, who finds for himself that it is followed.
            self.behind.retain(|_, since| since.elapsed() < CLAIM);
            for Ended { claimed, lane, .. } in &mut self.unsettled {
                claimed.followed |= self.behind.remove(&(*lane, claimed.facts.conversion.id)).is_some();
            }
        }
        while self.attempts.try_join_next().is_some() {}
    }

    /// Takes in how endpoints fare.
    fn fare(&mut self) {
        let mut stopped = self.lanes.fare(&self.health);
        let says_gone = |ended: &&Ended| ended.attempted.as_ref().is_some_and(|it| it.result.says_gone());
        self.unsettled.iter().filter(says_gone).for_each(|ended| stopped[ended.lane] = true);
        self.sender.places.stop(stopped);
    }

    /// Takes in that everything is settled that has been taken.
    fn settled(&mut self, changed: HashMap<EndpointId, EndpointHealth>) {
        self.lanes.settled(&self.unsettled);
        self.unsettled.clear();
        if changed.is_empty() {
            return;
        }
        for (endpoint, health) in changed {
            let known = self.health.entry(endpoint).or_default();
            known.failing_since = health.failing_since;
            known.paused = health.paused.or_else(|| known.paused.take());
        }
        self.fare();
    }

    /// Takes in what was claimed. Gives whether a queue holds nothing more that is due.
    fn claimed(
        &mut self,
        numbers: &[usize],
        wanted: &[Wanted],
        taken: Vec<Taken>,
        jobs: &mut Vec<Job>,
    ) -> bool {
        let mut leaves_nothing = false;
        for ((number, wanted), taken) in numbers.iter().zip(wanted).zip(taken) {
            leaves_nothing |= self.lanes.taken(*number, wanted, &taken);
            let now = Instant::now();
            self.behind.extend(taken.behind.into_iter().map(|conversion| ((*number, conversion), now)));
            let lane = self.lanes.lane(*number);
            jobs.extend(taken.claimed.into_iter().map(|claimed| Job {
                claimed,
                endpoint: lane.endpoint.clone(),
                lane: *number,
                host: lane.host,
            }));
        }
        leaves_nothing
    }

    /// Has deliveries attempted as soon as there are places for them.
    fn attempt(&mut self, jobs: Vec<Job>, now: Timestamp) {
        for job in self.sender.places.add(jobs, now) {
            self.attempts.spawn(Arc::clone(&self.sender).work(job));
        }
    }
}

impl Sender {
    /// Attempts a delivery, and then whatever its place is for next.
    async fn work(self: Arc<Self>, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next.take() {
            let mut place = Place { places: &self.places, job: Some(job) };
            let Some(job) = &place.job else { return };
            let at = self.clock.now();
            let Claimed { facts, continuation, .. } = &job.claimed;
            let sent = send(&self.client, &job.endpoint, facts, continuation.as_deref(), at).await;
            let (attempt, result) = sent.into_attempt(job.claimed.attempts + 1, at);
            let attempted = Attempted { attempt, result };
            next = place.job.take().and_then(|job| self.places.end(job, attempted, self.clock.now()));
        }
    }
}

/// An attempt in flight. One that is broken off, because the service stops, leaves its place too.
struct Place<'p> {
    places: &'p Places,
    job: Option<Job>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.places.give_up(job);
        }
    }
}

/// A claim that is given back as it was.
fn given_up(claimed: &Claimed, now: Timestamp) -> Settlement<'_> {
    let continuation = claimed.continuation.as_deref();
    Settlement { claimed, attempt: None, state: DeliveryState::Waiting, due_at: now, continuation }
}

fn note(health: &mut EndpointHealth, attempted: &Attempted, now: Timestamp) {
    let Attempted { attempt, result } = attempted;
    match result.endpoint_works() {
        Some(true) => health.failing_since = None,
        Some(false) => {
            let failing_since = *health.failing_since.get_or_insert(attempt.at);
            if let Some(why) = result.pauses(failing_since, now) {
                health.paused.get_or_insert((now, why));
            }
        }
        None => {}
    }
}

fn count(ended: &[Ended]) {
    let seconds = histogram!("countersign_delivery_attempt_seconds");
    let mut outcomes: HashMap<&'static str, u64> = HashMap::new();
    for Attempted { attempt, result } in ended.iter().filter_map(|ended| ended.attempted.as_ref()) {
        *outcomes.entry(result.outcome()).or_default() += 1;
        seconds.record(Duration::from_micros(u64::try_from(attempt.duration_us).unwrap_or_default()));
    }
    for (outcome, count) in outcomes {
        counter!("countersign_delivery_attempts_total", "outcome" => outcome).increment(count);
    }
}

/// How long until something more is due.
fn until_next(due: &[(EndpointId, Timestamp)], now: Timestamp) -> Duration {
    let waits = due.iter().filter_map(|(_, at)| u64::try_from(at.millis() - now.millis()).ok());
    let next = waits.filter(|millis| *millis > 0).min();
    next.map_or(LOOK_INTERVAL, Duration::from_millis).min(LOOK_INTERVAL)
}

fn as_gauge(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
