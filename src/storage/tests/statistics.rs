//! Statistics are exact: after any stream of clicks, conversions and changes of status, wherever the roll-up has come
//! to, a report is what counting everything one by one gives.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use uuid::Uuid;

use super::databases::{Fresh, nothing_owed};
use crate::{
    domain::{
        catalog::Catalog,
        click::Click,
        conversion::{Conversion, Revenue},
        decide::{Changes, NewClick},
        fixture,
        ids::{AffiliateId, ClickId, ConversionId, GoalAlias, MerchantId, OfferId, RequestId},
        money::{Money, Multiplier, UNITS_LIMIT},
        params::Params,
        payout::Payout,
        sealed::Sealer,
        statistics::{
            Fact, Kind, Only, Place, Quarter, Question, Tally,
            grouping::Grouping,
            period::{Period, Zone},
            report::Report,
        },
        status::{Actor, Status, StatusEvent},
        time::Timestamp,
    },
    storage::{Ledger, RollUp, Storage, Writes, rollup::SliceSize},
};

/// 2026-10-20T00:00:00Z: a few days later clocks go back in Europe.
const START: i64 = 1_792_454_400_000;

const COUNT_MAX: i64 = UNITS_LIMIT * 100_000_000 - 1;

const MINUTE: i64 = 60_000;

/// So small that streams of some dozen facts are rolled up in many slices.
const SMALL: SliceSize = SliceSize { rows: 5, rows_of_many_pages: 2, pages: 3 };

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// A click at an offer, from an affiliate, with parameters; with an id of ours that was drawn so many milliseconds
    /// before, or imported, so many after it was clicked.
    Click { offer: &'static str, affiliate: &'static str, params: &'static str, imported: bool, age: i64 },
    /// A conversion of some player, with its amount, and our part of it.
    Conversion { player: usize, goal: &'static str, money: (i64, &'static str), share: bool, status: Status },
    /// Some conversion is decided, or decided otherwise, by a process whose clock is a little late.
    Change { conversion: usize, to: Status, late: i64 },
    /// Time passes.
    Wait(i64),
    /// The roll-up goes on by so many slices.
    RollUp(usize),
}

fn status() -> impl Strategy<Value = Status> {
    select(vec![Status::Pending, Status::Approved, Status::Rejected])
}

fn happening() -> impl Strategy<Value = Happening> {
    let click = (
        select(vec!["acme", "plain", "old"]),
        select(vec!["lotus", "orchid"]),
        select(vec!["", "sub1=a", "sub1=b&geo=de", "country=fr&geo=", "sub1=%22&sub10=\"x\"&country=de"]),
        prop::bool::weighted(0.2),
        select(vec![0, 0, 0, 5, 2_001, 3 * 60 * MINUTE]),
    );
    let click = click.prop_map(|(offer, affiliate, params, imported, age)| Happening::Click {
        offer,
        affiliate,
        params,
        imported,
        age,
    });
    let money = (
        prop_oneof![4 => 1_i64..1_000_000_000_000, 1 => select(vec![-COUNT_MAX, COUNT_MAX, -1])],
        select(vec!["EUR", "USD", ""]),
    );
    let conversion = (
        any::<usize>(),
        select(vec!["reg", "ftd", "ftd", "rdep", "revshare", "kyc", "vip", "gone"]),
        money,
        any::<bool>(),
        status(),
    );
    let conversion = conversion.prop_map(|(player, goal, money, share, status)| Happening::Conversion {
        player,
        goal,
        money,
        share,
        status,
    });
    let change = (any::<usize>(), status(), 0..2 * MINUTE);
    prop_oneof![
        4 => click,
        4 => conversion,
        4 => change.prop_map(|(conversion, to, late)| Happening::Change { conversion, to, late }),
        2 => select(vec![20_000, 7 * MINUTE, 61 * MINUTE, 7 * 61 * MINUTE, 26 * 60 * MINUTE]).prop_map(Happening::Wait),
        1 => (0..4_usize).prop_map(Happening::RollUp),
    ]
}

/// What has happened, in memory.
#[derive(Default)]
struct Memory {
    clicks: Vec<NewClick>,
    conversions: Vec<Conversion>,
    ids: u128,
}

impl Memory {
    /// As `clock` draws them, but for chance.
    fn new_id(&mut self, time: Timestamp) -> Uuid {
        self.ids += 1;
        Uuid::from_u128((u128::try_from(time.millis()).unwrap() << 80) | (7 << 76) | (1 << 63) | self.ids)
    }

