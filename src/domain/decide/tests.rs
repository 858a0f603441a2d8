//! Every rule of `decide` as a row: what happened before, what comes now, and the verdict.

mod clicks;
mod dialects;
pub(crate) mod ledger;
pub(crate) mod properties;
mod repeated;
pub(crate) mod world;

use world::World;

use super::Verdict;
use crate::domain::{
    fixture,
    merchant::Deal,
    status::{Status, StatusEvent},
    time::Timestamp,
};

/// Tells all but the last line, which must be accepted, and then compares the verdict on the last one.
#[track_caller]
fn check(lines: &[&str], expected: &str) {
    let mut world = World::new();
    let (last, before) = lines.split_last().unwrap();
    for line in before {
        let verdict = world.tell(line);
        let accepted = ["recorded", "decided", "duplicate", "dry_run", "clicked", "waited"];
        assert!(accepted.iter().any(|word| verdict.starts_with(word)), "{line} -> {verdict}");
    }
    assert_eq!(world.tell(last), expected, "{lines:?}");
}

const FTD: &str = "conv acme-1 ftd 100 EUR";

#[test]
fn a_first_deposit_lands_pending_and_is_decided_by_a_second_message() {
    check(&[FTD], "recorded #1 ftd 100.00 EUR pending");
    let approve = "change acme-1 ftd conv_status=approved";
    check(&[FTD, approve], "decided #1 ftd 100.00 EUR approved");
    check(&[FTD, "change acme-1 ftd conv_status=rejected"], "decided #1 ftd 100.00 EUR rejected");
    check(&[FTD, "change acme-1 ftd 100 EUR conv_status=approved"], "decided #1 ftd 100.00 EUR approved");
    check(
        &[FTD, "change acme-1 ftd conv_status=ok approved_status=ok;paid"],
        "decided #1 ftd 100.00 EUR approved",
    );
}

#[test]
fn goals_with_an_immediate_flow_count_at_once() {
    check(&["conv acme-1 reg"], "recorded #1 reg approved");
    check(&["conv acme-1 reg 5 EUR"], "recorded #1 reg 5.00 EUR approved");
    check(&["conv acme-1 kyc"], "recorded #1 kyc approved");
    check(&["conv acme-1 turnover 7.5 EUR"], "recorded #1 turnover 7.50 EUR approved");
    check(&[FTD, "conv acme-1 rdep 20 EUR"], "recorded #2 rdep 20.00 EUR approved");
    check(&["conv acme-1 reg conv_status=approved"], "recorded #1 reg approved");
}

#[test]
fn goals_with_an_immediate_flow_have_no_other_status() {
    check(&["conv acme-1 reg conv_status=pending"], "no_status_flow goal_alias");
    check(&["conv acme-1 reg conv_status=rejected"], "no_status_flow goal_alias");
    check(&["conv acme-1 reg", "change acme-1 reg conv_status=approved"], "no_status_flow goal_alias");
    check(&["change acme-1 reg conv_status=approved"], "no_status_flow goal_alias");
    check(&["addchange acme-1 reg conv_status=approved"], "no_status_flow goal_alias");
    check(&["change plain-1 revshare 1 EUR conv_status=approved"], "no_status_flow goal_alias");
}

#[test]
fn custom_goals_follow_their_own_rules() {
    check(&["conv acme-1 vip"], "recorded #1 vip pending");
    check(&["conv acme-1 vip", "change acme-1 vip conv_status=rejected"], "decided #1 vip rejected");
    check(&["conv acme-1 level 3 EUR"], "recorded #1 level 3.00 EUR pending");
    check(&["conv acme-1 level", "conv acme-1 level"], "recorded #2 level pending suspected");
    check(&["conv acme-1 kyc 0"], "recorded #1 kyc approved");
}

