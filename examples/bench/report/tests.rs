use super::*;

#[test]
fn the_median_of_an_even_count_lies_in_the_middle_of_two() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
}

#[test]
fn counts_are_written_in_groups_of_three() {
    assert_eq!(grouped(7), "7");
    assert_eq!(grouped(123), "123");
    assert_eq!(grouped(1_234), "1,234");
    assert_eq!(grouped(1_234_567), "1,234,567");
}

#[test]
fn a_limit_is_kept_from_its_own_side() {
    assert_eq!(Limits::at_least(0.12, 0.25).verdict(0.25), Outcome::Goal);
    assert_eq!(Limits::at_least(0.12, 0.25).verdict(0.12), Outcome::Must);
    assert_eq!(Limits::at_least(0.12, 0.25).verdict(0.11), Outcome::Missed);
    assert_eq!(Limits::at_most(150.0, 80.0).verdict(79.0), Outcome::Goal);
    assert_eq!(Limits::at_most(150.0, 80.0).verdict(81.0), Outcome::Must);
    assert_eq!(Limits::at_most(150.0, 80.0).verdict(151.0), Outcome::Missed);
}
