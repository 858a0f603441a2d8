//! Where the databases differ: how to connect safely, what their errors mean, how a set of rows is handed over.
//! Nothing outside this file asks which database it is.

mod snapshot;

use std::{
    fmt, fs,
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions,
};
use sqlx::{
    Connection, Row,
    postgres::PgSslMode,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub(super) use self::snapshot::{prefer_keys, snapshot, text_of_json, took_too_long};
use super::{
    StorageError,
    cells::{Cells, Column, Kind},
};

/// How long a writer of SQLite waits for another process that is writing, before the database counts as busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The oldest SQLite without the fault by which resetting the write-ahead log could corrupt the file.
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// How long the write-ahead log may become, in pages of 4 KiB, before writers have to wait until it is carried over.
const WAL_PAGES_MAX: u32 = 20_000;

/// How long a statement of a batch may take on PostgreSQL, so that a lock held by somebody else becomes an honest 503.
const STATEMENT_TIMEOUT: &str = "5s";

/// Any number; every process that migrates the same PostgreSQL takes the lock of this number.
const MIGRATION_LOCK: i64 = 0x436f_756e_7465_7273;

/// The address of a database. Prints itself without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// A text that is no address of a database.
#[derive(Debug, thiserror::Error)]
#[error("a database URL starts with sqlite:// (then the file) or postgres:// (then user, host and database)")]
pub struct InvalidDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        let known = ["sqlite://", "postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if known { Ok(Self(text.to_owned())) } else { Err(InvalidDatabaseUrl) }
    }
}

impl DatabaseUrl {
    /// The file of an embedded database; none for a server.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix("sqlite://")?;
        Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
    }

    /// Makes the folder and the file of an embedded database, for its user alone. SQLite gives the files beside it the
    /// same permissions.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if that can't be done.
    pub fn make_file(&self) -> Result<(), StorageError> {
        let Some(file) = self.file() else { return Ok(()) };
        let failed = |error| StorageError::Unavailable(format!("{} can't be made: {error}", file.display()));
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        if let Some(folder) = folder {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let opened = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&file);
        opened.map(drop).map_err(failed)
    }

    /// The address without user, password and options, for people.
    pub fn shown(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let rest = rest.split('?').next().unwrap_or(rest);
        format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, place)| place))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// One writer after the other, in the order of their asking. SQLite has one write lock and no queue before it: whoever
/// finds it taken sleeps and tries again, and a busy writer could starve the others. PostgreSQL needs no such thing.
#[derive(Clone, Debug)]
pub(super) struct WriteTurn(Option<Arc<Mutex<()>>>);

impl WriteTurn {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        Self(url.file().map(|_| Arc::default()))
    }

    /// Waits for the turn; it ends when the guard is dropped.
    pub(super) async fn wait(&self) -> Option<OwnedMutexGuard<()>> {
        match &self.0 {
            Some(turn) => Some(Arc::clone(turn).lock_owned().await),
            None => None,
        }
    }
}

/// What connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One connection that writes the ledger, batch after batch.
    Ledger,
    /// One connection that claims and settles deliveries.
    Outbox,
    /// One connection that writes configuration, in short transactions.
    Settings,
    /// A few that only read, each statement by itself.
    Reader,
    /// A few that only read, in transactions that last long.
    Snapshot,
}

impl Role {
    const fn connections_max(self) -> u32 {
        match self {
            Self::Ledger | Self::Outbox | Self::Settings => 1,
            Self::Reader => 4,
            // The reports that are read at once, and the roll-up.
            Self::Snapshot => 3,
        }
    }

    /// How long a connection may take to be made or to become free before the database counts as away. Merchants wait
    /// for the ledger, so that one says quickly that it can't.
    const fn patience(self) -> Duration {
        match self {
            Self::Ledger => Duration::from_millis(900),
            Self::Outbox | Self::Settings | Self::Reader | Self::Snapshot => Duration::from_secs(3),
        }
    }
}

pub(super) async fn connect(url: &DatabaseUrl, role: Role) -> Result<DatabaseConnection, StorageError> {
    url.make_file()?;
    let mut options = connect_options(url, role);
    // A reader begins no transaction, and is spared a question before each of its own.
    if role != Role::Reader {
        guard_against_broken_transactions(&mut options);
    }
    Ok(Database::connect(options).await?)
}