#[test]
fn what_a_merchant_may_record_as_decided_is_set_up_for_it() {
    check(&["conv acme-1 ftd 1 EUR conv_status=pending"], "recorded #1 ftd 1.00 EUR pending");
    check(&["conv acme-1 ftd 1 EUR conv_status=approved"], "status_not_allowed conv_status");
    check(&["conv acme-1 ftd 1 EUR conv_status=rejected"], "status_not_allowed conv_status");
    check(&["conv trusted-1 ftd 1 EUR conv_status=approved"], "recorded #1 ftd 1.00 EUR approved");
    check(&["conv trusted-1 ftd 1 EUR"], "recorded #1 ftd 1.00 EUR pending");
    check(&["conv trusted-1 ftd 1 EUR conv_status=rejected"], "status_not_allowed conv_status");
    check(&[FTD, "conv acme-1 ftd 100 EUR conv_status=approved"], "status_not_allowed conv_status");
}

#[test]
fn a_click_has_to_be_the_merchants_own() {
    check(&["conv acme-9 reg"], "click_not_found click_id");
    check(&["plain: conv acme-1 reg"], "click_not_found click_id");
    check(&["plain: change acme-1 ftd conv_status=approved"], "click_not_found click_id");
    check(&["click acme-9 acme orchid", "conv acme-9 reg"], "recorded #2 reg approved");
    check(&["click acme-9 acme orchid", "plain: conv acme-9 reg"], "click_not_found click_id");
}

#[test]
fn the_click_is_looked_for_before_the_rules_are_applied() {
    check(&["conv plain-9 revshare 1 EUR"], "click_not_found click_id");
    check(&["conv acme-9 rdep 1 EUR"], "click_not_found click_id");
    check(&["change acme-9 reg conv_status=approved"], "click_not_found click_id");
    check(&["conv acme-9 ftd 1 EUR conv_status=approved"], "click_not_found click_id");
}

#[test]
fn parameters_are_judged_before_the_click() {
    check(&["conv acme-9 nogoal"], "unknown_goal goal_alias");
    check(&["conv acme-9 ftd 0 EUR"], "invalid_amount amount");
    check(&["conv plain-9 ftd 1 GBP"], "invalid_currency currency");
}

#[test]
fn a_goal_that_is_reached_once_is_recorded_once() {
    let recorded = "duplicate #1 ftd 100.00 EUR pending";
    check(&[FTD, FTD], recorded);
    check(&[FTD, "conv acme-1 ftd 100.00 eur"], recorded);
    check(&[FTD, "wait 86400000", FTD], recorded);
    check(&[FTD, "conv acme-1 ftd 100 EUR transaction_id=T1"], recorded);
    check(&[FTD, "conv acme-2 ftd 100 EUR"], "recorded #2 ftd 100.00 EUR pending");
    check(&["conv acme-1 reg", "conv acme-1 reg"], "duplicate #1 reg approved");
    check(&["conv acme-1 reg 0 EUR", "conv acme-1 reg"], "duplicate #1 reg 0.00 EUR approved");
    let approve = "change acme-1 ftd conv_status=approved";
    check(&[FTD, approve, FTD], "duplicate #1 ftd 100.00 EUR approved");
}

#[test]
fn a_repetition_that_differs_is_a_conflict() {
    check(&[FTD, "conv acme-1 ftd 101 EUR"], "conflicting_duplicate amount");
    check(&[FTD, "conv acme-1 ftd 100 USD"], "conflicting_duplicate currency");
    check(&[FTD, "addchange acme-1 ftd 101 EUR conv_status=approved"], "conflicting_duplicate amount");
    check(&["conv acme-1 reg", "conv acme-1 reg 5 EUR"], "conflicting_duplicate amount");
    check(&["conv acme-1 kyc", "conv acme-1 kyc currency=EUR"], "conflicting_duplicate currency");
}

