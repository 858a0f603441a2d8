//! Sets of rows as parameters: one statement writes or looks up a whole batch, however many rows it has, with a text
//! that never changes and so is prepared once.

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

use super::{
    StorageError, backend,
    cells::{Cells, Column, Kind},
    reading::Row,
};

/// Inserts all rows into a table.
pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    table: &'static str,
    cells: Cells,
) -> Result<(), StorageError> {
    if cells.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = cells.columns.iter().map(|column| column.name).collect();
    let sql = format!("INSERT INTO {table} ({}) {{rows}}", names.join(", "));
    update(connection, &sql, cells, None).await.map(drop)
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

/// Runs a query that finds rows of these kinds; `{rows}` in it stands for the set, and `{after}` for one more
/// parameter. Nothing is asked where the set is empty.
pub(super) async fn select(
    connection: &impl ConnectionTrait,
    kinds: &[Kind],
    sql: &str,
    cells: Cells,
    after: Option<i64>,
) -> Result<Vec<Row>, StorageError> {
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    let backend = connection.get_database_backend();
    let sql = with_rows(backend, sql, cells.columns);
    find(connection, kinds, &sql, rows_values(backend, cells, after)).await
}

/// Runs a query that finds rows of these kinds.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    kinds: &[Kind],
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<Row>, StorageError> {
    let backend = connection.get_database_backend();
    let Some(whole) = backend::whole_set(backend, sql, kinds) else {
        let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        return Ok(rows.into_iter().map(Row::Plain).collect());
    };
    let found = connection.query_one_raw(Statement::from_sql_and_values(backend, whole, values)).await?;
    let json: String = found.map_or_else(|| Ok("[]".to_owned()), |row| row.try_get_by_index(0))?;
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_str(&json)
        .map_err(|error| StorageError::Broken(format!("a set of rows: {error}")))?;
    Ok(rows.into_iter().map(Row::Json).collect())
}

fn statement(connection: &impl ConnectionTrait, sql: &str, cells: Cells, after: Option<i64>) -> Statement {
    let backend = connection.get_database_backend();
    let sql = with_rows(backend, sql, cells.columns);
    Statement::from_sql_and_values(backend, sql, rows_values(backend, cells, after))
}

fn with_rows(backend: DbBackend, sql: &str, columns: &[Column]) -> String {
    let number = backend::rows_parameters(backend, columns) + 1;
    sql.replace("{rows}", &backend::rows_source(backend, columns)).replace("{after}", &format!("${number}"))
}

fn rows_values(backend: DbBackend, cells: Cells, after: Option<i64>) -> Vec<Value> {
    let mut values = backend::rows_values(backend, cells);
    values.extend(after.map(Value::from));
    values
}
