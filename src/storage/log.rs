//! The log of inbound postbacks.

use sea_orm::{ConnectionTrait, QueryResult, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Scanned, Storage, StorageError, bulk,
    cells::{Cells, Column, Kind, columns},
    reading::Reading,
    rows::{text, text_or_null, valid},
    scan::{List, first_id},
};
use crate::domain::{
    ids::{ClickId, ConversionId, MerchantId, RequestId},
    refusal::Code,
    time::Timestamp,
};

pub(super) const POSTBACK_LOG: &[Column] = &columns![
    Uuid id, Integer at, Text merchant, Text endpoint, Text method, Text params, Text click_id, Text outcome,
    Integer status, Text answer, Uuid conversion, Text address, Integer duration_us, Uuid repeats, Integer signed,
];

/// How many rows of requests with an unknown token are kept; older ones make room.
const STRANGERS_MAX: u32 = 1_000;

/// One request of a merchant's, with the answer that it got.
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
    /// The request that this one repeats, where that was processed again.
    pub repeats: Option<RequestId>,
    /// Whether its signature was right, where it was refused before that would have been looked at.
    pub signed: Option<bool>,
    /// The repetition by which it came to its conversion after all.
    pub settled_by: Option<RequestId>,
}

/// Which outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This one.
    Is(String),
    /// Any refusal.
    Refused,
}

/// Which rows of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Refused, not a repetition, and not processed again with success so far.
    pub open: bool,
    /// To this path.
    pub endpoint: Option<String>,
    /// About this click.
    pub click: Option<ClickId>,
    /// About this conversion.
    pub conversion: Option<ConversionId>,
    /// With this text in its parameters, in upper or lower case.
    pub text: Option<String>,
    /// That arrived at this time or later.
    pub from: Option<Timestamp>,
    /// That arrived before this time.
    pub to: Option<Timestamp>,
    /// Oldest first, as they are to be processed again.
    pub oldest_first: bool,
}

/// A click's requests: those that led to its conversions, and those that led to none.
const OF_CLICK: &str = "c.id IN (
    SELECT l.id FROM postback_log AS l WHERE l.click_id = ? AND l.conversion IS NULL
    UNION ALL SELECT l.id FROM conversion AS o CROSS JOIN postback_log AS l
        WHERE o.click_id = ? AND o.once AND l.conversion = o.id AND l.conversion IS NOT NULL
    UNION ALL SELECT l.id FROM conversion AS o CROSS JOIN postback_log AS l
        WHERE o.click_id = ? AND NOT o.once AND l.conversion = o.id AND l.conversion IS NOT NULL)";

/// The first repetition that led to a conversion.
const SETTLED_BY: &str =
    "(SELECT r.id FROM postback_log AS r WHERE r.repeats = c.id AND r.repeats IS NOT NULL
    AND r.outcome IN ('recorded', 'decided', 'duplicate') ORDER BY r.id LIMIT 1)";

impl LogFilter {
    fn list(&self) -> List {
        let mut list = List::new("postback_log", selected());
        if self.oldest_first {
            list.oldest_first();
        }
        list.between(self.from, self.to, first_id);
        if let Some(conversion) = self.conversion {
            list.look_up("c.conversion = ? AND c.conversion IS NOT NULL", [conversion.uuid().into()]);
        } else if let Some(click) = &self.click {
            let click = || Value::from(click.as_str());
            list.look_up(OF_CLICK, [click(), click(), click()]);
        } else if self.is_of_refusals() {
            list.look_up("c.conversion IS NULL", []);
        }
        if let Some(merchant) = &self.merchant {
            let (condition, merchant) = ("c.merchant = ?", [merchant.as_str().into()]);
            if self.conversion.is_some() || self.click.is_some() {
                list.look_through(condition, merchant);
            } else {
                list.look_up(condition, merchant);
            }
        }
        if let Some(click) = &self.click {
            list.look_through("c.click_id = ?", [click.as_str().into()]);
        }
        match &self.outcome {
            Some(Outcome::Is(outcome)) => list.look_through("c.outcome = ?", [outcome.as_str().into()]),
            Some(Outcome::Refused) => {
                list.look_through("c.outcome <> 'dry_run' AND c.conversion IS NULL", []);
            }
            None => {}
        }
        if self.open {
            list.look_through("c.outcome <> 'dry_run' AND c.conversion IS NULL AND c.repeats IS NULL", []);
            list.look_through(format!("{SETTLED_BY} IS NULL"), []);
        }
        if let Some(endpoint) = &self.endpoint {
            list.look_through("c.endpoint = ?", [endpoint.as_str().into()]);
        }
        if let Some(text) = &self.text {
            list.look_through("lower(c.params) LIKE lower(?) ESCAPE '!'", [contained(text).into()]);
        }
        list
    }