#[test]
fn a_transaction_id_makes_a_repeatable_goal_safe_to_retry() {
    let first = "conv acme-1 rdep 20 EUR transaction_id=T1";
    check(&[FTD, first, first], "duplicate #2 rdep 20.00 EUR approved T1");
    check(&[FTD, first, "wait 86400000", first], "duplicate #2 rdep 20.00 EUR approved T1");
    let second = "conv acme-1 rdep 20 EUR transaction_id=T2";
    check(&[FTD, first, second], "recorded #3 rdep 20.00 EUR approved T2");
    check(&[FTD, first, "conv acme-1 rdep 21 EUR transaction_id=T1"], "conflicting_duplicate amount");
    check(&[FTD, first, "conv acme-1 rdep 20 USD transaction_id=T1"], "conflicting_duplicate currency");
    let level = "conv acme-1 level transaction_id=T1";
    check(&[level, level], "duplicate #1 level pending T1");
    let share = "conv acme-1 revshare -5 EUR transaction_id=T1";
    check(&[share, share], "duplicate #1 revshare -5.00 EUR approved T1 revenue -1.75 x 0.35");
}

#[test]
fn a_transaction_id_is_unique_within_a_merchant_and_goal() {
    let first = "conv acme-1 level transaction_id=T1";
    check(&[first, "conv acme-2 level transaction_id=T1"], "conflicting_duplicate transaction_id");
    check(&[first, "conv plain-1 level transaction_id=T1"], "recorded #2 level pending T1");
    check(&[first, "conv acme-1 vip transaction_id=T1"], "recorded #2 vip pending T1");
    let vip = "conv acme-1 vip transaction_id=T1";
    check(&[vip, "conv acme-2 vip transaction_id=T1"], "conflicting_duplicate transaction_id");
}

#[test]
fn a_retry_is_a_duplicate_even_after_the_deal_has_changed() {
    let share = "conv acme-1 revshare 10 EUR transaction_id=T1";
    let mut world = World::new();
    let recorded = world.tell(share);
    world.configure("acme", |merchant| merchant.deal = Deal::Cpa);
    assert_eq!(world.tell(share), recorded.replace("recorded", "duplicate"));
    assert_eq!(world.tell("conv acme-1 revshare 10 EUR transaction_id=T2"), "deal_not_hybrid goal_alias");
}

#[test]
fn equal_deposits_without_a_transaction_id_both_count_and_the_later_is_suspected() {
    let deposit = "conv acme-1 rdep 20 EUR";
    let suspected = "recorded #3 rdep 20.00 EUR approved suspected";
    let unsuspected = "recorded #3 rdep 20.00 EUR approved";
    check(&[FTD, deposit, deposit], suspected);
    check(&[FTD, deposit, "wait 60000", deposit], suspected);
    check(&[FTD, deposit, "wait 60001", deposit], unsuspected);
    check(&[FTD, deposit, "conv acme-1 rdep 21 EUR"], "recorded #3 rdep 21.00 EUR approved");
    check(&[FTD, "conv acme-1 turnover 20 EUR", deposit], unsuspected);
    check(
        &[FTD, "conv acme-2 turnover 20 EUR", "conv acme-1 turnover 20 EUR"],
        "recorded #3 turnover 20.00 EUR approved",
    );
    let share = "conv acme-1 revshare 1 EUR";
    check(&[share, share], "recorded #2 revshare 1.00 EUR approved revenue 0.35 x 0.35 suspected");
}

#[test]
fn a_transaction_id_or_another_event_time_tells_equal_deposits_apart() {
    let deposit = "conv acme-1 rdep 20 EUR";
    let plain = "recorded #3 rdep 20.00 EUR approved";
    let with_id = "conv acme-1 rdep 20 EUR transaction_id=T1";
    check(&[FTD, deposit, with_id], "recorded #3 rdep 20.00 EUR approved T1");
    check(&[FTD, with_id, deposit], plain);
    let early = "conv acme-1 rdep 20 EUR event_time=1795168700";
    let late = "conv acme-1 rdep 20 EUR event_time=1795168701";
    check(&[FTD, early, late], plain);
    check(&[FTD, early, early], "recorded #3 rdep 20.00 EUR approved suspected");
    check(&[FTD, early, deposit], "recorded #3 rdep 20.00 EUR approved suspected");
}

