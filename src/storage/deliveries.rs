//! Deliveries for people: what was delivered, what waits, what was given up; and sending it again.

use std::cmp::Reverse;

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Attempt, AuditRow, Scanned, Storage, StorageError,
    audit::insert_audit,
    bulk,
    cells::{Cells, Column, columns},
    reading::Reading,
    rows::known,
    scan::{List, first_id},
};
use crate::domain::{
    delivery::DeliveryState,
    ids::{ConversionId, DeliveryId, EndpointId},
    status::Status,
    time::Timestamp,
};

/// A delivery, as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryRow {
    /// Its id: the same on every attempt.
    pub id: DeliveryId,
    /// Who is told.
    pub postback: EndpointId,
    /// Of which conversion.
    pub conversion: ConversionId,
    /// Of which step of its history.
    #[serde(skip)]
    pub step: i32,
    /// That it has got this status.
    pub status: Status,
    /// Where the delivery stands: `waiting`, `delivered`, `unconfirmed`, `dead`, `too_late`.
    pub state: &'static str,
    /// How often it has been attempted.
    pub attempts: i32,
    /// When it is attempted next, while it waits.
    pub due_at: Option<Timestamp>,
    /// When it came to be owed.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub settled_at: Option<Timestamp>,
    /// What was wrong with the last attempt.
    pub last_error: Option<String>,
}

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// These.
    pub ids: Vec<DeliveryId>,
    /// That have this id themselves, or are of the conversion that has it.
    pub about: Option<Uuid>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// To this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Of this conversion.
    pub conversion: Option<ConversionId>,
    /// Owed since this time.
    pub since: Option<Timestamp>,
    /// Owed before this time.
    pub until: Option<Timestamp>,
}

/// How many deliveries one transaction sends again.
const RESEND_BATCH: u32 = 1_000;

/// Up to how many waiting deliveries are put in order to list them; of more than that, the list is looked through.
const SORTED_MAX: i64 = 10_000;

/// What came of sending some deliveries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resent {
    /// How many wait to be sent again.
    pub resent: u64,
    /// How many were being sent at that moment, and were left alone.
    pub left_alone: u64,
    /// After which one to go on; none if those were all.
    pub next: Option<DeliveryId>,
}

const SELECTED: &str = "c.id, c.endpoint, c.conversion, c.step,
    (SELECT e.to_status FROM status_event AS e WHERE e.conversion = c.conversion AND e.step = c.step),
    c.state, c.attempts, c.due_at, c.created_at, c.settled_at,
    (SELECT a.error FROM attempt AS a WHERE a.delivery = c.id AND a.number = c.attempts)";

/// The id of a delivery, or of the conversion that it is of.
const ABOUT: &str = "c.id IN (SELECT d.id FROM delivery AS d WHERE d.id = ?
    UNION ALL SELECT o.id FROM delivery AS o WHERE o.conversion = ?)";

const ID: &[Column] = &columns![Uuid id];

