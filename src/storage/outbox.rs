//! The outbox: deliveries that are owed, claimed by workers, and settled by what came of an attempt.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DatabaseConnection, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{
    EndpointHealth, StorageError, Write,
    backend::{self, WriteTurn},
    bulk,
    cells::{Cells, Column, Kind, columns},
    endpoints::{note_health, read_health},
    reading::Reading,
    rows::{CONVERSION_SELECTED, conversion, conversion_kinds, known, params, text, text_or_null},
};
use crate::domain::{
    currency::Currencies,
    delivery::DeliveryState,
    ids::{ConversionId, DeliveryId, EndpointId},
    outgoing::Facts,
    status::Status,
    time::Timestamp,
};

/// A delivery that a worker has claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Who is told.
    pub endpoint: EndpointId,
    /// Of which step of the conversion's history.
    pub step: i32,
    /// Which claim of this delivery this is: only the latest may settle it.
    pub claim: i64,
    /// Until when nobody else claims it.
    pub until: Timestamp,
    /// How often it has been attempted.
    pub attempts: i32,
    /// How often since it was last sent anew.
    pub round_attempts: i32,
    /// When the first of those was.
    pub round_started_at: Option<Timestamp>,
    /// What an earlier one of those has left behind, to be gone on from.
    pub continuation: Option<String>,
    /// Whether a later step of the same conversion waits for this one.
    pub followed: bool,
    /// What the endpoint is told.
    pub facts: Facts,
}

/// One attempt, as it is kept.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// Counted from 1 over the life of the delivery.
    pub number: i32,
    /// When it began.
    pub at: Timestamp,
    /// The request as it was sent, credentials redacted.
    pub request: String,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
    /// What was wrong, in plain words.
    pub error: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: i64,
}

/// What becomes of a claimed delivery.
#[derive(Debug)]
pub struct Settlement<'a> {
    /// Which delivery, by its claim.
    pub claimed: &'a Claimed,
    /// The attempt; none where it was not attempted after all.
    pub attempt: Option<&'a Attempt>,
    /// Where it stands now.
    pub state: DeliveryState,
    /// When it is due next, while it waits.
    pub due_at: Timestamp,
    /// What the next attempt goes on from.
    pub continuation: Option<&'a str>,
}

/// What an endpoint's queue is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose queue.
    pub endpoint: EndpointId,
    /// How many deliveries at most.
    pub limit: usize,
    /// Only those that were due at this time or later: a busy worker need not look again through what it has claimed.
    pub from: Timestamp,
}

/// What a turn has taken from an endpoint's queue.
#[derive(Debug, Default)]
pub struct Taken {
    /// To be attempted now.
    pub claimed: Vec<Claimed>,
    /// How many were due, those that were put back behind their predecessor included. Where it is all that was wanted,
    /// there may be more.
    pub found: usize,
    /// When the last of them was due.
    pub last_due_at: Option<Timestamp>,
    /// The conversions of those that were put back: their predecessors, once settled, have somebody to release.
    pub behind: Vec<ConversionId>,
}

/// How long a delivery stays behind its predecessor at least, in milliseconds. Settling that one releases it; this is
/// for one whose predecessor another process is attempting, or has just settled.
const PUT_BACK_MILLIS: i64 = 1_000;

/// The connection that claims and settles deliveries.
#[derive(Debug)]
pub struct Outbox {
    connection: DatabaseConnection,
    turn: WriteTurn,
}

const ENDPOINT_KEY: &[Column] = &columns![Text endpoint];
const DELIVERY_KEY: &[Column] = &columns![Uuid id];
const CLAIM_KEY: &[Column] = &columns![Uuid id, Integer claim];
const STANDING: &[Column] = &columns![Uuid id, Integer claim, Integer attempts];
const PUT_BACK: &[Column] = &columns![Uuid id, Integer due_at];
const ATTEMPT: &[Column] = &columns![
    Uuid delivery, Integer number, Integer at, Text request, Integer status, Text answer, Text error,
    Integer duration_us,
];
const SETTLED: &[Column] = &columns![
    Uuid id, Integer claim, Text state, Integer due_at, Integer attempts, Integer round_attempts,
    Integer round_started_at, Integer settled_at, Text continuation,
];
/// What is read of a delivery that is due, before its conversion.
const DUE_KINDS: &[Kind] = &[
    Kind::Uuid,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Text,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
];
const SUCCESSOR_KEY: &[Column] = &columns![Uuid conversion, Text endpoint, Integer step];

