//! Reading much, all of it as of one moment.

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    RuntimeErr, TransactionOptions, TransactionTrait,
};

/// How long one statement of a snapshot may take on PostgreSQL.
const STATEMENT_TIMEOUT: &str = "20s";

/// A transaction that sees the database as it is at its first statement, whatever is written meanwhile.
pub(in crate::storage) async fn snapshot(
    connection: &DatabaseConnection,
) -> Result<DatabaseTransaction, DbErr> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        return connection.begin().await;
    }
    let options = TransactionOptions {
        isolation_level: Some(IsolationLevel::RepeatableRead),
        access_mode: Some(AccessMode::ReadOnly),
        ..Default::default()
    };
    let transaction = connection.begin_with_options(options).await?;
    // A plan that fits one period need not fit the next, and none runs long enough to be worth compiling.
    let settings = format!(
        "SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'; SET LOCAL plan_cache_mode = force_custom_plan; \
         SET LOCAL jit = off"
    );
    transaction.execute_unprepared(&settings).await?;
    Ok(transaction)
}

/// Lets a transaction find rows by their keys and nothing else, however small the tables were when it was planned.
pub(in crate::storage) async fn prefer_keys(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let settings = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
         SET LOCAL jit = off; SET LOCAL statement_timeout = '5s'";
    transaction.execute_unprepared(settings).await.map(drop)
}

/// Whether a statement was given up because it took too long.
pub(in crate::storage) fn took_too_long(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    cause.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "57014")
}

/// The text under a name in a column that holds a JSON object; NULL where there is none. The name is one of ours.
pub(in crate::storage) fn text_of_json(backend: DbBackend, column: &str, name: &str) -> String {
    match backend {
        DbBackend::Sqlite => format!("({column} ->> '$.{name}')"),
        _ => format!("(CAST({column} AS json) ->> '{name}')"),
    }
}
