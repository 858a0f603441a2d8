//! Deliveries for people: what was delivered, what waits, what was given up; and sending it again.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::Serialize;

use super::{Attempt, AuditRow, Storage, StorageError, audit::insert_audit, reading::Reading, rows::known};
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
    /// With an id before this one, as older ones have.
    pub before: Option<DeliveryId>,
}

impl DeliveryFilter {
    /// A condition on the table `delivery`, with its parameters.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = Vec::new();
        let mut conditions = vec!["TRUE".to_owned()];
        let mut add = |column: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                conditions.push(format!("delivery.{column} ${}", values.len()));
            }
        };
        add("state =", self.state.map(|state| state.as_str().into()));
        add("endpoint =", self.endpoint.as_ref().map(|endpoint| endpoint.as_str().into()));
        add("conversion =", self.conversion.map(|conversion| conversion.uuid().into()));
        add("created_at >=", self.since.map(|since| since.millis().into()));
        add("created_at <", self.until.map(|until| until.millis().into()));
        add("id <", self.before.map(|id| id.uuid().into()));
        if !self.ids.is_empty() {
            let first = values.len() + 1;
            values.extend(self.ids.iter().map(|id| Value::from(id.uuid())));
            let places: Vec<_> = (first..=values.len()).map(|number| format!("${number}")).collect();
            conditions.push(format!("delivery.id IN ({})", places.join(", ")));
        }
        (conditions.join(" AND "), values)
    }
}

impl Storage {
    /// Deliveries, newest first.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StorageError> {
        let (condition, values) = filter.condition();
        let sql = format!(
            "SELECT delivery.id, delivery.endpoint, delivery.conversion, e.to_status, delivery.state,
                delivery.attempts, delivery.due_at, delivery.created_at, delivery.settled_at, a.error
            FROM delivery
            JOIN status_event AS e ON e.conversion = delivery.conversion AND e.step = delivery.step
            LEFT JOIN attempt AS a ON a.delivery = delivery.id AND a.number = delivery.attempts
            WHERE delivery.id IN (SELECT id FROM delivery WHERE {condition} ORDER BY id DESC LIMIT {limit})
            ORDER BY delivery.created_at DESC, delivery.conversion, delivery.step DESC"
        );
        let backend = self.reader.get_database_backend();
        let rows = self.reader.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        rows.iter().map(delivery_row).collect()
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
        let write = self.begin().await?;
        let (condition, values) = filter.condition();
        let now = audit.at.millis();
        let sql = format!(
            "UPDATE delivery SET state = 'waiting', due_at = {now}, claimed_until = NULL, round_attempts = 0,
                round_started_at = NULL, settled_at = NULL, continuation = NULL
            WHERE {condition} AND (claimed_until IS NULL OR claimed_until < {now})"
        );
        let statement = Statement::from_sql_and_values(write.get_database_backend(), sql, values);
        let changed = write.execute_raw(statement).await?.rows_affected();
        insert_audit(&*write, audit).await?;
        write.commit().await?;
        Ok(changed)
    }
}

fn delivery_row(row: &QueryResult) -> Result<DeliveryRow, StorageError> {
    let mut row = Reading::new(row);
    let (id, postback) = (DeliveryId::new(row.next()?), row.id(EndpointId::parse)?);
    let conversion = ConversionId::new(row.next()?);
    let status = known(Status::parse(&row.next::<String>()?), "status")?;
    let state = known(DeliveryState::parse(&row.next::<String>()?), "delivery state")?;
    let attempts = row.next()?;
    let due_at = Timestamp::from_millis(row.next()?);
    Ok(DeliveryRow {
        id,
        postback,
        conversion,
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
