//! The figures of a run, and the tables that they are printed as.

mod deliveries;
mod desk;

use std::fmt;

use crate::database::{Engine, RowCounts};
use crate::load::{Measured, as_float};

pub(crate) use deliveries::{Delivered, Delivery};
pub(crate) use desk::{Exported, Rendered};

/// Above this share of its core the generator may be what was measured.
const GENERATOR_SHARE_MAX: f64 = 0.95;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What is measured, in the order of the table.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Workload {
    NoopClick,
    Click,
    NoopConversion,
    Conversion,
    MvpConversion,
    ConversionOneByOne,
    Decision,
    ConversionOnEmpty,
    ConversionOnFilled,
}

impl Workload {
    const ALL: [Self; 9] = [
        Self::NoopClick,
        Self::Click,
        Self::NoopConversion,
        Self::Conversion,
        Self::MvpConversion,
        Self::ConversionOneByOne,
        Self::Decision,
        Self::ConversionOnEmpty,
        Self::ConversionOnFilled,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::NoopClick => "control: no-op /click",
            Self::Click => "/click",
            Self::NoopConversion => "control: no-op /track/conv",
            Self::Conversion => "/track/conv",
            Self::MvpConversion => "/postback, the MVP dialect",
            Self::ConversionOneByOne => "control: one transaction each",
            Self::Decision => "/track/conv-change",
            Self::ConversionOnEmpty => "/track/conv, empty database",
            Self::ConversionOnFilled => "/track/conv, filled database",
        }
    }
}

struct Figure {
    workload: Workload,
    connections: usize,
    round: usize,
    measured: Measured,
}

/// Everything that a run measured.
#[derive(Default)]
pub(crate) struct Figures {
    taken: Vec<Figure>,
    /// Outgoing postbacks, run by run.
    pub(crate) deliveries: Vec<Delivered>,
    /// The manager's pages.
    pub(crate) desk: Vec<Rendered>,
    /// The export of all conversions.
    pub(crate) export: Option<Exported>,
    /// The server's peak memory at the end of its run.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// What the server's database holds at the end; it agreed with the answers after every workload.
    pub(crate) rows: Option<RowCounts>,
}

impl Figures {
    pub(crate) fn add(&mut self, workload: Workload, connections: usize, round: usize, measured: Measured) {
        self.taken.push(Figure { workload, connections, round, measured });
    }

    fn of(&self, workload: Workload, connections: usize) -> impl Iterator<Item = &Figure> {
        self.taken.iter().filter(move |taken| taken.workload == workload && taken.connections == connections)
    }

    /// The median over the rounds of one workload against another of the same round, by what `figure` takes
    /// from each.
    fn ratio(
        &self,
        [over, under]: [Workload; 2],
        connections: usize,
        figure: fn(&Measured) -> f64,
    ) -> Option<f64> {
        let in_round = |workload, round| {
            let same_round = self.of(workload, connections).filter(move |taken| taken.round == round);
            mean(&same_round.map(|taken| figure(&taken.measured)).collect::<Vec<_>>())
        };
        let rounds = 1..=self.taken.iter().map(|taken| taken.round).max()?;
        median(rounds.filter_map(|round| Some(in_round(over, round)? / in_round(under, round)?)).collect())
    }

