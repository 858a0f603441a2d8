//! The audit log: every change of a setting and every decision, with who, from where, before and after.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Storage, StorageError, bulk,
    cells::{Cells, Column, columns},
    reading::Reading,
    rows::{text, text_or_null},
};
use crate::domain::{ids::RequestId, status::Actor, time::Timestamp};

/// Who changes settings, from where and when, and where the ids and nonces of the change come from.
#[derive(Clone, Debug)]
pub struct Author {
    /// Who.
    pub actor: Actor,
    /// From which address.
    pub address: String,
    /// By which request.
    pub request: RequestId,
    /// When.
    pub at: Timestamp,
    /// Draws a fresh id of this time.
    pub fresh_id: fn(Timestamp) -> Uuid,
    /// Draws fresh randomness for a secret that has to be sealed.
    pub nonce: fn() -> [u8; 24],
}

impl Author {
    /// An entry of the audit log for something that they do.
    pub fn entry(&self, action: &str, subject: &str) -> AuditRow {
        AuditRow {
            id: self.request,
            at: self.at,
            actor: self.actor.to_string(),
            address: self.address.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            outcome: "done".to_owned(),
            before: None,
            after: None,
        }
    }

    /// The id of one more entry.
    pub(super) fn new_id(&self) -> RequestId {
        RequestId::new((self.fresh_id)(self.at))
    }
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// The request that did it, or tried to.
    pub id: RequestId,
    /// When.
    pub at: Timestamp,
    /// Who, as in `user:anna`.
    pub actor: String,
    /// From which address.
    pub address: String,
    /// What, as in `conversion.approve`.
    pub action: String,
    /// To what, as in `merchant:acme`.
    pub subject: String,
    /// What came of it: `done`, or the code of a refusal.
    pub outcome: String,
    /// What it was before, as JSON; nothing where it is new or nothing changed.
    pub before: Option<String>,
    /// What it is from then on, as JSON.
    pub after: Option<String>,
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// By this actor.
    pub actor: Option<String>,
    /// To this subject.
    pub subject: Option<String>,
    /// With an action that begins so, as in `conversion.`.
    pub action: Option<String>,
    /// Older than this one.
    pub before: Option<RequestId>,
    /// At most so many.
    pub limit: u32,
}

pub(super) const AUDIT: &[Column] = &columns![
    Uuid id, Integer at, Text actor, Text address, Text action, Text subject, Text outcome, Text before, Text after,
];

const SELECTED: &str = "id, at, actor, address, action, subject, outcome, before, after";

impl Storage {
    /// Adds an entry that belongs to no other change, such as an attempt that was refused.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn note_audit(&self, row: &AuditRow) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        insert_audit(&*transaction, row).await?;
        Ok(transaction.commit().await?)
    }

    /// Entries, newest first.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, StorageError> {
        let mut conditions = vec!["TRUE".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                conditions.push(format!("{condition} ${}", values.len()));
            }
        };
        add("actor =", filter.actor.as_deref().map(Value::from));
        add("subject =", filter.subject.as_deref().map(Value::from));
        add("id <", filter.before.map(|id| id.uuid().into()));
        add("action >=", filter.action.as_deref().map(Value::from));
        add("action <", filter.action.as_ref().map(|prefix| format!("{prefix}\u{10ffff}").into()));
        let sql = format!(
            "SELECT {SELECTED} FROM audit WHERE {} ORDER BY id DESC LIMIT {}",
            conditions.join(" AND "),
            filter.limit
        );
        let backend = self.reader.get_database_backend();
        let rows = self.reader.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        rows.iter().map(audit_row).collect()
    }
}

/// Adds an entry in the transaction of the change that it tells of.
pub(super) async fn insert_audit(
    connection: &impl ConnectionTrait,
    row: &AuditRow,
) -> Result<(), StorageError> {
    let mut cells = Cells::new(AUDIT);
    push_audit_row(&mut cells, row);
    bulk::insert(connection, "audit", cells).await
}

pub(super) fn push_audit_row(cells: &mut Cells, row: &AuditRow) {
    cells.push([
        row.id.uuid().into(),
        row.at.millis().into(),
        text(&row.actor),
        text(&row.address),
        text(&row.action),
        text(&row.subject),
        text(&row.outcome),
        text_or_null(row.before.as_deref()),
        text_or_null(row.after.as_deref()),
    ]);
}

fn audit_row(row: &QueryResult) -> Result<AuditRow, StorageError> {
    let mut row = Reading::new(row);
    Ok(AuditRow {
        id: RequestId::new(row.next()?),
        at: Timestamp::from_millis(row.next()?),
        actor: row.next()?,
        address: row.next()?,
        action: row.next()?,
        subject: row.next()?,
        outcome: row.next()?,
        before: row.next()?,
        after: row.next()?,
    })
}
