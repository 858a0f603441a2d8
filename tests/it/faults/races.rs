//! Many want the same at once, or the opposite. Somebody wins; the others are told so.

use std::{collections::BTreeMap, net::SocketAddr};

use futures::future::join_all;
use serde_json::Value;

use super::{
    checker::check,
    load::{Acknowledged, Client},
};
use crate::support::{Database, OnDatabase, Server, on_both_databases, query};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 8;

on_both_databases! {
    async fn of_racers_at_one_process_one_wins(server: Server) {
        contest(&[&server]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racers_at_two_processes_one_wins() {
    let Some(database) = Database::postgres().await else { return };
    let one = Server::on(database);
    let other = one.program.serve();
    contest(&[&one, &other]).await;
}

async fn contest(servers: &[&Server]) {
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let mut racers = Vec::new();
    for number in 0..CONNECTIONS {
        racers.push(Client::connect(addresses[number % addresses.len()]).await.unwrap());
    }
    for round in 0..ROUNDS {
        let (one, other) = (servers[0].click().await, servers[0].click().await);
        for click in [&one, &other] {
            let outcomes = race(&mut racers, &[&conv(click, "ftd 100 EUR")]).await;
            check_outcomes(&outcomes, &[("recorded", 1), ("duplicate", CONNECTIONS - 1)]);
        }
        decide_both_ways(&mut racers, &one).await;
        let deposit = format!("rdep 5 EUR transaction_id=same-{round}");
        let on_one_click = race(&mut racers, &[&conv(&one, &deposit)]).await;
        check_outcomes(&on_one_click, &[("recorded", 1), ("duplicate", CONNECTIONS - 1)]);
        let deposit = format!("rdep 5 EUR transaction_id=either-{round}");
        let on_either_click = race(&mut racers, &[&conv(&one, &deposit), &conv(&other, &deposit)]).await;
        let half = CONNECTIONS / 2;
        let expected = [("recorded", 1), ("duplicate", half - 1), ("409 conflicting_duplicate", half)];
        check_outcomes(&on_either_click, &expected);
    }
    check(servers[0].database(), &Acknowledged::default()).await;
}

async fn decide_both_ways(racers: &mut [Client], click: &str) {
    let ways =
        ["ftd approved", "ftd rejected"].map(|way| format!("/track/conv-change?{}", query(click, way)));
    let half = CONNECTIONS / 2;
    let outcomes = race(racers, &[&ways[0], &ways[1]]).await;
    check_outcomes(&outcomes, &[("recorded", 1), ("duplicate", half - 1), ("409 already_decided", half)]);
}

fn conv(click: &str, words: &str) -> String {
    format!("/track/conv?{}", query(click, words))
}

/// Lets all of them send at once, taking turns among the addresses; gives what each was told, in a word or two.
async fn race(racers: &mut [Client], addresses: &[&str]) -> Vec<String> {
    let sent = racers.iter_mut().enumerate().map(async |(number, racer)| {
        // Racers of one process send to every address, and so do those of the other.
        let address = addresses[number / 2 % addresses.len()];
        racer.get(address).await.unwrap()
    });
    join_all(sent).await.into_iter().map(|(status, answer)| outcome(status, &answer)).collect()
}

fn outcome(status: u16, answer: &Value) -> String {
    match (status, answer["duplicate"].as_bool()) {
        (200, Some(true)) => "duplicate".to_owned(),
        (200, Some(false)) => "recorded".to_owned(),
        _ => format!("{status} {}", answer["code"].as_str().unwrap_or_default()),
    }
}

#[track_caller]
fn check_outcomes(outcomes: &[String], expected: &[(&str, usize)]) {
    let mut counted = BTreeMap::new();
    for outcome in outcomes {
        *counted.entry(outcome.as_str()).or_insert(0) += 1;
    }
    assert_eq!(counted, expected.iter().copied().collect());
}
