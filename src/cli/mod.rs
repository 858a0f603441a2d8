//! The commands: arguments in, one file each, text or JSON out.

mod api_key;
mod apply;
mod deliveries;
mod dialect;
mod endpoint;
mod export_config;
mod log;
mod migrate;
mod pixel;
mod postback;
mod stats;
mod token;
mod user;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Parser, Subcommand};

use crate::{
    app,
    clock::{new_uuid, random},
    config::{Given, Settings},
    domain::{access::Role, ids::RequestId, status::Actor, time::Timestamp},
    storage::{AuditRow, Author},
    telemetry,
};

/// A self-hosted CPA conversion tracker.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Machine-readable output, where a command prints data.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve postbacks and clicks until SIGTERM.
    Serve,
    /// Bring the database up to date, as `serve` does by itself.
    Migrate,
    /// Bring about what a configuration file says; nothing that it does not name is removed.
    Apply {
        /// The configuration, in TOML.
        file: PathBuf,
    },
    /// Write what is configured as a file that `apply` finds unchanged; to the standard output without one.
    ExportConfig {
        /// The file to write; it must not be there yet.
        file: Option<PathBuf>,
    },
    /// Merchants' verification tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Users of the pages.
    #[command(subcommand)]
    User(user::Command),
    /// Keys with which programs use the API.
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Outgoing postbacks and events for ad platforms: what was delivered, what waits, what was given up.
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// Postback endpoints: how they fare, and whether they work.
    #[command(subcommand)]
    Postback(postback::Command),
    /// Statistics.
    #[command(subcommand)]
    Stats(stats::Command),
    /// Pixels at ad platforms: how they fare, whether they work, and what clicks lack.
    #[command(subcommand)]
    Pixel(pixel::Command),
    /// How other senders word their postbacks.
    #[command(subcommand)]
    Dialect(dialect::Command),
    /// The newest postbacks that were received, with what came of them.
    Log(log::Filter),
}

/// Runs the command of this process's arguments.
///
/// # Errors
/// One sentence for the person who called.
pub async fn run() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = arguments.given.check()?;
    telemetry::start_log(&settings).map_err(|error| anyhow::anyhow!(error))?;
    let output = Output { json: arguments.json };
    let needs_no_database = matches!(
        arguments.command,
        Command::Serve | Command::Migrate | Command::Apply { .. } | Command::Dialect(_)
    );
    if !needs_no_database {
        check_database_is_there(&settings)?;
    }
    match arguments.command {
        Command::Serve => app::serve(&settings).await,
        Command::Migrate => migrate::run(&settings).await,
        Command::Apply { file } => apply::run(&settings, &file, output).await,
        Command::ExportConfig { file } => export_config::run(&settings, file.as_deref()).await,
        Command::Token(command) => token::run(&settings, command, output).await,
        Command::User(command) => user::run(&settings, command, output).await,
        Command::ApiKey(command) => api_key::run(&settings, command, output).await,
        Command::Deliveries(command) => deliveries::run(&settings, command, output).await,
        Command::Postback(command) => postback::run(&settings, command, output).await,
        Command::Stats(command) => stats::run(&settings, &command, output).await,
        Command::Pixel(command) => pixel::run(&settings, command, output).await,
        Command::Dialect(command) => dialect::run(&settings, command, output).await,
        Command::Log(filter) => log::run(&settings, &filter, output).await,
    }
}

/// In the wrong folder, a command that only makes sense on a database in use would otherwise make an empty one there.
fn check_database_is_there(settings: &Settings) -> anyhow::Result<()> {
    match settings.database_url.file() {
        Some(file) if !file.exists() => bail!(
            "there is no database {}: give its place by --database-url or COUNTERSIGN_DATABASE_URL; `serve` and \
             `apply` make a new one",
            file.display()
        ),
        _ => Ok(()),
    }
}

/// A role, as an argument.
fn role(word: &str) -> Result<Role, String> {
    Role::parse(word).ok_or_else(|| format!("`{word}` is none of viewer, manager, admin"))
}

/// An entry of the audit log for a command: whoever runs it is on this machine.
fn operator_audit(now: Timestamp, action: &str, subject: &str) -> AuditRow {
    operator(now).entry(action, subject)
}

/// Whoever runs a command.
fn operator(now: Timestamp) -> Author {
    Author {
        actor: Actor::Operator,
        address: "local".to_owned(),
        request: RequestId::new(new_uuid(now)),
        at: now,
        fresh_id: new_uuid,
        nonce: random,
    }
}

/// How a command prints data.
#[derive(Clone, Copy, Debug)]
struct Output {
    json: bool,
}

impl Output {
    /// Prints each item: as a JSON array, or by a line each. That there are none is told to people only.
    fn list<T>(self, items: &[T], as_json: impl Fn(&T) -> serde_json::Value, as_line: impl Fn(&T) -> String) {
        if self.json {
            println!("{:#}", items.iter().map(as_json).collect::<serde_json::Value>());
        } else if items.is_empty() {
            eprintln!("nothing to show");
        } else {
            for item in items {
                println!("{}", as_line(item));
            }
        }
    }
}

/// Loads a `.env` file of the current folder into the environment, if there is one. Must run before any thread starts.
///
/// # Errors
/// When the file is there and can't be understood.
pub fn load_env_file() -> anyhow::Result<()> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => Err(anyhow::anyhow!("the file .env: {error}")),
    }
}
