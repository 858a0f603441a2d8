//! The engine: one loop that turns, and many attempts that it waits for.
//!
//! A turn settles every attempt that has ended and claims what is due, in one transaction. While it commits, attempts
//! go on and end; they are the next turn's. So a busy engine makes large turns, and an idle one settles at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use metrics::{counter, gauge, histogram};
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    client::Client,
    send::{Sent, send},
};
use crate::{
    clock::{Clock, random},
    domain::{
        catalog::Catalog, currency::Currencies, delivery::DeliveryState, endpoint::PostbackEndpoint,
        ids::EndpointId, retry::RetrySchedule, time::Timestamp,
    },
    storage::{Attempt, Claimed, EndpointHealth, Outbox, Settlement, StorageError},
};

/// How long a claim lasts, in milliseconds. It covers waiting for a place and the attempt itself; a worker that dies
/// leaves its claims to fall due again after it.
const CLAIM_MILLIS: i64 = 60_000;

/// What of a claim must be left when an attempt begins, in milliseconds: more than the longest attempt takes.
const ATTEMPT_MILLIS_MAX: i64 = 20_000;

/// How often the queue is looked at without a hint: other processes owe deliveries too.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is looked at whether endpoints have been paused or let go on by somebody else.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);

/// How long to wait after the database has failed.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// How many claimed deliveries are kept in memory at once, by all endpoints together.
const CLAIMED_MAX: usize = 2_048;

/// How many of one endpoint, while it answers quickly: what it can take while a turn commits on a busy machine.
const CLAIMED_PER_ENDPOINT_MAX: usize = 512;

/// How much an attempt in flight may delay the stop of the service.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);

/// How many requests may be in flight.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To one host.
    pub per_host: usize,
    /// In all.
    pub in_all: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_host: 8, in_all: 256 }
    }
}

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

/// An attempt that has ended, or a claim that was given up before its attempt.
type Ended = (Claimed, Timestamp, Option<Sent>);

/// What the loop keeps between turns.
struct Work {
    ended: mpsc::UnboundedReceiver<Ended>,
    end: mpsc::UnboundedSender<Ended>,
    attempts: JoinSet<()>,
    hosts: HashMap<String, Arc<Semaphore>>,
    places: Arc<Semaphore>,
    claimed: HashMap<EndpointId, usize>,
    unsettled: Vec<Ended>,
    health: HashMap<EndpointId, EndpointHealth>,
    health_read_at: Option<Instant>,
}

