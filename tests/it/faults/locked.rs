//! Somebody else holds what the writers need.

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::{checker::check, load::Load};
use crate::support::{Database, OnDatabase, Server, WORLD, eventually, on_both_databases};

/// A lock that is held until this is dropped.
enum Held {
    #[expect(dead_code, reason = "what counts is that it stays open")]
    Sqlite(SqliteConnection),
    #[expect(dead_code, reason = "what counts is that it stays open")]
    Postgres(PgConnection),
}

async fn hold(database: &Database) -> Held {
    let query = |sql: &str| sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    if database.is_sqlite() {
        let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
        query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        return Held::Sqlite(connection);
    }
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    query("BEGIN; LOCK TABLE click").execute(&mut connection).await.unwrap();
    Held::Postgres(connection)
}

on_both_databases! {
    async fn a_locked_database_is_told_and_waited_for(server: Server) {
        let load = Load::start(server.address, 64);
        eventually("the load is answered", async || load.answered() > 64).await;
        let held = hold(server.database()).await;
        eventually("everybody is told to come back", async || load.put_off() >= 64).await;
        drop(held);
        let before = load.answered();
        eventually("the load is answered again", async || load.answered() > before + 64).await;
        check(server.database(), &load.finish().await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_beside_a_loaded_server_cost_nobody_an_answer() {
    let server = Server::on(Database::sqlite());
    let load = Load::start(server.address, 32);
    for round in 0..10 {
        let changed = WORLD.replace("Acme Casino", &format!("Acme Casino {round}"));
        let program = server.program.clone();
        let applied = tokio::task::spawn_blocking(move || program.apply(&changed).ok()).await.unwrap();
        assert!(applied.contains("changed merchant acme"), "{applied}");
    }
    let acknowledged = load.finish().await;
    assert_eq!(acknowledged.put_off, 0);
    check(server.database(), &acknowledged).await;
}
