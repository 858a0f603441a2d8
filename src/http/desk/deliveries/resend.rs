//! Deliveries that are to be sent again: how many, and then on their way.

use std::convert::Infallible;

use askama::Template;
use axum::{body::Body, extract::Path, http::StatusCode, response::Response};
use futures::{Stream, stream};
use serde_json::json;
use uuid::Uuid;

use super::wanted::Wanted;
use crate::{
    domain::{access::Role, ids::DeliveryId, time::Timestamp},
    http::{
        api::path_id,
        desk::{
            go_to,
            visit::{Fields, Posted, Visit},
        },
        problem::Problem,
        ui::{
            deliveries::{Resend, Resending, Resent, join},
            form::with_query,
            html,
            layout::Section,
            review::{MARKS, Reached, Scope},
        },
    },
    storage::{AuditRow, DeliveryFilter},
};

/// How many can be selected one by one.
const SELECTED_MAX: usize = 1_000;

/// Up to how many are sent again without showing progress.
const AT_ONCE_MAX: u64 = 1_000;

/// What sending again is called in the audit log.
const ACTION: &str = "delivery.resend";

/// What a form selects.
struct Selection {
    filter: DeliveryFilter,
    /// All that match this query, owed until then; none where it is about ids.
    matching: Option<(String, Timestamp)>,
    back: String,
}

impl Selection {
    fn read(fields: &Fields, visit: &Visit) -> Result<Self, Problem> {
        let (now, query) = (visit.caller.now, fields.get("filter"));
        let scopes: Vec<_> = fields.all("scope").collect();
        let back = match fields.address("back") {
            "/" => with_query("/deliveries", query),
            back => back.to_owned(),
        };
        if scopes.contains(&"matching") || !fields.get("until").is_empty() {
            let until = fields.get("until").parse().map_or(now, Timestamp::from_millis).min(now);
            return Self::matching(query, until, back, visit);
        }
        let here = if scopes.contains(&"here") { fields.get("here") } else { "" };
        let texts = fields.all("id").chain(here.split(',')).chain(fields.get("ids").split(','));
        let mut ids = Vec::new();
        for text in texts.filter(|text| !text.is_empty()) {
            let id = Uuid::try_parse(text).map_err(|_| broken("One of what is selected is no delivery."))?;
            ids.push(DeliveryId::new(id));
        }
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Err(broken("Nothing was selected: go back and select at least one delivery."));
        }
        if ids.len() > SELECTED_MAX {
            return Err(broken("That is too much at once: select at most 1000, or all that match."));
        }
        Ok(Self { filter: DeliveryFilter { ids, ..DeliveryFilter::default() }, matching: None, back })
    }

    /// All that match, as far as they were owed when that was asked.
    fn matching(query: &str, until: Timestamp, back: String, visit: &Visit) -> Result<Self, Problem> {
        let wanted = Wanted::read(query, visit.zone);
        if let Some(fault) = wanted.given.fault {
            return Err(fault);
        }
        if wanted.filter.is_everything() {
            return Err(broken("Say which by a filter first: all deliveries that there are is too many."));
        }
        // What was owed in this very millisecond has been seen.
        let end = until.plus_millis(1);
        let until_or_before = wanted.filter.until.map_or(end, |given| given.min(end));
        let filter = DeliveryFilter { until: Some(until_or_before), ..wanted.filter };
        Ok(Self { filter, matching: Some((query.to_owned(), until)), back })
    }

    /// What the audit log tells of it.
    fn audit(&self, visit: &Visit) -> AuditRow {
        let which = match &self.matching {
            Some((query, until)) => json!({ "matching": query, "owed_until": until }),
            None => json!({ "ids": self.filter.ids }),
        };
        AuditRow { after: Some(which.to_string()), ..visit.caller.audit(ACTION, &self.subject()) }
    }

    fn subject(&self) -> String {
        match (&self.matching, self.filter.ids.as_slice()) {
            (None, [id]) => format!("delivery:{id}"),
            _ => "deliveries".to_owned(),
        }
    }

    async fn must_manage(&self, visit: &Visit) -> Result<(), Problem> {
        visit.caller.must(Role::Manager, &visit.shared, ACTION, &self.subject()).await
    }
}

fn broken(detail: &str) -> Problem {
    Problem::bad_request("malformed_form", "Nothing was sent", detail)
}

