//! The filter of a list of conversions: read from an address, and shown as a form.

use std::collections::BTreeMap;

use url::form_urlencoded;
use uuid::Uuid;

use super::{
    names::Choices,
    visit::{Fields, Visit},
};
use crate::{
    domain::{catalog::Catalog, ids::ConversionId, time::Timestamp},
    http::{
        api::{Query, conversion_filter, invalid},
        problem::Problem,
        ui::{
            form::{Choice, Field, Filters, Pager, with_query},
            view::Zone,
        },
    },
    storage::ConversionFilter,
};

/// What a list was asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Which conversions.
    pub(super) filter: ConversionFilter,
    /// After which of them the page begins.
    pub(super) after: Option<ConversionId>,
    /// What could not be read.
    pub(super) fault: Option<Problem>,
    /// Everything as it was given.
    given: BTreeMap<String, String>,
}

/// How old a conversion may be to be left out: words of an address, and hours.
const AGES: [(&str, &str, i64); 5] = [
    ("1h", "More than 1 hour", 1),
    ("1d", "More than 1 day", 24),
    ("3d", "More than 3 days", 72),
    ("7d", "More than 7 days", 168),
    ("30d", "More than 30 days", 720),
];

const HOUR_MILLIS: i64 = 3_600_000;

impl Wanted {
    /// Reads the query of an address. What does not parse is a fault, with which the list stays empty.
    pub(super) fn read(query: &str, visit: &Visit) -> Self {
        let mut wanted =
            Self { filter: ConversionFilter::default(), after: None, fault: None, given: BTreeMap::new() };
        let read = wanted.parse(query, visit.zone, visit.caller.now);
        wanted.fault = read.err();
        wanted
    }

    fn parse(&mut self, query: &str, zone: Zone, now: Timestamp) -> Result<(), Problem> {
        let fields = Fields::parse(query)?;
        self.given = fields.given().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut exact = exact_times(&fields, zone)?;
        let age = exact.iter().position(|(name, _)| name == "age").map(|at| exact.swap_remove(at).1);
        let exact = form_urlencoded::Serializer::new(String::new()).extend_pairs(exact).finish();
        let mut query = Query::parse(&exact)?;
        self.filter = conversion_filter(&mut query)?;
        if let Some(age) = age {
            let oldest = now.plus_millis(-hours(&age)? * HOUR_MILLIS);
            self.filter.to = Some(self.filter.to.map_or(oldest, |to| to.min(oldest)));
        }
        self.after = query.cursor()?.map(ConversionId::new);
        query.finish()
    }

    fn field(&self, field: Field, name: &str) -> Field {
        let fault = self.fault.as_ref().filter(|fault| fault.parameter.as_deref() == Some(name));
        let error = fault.map_or_else(String::new, |fault| fault.detail.clone());
        field.value(self.given.get(name).cloned().unwrap_or_default()).error(error)
    }

    /// The filter as a form of the list at this address.
    pub(super) fn form(&self, action: &str, catalog: &Catalog, is_review: bool) -> Filters {
        let choices = Choices(catalog);
        let search = Field::search("text", "Find").placeholder("Click, transaction or conversion id");
        let mut filters = Filters::new(action, self.field(search, "text"));
        let mut add = |field: Field, name: &str| filters = filters.clone().field(self.field(field, name));
        if !is_review {
            let statuses = ["pending", "approved", "rejected"].map(|word| Choice::new(word, word)).to_vec();
            add(Field::select("status", "Status", statuses), "status");
        }
        add(Field::select("merchant", "Merchant", choices.merchants()), "merchant");
        add(Field::select("offer", "Offer", choices.offers()), "offer");
        add(Field::select("affiliate", "Affiliate", choices.affiliates()), "affiliate");
        add(Field::select("goal", "Goal", choices.goals()), "goal");
        add(Field::text("currency", "Currency"), "currency");
        add(Field::text("amount_min", "Amount from"), "amount_min");
        add(Field::text("amount_max", "Amount to"), "amount_max");
        if is_review {
            let ages = AGES.map(|(word, label, _)| Choice::new(word, label)).to_vec();
            add(Field::select("age", "Waiting", ages), "age");
        } else {
            add(Field::day("from", "From"), "from");
            add(Field::day("to", "To"), "to");
        }
        // Conditions that have no field of their own here, as in an address that was shared, hold all the same.
        for (name, label) in
            [("status", "Status"), ("click_id", "Click"), ("age", "Waiting"), ("from", "From"), ("to", "To")]
        {
            if self.given.contains_key(name) && !filters.has(name) {
                filters = filters.field(self.field(Field::text(name, label), name));
            }
        }
        filters
    }

