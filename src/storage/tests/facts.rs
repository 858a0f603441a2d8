//! Clicks are found by their ids only where those tell when they were recorded.

use uuid::Uuid;

use crate::{
    clock::new_uuid,
    domain::{
        click::Click,
        fixture::NOW,
        ids::{AffiliateId, ClickId, MerchantId, OfferId},
        time::Timestamp,
    },
    storage::facts::{CLICK_AGE_MAX, id_at, id_tells_time},
};

#[test]
fn only_a_click_whose_id_was_drawn_just_before_is_found_by_it() {
    #[track_caller]
    fn check(id: &str, at: Timestamp, expected: bool) {
        let click = Click {
            id: ClickId::parse(id).unwrap(),
            offer: OfferId::parse("acme").unwrap(),
            affiliate: AffiliateId::parse("lotus").unwrap(),
            merchant: MerchantId::parse("acme").unwrap(),
            at,
        };
        assert_eq!(id_tells_time(&click, NOW), expected, "{id} {at}");
    }
    let drawn = |before: i64| new_uuid(NOW.plus_millis(-before)).to_string();
    check(&drawn(0), NOW, true);
    check(&drawn(CLICK_AGE_MAX), NOW, true);
    check(&drawn(CLICK_AGE_MAX + 1), NOW, false);
    check(&drawn(-1), NOW, false);
    check(&drawn(0), NOW.plus_millis(-1), false);
    check(&drawn(0).to_uppercase(), NOW, false);
    check(&drawn(0).replace('-', ""), NOW, false);
    check("player-1", NOW, false);
    check("0190163d-8694-439b-aea5-966c26f8ad91", NOW, false);
    let lowest = |time| id_at(time).to_string();
    assert!(lowest(NOW) < drawn(0) && drawn(0) < lowest(NOW.plus_millis(1)));
    assert_eq!(id_at(Timestamp::from_millis(i64::MAX)), id_at(Timestamp::from_millis((1 << 48) - 1)));
    assert_eq!(id_at(Timestamp::from_millis(-5)), Uuid::nil());
}
