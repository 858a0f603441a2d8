//! A report: the figures of every line, and in all.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Fact, Place, Quarter, Question, Tally,
    figures::Figures,
    grouping::{Dimension, Label},
    page::Page,
};
use crate::domain::{catalog::Catalog, goal::Goal};

/// How many lines a report may have. More do not tell anybody anything, and have to be held in memory.
pub const LINES_MAX: usize = 50_000;

/// A report would have more lines than [`LINES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this gives more than {LINES_MAX} lines; take a shorter period, or group by less")]
pub struct TooManyLines;

/// What a question comes to. It is filled fact by fact, in any order.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked.
    pub question: Question,
    /// The goals that are set to have columns of their own.
    pub columns: Vec<Column>,
    /// The lines in the order of their labels, of which each has one per dimension.
    pub lines: BTreeMap<Vec<Label>, Figures>,
    /// What all of it comes to. Clicks that no goal's line can show are here.
    pub total: Figures,
    catalog: Arc<Catalog>,
    stretches: Stretches,
}

/// A goal with columns of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The goal's alias.
    pub goal: Arc<str>,
    /// Its name; the alias, where merchants call it by different names.
    pub name: String,
    /// Whether some merchant shows how many.
    pub count: bool,
    /// Whether some merchant shows how much.
    pub sum: bool,
}

/// Quarters of one day that are told apart by nothing.
#[derive(Debug)]
struct Stretch {
    first: u8,
    end: u8,
    dates: Vec<Label>,
}

/// The stretches of the day that was asked for last, from a quarter to another: pages come day by day.
#[derive(Clone, Debug)]
struct Stretches {
    of: Option<(i64, Quarter, Quarter)>,
    found: Arc<[Stretch]>,
}

impl Report {
    /// With nothing in it.
    pub fn new(question: Question, catalog: Arc<Catalog>) -> Self {
        let columns = columns(&catalog);
        let stretches = Stretches { of: None, found: Arc::default() };
        Self { question, columns, lines: BTreeMap::new(), total: Figures::default(), catalog, stretches }
    }

    /// Adds facts of one quarter of an hour; `params` are the values of those dimensions that only clicks know.
    ///
    /// # Errors
    /// [`TooManyLines`]
    pub fn add(
        &mut self,
        place: &Place,
        quarter: Quarter,
        params: &[Arc<str>],
        fact: Fact<'_>,
        tally: Tally,
    ) -> Result<(), TooManyLines> {
        let dates = self.dates(quarter);
        let catalog = Arc::clone(&self.catalog);
        let goal = goal_of(&catalog, place, fact);
        self.total.add(fact, goal, tally);
        if let Some(labels) = self.labels(&dates, place, params, fact) {
            self.line(labels)?.add(fact, goal, tally);
        }
        Ok(())
    }

    /// Adds the quarters of a page from `first` to just before `end`, as far as they belong to its day.
    ///
    /// # Errors
    /// [`TooManyLines`]
    pub fn add_page(
        &mut self,
        day: i64,
        place: &Place,
        page: &Page,
        first: Quarter,
        end: Quarter,
    ) -> Result<(), TooManyLines> {
        let catalog = Arc::clone(&self.catalog);
        let facts = page.facts().map(|(fact, series)| (fact, goal_of(&catalog, place, fact), series));
        let facts: Vec<_> = facts.collect();
        for stretch in self.stretches(day, first, end).iter() {
            let sums =
                facts.iter().map(|(fact, goal, it)| (*fact, *goal, it.sum(stretch.first, stretch.end)));
            let sums: Vec<_> = sums.filter(|(.., tally)| !tally.is_zero()).collect();
            for (fact, goal, tally) in &sums {
                self.total.add(*fact, *goal, *tally);
            }
            if self.question.grouping.tells_goals() {
                for (fact, goal, tally) in sums {
                    if let Some(labels) = self.labels(&stretch.dates, place, &[], fact) {
                        self.line(labels)?.add(fact, goal, tally);
                    }
                }
            } else if let Some((first, ..)) = sums.first()
                && let Some(labels) = self.labels(&stretch.dates, place, &[], *first)
            {
                let line = self.line(labels)?;
                for (fact, goal, tally) in sums {
                    line.add(fact, goal, tally);
                }
            }
        }
        Ok(())
    }

