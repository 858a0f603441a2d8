//! The log of inbound postbacks.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Storage, StorageError,
    cells::{Cells, Column, columns},
    reading::Reading,
    rows::{text, text_or_null, valid},
};
use crate::domain::{
    ids::{ClickId, ConversionId, MerchantId, RequestId},
    time::Timestamp,
};

pub(super) const POSTBACK_LOG: &[Column] = &columns![
    Uuid id, Integer at, Text merchant, Text endpoint, Text method, Text params, Text click_id, Text outcome,
    Integer status, Text answer, Uuid conversion, Text address, Integer duration_us,
];

/// How many rows of requests with an unknown token are kept; older ones make room.
const STRANGERS_MAX: u32 = 1_000;

/// One request to `/track/*`, with the answer that it got.
#[derive(Clone, Debug, Serialize)]
pub struct LogRow {
    /// The request's id.
    pub id: RequestId,
    /// When it was decided.
    pub at: Timestamp,
    /// Whose token it carried; none for an unknown token.
    pub merchant: Option<MerchantId>,
    /// Its path.
    pub endpoint: String,
    /// Its method.
    pub method: String,
    /// Its decoded parameters as a JSON array of name and value, the token redacted.
    pub params: String,
    /// The click that it named, where that could be read.
    pub click: Option<ClickId>,
    /// What came of it: `recorded`, `decided`, `duplicate`, `dry_run`, or the code of the refusal.
    pub outcome: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub answer: String,
    /// The conversion that it was about, where there is one.
    pub conversion: Option<ConversionId>,
    /// The address that it came from.
    pub address: String,
    /// From its arrival until it was written, in microseconds.
    pub duration_us: i64,
}

/// Which rows of the log.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// About this click.
    pub click: Option<ClickId>,
    /// At most so many, the newest.
    pub limit: u32,
}

impl Storage {
    /// Rows of the log, newest first.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn postback_log(&self, filter: &LogFilter) -> Result<Vec<LogRow>, StorageError> {
        let wanted = [
            ("merchant", filter.merchant.as_ref().map(MerchantId::as_str)),
            ("outcome", filter.outcome.as_deref()),
            ("click_id", filter.click.as_ref().map(ClickId::as_str)),
        ];
        let mut conditions = vec!["TRUE".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        for (column, wanted) in wanted {
            if let Some(wanted) = wanted {
                values.push(wanted.into());
                conditions.push(format!("{column} = ${}", values.len()));
            }
        }
        let names: Vec<_> = POSTBACK_LOG.iter().map(|column| column.name).collect();
        let sql = format!(
            "SELECT {} FROM postback_log WHERE {} ORDER BY id DESC LIMIT {}",
            names.join(", "),
            conditions.join(" AND "),
            filter.limit
        );
        let backend = self.reader.get_database_backend();
        let rows = self.reader.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        rows.iter().map(log_row).collect()
    }

    /// Forgets all but the newest requests with an unknown token, so that a stranger can't fill the disk.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn forget_strangers(&self) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let sql = format!(
            "DELETE FROM postback_log WHERE merchant IS NULL AND id <= (SELECT id FROM postback_log
                WHERE merchant IS NULL ORDER BY id DESC LIMIT 1 OFFSET {STRANGERS_MAX})"
        );
        transaction.execute_unprepared(&sql).await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) fn push_log_row(cells: &mut Cells, row: &LogRow) {
    cells.push([
        row.id.uuid().into(),
        row.at.millis().into(),
        text_or_null(row.merchant.as_ref().map(MerchantId::as_str)),
        text(&row.endpoint),
        text(&row.method),
        text(&row.params),
        text_or_null(row.click.as_ref().map(ClickId::as_str)),
        text(&row.outcome),
        i64::from(row.status).into(),
        text(&row.answer),
        row.conversion.map(ConversionId::uuid).into(),
        text(&row.address),
        row.duration_us.into(),
    ]);
}

fn log_row(row: &QueryResult) -> Result<LogRow, StorageError> {
    let mut row = Reading::new(row);
    Ok(LogRow {
        id: RequestId::new(row.next()?),
        at: Timestamp::from_millis(row.next()?),
        merchant: row.next::<Option<String>>()?.map(|id| valid(MerchantId::parse(&id))).transpose()?,
        endpoint: row.next()?,
        method: row.next()?,
        params: row.next()?,
        click: row.next::<Option<String>>()?.map(|id| valid(ClickId::parse(&id))).transpose()?,
        outcome: row.next()?,
        status: u16::try_from(row.next::<i32>()?).unwrap_or_default(),
        answer: row.next()?,
        conversion: row.next::<Option<Uuid>>()?.map(ConversionId::new),
        address: row.next()?,
        duration_us: row.next()?,
    })
}
