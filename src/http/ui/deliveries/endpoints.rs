//! Postback endpoints and pixels: how they fare, and what can be done to them.

use askama::Template;

use super::AttemptView;
use crate::http::ui::{
    layout::Page,
    listing::{Act, Cell, Column, Empty, Listing},
    view::{Badge, count},
};

/// An endpoint and how it fares.
#[derive(Clone, Debug)]
pub(crate) struct EndpointRow {
    /// Its id.
    pub(crate) id: String,
    /// What it is: a postback endpoint, or a pixel at which platform.
    pub(crate) kind: String,
    /// Where it is set up, if there is a page for it.
    pub(crate) settings: Option<String>,
    /// Whose it is.
    pub(crate) affiliate: String,
    /// `healthy`, `failing`, `paused` or `inactive`.
    pub(crate) health: Badge,
    /// Since when it fails or is paused, and why.
    pub(crate) trouble: String,
    /// How many deliveries wait for it.
    pub(crate) waiting: u64,
    /// How many were given up.
    pub(crate) dead: u64,
    /// Up to how many were counted.
    pub(crate) counted_max: u64,
    /// Whether it is paused.
    pub(crate) is_paused: bool,
}

/// A test that was just made.
#[derive(Clone, Debug)]
pub(crate) struct Tested {
    /// Of which endpoint.
    pub(crate) endpoint: String,
    /// What came of it.
    pub(crate) attempt: AttemptView,
}

/// `/deliveries/endpoints`
#[derive(Clone, Debug, Template)]
#[template(path = "endpoints.html")]
pub(crate) struct Endpoints {
    /// Around it.
    pub(crate) page: Page,
    /// All of them.
    pub(crate) rows: Vec<EndpointRow>,
    /// A test that was just made.
    pub(crate) tested: Option<Tested>,
    /// Whether the viewer may pause, resume and test.
    pub(crate) may_change: bool,
}

impl Endpoints {
    fn listing(&self) -> Listing {
        let mut columns = vec![
            Column::new("Endpoint"),
            Column::new("Kind"),
            Column::new("Affiliate"),
            Column::new("Health"),
            Column::new("Trouble"),
            Column::number("Waiting"),
            Column::number("Dead"),
        ];
        if self.may_change {
            columns.push(Column::acts());
        }
        let empty = Empty::new(
            "No endpoints yet",
            "An affiliate gives you the address of its tracker: set it up as a postback endpoint.",
        )
        .link("/settings/postbacks/new", "Set one up");
        Listing::new("Endpoints", columns, empty).rows(self.rows.iter().map(|row| self.cells(row)))
    }

    fn cells(&self, row: &EndpointRow) -> Vec<Cell> {
        let number = |number: u64, state: &str| {
            let shown = if number < row.counted_max {
                count(number)
            } else {
                format!("{} or more", count(row.counted_max))
            };
            match number {
                0 => Cell::Number(0),
                _ => Cell::link(format!("/deliveries?state={state}&endpoint={}", row.id), shown),
            }
        };
        let mut cells = vec![
            match &row.settings {
                Some(address) => Cell::link(address, &row.id),
                None => Cell::text(&row.id),
            },
            Cell::text(&row.kind),
            Cell::text(&row.affiliate),
            Cell::Badge(row.health.clone()),
            Cell::text(&row.trouble),
            number(row.waiting, "waiting"),
            number(row.dead, "dead"),
        ];
        if self.may_change {
            let act = |what: &str, label: &str| {
                Act::new(&self.page, format!("/deliveries/endpoints/{}/{what}", row.id), label)
                    .about(format!("{label} {}", row.id))
            };
            let hold = if row.is_paused { act("resume", "Resume") } else { act("pause", "Pause") };
            cells.push(Cell::Acts(vec![hold, act("test", "Test").busy("Testing…")]));
        }
        cells
    }
}
