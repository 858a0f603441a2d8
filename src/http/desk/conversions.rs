//! All conversions.

use axum::{extract::RawQuery, response::Response};

use super::{
    PAGE_ROWS,
    filter::Wanted,
    names::{self, Names},
    visit::Visit,
};
use crate::{
    domain::{catalog::Catalog, conversion::Conversion, ids::ConversionId},
    http::{
        problem::Problem,
        ui::{
            conversions::{ConversionRow, Conversions},
            html,
            layout::Section,
            view::{Badge, Moment, Zone},
        },
    },
    storage::Order,
};

/// `GET /conversions`
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let wanted = Wanted::read(query.as_deref().unwrap_or_default(), &visit);
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let filters = wanted.form("/conversions", &catalog, false);
    let storage = &visit.shared.edge.storage;
    let after = wanted.given.after.map(ConversionId::new);
    let mut found = if wanted.given.fault.is_some() {
        Vec::new()
    } else {
        storage.conversions(&wanted.filter, Order::NewestFirst, after, PAGE_ROWS + 1).await?
    };
    let rows_max = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (found.len() > rows_max).then(|| found[rows_max - 1].id.uuid());
    found.truncate(rows_max);
    let shown = Conversions {
        page: wanted.given.on(visit.page("Conversions", Section::Conversions)),
        matching: None,
        rows: found.iter().map(|conversion| row(&catalog, conversion, visit.zone)).collect(),
        pager: wanted.given.pager("/conversions", &filters, next),
        filters,
    };
    Ok(html(wanted.given.status(), &shown))
}

/// What a list shows of a conversion.
pub(super) fn row(catalog: &Catalog, conversion: &Conversion, zone: Zone) -> ConversionRow {
    let names = Names::new(catalog, conversion);
    ConversionRow {
        id: conversion.id,
        at: Moment::new(conversion.created_at, zone),
        status: Badge::of(conversion.status.as_str()),
        click: conversion.click.clone(),
        merchant: names.merchant().to_owned(),
        offer: names.offer().to_owned(),
        affiliate: names.named_affiliate(),
        goal: names.goal().to_owned(),
        amount: names::amount(conversion.amount, conversion.currency),
        transaction: conversion.transaction.as_ref().map(ToString::to_string),
    }
}
