//! Clicks, conversions and decisions against the controls, in turns: each round measures a control right
//! before and right after what is held against it.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::controls::{Control, recorded_players};
use crate::database::{Place, Session};
use crate::load::{self, Load, Measured, Span};
use crate::process::Peer;
use crate::report::{Figures, Workload};
use crate::requests::{Clicks, FirstDeposits, Player, Words, shuffle};
use crate::server::Server;

/// Few connections show the latency, many the throughput.
pub(crate) const CONNECTIONS: [usize; 2] = [64, 256];
/// How many different requests the control that remembers nothing sees.
const NOOP_PLAYERS: usize = 20_000;

/// Adds `rounds` rounds to the figures; without a server, of the controls alone.
pub(crate) fn measure(
    place: &Place,
    binary: Option<&Path>,
    rounds: usize,
    span: Span,
    figures: &mut Figures,
) -> Result<()> {
    let scratch = place.fresh("ingest")?;
    let control_scratch = place.fresh("control")?;
    let server = match binary {
        Some(binary) => {
            Server::set_up(binary, &scratch, "")?;
            Some(Server::start(binary, &scratch)?)
        }
        None => None,
    };
    let mut players = recorded_players();
    let noop_players = players[..NOOP_PLAYERS].to_vec();
    shuffle(&mut players);
    let mut bench = Bench {
        noop: Control::Noop.start(&control_scratch)?,
        one_by_one: Control::OneByOne.start(&control_scratch)?,
        control_rows: Session::open_reader(control_scratch.url())?,
        server,
        noop_players,
        players,
        recorded_one_by_one: 0,
        figures,
    };
    for round in 1..=rounds {
        for connections in CONNECTIONS {
            eprintln!("round {round} of {rounds}, {connections} connections");
            bench.round(round, Load { connections, span })?;
        }
    }
    bench.finish()
}

struct Bench<'a> {
    noop: Peer,
    one_by_one: Peer,
    server: Option<Server>,
    noop_players: Vec<Player>,
    /// Who has not deposited at the control that records.
    players: Vec<Player>,
    control_rows: Session,
    recorded_one_by_one: u64,
    figures: &'a mut Figures,
}

impl Bench<'_> {
    fn round(&mut self, round: usize, load: Load) -> Result<()> {
        self.noop_click(round, load)?;
        self.of_server(Workload::Click, round, load, Server::click)?;
        self.noop_click(round, load)?;
        self.noop_conversion(round, load)?;
        self.of_server(Workload::Conversion, round, load, Server::convert)?;
        self.of_server(Workload::MvpConversion, round, load, Server::convert_in_mvp)?;
        self.of_server(Workload::Conversion, round, load, Server::convert)?;
        self.noop_conversion(round, load)?;
        self.of_server(Workload::Decision, round, load, Server::approve)?;
        self.conversion_one_by_one(round, load)
    }

    fn of_server(
        &mut self,
        workload: Workload,
        round: usize,
        load: Load,
        measure: fn(&mut Server, Load) -> Result<Measured>,
    ) -> Result<()> {
        let Some(server) = &mut self.server else { return Ok(()) };
        self.figures.add(workload, load.connections, round, measure(server, load)?);
        Ok(())
    }

    fn noop_click(&mut self, round: usize, load: Load) -> Result<()> {
        let (measured, _) = load::run(self.noop.address(), load, Clicks::default())?;
        self.figures.add(Workload::NoopClick, load.connections, round, measured);
        Ok(())
    }

    fn noop_conversion(&mut self, round: usize, load: Load) -> Result<()> {
        let deposits = FirstDeposits::endless(self.noop_players.clone());
        let (measured, _) = load::run(self.noop.address(), load, deposits)?;
        self.figures.add(Workload::NoopConversion, load.connections, round, measured);
        Ok(())
    }

    fn conversion_one_by_one(&mut self, round: usize, load: Load) -> Result<()> {
        let deposits = FirstDeposits::once(std::mem::take(&mut self.players), Words::Own);
        let (measured, deposits) = load::run(self.one_by_one.address(), load, deposits)?;
        (_, self.players) = deposits.split();
        self.recorded_one_by_one += measured.successes;
        let found = self.control_rows.count_rows()?.pending;
        let expected = self.recorded_one_by_one;
        ensure!(found == expected, "the control answered {expected} times and recorded {found} conversions");
        self.figures.add(Workload::ConversionOneByOne, load.connections, round, measured);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if let Some(server) = self.server {
            self.figures.peak_memory_bytes = Some(server.peak_memory_bytes()?);
            self.figures.rows = Some(server.rows());
            server.stop()?;
        }
        self.noop.stop()?;
        self.one_by_one.stop()
    }
}
