//! `countersign postback`

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;

use super::{Output, deliveries::told};
use crate::{
    app::{Base, delivery_client},
    clock::{Clock, SystemClock, new_uuid},
    config::Settings,
    delivery,
    domain::{
        catalog::Catalog,
        conversion::Conversion,
        endpoint::PostbackEndpoint,
        ids::{ClickId, ConversionId, DeliveryId, EndpointId, GoalAlias, MerchantId, OfferId},
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

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List postback endpoints and how they fare.
    List,
    /// Send a marked example conversion and print request and answer.
    Test {
        /// The endpoint.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
    /// Pause an endpoint: its deliveries wait.
    Pause {
        /// The endpoint.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
    /// Let a paused endpoint go on with what waits.
    Resume {
        /// The endpoint.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let now = SystemClock.now();
    let catalog = base.storage.catalog().await?;
    let named =
        |id: &EndpointId| catalog.endpoint(id).with_context(|| format!("there is no postback endpoint {id}"));
    match &command {
        Command::List => list(&base, &catalog, output).await?,
        Command::Test { id } => test(settings, named(id)?, &catalog, now, output).await?,
        Command::Pause { id } => {
            let why = "paused by hand".to_owned();
            base.storage.pause_endpoint(&named(id)?.id, Some((now, why))).await?;
            println!("{id} is paused; its deliveries wait");
        }
        Command::Resume { id } => {
            base.storage.pause_endpoint(&named(id)?.id, None).await?;
            println!("{id} goes on with what waits");
        }
    }
    base.storage.close().await;
    Ok(())
}

async fn list(base: &Base, catalog: &Catalog, output: Output) -> anyhow::Result<()> {
    let health = base.storage.endpoint_health().await?;
    let mut endpoints: Vec<_> = catalog.endpoints.values().flatten().collect();
    endpoints.sort_by(|one, other| one.id.cmp(&other.id));
    let state = |endpoint: &PostbackEndpoint| match health.get(&endpoint.id) {
        _ if !endpoint.active => "switched off".to_owned(),
        Some(EndpointHealth { paused: Some((at, why)), .. }) => format!("paused since {at}: {why}"),
        Some(EndpointHealth { failing_since: Some(at), .. }) => format!("failing since {at}"),
        _ => "well".to_owned(),
    };
    output.list(
        &endpoints,
        |it| json!({ "id": it.id, "affiliate": it.affiliate, "offer": it.offer, "goal": it.goal, "state": state(it) }),
        |it| format!("{}  {}  {}  {}", it.id, it.affiliate, it.method.as_str(), state(it)),
    );
    Ok(())
}

async fn test(
    settings: &Settings,
    endpoint: &PostbackEndpoint,
    catalog: &Catalog,
    now: Timestamp,
    output: Output,
) -> anyhow::Result<()> {
    let facts = example(endpoint, catalog, now)?;
    let sent = delivery::send(&delivery_client(settings)?, endpoint, &facts, now).await;
    let attempt = Attempt {
        number: 1,
        at: now,
        request: sent.request,
        status: sent.result.status,
        answer: sent.answer,
        error: sent.result.error,
        duration_us: sent.duration_us,
    };
    if output.json {
        println!("{:#}", json!(attempt));
    } else {
        println!("{}", told(&attempt));
    }
    match attempt.error {
        None => Ok(()),
        Some(error) => bail!("the endpoint did not take it: {error}"),
    }
}

/// A conversion that never was, and says so in its ids.
fn example(endpoint: &PostbackEndpoint, catalog: &Catalog, now: Timestamp) -> anyhow::Result<Facts> {
    let offer = endpoint
        .offer
        .as_ref()
        .and_then(|id| catalog.offers.get(id))
        .or_else(|| catalog.offers.values().next());
    let example = |text| format!("{EXAMPLE}-{text}");
    let mut click_params = Params::new();
    for name in ["cl_id", "sub1", "user_id", "username"] {
        click_params.push(name, example(name));
    }
    let conversion = Conversion {
        id: ConversionId::new(new_uuid(now)),
        click: ClickId::parse(&example("click"))?,
        merchant: offer.map_or_else(|| MerchantId::parse(EXAMPLE), |offer| Ok(offer.merchant.clone()))?,
        offer: offer.map_or_else(|| OfferId::parse(EXAMPLE), |offer| Ok(offer.id.clone()))?,
        affiliate: endpoint.affiliate.clone(),
        goal: endpoint.goal.clone().map_or_else(|| GoalAlias::parse("ftd"), Ok)?,
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
        extra: Params::new(),
    };
    let status = endpoint.statuses.first().copied().unwrap_or(Status::Approved);
    let delivery = DeliveryId::new(new_uuid(now));
    Ok(Facts { delivery, conversion, click_params, status, reason: None, changed_at: now })
}
