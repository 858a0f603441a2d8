//! One conversion, with everything that is known of it.

use askama::Template;

use super::{
    conversions::{self, ConversionRow},
    form::Field,
    layout::Page,
    listing::{Cell, Column, Empty, Facts, Listing},
    postback_log::Exchange,
    review::REASONS,
    view::{Amount, Badge, Moment, Short},
};
use crate::{
    domain::{
        ids::{ConversionId, DeliveryId, RequestId},
        status::Status,
    },
    http::ui::form::Choice,
};

/// A step of its history.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// When.
    pub(crate) at: Moment,
    /// The status from then on.
    pub(crate) to: Badge,
    /// The status before, if there was one.
    pub(crate) from: Option<String>,
    /// Who: `merchant:acme`, `manager:olga`.
    pub(crate) actor: String,
    /// Why.
    pub(crate) reason: String,
    /// The request that caused it.
    pub(crate) request: RequestId,
    /// Whether that is in the log of postbacks.
    pub(crate) is_postback: bool,
}

impl Step {
    fn short_request(&self) -> Short {
        Short::new(&self.request)
    }
}

/// A delivery that it owes.
#[derive(Clone, Debug)]
pub(crate) struct OwedRow {
    /// Its id.
    pub(crate) id: DeliveryId,
    /// Who is told.
    pub(crate) endpoint: String,
    /// Of which status.
    pub(crate) told: Badge,
    /// Where it stands.
    pub(crate) state: Badge,
    /// How often it was attempted.
    pub(crate) attempts: u64,
    /// When the last attempt was, or the next one is.
    pub(crate) at: Option<Moment>,
    /// What was wrong with the last attempt.
    pub(crate) error: String,
}

/// What a manager may make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it counts at once, or the viewer may not.
    Nothing,
    /// It waits for a decision.
    Decide,
    /// It was decided, and can be reversed.
    Reverse,
}

/// `/conversions/{id}`
#[derive(Clone, Debug, Template)]
#[template(path = "conversion.html")]
pub(crate) struct ConversionPage {
    /// Around it.
    pub(crate) page: Page,
    /// Its id.
    pub(crate) id: ConversionId,
    /// What was reached.
    pub(crate) goal: String,
    /// The player's money.
    pub(crate) amount: Amount,
    /// Where it stands.
    pub(crate) status: Status,
    /// How many steps its history has: who decides says which of them was seen.
    pub(crate) steps: i32,
    /// What can be done.
    pub(crate) next: Next,
    /// What was wrong with the reversal that was asked for.
    pub(crate) reason: (String, String),
    /// What it is: see [`ConversionPage::facts`] for the names.
    pub(crate) facts: Facts,
    /// Its history, from the recording on.
    pub(crate) history: Vec<Step>,
    /// The postbacks behind it.
    pub(crate) postbacks: Vec<Exchange>,
    /// What is known of the click.
    pub(crate) click: Facts,
    /// The click's parameters.
    pub(crate) click_params: Facts,
    /// What affiliates are told of it.
    pub(crate) deliveries: Vec<OwedRow>,
    /// The player's other conversions.
    pub(crate) others: Vec<ConversionRow>,
}

impl ConversionPage {
    fn badge(&self) -> Badge {
        Badge::of(self.status.as_str())
    }

    /// What a reversal leads to.
    fn reversed(&self) -> Status {
        if self.status == Status::Approved { Status::Rejected } else { Status::Approved }
    }

    fn reason_field(&self) -> Field {
        let usual = REASONS.map(|reason| Choice::new(reason, reason)).to_vec();
        let (value, error) = self.reason.clone();
        Field::suggest("reason", "Reason", usual).required().value(value).error(error)
    }

    fn delivery_listing(&self) -> Listing {
        let columns = vec![
            Column::new("Endpoint"),
            Column::new("Tells"),
            Column::new("State"),
            Column::number("Attempts"),
            Column::new("Last or next"),
            Column::new("Trouble"),
        ];
        let empty = Empty::new("Nobody is told", "No postback endpoint of this affiliate asks for it.");
        Listing::new("Deliveries", columns, empty).rows(self.deliveries.iter().cloned().map(|row| {
            vec![
                Cell::Link(format!("/deliveries/{}", row.id), row.endpoint),
                Cell::Badge(row.told),
                Cell::Badge(row.state),
                Cell::Number(row.attempts),
                Cell::maybe(row.at, Cell::Moment),
                Cell::text(row.error),
            ]
        }))
    }

