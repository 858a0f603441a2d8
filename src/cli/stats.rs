//! `countersign stats`

use std::time::Duration;

use clap::Subcommand;

use super::Output;
use crate::{
    app::Base,
    clock::{Clock, SystemClock},
    config::Settings,
    storage::RollUp,
};

/// How long to wait where somebody else is rolling up just now.
const ELSEWHERE_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Count everything anew from the ledger, beside a running server. Statistics stay right meanwhile, only slower.
    Rebuild,
}

pub(super) async fn run(settings: &Settings, command: &Command, output: Output) -> anyhow::Result<()> {
    let Command::Rebuild = command;
    let base = Base::open(settings).await?;
    base.storage.forget_roll_up().await?;
    loop {
        match base.storage.roll_up(SystemClock.now()).await? {
            RollUp::Further { .. } => {}
            RollUp::Elsewhere => tokio::time::sleep(ELSEWHERE_PAUSE).await,
            RollUp::Done | RollUp::ClockBehind { .. } => break,
        }
    }
    while base.storage.clear_forgotten_pages().await? {}
    let until = base.storage.rolled_until().await?;
    if output.json {
        println!("{}", serde_json::json!({ "rolled_until": until }));
    } else {
        println!("rebuilt: everything before {until} is rolled up");
    }
    base.storage.close().await;
    Ok(())
}
