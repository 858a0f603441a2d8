use std::sync::Arc;

use super::*;
use crate::domain::{decide::tests::world::World, fixture, ids::ClickId};

/// A player of acme of whom these lines were told.
fn record(lines: &[&str]) -> (PlayerRecord, Arc<Merchant>) {
    let mut world = World::new();
    for line in lines {
        world.tell(line);
    }
    let click = world.ledger.clicks[&ClickId::parse("acme-1").unwrap()].clone();
    let record = PlayerRecord {
        params: fixture::params("sub1=x&country=DE"),
        note: None,
        conversions: world.ledger.conversions.clone(),
        history: world.ledger.history.clone(),
        messages: vec![CardMessage { author: "user:anna".into(), text: "called".into(), at: world.now }],
        click,
    };
    (record, Arc::clone(&world.catalog.merchants["acme"]))
}

const LIFE: &[&str] = &[
    "conv acme-1 reg",
    "wait 1000",
    "conv acme-1 ftd 100 EUR",
    "wait 1000",
    "conv acme-1 rdep 20 EUR transaction_id=T1",
    "conv acme-1 rdep 22.5 EUR transaction_id=T2",
    "conv acme-1 kyc",
    "wait 1000",
    "change acme-1 ftd conv_status=approved",
];

#[test]
fn a_card_sums_up_what_a_player_brought() {
    let (record, merchant) = record(LIFE);
    let brought = record.brought(Some(&merchant));
    assert_eq!(brought.registered_at, Some(record.click.at));
    assert_eq!(brought.first_deposit, Some(record.conversions[1].id));
    let [deposits] = &brought.repeat_deposits[..] else { panic!("{brought:?}") };
    assert_eq!((deposits.count, deposits.amount.display(2).to_string().as_str()), (2, "42.50"));
    assert_eq!(brought.goals.values().map(|sums| sums[0].count).collect::<Vec<_>>(), [1]);
    assert_eq!(record.country(), Some("DE"));
}

#[test]
fn what_was_rejected_is_in_no_sum() {
    let lines: Vec<_> = LIFE.iter().copied().chain(["anna: reject #3 charged back"]).collect();
    let (record, merchant) = record(&lines);
    assert_eq!(record.brought(Some(&merchant)).repeat_deposits[0].amount.display(2).to_string(), "22.50");
}

#[test]
fn the_timeline_tells_everything_in_order() {
    let (record, _) = record(LIFE);
    let told = |(_, happened): &(Timestamp, Happened)| match happened {
        Happened::Clicked => "clicked".to_owned(),
        Happened::Conversion { goal, to, .. } => format!("{goal} {to}"),
        Happened::Message(message) => message.text.clone(),
    };
    let told: Vec<_> = record.timeline().iter().map(told).collect();
    let expected = [
        "clicked",
        "reg approved",
        "ftd pending",
        "rdep approved",
        "rdep approved",
        "kyc approved",
        "ftd approved",
        "called",
    ];
    assert_eq!(told, expected);
}