    /// What is to be written of something that happens now.
    fn take(&mut self, happening: &Happening, now: Timestamp) -> Changes {
        match *happening {
            Happening::Click { offer, affiliate, params, imported, age } => {
                let before = now.plus_millis(-age);
                let id = self.new_id(before).to_string();
                let id = if imported { format!("click-{}", self.ids) } else { id };
                let click = Click {
                    id: ClickId::parse(&id).unwrap(),
                    offer: OfferId::parse(offer).unwrap(),
                    affiliate: AffiliateId::parse(affiliate).unwrap(),
                    merchant: MerchantId::parse(offer).unwrap(),
                    at: if imported { before } else { now },
                };
                let new = NewClick { click, params: fixture::params(params), user: None, id_given: false };
                self.clicks.push(new.clone());
                Changes { clicks: vec![new], ..Changes::default() }
            }
            Happening::Conversion { player, .. } if !self.clicks.is_empty() => {
                let click = self.clicks[player % self.clicks.len()].click.clone();
                let conversion = conversion(happening, &click, self.new_id(now), now);
                let step = step(&conversion, None, now);
                self.conversions.push(conversion.clone());
                Changes { recorded: vec![conversion], history: vec![step], ..Changes::default() }
            }
            Happening::Change { conversion, to, late } if !self.conversions.is_empty() => {
                let at = conversion % self.conversions.len();
                let conversion = &mut self.conversions[at];
                if conversion.status == to {
                    return Changes::default();
                }
                let before = conversion.status;
                conversion.status = to;
                conversion.steps += 1;
                let step = step(conversion, Some(before), now.plus_millis(-late));
                Changes { decided: vec![conversion.clone()], history: vec![step], ..Changes::default() }
            }
            _ => Changes::default(),
        }
    }

    /// Counts everything one by one.
    fn report(&self, question: &Question, catalog: &Arc<Catalog>) -> Report {
        let mut report = Report::new(question.clone(), Arc::clone(catalog));
        let within = |at: Timestamp| question.period.from <= at && at < question.period.to;
        let params = |params: &Params| {
            let given = |name: &String| params.given(name).map(str::to_owned);
            let dimensions = question.grouping.dimensions().iter().map(|it| it.params());
            let values =
                dimensions.filter(|names| !names.is_empty()).map(|names| names.iter().find_map(given));
            values.map(|value| value.unwrap_or_default().into()).collect::<Vec<Arc<str>>>()
        };
        let asked = |merchant: &MerchantId, affiliate: &AffiliateId| {
            question.only.merchant.as_ref().is_none_or(|only| only == merchant)
                && question.only.affiliate.as_ref().is_none_or(|only| only == affiliate)
        };
        let clicks = self.clicks.iter().filter(|new| asked(&new.click.merchant, &new.click.affiliate));
        for NewClick { click, params: given, .. } in clicks.filter(|new| within(new.click.at)) {
            let tally = Tally { count: 1, ..Tally::default() };
            let quarter = Quarter::of(click.at);
            report.add(&place(click), quarter, &params(given), Fact::Click, tally).unwrap();
        }
        let conversions = self.conversions.iter().filter(|it| asked(&it.merchant, &it.affiliate));
        for conversion in conversions.filter(|conversion| within(conversion.created_at)) {
            let new = self.clicks.iter().find(|new| new.click.id == conversion.click).unwrap();
            let kind = Kind {
                goal: conversion.goal.to_string(),
                currency: conversion.currency.map(|currency| currency.code),
                status: conversion.status,
            };
            let revenue = conversion.revenue.map(|revenue| revenue.money).unwrap_or_default();
            let tally = Tally { count: 1, amount: conversion.amount.into(), revenue: revenue.into() };
            let quarter = Quarter::of(conversion.created_at);
            let fact = Fact::Conversion(&kind);
            let (place, params) = (place(&new.click), params(&new.params));
            report.add(&place, quarter, &params, fact, tally).unwrap();
            if let Some(payout) = conversion.payout {
                let kind = Kind { currency: Some(payout.currency.code), ..kind.clone() };
                let tally = Tally { count: 1, amount: payout.money.into(), ..Tally::default() };
                report.add(&place, quarter, &params, Fact::Payout(&kind), tally).unwrap();
            }
        }
        report.finished()
    }
}

fn place(click: &Click) -> Place {
    Place {
        merchant: click.merchant.as_str().into(),
        offer: click.offer.as_str().into(),
        affiliate: click.affiliate.as_str().into(),
    }
}