    /// The way to the other pages of a list.
    pub(super) fn pager(&self, action: &str, filters: &Filters, next: Option<ConversionId>) -> Pager {
        let query = filters.query();
        let after = |id: ConversionId| {
            let joint = if query.is_empty() { "" } else { "&" };
            format!("{action}?{query}{joint}cursor={}", id.uuid().simple())
        };
        let is_first = self.after.is_none_or(|after| after.uuid() == Uuid::nil());
        Pager {
            first: (!is_first).then(|| with_query(action, &query)),
            previous: None,
            next: next.map(after),
        }
    }
}

/// What was given, with days as the exact times at which they begin or end for the viewer.
fn exact_times(fields: &Fields, zone: Zone) -> Result<Vec<(String, String)>, Problem> {
    let exact = |(name, value): (&str, &str)| {
        let exact = match (name, zone.day(value)) {
            ("from", Some((first, _))) => first.to_string(),
            ("to", Some((_, next))) => next.to_string(),
            ("from" | "to", None) if Timestamp::parse(value).is_none() => {
                return Err(invalid(
                    name,
                    "Send a day such as 2026-11-20, or a time such as 2026-11-20T10:00:00Z.",
                ));
            }
            _ => value.to_owned(),
        };
        Ok((name.to_owned(), exact))
    };
    fields.given().map(exact).collect()
}

fn hours(age: &str) -> Result<i64, Problem> {
    let found = AGES.iter().find(|(word, ..)| *word == age);
    found.map(|(.., hours)| *hours).ok_or_else(|| invalid("age", "Send one of 1h, 1d, 3d, 7d, 30d."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_168_800_000);

    fn read(query: &str) -> Result<ConversionFilter, (String, Option<String>)> {
        let mut wanted =
            Wanted { filter: ConversionFilter::default(), after: None, fault: None, given: BTreeMap::new() };
        let read = wanted.parse(query, Zone::named("Europe/Berlin"), NOW);
        read.map(|()| wanted.filter).map_err(|fault| (fault.code.to_owned(), fault.parameter))
    }

    #[test]
    fn days_and_ages_become_exact_times_of_the_viewers_zone() {
        #[track_caller]
        fn check(query: &str, from: Option<&str>, to: Option<&str>) {
            let filter = read(query).unwrap();
            let told = |time: Option<Timestamp>| time.map(|time| time.to_string());
            let exact = |time: Option<&str>| time.map(|time| format!("{time}:00.000Z"));
            assert_eq!((told(filter.from), told(filter.to)), (exact(from), exact(to)), "{query}");
        }
        check("", None, None);
        check("merchant=&from=&to=&age=", None, None);
        check("from=2026-11-01&to=2026-11-20", Some("2026-10-31T23:00"), Some("2026-11-20T23:00"));
        check("from=2026-11-01T10:00:00Z", Some("2026-11-01T10:00"), None);
        check("age=1d", None, Some("2026-11-19T10:00"));
        check("age=1d&to=2026-11-01", None, Some("2026-11-01T23:00"));
    }

    #[test]
    fn what_does_not_parse_is_told_with_its_field() {
        #[track_caller]
        fn check(query: &str, code: &str, parameter: &str) {
            assert_eq!(read(query).unwrap_err(), (code.to_owned(), Some(parameter.to_owned())), "{query}");
        }
        check("amount_min=1,5", "invalid_parameter", "amount_min");
        check("from=yesterday", "invalid_parameter", "from");
        check("age=2d", "invalid_parameter", "age");
        check("merchant=a&merchant=b", "duplicate_parameter", "merchant");
        check("cursor=x", "invalid_cursor", "cursor");
        check("colour=red", "unknown_parameter", "colour");
    }
}
