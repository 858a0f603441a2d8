//! Postbacks in senders' dialects, as rows: what happened before, what comes now, and the verdict.

use super::{FTD, check, world::World};
use crate::domain::{player::PlayerNote, status::Status};

#[test]
fn a_postback_in_a_dialect_is_read_by_its_click_and_its_offer() {
    let click = "click acme-9 acme lotus user_id=ann";
    check(&["say mvp clickid=acme-1&goal=reg"], "recorded #1 reg approved");
    check(&["say mvp clickid=acme-1&goal=dep&sum=5"], "recorded #1 ftd 5.00 EUR pending");
    check(&["say mvp clickid=acme-1&goal=dep&sumrd=5&ow=7"], "recorded #1 ftd 5.00 EUR pending");
    check(&["say mvp clickid=acme-1&goal=dep&sum=5&ow=8"], "click_not_found click_id");
    check(&["say mvp clickid=old-1&goal=redep&sum=5"], "missing_parameter currency");
    check(&["say mvp clickid=old-1&goal=redep&sum=5&currency=USD"], "recorded #1 rdep 5.00 USD approved");
    check(&["say mvp clickid=nobody&goal=reg"], "click_not_found click_id");
    check(&["say mvp clickid=plain-1&goal=reg"], "invalid_token token");
    check(&["say mvp clickid=acme-1&goal=vip"], "recorded #1 vip pending");
    check(&["say mvp clickid=acme-1&goal=nothing"], "unknown_goal goal_alias");
    check(&[click, "say mvp user_id=ann&spot=acme-spot&goal=reg"], "recorded #2 reg approved");
    check(&[click, "say mvp user_id=ann&spot=old-spot&goal=reg"], "click_not_found click_id");
    check(&["say mvp user_id=ann&spot=nowhere&goal=reg"], "click_not_found spot");
    check(&[FTD, "say mvp clickid=acme-1&goal=dep&sum=100"], "duplicate #1 ftd 100.00 EUR pending");
    check(&[FTD, "say mvp clickid=acme-1&goal=dep&sum=99"], "conflicting_duplicate amount");
    check(&[FTD, "say mvp clickid=acme-1&goal=rebill&sum=9"], "recorded #2 rdep 9.00 EUR approved");
}

#[test]
fn an_initial_status_of_a_dialect_is_for_goals_that_are_decided() {
    let mut world = World::new();
    world.configure("acme", |acme| {
        acme.initial_statuses = [Status::Pending, Status::Approved].into();
        acme.dialect_initial_status = Some(Status::Approved);
    });
    assert_eq!(world.tell("say mvp clickid=acme-1&goal=reg"), "recorded #1 reg approved");
    assert_eq!(world.tell("say mvp clickid=acme-1&goal=dep&sum=5"), "recorded #2 ftd 5.00 EUR approved");
    assert_eq!(world.tell("say mvp clickid=acme-1&goal=redep&sum=5"), "recorded #3 rdep 5.00 EUR approved");
    assert_eq!(world.tell("conv acme-2 ftd 5 EUR"), "recorded #4 ftd 5.00 EUR pending");
}

#[test]
fn what_is_told_of_a_player_is_noted_unless_it_is_a_repetition() {
    let mut world = World::new();
    let mut noted = |line: &str| {
        world.tell(line);
        let players = world.ledger.players.values();
        let id = |note: &PlayerNote| note.player_id.as_ref().map(ToString::to_string);
        players.filter_map(id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(noted("conv acme-1 reg"), "");
    assert_eq!(noted("say mvp clickid=acme-1&goal=dep&sum=5&playerid=one"), "one");
    assert_eq!(noted("say mvp clickid=acme-1&goal=dep&sum=5&playerid=two"), "one");
    assert_eq!(noted("say mvp clickid=acme-1&goal=redep&sum=5&playerid={playerid}"), "one");
    assert_eq!(noted("conv acme-1 rdep 7 EUR player_id=two dry_run=1"), "one");
    assert_eq!(noted("conv acme-1 rdep 7 EUR player_id=two"), "two");
}