    /// Each measured ratio with what it must reach and what is hoped for on this database.
    fn criteria(&self, engine: Engine) -> Vec<Criterion> {
        use Workload::{
            Click, Conversion, ConversionOnEmpty, ConversionOnFilled, ConversionOneByOne, MvpConversion,
            NoopClick, NoopConversion,
        };
        let sqlite = engine == Engine::Sqlite;
        let on = |on_sqlite, on_postgres| if sqlite { on_sqlite } else { on_postgres };
        let rate = |pair| self.ratio(pair, 256, Measured::per_second);
        let memory = self.peak_memory_bytes.map(|bytes| as_float(bytes) / MEBIBYTE);
        let rows = [
            (
                "/track/conv against the no-op handler, 256 connections",
                rate([Conversion, NoopConversion]),
                on(Limits::at_least(0.12, 0.25), Limits::at_least(0.10, 0.20)),
            ),
            (
                "/track/conv against one transaction each, 256 connections",
                rate([Conversion, ConversionOneByOne]),
                on(Limits::at_least(8.0, 20.0), Limits::at_least(3.0, 5.0)),
            ),
            (
                "the MVP dialect against /track/conv, 256 connections",
                rate([MvpConversion, Conversion]),
                Limits::at_least(0.9, 1.0),
            ),
            (
                "/click against the no-op handler, 256 connections",
                rate([Click, NoopClick]),
                on(Limits::at_least(0.30, 0.50), Limits::at_least(0.30, 0.45)),
            ),
            (
                "p99 of /track/conv against the no-op's, 64 connections",
                self.ratio([Conversion, NoopConversion], 64, |measured| milliseconds(measured, 0.99)),
                on(Limits::at_most(12.0, 5.0), Limits::at_most(12.0, 6.0)),
            ),
            ("peak memory of the server, MiB", memory, Limits::at_most(150.0, 80.0)),
            (
                "/track/conv on a filled database against an empty one",
                rate([ConversionOnFilled, ConversionOnEmpty]),
                Limits::at_least(0.8, 1.0),
            ),
            (
                "deliveries against the bare client",
                self.delivery_ratio(Delivery::OneEndpoint, Delivery::BareClient),
                on(Limits::at_least(0.5, 0.5), Limits::at_least(0.4, 0.4)),
            ),
            (
                "nine endpoints beside one that hangs against nine alone",
                self.delivery_ratio(Delivery::NineBesideHanging, Delivery::NineEndpoints),
                Limits::at_least(0.9, 0.9),
            ),
            (
                "peak memory of the server while it delivers, MiB",
                self.delivery_memory(),
                Limits::at_most(150.0, 150.0),
            ),
            ("the slowest page of the desk, ms", self.slowest_page(), Limits::at_most(50.0, 50.0)),
            ("the slowest page of the desk against sign-in", self.page_ratio(), Limits::at_most(20.0, 20.0)),
            ("review with twice the conversions", self.doubling_ratio(), Limits::at_most(1.3, 1.0)),
            ("a month's statistics, ms", self.statistics(), Limits::at_most(500.0, 500.0)),
            ("peak memory while it exports all, MiB", self.export_memory(), Limits::at_most(150.0, 150.0)),
        ];
        let measured = rows.into_iter().filter_map(|(what, reached, limits)| Some((what, reached?, limits)));
        measured.map(|(what, reached, limits)| Criterion { what, reached, limits }).collect()
    }
}

/// What a figure must keep to, and what it should.
#[derive(Clone, Copy)]
struct Limits {
    must: f64,
    goal: f64,
    more_is_better: bool,
}

impl Limits {
    fn at_least(must: f64, goal: f64) -> Self {
        Self { must, goal, more_is_better: true }
    }

    fn at_most(must: f64, goal: f64) -> Self {
        Self { must, goal, more_is_better: false }
    }

    fn verdict(self, reached: f64) -> Outcome {
        let keeps = |limit| if self.more_is_better { reached >= limit } else { reached <= limit };
        match (keeps(self.must), keeps(self.goal)) {
            (_, true) => Outcome::Goal,
            (true, false) => Outcome::Must,
            (false, false) => Outcome::Missed,
        }
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Goal,
    Must,
    Missed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Goal => "goal",
            Self::Must => "must",
            Self::Missed => "MISSED",
        })
    }
}

struct Criterion {
    what: &'static str,
    reached: f64,
    limits: Limits,
}

