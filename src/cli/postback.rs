//! `countersign postback`

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
    domain::{catalog::Catalog, endpoint::PostbackEndpoint, setting::SettingKind},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List postback endpoints and how they fare.
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
            act.run(settings, &base, &catalog, SettingKind::Postback, SystemClock.now(), output).await?;
        }
    }
    base.storage.close().await;
    Ok(())
}

async fn list(base: &Base, catalog: &Catalog, output: Output) -> anyhow::Result<()> {
    let health = base.storage.endpoint_health().await?;
    let mut endpoints: Vec<_> = catalog.endpoints.values().flatten().collect();
    endpoints.sort_by(|one, other| one.id.cmp(&other.id));
    let state = |it: &PostbackEndpoint| state(it.active, health.get(&it.id));
    output.list(
        &endpoints,
        |it| json!({ "id": it.id, "affiliate": it.affiliate, "offer": it.offer, "goal": it.goal, "state": state(it) }),
        |it| format!("{}  {}  {}  {}", it.id, it.affiliate, it.method.as_str(), state(it)),
    );
    Ok(())
}
