use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::domain::{
    delivery::Ending,
    fixture::{self, NOW},
    ids::DeliveryId,
    outgoing::Facts,
    params::Params,
    status::Status,
};

const LIMITS: Limits = Limits { per_host: 4, in_all: 32 };

/// A delivery to this host's endpoint, whose lane has the host's number.
fn job(host: usize) -> Job {
    let facts = Facts {
        delivery: DeliveryId::new(Uuid::nil()),
        conversion: fixture::conversion(),
        click_params: Params::new(),
        player_id: None,
        clicked_at: NOW,
        status: Status::Pending,
        reason: None,
        changed_at: NOW,
    };
    let endpoint = fixture::endpoint();
    let claimed = Claimed {
        endpoint: endpoint.id.clone(),
        step: 1,
        claim: 1,
        until: NOW.plus_millis(60_000),
        attempts: 0,
        round_attempts: 0,
        round_started_at: None,
        continuation: None,
        followed: false,
        facts,
    };
    Job { claimed, endpoint: Endpoint::Postback(Arc::new(endpoint)), lane: host, host }
}

/// Places with so many hosts.
fn places(hosts: usize) -> Places {
    let places = Places::new(LIMITS);
    for number in 0..hosts {
        assert_eq!(places.host(&format!("host-{number}")), number);
    }
    assert_eq!(places.host("host-0"), 0);
    places
}

fn hosts(jobs: &[Job]) -> Vec<usize> {
    jobs.iter().map(|job| job.host).collect()
}

fn answered(status: u16, duration: Duration) -> Attempted {
    let error = (status != 200).then(|| format!("answered {status}"));
    let attempt = Attempt {
        number: 1,
        at: NOW,
        request: String::new(),
        status: Some(status),
        answer: None,
        error: error.clone(),
        duration_us: i64::try_from(duration.as_micros()).unwrap(),
    };
    let ending = error.map_or(Ending::Taken, Ending::Failed);
    Attempted { attempt, result: AttemptResult { status: Some(status), ending, retry_after: None } }
}

fn prompt() -> Attempted {
    answered(200, Duration::from_millis(1))
}

fn timed_out() -> Attempted {
    let mut attempted = answered(200, Duration::from_secs(15));
    attempted.attempt.status = None;
    attempted.result = AttemptResult::of_failure("no complete answer in time".to_owned());
    attempted
}

fn given_up(places: &Places) -> usize {
    let ended = places.take_ended();
    ended.iter().filter(|ended| ended.attempted.is_none()).count()
}

#[test]
fn hosts_take_turns_and_none_has_more_than_its_places() {
    let places = places(2);
    let jobs = [0, 0, 0, 0, 0, 0, 1].map(job).into();
    let mut started = places.add(jobs, NOW);
    assert_eq!(hosts(&started), [0, 1, 0, 0, 0]);
    // The place of the one that ends is for its host's next.
    let next = places.end(started.remove(0), prompt(), NOW).unwrap();
    assert_eq!(next.host, 0);
    // The other host has nothing more, and the first has all of its places.
    assert!(places.end(started.remove(0), prompt(), NOW).is_none());
    assert_eq!(places.take_ended().len(), 2);
}

#[test]
fn a_place_goes_to_each_host_in_turn() {
    let places = Places { limits: Limits { per_host: 4, in_all: 1 }, ..places(3) };
    let mut next = places.add([0, 0, 1, 1, 2, 2].map(job).into(), NOW).pop();
    let mut order = Vec::new();
    while let Some(job) = next {
        order.push(job.host);
        next = places.end(job, prompt(), NOW);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn hosts_that_hang_leave_places_to_those_that_answer() {
    let places = places(40);
    // One answers; all the others are not known yet.
    let first = places.add(vec![job(0)], NOW).remove(0);
    places.end(first, prompt(), NOW);
    let hanging: Vec<_> = (1..40).cycle().take(39 * 4).map(job).collect();
    let started = places.add(hanging, NOW);
    assert_eq!(started.len(), 24, "they get no more than three quarters of all places");
    assert_eq!(hosts(&places.add([0; 9].map(job).into(), NOW)), [0; 4], "it has all of its own");
    // While it is crowded, those that do not answer get one place each, in turns.
    let next: Vec<_> = started.into_iter().filter_map(|job| places.end(job, timed_out(), NOW)).collect();
    assert!(next.len() <= 24 && hosts(&next).iter().all(|host| *host > 0));
    let mut different = hosts(&next);
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), next.len());
}

#[test]
fn a_slow_answer_is_not_a_prompt_one() {
    assert!(prompt().is_prompt() && answered(500, Duration::from_millis(1)).is_prompt());
    assert!(!answered(200, Duration::from_secs(3)).is_prompt() && !timed_out().is_prompt());
}

#[test]
fn what_waits_for_an_endpoint_that_is_gone_is_given_up() {
    let places = places(2);
    let mut started = places.add([0, 0, 0, 0, 0, 0, 1].map(job).into(), NOW);
    assert!(places.end(started.remove(0), answered(410, Duration::ZERO), NOW).is_none());
    assert_eq!(given_up(&places), 2);
    // It stays stopped until its health says otherwise, and what it said before has been settled.
    assert!(places.add(vec![job(0)], NOW).is_empty());
    assert!(places.end(started.remove(1), answered(410, Duration::ZERO), NOW).is_none());
    places.stop(vec![false, false]);
    assert!(places.add(vec![job(0)], NOW).is_empty());
    assert_eq!(given_up(&places), 2);
    places.stop(vec![false, false]);
    assert_eq!(hosts(&places.add(vec![job(0)], NOW)), [0]);
}

#[test]
fn a_claim_that_is_nearly_over_is_given_up() {
    let places = places(1);
    assert!(places.add(vec![job(0)], NOW.plus_millis(40_000)).is_empty());
    assert_eq!(given_up(&places), 1);
    assert_eq!(places.add(vec![job(0)], NOW.plus_millis(39_999)).len(), 1);
}

#[test]
fn an_attempt_that_is_broken_off_leaves_its_place() {
    let places = places(1);
    for job in places.add([0; 4].map(job).into(), NOW) {
        places.give_up(job);
    }
    assert_eq!((given_up(&places), places.add([0; 5].map(job).into(), NOW).len()), (4, 4));
}

#[test]
fn nothing_begins_once_it_is_closed() {
    let places = places(1);
    let mut started = places.add([0; 6].map(job).into(), NOW);
    places.close();
    assert_eq!(given_up(&places), 2);
    assert!(places.end(started.remove(0), prompt(), NOW).is_none());
    assert!(places.add(vec![job(0)], NOW).is_empty());
}
