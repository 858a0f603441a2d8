//! Fresh databases, and a second way into them.

use std::{env, ops::Deref, thread};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;

use crate::{
    clock::random,
    domain::{ids::DeliveryId, sealed::Sealer},
    storage::{DatabaseUrl, Ledger, Storage, backend::read_one},
};

/// The id of a delivery that no event of these tests owes.
pub(super) fn nothing_owed() -> DeliveryId {
    unreachable!("there are no postback endpoints")
}

/// The server on which the tests make their PostgreSQL databases.
const POSTGRES_URL: &str = "COUNTERSIGN_TEST_POSTGRES_URL";

/// A database of one test's own, which goes with it.
pub(super) struct Fresh {
    url: DatabaseUrl,
    address: String,
    _folder: Option<TempDir>,
    made_on: Option<(String, String)>,
}

impl Deref for Fresh {
    type Target = DatabaseUrl;

    fn deref(&self) -> &DatabaseUrl {
        &self.url
    }
}

impl Fresh {
    pub(super) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let address = format!("sqlite://{}?mode=rwc", folder.path().join("countersign.db").display());
        Self { url: address.parse().unwrap(), address, _folder: Some(folder), made_on: None }
    }

    /// None where the tests were given no server, except under CI.
    pub(super) async fn postgres() -> Option<Self> {
        let Ok(server) = env::var(POSTGRES_URL) else {
            assert!(env::var_os("CI").is_none(), "CI must set {POSTGRES_URL}");
            eprintln!(
                "\n*** POSTGRESQL WAS LEFT OUT: {POSTGRES_URL} is not set; run tests/with-postgres ***\n"
            );
            return None;
        };
        let name = format!("countersign_unit_{}", hex::encode(random::<8>()));
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let address = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        Some(Self { url: address.parse().unwrap(), address, _folder: None, made_on: Some((server, name)) })
    }

    /// One of each kind, as far as there is a server, with the schema in place.
    pub(super) async fn migrated() -> Vec<Self> {
        let databases: Vec<_> =
            [Some(Self::sqlite()), Self::postgres().await].into_iter().flatten().collect();
        for database in &databases {
            Storage::migrate(database).await.unwrap();
        }
        databases
    }

    /// A ledger, under the secret of all these tests.
    pub(super) async fn ledger(&self) -> Ledger {
        Storage::open(self, Sealer::derive(b"a secret of the tests"))
            .await
            .unwrap()
            .open_ledger()
            .await
            .unwrap()
    }

    /// Its URL as text.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Host and port of the server that it is on.
    pub(super) fn server(&self) -> &str {
        let (_, rest) = self.address.split_once('@').unwrap();
        rest.split_once('/').unwrap().0
    }

    /// Runs a statement on a connection of its own.
    pub(super) async fn execute(&self, sql: &str) {
        execute(&self.address, sql).await;
    }

    /// The one text that a query gives on a connection of its own.
    pub(super) async fn text(&self, sql: &str) -> String {
        read_one(&plain_connection(&self.address).await, sql).await.unwrap()
    }
}

/// A connection by the driver's own defaults.
async fn plain_connection(url: &str) -> DatabaseConnection {
    Database::connect(url).await.unwrap()
}

async fn execute(url: &str, sql: &str) {
    let connection = plain_connection(url).await;
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let Some((server, name)) = self.made_on.take() else { return };
        // A destructor can't await, so the clearing away has a thread and a runtime of its own.
        let clear = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server, &format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        if clear.join().is_err() {
            eprintln!("a test database was left behind");
        }
    }
}
