//! The frozen history of Countersign's schema.
//!
//! A migration is never edited once it has been released, and never sees the application, so that it means the same
//! for ever. The statements are plain SQL in the words that SQLite and PostgreSQL share; [`run`] puts in the few that
//! differ.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

mod m0001_main_job;
mod m0002_outgoing_postbacks;
mod m0003_access;
mod m0004_dialects;
mod m0005_statistics;
mod m0006_pixels;
mod m0007_log;
mod m0008_listed;
mod m0009_players;
mod m0010_deliveries;
mod m0011_integration_links;

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_main_job::Migration),
            Box::new(m0002_outgoing_postbacks::Migration),
            Box::new(m0003_access::Migration),
            Box::new(m0004_dialects::Migration),
            Box::new(m0005_statistics::Migration),
            Box::new(m0006_pixels::Migration),
            Box::new(m0007_log::Migration),
            Box::new(m0008_listed::Migration),
            Box::new(m0009_players::Migration),
            Box::new(m0010_deliveries::Migration),
            Box::new(m0011_integration_links::Migration),
        ]
    }
}

/// Runs statements that are separated by a semicolon at the end of a line, with `UUID`, `BYTES`, `CLUSTERED` and
/// `QUEUED` put into the database's own words. A table ends in `CLUSTERED` where its rows are best kept in the order
/// of its key, and in `QUEUED` where its rows change often: PostgreSQL leaves room beside each for its next version,
/// and clears away what they leave behind long before it amounts to a fifth of the table, when it begins by default.
async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let (uuid, bytes, clustered, queued) = match connection.get_database_backend() {
        DatabaseBackend::Sqlite => ("BLOB", "BLOB", "WITHOUT ROWID", ""),
        _ => ("UUID", "BYTEA", "", "WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01)"),
    };
    let words = [("UUID", uuid), ("BYTES", bytes), ("CLUSTERED", clustered), ("QUEUED", queued)];
    let put_in = |text: String, (word, own): (&str, &str)| text.replace(word, own);
    let statements = words.into_iter().fold(statements.to_owned(), put_in);
    for statement in statements.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        connection.execute_unprepared(statement).await?;
    }
    Ok(())
}
