//! Statistics, asked for: how a question is read from an address, and what becomes of one that is too large. The API
//! and the pages ask in the same words.

use std::sync::Arc;

use super::{
    Shared,
    api::{Query, invalid},
    problem::Problem,
};
use crate::{
    domain::{
        ids::{AffiliateId, MerchantId, OfferId},
        statistics::{
            InvalidQuestion, Only, Question,
            grouping::Grouping,
            period::{Period, Zone},
            report::Report,
        },
        time::Timestamp,
    },
    storage::StatisticsError,
};

/// What an address asks for.
pub(super) fn question(query: &mut Query, now: Timestamp) -> Result<Question, Problem> {
    let own = |name: &str, query: &mut Query| query.text(name).map(str::to_owned);
    let (from, to) = (own("from", query), own("to", query));
    let zone = own("tz", query).map(|name| Zone::parse(&name)).transpose()?.unwrap_or(Zone::UTC);
    let grouping = Grouping::parse(&own("group_by", query).unwrap_or_default())?;
    let only = Only {
        merchant: query.parsed("merchant", MerchantId::parse)?,
        offer: query.parsed("offer", OfferId::parse)?,
        affiliate: query.parsed("affiliate", AffiliateId::parse)?,
    };
    let period = Period::parse(from.as_deref(), to.as_deref(), zone, now)?;
    Ok(Question { period, zone, grouping, only })
}

/// What it comes to.
pub(super) async fn report(shared: &Shared, question: Question) -> Result<Report, Problem> {
    let catalog = Arc::clone(&shared.edge.catalog.borrow());
    Ok(shared.edge.storage.statistics(question, catalog).await?)
}

impl From<InvalidQuestion> for Problem {
    fn from(error: InvalidQuestion) -> Self {
        invalid(error.parameter, &format!("Change `{}`: {}.", error.parameter, error.why))
    }
}

impl From<StatisticsError> for Problem {
    fn from(error: StatisticsError) -> Self {
        match error {
            StatisticsError::Storage(error) => error.into(),
            too_large => {
                let detail = format!("Ask for less: {too_large}.");
                Self::bad_request("question_too_large", "Question too large", &detail)
            }
        }
    }
}
