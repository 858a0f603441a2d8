//! `/api/v1/stats`: what clicks and conversions come to.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Json, reading::Query};
use crate::{
    domain::{
        currency::{Currencies, Currency, CurrencyCode},
        statistics::{
            figures::{Amounts, ByStatus, Counts, Figures},
            grouping::Label,
            report::{Column, Report},
        },
    },
    http::{Shared, access::Caller, problem::Problem, statistics},
};

pub(super) fn router() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(stats))
}

/// What clicks and conversions come to over a period.
///
/// Everything is counted when it was recorded: a conversion that is decided later counts in the line of its recording.
/// Currencies are never added together: `counts` is told over all of them, `currencies` has a block for each.
#[derive(Serialize, ToSchema)]
struct StatsView {
    /// The first moment of the period.
    #[schema(format = DateTime)]
    from: String,
    /// The first moment after it.
    #[schema(format = DateTime)]
    to: String,
    /// The time zone in which days, weeks and months begin.
    tz: String,
    /// By what the rows are told apart.
    group_by: Vec<String>,
    /// The goals that are set to be shown in columns of their own.
    goals: Vec<GoalView>,
    /// How many of what, over all currencies.
    counts: CountsBlock,
    /// Of each currency how many and how much, in the order of their codes.
    currencies: Vec<CurrencyBlock>,
}

/// A goal with columns of its own.
#[derive(Serialize, ToSchema)]
struct GoalView {
    /// Its alias, under which `goals` has its figures.
    alias: String,
    /// Its name.
    name: String,
    /// Whether it shows how many.
    count: bool,
    /// Whether it shows how much.
    sum: bool,
}

/// How many, row by row and in all.
#[derive(Serialize, ToSchema)]
struct CountsBlock {
    /// In the order of their groups.
    rows: Vec<CountsRow>,
    /// Over all rows. Clicks have no goal: grouped by goal they stand only here.
    total: CountsView,
}

/// How many, of one group.
#[derive(Serialize, ToSchema)]
struct CountsRow {
    /// What the row is of, by the words of `group_by`: `2026-11-20`, `2026-W47`, `2026-11`, an id, or the value of a
    /// click's parameter, empty where it has none.
    group: BTreeMap<String, String>,
    #[serde(flatten)]
    counts: CountsView,
}

/// How many of what.
#[derive(Serialize, ToSchema)]
struct CountsView {
    /// Clicks.
    clicks: i64,
    /// Registrations.
    registrations: i64,
    /// First deposits that wait for a decision.
    ftd_pending: i64,
    /// First deposits that count.
    ftd_approved: i64,
    /// First deposits that do not.
    ftd_rejected: i64,
    /// Of the first deposits that were decided, how many were approved, in percent with two decimal places.
    approval_rate: Option<String>,
    /// Registrations per click, in percent.
    registration_rate: Option<String>,
    /// First deposits per registration, however they were decided, in percent.
    deposit_rate: Option<String>,
    /// Approved first deposits per click, in percent.
    conversion_rate: Option<String>,
    /// Repeat deposits that count.
    repeat_deposits: i64,
    /// Revenue events that count.
    revshare: i64,
    /// Conversions of all goals that wait for a decision.
    pending: i64,
    /// Conversions of all goals that count.
    approved: i64,
    /// Conversions of all goals that do not.
    rejected: i64,
    /// Of goals that show it: how many conversions count.
    goals: BTreeMap<String, i64>,
}

/// One currency, row by row and in all.
#[derive(Serialize, ToSchema)]
struct CurrencyBlock {
    /// Its code.
    currency: String,
    /// In the order of their groups.
    rows: Vec<AmountsRow>,
    /// Over all rows.
    total: AmountsView,
}

/// One currency, of one group.
#[derive(Serialize, ToSchema)]
struct AmountsRow {
    /// What the row is of, as in `counts`.
    group: BTreeMap<String, String>,
    #[serde(flatten)]
    amounts: AmountsView,
}

/// How many and how much, of one currency. Sums are exact decimals, of conversions that count.
#[derive(Serialize, ToSchema)]
struct AmountsView {
    /// First deposits that wait for a decision.
    ftd_pending: i64,
    /// First deposits that count.
    ftd_approved: i64,
    /// First deposits that do not.
    ftd_rejected: i64,
    /// The sum of those that count.
    ftd_sum: String,
    /// Repeat deposits.
    repeat_deposits: i64,
    /// Their sum.
    repeat_deposit_sum: String,
    /// Revenue events.
    revshare: i64,
    /// The sum of their amounts.
    revshare_sum: String,
    /// What merchants owe us for them.
    revenue: String,
    /// What we owe affiliates, whatever currency the conversions were in.
    payout: String,
    /// Conversions of all goals that wait for a decision.
    pending: i64,
    /// Conversions of all goals that count.
    approved: i64,
    /// Conversions of all goals that do not.
    rejected: i64,
    /// The sum of the amounts of all that count.
    sum: String,
    /// Of goals that show it: how many conversions count, and how much.
    goals: BTreeMap<String, GoalAmountView>,
}