pub(super) fn connect_options(url: &DatabaseUrl, role: Role) -> ConnectOptions {
    let mut options = ConnectOptions::new(&url.0);
    options
        .max_connections(role.connections_max())
        .connect_timeout(role.patience())
        .acquire_timeout(role.patience())
        .test_before_acquire(false)
        .sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |options| {
        let options = options
            .create_if_missing(!matches!(role, Role::Reader | Role::Snapshot))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        match role {
            Role::Ledger => {
                options.pragma("cache_size", "-24576").pragma("wal_autocheckpoint", WAL_PAGES_MAX.to_string())
            }
            Role::Outbox => options.pragma("wal_autocheckpoint", WAL_PAGES_MAX.to_string()),
            Role::Settings => options,
            Role::Reader | Role::Snapshot => options.pragma("query_only", "on"),
        }
    });
    options.map_sqlx_postgres_opts(move |options| {
        let mut options = options.application_name("countersign");
        if is_on_this_machine(options.get_host()) && matches!(options.get_ssl_mode(), PgSslMode::Prefer) {
            options = options.ssl_mode(PgSslMode::Disable);
        }
        if !matches!(role, Role::Ledger | Role::Outbox) {
            return options;
        }
        // A plan that was made while the tables were small, and then kept, reads them whole for ever after. The
        // statements of a batch are known to be best served by their indexes, at any size.
        options.options([
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("enable_bitmapscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            // Plans without the ways above look so dear that they would be compiled, for longer than they run.
            ("jit", "off"),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", "60s"),
        ])
    });
    options
}

/// Whether a server's host is this machine: what never leaves it needs no encryption, and under encryption the driver
/// hands a batch over in several small writes, each of which waits for the one before to be acknowledged.
fn is_on_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || host.starts_with('/') || address.is_ok_and(|address| address.is_loopback())
}

/// A connection can come back to its pool inside a transaction that nobody will commit: after SQLite has rolled back
/// by itself, as it does when the disk is full, the driver still counts one open transaction; after a `BEGIN` that was
/// cancelled on PostgreSQL the server has one open that the driver does not count. The next user's writes would be
/// acknowledged and lost. So a connection is looked at before it is lent again.
fn guard_against_broken_transactions(options: &mut ConnectOptions) {
    options.map_sqlx_sqlite_before_acquire(|connection, _| {
        Box::pin(async move {
            // A rollback that is still under way counts as a transaction too: then a connection is made in vain.
            Ok(!connection.is_in_transaction())
        })
    });
    options.map_sqlx_postgres_before_acquire(|connection, _| {
        Box::pin(async move {
            // Outside a transaction a statement is one of its own, and both times are the same. (A `ROLLBACK` to be
            // sure would fill the server's log with warnings.)
            let alone =
                sqlx::raw_sql("SELECT now() = statement_timestamp()").fetch_one(&mut *connection).await?;
            Ok(alone.try_get(0)? && !connection.is_in_transaction())
        })
    });
}

/// A write transaction takes SQLite's only write lock at its start: one that begins by reading would fail at once
/// when it turns to writing, however long it was willing to wait.
pub(super) fn write_transaction() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

/// What ends a query that takes rows which nobody else is taking just now.
pub(super) fn skip_locked(connection: &impl ConnectionTrait) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Sqlite => "",
        _ => "FOR UPDATE SKIP LOCKED",
    }
}

/// What ends a query whose rows are to be locked until the transaction ends, in the order of the column `c.id`, so that
/// two transactions never wait for each other. SQLite has locked the whole file already.
pub(super) fn row_lock(connection: &impl ConnectionTrait) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Sqlite => "",
        _ => "ORDER BY c.id FOR NO KEY UPDATE OF c",
    }
}

/// Carries what SQLite's write-ahead log holds over into the file, beside the writers instead of inside one of their
/// commits. A log that grows all the same, because there is always somebody writing, is begun anew while nobody is.
pub(super) async fn checkpoint(
    connection: &DatabaseConnection,
    turn: &WriteTurn,
) -> Result<(), StorageError> {
    if connection.get_database_backend() != DbBackend::Sqlite {
        return Ok(());
    }
    let run = |mode: &str| {
        connection.query_one_raw(Statement::from_string(
            DbBackend::Sqlite,
            format!("PRAGMA wal_checkpoint({mode})"),
        ))
    };
    let pages = run("PASSIVE").await?.map(|row| row.try_get_by_index::<i32>(1)).transpose()?;
    if pages.is_some_and(|pages| i64::from(pages) > i64::from(WAL_PAGES_MAX) / 2) {
        let _turn = turn.wait().await;
        run("RESTART").await?;
    }
    Ok(())
}

