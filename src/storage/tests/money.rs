//! Amounts come back from the tables exactly as they went in, and one that this program can't have written stops
//! nobody but whom it concerns.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::databases::{Fresh, nothing_owed};
use crate::{
    domain::{
        click::Click,
        conversion::{Conversion, Revenue},
        currency::Currencies,
        decide::{Changes, NewClick},
        fixture::{self, NOW},
        ids::{AffiliateId, ClickId, ConversionId, GoalAlias, MerchantId, OfferId, RequestId},
        money::{Money, Multiplier, UNITS_LIMIT},
        params::Params,
        sealed::Sealer,
        status::Status,
        working_set::{Keys, Players, WorkingSet},
    },
    storage::{Ledger, LogFilter, LogRow, Storage, StorageError, Writes},
};

const COUNT_MAX: i64 = UNITS_LIMIT * 100_000_000 - 1;

fn click(number: usize) -> ClickId {
    ClickId::parse(&format!("player-{number}")).unwrap()
}

fn conversion(number: usize, amount: i64, multiplier: i64) -> Conversion {
    let money = Money::from_stored(amount).unwrap();
    Conversion {
        id: ConversionId::new(uuid::Uuid::from_u128(1 + number as u128)),
        click: click(number),
        merchant: MerchantId::parse("acme").unwrap(),
        offer: OfferId::parse("acme").unwrap(),
        affiliate: AffiliateId::parse("lotus").unwrap(),
        goal: GoalAlias::parse("reg").unwrap(),
        once: true,
        status: Status::Approved,
        steps: 1,
        amount: money,
        currency: currencies().recorded("BTC"),
        revenue: Some(Revenue { money, multiplier: Multiplier::from_stored(multiplier).unwrap() }),
        transaction: None,
        suspected_duplicate: false,
        created_at: NOW,
        decided_at: Some(NOW),
        event_time: None,
        payout: None,
        extra: Params::new(),
    }
}

fn currencies() -> Currencies {
    fixture::catalog().currencies
}

async fn open(database: &Fresh) -> Ledger {
    database.ledger().await
}

async fn record(ledger: &Ledger, recorded: Vec<Conversion>) {
    let mut writes = Writes::default();
    let of = |c: &Conversion| Click {
        id: c.click.clone(),
        offer: c.offer.clone(),
        affiliate: c.affiliate.clone(),
        merchant: c.merchant.clone(),
        at: NOW,
    };
    let clicks = recorded
        .iter()
        .map(|c| NewClick { click: of(c), params: Params::new(), user: None, id_given: false })
        .collect();
    writes.add(Changes { clicks, recorded, ..Changes::default() }, NOW, nothing_owed);
    ledger.begin().await.unwrap().commit(&writes).await.unwrap();
}

async fn load(ledger: &Ledger, clicks: BTreeSet<ClickId>) -> Result<WorkingSet, StorageError> {
    let batch = ledger.begin().await?;
    let known = batch.load_players(&Players { clicks: clicks.clone(), ..Players::default() }).await?;
    let keys = Keys { clicks, ..Keys::default() };
    batch.load(&keys, known, &currencies(), NOW).await
}

async fn check_round_trip(
    database: &Fresh,
    ledger: &Ledger,
    amounts: &[(i64, i64)],
) -> Result<(), TestCaseError> {
    database.execute("DELETE FROM click").await;
    database.execute("DELETE FROM conversion").await;
    let recorded: Vec<_> =
        amounts.iter().enumerate().map(|(number, (amount, of))| conversion(number, *amount, *of)).collect();
    record(ledger, recorded.clone()).await;
    let loaded = load(ledger, recorded.iter().map(|c| c.click.clone()).collect()).await.unwrap();
    for conversion in recorded {
        let found: Vec<_> = loaded.of_goal(&conversion.click, &conversion.goal).cloned().collect();
        prop_assert_eq!(found, vec![conversion]);
    }
    Ok(())
}

/// Any amount and multiplier, the extremes among them.
fn amounts() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let extreme = proptest::sample::select(vec![-COUNT_MAX, -1, 0, 1, 437_645_073_000_000, COUNT_MAX]);
    vec((prop_oneof![1 => extreme, 9 => -COUNT_MAX..=COUNT_MAX], 1..=100_000_000_i64), 1..200)
}

#[test]
fn amounts_come_back_exactly() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for database in runtime.block_on(Fresh::migrated()) {
        let ledger = runtime.block_on(open(&database));
        let config = ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config)
            .run(&amounts(), |amounts| runtime.block_on(check_round_trip(&database, &ledger, &amounts)))
            .unwrap();
    }
}

#[tokio::test]
async fn a_column_of_another_type_would_lose_digits() {
    let database = Fresh::sqlite();
    let lossy = "SELECT CAST(CAST(CAST('89999999999.99999999' AS REAL) * 100000000 AS INTEGER) AS TEXT)";
    assert_ne!(database.text(lossy).await, COUNT_MAX.to_string());
}

fn log_row(number: usize) -> LogRow {
    LogRow {
        id: RequestId::new(uuid::Uuid::from_u128(1 + number as u128)),
        at: NOW,
        merchant: None,
        endpoint: "/track/conv".to_owned(),
        method: "GET".to_owned(),
        params: "[]".to_owned(),
        click: Some(click(number)),
        outcome: "recorded".to_owned(),
        status: 200,
        answer: "{}".to_owned(),
        conversion: None,
        address: "127.0.0.1".to_owned(),
        duration_us: i64::MAX,
        repeats: None,
        signed: None,
        settled_by: None,
    }
}

#[tokio::test]
async fn an_amount_beyond_the_limit_is_refused_before_the_database_and_after_it() {
    for too_much in [COUNT_MAX + 1, -COUNT_MAX - 1, i64::MAX, i64::MIN] {
        assert_eq!(Money::from_stored(too_much), None);
    }
    assert!(Money::parse("79228162514264337593543950335").is_err());
    for database in Fresh::migrated().await {
        let ledger = open(&database).await;
        record(&ledger, vec![conversion(0, 1, 1), conversion(1, 1, 1)]).await;
        let mut writes = Writes::default();
        (0..2).for_each(|number| writes.add_log(log_row(number)));
        ledger.begin().await.unwrap().commit(&writes).await.unwrap();
        for extreme in [i64::MAX, i64::MIN, COUNT_MAX + 1] {
            let poison = format!("UPDATE conversion SET amount = {extreme} WHERE click_id = 'player-0'");
            database.execute(&poison).await;
            let poisoned = load(&ledger, BTreeSet::from([click(0)])).await;
            assert!(matches!(poisoned, Err(StorageError::Broken(_))), "{poisoned:?}");
            let sound = load(&ledger, BTreeSet::from([click(1)])).await.unwrap();
            assert_eq!(sound.of_goal(&click(1), &GoalAlias::parse("reg").unwrap()).count(), 1);
        }
        let storage = Storage::open(&database, Sealer::derive(b"a secret of the tests")).await.unwrap();
        let listed = storage.postback_log(&LogFilter::default(), None, 10).await.unwrap();
        assert_eq!(listed.rows.len(), 2);
    }
}