fn conversion(happening: &Happening, click: &Click, id: Uuid, now: Timestamp) -> Conversion {
    let Happening::Conversion { goal, money: (amount, currency), share, status, .. } = *happening else {
        panic!("no conversion: {happening:?}")
    };
    let amount = Money::from_stored(amount).unwrap();
    Conversion {
        id: ConversionId::new(id),
        click: click.id.clone(),
        merchant: click.merchant.clone(),
        offer: click.offer.clone(),
        affiliate: click.affiliate.clone(),
        goal: GoalAlias::parse(goal).unwrap(),
        once: false,
        status,
        steps: 1,
        amount,
        currency: catalog().currencies.find(currency),
        revenue: share.then(|| {
            let multiplier = Multiplier::parse("0.35").unwrap();
            Revenue { money: amount.times(multiplier), multiplier }
        }),
        transaction: None,
        suspected_duplicate: false,
        created_at: now,
        decided_at: Some(now),
        event_time: None,
        payout: share.then(|| {
            let currency = catalog().currencies.find(if goal == "ftd" { "USD" } else { "JPY" }).unwrap();
            Payout { money: Money::parse("40").unwrap(), currency }
        }),
        extra: Params::new(),
    }
}

fn step(conversion: &Conversion, from: Option<Status>, at: Timestamp) -> StatusEvent {
    StatusEvent {
        conversion: conversion.id,
        step: conversion.steps,
        from,
        to: conversion.status,
        actor: Actor::Merchant(conversion.merchant.clone()),
        reason: None,
        request: RequestId::new(conversion.id.uuid()),
        at,
    }
}

/// With goals that have columns of their own; `gone` is a goal that is configured nowhere.
fn catalog() -> Arc<Catalog> {
    let mut catalog = fixture::catalog();
    for merchant in catalog.merchants.values_mut() {
        let merchant = Arc::make_mut(merchant);
        for goal in &mut merchant.goals {
            goal.show_count = matches!(goal.alias.as_str(), "kyc" | "vip");
            goal.show_sum = goal.alias.as_str() == "vip" && merchant.id.as_str() == "acme";
        }
    }
    Arc::new(catalog)
}

/// Questions of every kind, whose periods end anywhere.
fn questions(end: Timestamp) -> Vec<Question> {
    let question = |from, to: i64, zone, group_by| Question {
        period: Period { from: Timestamp::from_millis(from), to: Timestamp::from_millis(to.max(from + 1)) },
        zone: Zone::parse(zone).unwrap(),
        grouping: Grouping::parse(group_by).unwrap(),
        only: Only::default(),
    };
    let only = |merchant, affiliate| Only {
        merchant: Some(MerchantId::parse(merchant).unwrap()),
        affiliate: Some(AffiliateId::parse(affiliate).unwrap()),
        offer: None,
    };
    let (end, middle) = (end.millis() + 1, i64::midpoint(START, end.millis()));
    vec![
        question(START, end, "Europe/Berlin", "day,affiliate"),
        question(START, START + 40 * 24 * 60 * MINUTE, "America/St_Johns", "week,goal"),
        question(START, end, "Asia/Kathmandu", "merchant,day"),
        question(START + 1, end - 1, "Pacific/Auckland", "month"),
        question(middle, end + 7 * MINUTE, "UTC", "offer"),
        question(START, middle, "UTC", "goal"),
        question(middle, middle + 3 * MINUTE, "UTC", "day"),
        question(START, end, "UTC", "sub1,day"),
        question(START + 1, middle, "Europe/Berlin", "country,sub10"),
        Question { only: only("acme", "lotus"), ..question(START, end, "UTC", "day,offer") },
        Question { only: only("plain", "orchid"), ..question(START, end, "UTC", "sub1") },
    ]
}

struct Stage {
    database: Fresh,
    storage: Storage,
    ledger: Ledger,
}

impl Stage {
    async fn open(database: Fresh) -> Self {
        let storage = Storage::open(&database, Sealer::derive(b"a secret of the tests")).await.unwrap();
        let ledger = storage.open_ledger().await.unwrap();
        Self { database, storage, ledger }
    }

    async fn commit(&self, changes: Changes, at: Timestamp) {
        let mut writes = Writes::default();
        writes.add(changes, at, nothing_owed);
        self.ledger.begin().await.unwrap().commit(&writes).await.unwrap();
    }

    async fn begin_anew(&self) {
        for table in ["click", "conversion", "status_event", "rollup_page"] {
            self.database.execute(&format!("DELETE FROM {table}")).await;
        }
        self.storage.forget_roll_up().await.unwrap();
    }

    /// Rolls up everything that is old enough.
    async fn roll_up(&self, now: Timestamp) {
        while let RollUp::Further { .. } = self.storage.roll_up_slice(now, SMALL).await.unwrap() {}
    }