/// Prints the tables, and returns whether every "must" is kept.
pub(crate) fn print(figures: &Figures, engine: Engine) -> bool {
    if !figures.taken.is_empty() {
        print_workloads(figures);
    }
    figures.print_deliveries();
    figures.print_desk();
    if let Some(rows) = figures.rows {
        let RowCounts { clicks, pending, approved } = rows;
        println!(
            "\nin the database, as answered: {} clicks, {} pending and {} approved conversions",
            grouped(clicks),
            grouped(pending),
            grouped(approved)
        );
    }
    let criteria = figures.criteria(engine);
    if !criteria.is_empty() {
        println!("\n{:<58} {:>8} {:>8} {:>8}", "ratio (median of the rounds)", "must", "goal", "reached");
    }
    for Criterion { what, reached, limits } in &criteria {
        let verdict = limits.verdict(*reached);
        println!("{what:<58} {:>8} {:>8} {reached:>8.2}  {verdict}", limits.must, limits.goal);
    }
    criteria.iter().all(|criterion| criterion.limits.verdict(criterion.reached) != Outcome::Missed)
}

fn print_workloads(figures: &Figures) {
    println!(
        "\n{:<30} {:>5} {:>11} {:>7} {:>9} {:>9} {:>11} {:>8} {:>7} {:>9}",
        "workload",
        "conns",
        "requests/s",
        "spread",
        "p50 ms",
        "p99 ms",
        "counted",
        "seconds",
        "bytes",
        "generator"
    );
    let mut connection_counts: Vec<usize> = figures.taken.iter().map(|taken| taken.connections).collect();
    connection_counts.sort_unstable();
    connection_counts.dedup();
    for workload in Workload::ALL {
        for &connections in &connection_counts {
            let runs: Vec<&Measured> =
                figures.of(workload, connections).map(|taken| &taken.measured).collect();
            if let Some(row) = row(&runs) {
                println!("{:<30} {connections:>5} {row}", workload.title());
            }
        }
    }
    let busiest = figures.taken.iter().map(|taken| taken.measured.generator_share).fold(0.0, f64::max);
    if busiest > GENERATOR_SHARE_MAX {
        println!(
            "\nbeware: the load generator used up its core, so the fastest rows are its limit, not the peer's"
        );
    }
}

/// A line of the table: medians of the runs, sums of what was counted.
fn row(runs: &[&Measured]) -> Option<String> {
    let median_of = |figure: fn(&Measured) -> f64| median(runs.iter().map(|run| figure(run)).collect());
    let rate = median_of(Measured::per_second)?;
    let rates = || runs.iter().map(|run| run.per_second());
    let spread = (rates().fold(0.0, f64::max) - rates().fold(f64::INFINITY, f64::min)) / rate;
    Some(format!(
        "{:>11} {:>6.0}% {:>9.2} {:>9.2} {:>11} {:>8.1} {:>7.0} {:>8.0}%",
        grouped(rounded(rate)),
        spread * 100.0,
        median_of(|run| milliseconds(run, 0.50))?,
        median_of(|run| milliseconds(run, 0.99))?,
        grouped(runs.iter().map(|run| run.counted).sum()),
        runs.iter().map(|run| run.window.as_secs_f64()).sum::<f64>(),
        median_of(|run| as_float(run.answer_bytes) / as_float(run.counted))?,
        median_of(|run| run.generator_share)? * 100.0,
    ))
}

fn milliseconds(measured: &Measured, quantile: f64) -> f64 {
    as_float(measured.latency_ns.value_at_quantile(quantile)) / 1e6
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is neither huge nor negative"
)]
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

/// Writes a count in groups of three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let group = |(at, digit): (usize, char)| {
        let separator = (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',');
        separator.into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = u64::try_from(values.len()).ok().filter(|count| *count > 0)?;
    Some(values.iter().sum::<f64>() / as_float(count))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len().is_multiple_of(2) {
        Some(f64::midpoint(values[values.len() / 2 - 1], upper))
    } else {
        Some(upper)
    }
}

#[cfg(test)]
mod tests;
