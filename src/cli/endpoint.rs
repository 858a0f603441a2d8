//! What is done to one endpoint, whether it is an affiliate's or an ad platform's.

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;

use super::{Output, deliveries::told, operator, operator_audit};
use crate::{
    app::{Base, delivery_client},
    config::Settings,
    delivery,
    domain::{catalog::Catalog, endpoint::Endpoint, ids::EndpointId, setting::SettingKind, time::Timestamp},
    storage::EndpointHealth,
};

#[derive(Debug, Subcommand)]
pub(super) enum Act {
    /// Send a marked example conversion, which no ad platform counts, and print request and answer.
    Test {
        /// Its id.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
    /// Pause it: its deliveries wait.
    Pause {
        /// Its id.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
    /// Let it go on with what waits.
    Resume {
        /// Its id.
        #[arg(value_parser = |id: &str| EndpointId::parse(id))]
        id: EndpointId,
    },
}

/// Why an endpoint is paused that somebody has paused by a command.
const BY_HAND: &str = "paused by hand";

impl Act {
    /// Does it to an endpoint of this kind.
    pub(super) async fn run(
        &self,
        settings: &Settings,
        base: &Base,
        catalog: &Catalog,
        kind: SettingKind,
        now: Timestamp,
        output: Output,
    ) -> anyhow::Result<()> {
        let (Self::Test { id } | Self::Pause { id } | Self::Resume { id }) = self;
        let found = catalog.every_endpoint().find(|endpoint| endpoint.id() == id && endpoint.kind() == kind);
        let what = if kind == SettingKind::Pixel { "pixel" } else { "postback endpoint" };
        let endpoint = found.with_context(|| format!("there is no {what} {id}"))?;
        match self {
            Self::Test { .. } => test(settings, base, &endpoint, catalog, now, output).await?,
            Self::Pause { .. } => {
                base.storage.pause_endpoint(id, Some(BY_HAND.to_owned()), &operator(now)).await?;
                println!("{id} is paused; its deliveries wait");
            }
            Self::Resume { .. } => {
                base.storage.pause_endpoint(id, None, &operator(now)).await?;
                println!("{id} goes on with what waits");
            }
        }
        Ok(())
    }
}

/// Prints request and answer; fails where the example was not taken.
async fn test(
    settings: &Settings,
    base: &Base,
    endpoint: &Endpoint,
    catalog: &Catalog,
    now: Timestamp,
    output: Output,
) -> anyhow::Result<()> {
    let (kind, id) = (endpoint.kind(), endpoint.id());
    let audit = operator_audit(now, &format!("{kind}.test"), &format!("{kind}:{id}"));
    base.storage.note_audit(&audit).await?;
    let sent = delivery::test(&delivery_client(settings)?, endpoint, catalog, now).await;
    let (attempt, _) = sent.into_attempt(1, now);
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
