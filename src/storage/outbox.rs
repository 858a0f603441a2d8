//! The outbox: deliveries that are owed, claimed by workers, and settled by what came of an attempt.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};
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
    ids::{DeliveryId, EndpointId},
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
    pub attempt: Option<Attempt>,
    /// Where it stands now.
    pub state: DeliveryState,
    /// When it is due next, while it waits.
    pub due_at: Timestamp,
}

/// What a turn has taken from the queue.
#[derive(Debug, Default)]
pub struct Taken {
    /// To be attempted now.
    pub claimed: Vec<Claimed>,
    /// How many were put behind their predecessor instead.
    pub put_back: usize,
}

/// How long a delivery stays behind its predecessor at least, in milliseconds. Settling that one releases it; this is
/// for a delivery that another process claims while the settlement is not yet visible to it.
const PUT_BACK_MILLIS: i64 = 1_000;

/// The connection that claims and settles deliveries.
#[derive(Debug)]
pub struct Outbox {
    connection: DatabaseConnection,
    turn: WriteTurn,
}

const ENDPOINT_KEY: &[Column] = &columns![Text endpoint];
const DELIVERY_KEY: &[Column] = &columns![Uuid id];
const PUT_BACK: &[Column] = &columns![Uuid id, Integer due_at];
const ATTEMPT: &[Column] = &columns![
    Uuid delivery, Integer number, Integer at, Text request, Integer status, Text answer, Text error,
    Integer duration_us,
];
const SETTLED: &[Column] = &columns![
    Uuid id, Integer claim, Text state, Integer due_at, Integer attempts, Integer round_attempts,
    Integer round_started_at, Integer settled_at,
];
/// What is loaded of a claimed delivery, before its conversion.
const CLAIMED_KINDS: &[Kind] = &[
    Kind::Uuid,
    Kind::Text,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
    Kind::Integer,
    Kind::Text,
    Kind::Text,
];
const SUCCESSOR_KEY: &[Column] = &columns![Uuid conversion, Text endpoint, Integer step];

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

    /// Settles what has been attempted, writes how endpoints fare, and claims up to so many due deliveries of each of
    /// these endpoints until `until`: one transaction, and none of it waits for the network.
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
        wanted: &[(EndpointId, usize)],
        now: Timestamp,
        until: Timestamp,
        currencies: &Currencies,
    ) -> Result<Taken, StorageError> {
        let write = Write::begin(&self.connection, &self.turn).await?;
        settle(&write, settlements, now).await?;
        for (endpoint, health) in health {
            note_health(&*write, endpoint, health).await?;
        }
        let mut ids = Cells::new(DELIVERY_KEY);
        for (endpoint, limit) in wanted {
            for id in claim(&write, endpoint, *limit, now, until).await? {
                ids.push([id.into()]);
            }
        }
        let taken = load_claimed(&write, ids, now, until, currencies).await?;
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

/// Nothing is claimed of an endpoint that has been paused a moment ago.
async fn claim(
    write: &Write,
    endpoint: &EndpointId,
    limit: usize,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Uuid>, StorageError> {
    let backend = write.get_database_backend();
    let sql = format!(
        "WITH due AS (
            SELECT id FROM delivery WHERE endpoint = $1 AND state = 'waiting' AND due_at <= $2
                AND (claimed_until IS NULL OR claimed_until <= $2)
                AND NOT EXISTS (SELECT 1 FROM endpoint_health AS h WHERE h.endpoint = $1 AND h.paused_at IS NOT NULL)
            ORDER BY due_at LIMIT $4 {}
        )
        UPDATE delivery SET claimed_until = $3, claim = claim + 1 FROM due
        WHERE delivery.id = due.id RETURNING delivery.id",
        backend::skip_locked(&**write)
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values: [Value; 4] =
        [endpoint.as_str().into(), now.millis().into(), until.millis().into(), limit.into()];
    let rows = write.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

// What waits is told by `settled_at` wherever rows are found by another way than the queue: a condition on `state`
// would let the planner walk the queue's index, which is short when it plans and may be a million rows long later.

async fn load_claimed(
    write: &Write,
    ids: Cells,
    now: Timestamp,
    until: Timestamp,
    currencies: &Currencies,
) -> Result<Taken, StorageError> {
    let sql = format!(
        "SELECT d.id, d.endpoint, d.step, d.claim, d.attempts, d.round_attempts, d.round_started_at,
            (SELECT min(CASE WHEN b.claimed_until IS NULL THEN b.due_at ELSE 0 END) FROM delivery AS b
                WHERE b.conversion = d.conversion AND b.endpoint = d.endpoint AND b.step < d.step
                    AND b.settled_at IS NULL) AS predecessor_due,
            e.to_status, e.reason, e.at, k.params, c.extra, {CONVERSION_SELECTED}
        FROM ({{rows}}) AS r CROSS JOIN delivery AS d CROSS JOIN status_event AS e CROSS JOIN conversion AS c
            CROSS JOIN click AS k
        WHERE d.id = r.id AND e.conversion = d.conversion AND e.step = d.step AND c.id = d.conversion
            AND k.id = c.click_id
        ORDER BY d.created_at, d.step"
    );
    let kinds: Vec<_> = CLAIMED_KINDS.iter().copied().chain(conversion_kinds()).collect();
    let rows = bulk::select(&**write, &kinds, &sql, ids, None).await?;
    if rows.is_empty() {
        return Ok(Taken::default());
    }
    let mut claimed = Vec::with_capacity(rows.len());
    let mut blocked = Cells::new(PUT_BACK);
    for row in &rows {
        let mut row = Reading::of(row);
        let delivery = DeliveryId::new(row.next()?);
        let endpoint = row.id(EndpointId::parse)?;
        let (step, claim) = (row.next()?, i64::from(row.next::<i32>()?));
        let (attempts, round_attempts) = (row.next()?, row.next()?);
        let round_started_at = row.next::<Option<i64>>()?.map(Timestamp::from_millis);
        if let Some(predecessor_due) = row.next::<Option<i64>>()? {
            let look_again = now.plus_millis(PUT_BACK_MILLIS).millis();
            blocked.push([delivery.uuid().into(), look_again.max(predecessor_due.saturating_add(1)).into()]);
            continue;
        }
        let status = known(Status::parse(&row.next::<String>()?), "status")?;
        let (reason, changed_at) = (row.next()?, Timestamp::from_millis(row.next()?));
        let click_params = params(Some(&row.next::<String>()?))?;
        let extra = params(row.next::<Option<String>>()?.as_deref())?;
        let mut conversion = conversion(&mut row, currencies)?;
        conversion.extra = extra;
        let facts = Facts { delivery, conversion, click_params, status, reason, changed_at };
        claimed.push(Claimed {
            endpoint,
            step,
            claim,
            until,
            attempts,
            round_attempts,
            round_started_at,
            facts,
        });
    }
    let put_back = "UPDATE delivery SET due_at = v.due_at, claimed_until = NULL FROM ({rows}) AS v
        WHERE delivery.id = v.id";
    let taken = Taken { claimed, put_back: blocked.len() };
    if !blocked.is_empty() {
        bulk::update(&**write, put_back, blocked, None).await?;
    }
    Ok(taken)
}

async fn settle(write: &Write, settlements: &[Settlement<'_>], now: Timestamp) -> Result<(), StorageError> {
    let mut cells = Cells::new(SETTLED);
    for settlement in settlements {
        push_settled(&mut cells, settlement, now);
    }
    let update = "UPDATE delivery SET state = v.state, due_at = v.due_at, claimed_until = NULL, attempts = v.attempts,
            round_attempts = v.round_attempts, round_started_at = v.round_started_at, settled_at = v.settled_at
        FROM ({rows}) AS v WHERE delivery.id = v.id AND delivery.claim = v.claim AND delivery.claimed_until IS NOT NULL
        RETURNING delivery.id";
    let rows = bulk::update_returning(&**write, update, cells, None).await?;
    // Whatever has been claimed by somebody else since is theirs to settle; what has no claim any more was settled by a
    // commit whose answer got lost, or is to be sent again.
    let own = rows.iter().map(|row| Reading::of(row).next::<Uuid>()).collect::<Result<HashSet<_>, _>>()?;
    let settled = settlements.iter().filter(|it| own.contains(&it.claimed.facts.delivery.uuid()));
    let (mut attempts, mut successors) = (Cells::new(ATTEMPT), Cells::new(SUCCESSOR_KEY));
    for settlement in settled {
        let claimed = settlement.claimed;
        if let Some(attempt) = &settlement.attempt {
            push_attempt(&mut attempts, claimed.facts.delivery, attempt);
        }
        if settlement.state != DeliveryState::Waiting {
            let conversion = claimed.facts.conversion.id.uuid();
            successors.push([
                conversion.into(),
                text(claimed.endpoint.as_str()),
                i64::from(claimed.step).into(),
            ]);
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

fn push_settled(cells: &mut Cells, settlement: &Settlement<'_>, now: Timestamp) {
    let Settlement { claimed, attempt, state, due_at } = settlement;
    let made = i32::from(attempt.is_some());
    let round_started_at = claimed.round_started_at.or(attempt.as_ref().map(|attempt| attempt.at));
    cells.push([
        claimed.facts.delivery.uuid().into(),
        claimed.claim.into(),
        text(state.as_str()),
        due_at.millis().into(),
        i64::from(claimed.attempts + made).into(),
        i64::from(claimed.round_attempts + made).into(),
        round_started_at.map(Timestamp::millis).into(),
        (*state != DeliveryState::Waiting).then_some(now.millis()).into(),
    ]);
}

fn push_attempt(cells: &mut Cells, delivery: DeliveryId, attempt: &Attempt) {
    cells.push([
        delivery.uuid().into(),
        i64::from(attempt.number).into(),
        attempt.at.millis().into(),
        text(&attempt.request),
        attempt.status.map(i64::from).into(),
        text_or_null(attempt.answer.as_deref()),
        text_or_null(attempt.error.as_deref()),
        attempt.duration_us.into(),
    ]);
}
