//! The filter of the list of deliveries: read from an address, and shown as a form.

use std::collections::BTreeMap;

use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    domain::{
        catalog::Catalog,
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId},
    },
    http::{
        api::Query,
        desk::{filter::exact_times, visit::Fields},
        problem::Problem,
        ui::{
            form::{Choice, Field, Filters, Pager, with_query},
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
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Which deliveries.
    pub(super) filter: DeliveryFilter,
    /// After which of them the page begins.
    pub(super) after: Option<DeliveryId>,
    /// What could not be read.
    pub(super) fault: Option<Problem>,
    /// Everything as it was given.
    given: BTreeMap<String, String>,
}

impl Wanted {
    /// Reads the query of an address. What does not parse is a fault, with which the list stays empty.
    pub(super) fn read(query: &str, zone: Zone) -> Self {
        let mut wanted = Self::default();
        let read = wanted.parse(query, zone);
        wanted.fault = read.err();
        wanted
    }

    fn parse(&mut self, query: &str, zone: Zone) -> Result<(), Problem> {
        let fields = Fields::parse(query)?;
        self.given = fields.given().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let exact = exact_times(&fields, zone)?;
        let exact = form_urlencoded::Serializer::new(String::new()).extend_pairs(exact).finish();
        let mut query = Query::parse(&exact)?;
        let words = STATES.map(DeliveryState::as_str).join(", ");
        let (since, until) = query.period("from", "to")?;
        let whole_id =
            |text: &str| Uuid::try_parse(text).map_err(|_| "send the whole id of a delivery or a conversion");
        self.filter = DeliveryFilter {
            about: query.parsed("text", whole_id)?,
            state: query.word("state", &words, DeliveryState::parse)?,
            endpoint: query.parsed("endpoint", EndpointId::parse)?,
            since,
            until,
            ..DeliveryFilter::default()
        };
        self.after = query.cursor()?.map(DeliveryId::new);
        query.finish()
    }

    /// Whether any condition is in force.
    pub(super) fn narrows(&self) -> bool {
        !self.given.is_empty()
    }

    fn field(&self, field: Field, name: &str) -> Field {
        let fault = self.fault.as_ref().filter(|fault| fault.parameter.as_deref() == Some(name));
        let error = fault.map_or_else(String::new, |fault| fault.detail.clone());
        field.value(self.given.get(name).cloned().unwrap_or_default()).error(error)
    }

    /// The filter as a form.
    pub(super) fn form(&self, catalog: &Catalog) -> Filters {
        let mut endpoints: Vec<_> =
            catalog.every_endpoint().map(|it| Choice::new(it.id(), it.id().as_str())).collect();
        endpoints.sort_by(|one, other| one.value.cmp(&other.value));
        let states = STATES.map(|state| Choice::new(state.as_str(), state.shown())).to_vec();
        let search = Field::search("text", "Find").placeholder("Delivery or conversion id");
        Filters::new(LIST, self.field(search, "text"))
            .field(self.field(Field::select("state", "State", states), "state"))
            .field(self.field(Field::select("endpoint", "Endpoint", endpoints), "endpoint"))
            .field(self.field(Field::day("from", "From"), "from"))
            .field(self.field(Field::day("to", "To"), "to"))
    }

    /// The way to the other pages.
    pub(super) fn pager(&self, filters: &Filters, next: Option<DeliveryId>) -> Pager {
        let query = filters.query();
        let after = |id: DeliveryId| {
            let joint = if query.is_empty() { "" } else { "&" };
            format!("{LIST}?{query}{joint}cursor={}", id.uuid().simple())
        };
        let first = self.after.is_some().then(|| with_query(LIST, &query));
        Pager { first, previous: None, next: next.map(after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_parse_is_told_with_its_field() {
        #[track_caller]
        fn check(query: &str, code: &str, parameter: &str) {
            let fault = Wanted::read(query, Zone::default()).fault.unwrap();
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