/// What a goal comes to in one currency.
#[derive(Serialize, ToSchema)]
struct GoalAmountView {
    /// How many, where that is shown.
    count: Option<i64>,
    /// How much, where that is shown.
    sum: Option<String>,
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        let ByStatus { pending, approved, rejected } = counts.conversions;
        Self {
            clicks: counts.clicks,
            registrations: counts.registrations,
            ftd_pending: counts.ftd.pending,
            ftd_approved: counts.ftd.approved,
            ftd_rejected: counts.ftd.rejected,
            approval_rate: counts.approval_rate().percent(),
            registration_rate: counts.registration_rate().percent(),
            deposit_rate: counts.deposit_rate().percent(),
            conversion_rate: counts.conversion_rate().percent(),
            repeat_deposits: counts.repeat_deposits,
            revshare: counts.revshare,
            pending,
            approved,
            rejected,
            goals: counts.goals.iter().map(|(goal, count)| (goal.as_ref().to_owned(), *count)).collect(),
        }
    }
}

impl AmountsView {
    fn of(amounts: &Amounts, currency: Currency, columns: &[Column]) -> Self {
        let sum = |total: crate::domain::money::Total| total.display(currency.minor_unit).to_string();
        let ByStatus { pending, approved, rejected } = amounts.conversions;
        let goals = columns.iter().filter_map(|column| {
            let own = amounts.goals.get(&column.goal)?;
            let (count, sum) = (column.count.then_some(own.count), column.sum.then(|| sum(own.sum)));
            Some((column.goal.as_ref().to_owned(), GoalAmountView { count, sum }))
        });
        Self {
            ftd_pending: amounts.ftd.pending,
            ftd_approved: amounts.ftd.approved,
            ftd_rejected: amounts.ftd.rejected,
            ftd_sum: sum(amounts.ftd_sum),
            repeat_deposits: amounts.repeat_deposits,
            repeat_deposit_sum: sum(amounts.repeat_deposit_sum),
            revshare: amounts.revshare,
            revshare_sum: sum(amounts.revshare_sum),
            revenue: sum(amounts.revenue),
            payout: sum(amounts.payout),
            pending,
            approved,
            rejected,
            sum: sum(amounts.conversion_sum),
            goals: goals.collect(),
        }
    }
}

impl StatsView {
    fn of(report: &Report, currencies: &Currencies) -> Self {
        let question = &report.question;
        let dimensions = question.grouping.dimensions();
        let group = |labels: &[Label]| {
            let shown = dimensions.iter().zip(labels);
            shown.map(|(dimension, label)| (dimension.to_string(), label.shown(*dimension))).collect()
        };
        let row = |(labels, figures): (&Vec<Label>, &Figures)| {
            (figures.counts != Counts::default())
                .then(|| CountsRow { group: group(labels), counts: CountsView::from(&figures.counts) })
        };
        let block = |code: &CurrencyCode| {
            let currency = currencies.recorded(code.as_str())?;
            let amounts = |figures: &Figures| {
                let amounts = figures.money.get(code)?;
                Some(AmountsView::of(amounts, currency, &report.columns))
            };
            let row = |(labels, figures): (&Vec<Label>, &Figures)| {
                Some(AmountsRow { group: group(labels), amounts: amounts(figures)? })
            };
            Some(CurrencyBlock {
                currency: code.to_string(),
                rows: report.lines.iter().filter_map(row).collect(),
                total: amounts(&report.total)?,
            })
        };
        let goal = |column: &Column| GoalView {
            alias: column.goal.as_ref().to_owned(),
            name: column.name.clone(),
            count: column.count,
            sum: column.sum,
        };
        Self {
            from: question.period.from.to_string(),
            to: question.period.to.to_string(),
            tz: question.zone.to_string(),
            group_by: dimensions.iter().map(ToString::to_string).collect(),
            goals: report.columns.iter().map(goal).collect(),
            counts: CountsBlock {
                rows: report.lines.iter().filter_map(row).collect(),
                total: CountsView::from(&report.total.counts),
            },
            currencies: report.total.money.keys().filter_map(block).collect(),
        }
    }
}

/// Statistics of a period, grouped.
///
/// Clicks, registrations, first deposits by status, rates, repeat deposits, revenue share, revenue, and the goals that
/// are set to be shown. Grouped by `sub1` to `sub10` or by `country` the clicks themselves are read, which takes
/// longer.
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "statistics",
    params(
        ("from" = Option<String>, Query, description = "The first day of the period, as in `2026-11-01`, or its first \
            moment, as in `2026-11-01T00:00:00Z`. By default the period has 30 days."),
        ("to" = Option<String>, Query, description = "The last day of the period, or the first moment after it. By \
            default today."),
        ("tz" = Option<String>, Query, description = "The time zone in which days, weeks and months begin, as in \
            `Europe/Berlin`; `UTC` by default."),
        ("group_by" = Option<String>, Query, description = "Up to two of `day`, `week`, `month`, `merchant`, `offer`, \
            `affiliate`, `goal`, `sub1` to `sub10` and `country`, separated by a comma. By default only totals."),
        ("merchant" = Option<String>, Query, description = "Only of this merchant."),
        ("offer" = Option<String>, Query, description = "Only of this offer."),
        ("affiliate" = Option<String>, Query, description = "Only of this affiliate."),
    ),
    responses((status = 200, description = "The figures.", body = StatsView))
)]
async fn stats(
    _: Caller,
    State(shared): State<Arc<Shared>>,
    mut query: Query,
) -> Result<Json<StatsView>, Problem> {
    let question = statistics::question(&mut query, shared.edge.clock.now())?;
    query.finish()?;
    let report = statistics::report(&shared, question).await?;
    let currencies = shared.edge.catalog.borrow().currencies.clone();
    Ok(Json(StatsView::of(&report, &currencies)))
}