pub(super) async fn migrate(url: &DatabaseUrl) -> Result<(), StorageError> {
    let connection = connect(url, Role::Settings).await?;
    assert_durable(&connection).await?;
    let _turn = if let Some(file) = url.file() {
        Some(wait_for_turn(file.with_extension("migrate.lock")).await?)
    } else {
        connection.execute_unprepared(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})")).await?;
        None
    };
    // The lock of PostgreSQL is the session's, and the pool holds just this one session: it ends with the pool.
    let migrated = apply_pending(&connection).await;
    let _ = connection.close().await;
    migrated.map_err(|error| match classify(&error) {
        away @ (StorageError::Unavailable(_) | StorageError::Conflict(_)) => away,
        _ => StorageError::Unsafe(format!("the database was not migrated: {error}")),
    })
}

async fn apply_pending(connection: &DatabaseConnection) -> Result<(), DbErr> {
    // The migrator logs it when there is nothing to do, and every command would begin by saying so.
    if Migrator::get_pending_migrations(connection).await?.is_empty() {
        return Ok(());
    }
    Migrator::up(connection, None).await
}

async fn wait_for_turn(path: PathBuf) -> Result<fs::File, StorageError> {
    let turn = move || -> std::io::Result<fs::File> {
        let file = fs::File::create(path)?;
        file.lock()?;
        Ok(file)
    };
    let joined = tokio::task::spawn_blocking(turn).await.map_err(std::io::Error::other);
    joined.flatten().map_err(|error| StorageError::Unavailable(format!("the migration lock: {error}")))
}

/// Refuses a database that could lose what it has acknowledged.
pub(super) async fn assert_durable(connection: &DatabaseConnection) -> Result<(), StorageError> {
    let wanted: &[(&str, &str)] = match connection.get_database_backend() {
        DbBackend::Sqlite => {
            assert_sqlite_version(&read_one(connection, "SELECT sqlite_version()").await?)?;
            &[
                ("PRAGMA journal_mode", "wal"),
                ("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", "2"),
            ]
        }
        _ => &[
            ("SHOW fsync", "on"),
            ("SHOW full_page_writes", "on"),
            ("SELECT (current_setting('synchronous_commit') <> 'off')::text", "true"),
        ],
    };
    for (question, answer) in wanted {
        let found = read_one(connection, question).await?;
        if found != *answer {
            return Err(StorageError::Unsafe(format!(
                "this database could lose what it has acknowledged: `{question}` says {found} instead of {answer}"
            )));
        }
    }
    Ok(())
}

pub(super) fn assert_sqlite_version(text: &str) -> Result<(), StorageError> {
    let mut parts = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (major, minor, patch) = SQLITE_VERSION_MIN;
    if (next(), next(), next()) >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    Err(StorageError::Unsafe(format!(
        "SQLite {text} can corrupt its file: {major}.{minor}.{patch} or newer is needed"
    )))
}

pub(super) async fn read_one(
    connection: &DatabaseConnection,
    question: &str,
) -> Result<String, StorageError> {
    let statement = Statement::from_string(connection.get_database_backend(), question);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| StorageError::Broken(format!("`{question}` gives no answer")))?;
    Ok(row.try_get_by_index(0)?)
}

/// What an error means for whoever waits.
pub(super) fn classify(error: &DbErr) -> StorageError {
    let text = error.to_string();
    let cause = match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => cause,
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return StorageError::Unavailable(text),
        _ => return StorageError::Broken(text),
    };
    let refused = match &**cause {
        sqlx::Error::Database(refused) => refused,
        sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Encode(_) => return StorageError::Broken(text),
        _ => return StorageError::Unavailable(text),
    };
    let code = refused.code().unwrap_or_default();
    if refused.is_unique_violation() {
        return StorageError::Conflict(text);
    }
    match (&*code, code.parse::<u32>().ok().map(|code| code & 0xff)) {
        // PostgreSQL: serialization failure, deadlock. SQLite: what was read is no longer the newest.
        ("40001" | "40P01" | "517", _) => StorageError::Conflict(text),
        // PostgreSQL: out of disk, memory or connections, cancelled or timed out, shutting down or starting.
        (code, _) if code.len() == 5 && ["53", "55", "57", "58", "08", "25"].contains(&&code[..2]) => {
            StorageError::Unavailable(text)
        }
        // SQLite: busy or locked for longer than a writer waits; read-only, I/O error, full, can't open.
        (code, Some(5 | 6 | 8 | 10 | 13 | 14)) if code.len() < 5 => StorageError::Unavailable(text),
        _ => StorageError::Broken(text),
    }
}

