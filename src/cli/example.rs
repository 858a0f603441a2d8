//! What `postback test` and `pixel test` tell: a conversion that never was, and says so in its ids.

use anyhow::bail;
use serde_json::json;

use super::{Output, deliveries::told};
use crate::{
    clock::new_uuid,
    delivery::Sent,
    domain::{
        catalog::Catalog,
        conversion::Conversion,
        ids::{AffiliateId, ClickId, ConversionId, DeliveryId, GoalAlias, MerchantId, OfferId},
        money::Money,
        outgoing::Facts,
        params::Params,
        status::Status,
        time::Timestamp,
    },
    storage::{Attempt, EndpointHealth},
};

/// What marks an example wherever a receiver may look.
const EXAMPLE: &str = "countersign-test";

/// Of what an example shall be, as far as the endpoint says.
pub(super) struct Of<'a> {
    pub(super) affiliate: Option<&'a AffiliateId>,
    pub(super) offer: Option<&'a OfferId>,
    pub(super) goal: Option<&'a GoalAlias>,
    pub(super) status: Status,
}

pub(super) fn facts(of: &Of<'_>, catalog: &Catalog, now: Timestamp) -> anyhow::Result<Facts> {
    let offer = of.offer.and_then(|id| catalog.offers.get(id)).or_else(|| catalog.offers.values().next());
    let affiliate = of.affiliate.or_else(|| catalog.affiliates.keys().next());
    let example = |text| format!("{EXAMPLE}-{text}");
    let mut click_params = Params::new();
    for name in ["cl_id", "sub1", "user_id", "username", "fbclid", "ttclid", "client_user_agent"] {
        click_params.push(name, example(name));
    }
    click_params.push("client_id", "1234567890.1234567890");
    let conversion = Conversion {
        id: ConversionId::new(new_uuid(now)),
        click: ClickId::parse(&example("click"))?,
        merchant: offer.map_or_else(|| MerchantId::parse(EXAMPLE), |offer| Ok(offer.merchant.clone()))?,
        offer: offer.map_or_else(|| OfferId::parse(EXAMPLE), |offer| Ok(offer.id.clone()))?,
        affiliate: affiliate.map_or_else(|| AffiliateId::parse(EXAMPLE), |id| Ok(id.clone()))?,
        goal: of.goal.cloned().map_or_else(|| GoalAlias::parse("ftd"), Ok)?,
        once: true,
        status: Status::Approved,
        steps: 1,
        amount: Money::parse("100")?,
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
    Ok(Facts {
        delivery: DeliveryId::new(new_uuid(now)),
        conversion,
        click_params,
        clicked_at: now,
        player_id: None,
        status: of.status,
        reason: None,
        changed_at: now,
    })
}

/// Prints request and answer.
///
/// # Errors
/// When it was not taken.
pub(super) fn report(sent: Sent, now: Timestamp, output: Output) -> anyhow::Result<()> {
    let attempt = Attempt {
        number: 1,
        at: now,
        status: sent.result.status,
        error: sent.result.error().map(str::to_owned),
        request: sent.request,
        answer: sent.answer,
        duration_us: sent.duration_us,
    };
    if output.json {
        println!("{:#}", json!(attempt));
    } else {
        println!("{}", told(&attempt, "taken"));
    }
    match attempt.error {
        None => Ok(()),
        Some(error) => bail!("the endpoint did not take it: {error}"),
    }
}

/// How an endpoint fares, in words.
pub(super) fn state(active: bool, health: Option<&EndpointHealth>) -> String {
    match health {
        _ if !active => "switched off".to_owned(),
        Some(EndpointHealth { paused: Some((at, why)), .. }) => format!("paused since {at}: {why}"),
        Some(EndpointHealth { failing_since: Some(at), .. }) => format!("failing since {at}"),
        _ => "well".to_owned(),
    }
}
