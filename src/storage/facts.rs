//! The ledger as facts: what clicks and conversions came to, in quarters of an hour. All of it is counted by the
//! database and read in pieces of so many rows, so that no statement runs for long.

use std::{fmt::Write, sync::Arc};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use super::{StorageError, backend, reading::Reading, rows::known};
use crate::domain::{
    click::Click,
    currency::CurrencyCode,
    money::Total,
    statistics::{Fact, Kind, Only, Place, QUARTER_MILLIS, Quarter, Tally, grouping::Grouping},
    status::Status,
    time::Timestamp,
};

/// How much later than its id a click may have been recorded, in milliseconds, and still be found by its id. Others are
/// marked.
pub(super) const CLICK_AGE_MAX: i64 = 2_000;

/// What is read of the ledger, and by what times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Clicks of a time whose ids tell it.
    Clicks,
    /// Clicks of a time whose ids do not tell it.
    MarkedClicks,
    /// Clicks that were recorded in a time and whose ids do not tell it.
    MarkedClicksRecorded,
    /// Conversions that were recorded in a time, where they stand now.
    Conversions,
    /// The first steps of conversions that were recorded in a time.
    FirstSteps,
    /// The later steps of a time, whenever their conversions were recorded: each adds to its new status, and takes from
    /// its old one.
    LaterSteps,
}

/// What together makes up a period as it stands now.
pub(super) const PERIOD: [Source; 3] = [Source::Clicks, Source::MarkedClicks, Source::Conversions];

/// What together is everything that happened in a time, to whatever periods it belongs: what the roll-up adds up.
pub(super) const HAPPENED: [Source; 4] =
    [Source::Clicks, Source::MarkedClicksRecorded, Source::FirstSteps, Source::LaterSteps];

/// Facts that were counted together.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) quarter: Quarter,
    /// What only the clicks know.
    pub(super) params: Vec<Arc<str>>,
    counted: Counted,
}

/// What was counted, and what it came to.
#[derive(Debug)]
enum Counted {
    Clicks(Tally),
    Conversions { kind: Kind, tally: Tally, payout: Option<(Kind, Tally)> },
}

impl Found {
    pub(super) fn facts(&self) -> impl Iterator<Item = (Fact<'_>, Tally)> {
        let (first, payout) = match &self.counted {
            Counted::Clicks(tally) => ((Fact::Click, *tally), None),
            Counted::Conversions { kind, tally, payout } => {
                ((Fact::Conversion(kind), *tally), payout.as_ref())
            }
        };
        [first].into_iter().chain(payout.map(|(kind, tally)| (Fact::Payout(kind), *tally)))
    }
}

/// Why facts were not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The database gave up.
    TookTooLong,
    /// Something else.
    Storage(StorageError),
}

impl From<DbErr> for Unread {
    fn from(error: DbErr) -> Self {
        if backend::took_too_long(&error) { Self::TookTooLong } else { Self::Storage(error.into()) }
    }
}