/// What stands for "later steps only" where the due time of the earlier ones is asked.
const FOLLOWED: i64 = i64::MAX;

impl Outbox {
    pub(super) fn new(connection: DatabaseConnection, turn: WriteTurn) -> Self {
        Self { connection, turn }
    }

    /// When the earliest delivery of each of these endpoints that is not claimed is due; those that have none are left
    /// out.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn due(
        &self,
        endpoints: &[EndpointId],
        now: Timestamp,
    ) -> Result<Vec<(EndpointId, Timestamp)>, StorageError> {
        // Not min(): past what is claimed, the first in the order of the queue's index is all that is looked at.
        let sql = "SELECT k.endpoint, (SELECT d.due_at FROM delivery AS d
                WHERE d.endpoint = k.endpoint AND d.state = 'waiting'
                    AND (d.claimed_until IS NULL OR d.claimed_until <= {after})
                ORDER BY d.due_at LIMIT 1) AS due_at
            FROM ({rows}) AS k";
        let mut due = Vec::new();
        let cells = endpoint_cells(endpoints);
        for row in
            bulk::select(&self.connection, &[Kind::Text, Kind::Integer], sql, cells, Some(now.millis()))
                .await?
        {
            let mut row = Reading::of(&row);
            let endpoint = row.id(EndpointId::parse)?;
            due.extend(row.next::<Option<i64>>()?.map(|at| (endpoint, Timestamp::from_millis(at))));
        }
        Ok(due)
    }

    /// How endpoints fare.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn health(&self) -> Result<HashMap<EndpointId, EndpointHealth>, StorageError> {
        read_health(&self.connection).await
    }

    /// Settles what has been attempted, writes how endpoints fare, and claims due deliveries until `until`, in the
    /// order of their due times: one transaction, and none of it waits for the network. Gives what was taken of each
    /// queue, in the order of what was wanted.
    ///
    /// A delivery whose predecessor (the same conversion's earlier step, to the same endpoint) is not settled is put
    /// behind it instead of being claimed.
    ///
    /// # Errors
    /// [`StorageError`]; then nothing of it is done.
    pub async fn turn(
        &self,
        settlements: &[Settlement<'_>],
        health: &HashMap<EndpointId, EndpointHealth>,
        wanted: &[Wanted],
        now: Timestamp,
        until: Timestamp,
        currencies: &Currencies,
    ) -> Result<Vec<Taken>, StorageError> {
        let write = Write::begin(&self.connection, &self.turn).await?;
        settle(&write, settlements, now).await?;
        for (endpoint, health) in health {
            note_health(&*write, endpoint, health).await?;
        }
        let taken = claim(&write, wanted, now, until, currencies).await?;
        write.commit().await?;
        Ok(taken)
    }

    /// Lets everything that is claimed fall due at once. Only for the one server of an embedded database, before it
    /// claims anything: whoever held these claims has ended.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn take_over(&self) -> Result<u64, StorageError> {
        let write = Write::begin(&self.connection, &self.turn).await?;
        let sql = "UPDATE delivery SET claimed_until = NULL, claim = claim + 1
            WHERE state = 'waiting' AND claimed_until IS NOT NULL";
        let released = write.execute_unprepared(sql).await?.rows_affected();
        write.commit().await?;
        Ok(released)
    }

    /// Closes the connection.
    pub async fn close(self) {
        // A claim that was not settled falls due again by itself.
        let _ = self.connection.close().await;
    }
}

