//! What affiliates and ad platforms are told: deliveries with their attempts, sending them again, and how endpoints
//! fare.

mod endpoints;

use askama::Template;

pub(crate) use self::endpoints::{EndpointRow, Endpoints, Tested};
use super::{
    bulk::{Scope, join},
    form::{Filters, Pager},
    layout::Page,
    listing::Facts,
    view::{Badge, Moment, Short, Tone, count, counted},
};
use crate::domain::{
    delivery::DeliveryState,
    ids::{ConversionId, DeliveryId},
};

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
    /// This page of them, newest first.
    pub(crate) rows: Vec<DeliveryRow>,
    /// To the others.
    pub(crate) pager: Pager,
    /// Whether the viewer may send again.
    pub(crate) may_resend: bool,
}

impl Deliveries {
    /// The ids on this page, for the box that selects all of them.
    fn ids_here(&self) -> String {
        join(self.rows.iter().map(|row| row.id))
    }

    /// Whether other pages match, too. All deliveries that there are need a condition first.
    fn has_more(&self) -> bool {
        self.filters.any() && (self.pager.first.is_some() || self.pager.next.is_some())
    }
}

/// The mark for where a delivery stands.
pub(crate) fn standing(state: DeliveryState) -> Badge {
    let tone = match state {
        DeliveryState::Waiting => Tone::Wait,
        DeliveryState::Delivered => Tone::Good,
        DeliveryState::Unconfirmed => Tone::Plain,
        DeliveryState::Dead | DeliveryState::TooLate => Tone::Bad,
    };
    Badge::new(tone, state.shown())
}

/// Before deliveries are sent again: how many, and how they stand. The form leads to `/deliveries/resend/now`.
#[derive(Clone, Debug, Template)]
#[template(path = "resend_confirm.html")]
pub(crate) struct Resend {
    /// Around it.
    pub(crate) page: Page,
    /// Which.
    pub(crate) scope: Scope,
    /// How many stand how.
    pub(crate) states: Vec<(DeliveryState, u64)>,
    /// Back to the list.
    pub(crate) back: String,
}

impl Resend {
    fn total(&self) -> u64 {
        self.states.iter().map(|(_, number)| number).sum()
    }

    fn what(&self) -> String {
        counted(self.total(), "delivery")
    }

    fn marks(&self) -> Vec<(Badge, String)> {
        self.states.iter().map(|(state, number)| (standing(*state), count(number))).collect()
    }

    fn any_taken(&self) -> bool {
        let taken = [DeliveryState::Delivered, DeliveryState::Unconfirmed];
        self.states.iter().any(|(state, _)| taken.contains(state))
    }
}

/// After deliveries were sent again: what came of it.
#[derive(Clone, Debug, Template)]
#[template(path = "resent.html", blocks = ["content"])]
pub(crate) struct Resent {
    /// Around it.
    pub(crate) page: Page,
    /// How many wait to be sent again.
    pub(crate) number: u64,
    /// How many were being sent at that moment.
    pub(crate) left_alone: u64,
    /// Back to the list.
    pub(crate) back: String,
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
    /// The body of the answer; none where there was no answer.
    pub(crate) answer: Option<String>,
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
    /// What keeps it waiting instead; empty for nothing.
    pub(crate) held: String,
    /// Whether the viewer may send it again.
    pub(crate) may_resend: bool,
}

#[cfg(test)]
pub(in crate::http::ui) mod tests;
