//! The figures of outgoing postbacks.

use std::time::Duration;

use super::{Figures, MEBIBYTE, as_float, grouped, mean, median, rounded};

/// What is measured of deliveries, in the order of the table.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Delivery {
    BareClient,
    OneEndpoint,
    NineEndpoints,
    NineBesideHanging,
}

impl Delivery {
    const ALL: [Self; 4] =
        [Self::BareClient, Self::OneEndpoint, Self::NineEndpoints, Self::NineBesideHanging];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::BareClient => "control: bare client",
            Self::OneEndpoint => "one endpoint",
            Self::NineEndpoints => "nine endpoints",
            Self::NineBesideHanging => "nine beside one that hangs",
        }
    }
}

/// One run.
pub(crate) struct Delivered {
    pub(crate) delivery: Delivery,
    pub(crate) round: usize,
    pub(crate) count: u64,
    /// From the first arrival to the last.
    pub(crate) span: Duration,
    /// The processor time of whoever delivered: the server, without its database's, or the bare client.
    pub(crate) cpu_time: Duration,
    /// The server's peak memory, where there was one.
    pub(crate) peak_memory_bytes: Option<u64>,
}

impl Delivered {
    fn per_second(&self) -> f64 {
        as_float(self.count) / self.span.as_secs_f64()
    }

    fn cpu_microseconds_each(&self) -> f64 {
        self.cpu_time.as_secs_f64() * 1e6 / as_float(self.count)
    }

    fn peak_memory(&self) -> Option<f64> {
        self.peak_memory_bytes.map(|bytes| as_float(bytes) / MEBIBYTE)
    }
}

impl Figures {
    fn deliveries_of(&self, delivery: Delivery) -> impl Iterator<Item = &Delivered> {
        self.deliveries.iter().filter(move |taken| taken.delivery == delivery)
    }

    /// The median over the rounds of one rate against another of the same round.
    pub(super) fn delivery_ratio(&self, over: Delivery, under: Delivery) -> Option<f64> {
        let in_round = |delivery, round| {
            let same_round = self.deliveries_of(delivery).filter(move |taken| taken.round == round);
            mean(&same_round.map(Delivered::per_second).collect::<Vec<_>>())
        };
        let rounds = 1..=self.deliveries.iter().map(|taken| taken.round).max()?;
        median(rounds.filter_map(|round| Some(in_round(over, round)? / in_round(under, round)?)).collect())
    }

    /// The most memory that any server held, in MiB.
    pub(super) fn delivery_memory(&self) -> Option<f64> {
        self.deliveries.iter().filter_map(Delivered::peak_memory).max_by(f64::total_cmp)
    }

    pub(super) fn print_deliveries(&self) {
        if self.deliveries.is_empty() {
            return;
        }
        println!(
            "\n{:<30} {:>12} {:>7} {:>11} {:>8} {:>12} {:>10}",
            "deliveries to", "deliveries/s", "spread", "arrived", "seconds", "CPU µs each", "peak MiB"
        );
        for delivery in Delivery::ALL {
            let rates: Vec<f64> = self.deliveries_of(delivery).map(Delivered::per_second).collect();
            let Some(rate) = median(rates.clone()) else { continue };
            let spread = (rates.iter().fold(0.0, |a, b| f64::max(a, *b))
                - rates.iter().fold(f64::INFINITY, |a, b| f64::min(a, *b)))
                / rate;
            let cpu = self.deliveries_of(delivery).map(Delivered::cpu_microseconds_each);
            let cpu = median(cpu.collect()).unwrap_or_default();
            let memory =
                self.deliveries_of(delivery).filter_map(Delivered::peak_memory).max_by(f64::total_cmp);
            println!(
                "{:<30} {:>12} {:>6.0}% {:>11} {:>8.1} {:>12.1} {:>10}",
                delivery.title(),
                grouped(rounded(rate)),
                spread * 100.0,
                grouped(self.deliveries_of(delivery).map(|taken| taken.count).sum()),
                self.deliveries_of(delivery).map(|taken| taken.span.as_secs_f64()).sum::<f64>(),
                cpu,
                memory.map_or_else(|| "-".to_owned(), |memory| format!("{memory:.0}")),
            );
        }
    }
}