    /// The report as it is shown: what has come to nothing is left out.
    #[must_use]
    pub fn finished(mut self) -> Self {
        self.total.forget_zeros();
        self.lines.values_mut().for_each(Figures::forget_zeros);
        self.lines.retain(|_, figures| *figures != Figures::default());
        self
    }

    fn line(&mut self, labels: Vec<Label>) -> Result<&mut Figures, TooManyLines> {
        if self.lines.len() >= LINES_MAX && !self.lines.contains_key(&labels) {
            return Err(TooManyLines);
        }
        Ok(self.lines.entry(labels).or_default())
    }

    /// The labels of a line; none where the facts belong to no line: clicks, where goals are told apart.
    fn labels(
        &self,
        dates: &[Label],
        place: &Place,
        params: &[Arc<str>],
        fact: Fact<'_>,
    ) -> Option<Vec<Label>> {
        let (mut dates, mut params) = (dates.iter(), params.iter());
        let label = |dimension: &Dimension| match dimension {
            Dimension::Day | Dimension::Week | Dimension::Month => dates.next().cloned(),
            Dimension::Merchant => Some(Label::Text(Arc::clone(&place.merchant))),
            Dimension::Offer => Some(Label::Text(Arc::clone(&place.offer))),
            Dimension::Affiliate => Some(Label::Text(Arc::clone(&place.affiliate))),
            Dimension::Goal => match fact {
                Fact::Conversion(kind) | Fact::Payout(kind) => Some(Label::Text(kind.goal.as_str().into())),
                Fact::Click => None,
            },
            Dimension::Sub(_) | Dimension::Country => params.next().cloned().map(Label::Text),
        };
        let dimensions = self.question.grouping.dimensions();
        if dimensions.is_empty() { None } else { dimensions.iter().map(label).collect() }
    }

    /// The labels of the dimensions that cut time.
    fn dates(&self, quarter: Quarter) -> Vec<Label> {
        let zone = self.question.zone;
        let dimensions = self.question.grouping.dimensions().iter().filter(|dimension| dimension.is_time());
        dimensions.map(|dimension| Label::Date(dimension.date_at(quarter.start(), zone))).collect()
    }

    /// As [`Report::cut`], which takes longer than reading a page.
    fn stretches(&mut self, day: i64, first: Quarter, end: Quarter) -> Arc<[Stretch]> {
        let asked = Some((day, first, end));
        if self.stretches.of != asked {
            self.stretches = Stretches { of: asked, found: self.cut(day, first, end).into() };
        }
        Arc::clone(&self.stretches.found)
    }

    /// The quarters of a day from `first` to just before `end`, in stretches that nothing tells apart.
    fn cut(&self, day: i64, first: Quarter, end: Quarter) -> Vec<Stretch> {
        let midnight = day * super::QUARTERS_A_DAY;
        let first = first.number().max(midnight) - midnight;
        let end = end.number().min(midnight + super::QUARTERS_A_DAY) - midnight;
        let mut stretches: Vec<Stretch> = Vec::new();
        for number in first..end {
            let quarter = Quarter::from_number(midnight + number);
            let dates = self.dates(quarter);
            match stretches.last_mut() {
                Some(last) if last.dates == dates => last.end += 1,
                _ => stretches.push(Stretch { first: quarter.of_day(), end: quarter.of_day() + 1, dates }),
            }
        }
        stretches
    }
}

/// The goal of a conversion, as it is configured.
fn goal_of<'c>(catalog: &'c Catalog, place: &Place, fact: Fact<'_>) -> Option<&'c Goal> {
    let Fact::Conversion(kind) = fact else { return None };
    let merchant = catalog.merchants.get(&*place.merchant)?;
    merchant.goals.iter().find(|goal| goal.alias.as_str() == kind.goal)
}