impl Engine {
    /// Delivers until told to stop; then lets attempts in flight end within their limit, and settles them.
    pub async fn run(self, stop: CancellationToken) {
        let (end, ended) = mpsc::unbounded_channel();
        let mut work = Work {
            ended,
            end,
            attempts: JoinSet::new(),
            hosts: HashMap::new(),
            places: Arc::new(Semaphore::new(self.limits.in_all)),
            claimed: HashMap::new(),
            unsettled: Vec::new(),
            health: HashMap::new(),
            health_read_at: None,
        };
        while !stop.is_cancelled() {
            let pause = match self.turn(&mut work, &stop).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "deliveries wait for the database");
                    TROUBLE_PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.due.notified() => {}
                () = tokio::time::sleep(pause) => {}
                Some(ended) = work.ended.recv() => work.unsettled.push(ended),
            }
        }
        self.drain(work).await;
    }

    /// Settles and claims once. Gives how long there is nothing to do unless something happens.
    async fn turn(&self, work: &mut Work, stop: &CancellationToken) -> Result<Duration, StorageError> {
        let now = self.clock.now();
        work.take_ended();
        let catalog = Arc::clone(&self.catalog.borrow());
        let active = catalog.endpoints.values().flatten().filter(|endpoint| endpoint.active);
        let endpoints: HashMap<_, _> = active.map(|endpoint| (&endpoint.id, endpoint)).collect();
        if work.health_read_at.is_none_or(|at| at.elapsed() >= HEALTH_INTERVAL) {
            work.health = self.outbox.health().await?;
            work.health_read_at = Some(Instant::now());
        }
        let is_running = |id: &&EndpointId| work.health.get(*id).is_none_or(|health| health.paused.is_none());
        let running: Vec<_> = endpoints.keys().copied().filter(is_running).cloned().collect();
        let due = self.outbox.due(&running, now).await?;
        let wanted = self.wanted(work, &due, now);
        if work.unsettled.is_empty() && wanted.is_empty() {
            return Ok(until_next(&due, now));
        }
        let (settlements, health) = self.settle(&work.unsettled, &work.health, now);
        let until = now.plus_millis(CLAIM_MILLIS);
        let currencies = &catalog.currencies;
        let taken = self.outbox.turn(&settlements, &health, &wanted, now, until, currencies).await?;
        // What was settled may have released or rescheduled what is due next, and where something was taken there may
        // be more: look again at once.
        let look_again = !settlements.is_empty() || !taken.claimed.is_empty() || taken.put_back > 0;
        work.note_health(health);
        work.settled();
        for claimed in taken.claimed {
            if let Some(endpoint) = endpoints.get(&claimed.endpoint) {
                self.start(work, Arc::clone(endpoint), claimed, stop);
            }
        }
        gauge!("countersign_deliveries_claimed").set(as_gauge(work.claimed.values().sum()));
        Ok(if look_again { Duration::ZERO } else { until_next(&due, now) })
    }

    /// How many to claim of each endpoint that has something due. One that settles quickly may have more at hand, one
    /// that hangs has no more than what it keeps in flight and as many to follow.
    fn wanted(
        &self,
        work: &Work,
        due: &[(EndpointId, Timestamp)],
        now: Timestamp,
    ) -> Vec<(EndpointId, usize)> {
        let mut quick: HashMap<&EndpointId, usize> = HashMap::new();
        for (claimed, ..) in &work.unsettled {
            *quick.entry(&claimed.endpoint).or_default() += 1;
        }
        // Nobody's supply may use up the room of those that come after it.
        let share = CLAIMED_MAX / due.len().max(1);
        let quick_max = share.clamp(self.limits.per_host * 2, CLAIMED_PER_ENDPOINT_MAX);
        let mut room = CLAIMED_MAX.saturating_sub(work.claimed.values().sum::<usize>());
        let mut wanted = Vec::new();
        for (endpoint, at) in due {
            if *at > now {
                continue;
            }
            let settled = quick.get(endpoint).copied().unwrap_or_default();
            let most = (settled * 4).clamp(self.limits.per_host * 2, quick_max);
            // Those that have just ended are still counted as claimed.
            let at_hand = work.claimed.get(endpoint).copied().unwrap_or_default().saturating_sub(settled);
            let take = most.saturating_sub(at_hand).min(room);
            if take > 0 {
                room -= take;
                wanted.push((endpoint.clone(), take));
            }
        }
        wanted
    }

    /// Has a claimed delivery attempted as soon as there is a place for it.
    fn start(
        &self,
        work: &mut Work,
        endpoint: Arc<PostbackEndpoint>,
        claimed: Claimed,
        stop: &CancellationToken,
    ) {
        *work.claimed.entry(claimed.endpoint.clone()).or_default() += 1;
        let host = work.host(&endpoint, self.limits.per_host);
        let (places, end, stop) = (Arc::clone(&work.places), work.end.clone(), stop.clone());
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        work.attempts.spawn(async move {
            let place = async {
                let at_host = host.acquire_owned().await.ok()?;
                Some((at_host, places.acquire_owned().await.ok()?))
            };
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                place = place => place,
            };
            let now = clock.now();
            let in_time = now.plus_millis(ATTEMPT_MILLIS_MAX) < claimed.until;
            let sent = match place {
                Some(_) if in_time => Some(send(&client, &endpoint, &claimed.facts, now).await),
                _ => None,
            };
            // The loop listens as long as an attempt runs.
            let _ = end.send((claimed, now, sent));
        });
    }

    /// What becomes of attempts that have ended, and of the endpoints that they told.
    fn settle<'e>(
        &self,
        ended: &'e [Ended],
        known_health: &HashMap<EndpointId, EndpointHealth>,
        now: Timestamp,
    ) -> (Vec<Settlement<'e>>, HashMap<EndpointId, EndpointHealth>) {
        let mut changed = HashMap::new();
        let settlements = ended.iter().map(|(claimed, began, sent)| {
            let Some(sent) = sent else { return given_up(claimed, now) };
            let failing_since = known_health.get(&claimed.endpoint).and_then(|health| health.failing_since);
            let health = changed
                .entry(claimed.endpoint.clone())
                .or_insert(EndpointHealth { failing_since, paused: None });
            note(health, sent, *began, now);
            self.settlement(claimed, *began, sent, now)
        });
        let settlements = settlements.collect();
        changed.retain(|endpoint, health| {
            let known = known_health.get(endpoint).and_then(|health| health.failing_since);
            health.paused.is_some() || health.failing_since != known
        });
        for (endpoint, health) in &changed {
            if let Some((_, why)) = &health.paused {
                tracing::warn!(postback = %endpoint, why, "a postback endpoint is paused; its deliveries wait");
            }
        }
        (settlements, changed)
    }

    fn settlement<'e>(
        &self,
        claimed: &'e Claimed,
        began: Timestamp,
        sent: &Sent,
        now: Timestamp,
    ) -> Settlement<'e> {
        let made = u32::try_from(claimed.round_attempts + 1).unwrap_or(u32::MAX);
        let first = claimed.round_started_at.unwrap_or(began);
        let jitter = u32::from_ne_bytes(random());
        let (state, due_at) = sent.result.settles(&self.schedule, made, first, now, jitter);
        let outcome = if sent.result.error.is_none() { "delivered" } else { "failed" };
        counter!("countersign_delivery_attempts_total", "outcome" => outcome).increment(1);
        histogram!("countersign_delivery_attempt_seconds")
            .record(Duration::from_micros(u64::try_from(sent.duration_us).unwrap_or_default()));
        Settlement {
            claimed,
            attempt: Some(Attempt {
                number: claimed.attempts + 1,
                at: began,
                request: sent.request.clone(),
                status: sent.result.status,
                answer: sent.answer.clone(),
                error: sent.result.error.clone(),
                duration_us: sent.duration_us,
            }),
            state,
            due_at,
        }
    }

    /// Lets attempts in flight end, settles them, and gives back what was not attempted.
    async fn drain(self, mut work: Work) {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while let Ok(Some(_)) = tokio::time::timeout_at(deadline, work.attempts.join_next()).await {}
        work.attempts.abort_all();
        work.take_ended();
        let now = self.clock.now();
        let settled = async {
            let known_health = self.outbox.health().await?;
            let (settlements, health) = self.settle(&work.unsettled, &known_health, now);
            let currencies = Currencies::default();
            self.outbox.turn(&settlements, &health, &[], now, now, &currencies).await
        };
        if let Err(error) = settled.await {
            tracing::warn!(%error, "the last deliveries were not settled: they will be sent again");
        }
        self.outbox.close().await;
    }
}