fn endpoint_cells(endpoints: &[EndpointId]) -> Cells {
    let mut cells = Cells::new(ENDPOINT_KEY);
    for endpoint in endpoints {
        cells.push([text(endpoint.as_str())]);
    }
    cells
}

// What waits is told by `settled_at` wherever rows are found by another way than the queue: a condition on `state`
// would let the planner walk the queue's index, which is short when it plans and may be a million rows long later.

/// Deliveries that are due, with all that an endpoint is told. Nothing is due at an endpoint that has been paused a
/// moment ago.
fn due_sql(write: &Write) -> String {
    format!(
        "SELECT d.id, d.due_at, d.step, d.claim, d.attempts, d.round_attempts, d.round_started_at,
            (SELECT min(CASE WHEN b.step > d.step THEN {FOLLOWED} WHEN b.claimed_until IS NULL THEN b.due_at ELSE 0 END)
                FROM delivery AS b WHERE b.conversion = d.conversion AND b.endpoint = d.endpoint AND b.step <> d.step
                    AND b.settled_at IS NULL) AS beside,
            d.continuation, e.to_status, e.reason, e.at, k.params, k.at, c.extra,
            (SELECT p.player_id FROM player AS p WHERE p.click_id = c.click_id) AS player_id, {CONVERSION_SELECTED}
        FROM (SELECT * FROM delivery WHERE endpoint = $1 AND state = 'waiting' AND due_at BETWEEN $2 AND $3
                    AND (claimed_until IS NULL OR claimed_until <= $3) AND NOT EXISTS
                        (SELECT 1 FROM endpoint_health AS h WHERE h.endpoint = $1 AND h.paused_at IS NOT NULL)
                ORDER BY due_at LIMIT $4 {}) AS d
            CROSS JOIN status_event AS e CROSS JOIN conversion AS c CROSS JOIN click AS k
        WHERE e.conversion = d.conversion AND e.step = d.step AND c.id = d.conversion AND k.id = c.click_id",
        backend::skip_locked(&**write)
    )
}

async fn claim(
    write: &Write,
    wanted: &[Wanted],
    now: Timestamp,
    until: Timestamp,
    currencies: &Currencies,
) -> Result<Vec<Taken>, StorageError> {
    let sql = due_sql(write);
    let kinds: Vec<_> = DUE_KINDS.iter().copied().chain(conversion_kinds()).collect();
    let (mut claims, mut behind) = (Cells::new(DELIVERY_KEY), Cells::new(PUT_BACK));
    let mut all_taken = Vec::with_capacity(wanted.len());
    for Wanted { endpoint, limit, from } in wanted {
        let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
        let values: [Value; 4] =
            [endpoint.as_str().into(), from.millis().into(), now.millis().into(), limit.into()];
        let mut rows = bulk::find(&**write, &kinds, &sql, values.into()).await?;
        let mut taken = Taken { found: rows.len(), ..Taken::default() };
        taken.claimed.reserve(rows.len());
        for row in &mut rows {
            let (due_at, found) = found(&mut Reading::taking(row), endpoint, until, currencies)?;
            taken.last_due_at = taken.last_due_at.max(Some(due_at));
            match found {
                Found::Ready(claimed) => {
                    claims.push([claimed.facts.delivery.uuid().into()]);
                    taken.claimed.push(*claimed);
                }
                Found::Behind { delivery, conversion, predecessor_due } => {
                    taken.behind.push(conversion);
                    let look_again = now.plus_millis(PUT_BACK_MILLIS).millis();
                    let due_at = look_again.max(predecessor_due.saturating_add(1));
                    behind.push([delivery.into(), due_at.into()]);
                }
            }
        }
        all_taken.push(taken);
    }
    if !claims.is_empty() {
        let claim = "UPDATE delivery SET claimed_until = {after}, claim = claim + 1 FROM ({rows}) AS v
            WHERE delivery.id = v.id";
        bulk::update(&**write, claim, claims, Some(until.millis())).await?;
    }
    if !behind.is_empty() {
        let put_back = "UPDATE delivery SET due_at = v.due_at, claimed_until = NULL FROM ({rows}) AS v
            WHERE delivery.id = v.id";
        bulk::update(&**write, put_back, behind, None).await?;
    }
    Ok(all_taken)
}

