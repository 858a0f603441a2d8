//! `countersign log`

use clap::Args;

use super::Output;
use crate::{
    app::Base,
    config::Settings,
    domain::ids::{ClickId, MerchantId},
    storage::{LogFilter, LogRow, Outcome},
};

#[derive(Args, Debug)]
pub(super) struct Filter {
    /// Only of this merchant.
    #[arg(long, value_parser = |id: &str| MerchantId::parse(id))]
    merchant: Option<MerchantId>,
    /// Only with this outcome: recorded, decided, duplicate, `dry_run`, or the code of a refusal.
    #[arg(long)]
    outcome: Option<String>,
    /// Only about this click.
    #[arg(long, value_parser = |id: &str| ClickId::parse(id))]
    click: Option<ClickId>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(settings: &Settings, filter: &Filter, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let wanted = LogFilter {
        merchant: filter.merchant.clone(),
        outcome: filter.outcome.clone().map(Outcome::Is),
        click: filter.click.clone(),
        ..LogFilter::default()
    };
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let missing = filter.limit.saturating_sub(u32::try_from(rows.len())?);
        let page = base.storage.postback_log(&wanted, after, missing).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() || rows.len() >= usize::try_from(filter.limit)? {
            break;
        }
    }
    output.list(&rows, |row| serde_json::json!(row), line);
    base.storage.close().await;
    Ok(())
}

fn line(row: &LogRow) -> String {
    let params: Vec<(String, String)> = serde_json::from_str(&row.params).unwrap_or_default();
    let params: Vec<_> =
        params.iter().map(|(name, value)| format!("{name}={}", value.escape_debug())).collect();
    let merchant = row.merchant.as_ref().map_or("unknown token", MerchantId::as_str);
    format!(
        "{}  {}  {}  {}  {}  {}",
        row.at,
        row.status,
        row.outcome,
        merchant,
        row.endpoint,
        params.join(" ")
    )
}