/// The goals that some merchant shows in columns of their own, in the order of their aliases.
fn columns(catalog: &Catalog) -> Vec<Column> {
    let mut columns: BTreeMap<Arc<str>, Column> = BTreeMap::new();
    let goals = catalog.merchants.values().flat_map(|merchant| &merchant.goals);
    for goal in goals.filter(|goal| goal.show_count || goal.show_sum) {
        let alias: Arc<str> = goal.alias.as_str().into();
        let column = columns.entry(Arc::clone(&alias)).or_insert_with(|| Column {
            goal: alias,
            name: goal.name.clone(),
            count: false,
            sum: false,
        });
        column.count |= goal.show_count;
        column.sum |= goal.show_sum;
        if column.name != goal.name {
            column.name = column.goal.as_ref().to_owned();
        }
    }
    columns.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        currency::CurrencyCode,
        fixture,
        money::{Money, Total},
        statistics::{
            Kind, Only,
            grouping::Grouping,
            period::{Period, Zone},
        },
        status::Status,
        time::Timestamp,
    };

    /// `acme` shows what its players' levels come to, and both it and `plain` how many passed the check.
    fn catalog() -> Arc<Catalog> {
        let mut catalog = fixture::catalog();
        for (merchant, alias, sum) in
            [("acme", "level", true), ("acme", "kyc", false), ("plain", "kyc", false)]
        {
            let merchant = Arc::make_mut(catalog.merchants.get_mut(merchant).unwrap());
            let goal = merchant.goals.iter_mut().find(|goal| goal.alias.as_str() == alias).unwrap();
            (goal.show_count, goal.show_sum) = (true, sum);
            goal.name =
                if merchant.id.as_str() == "acme" { format!("The {alias}") } else { alias.to_owned() };
        }
        Arc::new(catalog)
    }

    fn question(zone: &str, group_by: &str) -> Question {
        let zone = Zone::parse(zone).unwrap();
        let period = Period::parse(Some("2026-11-01"), Some("2026-11-30"), zone, fixture::NOW).unwrap();
        Question { period, zone, grouping: Grouping::parse(group_by).unwrap(), only: Only::default() }
    }

    fn place(merchant: &str, affiliate: &str) -> Place {
        Place { merchant: merchant.into(), offer: merchant.into(), affiliate: affiliate.into() }
    }

    fn sum(amount: &str) -> Total {
        Money::parse(amount).unwrap().into()
    }

    /// What happened: a time, a merchant, an affiliate, then `click` or a goal, amount, currency and status; and how
    /// often.
    const HAPPENED: [(&str, &str, i64); 11] = [
        ("2026-11-20T22:50:00Z", "acme lotus click", 7),
        ("2026-11-20T23:05:00Z", "acme lotus click", 3),
        ("2026-11-20T23:05:00Z", "acme lotus reg 0 - approved", 2),
        ("2026-11-20T23:05:00Z", "acme lotus ftd 100 EUR approved", 2),
        ("2026-11-20T23:05:00Z", "acme orchid ftd 70 EUR rejected", 1),
        ("2026-11-20T23:05:00Z", "acme lotus ftd 50.5 USD pending", 1),
        ("2026-11-20T23:05:00Z", "acme lotus rdep 10 EUR approved", 3),
        ("2026-11-20T23:05:00Z", "acme lotus rdep 10 EUR pending", 1),
        ("2026-11-20T23:05:00Z", "acme lotus revshare -20 EUR approved", 1),
        ("2026-11-20T23:05:00Z", "acme lotus level 5 USD approved", 2),
        ("2026-11-20T23:05:00Z", "plain lotus kyc 0 - approved", 4),
    ];

    fn report(zone: &str, group_by: &str) -> Report {
        let mut report = Report::new(question(zone, group_by), catalog());
        for (time, what, count) in HAPPENED {
            let words: Vec<_> = what.split(' ').collect();
            let (place, quarter) = (place(words[0], words[1]), Quarter::of(Timestamp::parse(time).unwrap()));
            let [goal, amount, currency, status] = words[2..] else {
                let tally = Tally { count, ..Tally::default() };
                report.add(&place, quarter, &[], Fact::Click, tally).unwrap();
                continue;
            };
            let (currency, status) = (CurrencyCode::parse(currency), Status::parse(status).unwrap());
            let mut tally = Tally { count, ..Tally::default() };
            for _ in 0..count {
                tally.amount += sum(amount);
                tally.revenue += if goal == "revshare" { sum("-7") } else { Total::ZERO };
            }
            let kind = Kind { goal: goal.to_owned(), currency, status };
            report.add(&place, quarter, &[], Fact::Conversion(&kind), tally).unwrap();
        }
        report.finished()
    }

    /// The lines, each with its clicks and its conversions of all goals.
    fn lines(report: &Report) -> Vec<String> {
        let dimensions = report.question.grouping.dimensions();
        let line = |(labels, figures): (&Vec<Label>, &Figures)| {
            let labels: Vec<_> = labels.iter().zip(dimensions).map(|(label, it)| label.shown(*it)).collect();
            let counts = &figures.counts;
            format!("{}: {} {}", labels.join(" "), counts.clicks, counts.conversions.total())
        };
        report.lines.iter().map(line).collect()
    }

    #[test]
    fn lines_are_told_apart_by_what_was_asked_for() {
        #[track_caller]
        fn check(zone: &str, group_by: &str, expected: &[&str]) {
            assert_eq!(lines(&report(zone, group_by)), expected, "{group_by}");
        }
        check("UTC", "", &[]);
        check("UTC", "day", &["2026-11-20: 10 17"]);
        check("Europe/Berlin", "day", &["2026-11-20: 7 0", "2026-11-21: 3 17"]);
        check("UTC", "affiliate,merchant", &["lotus acme: 10 12", "lotus plain: 0 4", "orchid acme: 0 1"]);
        check("UTC", "week,offer", &["2026-W47 acme: 10 13", "2026-W47 plain: 0 4"]);
        let goals = ["ftd: 0 4", "kyc: 0 4", "level: 0 2", "rdep: 0 4", "reg: 0 2", "revshare: 0 1"];
        check("UTC", "goal", &goals);
    }

    #[test]
    fn counts_are_told_over_all_currencies_and_money_under_each() {
        let report = report("UTC", "");
        let counts = &report.total.counts;
        assert_eq!((counts.clicks, counts.registrations), (10, 2));
        assert_eq!((counts.ftd.pending, counts.ftd.approved, counts.ftd.rejected), (1, 2, 1));
        assert_eq!((counts.repeat_deposits, counts.revshare), (3, 1));
        assert_eq!((counts.conversions.total(), counts.conversions.pending), (17, 2));
        let rates = [
            counts.approval_rate(),
            counts.registration_rate(),
            counts.deposit_rate(),
            counts.conversion_rate(),
        ];
        assert_eq!(rates.map(|rate| rate.to_string()), ["66.67", "20.00", "200.00", "20.00"]);
        let money: Vec<_> = report.total.money.keys().map(CurrencyCode::as_str).collect();
        assert_eq!(money, ["EUR", "USD"]);
        let euros = &report.total.money[&CurrencyCode::parse("EUR").unwrap()];
        assert_eq!((euros.ftd.pending, euros.ftd.approved, euros.ftd.rejected), (0, 2, 1));
        assert_eq!((euros.repeat_deposits, euros.revshare), (3, 1));
        let sums = [euros.ftd_sum, euros.repeat_deposit_sum, euros.revshare_sum, euros.revenue];
        assert_eq!(sums.map(|sum| sum.display(2).to_string()), ["200.00", "30.00", "-20.00", "-7.00"]);
        assert_eq!(euros.conversion_sum, sum("210"));
        let dollars = &report.total.money[&CurrencyCode::parse("USD").unwrap()];
        assert_eq!((dollars.ftd.pending, dollars.ftd_sum), (1, Total::ZERO));
    }

    #[test]
    fn goals_that_are_set_to_be_shown_have_columns_of_their_own() {
        let report = report("UTC", "");
        let columns = report.columns.iter().map(|it| (&*it.goal, it.name.as_str(), it.count, it.sum));
        let expected = [("kyc", "kyc", true, false), ("level", "The level", true, true)];
        assert_eq!(columns.collect::<Vec<_>>(), expected);
        let counts: Vec<_> =
            report.total.counts.goals.iter().map(|(goal, count)| (&**goal, *count)).collect();
        assert_eq!(counts, [("kyc", 4), ("level", 2)]);
        let dollars = &report.total.money[&CurrencyCode::parse("USD").unwrap()];
        assert_eq!(dollars.goals["level"].sum, sum("10"));
        assert_eq!(dollars.goals["level"].count, 2);
    }

    #[test]
    fn a_report_that_nobody_could_read_is_refused() {
        let mut report = Report::new(question("UTC", "sub1"), catalog());
        let mut add = |number: usize| {
            let params = [Arc::from(number.to_string())];
            let tally = Tally { count: 1, ..Tally::default() };
            report.add(&place("acme", "lotus"), Quarter::from_number(0), &params, Fact::Click, tally)
        };
        assert!((0..LINES_MAX).all(|number| add(number).is_ok()));
        assert_eq!(add(LINES_MAX), Err(TooManyLines));
        assert_eq!(add(7), Ok(()));
    }
}