/// `POST /deliveries/resend`: what would be sent again.
pub(in crate::http::desk) async fn confirm(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let selection = Selection::read(&fields, &visit)?;
    selection.must_manage(&visit).await?;
    let states = visit.shared.edge.storage.count_deliveries(&selection.filter).await?;
    if states.is_empty() {
        return Err(broken("None of what is selected is there any more: go back and select again."));
    }
    let page = Resend {
        page: visit.page("Deliveries", Section::Deliveries),
        scope: match selection.matching {
            Some((query, until)) => Scope::Matching { query, until: until.millis().to_string() },
            None => Scope::These(join(selection.filter.ids.iter().copied())),
        },
        states,
        back: selection.back,
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /deliveries/resend/now`
pub(in crate::http::desk) async fn resend(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let selection = Selection::read(&fields, &visit)?;
    selection.must_manage(&visit).await?;
    let states = visit.shared.edge.storage.count_deliveries(&selection.filter).await?;
    let total = states.iter().map(|(_, number)| number).sum();
    let work = Work::new(visit, selection, total);
    if total > AT_ONCE_MAX { Ok(work.streamed()) } else { work.at_once().await }
}

/// `POST /deliveries/{id}/resend`
pub(in crate::http::desk) async fn resend_one(
    Path(id): Path<String>,
    Posted { visit, .. }: Posted,
) -> Result<Response, Problem> {
    let id = DeliveryId::new(path_id(&id)?);
    let subject = format!("delivery:{id}");
    visit.caller.must(Role::Manager, &visit.shared, ACTION, &subject).await?;
    let storage = &visit.shared.edge.storage;
    if storage.delivery(id).await?.is_none() {
        return Err(Problem::not_found(&format!("There is no delivery {id}: look for it in the list.")));
    }
    let filter = DeliveryFilter { ids: vec![id], ..DeliveryFilter::default() };
    storage.resend(&filter, &visit.caller.audit(ACTION, &subject)).await?;
    Ok(go_to(&format!("/deliveries/{id}")))
}

/// Deliveries on their way to be sent again, batch by batch.
struct Work {
    visit: Visit,
    audit: AuditRow,
    filter: DeliveryFilter,
    total: u64,
    back: String,
    after: Option<DeliveryId>,
    resent: u64,
    left_alone: u64,
    /// What the page still lacks at its end.
    end: String,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Begin,
    Go,
    Over,
}

impl Work {
    fn new(visit: Visit, selection: Selection, total: u64) -> Self {
        Self {
            audit: selection.audit(&visit),
            visit,
            filter: selection.filter,
            total,
            back: selection.back,
            after: None,
            resent: 0,
            left_alone: 0,
            end: String::new(),
            stage: Stage::Begin,
        }
    }

    async fn at_once(mut self) -> Result<Response, Problem> {
        while !self.next_batch().await? {}
        Ok(html(StatusCode::OK, &self.done(String::new())))
    }

    /// Sends batch by batch, and tells meanwhile how far it has come. Who leaves the page stops it: nobody would see
    /// what came of the rest.
    fn streamed(self) -> Response {
        let mut response = html(StatusCode::OK, &self.progress());
        *response.body_mut() = Body::from_stream(self.parts());
        response
    }

    fn parts(self) -> impl Stream<Item = Result<String, Infallible>> {
        stream::unfold(self, |mut work| async move {
            let part = match work.stage {
                Stage::Begin => work.begin(),
                Stage::Go => work.go_on().await,
                Stage::Over => return None,
            };
            Some((Ok(part), work))
        })
    }

    fn begin(&mut self) -> String {
        self.stage = Stage::Go;
        let page = self.progress().render().unwrap_or_default();
        let (begin, end) = page.split_once(MARKS[0]).unwrap_or((&page, ""));
        end.clone_into(&mut self.end);
        begin.to_owned() + &self.reached()
    }

    async fn go_on(&mut self) -> String {
        match self.next_batch().await {
            Ok(false) => self.reached(),
            Ok(true) => self.ending(String::new()),
            Err(problem) => {
                let request = self.visit.caller.request;
                tracing::error!(request_id = %request, code = problem.code, "sending again broke off");
                self.ending(problem.detail)
            }
        }
    }

    /// Whether that was the last one.
    async fn next_batch(&mut self) -> Result<bool, Problem> {
        let storage = &self.visit.shared.edge.storage;
        let batch = storage.resend_batch(&self.filter, self.after, &self.audit).await?;
        self.resent += batch.resent;
        self.left_alone += batch.left_alone;
        self.after = batch.next;
        Ok(self.after.is_none())
    }

    fn progress(&self) -> Resending {
        Resending { page: self.visit.page("Deliveries", Section::Deliveries), total: self.total }
    }

    fn reached(&self) -> String {
        let done = self.resent + self.left_alone;
        Reached { done, total: self.total.max(done) }.render().unwrap_or_default()
    }

    fn done(&self, broken_off: String) -> Resent {
        Resent {
            page: self.visit.page("Deliveries", Section::Deliveries),
            number: self.resent,
            left_alone: self.left_alone,
            broken_off,
            back: self.back.clone(),
        }
    }

    fn ending(&mut self, broken_off: String) -> String {
        self.stage = Stage::Over;
        let content = self.done(broken_off).as_content().render().unwrap_or_default();
        self.end.replacen(MARKS[1], &content, 1)
    }
}
