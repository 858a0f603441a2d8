//! What affiliates are told: deliveries with their attempts, and how endpoints fare.

use askama::Template;

use super::{
    form::{Filters, Pager},
    layout::Page,
    listing::{Act, Cell, Column, Empty, Facts, Listing},
    view::{Badge, Moment, Short, count},
};
use crate::domain::ids::{ConversionId, DeliveryId};

/// A delivery in the list.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRow {
    /// Its id.
    pub(crate) id: DeliveryId,
    /// When it came to be owed.
    pub(crate) owed: Moment,
    /// Who is told.
    pub(crate) endpoint: String,
    /// Of which conversion.
    pub(crate) conversion: ConversionId,
    /// That it has got this status.
    pub(crate) told: Badge,
    /// Where it stands.
    pub(crate) state: Badge,
    /// How often it has been attempted.
    pub(crate) attempts: u64,
    /// When it is attempted next, while it waits.
    pub(crate) next: Option<Moment>,
    /// What was wrong with the last attempt.
    pub(crate) error: String,
}

impl DeliveryRow {
    fn short_conversion(&self) -> Short {
        Short::new(&self.conversion)
    }
}

/// `/deliveries`
#[derive(Clone, Debug, Template)]
#[template(path = "deliveries.html")]
pub(crate) struct Deliveries {
    /// Around it.
    pub(crate) page: Page,
    /// What narrows it.
    pub(crate) filters: Filters,
    /// How many match, where that was counted.
    pub(crate) matching: Option<u64>,
    /// This page of them, newest first.
    pub(crate) rows: Vec<DeliveryRow>,
    /// To the others.
    pub(crate) pager: Pager,
    /// Whether the viewer may send again.
    pub(crate) may_resend: bool,
}

/// One attempt of a delivery.
#[derive(Clone, Debug)]
pub(crate) struct AttemptView {
    /// Which.
    pub(crate) number: u64,
    /// When.
    pub(crate) at: Moment,
    /// `200`, `503`, or that there was no answer.
    pub(crate) outcome: Badge,
    /// What was wrong with it; empty where the endpoint has taken it.
    pub(crate) error: String,
    /// How long it took.
    pub(crate) took: String,
    /// The request as it was sent, credentials redacted.
    pub(crate) request: String,
    /// The answer.
    pub(crate) answer: String,
}

/// `/deliveries/{id}`
#[derive(Clone, Debug, Template)]
#[template(path = "delivery.html")]
pub(crate) struct DeliveryPage {
    /// Around it.
    pub(crate) page: Page,
    /// Its id.
    pub(crate) id: DeliveryId,
    /// Who is told.
    pub(crate) endpoint: String,
    /// Where it stands.
    pub(crate) state: Badge,
    /// What it is.
    pub(crate) facts: Facts,
    /// Its attempts, in order.
    pub(crate) attempts: Vec<AttemptView>,
    /// When it is attempted next, while it waits.
    pub(crate) next: Option<Moment>,
    /// Whether the viewer may send it again.
    pub(crate) may_resend: bool,
}

/// An endpoint and how it fares.
#[derive(Clone, Debug)]
pub(crate) struct EndpointRow {
    /// Its id.
    pub(crate) id: String,
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
    /// Whether it is paused.
    pub(crate) is_paused: bool,
}

/// `/deliveries/endpoints`
#[derive(Clone, Debug, Template)]
#[template(path = "endpoints.html")]
pub(crate) struct Endpoints {
    /// Around it.
    pub(crate) page: Page,
    /// All of them.
    pub(crate) rows: Vec<EndpointRow>,
    /// What a test that was just made has shown.
    pub(crate) tested: Option<AttemptView>,
    /// Whether the viewer may pause, resume and test.
    pub(crate) may_change: bool,
}

