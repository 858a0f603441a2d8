//! All conversions, decided or not.

use askama::Template;

use super::{
    form::{Filters, Pager, with_query},
    layout::Page,
    listing::{Cell, Column, Empty, Listing},
    review::Sum,
    view::{Amount, Badge, Moment, Named, Short, count},
};
use crate::domain::ids::{ClickId, ConversionId};

/// A conversion in a list.
#[derive(Clone, Debug)]
pub(crate) struct ConversionRow {
    /// Its id.
    pub(crate) id: ConversionId,
    /// When it was recorded.
    pub(crate) at: Moment,
    /// Where it stands.
    pub(crate) status: Badge,
    /// The player.
    pub(crate) click: ClickId,
    /// Whose report it is.
    pub(crate) merchant: String,
    /// What was advertised.
    pub(crate) offer: String,
    /// Who sent the player.
    pub(crate) affiliate: Named,
    /// What was reached.
    pub(crate) goal: String,
    /// The player's money.
    pub(crate) amount: Amount,
    /// The merchant's own id of it.
    pub(crate) transaction: Option<String>,
}

/// Conversions as a table, for any page that shows some.
pub(crate) fn listing(caption: &str, rows: Vec<ConversionRow>, empty: Empty) -> Listing {
    let columns = vec![
        Column::new("Recorded"),
        Column::new("Status"),
        Column::new("Player"),
        Column::new("Merchant, offer"),
        Column::new("Affiliate"),
        Column::new("Goal"),
        Column::amount("Amount"),
        Column::new("Transaction"),
    ];
    Listing::new(caption, columns, empty).rows(rows.into_iter().map(|row| {
        vec![
            Cell::MomentLink(format!("/conversions/{}", row.id), row.at),
            Cell::Badge(row.status),
            Cell::LinkShort(format!("/players/{}", row.click), Short::new(&row.click)),
            Cell::Two(row.merchant, row.offer),
            Cell::Named(row.affiliate),
            Cell::text(row.goal),
            Cell::Amount(row.amount),
            Cell::maybe(row.transaction, |id| Cell::Short(Short::new(&id))),
        ]
    }))
}

/// `/conversions`: search over all.
#[derive(Clone, Debug, Template)]
#[template(path = "conversions.html")]
pub(crate) struct Conversions {
    /// Around it.
    pub(crate) page: Page,
    /// What narrows it.
    pub(crate) filters: Filters,
    /// How many match, where that was counted, and their money by currency.
    pub(crate) matching: Option<(u64, Vec<Sum>)>,
    /// This page of them, newest first.
    pub(crate) rows: Vec<ConversionRow>,
    /// To the others.
    pub(crate) pager: Pager,
}

impl Conversions {
    fn listing(&self) -> Listing {
        let empty = if self.filters.any() {
            Empty::new(
                "Nothing matches",
                "Drop a condition. A postback that was refused left no conversion: it is in the log.",
            )
            .link("/log", "Look into the log")
        } else {
            Empty::new(
                "No conversions yet",
                "What merchants report appears here. Every request of theirs is in the log.",
            )
            .link("/log", "Look into the log")
        };
        listing("Conversions, newest first", self.rows.clone(), empty)
    }

    /// The same, as a file for a spreadsheet.
    fn export(&self) -> String {
        with_query("/conversions.csv", &self.filters.query())
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::{
        form::{Choice, Field},
        layout::Section,
        review,
        tests::{NOW, Sample, Say, sample},
        view::Zone,
    };

    pub(in crate::http::ui) fn rows(say: Say, number: u32) -> Vec<ConversionRow> {
        let zone = Zone::named("Europe/Berlin");
        let row = |(at, row): (usize, review::ReviewRow)| ConversionRow {
            id: row.id,
            at: Moment::new(NOW.plus_millis(-(i64::try_from(at).unwrap() * 4_000_000)), zone),
            status: Badge::of(["approved", "approved", "pending", "rejected"][at % 4]),
            click: row.click,
            merchant: say.text("Acme Casino"),
            offer: say.text("Acme Slots"),
            affiliate: row.affiliate,
            goal: row.goal,
            amount: if at % 5 == 4 { Amount::default() } else { row.amount },
            transaction: (at % 3 == 0).then(|| say.text("tx-90017")),
        };
        review::tests::rows(say, number).into_iter().enumerate().map(row).collect()
    }

    fn filters(say: Say) -> Filters {
        let statuses = ["pending", "approved", "rejected"].map(|word| Choice::new(word, word)).to_vec();
        let merchants = vec![Choice::new("acme", say.text("Acme Casino"))];
        Filters::new(
            "/conversions",
            Field::search("q", "Find").placeholder("Click, player or transaction id"),
        )
        .field(Field::select("status", "Status", statuses))
        .field(Field::select("merchant", "Merchant", merchants))
        .field(Field::select("offer", "Offer", vec![Choice::new("acme-slots", say.text("Acme Slots"))]))
        .field(Field::select("affiliate", "Affiliate", vec![Choice::new("lotus", say.text("Lotus Media"))]))
        .field(Field::select("goal", "Goal", vec![Choice::new("ftd", say.text("First deposit"))]))
        .field(Field::select("currency", "Currency", vec![Choice::new("EUR", "EUR")]))
        .field(Field::day("from", "From").value("2026-11-01"))
        .field(Field::day("to", "To"))
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let list = |number| Conversions {
            page: say.page("Conversions", Section::Conversions),
            filters: filters(say),
            matching: None,
            rows: rows(say, number),
            pager: Pager {
                first: (number >= 50).then(|| "/conversions".to_owned()),
                previous: (number >= 50).then(|| "/conversions?cursor=a".to_owned()),
                next: (number >= 50).then(|| "/conversions?cursor=b".to_owned()),
            },
        };
        let counted = Some((1_237, review::tests::sums()));
        let fresh = Filters::new("/conversions", Field::search("q", "Find"));
        vec![
            sample("conversions", &list(50)),
            sample("conversions-few", &Conversions { matching: counted, ..list(4) }),
            sample("conversions-none", &list(0)),
            sample("conversions-fresh", &Conversions { filters: fresh, ..list(0) }),
        ]
    }
}
