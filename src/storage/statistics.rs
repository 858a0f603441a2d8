//! Statistics, read: from the pages of the roll-up what is in them, from the ledger the rest, all as of one moment.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, StreamTrait};

use super::{
    Storage, StorageError,
    backend::snapshot,
    facts::{HAPPENED, PERIOD, Source, Unread, narrow},
    reading::Reading,
    rollup::{Rolled, parse, rolled},
    rows::known,
};
use crate::domain::{
    catalog::Catalog,
    statistics::{
        Place, Quarter, Question,
        report::{Report, TooManyLines},
    },
    time::Timestamp,
};

/// How many reports are read at once: each may keep a connection and the database busy for long.
pub(super) const AT_ONCE_MAX: usize = 2;

/// How long reading a report may take.
const TIME_MAX: Duration = Duration::from_secs(20);

/// How many rows of the ledger are counted by one statement.
const PIECE_ROWS: u32 = 50_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    /// It took longer than it may.
    #[error(
        "this took longer than {} seconds; take a shorter period. Grouped by sub1 to sub10 or by country, the clicks \
         themselves are read instead of what has been rolled up",
        TIME_MAX.as_secs()
    )]
    TookTooLong,
    /// It would be too long for anybody to read.
    #[error(transparent)]
    TooManyLines(#[from] TooManyLines),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Unread> for StatisticsError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TookTooLong => Self::TookTooLong,
            Unread::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<DbErr> for StatisticsError {
    fn from(error: DbErr) -> Self {
        Unread::from(error).into()
    }
}

impl Storage {
    /// What clicks and conversions come to.
    ///
    /// # Errors
    /// [`StatisticsError`]
    pub async fn statistics(
        &self,
        question: Question,
        catalog: Arc<Catalog>,
    ) -> Result<Report, StatisticsError> {
        let read = async {
            let _place = self.statistics_places.acquire().await;
            let transaction = snapshot(&self.snapshots).await?;
            let mut reading =
                Reader { transaction, started: Instant::now(), report: Report::new(question, catalog) };
            reading.answer().await?;
            reading.transaction.commit().await?;
            Ok(reading.report.finished())
        };
        tokio::time::timeout(TIME_MAX, read).await.unwrap_or(Err(StatisticsError::TookTooLong))
    }
}

/// What ends an id, and a page, where many come in one text: no id and no JSON holds control characters.
const ID_END: &str = "\u{1f}";
const PAGE_END: &str = "\u{1e}";

struct Reader {
    transaction: DatabaseTransaction,
    started: Instant,
    report: Report,
}

impl Reader {
    async fn answer(&mut self) -> Result<(), StatisticsError> {
        let period = self.report.question.period;
        let rolled = known(rolled(&self.transaction, "").await?, "state of the roll-up")?;
        let (first, end) = period.quarters();
        // Nothing of the period is rolled up, or only the clicks themselves tell, or no quarter of an hour is whole.
        if self.report.question.grouping.needs_clicks() || rolled.until <= period.from || first >= end {
            return self.add_ledger(period.from, period.to).await;
        }
        self.add_ledger(period.from, first.start()).await?;
        self.add_pages(rolled, first, end).await?;
        self.add_since(rolled.until, first, end).await?;
        self.add_ledger(end.start(), period.to).await
    }

    /// Adds what was clicked and recorded from one moment until just before another, by the ledger alone.
    async fn add_ledger(&mut self, from: Timestamp, to: Timestamp) -> Result<(), StatisticsError> {
        for source in PERIOD {
            self.add(source, from, to, |_| true).await?;
        }
        Ok(())
    }

    /// Adds to these quarters of an hour what has happened since the roll-up.
    async fn add_since(
        &mut self,
        rolled: Timestamp,
        first: Quarter,
        end: Quarter,
    ) -> Result<(), StatisticsError> {
        for source in HAPPENED {
            // The others may tell of conversions and clicks of any time before.
            let (from, to) = match source {
                Source::Clicks | Source::FirstSteps => (rolled.max(first.start()), end.start()),
                _ => (rolled, Timestamp::from_millis(i64::MAX)),
            };
            self.add(source, from, to, |quarter| first <= quarter && quarter < end).await?;
        }
        Ok(())
    }

    /// Adds the facts of a source, as far as they belong to the quarters that are wanted.
    async fn add(
        &mut self,
        source: Source,
        from: Timestamp,
        to: Timestamp,
        wanted: impl Fn(Quarter) -> bool,
    ) -> Result<(), StatisticsError> {
        let (grouping, only) = (self.report.question.grouping.clone(), self.report.question.only.clone());
        let mut from = from;
        while from < to {
            if self.started.elapsed() > TIME_MAX {
                return Err(StatisticsError::TookTooLong);
            }
            let until = source.piece(&self.transaction, from, to, PIECE_ROWS).await?;
            for found in source.read(&self.transaction, from, until, &grouping, &only).await? {
                for (fact, tally) in found.facts().filter(|_| wanted(found.quarter)) {
                    self.report.add(&found.place, found.quarter, &found.params, fact, tally)?;
                }
            }
            from = until;
        }
        Ok(())
    }

    /// Adds what is rolled up of these quarters of an hour.
    async fn add_pages(
        &mut self,
        rolled: Rolled,
        first: Quarter,
        end: Quarter,
    ) -> Result<(), StatisticsError> {
        let last = Quarter::from_number(end.number() - 1);
        let mut values = vec![rolled.generation.into(), first.day().into(), last.day().into()];
        let mut condition = "p.generation = $1 AND p.day >= $2 AND p.day <= $3".to_owned();
        narrow(&mut condition, &mut values, "p", &self.report.question.only);
        values.extend([ID_END.into(), PAGE_END.into()]);
        let (id_end, page_end) = (values.len() - 1, values.len());
        // Many pages in a row: SQLite's driver hands over row by row between two threads.
        let sql = format!(
            "SELECT p.day, p.merchant, p.offer, string_agg(
                p.affiliate || CAST(${id_end} AS TEXT) || p.page, CAST(${page_end} AS TEXT))
            FROM rollup_page AS p WHERE {condition} GROUP BY p.day, p.merchant, p.offer"
        );
        let backend = ConnectionTrait::get_database_backend(&self.transaction);
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let mut found = self.transaction.stream_raw(statement).await?;
        while let Some(row) = found.try_next().await? {
            let mut row = Reading::new(&row);
            let (day, merchant, offer) = (row.next()?, row.next::<String>()?, row.next::<String>()?);
            let (merchant, offer): (Arc<str>, Arc<str>) = (merchant.into(), offer.into());
            for page in row.next::<String>()?.split(PAGE_END) {
                let (affiliate, page) = known(page.split_once(ID_END), "page of the roll-up")?;
                let (merchant, offer) = (Arc::clone(&merchant), Arc::clone(&offer));
                let place = Place { merchant, offer, affiliate: affiliate.into() };
                self.report.add_page(day, &place, &parse(page)?, first, end)?;
            }
        }
        Ok(())
    }
}
