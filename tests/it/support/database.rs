//! A database of a test's own, and a second way into it.

use std::{
    env,
    io::{self, Write},
    path::Path,
    sync::Arc,
    thread,
};

use countersign::clock::random;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::Answer;

/// The server on which a test makes its PostgreSQL database.
const POSTGRES_URL: &str = "COUNTERSIGN_TEST_POSTGRES_URL";

/// A fresh, empty database, with a folder for whatever else the test keeps. Both go with the last handle.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: TempDir,
    url: String,
    made_on: Option<MadeOn>,
}

/// A PostgreSQL server and the name of the database there.
#[derive(Debug)]
struct MadeOn {
    server: String,
    name: String,
}

/// What a test body can be given.
pub(crate) trait OnDatabase {
    /// Made on this database.
    fn on(database: Database) -> Self;
}

impl OnDatabase for Database {
    fn on(database: Database) -> Self {
        database
    }
}

impl Database {
    /// An embedded one. Its file is made by whoever opens it first.
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("data/countersign.db").display());
        Self(Arc::new(Inner { folder, url, made_on: None }))
    }

    /// One on the PostgreSQL server that the tests were given; none if they were given none, except under CI.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = env::var(POSTGRES_URL) else {
            assert!(
                env::var_os("CI").is_none(),
                "CI must set {POSTGRES_URL}: run the tests by tests/with-postgres"
            );
            // Written past the capture of the test harness, which would swallow it.
            let _ = writeln!(
                io::stderr(),
                "*** POSTGRESQL LEFT OUT: {POSTGRES_URL} is not set; use tests/with-postgres ***"
            );
            return None;
        };
        let name = format!("countersign_test_{}", hex::encode(random::<16>()));
        execute_on(&server, &format!("CREATE DATABASE {name}")).await;
        let (address, _) = server.rsplit_once('/').unwrap();
        let url = format!("{address}/{name}");
        let folder = TempDir::new().unwrap();
        Some(Self(Arc::new(Inner { folder, url, made_on: Some(MadeOn { server, name }) })))
    }

    /// Its address, as the program takes it.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// Whether it is embedded.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.0.made_on.is_none()
    }

    /// The folder in which the program runs. An embedded database is in its subfolder `data`.
    pub(crate) fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// Runs one statement, beside whatever else is using the database.
    pub(crate) async fn execute(&self, sql: &str) {
        execute_on(self.url(), sql).await;
    }

    /// The one number that a query yields, such as `SELECT count(*) FROM click`.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let query = AssertSqlSafe(sql.to_owned());
        if self.is_sqlite() {
            let mut connection = SqliteConnection::connect(self.url()).await.unwrap();
            sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(self.url()).await.unwrap();
            sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
        }
    }

    /// How many rows a table has; a condition may follow its name.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    /// The one column of texts that a query yields.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let query = AssertSqlSafe(sql.to_owned());
        if self.is_sqlite() {
            let mut connection = SqliteConnection::connect(self.url()).await.unwrap();
            sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(self.url()).await.unwrap();
            sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
        }
    }

    /// The log's row of a request, by the id that its answer carried: `outcome status params`; none if it has none.
    pub(crate) async fn logged(&self, answer: &Answer) -> Option<String> {
        let id = answer.json["request_id"].as_str().unwrap();
        let id =
            if self.is_sqlite() { format!("x'{}'", id.replace('-', "")) } else { format!("'{id}'::uuid") };
        let sql =
            format!("SELECT outcome || ' ' || status || ' ' || params FROM postback_log WHERE id = {id}");
        self.texts(&sql).await.pop()
    }

    /// Whether a text stands anywhere in the database, as text or as bytes.
    pub(crate) async fn holds(&self, text: &str) -> bool {
        let (plain, as_hex) = (text.as_bytes(), hex::encode(text).into_bytes());
        let found = |bytes: &[u8]| {
            bytes.windows(plain.len()).any(|part| part == plain)
                || bytes.windows(as_hex.len()).any(|part| part == as_hex)
        };
        if self.is_sqlite() {
            let files =
                std::fs::read_dir(self.folder().join("data")).unwrap().map(|file| file.unwrap().path());
            let of_database =
                |path: &Path| path.file_name().unwrap().to_string_lossy().starts_with("countersign.db");
            return files.filter(|path| of_database(path)).any(|path| found(&std::fs::read(path).unwrap()));
        }
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
        for table in self.texts(tables).await {
            let rows = self.texts(&format!("SELECT t::text FROM {table} t")).await;
            if rows.iter().any(|row| found(row.as_bytes())) {
                return true;
            }
        }
        false
    }
}

async fn execute_on(url: &str, sql: &str) {
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    if url.starts_with("sqlite:") {
        query.execute(&mut SqliteConnection::connect(url).await.unwrap()).await.unwrap();
    } else {
        query.execute(&mut PgConnection::connect(url).await.unwrap()).await.unwrap();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(MadeOn { server, name }) = self.made_on.take() else { return };
        // A destructor can't await, so the clearing away has a thread and a runtime of its own.
        let clear = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute_on(&server, &format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        if clear.join().is_err() {
            eprintln!("a test database was left behind");
        }
    }
}
