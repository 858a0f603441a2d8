//! `countersign migrate`

use crate::{app::Base, config::Settings};

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    Base::open(settings).await?.storage.close().await;
    println!("{} is up to date", settings.database_url.shown());
    Ok(())
}
