//! The roll-up: pages of what has happened, kept from the ledger in the background, so that a month of statistics is
//! read from some thousand rows.
//!
//! Everything that the ledger says before `rolled_until` is in the pages, and nothing of what it says from then on. A
//! slice is read from the ledger without a lock, because nothing is added to the ledger so long ago; what it comes to
//! is added to the pages in one short transaction, which also moves `rolled_until`, and does nothing where somebody
//! else has moved it meanwhile. So it does not matter when a process dies, or how many try.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};

use super::{
    Storage, StorageError,
    backend::{self, prefer_keys, snapshot},
    bulk,
    cells::{Cells, Column, Kind, columns},
    facts::{Found, HAPPENED, Unread, place},
    reading::Reading,
    rows::{known, text},
};
use crate::domain::{
    statistics::{Only, Place, grouping::Grouping, page::Page},
    time::Timestamp,
};

/// How old a fact has to be before it is rolled up, in milliseconds. Steps and clicks carry the time at which their
/// batch was decided, and become visible when it is committed. A writer gives a batch up after 16 seconds, a statement
/// after 5, and a session that fell silent in a transaction is ended after a minute; the rest is for clocks of several
/// machines that disagree.
const LAG_MILLIS: i64 = 5 * 60 * 1000;

/// How much is rolled up at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct SliceSize {
    /// How many rows of the ledger make a slice.
    pub(super) rows: u32,
    /// How many where it would touch more pages than it may.
    pub(super) rows_of_many_pages: u32,
    /// How many pages it may touch: writers of the ledger wait while they are written on SQLite.
    pub(super) pages: usize,
}

/// A page is written once for each slice that touches it, so larger slices catch up sooner; these keep writers of the
/// ledger waiting for some tens of milliseconds at most.
const SLICE_SIZE: SliceSize = SliceSize { rows: 16_000, rows_of_many_pages: 2_000, pages: 1_500 };

/// How far the roll-up has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rolled {
    pub(super) generation: i64,
    pub(super) until: Timestamp,
}

/// What came of rolling up a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollUp {
    /// There is more to do.
    Further {
        /// Everything before is rolled up.
        until: Timestamp,
    },
    /// Everything that is old enough is rolled up.
    Done,
    /// Somebody else is at it.
    Elsewhere,
    /// The clock is behind what has been rolled up: what is recorded meanwhile may be missing from statistics until
    /// they are rebuilt.
    ClockBehind {
        /// Everything before was rolled up when the clock went right.
        until: Timestamp,
    },
}

const PAGE_KEY: &[Column] = &columns![Integer day, Text merchant, Text offer, Text affiliate];
const PAGE: &[Column] =
    &columns![Integer generation, Integer day, Text merchant, Text offer, Text affiliate, Text page];
const PAGE_KINDS: &[Kind] = &[Kind::Integer, Kind::Text, Kind::Text, Kind::Text, Kind::Text];

/// The pages of a slice, by day and place.
type Pages = BTreeMap<(i64, Place), Page>;

impl Storage {
    /// Rolls up one slice of what is old enough now.
    ///
    /// # Errors
    /// [`StorageError`]; then nothing of the slice is rolled up.
    pub async fn roll_up(&self, now: Timestamp) -> Result<RollUp, StorageError> {
        self.roll_up_slice(now, SLICE_SIZE).await
    }

    pub(super) async fn roll_up_slice(
        &self,
        now: Timestamp,
        size: SliceSize,
    ) -> Result<RollUp, StorageError> {
        let transaction = snapshot(&self.snapshots).await?;
        let from = known(rolled(&transaction, "").await?, "state of the roll-up")?;
        if now < from.until {
            return Ok(RollUp::ClockBehind { until: from.until });
        }
        let old_enough = now.plus_millis(-LAG_MILLIS);
        if old_enough <= from.until {
            return Ok(RollUp::Done);
        }
        let (until, found) =
            slice(&transaction, from.until, old_enough, size).await.map_err(|unread| match unread {
                Unread::TookTooLong => StorageError::Unavailable("reading a slice took too long".to_owned()),
                Unread::Storage(error) => error,
            })?;
        transaction.commit().await?;
        if !self.add_to_pages(from, until, &found).await? {
            return Ok(RollUp::Elsewhere);
        }
        Ok(if until < old_enough { RollUp::Further { until } } else { RollUp::Done })
    }

    /// Forgets all that is rolled up, so that it is counted anew from the ledger. Until that is done, statistics are
    /// read from the ledger: as right as ever, and slower.
    ///
    /// # Errors
    /// [`StorageError`]; then nothing is forgotten.
    pub async fn forget_roll_up(&self) -> Result<(), StorageError> {
        let write = self.begin().await?;
        write.execute_unprepared("UPDATE rollup SET generation = generation + 1, rolled_until = 0").await?;
        Ok(write.commit().await?)
    }

