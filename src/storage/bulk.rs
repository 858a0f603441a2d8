//! Sets of rows as parameters: one statement writes or looks up a whole batch, however many rows it has, with a text
//! that never changes and so is prepared once.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{StorageError, backend, cells::Cells};

/// Inserts all rows into a table.
pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    table: &'static str,
    cells: Cells,
) -> Result<(), StorageError> {
    if cells.is_empty() {
        return Ok(());
    }
    let backend = connection.get_database_backend();
    let names: Vec<_> = cells.columns.iter().map(|column| column.name).collect();
    let sql = format!(
        "INSERT INTO {table} ({}) {}",
        names.join(", "),
        backend::rows_source(backend, cells.columns)
    );
    connection
        .execute_raw(Statement::from_sql_and_values(backend, sql, backend::rows_values(backend, cells)))
        .await?;
    Ok(())
}

/// Runs a statement that changes rows; `{rows}` in it stands for the set, and `{after}` for one more parameter. Gives
/// how many were changed.
pub(super) async fn update(
    connection: &impl ConnectionTrait,
    sql: &str,
    cells: Cells,
    after: Option<i64>,
) -> Result<u64, StorageError> {
    Ok(connection.execute_raw(statement(connection, sql, cells, after)).await?.rows_affected())
}

/// Runs a query; `{rows}` in it stands for the set, and `{after}` for one more parameter. Nothing is asked where the
/// set is empty.
pub(super) async fn select(
    connection: &impl ConnectionTrait,
    sql: &str,
    cells: Cells,
    after: Option<i64>,
) -> Result<Vec<QueryResult>, StorageError> {
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    Ok(connection.query_all_raw(statement(connection, sql, cells, after)).await?)
}

fn statement(connection: &impl ConnectionTrait, sql: &str, cells: Cells, after: Option<i64>) -> Statement {
    let backend = connection.get_database_backend();
    let number = backend::rows_parameters(backend, cells.columns) + 1;
    let sql = sql
        .replace("{rows}", &backend::rows_source(backend, cells.columns))
        .replace("{after}", &format!("${number}"));
    let mut values = backend::rows_values(backend, cells);
    values.extend(after.map(Value::from));
    Statement::from_sql_and_values(backend, sql, values)
}