impl DeliveryFilter {
    /// Whether it asks for all deliveries that there are.
    pub const fn is_everything(&self) -> bool {
        self.ids.is_empty()
            && self.about.is_none()
            && self.state.is_none()
            && self.endpoint.is_none()
            && self.conversion.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// As a list, newest first. Where few deliveries wait they are looked up, however many others there are.
    fn list(&self, selected: &str, few_wait: bool) -> List {
        let mut list = List::new("delivery", selected);
        list.between(self.since, self.until, first_id);
        let narrowed = self.conversion.is_some() || self.about.is_some() || !self.ids.is_empty();
        if !self.ids.is_empty() {
            list.among(self.ids.iter().map(|id| id.uuid()));
        }
        if let Some(id) = self.about {
            list.look_up(ABOUT, [id.into(), id.into()]);
        }
        if let Some(conversion) = self.conversion {
            list.look_up("c.conversion = ?", [conversion.uuid().into()]);
        }
        let endpoint = self.endpoint.as_ref().map(|endpoint| Value::from(endpoint.as_str()));
        // The limit holds a planner off from walking all deliveries for those few that wait.
        let few = |condition| {
            format!(
                "c.id IN (SELECT w.id FROM delivery AS w WHERE {condition}w.state = 'waiting' LIMIT {SORTED_MAX})"
            )
        };
        match (self.state, endpoint) {
            (Some(DeliveryState::Waiting), Some(endpoint)) if few_wait && !narrowed => {
                list.look_up(few("w.endpoint = ? AND "), [endpoint]);
            }
            (Some(DeliveryState::Waiting), None) if few_wait && !narrowed => list.look_up(few(""), []),
            (Some(DeliveryState::Dead), Some(endpoint)) if !narrowed => {
                list.look_up("c.endpoint = ? AND c.state = 'dead'", [endpoint]);
            }
            (Some(DeliveryState::Dead), None) if !narrowed => list.look_up("c.state = 'dead'", []),
            (state, endpoint) => {
                if let Some(state) = state {
                    // A literal: an index that holds one state only is found by no parameter.
                    list.look_through(format!("c.state = '{}'", state.as_str()), []);
                }
                if let Some(endpoint) = endpoint {
                    list.look_through("c.endpoint = ?", [endpoint]);
                }
            }
        }
        list
    }
}

impl Storage {
    /// A page of deliveries, newest first, after the one with this id. One that is looked for among many may have fewer
    /// rows than wanted, and yet a page after it.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn delivery_page(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Scanned<DeliveryRow, DeliveryId>, StorageError> {
        let list = filter.list(SELECTED, self.few_wait(filter).await?);
        let read = |row: &QueryResult| {
            let row = delivery_row(row)?;
            Ok((row.id.uuid(), row))
        };
        let page = self.scan(&list, after.map(DeliveryId::uuid), limit, read).await?;
        Ok(Scanned { rows: page.rows, next: page.next.map(DeliveryId::new) })
    }

