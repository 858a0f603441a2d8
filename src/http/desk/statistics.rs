//! Statistics: the page and its file.

mod file;
mod tables;

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use chrono::{Datelike, Days, Months, NaiveDate};
use url::form_urlencoded;

use super::{
    names::Choices,
    visit::{Fields, Visit},
};
use crate::{
    domain::{
        catalog::Catalog,
        statistics::{
            Question,
            figures::ByStatus,
            grouping::{Dimension, Grouping, Label},
            period::Period,
            report::Report,
        },
        time::Timestamp,
    },
    http::{
        api::Query,
        problem::Problem,
        statistics,
        ui::{
            charts::{Bar, Bars, Funnel},
            form::{Choice, Field, Filters, with_query},
            html,
            layout::{Flash, Section},
            statistics::{Preset, Statistics},
        },
    },
};

/// The address of the page.
const ADDRESS: &str = "/statistics";

/// How many lines the page shows of each table. The file has all.
const LINES_SHOWN_MAX: usize = 1_000;

/// Up to how many days a chart has a bar for each, and up to how many one for each week.
const DAY_BARS_MAX: usize = 92;
const WEEK_BARS_MAX: usize = 731;

/// `GET /statistics`
pub(super) async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let asked = Asked::read(query.as_deref().unwrap_or_default(), &visit);
    let catalog = Arc::clone(&visit.shared.edge.catalog.borrow());
    let mut page = visit.page("Statistics", Section::Statistics);
    let answered = match &asked.question {
        Ok(question) => answer(&visit, question).await,
        Err(problem) => Err(problem.clone()),
    };
    let (status, report, bars) = match answered {
        Ok((report, bars)) => (StatusCode::OK, Some(report), Some(bars)),
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            page = page.telling(Flash::bad(problem.detail));
            (StatusCode::BAD_REQUEST, None, None)
        }
        Err(problem) => return Err(problem),
    };
    if let Some(report) = report.as_ref().filter(|report| report.lines.len() > LINES_SHOWN_MAX) {
        let text = format!(
            "The first {LINES_SHOWN_MAX} of {} lines are shown. The CSV has all of them.",
            report.lines.len()
        );
        page = page.telling(Flash::good(text));
    }
    let shown = Statistics {
        page,
        filters: asked.form(&catalog),
        presets: asked.presets(&visit),
        counts: tables::counts(report.as_ref(), &catalog, LINES_SHOWN_MAX),
        money: report.as_ref().map(|it| tables::money(it, &catalog, LINES_SHOWN_MAX)).unwrap_or_default(),
        bars: bars.filter(|bars| bars.bars.iter().any(|bar| bar.parts.iter().any(|part| *part > 0))),
        funnel: report.as_ref().and_then(funnel),
    };
    Ok(html(status, &shown))
}

/// `GET /statistics.csv`: all lines of the same question.
pub(super) async fn export(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let asked = Asked::read(query.as_deref().unwrap_or_default(), &visit);
    let report = statistics::report(&visit.shared, asked.question?).await?;
    let currencies = visit.shared.edge.catalog.borrow().currencies.clone();
    Ok(file::of(report, &currencies))
}

/// The figures, and the conversions of the period over time.
async fn answer(visit: &Visit, question: &Question) -> Result<(Report, Bars), Problem> {
    let report = statistics::report(&visit.shared, question.clone()).await?;
    let dimension = bar_dimension(question);
    if question.grouping.dimensions().contains(&dimension) {
        let bars = bars(&report, dimension);
        return Ok((report, bars));
    }
    let over_time = Question { grouping: Grouping::by(dimension), ..question.clone() };
    let over_time = statistics::report(&visit.shared, over_time).await?;
    Ok((report, bars(&over_time, dimension)))
}

fn bar_dimension(question: &Question) -> Dimension {
    let days = Dimension::Day.dates(question.period, question.zone).len();
    if days <= DAY_BARS_MAX {
        Dimension::Day
    } else if days <= WEEK_BARS_MAX {
        Dimension::Week
    } else {
        Dimension::Month
    }
}

/// A bar for each day, week or month of the period, whether there was anything or not.
fn bars(report: &Report, dimension: Dimension) -> Bars {
    let Question { period, zone, grouping, .. } = &report.question;
    let place = grouping.dimensions().iter().position(|it| *it == dimension);
    let mut sums: BTreeMap<&Label, ByStatus> = BTreeMap::new();
    for (labels, figures) in &report.lines {
        if let Some(label) = place.and_then(|at| labels.get(at)) {
            *sums.entry(label).or_default() += figures.counts.conversions;
        }
    }
    let bar = |date: NaiveDate| {
        let label = Label::Date(date);
        let sum = sums.get(&label).copied().unwrap_or_default();
        Bar { label: label.shown(dimension), parts: [sum.approved, sum.pending, sum.rejected].map(number) }
    };
    Bars { bars: dimension.dates(*period, *zone).into_iter().map(bar).collect() }
}

fn funnel(report: &Report) -> Option<Funnel> {
    let counts = &report.total.counts;
    let numbers = [counts.clicks, counts.registrations, counts.ftd.total(), counts.ftd.approved].map(number);
    numbers.iter().any(|number| *number > 0).then_some(Funnel { numbers })
}

/// A count: never below zero once everything is added up.
fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// What an address asks for, as it was given and as it was understood.
struct Asked {
    fields: Fields,
    zone: String,
    groups: [String; 2],
    question: Result<Question, Problem>,
}

