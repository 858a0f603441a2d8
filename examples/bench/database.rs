//! Scratch databases, and the count of what is in them through a connection of our own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use tokio::runtime::Runtime;
use url::Url;

/// The kinds of database that the product runs on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Where scratch databases are made.
pub(crate) struct Place {
    /// The folder that belongs to this run; on a real disk, because a commit must cost what it costs.
    pub(crate) folder: PathBuf,
    /// The database server that takes the scratch databases; without it they are files in the folder.
    pub(crate) postgres: Option<Url>,
}

impl Place {
    pub(crate) fn engine(&self) -> Engine {
        if self.postgres.is_some() { Engine::Postgres } else { Engine::Sqlite }
    }

    /// Makes an empty database of its own; one that an interrupted run left under the same name is replaced.
    pub(crate) fn fresh(&self, name: &str) -> Result<Scratch> {
        let folder = self.folder.join(name);
        remove_folder(&folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let Some(server) = &self.postgres else {
            let url = format!("sqlite://{}", folder.join("bench.db").display());
            return Ok(Scratch { url, folder, on_server: None });
        };
        let name = format!("countersign_bench_{name}");
        let own = OnServer { server: server.clone(), name };
        own.drop_database()?;
        own.execute(&format!("CREATE DATABASE {}", own.name))?;
        let mut url = server.clone();
        url.set_path(&own.name);
        Ok(Scratch { url: url.into(), folder, on_server: Some(own) })
    }
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// A database that is gone when this is dropped.
pub(crate) struct Scratch {
    url: String,
    folder: PathBuf,
    on_server: Option<OnServer>,
}

impl Scratch {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A folder for whatever belongs to this database's processes.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let removed = self.on_server.as_ref().map_or(Ok(()), OnServer::drop_database);
        if let Err(error) = removed.and_then(|()| remove_folder(&self.folder)) {
            eprintln!("left behind: {error:#}");
        }
    }
}

struct OnServer {
    server: Url,
    name: String,
}

impl OnServer {
    fn execute(&self, sql: &str) -> Result<()> {
        Session::open(self.server.as_str())?.execute(sql)
    }

    fn drop_database(&self) -> Result<()> {
        self.execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
    }
}

/// A connection for use outside of any runtime.
pub(crate) struct Session {
    runtime: Runtime,
    connection: DatabaseConnection,
}

/// The rows that the workloads leave behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RowCounts {
    pub(crate) clicks: u64,
    pub(crate) pending: u64,
    pub(crate) approved: u64,
}

impl Session {
    pub(crate) fn open(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let connection =
            runtime.block_on(Database::connect(options)).context("connecting to the database")?;
        Ok(Self { runtime, connection })
    }

    /// Opens a database to look at it: an embedded one can't be written through this session.
    pub(crate) fn open_reader(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") { Self::open(&format!("{url}?mode=ro")) } else { Self::open(url) }
    }

    pub(crate) fn execute(&self, sql: &str) -> Result<()> {
        let run = self.connection.execute_unprepared(sql);
        self.runtime.block_on(run).map(drop).with_context(|| format!("running {sql}"))
    }

    pub(crate) fn count_rows(&self) -> Result<RowCounts> {
        Ok(RowCounts {
            clicks: self.count("SELECT COUNT(*) FROM click")?,
            pending: self.count("SELECT COUNT(*) FROM conversion WHERE status = 'pending'")?,
            approved: self.count("SELECT COUNT(*) FROM conversion WHERE status = 'approved'")?,
        })
    }

    pub(crate) fn count_delivered(&self) -> Result<u64> {
        self.count("SELECT COUNT(*) FROM delivery WHERE state = 'delivered'")
    }

    /// The names of a table's columns, in their order.
    pub(crate) fn columns(&self, table: &str) -> Result<Vec<String>> {
        let backend = self.connection.get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"),
            _ => format!(
                "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        let rows = self.connection.query_all_raw(Statement::from_string(backend, sql));
        let rows = self.runtime.block_on(rows)?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    fn count(&self, sql: &str) -> Result<u64> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row = self
            .runtime
            .block_on(self.connection.query_one_raw(statement))
            .with_context(|| format!("running {sql}"))?
            .context("a count without a row")?;
        let count: i64 = row.try_get_by_index(0)?;
        Ok(u64::try_from(count)?)
    }
}
