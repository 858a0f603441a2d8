//! Charts, drawn here: figures beside the tables that hold the same numbers. All coordinates are whole tenths of a
//! unit, so that no float is needed.

use std::fmt;

use askama::{Template, filters::HtmlSafe};

use super::view::{count, percent};

/// The drawing's width and height, the room on its left for numbers, and that under it for days; in units.
const WIDTH: i64 = 960;
const HEIGHT: i64 = 240;
const LEFT: i64 = 56;
const BELOW: i64 = 26;
const ABOVE: i64 = 10;

/// How many labels have room under the bars.
const LABELS_MAX: usize = 10;

/// How many lines are drawn at most behind the bars.
const LINES_MAX: u64 = 4;

/// A coordinate, in tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tenths(i64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// The statuses that bars are stacked of, from the bottom up.
pub(crate) const STACKED: [&str; 3] = ["approved", "pending", "rejected"];

/// What was recorded in one span of time.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// When, as it stands under the bar.
    pub(crate) label: String,
    /// How many of each status, in the order of [`STACKED`].
    pub(crate) parts: [u64; 3],
}

#[derive(Debug)]
struct Piece {
    class: &'static str,
    x: Tenths,
    y: Tenths,
    width: Tenths,
    height: Tenths,
    title: String,
}

#[derive(Debug)]
struct Mark {
    at: Tenths,
    text: String,
}

/// Conversions by status over time, as stacked bars.
#[derive(Clone, Debug, Template)]
#[template(path = "chart_bars.html")]
pub(crate) struct Bars {
    /// From the earliest to the latest.
    pub(crate) bars: Vec<Bar>,
}

impl HtmlSafe for Bars {}

impl Bars {
    fn step(&self) -> u64 {
        let most = self.bars.iter().map(|bar| bar.parts.iter().sum::<u64>()).max().unwrap_or_default();
        round_step(most)
    }

    /// What the upper edge stands for.
    fn top(&self) -> u64 {
        let most = self.bars.iter().map(|bar| bar.parts.iter().sum::<u64>()).max().unwrap_or_default();
        most.div_ceil(self.step()).max(1) * self.step()
    }

    /// How high a number stands above the ground, in tenths.
    fn height_of(&self, number: u64) -> i64 {
        let room = u128::try_from((HEIGHT - BELOW - ABOVE) * 10).unwrap_or_default();
        i64::try_from(u128::from(number) * room / u128::from(self.top())).unwrap_or_default()
    }

    fn slot(&self) -> i64 {
        (WIDTH - LEFT) * 10 / i64::try_from(self.bars.len().max(1)).unwrap_or(1)
    }

    fn pieces(&self) -> Vec<Piece> {
        let slot = self.slot();
        let width = (slot * 7 / 10).clamp(8, 480);
        let mut pieces = Vec::new();
        for (bar, at) in self.bars.iter().zip(0..) {
            let mut below = 0_u64;
            for (number, class) in bar.parts.into_iter().zip(STACKED) {
                let (low, high) = (self.height_of(below), self.height_of(below + number));
                below += number;
                if number == 0 {
                    continue;
                }
                pieces.push(Piece {
                    class,
                    x: Tenths(LEFT * 10 + slot * at + (slot - width) / 2),
                    y: Tenths((HEIGHT - BELOW) * 10 - high),
                    width: Tenths(width),
                    height: Tenths((high - low).max(5)),
                    title: format!("{}: {} {class}", bar.label, count(number)),
                });
            }
        }
        pieces
    }

    fn lines(&self) -> Vec<Mark> {
        let numbers = (0..).map(|line| line * self.step()).take_while(|number| *number <= self.top());
        let mark =
            |number| Mark { at: Tenths((HEIGHT - BELOW) * 10 - self.height_of(number)), text: count(number) };
        numbers.map(mark).collect()
    }

    fn labels(&self) -> Vec<Mark> {
        let every = self.bars.len().div_ceil(LABELS_MAX).max(1);
        let slot = self.slot();
        let labelled = self.bars.iter().zip(0_i64..).step_by(every);
        let mark = |(bar, at): (&Bar, i64)| Mark {
            at: Tenths(LEFT * 10 + slot * at + slot / 2),
            text: bar.label.clone(),
        };
        labelled.map(mark).collect()
    }

    fn totals(&self) -> [u64; 3] {
        [0, 1, 2].map(|part| self.bars.iter().map(|bar| bar.parts[part]).sum())
    }

    /// What it shows, for who can't see it.
    fn told(&self) -> String {
        let [approved, pending, rejected] = self.totals().map(count);
        format!(
            "Conversions over time: {approved} approved, {pending} pending, {rejected} rejected; as in the table."
        )
    }
}

/// The distance of lines that is easy to read: 1, 2 or 5 times a power of ten, for at most [`LINES_MAX`] lines.
fn round_step(most: u64) -> u64 {
    let mut ten = 1_u64;
    loop {
        for step in [ten, 2 * ten, 5 * ten] {
            if most <= step * LINES_MAX {
                return step;
            }
        }
        match ten.checked_mul(10).filter(|ten| *ten < u64::MAX / 20) {
            Some(next) => ten = next,
            None => return most,
        }
    }
}

/// One step of the way from a click to an approved deposit.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    number: u64,
    /// Its bar, in hundredths of the widest.
    width: u64,
    /// How many of the stage before.
    rate: String,
}

/// The way from a click to an approved first deposit.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "chart_funnel.html")]
pub(crate) struct Funnel {
    /// Clicks, registrations, first deposits and approved first deposits.
    pub(crate) numbers: [u64; 4],
}

impl HtmlSafe for Funnel {}

impl Funnel {
    fn stages(&self) -> Vec<Stage> {
        let names = ["Clicks", "Registrations", "First deposits", "Approved"];
        let widest = self.numbers.iter().copied().max().unwrap_or_default().max(1);
        let stage = |(at, name)| {
            let number = self.numbers[at];
            let rate = if at == 0 { String::new() } else { percent(number, self.numbers[at - 1]) };
            Stage { name, number, width: number * 100 / widest, rate }
        };
        names.into_iter().enumerate().map(stage).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_at_round_numbers() {
        let check = |most, step| assert_eq!(round_step(most), step, "{most}");
        check(0, 1);
        check(4, 1);
        check(5, 2);
        check(43, 20);
        check(201, 100);
        check(1_000_000, 500_000);
        check(u64::MAX, u64::MAX);
    }

    #[test]
    fn bars_fill_their_room_and_no_more() {
        let bar = |parts| Bar { label: "Mon".to_owned(), parts };
        let bars = Bars { bars: vec![bar([10, 20, 10]), bar([0, 0, 0]), bar([0, 1, 0])] };
        let pieces = bars.pieces();
        assert_eq!(pieces.len(), 4);
        assert_eq!((bars.top(), bars.lines().len()), (40, 5));
        let highest = pieces.iter().map(|piece| piece.y.0).min().unwrap();
        assert_eq!(highest, ABOVE * 10);
        assert!(pieces.iter().all(|piece| piece.y.0 + piece.height.0 <= (HEIGHT - BELOW) * 10));
        assert!(Bars { bars: Vec::new() }.pieces().is_empty());
    }
}
