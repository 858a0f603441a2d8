//! What the address of a list asks for: its conditions as they were given, to be read and to be shown again as a form.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use url::form_urlencoded;
use uuid::Uuid;

use super::visit::Fields;
use crate::{
    domain::time::Timestamp,
    http::{
        api::{Query, invalid},
        problem::Problem,
        ui::{
            Page,
            form::{Field, Filters, Pager, with_query},
            layout::Flash,
            view::Zone,
        },
    },
};

/// What a list was asked for.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<String, String>,
    /// After which of them the page begins.
    pub(super) after: Option<Uuid>,
    /// What could not be read; with it the list stays empty.
    pub(super) fault: Option<Problem>,
}

impl Given {
    /// Reads the query of an address, in the words of the API but for days, which are those of the viewer's zone.
    pub(super) fn read<F: Default>(
        query: &str,
        zone: Zone,
        read: impl FnOnce(&mut Query) -> Result<F, Problem>,
    ) -> (F, Self) {
        let mut given = Self::default();
        let filter = given.parse(query, zone, read).unwrap_or_else(|fault| {
            given.fault = Some(fault);
            F::default()
        });
        (filter, given)
    }

    fn parse<F>(
        &mut self,
        query: &str,
        zone: Zone,
        read: impl FnOnce(&mut Query) -> Result<F, Problem>,
    ) -> Result<F, Problem> {
        let fields = Fields::parse(query)?;
        self.values = fields.given().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let exact = exact_times(&fields, zone)?;
        let exact = form_urlencoded::Serializer::new(String::new()).extend_pairs(exact).finish();
        let mut query = Query::parse(&exact)?;
        let filter = read(&mut query)?;
        self.after = query.cursor()?;
        query.finish()?;
        Ok(filter)
    }

    /// What was given under this name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A field with what was given for it, and what was wrong with that.
    pub(super) fn field(&self, field: Field) -> Field {
        let fault = self.fault.as_ref().filter(|fault| fault.parameter.as_deref() == Some(field.name()));
        let error = fault.map_or_else(String::new, |fault| fault.detail.clone());
        let value = self.values.get(field.name()).cloned().unwrap_or_default();
        field.value(value).error(error)
    }

    /// A filter with those of these conditions that were given and have no field in it, as in an address that was
    /// shared: they hold all the same.
    pub(super) fn with_others(&self, filters: Filters, others: &[(&str, &str)]) -> Filters {
        others.iter().filter(|(name, _)| self.values.contains_key(*name)).fold(
            filters,
            |filters, (name, label)| {
                if filters.has(name) {
                    filters
                } else {
                    filters.field(self.field(Field::text(*name, *label)))
                }
            },
        )
    }

    /// The way to the other pages of the list.
    pub(super) fn pager(&self, action: &str, filters: &Filters, next: Option<Uuid>) -> Pager {
        let query = filters.query();
        let after = |id: Uuid| {
            let joint = if query.is_empty() { "" } else { "&" };
            format!("{action}?{query}{joint}cursor={}", id.simple())
        };
        let is_first = self.after.is_none_or(|after| after == Uuid::nil());
        Pager {
            first: (!is_first).then(|| with_query(action, &query)),
            previous: None,
            next: next.map(after),
        }
    }

    /// The page of the list, telling what could not be read.
    pub(super) fn on(&self, page: Page) -> Page {
        match &self.fault {
            Some(fault) => page.telling(Flash::bad(fault.detail.clone())),
            None => page,
        }
    }

    /// What the answer is.
    pub(super) fn status(&self) -> StatusCode {
        self.fault.as_ref().map_or(StatusCode::OK, |fault| fault.status)
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