#[test]
fn a_wary_merchants_suspected_duplicate_is_held_pending() {
    let deposit = "conv wary-1 rdep 20 EUR";
    let before = ["conv wary-1 ftd 100 EUR", deposit];
    let held = "recorded #3 rdep 20.00 EUR pending suspected";
    check(&[&before[..], &[deposit]].concat(), held);
    check(&[&before[..], &["wait 60001", deposit]].concat(), "recorded #3 rdep 20.00 EUR approved");
    let approve = "change wary-1 rdep conv_status=approved";
    check(&[&before[..], &[deposit, approve]].concat(), "no_status_flow goal_alias");
    let added = "addchange wary-1 level conv_status=approved";
    check(&[added, added], "recorded #2 level pending suspected");
    check(&[added, added, "change wary-1 level conv_status=approved"], "decided #2 level approved suspected");
}

#[test]
fn a_repeat_deposit_needs_a_first_deposit_whatever_its_status() {
    let deposit = "conv acme-1 rdep 20 EUR";
    check(&[deposit], "ftd_missing goal_alias");
    check(&["conv acme-2 ftd 100 EUR", deposit], "ftd_missing goal_alias");
    check(&["conv acme-1 reg", deposit], "ftd_missing goal_alias");
    let rejected = "addchange acme-1 ftd 100 EUR conv_status=rejected";
    check(&[rejected, deposit], "recorded #2 rdep 20.00 EUR approved");
    check(&["conv old-1 rdep 20 EUR"], "recorded #1 rdep 20.00 EUR approved");
    check(&["conv acme-1 revshare 1 EUR"], "recorded #1 revshare 1.00 EUR approved revenue 0.35 x 0.35");
}

#[test]
fn the_first_deposit_sets_the_players_currency() {
    check(&[FTD, "conv acme-1 rdep 20 USD"], "currency_mismatch currency");
    check(&[FTD, "conv acme-1 revshare 20 USD"], "currency_mismatch currency");
    check(&[FTD, "conv acme-1 turnover 20 USD"], "currency_mismatch currency");
    check(&[FTD, "change acme-1 ftd 100 USD conv_status=approved"], "currency_mismatch currency");
    check(&[FTD, "change acme-1 ftd currency=USD conv_status=approved"], "currency_mismatch currency");
    check(&[FTD, "conv acme-2 ftd 100 USD"], "recorded #2 ftd 100.00 USD pending");
    check(&["conv acme-1 reg 1 USD", FTD], "recorded #2 ftd 100.00 EUR pending");
    check(
        &["conv acme-1 turnover 1 USD", "conv acme-1 turnover 1 EUR"],
        "recorded #2 turnover 1.00 EUR approved",
    );
}

#[test]
fn a_player_older_than_the_tracker_keeps_the_currency_of_the_first_deposit_that_we_saw() {
    let deposit = "conv old-1 rdep 20 EUR";
    check(&[deposit, "conv old-1 rdep 20 USD"], "currency_mismatch currency");
    check(&[deposit, "conv old-1 turnover 20 USD"], "currency_mismatch currency");
    check(&[deposit, "conv old-1 ftd 20 USD"], "currency_mismatch currency");
    check(&[deposit, "conv old-1 ftd 20 EUR"], "recorded #2 ftd 20.00 EUR pending");
}

#[test]
fn revenue_share_is_for_hybrid_deals_and_takes_the_merchants_multiplier() {
    check(&["conv plain-1 revshare 1 EUR"], "deal_not_hybrid goal_alias");
    let check_share = |amount: &str, expected: &str| {
        check(
            &[&format!("conv acme-1 revshare {amount} EUR")],
            &format!("recorded #1 revshare {expected} x 0.35"),
        );
    };
    check_share("1000.10", "1000.10 EUR approved revenue 350.035");
    check_share("-20", "-20.00 EUR approved revenue -7.00");
    check_share("0.12345678", "0.12345678 EUR approved revenue 0.04320987");
    check(&["conv wary-1 revshare 7 EUR"], "recorded #1 revshare 7.00 EUR approved revenue 7.00 x 1");
}

