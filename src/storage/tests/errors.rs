//! What real errors of real databases mean for whoever waits.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::databases::Fresh;
use crate::storage::{
    Role, StorageError,
    backend::{classify, connect, write_transaction},
};

const CREATE: &str = "CREATE TABLE deposit (id INTEGER PRIMARY KEY, filler TEXT)";
const INSERT: &str = "INSERT INTO deposit VALUES (1, 'x')";

async fn two_connections(database: &Fresh) -> (DatabaseConnection, DatabaseConnection) {
    let one = connect(database, Role::Settings).await.unwrap();
    one.execute_unprepared(CREATE).await.unwrap();
    (one, connect(database, Role::Settings).await.unwrap())
}

/// The error of the last of these statements.
async fn error_of(connection: &impl ConnectionTrait, statements: &[&str]) -> DbErr {
    let (last, before) = statements.split_last().unwrap();
    for statement in before {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection.execute_unprepared(last).await.unwrap_err()
}

#[track_caller]
fn check_unavailable(error: &DbErr) {
    assert!(matches!(classify(error), StorageError::Unavailable(_)), "{error}");
}

#[track_caller]
fn check_conflict(error: &DbErr) {
    assert!(matches!(classify(error), StorageError::Conflict(_)), "{error}");
}

#[track_caller]
fn check_broken(error: &DbErr) {
    assert!(matches!(classify(error), StorageError::Broken(_)), "{error}");
}

#[tokio::test]
async fn errors_of_sqlite_are_told_apart() {
    let database = Fresh::sqlite();
    let (one, other) = two_connections(&database).await;
    check_conflict(&error_of(&one, &[INSERT, INSERT]).await);
    check_broken(&error_of(&one, &["SELECT * FROM nothing"]).await);
    let fill = "INSERT INTO deposit VALUES (2, printf('%100000s', 'x'))";
    check_unavailable(&error_of(&other, &["PRAGMA max_page_count = 5", fill]).await);

    let holder = one.begin_with_options(write_transaction()).await.unwrap();
    check_unavailable(&error_of(&other, &["PRAGMA busy_timeout = 1", "DELETE FROM deposit"]).await);
    holder.rollback().await.unwrap();

    let late = other.begin().await.unwrap();
    late.execute_unprepared("SELECT * FROM deposit").await.unwrap();
    one.execute_unprepared("UPDATE deposit SET filler = 'y'").await.unwrap();
    check_conflict(&error_of(&late, &["UPDATE deposit SET filler = 'z'"]).await);
}

#[tokio::test]
async fn errors_of_postgresql_are_told_apart() {
    let Some(database) = Fresh::postgres().await else { return };
    let (one, other) = two_connections(&database).await;
    check_conflict(&error_of(&one, &[INSERT, INSERT]).await);
    check_broken(&error_of(&one, &["SELECT * FROM nothing"]).await);

    let holder = one.begin().await.unwrap();
    holder.execute_unprepared("LOCK TABLE deposit").await.unwrap();
    check_unavailable(&error_of(&other, &["SET lock_timeout = 1", "DELETE FROM deposit"]).await);
    let patient = ["SET lock_timeout = 0", "SET statement_timeout = 1", "DELETE FROM deposit"];
    check_unavailable(&error_of(&other, &patient).await);
    holder.rollback().await.unwrap();

    let unchanging =
        ["SET statement_timeout = 0", "SET default_transaction_read_only = on", "DELETE FROM deposit"];
    check_unavailable(&error_of(&other, &unchanging).await);
    check_unavailable(&error_of(&other, &["SELECT pg_terminate_backend(pg_backend_pid())"]).await);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    assert!(matches!(connect(&nowhere, Role::Ledger).await, Err(StorageError::Unavailable(_))));
}
