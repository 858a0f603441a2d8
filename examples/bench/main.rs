//! Measures the product the way it is run: the real server as a process of its own, driven over loopback,
//! held against controls that are measured in the same run and in turns with it.
//!
//! Absolute figures tell of the machine and of its neighbours; only ratios within one run are judged, each
//! the median of several rounds. A request counts when its answer was a success and arrived within the
//! window; after each workload the rows in the database must agree with the answers, the warm-up included.
#![expect(clippy::float_arithmetic, reason = "ratios of a benchmark, never money")]

mod controls;
mod database;
mod deliveries;
mod desk;
mod ingest;
mod load;
mod preload;
mod process;
mod report;
mod requests;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use url::Url;

use controls::Control;
use database::{Engine, Place, remove_folder};
use deliveries::{Conversions, HANGS_FIRST};
use load::Span;
use preload::Size;
use report::Figures;

/// Measures Countersign's speed and memory against controls.
#[derive(Parser)]
struct Arguments {
    /// A postgres:// database, on whose server scratch databases are made and dropped; otherwise the embedded
    /// one.
    #[arg(long, value_name = "URL")]
    database_url: Option<Url>,
    /// The server's program; by default the one that was built beside this one.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// One short round, to see that everything works; its figures say little.
    #[arg(long)]
    quick: bool,
    /// How many rounds to take the median of.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only this part.
    #[arg(long)]
    only: Option<Part>,
    /// Compare an empty database with one that holds so many clicks and conversions, as in 5000000x1000000.
    #[arg(long, value_name = "CLICKSxCONVERSIONS")]
    preload: Option<Size>,
    /// With how many clicks the desk is measured; a fifth of them have a conversion.
    #[arg(long, value_name = "CLICKS", default_value = "5000000")]
    desk: desk::Clicks,
    /// Exit with status 1 when a figure misses what it must reach.
    #[arg(long)]
    enforce: bool,
    /// Be a control: how this program starts itself.
    #[arg(long, hide = true)]
    control: Option<Control>,
}

/// The parts of a run.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// The controls without the server.
    Controls,
    /// Clicks, conversions and decisions against the controls.
    Ingest,
    /// Conversions on an empty database and on a filled one.
    Preload,
    /// Outgoing postbacks against the bare client, and beside an endpoint that hangs.
    Deliveries,
    /// The manager's pages on a large database.
    Desk,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (arguments.control, &arguments.database_url) {
        (Some(control), Some(url)) => control.serve(url.as_str()).map(|()| true),
        _ => measure(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; `false` means that a "must" was missed and that this was to be enforced.
fn measure(arguments: &Arguments) -> Result<bool> {
    let build = build_folder()?;
    let place = Place { folder: build.join("bench-scratch"), postgres: arguments.database_url.clone() };
    let server = arguments.server.clone().unwrap_or_else(|| build.join("countersign"));
    let server = std::path::absolute(server)?;
    let is_asked = |part| arguments.only.is_none_or(|only| only == part);
    if arguments.only != Some(Part::Controls) {
        ensure!(server.is_file(), "{} is missing: build it with `cargo build --release`", server.display());
    }
    let (rounds, span) = if arguments.quick {
        (1, Span::Window { warm_up: Duration::from_millis(300), window: Duration::from_secs(1) })
    } else {
        (arguments.rounds, Span::Window { warm_up: Duration::from_secs(1), window: Duration::from_secs(4) })
    };
    print_setting(place.engine(), rounds)?;
    let mut figures = Figures::default();
    if is_asked(Part::Ingest) {
        ingest::measure(&place, Some(&server), rounds, span, &mut figures)?;
    } else if is_asked(Part::Controls) {
        ingest::measure(&place, None, rounds, span, &mut figures)?;
    }
    if let Some(size) = arguments.preload.filter(|_| is_asked(Part::Preload)) {
        preload::measure(&place, &server, size, span, &mut figures)?;
    }
    if is_asked(Part::Deliveries) {
        let conversions = if arguments.quick {
            Conversions { to_one: 2_000, to_each: 500, hangs_first: Duration::ZERO }
        } else {
            Conversions { to_one: 20_000, to_each: 20_000, hangs_first: HANGS_FIRST }
        };
        deliveries::measure(&place, &server, rounds, conversions, &mut figures)?;
    }
    if is_asked(Part::Desk) && !(arguments.quick && arguments.only.is_none()) {
        desk::measure(&place, &server, arguments.desk, &mut figures)?;
    }
    remove_folder(&place.folder)?;
    let kept = report::print(&figures, place.engine());
    Ok(kept || !arguments.enforce)
}

/// The folder of the build that this program belongs to, `target/release`: the server is there, and it is on
/// a real disk, which a folder for temporary files need not be.
fn build_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(2).context("this program is not in a build folder")?;
    Ok(folder.to_owned())
}

fn print_setting(engine: Engine, rounds: usize) -> Result<()> {
    let database = match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let cores = std::thread::available_parallelism()?;
    println!(
        "{database}, {cores} cores shared by the generator, the peer and the database, rounds: {rounds}"
    );
    Ok(())
}
