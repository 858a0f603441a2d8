//! Lists in the order of their ids that are partly looked up and partly looked through.
//!
//! Some conditions have an index that keeps its rows in the order of their ids: what they ask for is looked up.
//! Others hold or do not hold of what is found so: it is looked through for them, in windows that grow, until
//! the page is full or all [`WINDOWS`] are. Then the page has fewer items, and the next one begins where the
//! look ended: no page costs more than that, whatever is asked for and however much is stored.

use sea_orm::{QueryResult, TryGetable, Value};
use uuid::Uuid;

use super::{Storage, StorageError};
use crate::domain::time::Timestamp;

/// How many rows are looked through for one page, window by window.
const WINDOWS: [u32; 3] = [500, 4_000, 20_000];

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned<T, K> {
    /// What was found, in the order of the list.
    pub rows: Vec<T>,
    /// After which id the next page begins; none if this is the last one.
    pub next: Option<K>,
}

/// A condition, in which each `?` stands for a value.
#[derive(Debug)]
struct Condition {
    sql: String,
    values: Vec<Value>,
}

/// Which rows of a table, which goes under the name `c`.
#[derive(Debug)]
pub(super) struct List {
    table: &'static str,
    selected: String,
    looked_up: Vec<Condition>,
    looked_through: Vec<Condition>,
    oldest_first: bool,
}

impl List {
    /// All rows, newest first.
    pub(super) fn new(table: &'static str, selected: impl Into<String>) -> Self {
        let selected = selected.into();
        Self { table, selected, looked_up: Vec::new(), looked_through: Vec::new(), oldest_first: false }
    }

    /// Oldest first instead.
    pub(super) fn oldest_first(&mut self) {
        self.oldest_first = true;
    }

    /// A condition whose rows an index gives in the order of their ids, or a few of them in any order; each `?` in it
    /// stands for a value.
    pub(super) fn look_up<const N: usize>(&mut self, sql: impl Into<String>, values: [Value; N]) {
        self.looked_up.push(Condition { sql: sql.into(), values: values.into() });
    }

    /// Only these ids.
    pub(super) fn among<K: Into<Value>>(&mut self, ids: impl IntoIterator<Item = K>) {
        let values: Vec<Value> = ids.into_iter().map(Into::into).collect();
        let sql = format!("c.id IN ({})", vec!["?"; values.len()].join(", "));
        self.looked_up.push(Condition { sql, values });
    }

    /// A condition that each row is asked for.
    pub(super) fn look_through<const N: usize>(&mut self, sql: impl Into<String>, values: [Value; N]) {
        self.looked_through.push(Condition { sql: sql.into(), values: values.into() });
    }

    /// Only ids that were drawn in this time; `first_id` gives the first one of a moment.
    pub(super) fn between<K: Into<Value>>(
        &mut self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        first_id: impl Fn(Timestamp) -> K,
    ) {
        for (sql, at) in [("c.id >= ?", from), ("c.id < ?", to)] {
            if let Some(at) = at {
                self.look_up(sql, [first_id(at).into()]);
            }
        }
    }

    /// A query for how many rows there are of each value of a column, however long it takes.
    pub(super) fn grouped(&self, column: &str) -> (String, Vec<Value>) {
        let mut query = self.query::<Uuid>(None, None);
        self.looked_through.iter().for_each(|condition| query.add(&condition.sql, condition.values.clone()));
        let (table, conditions) = (self.table, query.condition());
        let sql = format!("SELECT {column}, count(*) FROM {table} AS c WHERE {conditions} GROUP BY {column}");
        (sql, query.values)
    }

    /// A query for some of what is looked up, beyond one id and up to another.
    fn query<K: Clone + Into<Value>>(&self, beyond: Option<&K>, up_to: Option<&K>) -> Query<'_> {
        let (after, until) = if self.oldest_first { ("> ?", "<= ?") } else { ("< ?", ">= ?") };
        let mut query = Query { list: self, conditions: Vec::new(), values: Vec::new() };
        self.looked_up.iter().for_each(|condition| query.add(&condition.sql, condition.values.clone()));
        for (compared, id) in [(after, beyond), (until, up_to)] {
            if let Some(id) = id {
                query.add(&format!("c.id {compared}"), vec![id.clone().into()]);
            }
        }
        query
    }
}

/// A query that is being put together.
struct Query<'a> {
    list: &'a List,
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Query<'_> {
    fn add(&mut self, condition: &str, values: Vec<Value>) {
        let mut parts = condition.split('?');
        let mut sql = parts.next().unwrap_or_default().to_owned();
        for (value, part) in values.into_iter().zip(parts) {
            self.values.push(value);
            sql = format!("{sql}${}{part}", self.values.len());
        }
        self.conditions.push(sql);
    }

    fn condition(&self) -> String {
        if self.conditions.is_empty() { "TRUE".to_owned() } else { self.conditions.join(" AND ") }
    }

    fn finish(self, selected: &str, limit: &str) -> (String, Vec<Value>) {
        let (table, conditions) = (self.list.table, self.condition());
        let direction = if self.list.oldest_first { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT {selected} FROM {table} AS c WHERE {conditions} ORDER BY c.id {direction} LIMIT {limit}"
        );
        (sql, self.values)
    }
}

impl Storage {
    /// A page of a list, after this id.
    pub(super) async fn scan<T, K: Clone + Into<Value> + TryGetable>(
        &self,
        list: &List,
        mut after: Option<K>,
        limit: u32,
        read: impl Fn(&QueryResult) -> Result<(K, T), StorageError>,
    ) -> Result<Scanned<T, K>, StorageError> {
        let mut found: Vec<(K, T)> = Vec::new();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let whole = if list.looked_through.is_empty() { [None].as_slice() } else { &[] };
        let windows = WINDOWS.map(Some);
        for window in if whole.is_empty() { windows.as_slice() } else { whole } {
            let end = match window {
                Some(window) => self.end_of_window(list, after.as_ref(), *window).await?,
                None => None,
            };
            let mut query = list.query(after.as_ref(), end.as_ref());
            for condition in &list.looked_through {
                query.add(&condition.sql, condition.values.clone());
            }
            let wanted = limit.saturating_sub(found.len()).saturating_add(1);
            let (sql, values) = query.finish(&list.selected, &wanted.to_string());
            for row in self.read(sql, values).await? {
                found.push(read(&row)?);
            }
            if found.len() > limit {
                found.truncate(limit);
                after = found.last().map(|(id, _)| id.clone());
                break;
            }
            after = end;
            if after.is_none() {
                break;
            }
        }
        Ok(Scanned { rows: found.into_iter().map(|(_, row)| row).collect(), next: after })
    }

    /// The id at which a window ends; none if it holds all that is left.
    async fn end_of_window<K: Clone + Into<Value> + TryGetable>(
        &self,
        list: &List,
        after: Option<&K>,
        window: u32,
    ) -> Result<Option<K>, StorageError> {
        let (sql, values) = list.query(after, None).finish("c.id", &format!("1 OFFSET {}", window - 1));
        let found = self.read(sql, values).await?;
        Ok(found.first().map(|row| row.try_get_by_index(0)).transpose()?)
    }
}

/// The first id that something of this time can have.
pub(super) fn first_id(at: Timestamp) -> Uuid {
    Uuid::from_u128(u128::try_from(at.millis()).unwrap_or_default() << 80)
}