    /// Deliveries, newest first; those of one moment in the order of their conversion's history.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StorageError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let missing = limit - u32::try_from(found.len()).unwrap_or(limit);
            let page = self.delivery_page(filter, after, missing).await?;
            found.extend(page.rows);
            after = page.next;
            if after.is_none() || u32::try_from(found.len()).is_ok_and(|found| found >= limit) {
                break;
            }
        }
        let order = |row: &DeliveryRow| (Reverse(row.created_at), row.conversion, Reverse(row.step));
        found.sort_by_key(order);
        Ok(found)
    }

    /// One delivery.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRow>, StorageError> {
        let filter = DeliveryFilter { ids: vec![id], ..DeliveryFilter::default() };
        Ok(self.delivery_page(&filter, None, 1).await?.rows.pop())
    }

    /// Whether so few deliveries wait of those that are looked for that they can be put in order.
    async fn few_wait(&self, filter: &DeliveryFilter) -> Result<bool, StorageError> {
        if filter.state != Some(DeliveryState::Waiting) {
            return Ok(false);
        }
        let (condition, values) = match &filter.endpoint {
            Some(endpoint) => (" AND endpoint = $1", vec![endpoint.as_str().into()]),
            None => ("", Vec::new()),
        };
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'waiting'{condition} LIMIT {}) AS w",
            SORTED_MAX + 1
        );
        let rows = self.read(sql, values).await?;
        let waiting: i64 = rows.first().map_or(Ok(0), |row| Reading::new(row).next())?;
        Ok(waiting <= SORTED_MAX)
    }

    /// How many deliveries stand how.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<Vec<(DeliveryState, u64)>, StorageError> {
        let list = filter.list("c.id", self.few_wait(filter).await?);
        let (sql, values) = list.grouped("c.state");
        let mut counts = Vec::new();
        for row in self.read(sql, values).await? {
            let mut row = Reading::new(&row);
            let state = known(DeliveryState::parse(&row.next::<String>()?), "delivery state")?;
            counts.push((state, row.next::<i64>()?.unsigned_abs()));
        }
        Ok(counts)
    }

    /// The attempts of a delivery, in order.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempt>, StorageError> {
        let sql = "SELECT number, at, request, status, answer, error, duration_us FROM attempt
            WHERE delivery = $1 ORDER BY number";
        let backend = self.reader.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [delivery.uuid().into()]);
        let rows = self.reader.query_all_raw(statement).await?;
        rows.iter().map(attempt).collect()
    }

    /// Has deliveries sent again from the start of their schedule, whatever their state; those that are being sent
    /// right now are left alone. Gives how many.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn resend(&self, filter: &DeliveryFilter, audit: &AuditRow) -> Result<u64, StorageError> {
        let (mut resent, mut after) = (0, None);
        loop {
            let batch = self.resend_batch(filter, after, audit).await?;
            resent += batch.resent;
            after = batch.next;
            if after.is_none() {
                return Ok(resent);
            }
        }
    }

    /// Has the next of these deliveries sent again, after the one with this id: so many that others wait for the
    /// database only for a moment. The entry of the audit log is written with the first of them.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn resend_batch(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        audit: &AuditRow,
    ) -> Result<Resent, StorageError> {
        let list = filter.list("c.id", self.few_wait(filter).await?);
        let read = |row: &QueryResult| Reading::new(row).next::<Uuid>().map(|id| (id, id));
        let found = self.scan(&list, after.map(DeliveryId::uuid), RESEND_BATCH, read).await?;
        let mut ids = Cells::new(ID);
        found.rows.iter().for_each(|id| ids.push([(*id).into()]));
        let write = self.begin().await?;
        let mut resent = 0;
        if !ids.is_empty() {
            let again = "UPDATE delivery SET state = 'waiting', due_at = {after}, claimed_until = NULL,
                    round_attempts = 0, round_started_at = NULL, settled_at = NULL, continuation = NULL
                FROM ({rows}) AS v
                WHERE delivery.id = v.id AND (delivery.claimed_until IS NULL OR delivery.claimed_until < {after})";
            resent = bulk::update(&*write, again, ids, Some(audit.at.millis())).await?;
        }
        if after.is_none() {
            insert_audit(&*write, audit).await?;
        }
        write.commit().await?;
        let number = u64::try_from(found.rows.len()).unwrap_or(u64::MAX);
        let left_alone = number.saturating_sub(resent);
        Ok(Resent { resent, left_alone, next: found.next.map(DeliveryId::new) })
    }
}

fn delivery_row(row: &QueryResult) -> Result<DeliveryRow, StorageError> {
    let mut row = Reading::new(row);
    let (id, postback) = (DeliveryId::new(row.next()?), row.id(EndpointId::parse)?);
    let (conversion, step) = (ConversionId::new(row.next()?), row.next()?);
    let status = known(Status::parse(&row.next::<String>()?), "status")?;
    let state = known(DeliveryState::parse(&row.next::<String>()?), "delivery state")?;
    let attempts = row.next()?;
    let due_at = Timestamp::from_millis(row.next()?);
    Ok(DeliveryRow {
        id,
        postback,
        conversion,
        step,
        status,
        state: state.as_str(),
        attempts,
        due_at: (state == DeliveryState::Waiting).then_some(due_at),
        created_at: Timestamp::from_millis(row.next()?),
        settled_at: row.next::<Option<i64>>()?.map(Timestamp::from_millis),
        last_error: row.next()?,
    })
}

fn attempt(row: &QueryResult) -> Result<Attempt, StorageError> {
    let mut row = Reading::new(row);
    Ok(Attempt {
        number: row.next()?,
        at: Timestamp::from_millis(row.next()?),
        request: row.next()?,
        status: row.next::<Option<i32>>()?.and_then(|status| u16::try_from(status).ok()),
        answer: row.next()?,
        error: row.next()?,
        duration_us: row.next()?,
    })
}
