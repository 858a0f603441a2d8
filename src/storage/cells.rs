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

    /// A JSON array of an array per row, or of the values themselves where there is one column.
    pub(super) fn into_json(self) -> String {
        let mut json = Vec::with_capacity(2 + self.len() * self.columns.len() * 32);
        let is_flat = self.columns.len() == 1;
        for row in 0..self.len() {
            json.push(if row == 0 { b'[' } else { b',' });
            for (at, column) in self.values.iter().enumerate() {
                if !is_flat {
                    json.push(if at == 0 { b'[' } else { b',' });
                }
                // Writing texts and numbers to memory can't fail.
                let _ = match &column[row] {
                    Cell::String(Some(text)) => serde_json::to_writer(&mut json, text),
                    Cell::BigInt(Some(number)) => serde_json::to_writer(&mut json, number),
                    Cell::Bool(Some(truth)) => serde_json::to_writer(&mut json, truth),
                    Cell::Uuid(Some(id)) => serde_json::to_writer(&mut json, &id.simple()),
                    _ => serde_json::to_writer(&mut json, &()),
                };
            }
            if !is_flat {
                json.push(b']');
            }
        }
        json.extend_from_slice(if json.is_empty() { b"[]" } else { b"]" });
        String::from_utf8(json).unwrap_or_default()
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
