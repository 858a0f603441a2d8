//! The filter of a list of conversions: read from an address, and shown as a form.

use super::{given::Given, names::Choices, visit::Visit};
use crate::{
    domain::{catalog::Catalog, time::Timestamp},
    http::{
        api::{Query, conversion_filter, invalid},
        problem::Problem,
        ui::{
            form::{Choice, Field, Filters},
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
    /// Everything as it was given.
    pub(super) given: Given,
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

/// Conditions that have no field of their own on each page.
const OTHERS: [(&str, &str); 5] =
    [("status", "Status"), ("click_id", "Click"), ("age", "Waiting"), ("from", "From"), ("to", "To")];

impl Wanted {
    /// Reads the query of an address. What does not parse is a fault, with which the list stays empty.
    pub(super) fn read(query: &str, visit: &Visit) -> Self {
        Self::of(query, visit.zone, visit.caller.now)
    }

    fn of(query: &str, zone: Zone, now: Timestamp) -> Self {
        let (filter, given) = Given::read(query, zone, |query| filter(query, now));
        Self { filter, given }
    }

    /// The filter as a form of the list at this address.
    pub(super) fn form(&self, action: &str, catalog: &Catalog, is_review: bool) -> Filters {
        let choices = Choices(catalog);
        let search = Field::search("text", "Find").placeholder("Click, transaction, player or conversion id");
        let mut filters = Filters::new(action, self.given.field(search));
        let mut add = |field: Field| filters = filters.clone().field(self.given.field(field));
        if !is_review {
            let statuses = ["pending", "approved", "rejected"].map(|word| Choice::new(word, word)).to_vec();
            add(Field::select("status", "Status", statuses));
        }
        add(Field::select("merchant", "Merchant", choices.merchants()));
        add(Field::select("offer", "Offer", choices.offers()));
        add(Field::select("affiliate", "Affiliate", choices.affiliates()));
        add(Field::select("goal", "Goal", choices.goals()));
        add(Field::text("currency", "Currency"));
        add(Field::text("amount_min", "Amount from"));
        add(Field::text("amount_max", "Amount to"));
        if is_review {
            let ages = AGES.map(|(word, label, _)| Choice::new(word, label)).to_vec();
            add(Field::select("age", "Waiting", ages));
        } else {
            add(Field::day("from", "From"));
            add(Field::day("to", "To"));
        }
        self.given.with_others(filters, &OTHERS)
    }
}

fn filter(query: &mut Query, now: Timestamp) -> Result<ConversionFilter, Problem> {
    let mut filter = conversion_filter(query)?;
    if let Some(age) = query.text("age") {
        let oldest = now.plus_millis(-hours(age)? * HOUR_MILLIS);
        filter.to = Some(filter.to.map_or(oldest, |to| to.min(oldest)));
    }
    Ok(filter)
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
        let Wanted { filter, given } = Wanted::of(query, Zone::named("Europe/Berlin"), NOW);
        given.fault.map_or(Ok(filter), |fault| Err((fault.code.to_owned(), fault.parameter)))
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
