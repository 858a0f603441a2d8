//! Storage: all SQL of the house.
//!
//! It may import `domain` and `migration`, and is the only room that names sea-orm. It never decides what anything
//! means, knows nothing of HTTP and reads no clock.
//!
//! [`Ledger`] is the write side of clicks and conversions: one open batch per connection, loaded, written and
//! committed as a whole. [`Storage`] is everything else: configuration, tokens, and what people read. Configuration is
//! written through connections of its own, so that a slow command never holds a postback's place.

mod accounts;
mod api_keys;
mod audit;
mod backend;
mod bulk;
mod catalog;
mod cells;
mod clicks;
mod configuration;
mod conversions;
mod deliveries;
mod endpoints;
mod entity;
mod facts;
mod ledger;
mod links;
mod log;
mod outbox;
mod pixels;
mod players;
mod reading;
mod rollup;
mod rows;
mod saved_answers;
mod saving;
mod scan;
mod setting;
mod settings;
mod statistics;
#[cfg(test)]
mod tests;
mod tokens;

use std::{
    ops::Deref,
    sync::{Arc, RwLock},
};

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{OwnedMutexGuard, Semaphore};

use self::backend::WriteTurn;

pub use self::{
    accounts::{Account, UserChange},
    audit::{AuditFilter, AuditRow, Author},
    backend::{DatabaseUrl, InvalidDatabaseUrl, Role},
    clicks::ClickFilter,
    configuration::{Configuration, Difference, GoalSetting, MerchantSetting, Seen, TokenSetting},
    conversions::{ConversionFilter, Found, HistoryStep, Order, Player, Selected},
    deliveries::{DeliveryFilter, DeliveryRow, Resent},
    endpoints::{Backlog, EndpointHealth},
    ledger::{Ledger, OpenBatch, Trace, Writes},
    log::{LogFilter, LogRow, Outcome},
    outbox::{Attempt, Claimed, Outbox, Settlement, Taken, Wanted},
    rollup::RollUp,
    saved_answers::{Held, Keep, Once, SavedAnswer},
    saving::Action,
    scan::Scanned,
    setting::{Setting, Which},
    statistics::StatisticsError,
};
use crate::domain::{currency::Currencies, sealed::Sealer};

/// What went wrong below the business: never a verdict, only broken infrastructure.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Somebody else was faster; the same again may succeed.
    #[error("another writer was faster: {0}")]
    Conflict(String),
    /// The database can't be reached, or is full, or answered that it can't now.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// COMMIT was sent and no answer came back: the batch is recorded as a whole or not at all.
    #[error("the database did not say whether it has committed: {0}")]
    CommitUnknown(String),
    /// The database refuses a statement or holds a row that this program can't understand.
    #[error("the database and this program disagree: {0}")]
    Broken(String),
    /// What was asked for contradicts what is there.
    #[error("{0}")]
    Refused(String),
    /// What was asked for goes out from what is no longer so.
    #[error("{0}")]
    Stale(String),
    /// The database is not one that may hold money.
    #[error("{0}")]
    Unsafe(String),
}

impl From<DbErr> for StorageError {
    fn from(error: DbErr) -> Self {
        backend::classify(&error)
    }
}

/// A write transaction, with the turn that it has.
#[derive(Debug)]
struct Write {
    transaction: DatabaseTransaction,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Write {
    async fn begin(connection: &DatabaseConnection, turn: &WriteTurn) -> Result<Self, StorageError> {
        let turn = turn.wait().await;
        let transaction = connection.begin_with_options(backend::write_transaction()).await?;
        Ok(Self { transaction, _turn: turn })
    }

    async fn commit(self) -> Result<(), DbErr> {
        self.transaction.commit().await
    }
}

impl Deref for Write {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

/// Configuration, tokens, and everything that is read.
#[derive(Clone, Debug)]
pub struct Storage {
    reader: DatabaseConnection,
    snapshots: DatabaseConnection,
    writer: DatabaseConnection,
    sealer: Sealer,
    /// For rows that are read one query at a time; none before the configuration was read.
    currencies: Arc<RwLock<Option<Currencies>>>,
    url: DatabaseUrl,
    turn: WriteTurn,
    /// Reports wait for each other, however long.
    statistics_places: Arc<Semaphore>,
}

impl Storage {
    /// Connects, and refuses a database that could lose what it has acknowledged.
    ///
    /// # Errors
    /// [`StorageError`] when it can't be reached or is unsafe.
    pub async fn open(url: &DatabaseUrl, sealer: Sealer) -> Result<Self, StorageError> {
        let writer = backend::connect(url, Role::Settings).await?;
        backend::assert_durable(&writer).await?;
        let reader = backend::connect(url, Role::Reader).await?;
        let snapshots = backend::connect(url, Role::Snapshot).await?;
        let statistics_places = Arc::new(Semaphore::new(statistics::AT_ONCE_MAX));
        let (url, turn) = (url.clone(), WriteTurn::new(url));
        let currencies = Arc::default();
        Ok(Self { reader, snapshots, writer, sealer, currencies, url, turn, statistics_places })
    }

    /// One more connection that writes the ledger.
    ///
    /// # Errors
    /// [`StorageError`] when the database can't be reached.
    pub async fn open_ledger(&self) -> Result<Ledger, StorageError> {
        let connection = backend::connect(&self.url, Role::Ledger).await?;
        Ok(Ledger::new(self.url.clone(), connection, self.turn.clone(), self.sealer.clone()))
    }

    /// The connection that claims and settles deliveries.
    ///
    /// # Errors
    /// [`StorageError`] when the database can't be reached.
    pub async fn open_outbox(&self) -> Result<Outbox, StorageError> {
        let connection = backend::connect(&self.url, Role::Outbox).await?;
        Ok(Outbox::new(connection, self.turn.clone()))
    }

    /// A transaction that writes, as soon as it is its turn.
    async fn begin(&self) -> Result<Write, StorageError> {
        Write::begin(&self.writer, &self.turn).await
    }

    /// Brings the schema up to date. Several processes may do so at once.
    ///
    /// # Errors
    /// [`StorageError`]; also when the database has been migrated by a newer version of this program.
    pub async fn migrate(url: &DatabaseUrl) -> Result<(), StorageError> {
        backend::migrate(url).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if it does not.
    pub async fn ping(&self) -> Result<(), StorageError> {
        catalog::version(&self.reader).await.map(drop)
    }

    /// Carries what is in an embedded database's write-ahead log over into its file; to be called several times a
    /// second, so that no commit has to do it.
    ///
    /// # Errors
    /// [`StorageError`]; nothing is lost by it.
    pub async fn checkpoint(&self) -> Result<(), StorageError> {
        backend::checkpoint(&self.writer, &self.turn).await
    }

    /// Closes all connections.
    pub async fn close(self) {
        // Closing only gives connections back: what they did is committed or gone already.
        let _ = self.reader.close().await;
        let _ = self.snapshots.close().await;
        let _ = self.writer.close().await;
    }
}
