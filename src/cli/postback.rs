//! `countersign postback`

use std::sync::Arc;

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
        endpoint::{Endpoint, PostbackEndpoint},
        ids::EndpointId,
        status::Status,
        time::Timestamp,
    },
};

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
    let mut endpoints: Vec<_> = catalog.endpoints.values().flatten().collect();
    endpoints.sort_by(|one, other| one.id.cmp(&other.id));
    let state = |it: &PostbackEndpoint| example::state(it.active, health.get(&it.id));
    output.list(
        &endpoints,
        |it| json!({ "id": it.id, "affiliate": it.affiliate, "offer": it.offer, "goal": it.goal, "state": state(it) }),
        |it| format!("{}  {}  {}  {}", it.id, it.affiliate, it.method.as_str(), state(it)),
    );
    Ok(())
}

async fn test(
    settings: &Settings,
    endpoint: &Arc<PostbackEndpoint>,
    catalog: &Catalog,
    now: Timestamp,
    output: Output,
) -> anyhow::Result<()> {
    let of = example::Of {
        affiliate: Some(&endpoint.affiliate),
        offer: endpoint.offer.as_ref(),
        goal: endpoint.goal.as_ref(),
        status: endpoint.statuses.first().copied().unwrap_or(Status::Approved),
    };
    let facts = example::facts(&of, catalog, now)?;
    let endpoint = Endpoint::Postback(Arc::clone(endpoint));
    let sent = delivery::send(&delivery_client(settings)?, &endpoint, &facts, None, now).await;
    example::report(sent, now, output)
}