#[test]
fn a_status_change_names_its_conversion_by_the_transaction_id() {
    let levels = ["conv acme-1 level transaction_id=T1", "conv acme-1 level transaction_id=T2"];
    let after = |line| [&levels[..], &[line]].concat();
    check(
        &after("change acme-1 level conv_status=approved transaction_id=T2"),
        "decided #2 level approved T2",
    );
    check(
        &after("change acme-1 level conv_status=approved transaction_id=T3"),
        "conversion_not_found transaction_id",
    );
    check(
        &after("change acme-2 level conv_status=approved transaction_id=T1"),
        "conversion_not_found transaction_id",
    );
    check(
        &after("change acme-1 vip conv_status=approved transaction_id=T1"),
        "conversion_not_found transaction_id",
    );
    check(
        &[FTD, "change acme-1 ftd conv_status=approved transaction_id=T1"],
        "conversion_not_found transaction_id",
    );
}

#[test]
fn a_status_change_without_a_transaction_id_means_the_only_conversion_or_the_only_pending_one() {
    let approve = "change acme-1 level conv_status=approved";
    let approve_first = "change acme-1 level conv_status=approved transaction_id=T1";
    let (first, second) = ("conv acme-1 level transaction_id=T1", "conv acme-1 level 5 EUR");
    check(&[approve], "conversion_not_found goal_alias");
    check(&["conv acme-2 level", approve], "conversion_not_found goal_alias");
    check(&["change acme-1 ftd conv_status=rejected"], "conversion_not_found goal_alias");
    check(&[first, approve], "decided #1 level approved T1");
    check(&[first, second, approve], "ambiguous_conversion transaction_id");
    check(&[first, second, approve_first, approve], "decided #2 level 5.00 EUR approved");
    check(&[first, second, approve_first, approve, approve], "ambiguous_conversion transaction_id");
}

#[test]
fn a_status_change_repeats_the_recorded_amount_or_leaves_it_out() {
    check(&[FTD, "change acme-1 ftd 101 EUR conv_status=approved"], "amount_mismatch amount");
    check(&[FTD, "change acme-1 ftd 101 USD conv_status=approved"], "currency_mismatch currency");
    check(&["conv acme-1 vip", "change acme-1 vip 1 EUR conv_status=approved"], "amount_mismatch amount");
    check(&["conv acme-1 vip", "change acme-1 vip 0 conv_status=approved"], "decided #1 vip approved");
    check(&["change acme-1 ftd 101 EUR conv_status=approved"], "conversion_not_found goal_alias");
}

#[test]
fn a_decision_is_final() {
    let (approve, reject) =
        ("change acme-1 ftd conv_status=approved", "change acme-1 ftd conv_status=rejected");
    check(&[FTD, approve, approve], "duplicate #1 ftd 100.00 EUR approved");
    check(&[FTD, approve, reject], "already_decided conv_status");
    check(&[FTD, reject, reject], "duplicate #1 ftd 100.00 EUR rejected");
    check(&[FTD, reject, approve], "already_decided conv_status");
    let trusted = "conv trusted-1 ftd 1 EUR conv_status=approved";
    check(&[trusted, "change trusted-1 ftd conv_status=rejected"], "already_decided conv_status");
    check(&[FTD, approve, "change acme-1 ftd 1 EUR conv_status=approved"], "amount_mismatch amount");
}

