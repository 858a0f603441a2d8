//! Samples of what affiliates are told.

use uuid::Uuid;

use super::*;
use crate::http::ui::{
    form::{Choice, Field},
    layout::Section,
    listing::Cell,
    tests::{NOW, Sample, Say, sample},
    view::Zone,
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
        state: standing(DeliveryState::parse(state).unwrap()),
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
        rows: (0..number).map(|at| row(say, at)).collect(),
        pager: Pager { next: (number >= 50).then(|| "/deliveries?cursor=a".to_owned()), ..Pager::default() },
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
        answer: is_good.then(|| if number == 4 { String::new() } else { say.text("OK") }),
    }
}

fn delivery(say: Say, state: &str) -> DeliveryPage {
    let is_good = state == "delivered";
    let conversion = Uuid::from_u128(ID);
    DeliveryPage {
        page: say.page("Delivery", Section::Deliveries),
        id: DeliveryId::new(conversion),
        endpoint: say.text("lotus-ftd"),
        state: standing(DeliveryState::parse(state).unwrap()),
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
        held: if state == "waiting" {
            say.text("The endpoint is paused: it answered 410 Gone.")
        } else {
            String::new()
        },
        may_resend: true,
    }
}

fn endpoints(say: Say) -> Endpoints {
    let row = |id: &str, health: &str, trouble: &str, waiting, dead| EndpointRow {
        id: id.to_owned(),
        kind: "postback".to_owned(),
        settings: (id != "poppy-reg").then(|| format!("/settings/postbacks/{id}")),
        affiliate: say.text("Lotus Media"),
        health: Badge::of(health),
        trouble: say.text(trouble),
        waiting,
        dead,
        counted_max: 10_000,
        is_paused: health == "paused",
    };
    Endpoints {
        page: say.page("Endpoints", Section::Deliveries),
        rows: vec![
            row("lotus-ftd", "healthy", "", 0, 0),
            row("orchid-all", "failing", "for 3 h 12 min: answered 503; success is 200-299", 1_204, 0),
            row("poppy-reg", "paused", "for 2 d 4 h: it answered 410 Gone", 10_000, 12),
        ],
        tested: None,
        may_change: true,
    }
}

fn resend(say: Say, scope: Scope) -> Resend {
    Resend {
        page: say.page("Deliveries", Section::Deliveries),
        scope,
        states: vec![(DeliveryState::Dead, 1_204), (DeliveryState::Delivered, 3)],
        back: "/deliveries?state=dead".to_owned(),
    }
}

fn resent(say: Say) -> Resent {
    Resent {
        page: say.page("Deliveries", Section::Deliveries),
        number: 1_204,
        left_alone: 1,
        back: "/deliveries?state=dead".to_owned(),
    }
}

pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
    let matching = Scope::matching(say.text("state=dead"), "1795168800000".to_owned());
    let fresh =
        Deliveries { filters: Filters::new("/deliveries", Field::search("q", "Find")), ..deliveries(say, 0) };
    let tested = |number, is_good| {
        let tested = Tested { endpoint: "lotus-ftd".to_owned(), attempt: attempt(say, number, is_good) };
        Endpoints { tested: Some(tested), ..endpoints(say) }
    };
    let further = Deliveries {
        pager: Pager { next: Some("/deliveries?state=too_late&cursor=a".to_owned()), ..Pager::default() },
        ..deliveries(say, 0)
    };
    let looking = Deliveries { may_resend: false, ..deliveries(say, 4) };
    vec![
        sample("deliveries", &deliveries(say, 50)),
        sample("deliveries-few", &deliveries(say, 4)),
        sample("deliveries-none", &deliveries(say, 0)),
        sample("deliveries-fresh", &fresh),
        sample("delivery", &delivery(say, "delivered")),
        sample("delivery-waiting", &delivery(say, "waiting")),
        sample("endpoints", &endpoints(say)),
        sample("endpoints-tested", &tested(1, true)),
        sample("endpoints-tested-without-answer", &tested(2, false)),
        sample("endpoints-tested-without-body", &tested(4, true)),
        sample("deliveries-further-back", &further),
        sample("deliveries-of-a-viewer", &looking),
        sample("resend-these", &resend(say, Scope::these("01a1f90e".to_owned()))),
        sample("resend-matching", &resend(say, matching)),
        sample("resent", &resent(say)),
        sample("endpoints-fresh", &Endpoints { rows: Vec::new(), ..endpoints(say) }),
    ]
}