/// A delivery that is due.
enum Found {
    Ready(Box<Claimed>),
    Behind { delivery: Uuid, conversion: ConversionId, predecessor_due: i64 },
}

/// Reads a row of [`due_sql`], as it is once it is claimed.
fn found(
    row: &mut Reading<'_>,
    endpoint: &EndpointId,
    until: Timestamp,
    currencies: &Currencies,
) -> Result<(Timestamp, Found), StorageError> {
    let (id, due_at) = (row.next::<Uuid>()?, Timestamp::from_millis(row.next()?));
    let (step, claim) = (row.next()?, i64::from(row.next::<i32>()?) + 1);
    let (attempts, round_attempts) = (row.next()?, row.next()?);
    let round_started_at = row.next::<Option<i64>>()?.map(Timestamp::from_millis);
    let beside = row.next::<Option<i64>>()?;
    let continuation = row.next()?;
    let status = known(Status::parse(&row.next::<String>()?), "status")?;
    let (reason, changed_at) = (row.next()?, Timestamp::from_millis(row.next()?));
    let click_params = params(Some(&row.next::<String>()?))?;
    let clicked_at = Timestamp::from_millis(row.next()?);
    let extra = params(row.next::<Option<String>>()?.as_deref())?;
    let player_id = row.next()?;
    let mut conversion = conversion(row, currencies)?;
    conversion.extra = extra;
    if let Some(predecessor_due) = beside.filter(|beside| *beside != FOLLOWED) {
        return Ok((due_at, Found::Behind { delivery: id, conversion: conversion.id, predecessor_due }));
    }
    let delivery = DeliveryId::new(id);
    let claimed = Claimed {
        endpoint: endpoint.clone(),
        step,
        claim,
        until,
        attempts,
        round_attempts,
        round_started_at,
        continuation,
        followed: beside.is_some(),
        facts: Facts {
            delivery,
            conversion,
            click_params,
            player_id,
            clicked_at,
            status,
            reason,
            changed_at,
        },
    };
    Ok((due_at, Found::Ready(Box::new(claimed))))
}

