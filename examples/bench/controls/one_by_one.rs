//! The plain way: a transaction a request, through the ORM, in tables of its own that hold what the product's
//! hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend,
    EntityTrait, QueryFilter, Schema, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::tables::{click, conversion, postback_log, status_event};
use super::{Deposit, answer};
use crate::requests::scramble;

/// How many clicks can be converted, each once.
pub(super) const CLICKS: usize = 300_000;
const CLICKS_PER_INSERT: usize = 1_000;
const POSTGRES_CONNECTIONS: u32 = 16;
/// At rest an amount is a count of 10^-8 of the currency's unit.
const UNITS: Decimal = Decimal::from_parts(100_000_000, 0, 0, false, 0);

/// The id of the `ordinal`-th click; like the product's, in the order of time with a random rest.
pub(super) fn click_id(ordinal: usize) -> String {
    let number = u64::try_from(ordinal).unwrap_or(u64::MAX);
    format!("{number:016x}-{:016x}", scramble(number))
}

struct Ledger {
    database: DatabaseConnection,
    /// Stands in for the time: this control has no use for a true one.
    ticks: AtomicI64,
}

/// Opens the database as the product does, with tables of its own and the clicks already recorded.
pub(super) async fn router(database_url: &str) -> Result<Router> {
    let database = connect(database_url).await?;
    create_tables(&database).await?;
    record_clicks(&database).await?;
    let ledger = Arc::new(Ledger { database, ticks: AtomicI64::new(0) });
    Ok(Router::new().route("/track/conv", get(conversion)).with_state(ledger))
}

async fn connect(database_url: &str) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(database_url);
    options.sqlx_logging(false);
    if database_url.starts_with("sqlite:") {
        options.max_connections(1).map_sqlx_sqlite_opts(|sqlite| {
            sqlite.create_if_missing(true).pragma("journal_mode", "WAL").pragma("synchronous", "FULL")
        });
    } else {
        options.max_connections(POSTGRES_CONNECTIONS);
    }
    Ok(Database::connect(options).await?)
}

async fn create_tables(database: &DatabaseConnection) -> Result<()> {
    let backend = database.get_database_backend();
    let schema = Schema::new(backend);
    database.execute(&schema.create_table_from_entity(click::Entity)).await?;
    database.execute(&schema.create_table_from_entity(conversion::Entity)).await?;
    database.execute(&schema.create_table_from_entity(status_event::Entity)).await?;
    database.execute(&schema.create_table_from_entity(postback_log::Entity)).await?;
    let one_ftd = "CREATE UNIQUE INDEX one_ftd ON conversion (click_id) WHERE goal = 'ftd'";
    database.execute_unprepared(one_ftd).await?;
    Ok(())
}

async fn record_clicks(database: &DatabaseConnection) -> Result<()> {
    let click = |ordinal| click::ActiveModel {
        id: Set(click_id(ordinal)),
        offer: Set("bench-offer".to_owned()),
        affiliate: Set("bench-affiliate".to_owned()),
    };
    let recording = database.begin().await?;
    for first in (0..CLICKS).step_by(CLICKS_PER_INSERT) {
        let clicks = (first..first + CLICKS_PER_INSERT).map(click);
        click::Entity::insert_many(clicks).exec_without_returning(&recording).await?;
    }
    recording.commit().await?;
    if database.get_database_backend() == DbBackend::Postgres {
        database.execute_unprepared("ANALYZE").await?;
    }
    Ok(())
}

async fn conversion(State(ledger): State<Arc<Ledger>>, uri: Uri) -> Response {
    let answered = record(&ledger, uri.query().unwrap_or_default()).await;
    answered.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, format!("{error:#}")).into_response())
}

async fn record(ledger: &Ledger, query: &str) -> Result<Response> {
    let deposit = Deposit::parse(query)?;
    let created_at = Set(ledger.ticks.fetch_add(1, Ordering::Relaxed));
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = ledger.database.begin_with_options(options).await?;
    let click =
        click::Entity::find_by_id(&*deposit.click_id).one(&transaction).await?.context("no such click")?;
    let earlier = conversion::Entity::find()
        .filter(conversion::Column::ClickId.eq(&click.id))
        .filter(conversion::Column::Goal.eq("ftd"))
        .one(&transaction)
        .await?;
    ensure!(earlier.is_none(), "the click has its first deposit");
    let recorded = conversion::ActiveModel {
        id: NotSet,
        click_id: Set(click.id),
        goal: Set(deposit.goal_alias.to_string()),
        status: Set("pending".to_owned()),
        amount: Set((deposit.amount * UNITS).to_i64().context("an amount too large")?),
        currency: Set(deposit.currency.to_string()),
        revenue: Set(None),
        transaction_id: Set(None),
        created_at: created_at.clone(),
    }
    .insert(&transaction)
    .await?;
    let event = status_event::ActiveModel {
        id: NotSet,
        conversion_id: Set(recorded.id),
        status: Set(recorded.status),
        actor: Set("merchant".to_owned()),
        reason: Set(None),
        created_at: created_at.clone(),
    };
    event.insert(&transaction).await?;
    let log = postback_log::ActiveModel {
        id: NotSet,
        parameters: Set(query.replace(&*deposit.token, "redacted")),
        outcome: Set("recorded".to_owned()),
        conversion_id: Set(recorded.id),
        created_at,
    };
    log.insert(&transaction).await?;
    transaction.commit().await?;
    answer(&deposit)
}
