//! Statistics: figures of a period, grouped; currencies are never added together.

use askama::Template;

use super::{
    charts::{Bars, Funnel},
    form::{Filters, with_query},
    layout::Page,
    listing::Listing,
};

/// Money of one currency, grouped like the counts.
#[derive(Clone, Debug)]
pub(crate) struct CurrencyBlock {
    /// Which currency.
    pub(crate) currency: String,
    /// Deposits, revenue and payout in it.
    pub(crate) listing: Listing,
}

/// A period that is often wanted.
#[derive(Clone, Debug)]
pub(crate) struct Preset {
    /// Its name, as in `Last 7 days`.
    pub(crate) name: &'static str,
    /// The address with it.
    pub(crate) address: String,
    /// Whether it is the one that is shown.
    pub(crate) is_shown: bool,
}

/// `/statistics`
#[derive(Clone, Debug, Template)]
#[template(path = "statistics.html")]
pub(crate) struct Statistics {
    /// Around it.
    pub(crate) page: Page,
    /// Period, zone, groups and what narrows it.
    pub(crate) filters: Filters,
    /// Periods that are often wanted.
    pub(crate) presets: Vec<Preset>,
    /// Counts and rates, grouped.
    pub(crate) counts: Listing,
    /// Money, by currency.
    pub(crate) money: Vec<CurrencyBlock>,
    /// Conversions by status over time; none where nothing was recorded.
    pub(crate) bars: Option<Bars>,
    /// From the click to the approved deposit.
    pub(crate) funnel: Option<Funnel>,
}

impl Statistics {
    fn export(&self) -> String {
        with_query("/statistics.csv", &self.filters.query())
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::{
        charts::Bar,
        form::{Choice, Field},
        layout::Section,
        listing::{Cell, Column, Empty},
        tests::{Sample, Say, sample},
        view::{Amount, percent},
    };

    fn filters(say: Say) -> Filters {
        let groups = ["day", "week", "month", "merchant", "offer", "affiliate", "goal", "sub1", "country"];
        let groups = groups.map(|word| Choice::new(word, word)).to_vec();
        Filters::plain("/statistics", "Period and groups")
            .field(Field::day("from", "From").value("2026-11-01"))
            .field(Field::day("to", "To").value("2026-11-20"))
            .field(Field::text("tz", "Time zone").value("Europe/Berlin"))
            .field(Field::select("group1", "Group by", groups.clone()).value("day"))
            .field(Field::select("group2", "And by", groups).value("affiliate"))
            .field(Field::select("merchant", "Merchant", vec![Choice::new("acme", say.text("Acme Casino"))]))
            .field(Field::select("offer", "Offer", vec![Choice::new("acme-slots", say.text("Acme Slots"))]))
            .field(Field::select(
                "affiliate",
                "Affiliate",
                vec![Choice::new("lotus", say.text("Lotus Media"))],
            ))
    }

    fn empty() -> Empty {
        Empty::new("Nothing happened in this period", "Choose another period, or drop a condition.")
    }

    fn counts(say: Say, days: u64) -> Listing {
        let number = |title| Column::number(title);
        let columns = vec![
            Column::new("Day"),
            Column::new("Affiliate"),
            number("Clicks"),
            number("Registrations"),
            number("FTD pending"),
            number("approved"),
            number("rejected"),
            number("Approval").hint("Approved of all that were decided"),
            number("Click to FTD"),
            number("Repeat deposits"),
        ];
        let row = |day: u64, clicks: u64, label: String, affiliate: String| {
            let (registrations, approved, rejected) = (clicks / 7, clicks / 31, clicks / 97);
            vec![
                Cell::text(label),
                Cell::text(affiliate),
                Cell::Number(clicks),
                Cell::Number(registrations),
                Cell::Number(day % 5),
                Cell::Number(approved),
                Cell::Number(rejected),
                Cell::text(percent(approved, approved + rejected)),
                Cell::text(percent(approved, clicks)),
                Cell::Number(clicks / 11),
            ]
        };
        let rows = (1..=days).map(|day| {
            row(day, day * day * 37 % 4_111 + 50, format!("2026-11-{day:02}"), say.text("Lotus Media"))
        });
        let foot = row(3, 48_213, "All".to_owned(), String::new());
        Listing::new("Counts", columns, empty()).scrolling().rows(rows).foot(foot)
    }

    fn money(say: Say, currency: &str, days: u64) -> CurrencyBlock {
        let columns = vec![
            Column::new("Day"),
            Column::new("Affiliate"),
            Column::amount("First deposits"),
            Column::amount("Repeat deposits"),
            Column::amount("Revenue"),
            Column::amount("Payout"),
        ];
        let amount = |units: u64| {
            let text = if currency == "JPY" {
                units.to_string()
            } else {
                format!("{}.{:02}", units / 100, units % 100)
            };
            Cell::Amount(Amount::new(&text, ""))
        };
        let row = |label: String, affiliate, of: u64| {
            vec![
                Cell::text(label),
                Cell::text(affiliate),
                amount(of),
                amount(of * 3),
                amount(of / 3),
                amount(of / 9),
            ]
        };
        let rows = (1..=days)
            .map(|day| row(format!("2026-11-{day:02}"), say.text("Lotus Media"), day * 70_001 % 1_234_567));
        let listing = Listing::new(format!("Money in {currency}"), columns, empty()).scrolling().rows(rows);
        CurrencyBlock {
            currency: currency.to_owned(),
            listing: listing.foot(row("All".to_owned(), String::new(), 91_234_567)),
        }
    }

    fn statistics(say: Say, days: u64) -> Statistics {
        let preset =
            |name, is_shown| Preset { name, address: "/statistics?from=2026-11-01".to_owned(), is_shown };
        let bar = |day: u64| Bar {
            label: say.text(&format!("11-{day:02}")),
            parts: [day * 37 % 140 + 20, if day > 16 { day } else { 0 }, day * 13 % 31],
        };
        Statistics {
            page: say.page("Statistics", Section::Statistics),
            filters: filters(say),
            presets: vec![
                preset("Today", false),
                preset("Last 7 days", false),
                preset("This month", true),
                preset("Last month", false),
            ],
            counts: counts(say, days),
            money: if days == 0 {
                Vec::new()
            } else {
                vec![money(say, "EUR", days), money(say, "JPY", days.min(4))]
            },
            bars: (days > 0).then(|| Bars { bars: (1..=days).map(bar).collect() }),
            funnel: (days > 0).then_some(Funnel { numbers: [48_213, 6_887, 2_060, 1_555] }),
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        vec![
            sample("statistics", &statistics(say, 20)),
            sample("statistics-little", &statistics(say, 1)),
            sample("statistics-none", &statistics(say, 0)),
        ]
    }
}