    async fn check(&self, memory: &Memory, end: Timestamp, when: &str) -> Result<(), TestCaseError> {
        let catalog = catalog();
        for question in questions(end) {
            let expected = memory.report(&question, &catalog);
            let got = self.storage.statistics(question.clone(), Arc::clone(&catalog)).await.unwrap();
            prop_assert_eq!(&got.total, &expected.total, "{} {:?}", when, question);
            prop_assert_eq!(&got.lines, &expected.lines, "{} {:?}", when, question);
        }
        Ok(())
    }
}

async fn play(stage: &Stage, happenings: &[Happening]) -> Result<(), TestCaseError> {
    stage.begin_anew().await;
    let (mut memory, mut now) = (Memory::default(), Timestamp::from_millis(START));
    for happening in happenings {
        match happening {
            Happening::Wait(millis) => now = now.plus_millis(*millis),
            Happening::RollUp(slices) => {
                for _ in 0..*slices {
                    stage.storage.roll_up_slice(now, SMALL).await.unwrap();
                }
            }
            happening => stage.commit(memory.take(happening, now), now).await,
        }
    }
    stage.check(&memory, now, "in the middle").await?;
    stage.roll_up(now).await;
    stage.check(&memory, now, "but for the last minutes").await?;
    let later = now.plus_millis(60 * MINUTE);
    stage.roll_up(later).await;
    stage.check(&memory, now, "rolled up").await?;
    stage.storage.forget_roll_up().await.unwrap();
    stage.check(&memory, now, "forgotten").await?;
    stage.roll_up(later).await;
    while stage.storage.clear_forgotten_pages().await.unwrap() {}
    stage.check(&memory, now, "rebuilt").await
}

#[test]
fn a_report_is_what_counting_one_by_one_gives_wherever_the_roll_up_has_come_to() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for database in runtime.block_on(Fresh::migrated()) {
        let stage = runtime.block_on(Stage::open(database));
        let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config)
            .run(&vec(happening(), 1..80), |happenings| runtime.block_on(play(&stage, &happenings)))
            .unwrap();
    }
}

/// A month of a few hundred facts, in memory and committed.
async fn fill(stage: &Stage) -> (Memory, Timestamp) {
    let (mut memory, mut now) = (Memory::default(), Timestamp::from_millis(START));
    for number in 0..300 {
        let affiliate = if number % 3 == 0 { "lotus" } else { "orchid" };
        let happening = match number % 5 {
            0 | 1 => Happening::Click { offer: "acme", affiliate, params: "", imported: false, age: 0 },
            2 | 3 => Happening::Conversion {
                player: number,
                goal: "ftd",
                money: (1_000_000_000, "EUR"),
                share: false,
                status: Status::Pending,
            },
            _ => Happening::Change { conversion: number, to: Status::Approved, late: 0 },
        };
        stage.commit(memory.take(&happening, now), now).await;
        now = now.plus_millis(97 * MINUTE);
    }
    (memory, now)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_roll_up_at_once_count_everything_once() {
    for database in Fresh::migrated().await {
        let stage = Stage::open(database).await;
        let (memory, now) = fill(&stage).await;
        let later = now.plus_millis(60 * MINUTE);
        let mut others = Vec::new();
        for _ in 0..3 {
            let storage =
                Storage::open(&stage.database, Sealer::derive(b"a secret of the tests")).await.unwrap();
            others.push(tokio::spawn(async move {
                let mut slices = 0;
                loop {
                    match storage.roll_up_slice(later, SMALL).await {
                        Ok(RollUp::Further { .. }) => slices += 1,
                        Ok(RollUp::Done) => break slices,
                        Ok(RollUp::Elsewhere) => tokio::task::yield_now().await,
                        other => panic!("{other:?}"),
                    }
                }
            }));
        }
        let slices: Vec<u32> =
            futures::future::join_all(others).await.into_iter().map(Result::unwrap).collect();
        assert!(slices.iter().sum::<u32>() > 30, "{slices:?}");
        stage.check(&memory, now, "by several").await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_rolled_up_before_it_is_old_enough_or_while_the_clock_is_behind() {
    for database in Fresh::migrated().await {
        let stage = Stage::open(database).await;
        let (memory, now) = fill(&stage).await;
        stage.roll_up(now).await;
        let rolled = stage.storage.rolled_until().await.unwrap();
        assert_eq!(rolled, now.plus_millis(-5 * MINUTE));
        let behind = stage.storage.roll_up(rolled.plus_millis(-1)).await.unwrap();
        assert_eq!(behind, RollUp::ClockBehind { until: rolled });
        assert_eq!(stage.storage.roll_up(now).await.unwrap(), RollUp::Done);
        stage.check(&memory, now, "after the clock was behind").await.unwrap();
    }
}
