//! What must be true of the tables, whatever has happened.

use std::collections::{BTreeMap, BTreeSet};

use super::load::Acknowledged;
use crate::support::Database;

struct Recorded {
    status: String,
    steps: usize,
}

/// Checks the ledger against itself and against what was acknowledged, by connections of its own.
pub(super) async fn check(database: &Database, acknowledged: &Acknowledged) {
    if database.is_sqlite() {
        assert_eq!(database.texts("PRAGMA integrity_check").await, ["ok"]);
    }
    let conversions = conversions(database).await;
    check_history(database, &conversions).await;
    check_uniqueness(database).await;
    let clicks: BTreeSet<_> = database.texts("SELECT id FROM click").await.into_iter().collect();
    for click in &acknowledged.clicks {
        assert!(clicks.contains(click), "the acknowledged click {click} is missing");
    }
    let logged = logged(database).await;
    for (id, request) in &acknowledged.recorded {
        assert!(conversions.contains_key(id), "the acknowledged conversion of {request} is missing");
        assert_eq!(logged.get(id), Some(&1), "{request} is in the log once");
    }
    for (id, status) in &acknowledged.decided {
        assert_eq!(conversions[id].status, *status, "the acknowledged decision on {id}");
    }
}

/// The text of an id in SQL, without hyphens.
fn id_text(database: &Database, column: &str) -> String {
    if database.is_sqlite() {
        format!("lower(hex({column}))")
    } else {
        format!("replace({column}::text, '-', '')")
    }
}

/// A query for rows of several columns, each as one text.
async fn rows(database: &Database, id: &str, columns: &str, rest: &str) -> Vec<Vec<String>> {
    let sql = format!("SELECT {} || '|' || {columns} FROM {rest}", id_text(database, id));
    let rows = database.texts(&sql).await;
    rows.iter().map(|row| row.split('|').map(str::to_owned).collect()).collect()
}

fn hyphenated(id: &str) -> String {
    uuid::Uuid::parse_str(id).unwrap().to_string()
}

async fn conversions(database: &Database) -> BTreeMap<String, Recorded> {
    let rows = rows(database, "id", "status || '|' || steps", "conversion").await;
    let recorded = |row: &Vec<String>| Recorded { status: row[1].clone(), steps: row[2].parse().unwrap() };
    rows.iter().map(|row| (hyphenated(&row[0]), recorded(row))).collect()
}

/// Each history is an unbroken chain that ends where its conversion stands.
async fn check_history(database: &Database, conversions: &BTreeMap<String, Recorded>) {
    let columns = "step || '|' || coalesce(from_status, '') || '|' || to_status";
    let rows = rows(database, "conversion", columns, "status_event ORDER BY conversion, step").await;
    let mut ends: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for row in rows {
        let end = ends.entry(hyphenated(&row[0])).or_default();
        assert_eq!((row[1].parse().unwrap(), &row[2]), (end.0 + 1, &end.1), "the history of {}", row[0]);
        *end = (end.0 + 1, row[3].clone());
    }
    assert_eq!(
        ends.len(),
        conversions.len(),
        "every conversion has a history, and every history a conversion"
    );
    for (id, conversion) in conversions {
        assert_eq!(ends[id], (conversion.steps, conversion.status.clone()), "the history of {id}");
    }
}

async fn check_uniqueness(database: &Database) {
    let twice = [
        "SELECT click_id || goal FROM conversion WHERE goal IN ('reg', 'ftd')
            GROUP BY click_id, goal HAVING count(*) > 1",
        "SELECT transaction_id FROM conversion WHERE transaction_id IS NOT NULL
            GROUP BY merchant, goal, transaction_id HAVING count(*) > 1",
    ];
    for query in twice {
        assert_eq!(database.texts(query).await, Vec::<String>::new(), "{query}");
    }
}

/// How often the log says that each conversion was recorded.
async fn logged(database: &Database) -> BTreeMap<String, usize> {
    let mut logged = BTreeMap::new();
    for row in rows(database, "conversion", "outcome", "postback_log WHERE outcome = 'recorded'").await {
        *logged.entry(hyphenated(&row[0])).or_default() += 1;
    }
    logged
}
