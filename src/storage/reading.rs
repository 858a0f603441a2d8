//! Rows that were found, read column by column from the left.

use std::vec::IntoIter;

use sea_orm::{QueryResult, TryGetable};
use serde_json::Value;
use uuid::Uuid;

use super::{StorageError, rows::valid};
use crate::domain::ids::InvalidId;

/// A row that was found: as the driver gives it, or, of a whole set that SQLite hands over at once, as JSON.
#[derive(Debug)]
pub(super) enum Row {
    Plain(QueryResult),
    Json(Vec<Value>),
}

/// A row, read column by column from the left.
pub(super) struct Reading<'a> {
    row: Source<'a>,
    column: usize,
}

enum Source<'a> {
    Plain(&'a QueryResult),
    Json(&'a [Value]),
    Taken(IntoIter<Value>),
}

impl<'a> Reading<'a> {
    /// A row of the driver's.
    pub(super) const fn new(row: &'a QueryResult) -> Self {
        Self { row: Source::Plain(row), column: 0 }
    }

    /// A row of a set.
    pub(super) fn of(row: &'a Row) -> Self {
        match row {
            Row::Plain(row) => Self::new(row),
            Row::Json(values) => Self { row: Source::Json(values), column: 0 },
        }
    }

    /// A row of a set that nobody reads again: its texts are taken instead of copied.
    pub(super) fn taking(row: &'a mut Row) -> Self {
        match row {
            Row::Plain(row) => Self::new(row),
            Row::Json(values) => Self { row: Source::Taken(std::mem::take(values).into_iter()), column: 0 },
        }
    }

    pub(super) fn next<T: Readable>(&mut self) -> Result<T, StorageError> {
        let column = self.column;
        self.column += 1;
        let value = match &mut self.row {
            Source::Plain(row) => return Ok(row.try_get_by_index(column)?),
            Source::Json(values) => values.get(column).and_then(T::of_json),
            Source::Taken(values) => values.next().and_then(T::taking_json),
        };
        value.ok_or_else(|| {
            StorageError::Broken(format!("column {column} of a row holds what this program does not know"))
        })
    }

    pub(super) fn id<T>(&mut self, parse: fn(&str) -> Result<T, InvalidId>) -> Result<T, StorageError> {
        valid(parse(&self.next::<String>()?))
    }
}

/// A value that a column can hold, in either form.
pub(super) trait Readable: TryGetable {
    /// From JSON, as [`super::backend::whole_set`] writes it: an id in hexadecimal, a truth as 0 or 1.
    fn of_json(value: &Value) -> Option<Self>;

    /// The same, of a value that nobody needs any more.
    fn taking_json(value: Value) -> Option<Self> {
        Self::of_json(&value)
    }
}

impl Readable for String {
    fn of_json(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }

    fn taking_json(value: Value) -> Option<Self> {
        if let Value::String(text) = value { Some(text) } else { None }
    }
}

impl Readable for i64 {
    fn of_json(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Readable for i32 {
    fn of_json(value: &Value) -> Option<Self> {
        value.as_i64().and_then(|number| number.try_into().ok())
    }
}

impl Readable for bool {
    fn of_json(value: &Value) -> Option<Self> {
        value.as_i64().map(|number| number != 0)
    }
}

impl Readable for Uuid {
    fn of_json(value: &Value) -> Option<Self> {
        Self::try_parse(value.as_str()?).ok()
    }
}

impl<T: Readable> Readable for Option<T> {
    fn of_json(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::of_json(value).map(Some) }
    }

    fn taking_json(value: Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::taking_json(value).map(Some) }
    }
}
