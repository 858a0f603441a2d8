//! `countersign deliveries`

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::{Output, operator_audit};
use crate::{
    app::Base,
    clock::{Clock, SystemClock},
    config::Settings,
    domain::{
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    storage::{Attempt, DeliveryFilter, DeliveryRow},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List deliveries, newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one delivery with every attempt: the request as it was sent, and the answer.
    Show {
        /// The delivery's id.
        id: Uuid,
    },
    /// Send deliveries again, by their ids or by a filter, whatever their state.
    Resend {
        /// Their ids.
        ids: Vec<Uuid>,
        #[command(flatten)]
        filter: Filter,
    },
}

#[derive(Args, Debug)]
pub(super) struct Filter {
    /// Only in this state: waiting, delivered, unconfirmed, dead, `too_late`.
    #[arg(long, value_parser = state)]
    status: Option<DeliveryState>,
    /// Only to this postback endpoint or pixel.
    #[arg(long, visible_alias = "pixel", value_parser = |id: &str| EndpointId::parse(id))]
    postback: Option<EndpointId>,
    /// Only those owed since this time, in RFC 3339 or Unix seconds.
    #[arg(long, value_parser = time)]
    since: Option<Timestamp>,
    /// Only those owed before this time.
    #[arg(long, value_parser = time)]
    until: Option<Timestamp>,
}

impl Filter {
    fn of(self, ids: &[Uuid]) -> DeliveryFilter {
        DeliveryFilter {
            ids: ids.iter().copied().map(DeliveryId::new).collect(),
            state: self.status,
            endpoint: self.postback,
            since: self.since,
            until: self.until,
            ..DeliveryFilter::default()
        }
    }
}

fn state(word: &str) -> Result<DeliveryState, String> {
    DeliveryState::parse(word)
        .ok_or_else(|| "give waiting, delivered, unconfirmed, dead or too_late".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "give a time such as 2026-11-20T10:00:00Z, or Unix seconds".to_owned())
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    match command {
        Command::List { filter, limit } => {
            let rows = base.storage.deliveries(&filter.of(&[]), limit).await?;
            output.list(&rows, |row| json!(row), line);
        }
        Command::Show { id } => show(&base, DeliveryId::new(id), output).await?,
        Command::Resend { ids, filter } => {
            let filter = filter.of(&ids);
            if filter.is_everything() {
                bail!("say which: give ids, or a filter such as --status dead");
            }
            let audit = operator_audit(SystemClock.now(), "delivery.resend", "deliveries");
            let resent = base.storage.resend(&filter, &audit).await?;
            if output.json {
                println!("{}", json!({ "resent": resent }));
            } else {
                println!("{resent} deliveries will be sent again");
            }
        }
    }
    base.storage.close().await;
    Ok(())
}

async fn show(base: &Base, id: DeliveryId, output: Output) -> anyhow::Result<()> {
    let Some(row) = base.storage.delivery(id).await? else { bail!("there is no delivery {id}") };
    let attempts = base.storage.attempts(id).await?;
    if output.json {
        println!("{:#}", json!({ "delivery": row, "attempts": attempts }));
        return Ok(());
    }
    println!("{}", line(&row));
    let taken = if row.state == DeliveryState::Unconfirmed.as_str() { shown(row.state) } else { "delivered" };
    for attempt in &attempts {
        println!("\n{}", told(attempt, taken));
    }
    Ok(())
}

fn line(row: &DeliveryRow) -> String {
    let due = row.due_at.map_or_else(String::new, |at| format!("  next {at}"));
    let error = row.last_error.as_ref().map_or_else(String::new, |error| format!("  {error}"));
    let DeliveryRow { id, postback, conversion, status, attempts, created_at, .. } = row;
    let state = shown(row.state);
    format!(
        "{id}  {state}  {postback}  {conversion} {status}  {attempts} attempts  owed {created_at}{due}{error}"
    )
}

/// A state for people.
fn shown(state: &'static str) -> &'static str {
    DeliveryState::parse(state).map_or(state, DeliveryState::shown)
}

/// An attempt for people; a word says what one without an error is.
pub(super) fn told(attempt: &Attempt, otherwise: &str) -> String {
    let result = attempt.error.as_deref().unwrap_or(otherwise);
    let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let answer = attempt.answer.as_deref().unwrap_or_default().escape_debug().to_string();
    format!(
        "attempt {} at {} ({} µs): {result}\n{}\n→ {status} {answer}",
        attempt.number,
        attempt.at,
        attempt.duration_us,
        attempt.request.trim_end()
    )
}
