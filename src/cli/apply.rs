//! `countersign apply`

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::{Output, operator};
use crate::{
    app::Base,
    clock::{Clock, SystemClock, new_uuid},
    config::Settings,
    configuration_file::{self, World},
    domain::ids::TokenId,
};

pub(super) async fn run(settings: &Settings, path: &Path, output: Output) -> anyhow::Result<()> {
    let named = || format!("the configuration {}", path.display());
    let text = std::fs::read_to_string(path).with_context(named)?;
    let base = Base::open(settings).await?;
    let now = SystemClock.now();
    let catalog = base.storage.catalog().await?;
    let new_id = || TokenId::new(new_uuid(now));
    let world = World { present: &catalog, digester: &base.digester, new_id: &new_id };
    let wanted = configuration_file::read(&text, &world).with_context(named)?;
    let done = base.storage.configure(&wanted, &operator(now), None, None).await?;
    output.list(
        &done,
        |it| json!({ "action": it.action.as_str(), "kind": it.kind, "id": it.id }),
        ToString::to_string,
    );
    base.storage.close().await;
    Ok(())
}