/// The text of a sub-query that yields the rows bound to a statement, with these columns, and the number of the first
/// parameter after it. SQLite takes a whole set as one JSON array, of arrays unless there is a single column;
/// PostgreSQL takes an array per column, in which a value stands for NULL that no column here ever holds, because its
/// driver's arrays have no NULL in them.
pub(super) fn rows_source(backend: DbBackend, columns: &[Column]) -> String {
    let parts: Vec<_> =
        columns.iter().enumerate().map(|(at, column)| source_column(backend, at, column)).collect();
    let selected: Vec<_> = parts.iter().map(|(selected, _)| selected.as_str()).collect();
    let selected = selected.join(", ");
    if let (DbBackend::Sqlite, [column]) = (backend, columns) {
        let value = if column.kind == Kind::Uuid { "unhex(value)" } else { "value" };
        return format!("SELECT {value} AS {} FROM json_each($1)", column.name);
    }
    if backend == DbBackend::Sqlite {
        // Each mention of `value` would write the row out as text once more.
        let rows = "WITH taken AS MATERIALIZED (SELECT value AS row FROM json_each($1))";
        return format!("{rows} SELECT {selected} FROM taken");
    }
    let arrays: Vec<_> = parts.iter().map(|(_, array)| array.as_str()).collect();
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    format!("SELECT {selected} FROM UNNEST({}) AS bound ({})", arrays.join(", "), names.join(", "))
}

fn source_column(backend: DbBackend, at: usize, column: &Column) -> (String, String) {
    let Column { name, kind } = column;
    if backend == DbBackend::Sqlite {
        let value = format!("row ->> {at}");
        let value = if *kind == Kind::Uuid { format!("unhex({value})") } else { value };
        return (format!("{value} AS {name}"), String::new());
    }
    let (sql_type, null) = match kind {
        Kind::Uuid => ("uuid", "'00000000-0000-0000-0000-000000000000'"),
        Kind::Text => ("text", "E'\\x01'"),
        Kind::Integer => ("bigint", "'-9223372036854775808'"),
        Kind::Boolean => return ((*name).to_owned(), format!("${}::boolean[]", at + 1)),
    };
    (format!("NULLIF({name}, {null}) AS {name}"), format!("${}::{sql_type}[]", at + 1))
}

/// A query whose answer comes over at once: SQLite's driver hands over row by row between two threads, which costs more
/// than finding them, so there the whole set comes as one JSON array. `None` where rows are best taken as they come.
pub(super) fn whole_set(backend: DbBackend, query: &str, kinds: &[Kind]) -> Option<String> {
    if backend != DbBackend::Sqlite {
        return None;
    }
    let name = |at: usize| format!("c{at}");
    let names: Vec<_> = (0..kinds.len()).map(name).collect();
    let shown = kinds.iter().zip(&names).map(|(kind, name)| match kind {
        // hex() makes an empty text of NULL.
        Kind::Uuid => format!("NULLIF(hex({name}), '')"),
        _ => name.clone(),
    });
    let shown: Vec<_> = shown.collect();
    Some(format!(
        "WITH found ({}) AS ({query}) SELECT json_group_array(json_array({})) FROM found",
        names.join(", "),
        shown.join(", ")
    ))
}

/// How many parameters [`rows_source`] takes.
pub(super) fn rows_parameters(backend: DbBackend, columns: &[Column]) -> usize {
    if backend == DbBackend::Sqlite { 1 } else { columns.len() }
}

/// The parameters of [`rows_source`].
pub(super) fn rows_values(backend: DbBackend, cells: Cells) -> Vec<sea_orm::Value> {
    if backend == DbBackend::Sqlite { vec![cells.into_json().into()] } else { cells.into_arrays() }
}