    /// Clears away one day of pages that were forgotten, if there are any.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn clear_forgotten_pages(&self) -> Result<bool, StorageError> {
        let write = self.begin().await?;
        let sql = "DELETE FROM rollup_page WHERE (generation, day) IN (
                SELECT generation, day FROM rollup_page
                WHERE generation < (SELECT generation FROM rollup WHERE id = 1)
                ORDER BY generation, day LIMIT 1)";
        let cleared = write.execute_unprepared(sql).await?.rows_affected();
        write.commit().await?;
        Ok(cleared > 0)
    }

    /// Until when everything is rolled up.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn rolled_until(&self) -> Result<Timestamp, StorageError> {
        Ok(known(rolled(&self.reader, "").await?, "state of the roll-up")?.until)
    }

    /// Adds a slice to the pages; false, and nothing is changed, where somebody else has gone on from `from`, or is at
    /// it.
    async fn add_to_pages(
        &self,
        from: Rolled,
        until: Timestamp,
        found: &[Found],
    ) -> Result<bool, StorageError> {
        let write = self.begin().await?;
        prefer_keys(&write).await?;
        if rolled(&*write, backend::skip_locked(&*write)).await? != Some(from) {
            return Ok(false);
        }
        let mut pages = Pages::new();
        for fact in found {
            pages.entry((fact.quarter.day(), fact.place.clone())).or_default();
        }
        load(&*write, from.generation, &mut pages).await?;
        for fact in found {
            let page = pages.entry((fact.quarter.day(), fact.place.clone())).or_default();
            for (counted, tally) in fact.facts() {
                page.add(counted, fact.quarter, tally);
            }
        }
        save(&*write, from.generation, &pages).await?;
        let sql = "UPDATE rollup SET rolled_until = $1 WHERE id = 1";
        let values = [until.millis().into()];
        write.execute_raw(Statement::from_sql_and_values(write.get_database_backend(), sql, values)).await?;
        write.commit().await?;
        Ok(true)
    }
}

/// How far the roll-up has come; nothing where `lock` skips it.
pub(super) async fn rolled(
    connection: &impl ConnectionTrait,
    lock: &str,
) -> Result<Option<Rolled>, StorageError> {
    let sql = format!("SELECT generation, rolled_until FROM rollup WHERE id = 1 {lock}");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let Some(row) = connection.query_one_raw(statement).await? else { return Ok(None) };
    let mut row = Reading::new(&row);
    Ok(Some(Rolled { generation: row.next()?, until: Timestamp::from_millis(row.next()?) }))
}

/// The facts of a slice that begins at `from`, and where it ends.
async fn slice(
    transaction: &DatabaseTransaction,
    from: Timestamp,
    to: Timestamp,
    size: SliceSize,
) -> Result<(Timestamp, Vec<Found>), Unread> {
    let (until, found) = facts_of(transaction, from, to, size.rows).await?;
    if pages_of(&found) <= size.pages {
        return Ok((until, found));
    }
    facts_of(transaction, from, until, size.rows_of_many_pages).await
}

/// The facts of so many rows of the ledger at most from `from` on, and until when they are all.
async fn facts_of(
    transaction: &DatabaseTransaction,
    from: Timestamp,
    to: Timestamp,
    rows: u32,
) -> Result<(Timestamp, Vec<Found>), Unread> {
    let mut until = to;
    for source in HAPPENED {
        until = until.min(source.piece(transaction, from, until, rows).await?);
    }
    let mut found = Vec::new();
    for source in HAPPENED {
        found.extend(source.read(transaction, from, until, &Grouping::default(), &Only::default()).await?);
    }
    Ok((until, found))
}

fn pages_of(found: &[Found]) -> usize {
    let mut pages: Vec<_> = found.iter().map(|fact| (fact.quarter.day(), &fact.place)).collect();
    pages.sort_unstable();
    pages.dedup();
    pages.len()
}

/// Fills in the pages that there are.
async fn load(
    connection: &impl ConnectionTrait,
    generation: i64,
    pages: &mut Pages,
) -> Result<(), StorageError> {
    let mut cells = Cells::new(PAGE_KEY);
    for (day, place) in pages.keys() {
        cells.push([(*day).into(), text(&place.merchant), text(&place.offer), text(&place.affiliate)]);
    }
    // Each page is asked for by itself: a join is planned by what PostgreSQL believes of the table, and just after it
    // was empty that is to read it whole for every row.
    let sql = "SELECT k.day, k.merchant, k.offer, k.affiliate, (
            SELECT p.page FROM rollup_page AS p
            WHERE p.generation = {after} AND p.day = k.day AND p.merchant = k.merchant AND p.offer = k.offer
                AND p.affiliate = k.affiliate)
        FROM ({rows}) AS k";
    for row in bulk::select(connection, PAGE_KINDS, sql, cells, Some(generation)).await? {
        let mut row = Reading::of(&row);
        let key = (row.next()?, place(&mut row)?);
        if let Some(page) = row.next::<Option<String>>()? {
            pages.insert(key, parse(&page)?);
        }
    }
    Ok(())
}

async fn save(connection: &impl ConnectionTrait, generation: i64, pages: &Pages) -> Result<(), StorageError> {
    let mut cells = Cells::new(PAGE);
    for ((day, place), page) in pages {
        cells.push([
            generation.into(),
            (*day).into(),
            text(&place.merchant),
            text(&place.offer),
            text(&place.affiliate),
            page.to_json().into(),
        ]);
    }
    if cells.is_empty() {
        return Ok(());
    }
    // Without its own WHERE, SQLite would take ON CONFLICT for the condition of a join.
    let sql = "INSERT INTO rollup_page (generation, day, merchant, offer, affiliate, page) {rows} WHERE TRUE
        ON CONFLICT (generation, day, merchant, offer, affiliate) DO UPDATE SET page = excluded.page";
    bulk::update(connection, sql, cells, None).await.map(drop)
}

pub(super) fn parse(page: &str) -> Result<Page, StorageError> {
    Page::parse(page).map_err(|error| StorageError::Broken(format!("a page of the roll-up: {error}")))
}
