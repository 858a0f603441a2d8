//! What a test of an endpoint tells: a conversion that never was, and says so in its ids.

use super::{
    catalog::Catalog,
    conversion::Conversion,
    endpoint::Endpoint,
    ids::{AffiliateId, ClickId, ConversionId, DeliveryId, GoalAlias, MerchantId, OfferId},
    money::Money,
    outgoing::Facts,
    params::Params,
    status::Status,
    time::Timestamp,
};

/// What marks an example wherever a receiver may look.
const EXAMPLE: &str = "countersign-test";

/// Parameters of its click whose values say what they are.
const CLICK_PARAMS: [&str; 7] =
    ["cl_id", "sub1", "user_id", "username", "fbclid", "ttclid", "client_user_agent"];

/// An amount of 100.
const AMOUNT: Money = Money::from_stored(100 * 100_000_000).unwrap();

/// Of what an example shall be, as far as an endpoint says.
struct Of<'a> {
    affiliate: Option<&'a AffiliateId>,
    offer: Option<&'a OfferId>,
    goal: Option<&'a GoalAlias>,
    status: Status,
}

impl<'a> Of<'a> {
    fn endpoint(endpoint: &'a Endpoint) -> Self {
        match endpoint {
            Endpoint::Postback(postback) => Self {
                affiliate: Some(&postback.affiliate),
                offer: postback.offer.as_ref(),
                goal: postback.goal.as_ref(),
                status: postback.statuses.first().copied().unwrap_or(Status::Approved),
            },
            Endpoint::Pixel(pixel) => Self {
                affiliate: pixel.affiliate.as_ref(),
                offer: Some(&pixel.offer),
                goal: pixel.example_goal(),
                status: Status::Approved,
            },
        }
    }
}

/// An example of what this endpoint is told.
///
/// # Panics
/// Never: the ids of an example are valid ones.
pub fn facts(
    endpoint: &Endpoint,
    catalog: &Catalog,
    delivery: DeliveryId,
    conversion: ConversionId,
    now: Timestamp,
) -> Facts {
    let of = Of::endpoint(endpoint);
    let offer = of.offer.and_then(|id| catalog.offers.get(id)).or_else(|| catalog.offers.values().next());
    let affiliate = of.affiliate.or_else(|| catalog.affiliates.keys().next());
    let example = |text| format!("{EXAMPLE}-{text}");
    let mut click_params = Params::new();
    for name in CLICK_PARAMS {
        click_params.push(name, example(name));
    }
    click_params.push("client_id", "1234567890.1234567890");
    let valid = "the ids of an example are valid";
    let no_merchant = || MerchantId::parse(EXAMPLE).expect(valid);
    let no_offer = || OfferId::parse(EXAMPLE).expect(valid);
    let no_affiliate = || AffiliateId::parse(EXAMPLE).expect(valid);
    let conversion = Conversion {
        id: conversion,
        click: ClickId::parse(&example("click")).expect(valid),
        merchant: offer.map_or_else(no_merchant, |offer| offer.merchant.clone()),
        offer: offer.map_or_else(no_offer, |offer| offer.id.clone()),
        affiliate: affiliate.cloned().unwrap_or_else(no_affiliate),
        goal: of.goal.cloned().unwrap_or_else(|| GoalAlias::parse("ftd").expect(valid)),
        once: true,
        status: Status::Approved,
        steps: 1,
        amount: AMOUNT,
        currency: catalog.currencies.find("EUR"),
        revenue: None,
        transaction: None,
        suspected_duplicate: false,
        created_at: now,
        decided_at: Some(now),
        event_time: None,
        payout: None,
        extra: Params::new(),
    };
    Facts {
        delivery,
        conversion,
        click_params,
        clicked_at: now,
        player_id: None,
        status: of.status,
        reason: None,
        changed_at: now,
    }
}
