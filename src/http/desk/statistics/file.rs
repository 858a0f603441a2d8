//! A report as a file for a spreadsheet: a line of counts for each group, with an empty currency, and a line for each
//! of its currencies.

use std::io;

use axum::{body::Body, response::Response};
use futures::stream;

use crate::{
    domain::{
        currency::{Currencies, Currency},
        money::Total,
        statistics::{
            figures::{Amounts, ByStatus, Counts, Figures},
            grouping::{Dimension, Label},
            report::{Column, Report},
        },
    },
    http::desk::export::{as_file, inert},
};

/// How many lines are written at a time.
const LINES_AT_ONCE: usize = 1_000;

/// The columns after the groups, but for those of goals. Clicks, registrations and rates stand on lines of counts only,
/// sums only on lines of a currency.
const HEADER: [&str; 21] = [
    "currency",
    "clicks",
    "registrations",
    "ftd_pending",
    "ftd_approved",
    "ftd_rejected",
    "approval_rate",
    "registration_rate",
    "deposit_rate",
    "conversion_rate",
    "repeat_deposits",
    "revshare",
    "pending",
    "approved",
    "rejected",
    "ftd_sum",
    "repeat_deposit_sum",
    "revshare_sum",
    "revenue",
    "payout",
    "sum",
];

/// The file of a report.
pub(super) fn of(report: Report, currencies: &Currencies) -> Response {
    let writer = Lines { columns: report.columns, currencies: currencies.clone() };
    let dimensions = report.question.grouping.dimensions().to_vec();
    let mut lines: Vec<_> = report.lines.into_iter().collect();
    if dimensions.is_empty() {
        lines.push((Vec::new(), report.total));
    }
    let first = writer.header(&dimensions);
    let state = (lines.into_iter(), writer, dimensions);
    let rest = stream::unfold(state, |(mut lines, writer, dimensions)| async move {
        let some: Vec<_> = lines.by_ref().take(LINES_AT_ONCE).collect();
        (!some.is_empty()).then(|| (writer.lines(&dimensions, &some), (lines, writer, dimensions)))
    });
    let body = futures::StreamExt::chain(stream::iter([first]), rest);
    as_file("attachment; filename=\"statistics.csv\"", Body::from_stream(body))
}

struct Lines {
    columns: Vec<Column>,
    currencies: Currencies,
}

impl Lines {
    fn header(&self, dimensions: &[Dimension]) -> io::Result<Vec<u8>> {
        let mut cells: Vec<_> = dimensions.iter().map(ToString::to_string).collect();
        cells.extend(HEADER.map(str::to_owned));
        cells.extend(self.counted().map(|column| format!("{}_count", column.goal)));
        cells.extend(self.summed().map(|column| format!("{}_sum", column.goal)));
        written([cells])
    }

    fn lines(&self, dimensions: &[Dimension], lines: &[(Vec<Label>, Figures)]) -> io::Result<Vec<u8>> {
        let mut rows = Vec::new();
        for (labels, figures) in lines {
            let shown =
                dimensions.iter().zip(labels).map(|(dimension, label)| inert(&label.shown(*dimension)));
            let heads: Vec<_> = shown.collect();
            rows.push([heads.clone(), self.counts(&figures.counts)].concat());
            for (code, amounts) in &figures.money {
                if let Some(currency) = self.currencies.recorded(code.as_str()) {
                    rows.push([heads.clone(), self.amounts(currency, amounts)].concat());
                }
            }
        }
        written(rows)
    }

    fn counts(&self, counts: &Counts) -> Vec<String> {
        let rates = [
            counts.approval_rate(),
            counts.registration_rate(),
            counts.deposit_rate(),
            counts.conversion_rate(),
        ];
        let mut cells = vec![String::new(), counts.clicks.to_string(), counts.registrations.to_string()];
        cells.extend(by_status(counts.ftd));
        cells.extend(rates.map(|rate| rate.to_string()));
        cells.extend([counts.repeat_deposits, counts.revshare].map(|count| count.to_string()));
        cells.extend(by_status(counts.conversions));
        cells.extend(std::iter::repeat_n(String::new(), 6));
        let of_goal =
            |column: &Column| counts.goals.get(&column.goal).copied().unwrap_or_default().to_string();
        cells.extend(self.counted().map(of_goal));
        cells.extend(self.summed().map(|_| String::new()));
        cells
    }

    fn amounts(&self, currency: Currency, amounts: &Amounts) -> Vec<String> {
        let sum = |total: Total| total.display(currency.minor_unit).to_string();
        let mut cells = vec![currency.code.to_string(), String::new(), String::new()];
        cells.extend(by_status(amounts.ftd));
        cells.extend(std::iter::repeat_n(String::new(), 4));
        cells.extend([amounts.repeat_deposits, amounts.revshare].map(|count| count.to_string()));
        cells.extend(by_status(amounts.conversions));
        let sums = [
            amounts.ftd_sum,
            amounts.repeat_deposit_sum,
            amounts.revshare_sum,
            amounts.revenue,
            amounts.payout,
            amounts.conversion_sum,
        ];
        cells.extend(sums.map(sum));
        let of_goal = |column: &Column| amounts.goals.get(&column.goal).copied().unwrap_or_default();
        cells.extend(self.counted().map(|column| of_goal(column).count.to_string()));
        cells.extend(self.summed().map(|column| sum(of_goal(column).sum)));
        cells
    }

    fn counted(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.count)
    }

    fn summed(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.sum)
    }
}

fn by_status(counts: ByStatus) -> [String; 3] {
    [counts.pending, counts.approved, counts.rejected].map(|count| count.to_string())
}

fn written(rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
