//! Requests that are processed again.

use super::{FTD, check, world::World};

const DEPOSIT: &str = "conv acme-1 rdep 5 EUR";

#[test]
fn a_refused_request_is_recorded_once_however_often_it_is_processed_again() {
    let mut world = World::new();
    assert_eq!(world.tell(DEPOSIT), "ftd_missing goal_alias");
    world.tell(FTD);
    let again = format!("again #1 {DEPOSIT}");
    assert_eq!(world.tell(&format!("{again} dry_run=1")), "dry_run: recorded #3 rdep 5.00 EUR approved");
    assert_eq!(world.tell(&again), "recorded #4 rdep 5.00 EUR approved");
    assert_eq!(world.tell(&again), "duplicate #4 rdep 5.00 EUR approved");
    assert_eq!(world.tell(&format!("{again} dry_run=1")), "dry_run: duplicate #4 rdep 5.00 EUR approved");
    world.tell("wait 60001");
    // The merchant itself may make the same deposit anew.
    assert_eq!(world.tell(DEPOSIT), "recorded #7 rdep 5.00 EUR approved");
}

#[test]
fn a_request_that_led_to_a_conversion_is_a_duplicate_of_it() {
    let again = "again #2 conv acme-1 rdep 5 EUR";
    check(&[FTD, DEPOSIT, again], "duplicate #2 rdep 5.00 EUR approved");
    let approve = "change acme-1 ftd conv_status=approved";
    check(&[FTD, approve, &format!("again #2 {approve}")], "duplicate #1 ftd 100.00 EUR approved");
    // Whatever has become of it since.
    let rejected = "anna: reject #1 a mistake";
    check(&[FTD, approve, rejected, &format!("again #2 {approve}")], "duplicate #1 ftd 100.00 EUR rejected");
}

#[test]
fn a_request_that_is_still_wrong_is_refused_again() {
    let mut world = World::new();
    for _ in 0..2 {
        assert_eq!(world.tell("again #9 conv acme-1 rdep 5 EUR"), "ftd_missing goal_alias");
    }
    assert_eq!(world.tell(FTD), "recorded #3 ftd 100.00 EUR pending");
}
