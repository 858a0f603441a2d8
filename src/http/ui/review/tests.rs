//! The review with nothing, a little and a page full of data.

use uuid::Uuid;

use super::*;
use crate::http::ui::{
    bulk::{BrokenOff, Progress},
    layout::Section,
    tests::{NOW, Sample, Say, sample},
};

const HOUR: i64 = 3_600_000;

/// Of one sample conversion: hours of waiting, merchant, offer, affiliate, goal, amount, currency, units, places.
type Facts = (i64, [&'static str; 4], &'static str, &'static str, i64, u8);

const FACTS: [Facts; 5] = [
    (149, ["Acme Casino", "Acme Slots", "Lotus Media", "First deposit"], "100.00", "EUR", 10_000_000_000, 2),
    (52, ["Plain Bets", "Plain Sport", "Orchid", "First deposit"], "25000", "JPY", 2_500_000_000_000, 0),
    (7, ["Acme Casino", "Acme Live", "Lotus Media", "First deposit"], "1250.50", "EUR", 125_050_000_000, 2),
    (
        3,
        [
            "Northern Lights Poker Room",
            "NL Cash Games Winter",
            "Very Long Affiliate Name GmbH & Co. KG",
            "Qualified lead",
        ],
        "0.00412",
        "BTC",
        412_000,
        8,
    ),
    (0, ["Acme Casino", "Acme Slots", "Orchid", "First deposit"], "7.125", "KWD", 712_500_000, 3),
];

pub(in crate::http::ui) fn rows(say: Say, number: u32) -> Vec<ReviewRow> {
    let mut rows: Vec<_> = (0..number).map(|at| row(say, at)).collect();
    Amount::align(rows.iter_mut().map(|row| &mut row.amount));
    rows
}

fn row(say: Say, at: u32) -> ReviewRow {
    let (hours, [merchant, offer, affiliate, goal], decimal, currency, units, places) =
        FACTS[at as usize % FACTS.len()];
    let since = NOW.plus_millis(-(hours * HOUR + i64::from(60 - at.min(60)) * 60_000));
    let id = Uuid::from_u128(0x01a1_f90e_bdd0_7f9a_925e_eafa_6b55_0000 + u128::from(at));
    let click = if at % 4 == 3 {
        "c-1007".to_owned()
    } else {
        format!("01a1f8aa-11c0-7c33-8e0e-{:012x}", at * 7_919_113)
    };
    ReviewRow {
        id: ConversionId::new(id),
        waiting: Age::new(since, NOW),
        click: ClickId::parse(&click).unwrap(),
        merchant: Named::new("acme", say.text(merchant)),
        offer: Named::new("acme-slots", say.text(offer)),
        affiliate: Named::new("lotus", say.text(affiliate)),
        goal: say.text(goal),
        amount: Amount::new(decimal, currency),
        sum_of: (units, currency.to_owned(), places),
        after_click: crate::http::ui::view::span(i64::from(at * at + 3) * 60_000),
        deposits_since: u64::from(at % 3) * u64::from(at % 7),
        suspected_duplicate: at % 11 == 4,
    }
}

fn filters(say: Say) -> Filters {
    let merchants =
        vec![Choice::new("acme", say.text("Acme Casino")), Choice::new("plain", say.text("Plain Bets"))];
    let ages = vec![Choice::new("1d", "More than 1 day"), Choice::new("7d", "More than 7 days")];
    Filters::new("/", Field::search("q", "Find").placeholder("Click, player or transaction id"))
        .field(Field::select("merchant", "Merchant", merchants))
        .field(Field::select("offer", "Offer", vec![Choice::new("acme-slots", say.text("Acme Slots"))]))
        .field(Field::select("affiliate", "Affiliate", vec![Choice::new("lotus", say.text("Lotus Media"))]))
        .field(Field::select("goal", "Goal", vec![Choice::new("ftd", say.text("First deposit"))]))
        .field(Field::select(
            "currency",
            "Currency",
            vec![Choice::new("EUR", "EUR"), Choice::new("JPY", "JPY")],
        ))
        .field(Field::text("amount_min", "Amount from"))
        .field(Field::text("amount_max", "Amount to"))
        .field(Field::select("age", "Waiting", ages))
}

fn filled(say: Say) -> Filters {
    let merchants = vec![Choice::new("acme", say.text("Acme Casino"))];
    Filters::new("/", Field::search("q", "Find").value(say.text("eafa6b")))
        .field(Field::select("merchant", "Merchant", merchants).value("acme"))
        .field(Field::text("amount_min", "Amount from").value("1,5").error(say.text("Write it as 1.5.")))
}

fn review(say: Say, number: u32) -> Review {
    let rows = rows(say, number);
    let pager = Pager { next: (number >= 50).then(|| "/?cursor=abc".to_owned()), ..Pager::default() };
    Review {
        page: say.page("Review", Section::Review),
        filters: filters(say),
        matching: if number >= 50 { 43_120 } else { u64::from(number) },
        more: number >= 50,
        oldest: rows.first().map(|row| row.waiting.clone()),
        rows,
        pager,
        may_decide: true,
        any_recorded: true,
    }
}

pub(in crate::http::ui) fn sums() -> Vec<Sum> {
    let sum = |conversions, amount, currency| Sum { conversions, amount: Amount::new(amount, currency) };
    let mut sums = vec![sum(1_204, "142300.50", "EUR"), sum(31, "1250000", "JPY"), sum(2, "0.00824", "BTC")];
    Amount::align(sums.iter_mut().map(|sum| &mut sum.amount));
    sums
}

fn confirm(say: Say, decision: Decision, number: u32) -> Confirm {
    let rows = rows(say, number);
    Confirm {
        page: say.page("Review", Section::Review),
        decision,
        scope: Scope::these(join(rows.iter().map(|row| row.id))),
        total: u64::from(number),
        sums: sums(),
        rows,
        no_longer_waiting: 0,
        reason: (String::new(), String::new()),
        back: "/?merchant=acme".to_owned(),
    }
}

fn done(say: Say) -> Done {
    let undecided = rows(say, 3).into_iter().map(|row| Undecided {
        id: row.id,
        player: row.player(),
        amount: row.amount,
        status: Badge::of("rejected"),
        by: say.text("ivan"),
        at: Some(Moment::new(NOW, crate::http::ui::view::Zone::named("Europe/Berlin"))),
        reason: say.text("Bonus abuse"),
    });
    Done {
        page: say.page("Review", Section::Review),
        decision: Decision::Reject,
        decided: 1_237,
        sums: sums(),
        reason: say.text("Duplicate player"),
        not_decided: 3,
        undecided: undecided.collect(),
        waiting: "the rest".to_owned(),
        back: "/".to_owned(),
    }
}

pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name: &str, review: &Review| samples.push(sample(name, review));
    add("review", &review(say, 50));
    add("review-few", &review(say, 3));
    add("review-none", &review(say, 0));
    add("review-fresh", &Review { any_recorded: false, ..review(say, 0) });
    add("review-filtered", &Review { filters: filled(say), ..review(say, 3) });
    add("review-filtered-none", &Review { filters: filled(say), ..review(say, 0) });
    let viewer = say.page_of("Review", Section::Review, "viewer");
    add("review-viewer", &Review { page: viewer, may_decide: false, ..review(say, 5) });
    samples.push(sample("review-approve", &confirm(say, Decision::Approve, 4)));
    let rejected = Confirm {
        scope: Scope::matching(say.text("merchant=acme"), say.text("01a1")),
        total: 1_237,
        no_longer_waiting: 2,
        reason: (String::new(), say.text("Give a reason.")),
        ..confirm(say, Decision::Reject, 20)
    };
    samples.push(sample("review-reject", &rejected));
    samples.push(sample("review-done", &done(say)));
    let page = say.page("Review", Section::Review);
    let broken_off = BrokenOff {
        page: page.clone(),
        told: "12 000 conversions had been decided, and stay so. The rest waits.".to_owned(),
        detail: say.text("The database does not answer just now."),
        back: (say.text("/?text="), "Back to the review"),
    };
    samples.push(sample("review-broken-off", &broken_off));
    let advice = "Leave this page open: if it is closed, the rest stays as it is.";
    let progress = Progress { page, heading: "Deciding 43 120 conversions".to_owned(), advice };
    samples.push(sample("review-progress", &progress));
    let clean = Done {
        decision: Decision::Approve,
        decided: 1,
        not_decided: 0,
        undecided: Vec::new(),
        waiting: String::new(),
        ..done(say)
    };
    samples.push(sample("review-done-clean", &clean));
    samples
}