impl Endpoints {
    fn listing(&self) -> Listing {
        let mut columns = vec![
            Column::new("Endpoint"),
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
        Listing::new("Postback endpoints", columns, empty).rows(self.rows.iter().map(|row| self.cells(row)))
    }

    fn cells(&self, row: &EndpointRow) -> Vec<Cell> {
        let number = |count, state: &str| match count {
            0 => Cell::Number(0),
            count => Cell::link(
                format!("/deliveries?state={state}&endpoint={}", row.id),
                super::view::count(count),
            ),
        };
        let mut cells = vec![
            Cell::link(format!("/settings/postbacks/{}", row.id), &row.id),
            Cell::text(&row.affiliate),
            Cell::Badge(row.health.clone()),
            Cell::text(&row.trouble),
            number(row.waiting, "waiting"),
            number(row.dead, "dead"),
        ];
        if self.may_change {
            let act = |what: &str, label: &str| {
                Act::new(&self.page, format!("/deliveries/endpoints/{}/{what}", row.id), label)
            };
            let hold = if row.is_paused { act("resume", "Resume") } else { act("pause", "Pause") };
            cells.push(Cell::Acts(vec![hold, act("test", "Test")]));
        }
        cells
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::http::ui::{
        form::{Choice, Field},
        layout::Section,
        tests::{NOW, Sample, Say, sample},
        view::{Tone, Zone},
    };

    const ID: u128 = 0x01a1_f90e_bdd0_7f9a_925e_eafa_6b55_0000;

    fn moment(at: i64) -> Moment {
        Moment::to_the_second(NOW.plus_millis(-at * 613_000), Zone::named("Europe/Berlin"))
    }

    fn row(say: Say, at: usize) -> DeliveryRow {
        let state = ["delivered", "delivered", "waiting", "delivered", "dead"][at % 5];
        let is_good = state == "delivered";
        let id = Uuid::from_u128(ID + u128::try_from(at).unwrap() * 0x2_0005);
        let at = i64::try_from(at).unwrap();
        DeliveryRow {
            id: DeliveryId::new(id),
            owed: moment(at),
            endpoint: say.text("lotus-ftd"),
            conversion: ConversionId::new(id),
            told: Badge::of(["pending", "approved", "rejected"][usize::try_from(at % 3).unwrap()]),
            state: Badge::of(state),
            attempts: if is_good { 1 } else { 4 + u64::try_from(at).unwrap() % 9 },
            next: (state == "waiting").then(|| moment(-at)),
            error: if is_good { String::new() } else { say.text("answered 503; success is 200-299") },
        }
    }

    fn deliveries(say: Say, number: usize) -> Deliveries {
        let states = ["waiting", "delivered", "dead"].map(|word| Choice::new(word, word)).to_vec();
        let endpoints = vec![Choice::new("lotus-ftd", say.text("lotus-ftd"))];
        Deliveries {
            page: say.page("Deliveries", Section::Deliveries),
            filters: Filters::new(
                "/deliveries",
                Field::search("q", "Find").placeholder("Delivery or conversion id"),
            )
            .field(Field::select("state", "State", states))
            .field(Field::select("endpoint", "Endpoint", endpoints))
            .field(Field::day("from", "From"))
            .field(Field::day("to", "To")),
            matching: (number >= 50).then_some(1_204_551),
            rows: (0..number).map(|at| row(say, at)).collect(),
            pager: Pager {
                next: (number >= 50).then(|| "/deliveries?cursor=a".to_owned()),
                ..Pager::default()
            },
            may_resend: true,
        }
    }

    fn attempt(say: Say, number: i64, is_good: bool) -> AttemptView {
        let url = "https://tracker.example/pb?cid=lt-99120&payout=45.00&status=approved&tid=01a1f90e";
        AttemptView {
            number: number.unsigned_abs(),
            at: moment(10 - number),
            outcome: if is_good { Badge::new(Tone::Good, "200") } else { Badge::new(Tone::Bad, "no answer") },
            error: if is_good { String::new() } else { say.text("the connection was refused") },
            took: "1.2 s".to_owned(),
            request: say.text(&format!("GET {url}\nwebhook-id: 01a1f90e-bdd0-7f9a-925e-eafa6b557aea")),
            answer: if is_good { say.text("200 OK\n\nOK") } else { String::new() },
        }
    }

    fn delivery(say: Say, state: &str) -> DeliveryPage {
        let is_good = state == "delivered";
        let conversion = Uuid::from_u128(ID);
        DeliveryPage {
            page: say.page("Delivery", Section::Deliveries),
            id: DeliveryId::new(conversion),
            endpoint: say.text("lotus-ftd"),
            state: Badge::of(state),
            facts: Facts::default()
                .fact("Tells", Cell::Badge(Badge::of("approved")))
                .fact(
                    "Conversion",
                    Cell::LinkShort(format!("/conversions/{conversion}"), Short::new(&conversion)),
                )
                .fact("Affiliate", Cell::text(say.text("Lotus Media")))
                .fact("Owed", Cell::Moment(moment(12))),
            attempts: vec![attempt(say, 1, false), attempt(say, 2, false), attempt(say, 3, is_good)],
            next: (state == "waiting").then(|| moment(-3)),
            may_resend: true,
        }
    }

    fn endpoints(say: Say) -> Endpoints {
        let row = |id: &str, health: &str, trouble: &str, waiting, dead| EndpointRow {
            id: id.to_owned(),
            affiliate: say.text("Lotus Media"),
            health: Badge::of(health),
            trouble: say.text(trouble),
            waiting,
            dead,
            is_paused: health == "paused",
        };
        Endpoints {
            page: say.page("Endpoints", Section::Deliveries),
            rows: vec![
                row("lotus-ftd", "healthy", "", 0, 0),
                row("orchid-all", "failing", "for 3 h 12 min: answered 503; success is 200-299", 1_204, 0),
                row("poppy-reg", "paused", "for 2 d 4 h: it answered 410 Gone", 88, 12),
            ],
            tested: None,
            may_change: true,
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let fresh = Deliveries {
            filters: Filters::new("/deliveries", Field::search("q", "Find")),
            ..deliveries(say, 0)
        };
        let tested = Endpoints { tested: Some(attempt(say, 1, true)), ..endpoints(say) };
        vec![
            sample("deliveries", &deliveries(say, 50)),
            sample("deliveries-few", &deliveries(say, 4)),
            sample("deliveries-none", &deliveries(say, 0)),
            sample("deliveries-fresh", &fresh),
            sample("delivery", &delivery(say, "delivered")),
            sample("delivery-waiting", &delivery(say, "waiting")),
            sample("endpoints", &endpoints(say)),
            sample("endpoints-tested", &tested),
            sample("endpoints-fresh", &Endpoints { rows: Vec::new(), ..endpoints(say) }),
        ]
    }
}
