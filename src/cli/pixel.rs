//! `countersign pixel`

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use super::{Output, example, operator};
use crate::{
    app::{Base, delivery_client},
    clock::{Clock, SystemClock},
    config::Settings,
    delivery,
    domain::{
        catalog::Catalog,
        ids::{AffiliateId, EndpointId},
        pixel::Pixel,
        status::Status,
        time::Timestamp,
    },
};

/// By how many of the newest clicks is judged whether a platform can find players again.
const CLICKS_JUDGED: u32 = 100;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List pixels, how they fare, and what to see to before money is spent.
    List,
    /// See whether a platform takes what a pixel tells it, and print request and answer. Nothing is told that it would
    /// count.
    Test {
        /// The pixel.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
    /// Pause a pixel: its deliveries wait.
    Pause {
        /// The pixel.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
    /// Let a paused pixel go on with what waits.
    Resume {
        /// The pixel.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let now = SystemClock.now();
    let catalog = base.storage.catalog().await?;
    let named = |id: &EndpointId| catalog.pixel(id).with_context(|| format!("there is no pixel {id}"));
    match &command {
        Command::List => list(&base, &catalog, output).await?,
        Command::Test { id } => test(settings, named(id)?, &catalog, now, output).await?,
        Command::Pause { id } => {
            let why = "paused by hand".to_owned();
            base.storage.pause_endpoint(&named(id)?.id, Some(why), &operator(now)).await?;
            println!("{id} is paused; its deliveries wait");
        }
        Command::Resume { id } => {
            base.storage.pause_endpoint(&named(id)?.id, None, &operator(now)).await?;
            println!("{id} goes on with what waits");
        }
    }
    base.storage.close().await;
    Ok(())
}

async fn list(base: &Base, catalog: &Catalog, output: Output) -> anyhow::Result<()> {
    let health = base.storage.endpoint_health().await?;
    let mut pixels: Vec<_> = catalog.pixels.values().flatten().collect();
    pixels.sort_by(|one, other| one.id.cmp(&other.id));
    let mut listed = Vec::new();
    for pixel in pixels {
        let clicks =
            base.storage.newest_click_params(&pixel.offer, pixel.affiliate.as_ref(), CLICKS_JUDGED).await?;
        let state = example::state(pixel.active, health.get(&pixel.id));
        listed.push((pixel, state, pixel.warnings(&clicks)));
    }
    output.list(
        &listed,
        |(pixel, state, warnings)| {
            let events: serde_json::Map<_, _> = pixel
                .events
                .iter()
                .filter_map(|(goal, name)| Some((goal.to_string(), name.as_ref()?.as_str().into())))
                .collect();
            json!({
                "id": pixel.id, "platform": pixel.platform.as_str(), "pixel_id": pixel.platform_id.as_str(),
                "offer": pixel.offer, "affiliate": pixel.affiliate, "when": pixel.when.as_str(), "events": events,
                "state": state, "warnings": warnings,
            })
        },
        |(pixel, state, warnings)| {
            let affiliate = pixel.affiliate.as_ref().map_or("every affiliate", AffiliateId::as_str);
            let Pixel { id, offer, .. } = pixel.as_ref();
            let line = format!("{id}  {}  {offer}  {affiliate}  {state}", pixel.platform.as_str());
            [&[line], warnings.as_slice()].concat().join("\n    warning: ")
        },
    );
    Ok(())
}

async fn test(
    settings: &Settings,
    pixel: &Pixel,
    catalog: &Catalog,
    now: Timestamp,
    output: Output,
) -> anyhow::Result<()> {
    let of = example::Of {
        affiliate: pixel.affiliate.as_ref(),
        offer: Some(&pixel.offer),
        goal: pixel.example_goal(),
        status: Status::Approved,
    };
    let facts = example::facts(&of, catalog, now)?;
    let sent = delivery::test_pixel(&delivery_client(settings)?, pixel, &facts, now).await;
    example::report(sent, now, output)
}
