use std::sync::Arc;

use super::*;
use crate::{
    domain::{
        delivery::{AttemptResult, Ending},
        endpoint::PostbackEndpoint,
        fixture::{self, NOW},
        ids::{AffiliateId, DeliveryId},
        outgoing::Facts,
        params::Params,
        status::Status,
        template::{UrlTemplate, Vocabulary},
    },
    storage::{Attempt, Claimed},
};

const LIMITS: Limits = Limits { per_host: 8, in_all: 256 };

/// So many endpoints, each with something due.
fn lanes(count: usize) -> Lanes {
    let endpoints = (0..count).map(|number| {
        let url = format!("https://tracker-{number}.example/pb");
        Arc::new(PostbackEndpoint {
            id: EndpointId::parse(&format!("pb-{number}")).unwrap(),
            url: UrlTemplate::parse(&url, Vocabulary::Postback).unwrap(),
            ..fixture::endpoint()
        })
    });
    let of_lotus = (AffiliateId::parse("lotus").unwrap(), endpoints.collect());
    let catalog = Catalog { endpoints: [of_lotus].into(), ..fixture::catalog() };
    let mut lanes = Lanes::default();
    lanes.take_in(&catalog, &Places::new(LIMITS));
    assert_eq!(lanes.fare(&HashMap::new()), vec![false; count]);
    let due: Vec<_> = lanes.running().into_iter().map(|endpoint| (endpoint, NOW)).collect();
    lanes.found_due(&due, NOW);
    lanes
}

fn claimed() -> Claimed {
    Claimed {
        endpoint: fixture::endpoint().id,
        step: 1,
        claim: 1,
        until: NOW,
        attempts: 0,
        round_attempts: 0,
        round_started_at: None,
        continuation: None,
        followed: false,
        facts: Facts {
            delivery: DeliveryId::new(uuid::Uuid::nil()),
            conversion: fixture::conversion(),
            click_params: Params::new(),
            player_id: None,
            clicked_at: NOW,
            status: Status::Pending,
            reason: None,
            changed_at: NOW,
        },
    }
}

/// So many attempts at a lane's endpoint, which were answered or not.
fn ended(lane: usize, count: usize, status: Option<u16>) -> Vec<Ended> {
    let attempt = Attempt {
        number: 1,
        at: NOW,
        request: String::new(),
        status,
        answer: None,
        error: None,
        duration_us: 1_000,
    };
    let ending = if status.is_some() { Ending::Taken } else { Ending::Failed("no answer".to_owned()) };
    let result = AttemptResult { status, ending, retry_after: None };
    let attempted = || Some(Attempted { attempt: attempt.clone(), result: result.clone() });
    (0..count).map(|_| Ended { claimed: claimed(), lane, attempted: attempted() }).collect()
}

/// Claims what is wanted, where each queue holds more. Gives how much of each lane.
fn claim(lanes: &mut Lanes, just_ended: &[Ended]) -> Vec<usize> {
    let (numbers, wanted) = lanes.wanted(just_ended, LIMITS);
    lanes.settled(just_ended);
    let mut limits = vec![0; lanes.all.len()];
    for (number, wanted) in numbers.into_iter().zip(&wanted) {
        let found = wanted.limit;
        let all = (0..found).map(|_| claimed()).collect();
        let taken = Taken { claimed: all, found, last_due_at: Some(NOW), behind: Vec::new() };
        assert!(!lanes.taken(number, wanted, &taken));
        limits[number] = wanted.limit;
    }
    limits
}

#[test]
fn an_endpoint_that_answers_has_more_at_hand_the_quicker_it_is() {
    let mut lanes = lanes(1);
    assert_eq!(claim(&mut lanes, &[]), [16]);
    assert!(!lanes.hold_more());
    assert_eq!(claim(&mut lanes, &ended(0, 16, Some(200))), [64]);
    assert!(lanes.hold_more());
    assert_eq!(claim(&mut lanes, &ended(0, 64, Some(500))), [256]);
    assert_eq!(claim(&mut lanes, &ended(0, 256, Some(200))), [SUPPLY_MAX]);
    assert_eq!(claim(&mut lanes, &ended(0, 500, Some(200))), [500]);
    assert_eq!(lanes.claimed(), SUPPLY_MAX);
    // A turn in which little has ended does not take its supply away at once.
    assert_eq!(claim(&mut lanes, &ended(0, 800, Some(200))), [800]);
    assert_eq!(claim(&mut lanes, &ended(0, 1, Some(200))), [0]);
    assert_eq!(claim(&mut lanes, &ended(0, 623, Some(200))), [SUPPLY_MAX - 400]);
}

#[test]
fn an_endpoint_that_hangs_has_little_more_than_it_keeps_in_flight() {
    let mut lanes = lanes(1);
    assert_eq!(claim(&mut lanes, &[]), [16]);
    assert_eq!(claim(&mut lanes, &[]), [0]);
    assert_eq!(claim(&mut lanes, &ended(0, 8, None)), [8]);
    assert!(!lanes.hold_more());
}

#[test]
fn endpoints_that_hang_leave_room_for_those_that_answer() {
    let mut lanes = lanes(1_000);
    let first = claim(&mut lanes, &[]);
    assert_eq!(first.iter().sum::<usize>(), CLAIMED_MAX / 2);
    // One of those that had their share answers.
    let quick = first.iter().position(|limit| *limit > 2).unwrap();
    let mut at_hand = first[quick];
    for _ in 0..9 {
        at_hand = claim(&mut lanes, &ended(quick, at_hand, Some(200)))[quick];
    }
    assert_eq!(at_hand, CLAIMED_MAX / 2);
    assert_eq!(lanes.claimed(), CLAIMED_MAX);
}

#[test]
fn a_queue_is_looked_through_from_where_the_last_claim_has_ended() {
    let mut lanes = lanes(1);
    assert_eq!(lanes.wanted(&[], LIMITS).1[0].from, BEGINNING);
    claim(&mut lanes, &[]);
    let just_ended = ended(0, 16, Some(200));
    let (numbers, wanted) = lanes.wanted(&just_ended, LIMITS);
    assert_eq!(wanted[0].from, NOW);
    // It was all that is due: another look, which begins anew, has to tell that there is more.
    assert!(lanes.taken(numbers[0], &wanted[0], &Taken::default()));
    assert!(lanes.wanted(&just_ended, LIMITS).1.is_empty());
    lanes.found_due(&[(EndpointId::parse("pb-0").unwrap(), NOW)], NOW);
    assert_eq!(lanes.wanted(&just_ended, LIMITS).1[0].from, BEGINNING);
    lanes.found_due(&[(EndpointId::parse("pb-0").unwrap(), NOW.plus_millis(1))], NOW);
    assert!(lanes.wanted(&just_ended, LIMITS).1.is_empty());
    lanes.released(0);
    assert_eq!(lanes.wanted(&just_ended, LIMITS).1.len(), 1);
}
