//! The filter of the list of deliveries: read from an address, and shown as a form.

use uuid::Uuid;

use crate::{
    domain::{
        catalog::Catalog,
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId},
    },
    http::{
        api::Query,
        desk::given::Given,
        problem::Problem,
        ui::{
            form::{Choice, Field, Filters, Pager},
            view::Zone,
        },
    },
    storage::DeliveryFilter,
};

/// Where the list is.
const LIST: &str = "/deliveries";

const STATES: [DeliveryState; 5] = [
    DeliveryState::Waiting,
    DeliveryState::Delivered,
    DeliveryState::Unconfirmed,
    DeliveryState::Dead,
    DeliveryState::TooLate,
];

/// What the list was asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Which deliveries.
    pub(super) filter: DeliveryFilter,
    /// Everything as it was given.
    pub(super) given: Given,
}

impl Wanted {
    /// Reads the query of an address. What does not parse is a fault, with which the list stays empty.
    pub(super) fn read(query: &str, zone: Zone) -> Self {
        let (filter, given) = Given::read(query, zone, filter);
        Self { filter, given }
    }

    /// After which delivery the page begins.
    pub(super) fn after(&self) -> Option<DeliveryId> {
        self.given.after.map(DeliveryId::new)
    }

    /// The filter as a form.
    pub(super) fn form(&self, catalog: &Catalog) -> Filters {
        let mut endpoints: Vec<_> =
            catalog.every_endpoint().map(|it| Choice::new(it.id(), it.id().as_str())).collect();
        endpoints.sort_by(|one, other| one.value.cmp(&other.value));
        let states = STATES.map(|state| Choice::new(state.as_str(), state.shown())).to_vec();
        let search = Field::search("text", "Find").placeholder("Delivery or conversion id");
        Filters::new(LIST, self.given.field(search))
            .field(self.given.field(Field::select("state", "State", states)))
            .field(self.given.field(Field::select("endpoint", "Endpoint", endpoints)))
            .field(self.given.field(Field::day("from", "From")))
            .field(self.given.field(Field::day("to", "To")))
    }

    /// The way to the other pages.
    pub(super) fn pager(&self, filters: &Filters, next: Option<DeliveryId>) -> Pager {
        self.given.pager(LIST, filters, next.map(DeliveryId::uuid))
    }
}

fn filter(query: &mut Query) -> Result<DeliveryFilter, Problem> {
    let words = STATES.map(DeliveryState::as_str).join(", ");
    let (since, until) = query.period("from", "to")?;
    let whole_id =
        |text: &str| Uuid::try_parse(text).map_err(|_| "send the whole id of a delivery or a conversion");
    Ok(DeliveryFilter {
        about: query.parsed("text", whole_id)?,
        state: query.word("state", &words, DeliveryState::parse)?,
        endpoint: query.parsed("endpoint", EndpointId::parse)?,
        since,
        until,
        ..DeliveryFilter::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_parse_is_told_with_its_field() {
        #[track_caller]
        fn check(query: &str, code: &str, parameter: &str) {
            let fault = Wanted::read(query, Zone::default()).given.fault.unwrap();
            assert_eq!((fault.code, fault.parameter.as_deref()), (code, Some(parameter)), "{query}");
        }
        check("state=lost", "invalid_parameter", "state");
        check("endpoint=A%20B", "invalid_parameter", "endpoint");
        check("text=eafa6b55", "invalid_parameter", "text");
        check("from=yesterday", "invalid_parameter", "from");
        check("from=2026-11-20&to=2026-11-01", "invalid_parameter", "to");
        check("cursor=x", "invalid_cursor", "cursor");
        check("status=dead", "unknown_parameter", "status");
    }

    #[test]
    fn days_become_exact_times_of_the_viewers_zone() {
        let wanted =
            Wanted::read("from=2026-11-20&to=2026-11-20&state=too_late", Zone::named("Europe/Berlin"));
        let filter = wanted.filter;
        let told = [filter.since, filter.until].map(|at| at.unwrap().to_string());
        assert_eq!(told, ["2026-11-19T23:00:00.000Z", "2026-11-20T23:00:00.000Z"]);
        assert_eq!(filter.state, Some(DeliveryState::TooLate));
    }
}
