//! The real server, set up for the bench, with the players that its workloads need and a count of what it
//! must hold.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::database::{RowCounts, Scratch, Session};
use crate::load::{self, Load, Measured, Requests, Span};
use crate::process::Peer;
use crate::requests::{Approvals, Clicks, FirstDeposits, LearnedClicks, Player, TOKEN, Words, shuffle};

/// The players of the first run, which shows how many the next ones need.
const PILOT_PLAYERS: usize = 20_000;
/// Where outgoing postbacks may go, public addresses apart.
pub(crate) const LOOPBACK: &str = "127.0.0.0/8";
const PREPARING_CONNECTIONS: usize = 64;
/// More players than the fastest run so far could use up: a supply must outlast its window.
const SUPPLY_FACTOR: f64 = 2.0;

/// A server that is running on a scratch database.
pub(crate) struct Server {
    peer: Peer,
    rows: Session,
    expected: RowCounts,
    waiting: Vec<Player>,
    depositors: Vec<Player>,
    fastest_per_second: f64,
}

impl Server {
    /// Lays out the schema and the bench's merchant, affiliate and offer, and `more` of the configuration.
    pub(crate) fn set_up(binary: &Path, scratch: &Scratch, more: &str) -> Result<()> {
        let configuration = scratch.folder().join("bench.toml");
        std::fs::write(&configuration, configuration_text() + more)?;
        run_to_end(command(binary, scratch).arg("migrate"))?;
        run_to_end(command(binary, scratch).arg("apply").arg(&configuration))
    }

    /// Pauses or resumes a postback endpoint, as people do.
    pub(crate) fn switch_postback(binary: &Path, scratch: &Scratch, verb: &str, id: &str) -> Result<()> {
        run_to_end(command(binary, scratch).args(["postback", verb, id]))
    }

    /// Runs a command on a database, with something on its standard input, and gives what it printed.
    pub(crate) fn run_command(
        binary: &Path,
        scratch: &Scratch,
        words: &[&str],
        input: &str,
    ) -> Result<String> {
        let mut child =
            command(binary, scratch).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{words:?} ended with {}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.peer.address()
    }

    /// Starts the server on a database that is set up, and learns its speed from a first short run.
    pub(crate) fn start(binary: &Path, scratch: &Scratch) -> Result<Self> {
        let mut server = Self::launch(binary, scratch)?;
        server.record_conversions(PILOT_PLAYERS)?;
        Ok(server)
    }

    /// Starts the server on a database that is set up.
    pub(crate) fn launch(binary: &Path, scratch: &Scratch) -> Result<Self> {
        let mut serve = command(binary, scratch);
        serve.arg("serve");
        let peer = Peer::start("server", serve, scratch.folder())?;
        let rows = Session::open_reader(scratch.url())?;
        let expected = rows.count_rows()?;
        Ok(Self {
            peer,
            rows,
            expected,
            waiting: Vec::new(),
            depositors: Vec::new(),
            fastest_per_second: 0.0,
        })
    }

    /// Records so many clicks and a first deposit of each.
    pub(crate) fn record_conversions(&mut self, count: usize) -> Result<()> {
        self.record_players(count)?;
        self.convert(Load { connections: PREPARING_CONNECTIONS, span: Span::Supply }).map(drop)
    }

    /// `/click`, as browsers call it.
    pub(crate) fn click(&mut self, load: Load) -> Result<Measured> {
        let (measured, _) = self.drive(load, Clicks::default())?;
        self.expected.clicks += measured.successes;
        self.check_rows()?;
        Ok(measured)
    }

    /// `/track/conv`: fresh first deposits, in random order over clicks recorded before; enough of them are
    /// recorded first, which is not measured.
    pub(crate) fn convert(&mut self, load: Load) -> Result<Measured> {
        self.deposit(load, Words::Own)
    }

    /// The same in the dialect of MVP Project.
    pub(crate) fn convert_in_mvp(&mut self, load: Load) -> Result<Measured> {
        self.deposit(load, Words::Mvp)
    }

