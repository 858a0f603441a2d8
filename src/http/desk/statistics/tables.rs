//! A report as tables: counts over all currencies, and money under each.

use super::{number, title};
use crate::{
    domain::{
        catalog::Catalog,
        currency::{Currency, CurrencyCode},
        money::Total,
        statistics::{
            figures::{Amounts, ByStatus, Counts, Figures, Rate},
            grouping::{Dimension, Label},
            report::{self, Report},
        },
    },
    http::{
        desk::names,
        ui::{
            listing::{Cell, Column, Empty, Listing},
            statistics::CurrencyBlock,
            view::Named,
        },
    },
};

/// How many of what, line by line and in all.
pub(super) fn counts(report: Option<&Report>, catalog: &Catalog, lines_max: usize) -> Listing {
    let empty = Empty::new("Nothing happened in this period", "Choose another period, or drop a condition.");
    let Some(report) = report else { return Listing::new("Counts", Vec::new(), empty) };
    let by_goal = report.question.grouping.tells_goals();
    let mut columns = heads(report);
    if by_goal {
        columns.extend(["Pending", "Approved", "Rejected"].map(Column::number));
    } else {
        columns.extend(["Clicks", "Registrations"].map(Column::number));
        columns.extend(["FTD pending", "approved", "rejected"].map(Column::number));
        let rates = [
            ("Approval", "Approved of all first deposits that were decided"),
            ("Click to reg", "Registrations per click"),
            ("Reg to FTD", "First deposits per registration, however they were decided"),
            ("Click to FTD", "Approved first deposits per click"),
        ];
        columns.extend(rates.map(|(title, hint)| Column::number(title).hint(hint)));
        columns.extend(["Repeat deposits", "Revenue share"].map(Column::number));
        columns.extend(shown(report, |goal| goal.count).map(|goal| Column::number(goal.name.clone())));
    }
    let cells =
        |counts: &Counts| if by_goal { by_status(counts.conversions) } else { count_cells(counts, report) };
    let lines = report.lines.iter().take(lines_max);
    let rows =
        lines.map(|(labels, figures)| [labels_of(labels, report, catalog), cells(&figures.counts)].concat());
    let listing = Listing::new("Counts", columns, empty).scrolling();
    let total = [all(report), cells(&report.total.counts)].concat();
    match report.question.grouping.dimensions() {
        [] if report.total == Figures::default() => listing,
        [] => listing.rows([total]),
        _ => listing.rows(rows).foot(total),
    }
}

/// How much of each currency, line by line and in all.
pub(super) fn money(report: &Report, catalog: &Catalog, lines_max: usize) -> Vec<CurrencyBlock> {
    let block = |code: &CurrencyCode| {
        let currency = catalog.currencies.recorded(code.as_str())?;
        let total = report.total.money.get(code)?;
        let lines =
            report.lines.iter().filter_map(|(labels, figures)| Some((labels, figures.money.get(code)?)));
        let rows = lines.take(lines_max).map(|(labels, amounts)| {
            [labels_of(labels, report, catalog), amount_cells(amounts, currency, report)].concat()
        });
        let caption = format!("Money in {code}");
        let listing = Listing::new(caption, amount_columns(report), Empty::default()).scrolling();
        let total = [all(report), amount_cells(total, currency, report)].concat();
        let listing = match report.question.grouping.dimensions() {
            [] => listing.rows([total]),
            _ => listing.rows(rows).foot(total),
        };
        Some(CurrencyBlock { currency: code.to_string(), listing })
    };
    report.total.money.keys().filter_map(block).collect()
}

fn heads(report: &Report) -> Vec<Column> {
    match report.question.grouping.dimensions() {
        [] => vec![Column::new("Period")],
        dimensions => dimensions.iter().map(|dimension| Column::new(title(*dimension))).collect(),
    }
}

/// What stands before the totals.
fn all(report: &Report) -> Vec<Cell> {
    let mut cells = vec![Cell::text("All")];
    cells.resize(report.question.grouping.dimensions().len().max(1), Cell::Empty);
    cells
}

fn labels_of(labels: &[Label], report: &Report, catalog: &Catalog) -> Vec<Cell> {
    let dimensions = report.question.grouping.dimensions();
    dimensions.iter().zip(labels).map(|(dimension, label)| label_of(*dimension, label, catalog)).collect()
}

