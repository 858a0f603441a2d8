//! Sets of rows as values: columns, cells, and the two forms in which the databases take them.

use sea_orm::{
    Value,
    sea_query::{ArrayType, Value as Cell},
};
use uuid::Uuid;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Text,
    Integer,
    Boolean,
}

/// A column of a set of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// Columns in the notation `uuid id, text click_id`.
macro_rules! columns {
    ($($kind:ident $name:ident),* $(,)?) => {
        [$($crate::storage::cells::Column {
            name: stringify!($name),
            kind: $crate::storage::cells::Kind::$kind,
        }),*]
    };
}
pub(super) use columns;

/// A set of rows, column by column.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) columns: &'static [Column],
    values: Vec<Vec<Cell>>,
}

impl Cells {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self { columns, values: columns.iter().map(|_| Vec::new()).collect() }
    }

    /// Adds a row; its values are in the order of the columns.
    pub(super) fn push<const WIDTH: usize>(&mut self, row: [Cell; WIDTH]) {
        assert_eq!(WIDTH, self.columns.len(), "a row has a value for every column");
        for (column, value) in self.values.iter_mut().zip(row) {
            column.push(value);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// A JSON array of an array per row.
    pub(super) fn into_json(self) -> String {
        use std::fmt::Write;

        let mut json = String::with_capacity(self.len() * 256);
        for row in 0..self.len() {
            json.push(if row == 0 { '[' } else { ',' });
            for (at, column) in self.values.iter().enumerate() {
                json.push(if at == 0 { '[' } else { ',' });
                // Writing to a String can't fail.
                let _ = match &column[row] {
                    Cell::String(Some(text)) => {
                        json.push_str(&serde_json::Value::from(text.as_str()).to_string());
                        Ok(())
                    }
                    Cell::BigInt(Some(number)) => write!(json, "{number}"),
                    Cell::Bool(Some(truth)) => write!(json, "{truth}"),
                    Cell::Uuid(Some(id)) => write!(json, "\"{}\"", id.simple()),
                    _ => write!(json, "null"),
                };
            }
            json.push(']');
        }
        json.push_str(if json.is_empty() { "[]" } else { "]" });
        json
    }

    /// An array per column, with the value that stands for NULL; see `backend::rows_source`.
    pub(super) fn into_arrays(self) -> Vec<Value> {
        let array = |(column, values): (&Column, Vec<Cell>)| {
            let (array_type, null) = match column.kind {
                Kind::Uuid => (ArrayType::Uuid, Cell::from(Uuid::nil())),
                Kind::Text => (ArrayType::String, Cell::from("\u{1}")),
                Kind::Integer => (ArrayType::BigInt, Cell::from(i64::MIN)),
                Kind::Boolean => (ArrayType::Bool, Cell::from(false)),
            };
            let is_null = |value: &Cell| {
                matches!(value, Cell::Uuid(None) | Cell::String(None) | Cell::BigInt(None) | Cell::Bool(None))
            };
            let filled = values.into_iter().map(|value| if is_null(&value) { null.clone() } else { value });
            Value::Array(array_type, Some(Box::new(filled.collect())))
        };
        self.columns.iter().zip(self.values).map(array).collect()
    }
}
