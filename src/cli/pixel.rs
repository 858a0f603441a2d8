//! `countersign pixel`

use clap::Subcommand;
use serde_json::json;

use super::{
    Output,
    endpoint::{Act, state},
};
use crate::{
    app::Base,
    clock::{Clock, SystemClock},
    config::Settings,
    domain::{catalog::Catalog, ids::AffiliateId, pixel::Pixel, setting::SettingKind},
};

/// By how many of the newest clicks is judged whether a platform can find players again.
const CLICKS_JUDGED: u32 = 100;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List pixels, how they fare, and what to see to before money is spent.
    List,
    #[command(flatten)]
    Act(Act),
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let catalog = base.storage.catalog().await?;
    match &command {
        Command::List => list(&base, &catalog, output).await?,
        Command::Act(act) => {
            act.run(settings, &base, &catalog, SettingKind::Pixel, SystemClock.now(), output).await?;
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
        let state = state(pixel.active, health.get(&pixel.id));
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
