//! Trying what a merchant's postback would be answered, in the merchant's name.
//!
//! It is read, decided and worded by the same code as one that arrives, and recorded nowhere. Whoever may try it is
//! known to belong to the merchant, so neither token nor signature nor an allowed address is asked for.

use std::{net::IpAddr, sync::Arc};

use super::{Shared, answer, dialect, problem::Problem, query::Parameters};
use crate::{
    clock::new_uuid,
    domain::{
        catalog::Catalog,
        decide::Event,
        dialect::Dialect,
        ids::RequestId,
        merchant::Merchant,
        params::Params,
        postback::{Postback, Proof},
        refusal::Refusal,
        repetition::Repetition,
        report::Report,
        time::Timestamp,
    },
    ingest::{Answer, Submission},
};

/// A postback that is only tried.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    /// What is configured.
    pub(super) catalog: &'a Catalog,
    /// Whose it would be.
    pub(super) merchant: &'a Merchant,
    /// The dialect of the address that it would be sent to.
    pub(super) dialect: &'a Arc<Dialect>,
}

impl Attempt<'_> {
    /// What would be answered to a request with this query.
    pub(super) async fn answer(&self, shared: &Shared, from: IpAddr, query: &str) -> Result<Answer, Problem> {
        if !shared.limits.admits_address(from) {
            return Err(Problem::rate_limited());
        }
        let now = shared.edge.clock.now();
        let request = RequestId::new(new_uuid(now));
        let mut parameters = Parameters::default();
        parameters.read_pairs(query);
        parameters.check_repeated();
        let Parameters { params, fault } = parameters;
        let read = match fault {
            Some(fault) => Err(fault),
            None => self.read(&params, request, from, now),
        };
        let event = match read {
            Ok(event) => event,
            Err(refusal) => return Ok(self.refused(request, &refusal, &params)),
        };
        let render = if self.dialect.own_words { answer::render } else { dialect::render };
        let submission = Submission { request, event: Ok(event), log: None, audit: None, render };
        Ok(shared.edge.ingest.submit(submission).await?)
    }

    fn read(
        &self,
        sent: &Params,
        request: RequestId,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        let Self { catalog, merchant, dialect } = self;
        merchant.check_active()?;
        if dialect.own_words {
            let (operation, currencies) = (dialect.operation, &catalog.currencies);
            let postback =
                Postback::parse_translated(operation, merchant, currencies, sent, sent, now, Proof::Given)?;
            let postback = Postback { dry_run: true, ..postback };
            return Ok(Event::Postback { merchant: merchant.id.clone(), postback });
        }
        let player = Report::check(dialect, sent, catalog)?;
        // As one that has arrived and proved whose it is before: not every dialect can say that it only asks.
        let repetition = Repetition { request, at: now, is_admitted: true, is_proved: true, dry_run: true };
        Ok(Event::Report(Report {
            dialect: Arc::clone(dialect),
            sender: Some(merchant.id.clone()),
            player,
            offer_name: dialect.offer(sent, catalog).map(|offer| offer.name.clone()),
            sent: sent.clone(),
            address,
            repetition: Some(repetition),
        }))
    }

    fn refused(&self, request: RequestId, refusal: &Refusal, sent: &Params) -> Answer {
        if self.dialect.own_words {
            return answer::refused(request, refusal);
        }
        dialect::of_problem(self.dialect, &request.to_string(), &Problem::from(refusal), sent)
    }
}
