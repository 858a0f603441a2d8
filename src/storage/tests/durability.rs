//! A database that could lose what it has acknowledged is refused, and the schema can be made, unmade and made again.

use migration::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait;

use super::databases::Fresh;
use crate::storage::{
    Role, Storage, StorageError,
    backend::{assert_durable, assert_sqlite_version, connect},
};

/// Expects that the database is refused after this setting, by a text that names it.
async fn check_refused(database: &Fresh, setting: &str, named: &str) {
    let connection = connect(database, Role::Settings).await.unwrap();
    assert_durable(&connection).await.unwrap();
    connection.execute_unprepared(setting).await.unwrap();
    let refused = assert_durable(&connection).await;
    assert!(
        matches!(&refused, Err(StorageError::Unsafe(why)) if why.contains(named)),
        "{setting}: {refused:?}"
    );
}

#[tokio::test]
async fn an_embedded_database_that_could_lose_a_commit_is_refused() {
    let database = Fresh::sqlite();
    check_refused(&database, "PRAGMA synchronous = OFF", "synchronous").await;
    check_refused(&database, "PRAGMA synchronous = NORMAL", "synchronous").await;
    check_refused(&database, "PRAGMA journal_mode = DELETE", "journal_mode").await;
    check_refused(&database, "PRAGMA journal_mode = MEMORY", "journal_mode").await;
}

#[tokio::test]
async fn a_server_that_could_lose_a_commit_is_refused() {
    let Some(database) = Fresh::postgres().await else { return };
    check_refused(&database, "SET synchronous_commit = off", "synchronous_commit").await;
    let name = database.text("SELECT current_database()::text").await;
    database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let refused = Storage::migrate(&database).await;
    assert!(matches!(refused, Err(StorageError::Unsafe(_))), "{refused:?}");
}

#[test]
fn a_version_of_sqlite_that_can_corrupt_its_file_is_refused() {
    for good in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
        assert!(assert_sqlite_version(good).is_ok(), "{good}");
    }
    for bad in ["3.51.2", "3.40.1", "3.7.0", "", "unknown"] {
        assert!(matches!(assert_sqlite_version(bad), Err(StorageError::Unsafe(_))), "{bad}");
    }
}

#[tokio::test]
async fn the_schema_can_be_made_unmade_and_made_again() {
    for database in Fresh::migrated().await {
        let connection = connect(&database, Role::Settings).await.unwrap();
        let goals = "SELECT CAST(count(*) AS TEXT) FROM goal";
        assert_eq!(database.text(goals).await, "5");
        Migrator::down(&connection, None).await.unwrap();
        assert!(connection.execute_unprepared(goals).await.is_err(), "the tables are gone");
        Migrator::up(&connection, None).await.unwrap();
        assert_eq!(database.text(goals).await, "5");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_database_can_be_migrated_by_many_at_once() {
    for database in [Some(Fresh::sqlite()), Fresh::postgres().await].into_iter().flatten() {
        let migrations = (0..8).map(|_| {
            let url = database.clone();
            tokio::spawn(async move { Storage::migrate(&url).await })
        });
        for migrated in futures::future::join_all(migrations).await {
            migrated.unwrap().unwrap();
        }
        let recorded = database.text("SELECT CAST(count(*) AS TEXT) FROM seaql_migrations").await;
        assert_eq!(recorded, Migrator::migrations().len().to_string());
    }
}