#[test]
fn addchange_records_and_decides_or_decides_what_is_recorded() {
    let approve = "addchange acme-1 ftd 100 EUR conv_status=approved";
    let reject = "addchange acme-1 ftd 100 EUR conv_status=rejected";
    check(&[approve], "recorded #1 ftd 100.00 EUR approved");
    check(&[reject], "recorded #1 ftd 100.00 EUR rejected");
    check(&[FTD, approve], "decided #1 ftd 100.00 EUR approved");
    check(&[approve, approve], "duplicate #1 ftd 100.00 EUR approved");
    check(&[approve, reject], "already_decided conv_status");
    check(&[approve, FTD], "duplicate #1 ftd 100.00 EUR approved");
    let level = "addchange acme-1 level conv_status=approved transaction_id=T1";
    check(&[level], "recorded #1 level approved T1");
    check(&["conv acme-1 level transaction_id=T1", level], "decided #1 level approved T1");
    check(&[level, level], "duplicate #1 level approved T1");
    check(&[FTD, "addchange acme-1 vip 1 USD conv_status=approved"], "currency_mismatch currency");
}

#[test]
fn a_dry_run_checks_everything_and_records_nothing() {
    let dry = "conv acme-1 ftd 100 EUR dry_run=1";
    check(&[dry], "dry_run: recorded #1 ftd 100.00 EUR pending");
    check(&[dry, FTD], "recorded #2 ftd 100.00 EUR pending");
    check(&[FTD, dry], "dry_run: duplicate #1 ftd 100.00 EUR pending");
    check(&[FTD, "conv acme-1 ftd 9 EUR dry_run=1"], "conflicting_duplicate amount");
    let dry_approve = "change acme-1 ftd conv_status=approved dry_run=1";
    check(&[FTD, dry_approve], "dry_run: decided #1 ftd 100.00 EUR approved");
    check(&[FTD, dry_approve, FTD], "duplicate #1 ftd 100.00 EUR pending");
    check(&["conv acme-1 ftd 100 EUR dry_run=0", FTD], "duplicate #1 ftd 100.00 EUR pending");
}

#[test]
fn a_conversion_keeps_what_was_reported_and_the_facts_of_its_click() {
    let mut world = World::new();
    world.tell("conv acme-1 rdep 1 EUR");
    world.tell("conv acme-1 ftd 100 EUR event_time=1795168700 note=hello player=7");
    let conversion = &world.ledger.conversions[0];
    assert_eq!((conversion.offer.as_str(), conversion.affiliate.as_str()), ("acme", "lotus"));
    assert_eq!(conversion.extra, fixture::params("note=hello&player=7"));
    assert_eq!(conversion.event_time, Some(Timestamp::from_millis(1_795_168_700_000)));
    assert_eq!((conversion.created_at, conversion.decided_at), (fixture::NOW, None));
    world.tell("wait 1000");
    world.tell("change acme-1 ftd conv_status=approved");
    let conversion = &world.ledger.conversions[0];
    assert_eq!(conversion.created_at, fixture::NOW);
    assert_eq!(conversion.decided_at, Some(fixture::NOW.plus_millis(1000)));
}

#[test]
fn every_change_leaves_a_step_of_history() {
    #[track_caller]
    fn check(lines: &[&str], expected: &[&str]) {
        let mut world = World::new();
        for line in lines {
            world.tell(line);
        }
        let step = |s: &StatusEvent| {
            let from = s.from.map_or("new", Status::as_str);
            let reason = s.reason.as_deref().unwrap_or("-");
            format!(
                "{} {from} -> {} by {} in {}: {reason}",
                s.step,
                s.to,
                s.actor,
                s.request.uuid().as_u128()
            )
        };
        let steps: Vec<_> = world.ledger.history.iter().map(step).collect();
        assert_eq!(steps, expected, "{lines:?}");
    }
    check(&["conv acme-1 reg", "conv acme-1 reg"], &["1 new -> approved by merchant:acme in 1: -"]);
    check(
        &[
            FTD,
            "change acme-1 ftd conv_status=rejected reason=fraud",
            "change acme-1 ftd conv_status=approved",
        ],
        &["1 new -> pending by merchant:acme in 1: -", "2 pending -> rejected by merchant:acme in 2: fraud"],
    );
    check(
        &["addchange acme-1 ftd 1 EUR conv_status=approved"],
        &["1 new -> pending by merchant:acme in 1: -", "2 pending -> approved by merchant:acme in 1: -"],
    );
}