    fn other_listing(&self) -> Listing {
        let empty = Empty::new("Nothing else", "This is the only conversion of this player so far.");
        conversions::listing("The player's other conversions", self.others.clone(), empty)
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::http::ui::{
        layout::Section,
        postback_log,
        tests::{NOW, Sample, Say, sample},
        view::Zone,
    };

    const ID: Uuid = Uuid::from_u128(0x01a1_f90e_bdd0_7f9a_925e_eafa_6b55_7aea);

    fn moment(minutes: i64) -> Moment {
        Moment::to_the_second(NOW.plus_millis(-minutes * 60_000), Zone::named("Europe/Berlin"))
    }

    fn facts(say: Say) -> Facts {
        Facts::default()
            .fact("Player", Cell::Link("/players/c-1007".into(), "c-1007".into()))
            .fact("Merchant", Cell::Text(say.text("Acme Casino")))
            .fact("Offer", Cell::Text(say.text("Acme Slots")))
            .fact("Affiliate", Cell::Text(say.text("Lotus Media")))
            .fact("Goal", Cell::Two(say.text("First deposit"), "ftd".into()))
            .fact("Amount", Cell::Amount(Amount::new("100.00", "EUR")))
            .fact("Transaction", Cell::Copy(say.text("tx-90017")))
            .fact("Recorded", Cell::Moment(moment(200)))
            .known("Happened", Cell::Empty)
            .fact("Decided", Cell::Moment(moment(20)))
            .fact("Conversion", Cell::Copy(ID.to_string()))
            .fact("player_id", Cell::Code(say.text("551207")))
    }

    fn history(say: Say) -> Vec<Step> {
        let request = RequestId::new(ID);
        let recorded = Step {
            at: moment(200),
            to: Badge::of("pending"),
            from: None,
            actor: say.text("merchant:acme"),
            reason: String::new(),
            request,
            is_postback: true,
        };
        let rejected = Step {
            at: moment(20),
            to: Badge::of("rejected"),
            from: Some("pending".into()),
            actor: say.text("manager:olga"),
            reason: say.text("Bonus abuse"),
            request,
            is_postback: false,
        };
        vec![recorded, rejected]
    }

    fn deliveries(say: Say) -> Vec<OwedRow> {
        let row = |state: &str, attempts, error: &str| OwedRow {
            id: DeliveryId::new(ID),
            endpoint: say.text("lotus-ftd"),
            told: Badge::of("pending"),
            state: Badge::of(state),
            attempts,
            at: Some(moment(12)),
            error: error.to_owned(),
        };
        vec![row("delivered", 1, ""), row("waiting", 4, &say.text("answered 503; success is 200-299"))]
    }

    fn conversion(say: Say) -> ConversionPage {
        let params = [("cl_id", "lt-99120"), ("sub1", "banner"), ("advert__zone", "top of the page")];
        let params = params.map(|(name, value)| (say.text(name), say.text(value)));
        ConversionPage {
            page: say.page("First deposit", Section::Conversions),
            id: ConversionId::new(ID),
            goal: say.text("First deposit"),
            amount: Amount::new("100.00", "EUR"),
            status: Status::Rejected,
            steps: 2,
            next: Next::Reverse,
            reason: (String::new(), String::new()),
            facts: facts(say),
            history: history(say),
            postbacks: vec![
                postback_log::tests::exchange(say, true),
                postback_log::tests::exchange(say, false),
            ],
            click: Facts::default()
                .fact("Clicked", Cell::Moment(moment(900)))
                .fact("Offer", Cell::Text(say.text("Acme Slots")))
                .fact("Affiliate", Cell::Text(say.text("Lotus Media"))),
            click_params: Facts::params(params.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            deliveries: deliveries(say),
            others: conversions::tests::rows(say, 3),
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let rejected = conversion(say);
        let pending = ConversionPage {
            status: Status::Pending,
            next: Next::Decide,
            history: history(say)[..1].to_vec(),
            click_params: Facts::default(),
            deliveries: Vec::new(),
            others: Vec::new(),
            ..conversion(say)
        };
        let wrong = ConversionPage { reason: (String::new(), say.text("Give a reason.")), ..conversion(say) };
        let viewer = ConversionPage { next: Next::Nothing, status: Status::Approved, ..conversion(say) };
        vec![
            sample("conversion", &rejected),
            sample("conversion-pending", &pending),
            sample("conversion-wrong", &wrong),
            sample("conversion-viewer", &viewer),
        ]
    }
}