    fn deposit(&mut self, load: Load, words: Words) -> Result<Measured> {
        if let Span::Window { warm_up, window } = load.span {
            let needed = self.fastest_per_second * SUPPLY_FACTOR * (warm_up + window).as_secs_f64();
            self.record_players(to_count(needed).saturating_sub(self.waiting.len()))?;
        }
        shuffle(&mut self.waiting);
        let deposits = FirstDeposits::once(std::mem::take(&mut self.waiting), words);
        let (measured, deposits) = self.drive(load, deposits)?;
        let (mut depositors, waiting) = deposits.split();
        self.depositors.append(&mut depositors);
        self.waiting = waiting;
        self.fastest_per_second = self.fastest_per_second.max(measured.per_second());
        self.expected.pending += measured.successes;
        self.check_rows()?;
        Ok(measured)
    }

    /// `/track/conv-change`: approves pending first deposits in random order.
    pub(crate) fn approve(&mut self, load: Load) -> Result<Measured> {
        shuffle(&mut self.depositors);
        let approvals = Approvals::new(std::mem::take(&mut self.depositors));
        let (measured, approvals) = self.drive(load, approvals)?;
        self.depositors = approvals.into_pending();
        self.expected.pending -= measured.successes;
        self.expected.approved += measured.successes;
        self.check_rows()?;
        Ok(measured)
    }

    pub(crate) fn peak_memory_bytes(&self) -> Result<u64> {
        self.peer.peak_memory_bytes()
    }

    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        self.peer.cpu_time()
    }

    /// What the database was seen to hold after the last workload.
    pub(crate) fn rows(&self) -> RowCounts {
        self.expected
    }

    pub(crate) fn last_words(&self) -> String {
        self.peer.last_words()
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.peer.stop()
    }

    fn record_players(&mut self, count: usize) -> Result<()> {
        let load = Load { connections: PREPARING_CONNECTIONS, span: Span::Supply };
        let (measured, clicks) = self.drive(load, LearnedClicks::new(count))?;
        self.waiting.extend(clicks.players);
        self.expected.clicks += measured.successes;
        self.check_rows()
    }

    fn drive<R: Requests>(&self, load: Load, requests: R) -> Result<(Measured, R)> {
        load::run(self.peer.address(), load, requests).with_context(|| self.peer.last_words())
    }

    fn check_rows(&self) -> Result<()> {
        let found = self.rows.count_rows()?;
        let expected = self.expected;
        ensure!(found == expected, "the answers promise {expected:?}, and the database holds {found:?}");
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count, not below zero")]
fn to_count(needed: f64) -> usize {
    needed as usize
}

fn configuration_text() -> String {
    format!(
        r#"[[merchant]]
id = "bench-merchant"
name = "Bench Casino"
deal = "hybrid"
revshare_multiplier = "0.35"
tokens = ["{TOKEN}"]

[[affiliate]]
id = "bench-affiliate"
name = "Bench Media"

[[offer]]
id = "bench-offer"
merchant = "bench-merchant"
name = "Bench Slots"
landing_url = "https://casino.example/?cid={{click_id}}&order_id={{custom2}}"
spot = "bench-spot"
currency = "EUR"
"#
    )
}

/// The program with the settings of the bench: everything that could differ from the defaults by a file or by
/// the environment of whoever runs it is set.
fn command(binary: &Path, scratch: &Scratch) -> Command {
    let mut command = Command::new(binary);
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    command
        .current_dir(scratch.folder())
        .env("COUNTERSIGN_DATABASE_URL", scratch.url())
        .env("COUNTERSIGN_DELIVERY_ALLOW", LOOPBACK)
        .env("COUNTERSIGN_LISTEN", "127.0.0.1:0")
        .env("COUNTERSIGN_SECRET", "a secret of the bench, 32 bytes or more in length");
    command
}

fn run_to_end(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(())
}
