//! The audit log: every change of a setting and every decision, with who, from where, before and after.

use sea_orm::{ConnectionTrait, QueryResult};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Scanned, Storage, StorageError, bulk,
    cells::{Cells, Column, columns},
    reading::Reading,
    rows::{text, text_or_null},
    scan::{List, first_id},
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
    /// Of this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    fn list(&self) -> List {
        let mut list = List::new("audit", SELECTED);
        list.between(self.from, self.to, first_id);
        if let Some(subject) = &self.subject {
            list.look_up("c.subject = ?", [subject.as_str().into()]);
        }
        if let Some(actor) = &self.actor {
            list.look_through("c.actor = ?", [actor.as_str().into()]);
        }
        if let Some(prefix) = &self.action {
            let beyond = format!("{prefix}\u{10ffff}");
            list.look_through("c.action >= ? AND c.action < ?", [prefix.as_str().into(), beyond.into()]);
        }
        list
    }
}

pub(super) const AUDIT: &[Column] = &columns![
    Uuid id, Integer at, Text actor, Text address, Text action, Text subject, Text outcome, Text before, Text after,
];

const SELECTED: &str = "c.id, c.at, c.actor, c.address, c.action, c.subject, c.outcome, c.before, c.after";

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

    /// A page of the entries, newest first, after the one with this id.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Scanned<AuditRow, RequestId>, StorageError> {
        let read = |row: &QueryResult| {
            let row = audit_row(row)?;
            Ok((row.id.uuid(), row))
        };
        let page = self.scan(&filter.list(), after.map(RequestId::uuid), limit, read).await?;
        Ok(Scanned { rows: page.rows, next: page.next.map(RequestId::new) })
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