#[test]
fn what_was_removed_from_the_catalog_meanwhile_is_unknown() {
    let mut world = World::new();
    let event = world.read("conv acme-1 kyc").unwrap();
    world.configure("acme", |merchant| merchant.goals.retain(|goal| goal.alias.as_str() != "kyc"));
    assert_eq!(world::shown(&world.submit(&event).0), "unknown_goal goal_alias");
}

#[test]
fn a_refusal_says_what_to_send_instead() {
    #[track_caller]
    fn check(lines: &[&str], expected: &str) {
        let mut world = World::new();
        let (last, before) = lines.split_last().unwrap();
        for line in before {
            world.tell(line);
        }
        let event = world.read(last).unwrap();
        let Verdict::Refused(refusal) = world.submit(&event).0 else { panic!("{lines:?} is accepted") };
        assert!(refusal.detail.contains(expected), "{}", refusal.detail);
    }
    check(&[FTD, "conv acme-1 rdep 1 USD"], "Send EUR, the currency of this player's first deposit");
    check(&[FTD, "conv acme-1 ftd 1 EUR"], "recorded with the amount 100.00 EUR");
    check(&[FTD, "change acme-1 ftd 1 EUR conv_status=approved"], "The recorded amount is 100.00 EUR");
    check(&["conv acme-1 rdep 1 EUR"], "goal_alias=ftd");
    let vip = "conv acme-1 vip transaction_id=T1";
    check(&[vip, "conv acme-2 vip transaction_id=T1"], "This `transaction_id` is already recorded");
}

#[test]
fn a_manager_decides_what_is_pending_and_gives_a_reason_to_reject() {
    check(&[FTD, "anna: approve #1"], "decided #1 ftd 100.00 EUR approved");
    check(&[FTD, "anna: reject #1 stolen card"], "decided #1 ftd 100.00 EUR rejected");
    check(&[FTD, "anna: reject #1"], "missing_reason reason");
    check(&[FTD, "anna: approve #7"], "conversion_not_found id");
}

#[test]
fn a_manager_reverses_a_decision_with_a_reason_only() {
    let approved = "change acme-1 ftd conv_status=approved";
    check(&[FTD, approved, "anna: reject #1 charged back"], "decided #1 ftd 100.00 EUR rejected");
    check(&[FTD, approved, "anna: reject #1"], "already_decided reason");
    check(&[FTD, "anna: reject #1 test", "anna: approve #1"], "already_decided reason");
    check(&[FTD, "anna: reject #1 test", "anna: approve #1 a mistake"], "decided #1 ftd 100.00 EUR approved");
    check(&["conv acme-1 reg", "anna: reject #1 a bot"], "decided #1 reg rejected");
}

#[test]
fn a_manager_never_overwrites_what_somebody_else_has_decided_meanwhile() {
    let approved = "change acme-1 ftd conv_status=approved";
    check(&[FTD, approved, "anna: reject #1 seen=pending stolen card"], "already_decided status");
    check(&[FTD, approved, "anna: approve #1 seen=pending"], "duplicate #1 ftd 100.00 EUR approved");
    check(&[FTD, "anna: reject #1 stolen card", approved], "already_decided conv_status");
}

#[test]
fn a_managers_decision_is_a_step_of_the_history_with_its_reason() {
    let mut world = World::new();
    world.tell(FTD);
    world.tell("anna: reject #1 stolen card");
    let step = world.ledger.history.last().unwrap();
    assert_eq!((step.step, step.from, step.to), (2, Some(Status::Pending), Status::Rejected));
    assert_eq!((step.actor.to_string().as_str(), step.reason.as_deref()), ("user:anna", Some("stolen card")));
}