    /// Whether whatever it finds has led to no conversion.
    fn is_of_refusals(&self) -> bool {
        match &self.outcome {
            _ if self.open => true,
            Some(Outcome::Is(outcome)) => Code::parse(outcome).is_some(),
            Some(Outcome::Refused) => true,
            None => false,
        }
    }
}

/// The pattern of parameters that hold this text, as JSON writes it.
fn contained(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    let inner = json.get(1..json.len() - 1).unwrap_or_default();
    let escaped: String = inner
        .chars()
        .flat_map(|c| matches!(c, '!' | '%' | '_').then_some('!').into_iter().chain([c]))
        .collect();
    format!("%{escaped}%")
}

fn selected() -> String {
    let columns = POSTBACK_LOG.iter().map(|column| format!("c.{}", column.name));
    columns.chain([SETTLED_BY.to_owned()]).collect::<Vec<_>>().join(", ")
}

const ID_KEY: &[Column] = &columns![Uuid id];

impl Storage {
    /// A page of the log, after the row with this id; newest first, unless the filter says otherwise.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn postback_log(
        &self,
        filter: &LogFilter,
        after: Option<RequestId>,
        limit: u32,
    ) -> Result<Scanned<LogRow, RequestId>, StorageError> {
        let list = filter.list();
        let read = |row: &QueryResult| {
            let row = log_row(Reading::new(row))?;
            Ok((row.id.uuid(), row))
        };
        let page = self.scan(&list, after.map(RequestId::uuid), limit, read).await?;
        Ok(Scanned { rows: page.rows, next: page.next.map(RequestId::new) })
    }

    /// These rows of the log, in any order.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn logged(
        &self,
        ids: impl IntoIterator<Item = RequestId>,
    ) -> Result<Vec<LogRow>, StorageError> {
        let mut cells = Cells::new(ID_KEY);
        ids.into_iter().for_each(|id| cells.push([id.uuid().into()]));
        let kinds: Vec<_> = POSTBACK_LOG.iter().map(|column| column.kind).chain([Kind::Uuid]).collect();
        let sql = format!(
            "SELECT {} FROM ({{rows}}) AS k CROSS JOIN postback_log AS c WHERE c.id = k.id",
            selected()
        );
        let rows = bulk::select(&self.reader, &kinds, &sql, cells, None).await?;
        rows.iter().map(|row| log_row(Reading::of(row))).collect()
    }

    /// The repetitions of a request, oldest first.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn repetitions(&self, of: RequestId, most: u32) -> Result<Vec<RequestId>, StorageError> {
        let sql = format!(
            "SELECT id FROM postback_log WHERE repeats = $1 AND repeats IS NOT NULL ORDER BY id LIMIT {most}"
        );
        let rows = self.read(sql, vec![of.uuid().into()]).await?;
        rows.iter().map(|row| Ok(RequestId::new(Reading::new(row).next()?))).collect()
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
        row.repeats.map(RequestId::uuid).into(),
        row.signed.map(i64::from).into(),
    ]);
}

fn log_row(mut row: Reading<'_>) -> Result<LogRow, StorageError> {
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
        repeats: row.next::<Option<Uuid>>()?.map(RequestId::new),
        signed: row.next::<Option<i32>>()?.map(|signed| signed != 0),
        settled_by: row.next::<Option<Uuid>>()?.map(RequestId::new),
    })
}

#[cfg(test)]
mod tests {
    use super::contained;

    #[test]
    fn a_text_is_looked_for_as_it_is_stored() {
        assert_eq!(contained("a_1"), "%a!_1%");
        assert_eq!(contained("50%!"), "%50!%!!%");
        assert_eq!(contained("say \"hi\""), "%say \\\"hi\\\"%");
        assert_eq!(contained("ü"), "%ü%");
    }
}
