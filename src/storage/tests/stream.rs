//! Any stream of events, in batches of any size, through the real tables: what was decided and what stands there
//! afterwards is what deciding one event after the other gives on a ledger in memory.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};

use super::databases::{Fresh, nothing_owed};
use crate::{
    domain::{
        catalog::Catalog,
        conversion::Conversion,
        decide::{
            Changes, Event, NewClick, Stamp, Verdict, decide,
            tests::{
                properties::{Step, events, facts, play, stream},
                world::World,
            },
        },
        params::Params,
        status::{Status, StatusEvent},
        time::Timestamp,
        working_set::{Keys, Players},
    },
    storage::{
        Ledger, Role, Writes,
        backend::connect,
        reading::Reading,
        rows::{self, CONVERSION_SELECTED},
    },
};

const CLEAR: [&str; 5] = [
    "DELETE FROM click",
    "DELETE FROM click_of_user",
    "DELETE FROM player",
    "DELETE FROM conversion",
    "DELETE FROM status_event",
];

const HISTORY: &str =
    "SELECT CAST(step AS BIGINT), from_status, to_status, actor, reason, at, conversion, request
    FROM status_event ORDER BY conversion, step";

/// A ledger, and a way to look at its tables beside it.
struct Stage {
    ledger: Ledger,
    beside: DatabaseConnection,
}

impl Stage {
    async fn open(database: &Fresh) -> Self {
        let ledger = database.ledger().await;
        Self { ledger, beside: connect(database, Role::Settings).await.unwrap() }
    }

    async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.beside.get_database_backend(), sql);
        self.beside.query_all_raw(statement).await.unwrap()
    }
}

/// Starts anew, with the clicks of a new world.
async fn begin_anew(stage: &Stage) {
    for statement in CLEAR {
        stage.beside.execute_unprepared(statement).await.unwrap();
    }
    let clicks = World::new().ledger.clicks.into_values();
    let clicks =
        clicks.map(|click| NewClick { click, params: Params::new(), user: None, id_given: false }).collect();
    let mut writes = Writes::default();
    writes.add(Changes { clicks, ..Changes::default() }, Timestamp::from_millis(0), nothing_owed);
    stage.ledger.begin().await.unwrap().commit(&writes).await.unwrap();
}

async fn submit(ledger: &Ledger, catalog: &Catalog, batch: &[(Event, Stamp)]) -> Vec<Verdict> {
    let open = ledger.begin().await.unwrap();
    let events = batch.iter().map(|(event, _)| event);
    let known = open.load_players(&Players::of(events.clone())).await.unwrap();
    let keys = Keys::of(catalog, &known, events);
    let mut known = open.load(&keys, known, &catalog.currencies, batch[0].1.at).await.unwrap();
    let mut writes = Writes::default();
    let mut verdicts = Vec::new();
    for (event, stamp) in batch {
        let (verdict, changes) = decide(catalog, &known, event, *stamp);
        known.apply(&changes);
        writes.add(changes, stamp.at, nothing_owed);
        verdicts.push(verdict);
    }
    open.commit(&writes).await.unwrap();
    verdicts
}

async fn conversions(stage: &Stage, catalog: &Catalog) -> Vec<Conversion> {
    let sql = format!("SELECT {CONVERSION_SELECTED} FROM conversion AS c ORDER BY c.id");
    let rows = stage.query(&sql).await;
    rows.iter().map(|row| rows::conversion(&mut Reading::new(row), &catalog.currencies).unwrap()).collect()
}

/// The steps of all histories, each in a line.
async fn history(stage: &Stage) -> Vec<String> {
    let shown = |row: &QueryResult| {
        let text = |at| row.try_get_by_index::<Option<String>>(at).unwrap();
        let number = |at| row.try_get_by_index::<i64>(at).unwrap();
        let id = |at| row.try_get_by_index::<uuid::Uuid>(at).unwrap();
        let (step, from, to, actor) = (number(0), text(1), text(2).unwrap(), text(3).unwrap());
        format!("{} {step} {from:?} {to} {actor} {:?} {} {}", id(6), text(4), number(5), id(7))
    };
    stage.query(HISTORY).await.iter().map(shown).collect()
}

fn shown(event: &StatusEvent) -> String {
    let StatusEvent { conversion, step, from, to, actor, reason, request, at } = event;
    let from = from.map(Status::as_str);
    format!(
        "{} {step} {from:?} {to} {actor} {reason:?} {} {}",
        conversion.uuid(),
        at.millis(),
        request.uuid()
    )
}

async fn check(stage: &Stage, steps: &[Step], sizes: &[usize]) -> Result<(), TestCaseError> {
    begin_anew(stage).await;
    let (expected, played) = play(steps);
    let mut world = World::new();
    let events = events(&mut world, steps);
    let mut rest = &events[..];
    let mut verdicts = Vec::new();
    for size in sizes.iter().cycle() {
        let (batch, later) = rest.split_at(rest.len().min(*size));
        if batch.is_empty() {
            break;
        }
        verdicts.extend(submit(&stage.ledger, &world.catalog, batch).await);
        rest = later;
    }
    for ((event, _, expected, _), got) in played.iter().zip(&verdicts) {
        prop_assert_eq!(facts(got), facts(expected), "{:?}", event);
    }
    let mut recorded = expected.ledger.conversions;
    for conversion in &mut recorded {
        conversion.extra = Params::new();
    }
    recorded.sort_by_key(|conversion| conversion.id);
    prop_assert_eq!(conversions(stage, &world.catalog).await, recorded);
    let mut steps = expected.ledger.history;
    steps.sort_by_key(|event| (event.conversion, event.step));
    prop_assert_eq!(history(stage).await, steps.iter().map(shown).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn how_events_fall_into_batches_changes_nothing_in_the_tables() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for database in runtime.block_on(Fresh::migrated()) {
        let stage = runtime.block_on(Stage::open(&database));
        let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config)
            .run(&(stream(), vec(1..9_usize, 1..6)), |(steps, sizes)| {
                runtime.block_on(check(&stage, &steps, &sizes))
            })
            .unwrap();
    }
}
