//! `countersign export-config`

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::Context;

use crate::{app::Base, config::Settings, configuration_file, domain::setting::SettingKind, storage::Which};

pub(super) async fn run(settings: &Settings, file: Option<&Path>) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let mut all = Vec::new();
    for kind in SettingKind::TABLES {
        let mut of_kind = base.storage.settings(kind, Which::default()).await?;
        // Databases disagree on the order of texts.
        of_kind.sort_by(|one, other| one.id.cmp(&other.id));
        all.extend(of_kind);
    }
    base.storage.close().await;
    let text = configuration_file::as_file(&all);
    let Some(path) = file else {
        print!("{text}");
        return Ok(());
    };
    let named = || format!("the file {}", path.display());
    // It holds no secrets, but what affiliates and merchants have agreed on is nobody else's affair.
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)
}