impl Work {
    fn take_ended(&mut self) {
        while let Ok(ended) = self.ended.try_recv() {
            self.unsettled.push(ended);
        }
        while self.attempts.try_join_next().is_some() {}
    }

    fn note_health(&mut self, changed: HashMap<EndpointId, EndpointHealth>) {
        for (endpoint, health) in changed {
            let known = self.health.entry(endpoint).or_default();
            known.failing_since = health.failing_since;
            known.paused = health.paused.or_else(|| known.paused.take());
        }
    }

    fn settled(&mut self) {
        for (claimed, ..) in self.unsettled.drain(..) {
            if let Some(count) = self.claimed.get_mut(&claimed.endpoint) {
                *count = count.saturating_sub(1);
            }
        }
        self.claimed.retain(|_, count| *count > 0);
    }

    /// The places at an endpoint's host. A template has no macros in its host, so its source tells it.
    fn host(&mut self, endpoint: &PostbackEndpoint, places: usize) -> Arc<Semaphore> {
        let url = Url::parse(endpoint.url.source()).ok();
        let host = url.and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
        let host = host.unwrap_or_else(|| endpoint.id.to_string());
        Arc::clone(self.hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(places))))
    }
}

/// A claim that is given back as it was.
fn given_up(claimed: &Claimed, now: Timestamp) -> Settlement<'_> {
    Settlement { claimed, attempt: None, state: DeliveryState::Waiting, due_at: now }
}

fn note(health: &mut EndpointHealth, sent: &Sent, began: Timestamp, now: Timestamp) {
    if sent.result.error.is_none() {
        health.failing_since = None;
        return;
    }
    let failing_since = *health.failing_since.get_or_insert(began);
    if let Some(why) = sent.result.pauses(failing_since, now) {
        health.paused.get_or_insert((now, why));
    }
}

/// How long until something more is due. What is due already waits for an attempt to end, which is told.
fn until_next(due: &[(EndpointId, Timestamp)], now: Timestamp) -> Duration {
    let waits = due.iter().filter_map(|(_, at)| u64::try_from(at.millis() - now.millis()).ok());
    let next = waits.filter(|millis| *millis > 0).min();
    next.map_or(LOOK_INTERVAL, Duration::from_millis).min(LOOK_INTERVAL)
}

fn as_gauge(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