impl Asked {
    /// Without a grouping, figures are told by day; without a zone, in the viewer's.
    fn read(query: &str, visit: &Visit) -> Self {
        let (fields, fault) = match Fields::parse(query) {
            Ok(fields) => (fields, None),
            Err(problem) => (Fields::default(), Some(problem)),
        };
        let zone = match fields.get("tz") {
            "" => visit.zone.name().to_owned(),
            given => given.to_owned(),
        };
        let groups = groups(&fields);
        let question = match fault {
            Some(problem) => Err(problem),
            None => question(&fields, &zone, &groups, visit.caller.now),
        };
        Self { fields, zone, groups, question }
    }

    fn field(&self, field: Field, name: &str, value: &str) -> Field {
        let fault = self.question.as_ref().err();
        let of_field = match fault.and_then(|fault| fault.parameter.as_deref()) {
            Some("group_by") => name == "group1",
            parameter => parameter == Some(name),
        };
        let error = fault.filter(|_| of_field).map_or_else(String::new, |fault| fault.detail.clone());
        field.value(value).error(error)
    }

    /// The question as a form. A day that was not given is shown as it was understood.
    fn form(&self, catalog: &Catalog) -> Filters {
        let choices = Choices(catalog);
        let dimensions: Vec<_> = Dimension::all().map(|it| Choice::new(&it, title(it))).collect();
        let day = |name: &str, label: &str| {
            let given = self.fields.get(name);
            let (from, to) = self.days().map_or((None, None), |(from, to)| (Some(from), Some(to)));
            let understood = if name == "from" { from } else { to };
            match (given, understood) {
                ("", Some(date)) => self.field(Field::day(name, label), name, &date.to_string()),
                (given, _) if given.is_empty() || given.parse::<NaiveDate>().is_ok() => {
                    self.field(Field::day(name, label), name, given)
                }
                (given, _) => self.field(Field::text(name, label), name, given),
            }
        };
        let select = |name, label, choices| {
            self.field(Field::select(name, label, choices), name, self.fields.get(name))
        };
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let zones = zones.filter(|name| name.contains('/') && !name.starts_with("Etc/") || *name == "UTC");
        let zones = zones.map(|name| Choice::new(name, name)).collect();
        Filters::plain(ADDRESS, "Period and groups")
            .field(day("from", "From"))
            .field(day("to", "To"))
            .field(self.field(Field::suggest("tz", "Time zone", zones), "tz", &self.zone))
            .field(self.field(
                Field::select("group1", "Group by", dimensions.clone()),
                "group1",
                &self.groups[0],
            ))
            .field(self.field(Field::select("group2", "And by", dimensions), "group2", &self.groups[1]))
            .field(select("merchant", "Merchant", choices.merchants()))
            .field(select("offer", "Offer", choices.offers()))
            .field(select("affiliate", "Affiliate", choices.affiliates()))
    }

    /// The first and the last day of the period.
    fn days(&self) -> Option<(NaiveDate, NaiveDate)> {
        let question = self.question.as_ref().ok()?;
        let (zone, Period { from, to }) = (question.zone, question.period);
        Some((zone.date_of(from), zone.date_of(to.plus_millis(-1))))
    }

    /// Periods that are often wanted, with everything else as it is.
    fn presets(&self, visit: &Visit) -> Vec<Preset> {
        let Ok(question) = &self.question else { return Vec::new() };
        let today = question.zone.date_of(visit.caller.now);
        let this_month = today.with_day(1).unwrap_or(today);
        let last_month = this_month - Months::new(1);
        let periods = [
            ("Today", today, today),
            ("Yesterday", today - Days::new(1), today - Days::new(1)),
            ("Last 7 days", today - Days::new(6), today),
            ("Last 30 days", today - Days::new(29), today),
            ("This month", this_month, today),
            ("Last month", last_month, this_month - Days::new(1)),
        ];
        let preset = |(name, from, to): (&'static str, NaiveDate, NaiveDate)| Preset {
            name,
            address: self.address(from, to),
            is_shown: self.days() == Some((from, to)),
        };
        periods.map(preset).into()
    }

    fn address(&self, from: NaiveDate, to: NaiveDate) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("from", &from.to_string()).append_pair("to", &to.to_string());
        query.append_pair("tz", &self.zone);
        query.append_pair("group1", &self.groups[0]).append_pair("group2", &self.groups[1]);
        let narrowed = ["merchant", "offer", "affiliate"].map(|name| (name, self.fields.get(name)));
        query.extend_pairs(narrowed.iter().filter(|(_, value)| !value.is_empty()));
        with_query(ADDRESS, &query.finish())
    }
}

/// What the two fields ask for, or the one parameter that the API takes.
fn groups(fields: &Fields) -> [String; 2] {
    let is_given = |name: &'static str| fields.all(name).next().is_some();
    if is_given("group1") || is_given("group2") {
        return ["group1", "group2"].map(|name| fields.get(name).to_owned());
    }
    if is_given("group_by") {
        let (first, second) = fields.get("group_by").split_once(',').unwrap_or((fields.get("group_by"), ""));
        return [first.to_owned(), second.to_owned()];
    }
    [Dimension::Day.to_string(), String::new()]
}

fn question(fields: &Fields, zone: &str, groups: &[String; 2], now: Timestamp) -> Result<Question, Problem> {
    let own = ["group1", "group2", "group_by", "tz"];
    let mut exact = form_urlencoded::Serializer::new(String::new());
    exact.extend_pairs(fields.given().filter(|(name, _)| !own.contains(name)));
    exact.append_pair("tz", zone).append_pair("group_by", &groups.join(","));
    let mut query = Query::parse(&exact.finish())?;
    let question = statistics::question(&mut query, now)?;
    query.finish()?;
    Ok(question)
}

/// What a dimension is called at the head of its column.
fn title(dimension: Dimension) -> String {
    let word = dimension.to_string();
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