/// A label; what is configured goes by its name.
fn label_of(dimension: Dimension, label: &Label, catalog: &Catalog) -> Cell {
    let shown = label.shown(dimension);
    let name = match dimension {
        Dimension::Merchant => catalog.merchants.get(shown.as_str()).map(|merchant| &merchant.name),
        Dimension::Offer => catalog.offers.get(shown.as_str()).map(|offer| &offer.name),
        Dimension::Affiliate => catalog.affiliates.get(shown.as_str()).map(|affiliate| &affiliate.name),
        Dimension::Goal => {
            let goals = catalog.merchants.values().flat_map(|merchant| &merchant.goals);
            goals
                .chain(&catalog.built_in_goals)
                .find(|goal| goal.alias.as_str() == shown)
                .map(|goal| &goal.name)
        }
        _ => None,
    };
    match name {
        Some(name) => Cell::Named(Named::new(&shown, name.clone())),
        None if shown.is_empty() => Cell::text("(none)"),
        None => Cell::text(shown),
    }
}

/// The goals with columns of their own of one kind.
fn shown(report: &Report, which: fn(&report::Column) -> bool) -> impl Iterator<Item = &report::Column> {
    report.columns.iter().filter(move |column| which(column))
}

fn by_status(counts: ByStatus) -> Vec<Cell> {
    [counts.pending, counts.approved, counts.rejected].map(|count| Cell::Number(number(count))).into()
}

fn count_cells(counts: &Counts, report: &Report) -> Vec<Cell> {
    let percent =
        |rate: Rate| Cell::text(rate.percent().map(|percent| format!("{percent} %")).unwrap_or_default());
    let count = |count: i64| Cell::Number(number(count));
    let mut cells = vec![count(counts.clicks), count(counts.registrations)];
    cells.extend(by_status(counts.ftd));
    cells.extend([
        percent(counts.approval_rate()),
        percent(counts.registration_rate()),
        percent(counts.deposit_rate()),
        percent(counts.conversion_rate()),
        count(counts.repeat_deposits),
        count(counts.revshare),
    ]);
    let of_goal = |column: &report::Column| counts.goals.get(&column.goal).copied().unwrap_or_default();
    cells.extend(shown(report, |goal| goal.count).map(|column| count(of_goal(column))));
    cells
}

fn amount_columns(report: &Report) -> Vec<Column> {
    let mut columns = heads(report);
    if report.question.grouping.tells_goals() {
        columns.extend([Column::number("Approved"), Column::amount("Sum")]);
    } else {
        for (count, sum) in
            [("FTD approved", "Sum"), ("Repeat deposits", "Sum"), ("Revenue share", "Amounts")]
        {
            columns.extend([Column::number(count), Column::amount(sum)]);
        }
    }
    columns.push(Column::amount("Revenue").hint("What merchants owe us for revenue share"));
    columns.push(Column::amount("Payout").hint("What we owe affiliates for approved conversions"));
    for goal in shown(report, |goal| goal.sum) {
        columns.push(Column::amount(format!("{}, sum", goal.name)));
    }
    columns
}

fn amount_cells(amounts: &Amounts, currency: Currency, report: &Report) -> Vec<Cell> {
    // The block says which currency.
    let sum = |total: Total| Cell::Amount(names::plain(total, currency));
    let count = |count: i64| Cell::Number(number(count));
    let mut cells = if report.question.grouping.tells_goals() {
        vec![count(amounts.conversions.approved), sum(amounts.conversion_sum)]
    } else {
        vec![
            count(amounts.ftd.approved),
            sum(amounts.ftd_sum),
            count(amounts.repeat_deposits),
            sum(amounts.repeat_deposit_sum),
            count(amounts.revshare),
            sum(amounts.revshare_sum),
        ]
    };
    cells.extend([sum(amounts.revenue), sum(amounts.payout)]);
    let of_goal =
        |column: &report::Column| amounts.goals.get(&column.goal).map(|goal| goal.sum).unwrap_or_default();
    cells.extend(shown(report, |goal| goal.sum).map(|column| sum(of_goal(column))));
    cells
}