async fn settle(write: &Write, settlements: &[Settlement<'_>], now: Timestamp) -> Result<(), StorageError> {
    if settlements.is_empty() {
        return Ok(());
    }
    let own = settle_rows(write, settlements, now).await?;
    let is_own = |id: Uuid| own.as_ref().is_none_or(|own| own.contains(&id));
    let (mut attempts, mut successors) = (Cells::new(ATTEMPT), Cells::new(SUCCESSOR_KEY));
    for Settlement { claimed, attempt, state, .. } in settlements {
        let delivery = claimed.facts.delivery.uuid();
        let Some(attempt) = attempt.filter(|_| is_own(delivery)) else { continue };
        push_attempt(&mut attempts, delivery, attempt);
        if claimed.followed && *state != DeliveryState::Waiting {
            let conversion = claimed.facts.conversion.id.uuid();
            let step = i64::from(claimed.step);
            successors.push([conversion.into(), text(claimed.endpoint.as_str()), step.into()]);
        }
    }
    bulk::insert(&**write, "attempt", attempts).await?;
    // What waited for its predecessor is due now; what has been attempted keeps to its schedule.
    let release = "UPDATE delivery SET due_at = {after} FROM ({rows}) AS v
        WHERE delivery.conversion = v.conversion AND delivery.endpoint = v.endpoint AND delivery.step > v.step
            AND delivery.settled_at IS NULL AND delivery.round_attempts = 0 AND delivery.claimed_until IS NULL";
    if !successors.is_empty() {
        bulk::update(&**write, release, successors, Some(now.millis())).await?;
    }
    Ok(())
}

/// Writes where deliveries stand. Gives those that were still the worker's to settle; none where all were.
///
/// Whatever has been claimed by somebody else since is theirs to settle; what has no claim any more was settled by a
/// commit whose answer got lost, or is to be sent again.
async fn settle_rows(
    write: &Write,
    settlements: &[Settlement<'_>],
    now: Timestamp,
) -> Result<Option<HashSet<Uuid>>, StorageError> {
    let (mut delivered, mut others) = (Cells::new(CLAIM_KEY), Cells::new(SETTLED));
    for settlement in settlements {
        if settlement.state == DeliveryState::Delivered {
            let claimed = settlement.claimed;
            delivered.push([claimed.facts.delivery.uuid().into(), claimed.claim.into()]);
        } else {
            push_settled(&mut others, settlement, now);
        }
    }
    let mut changed = 0;
    if !delivered.is_empty() {
        let update = "UPDATE delivery SET state = 'delivered', claimed_until = NULL, attempts = attempts + 1,
                round_attempts = round_attempts + 1, settled_at = {after}
            FROM ({rows}) AS v
            WHERE delivery.id = v.id AND delivery.claim = v.claim AND delivery.claimed_until IS NOT NULL";
        changed += bulk::update(&**write, update, delivered, Some(now.millis())).await?;
    }
    if !others.is_empty() {
        let update = "UPDATE delivery SET state = v.state, due_at = v.due_at, claimed_until = NULL,
                attempts = v.attempts, round_attempts = v.round_attempts, round_started_at = v.round_started_at,
                settled_at = v.settled_at, continuation = v.continuation
            FROM ({rows}) AS v
            WHERE delivery.id = v.id AND delivery.claim = v.claim AND delivery.claimed_until IS NOT NULL";
        changed += bulk::update(&**write, update, others, None).await?;
    }
    if u64::try_from(settlements.len()).is_ok_and(|all| all == changed) {
        return Ok(None);
    }
    // It is so rare that nobody asks unless the number tells: those are meant that stand as they have just been
    // settled. What was settled before has its attempt already.
    let mut standing = Cells::new(STANDING);
    for Settlement { claimed, attempt, .. } in settlements {
        let attempts = i64::from(claimed.attempts) + i64::from(attempt.is_some());
        standing.push([claimed.facts.delivery.uuid().into(), claimed.claim.into(), attempts.into()]);
    }
    let sql = "SELECT v.id FROM ({rows}) AS v CROSS JOIN delivery AS d
        WHERE d.id = v.id AND d.claim = v.claim AND d.claimed_until IS NULL AND d.attempts = v.attempts
            AND NOT EXISTS (SELECT 1 FROM attempt AS a WHERE a.delivery = v.id AND a.number = v.attempts)";
    let rows = bulk::select(&**write, &[Kind::Uuid], sql, standing, None).await?;
    rows.iter().map(|row| Reading::of(row).next()).collect::<Result<_, _>>().map(Some)
}

fn push_settled(cells: &mut Cells, settlement: &Settlement<'_>, now: Timestamp) {
    let Settlement { claimed, attempt, state, due_at, continuation } = settlement;
    let made = i32::from(attempt.is_some());
    let round_started_at = claimed.round_started_at.or(attempt.map(|attempt| attempt.at));
    cells.push([
        claimed.facts.delivery.uuid().into(),
        claimed.claim.into(),
        text(state.as_str()),
        due_at.millis().into(),
        i64::from(claimed.attempts + made).into(),
        i64::from(claimed.round_attempts + made).into(),
        round_started_at.map(Timestamp::millis).into(),
        (*state != DeliveryState::Waiting).then_some(now.millis()).into(),
        text_or_null(*continuation),
    ]);
}

fn push_attempt(cells: &mut Cells, delivery: Uuid, attempt: &Attempt) {
    cells.push([
        delivery.into(),
        i64::from(attempt.number).into(),
        attempt.at.millis().into(),
        text(&attempt.request),
        attempt.status.map(i64::from).into(),
        text_or_null(attempt.answer.as_deref()),
        text_or_null(attempt.error.as_deref()),
        attempt.duration_us.into(),
    ]);
}
