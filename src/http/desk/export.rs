//! Conversions as a file for a spreadsheet.

use axum::{
    body::Body,
    extract::RawQuery,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{filter::Wanted, visit::Visit};
use crate::{
    domain::{conversion::Conversion, ids::ConversionId},
    http::problem::Problem,
    storage::Order,
};

/// How many rows are read and written at a time: enough that reading costs little, and few in memory.
const ROWS_AT_ONCE: u32 = 2_000;

const HEADER: [&str; 18] = [
    "id",
    "created_at",
    "status",
    "decided_at",
    "click_id",
    "merchant",
    "offer",
    "affiliate",
    "goal",
    "amount",
    "currency",
    "revenue",
    "revshare_multiplier",
    "payout",
    "payout_currency",
    "transaction_id",
    "suspected_duplicate",
    "event_time",
];

/// `GET /conversions.csv`: all that a filter finds, newest first, written as it is read.
pub(super) async fn conversions(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let wanted = Wanted::read(query.as_deref().unwrap_or_default(), &visit);
    if let Some(fault) = wanted.given.fault {
        return Err(fault);
    }
    let first = lines([HEADER.map(str::to_owned)])?;
    let after = wanted.given.after.map(ConversionId::new);
    let state = (visit, wanted.filter, after, true);
    let rest = stream::try_unfold(state, |(visit, filter, after, more)| async move {
        if !more {
            return Ok(None);
        }
        let storage = &visit.shared.edge.storage;
        let found = storage.conversions(&filter, Order::NewestFirst, after, ROWS_AT_ONCE).await;
        let found = found.map_err(|error| broken_off(&error.into()))?;
        let more = u32::try_from(found.len()) == Ok(ROWS_AT_ONCE);
        let after: Option<ConversionId> = found.last().map(|conversion| conversion.id);
        let text = lines(found.iter().map(cells)).map_err(|problem| broken_off(&problem))?;
        Ok::<_, std::io::Error>(Some((text, (visit, filter, after, more))))
    });
    let body = futures::StreamExt::chain(stream::iter([Ok(first)]), rest);
    Ok(as_file("attachment; filename=\"conversions.csv\"", Body::from_stream(body)))
}

/// A table as a file to be kept.
pub(super) fn as_file(disposition: &'static str, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body).into_response()
}

/// The connection is cut, so that nobody takes half a file for a whole one.
fn broken_off(problem: &Problem) -> std::io::Error {
    std::io::Error::other(problem.code)
}

fn lines(rows: impl IntoIterator<Item = [String; HEADER.len()]>) -> Result<Vec<u8>, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|_| Problem::internal())?;
    }
    writer.into_inner().map_err(|_| Problem::internal())
}

fn cells(c: &Conversion) -> [String; HEADER.len()] {
    let places = c.currency.map_or(0, |currency| currency.minor_unit);
    let time = |at: Option<crate::domain::time::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    [
        c.id.to_string(),
        c.created_at.to_string(),
        c.status.to_string(),
        time(c.decided_at),
        inert(c.click.as_str()),
        inert(c.merchant.as_str()),
        inert(c.offer.as_str()),
        inert(c.affiliate.as_str()),
        inert(c.goal.as_str()),
        c.amount.display(places).to_string(),
        c.currency.map_or_else(String::new, |currency| currency.code.to_string()),
        c.revenue.map_or_else(String::new, |revenue| revenue.money.display(places).to_string()),
        c.revenue.map_or_else(String::new, |revenue| revenue.multiplier.to_string()),
        c.payout.map_or_else(String::new, |payout| payout.display().to_string()),
        c.payout.map_or_else(String::new, |payout| payout.currency.code.to_string()),
        c.transaction.as_ref().map_or_else(String::new, |id| inert(id.as_str())),
        c.suspected_duplicate.to_string(),
        time(c.event_time),
    ]
}

/// Text that others chose, so that no spreadsheet takes it for a formula.
pub(super) fn inert(text: &str) -> String {
    let quote = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("{quote}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_becomes_a_formula() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(inert(text), expected);
        }
        check("tx-1", "tx-1");
        check("", "");
        check("=HYPERLINK(\"https://evil.example\")", "'=HYPERLINK(\"https://evil.example\")");
        check("+1", "'+1");
        check("-1+1", "'-1+1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
    }
}