impl From<StorageError> for Unread {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Whether a click that is recorded now can be found by its id: the id is one of ours, drawn just before.
pub(super) fn id_tells_time(click: &Click, now: Timestamp) -> bool {
    let id = click.id.as_str();
    let mut as_ours = Uuid::encode_buffer();
    let Some(uuid) = Uuid::try_parse(id).ok().filter(|it| it.hyphenated().encode_lower(&mut as_ours) == id)
    else {
        return false;
    };
    let drawn = i64::try_from(uuid.as_u128() >> 80).unwrap_or(i64::MAX);
    let age = now.millis().saturating_sub(drawn);
    uuid.get_version_num() == 7 && (0..=CLICK_AGE_MAX).contains(&age) && click.at == now
}

/// Less than every UUID of version 7 that was drawn at this time or later, and more than those before.
pub(super) fn id_at(time: Timestamp) -> Uuid {
    let millis = u128::try_from(time.millis()).unwrap_or_default();
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

/// Rows of the ledger.
struct Rows {
    table: &'static str,
    condition: String,
    values: Vec<Value>,
}

/// More conditions on a table, and their values at the end of the others.
pub(super) fn narrow(condition: &mut String, values: &mut Vec<Value>, table: &str, only: &Only) {
    for (column, wanted) in only.columns() {
        values.push(wanted.into());
        // Writing to memory can't fail.
        let _ = write!(condition, " AND {table}.{column} = ${}", values.len());
    }
}

impl Source {
    /// The rows from one moment until just before another. Ids are drawn from the time, so that most are found by them,
    /// and by no index that writers would have to keep beside.
    fn rows(self, from: Timestamp, to: Timestamp) -> Rows {
        let times = || vec![from.millis().into(), to.millis().into()];
        let (table, condition, values): (_, &str, Vec<Value>) = match self {
            Self::Clicks => {
                let ids = [from.plus_millis(-CLICK_AGE_MAX), to].map(|time| id_at(time).to_string().into());
                let condition =
                    "k.at >= $1 AND k.at < $2 AND k.id >= $3 AND k.id < $4 AND k.recorded_at IS NULL";
                ("click AS k", condition, times().into_iter().chain(ids).collect())
            }
            Self::MarkedClicks => {
                ("click AS k", "k.recorded_at IS NOT NULL AND k.at >= $1 AND k.at < $2", times())
            }
            Self::MarkedClicksRecorded => {
                ("click AS k", "k.recorded_at >= $1 AND k.recorded_at < $2", times())
            }
            Self::Conversions | Self::FirstSteps => {
                let ids = [from, to].map(|time| id_at(time).into());
                ("conversion AS c", "c.id >= $1 AND c.id < $2", ids.into())
            }
            Self::LaterSteps => ("status_event AS e", "e.step > 1 AND e.at >= $1 AND e.at < $2", times()),
        };
        Rows { table, condition: condition.to_owned(), values }
    }

    /// The time by which rows are taken, and the column in whose order they come without sorting: that of this time, or
    /// nearly.
    const fn order(self) -> (&'static str, &'static str) {
        match self {
            Self::Clicks => ("k.at", "k.id"),
            Self::MarkedClicks => ("k.at", "k.at"),
            Self::MarkedClicksRecorded => ("k.recorded_at", "k.recorded_at"),
            Self::Conversions | Self::FirstSteps => ("c.created_at", "c.id"),
            Self::LaterSteps => ("e.at", "e.at"),
        }
    }

    const fn is_of_clicks(self) -> bool {
        matches!(self, Self::Clicks | Self::MarkedClicks | Self::MarkedClicksRecorded)
    }

    /// Where a piece ends that begins at `from`, so that it has about so many rows at most, unless they are all of one
    /// moment, and lies before `to`.
    pub(super) async fn piece(
        self,
        transaction: &DatabaseTransaction,
        from: Timestamp,
        to: Timestamp,
        rows: u32,
    ) -> Result<Timestamp, Unread> {
        let (Rows { table, condition, values }, (time, order)) = (self.rows(from, to), self.order());
        let sql =
            format!("SELECT {time} FROM {table} WHERE {condition} ORDER BY {order} LIMIT 1 OFFSET {rows}");
        let backend = transaction.get_database_backend();
        let beyond = transaction.query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let beyond = beyond.map(|row| row.try_get_by_index::<i64>(0)).transpose()?;
        Ok(beyond.map_or(to, |at| Timestamp::from_millis(at.max(from.millis() + 1)).min(to)))
    }

    /// The facts from one moment until just before another, narrowed, with what a grouping needs to know of the clicks.
    pub(super) async fn read(
        self,
        transaction: &DatabaseTransaction,
        from: Timestamp,
        to: Timestamp,
        grouping: &Grouping,
        only: &Only,
    ) -> Result<Vec<Found>, Unread> {
        let params = params(transaction, grouping);
        let mut rows = self.rows(from, to);
        narrow(&mut rows.condition, &mut rows.values, if self.is_of_clicks() { "k" } else { "c" }, only);
        let sql = match self {
            Self::Conversions => conversions(&rows, &params),
            Self::FirstSteps => steps("conversion AS c CROSS JOIN status_event AS e", "e.step = 1", &rows),
            Self::LaterSteps => steps("status_event AS e CROSS JOIN conversion AS c", "TRUE", &rows),
            Self::Clicks | Self::MarkedClicks | Self::MarkedClicksRecorded => clicks(&rows, &params),
        };
        let backend = transaction.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, rows.values);
        let rows = transaction.query_all_raw(statement).await?;
        let found = rows.iter().map(|row| self.found(row, params.len()));
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn found(self, row: &QueryResult, params: usize) -> Result<Found, StorageError> {
        let mut row = Reading::new(row);
        let quarter = Quarter::from_number(row.next()?);
        let place = place(&mut row)?;
        let mut found = Vec::with_capacity(params);
        for _ in 0..params {
            found.push(row.next::<String>()?.into());
        }
        let count = row.next()?;
        let counted = if self.is_of_clicks() {
            Counted::Clicks(Tally { count, ..Tally::default() })
        } else {
            conversions_found(count, &mut row)?
        };
        Ok(Found { place, quarter, params: found, counted })
    }
}

/// Reads the columns after the count.
fn conversions_found(count: i64, row: &mut Reading<'_>) -> Result<Counted, StorageError> {
    let amount = Total::of(row.next()?, row.next()?);
    let revenue = Total::of(row.next()?, row.next()?);
    let payout = Total::of(row.next()?, row.next()?);
    let currency = |row: &mut Reading<'_>| {
        let code = row.next::<Option<String>>()?;
        Ok::<_, StorageError>(code.and_then(|code| CurrencyCode::parse(&code)))
    };
    let goal: String = row.next()?;
    let (own, of_payout) = (currency(row)?, currency(row)?);
    let status = known(Status::parse(&row.next::<String>()?), "status")?;
    let payout = of_payout.map(|code| {
        let kind = Kind { goal: goal.clone(), currency: Some(code), status };
        (kind, Tally { count, amount: payout, revenue: Total::ZERO })
    });
    let kind = Kind { goal, currency: own, status };
    Ok(Counted::Conversions { kind, tally: Tally { count, amount, revenue }, payout })
}

/// Reads the columns merchant, offer and affiliate.
pub(super) fn place(row: &mut Reading<'_>) -> Result<Place, StorageError> {
    let mut next = || row.next::<String>().map(Into::into);
    Ok(Place { merchant: next()?, offer: next()?, affiliate: next()? })
}

/// The value of each dimension that only the clicks know: the first of its parameters that has one, or an empty text.
fn params(transaction: &DatabaseTransaction, grouping: &Grouping) -> Vec<String> {
    let backend = transaction.get_database_backend();
    let names = grouping.dimensions().iter().map(|dimension| dimension.params());
    let value = |names: Vec<String>| {
        let given = names.iter().map(|name| backend::text_of_json(backend, "k.params", name));
        let given: Vec<_> = given.map(|value| format!("NULLIF({value}, '')")).collect();
        format!("COALESCE({}, '')", given.join(", "))
    };
    names.filter(|names| !names.is_empty()).map(value).collect()
}

/// What facts are told apart by, of a table, and the names of the columns to group by.
fn heads(at: &str, table: &str, params: &[String]) -> (String, String) {
    let mut heads = vec![format!("{table}.{at} / {QUARTER_MILLIS}")];
    heads.extend(["merchant", "offer", "affiliate"].map(|column| format!("{table}.{column}")));
    heads.extend(params.iter().cloned());
    let numbers: Vec<_> = (1..=heads.len()).map(|number| number.to_string()).collect();
    (heads.join(", "), numbers.join(", "))
}

fn clicks(Rows { table, condition, .. }: &Rows, params: &[String]) -> String {
    let (heads, grouped) = heads("at", "k", params);
    format!("SELECT {heads}, COUNT(*) FROM {table} WHERE {condition} GROUP BY {grouped}")
}

/// The two parts of a sum of money, `sign` being 1 or -1; see [`Total::of`].
fn money(column: &str, sign: &str) -> String {
    let part = |operation: &str| {
        format!("CAST(SUM({sign} * COALESCE({column} {operation} 100000000, 0)) AS BIGINT)")
    };
    format!("{}, {}", part("/"), part("%"))
}

/// The sums of a table's amounts, then what conversions are told apart by.
fn sums(table: &str, sign: &str) -> String {
    let sums = ["amount", "revenue", "payout"].map(|column| money(&format!("{table}.{column}"), sign));
    format!("{}, {}", sums.join(", "), kinds(table))
}

fn kinds(table: &str) -> String {
    ["goal", "currency", "payout_currency", "status"].map(|column| format!("{table}.{column}")).join(", ")
}

fn conversions(Rows { table, condition, .. }: &Rows, params: &[String]) -> String {
    let (heads, grouped) = heads("created_at", "c", params);
    let click = if params.is_empty() { "" } else { "LEFT JOIN click AS k ON k.id = c.click_id" };
    format!(
        "SELECT {heads}, COUNT(*), {} FROM {table} {click} WHERE {condition} GROUP BY {grouped}, {}",
        sums("c", "1"),
        kinds("c"),
    )
}

fn steps(tables: &str, which: &str, Rows { condition, .. }: &Rows) -> String {
    let (heads, grouped) = heads("created_at", "s", &[]);
    format!(
        "WITH step AS (
            SELECT c.created_at, c.merchant, c.offer, c.affiliate, c.goal, c.currency, c.amount, c.revenue,
                c.payout, c.payout_currency, e.from_status, e.to_status
            FROM {tables} WHERE {condition} AND {which} AND e.conversion = c.id
        )
        SELECT {heads}, CAST(SUM(s.sign) AS BIGINT), {}
        FROM (
            SELECT step.*, to_status AS status, 1 AS sign FROM step
            UNION ALL SELECT step.*, from_status, -1 FROM step WHERE from_status IS NOT NULL
        ) AS s GROUP BY {grouped}, {}",
        sums("s", "s.sign"),
        kinds("s"),
    )
}
