//! Deliveries that are to be sent again: how many, and then on their way.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use serde_json::json;

use super::wanted::Wanted;
use crate::{
    domain::{access::Role, ids::DeliveryId, time::Timestamp},
    http::{
        api::path_id,
        desk::{
            go_to,
            selection::Selection,
            steps::{Steps, streamed},
            visit::{Fields, Posted, Visit},
        },
        problem::Problem,
        ui::{
            bulk::{BrokenOff, Progress, Reached},
            deliveries::{Resend, Resent},
            html,
            layout::Section,
            view::counted,
        },
    },
    storage::{AuditRow, DeliveryFilter},
};

/// Up to how many are sent again without showing progress.
const AT_ONCE_MAX: u64 = 1_000;

/// What sending again is called in the audit log.
const ACTION: &str = "delivery.resend";

/// What a form asks for.
struct Asking {
    selection: Selection,
    filter: DeliveryFilter,
}

impl Asking {
    fn read(fields: &Fields, visit: &Visit) -> Result<Self, Problem> {
        let selection = Selection::read(fields, "/deliveries", "delivery", visit.caller.now);
        let selection = selection.map_err(|detail| broken(&detail))?;
        let filter = if let Some((query, until)) = &selection.matching {
            matching(query, *until, visit)?
        } else {
            let ids = selection.ids.iter().copied().map(DeliveryId::new).collect();
            DeliveryFilter { ids, ..DeliveryFilter::default() }
        };
        Ok(Self { selection, filter })
    }

    /// What the audit log tells of it.
    fn audit(&self, visit: &Visit) -> AuditRow {
        let which = match &self.selection.matching {
            Some((query, until)) => json!({ "matching": query, "owed_until": until }),
            None => json!({ "ids": self.filter.ids }),
        };
        AuditRow { after: Some(which.to_string()), ..visit.caller.audit(ACTION, &self.subject()) }
    }

    fn subject(&self) -> String {
        self.selection.subject("delivery", "deliveries")
    }

    async fn must_manage(&self, visit: &Visit) -> Result<(), Problem> {
        visit.caller.must(Role::Manager, &visit.shared, ACTION, &self.subject()).await
    }
}

/// All that match, as far as they were owed when that was asked.
fn matching(query: &str, until: Timestamp, visit: &Visit) -> Result<DeliveryFilter, Problem> {
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
    Ok(DeliveryFilter { until: Some(until_or_before), ..wanted.filter })
}

fn broken(detail: &str) -> Problem {
    Problem::bad_request("malformed_form", "Nothing was sent", detail)
}

/// `POST /deliveries/resend`: what would be sent again.
pub(in crate::http::desk) async fn confirm(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let asking = Asking::read(&fields, &visit)?;
    asking.must_manage(&visit).await?;
    let states = visit.shared.edge.storage.count_deliveries(&asking.filter).await?;
    if states.is_empty() {
        return Err(broken("None of what is selected is there any more: go back and select again."));
    }
    let page = Resend {
        page: visit.page("Deliveries", Section::Deliveries),
        scope: asking.selection.scope(),
        states,
        back: asking.selection.back,
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /deliveries/resend/now`
pub(in crate::http::desk) async fn resend(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let asking = Asking::read(&fields, &visit)?;
    asking.must_manage(&visit).await?;
    let states = visit.shared.edge.storage.count_deliveries(&asking.filter).await?;
    let total = states.iter().map(|(_, number)| number).sum();
    let work = Sending::new(visit, asking, total);
    if total > AT_ONCE_MAX { Ok(streamed(work)) } else { work.at_once().await }
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
struct Sending {
    visit: Visit,
    audit: AuditRow,
    filter: DeliveryFilter,
    total: u64,
    back: String,
    after: Option<DeliveryId>,
    is_over: bool,
    resent: u64,
    left_alone: u64,
}

impl Sending {
    fn new(visit: Visit, asking: Asking, total: u64) -> Self {
        Self {
            audit: asking.audit(&visit),
            visit,
            filter: asking.filter,
            total,
            back: asking.selection.back,
            after: None,
            is_over: false,
            resent: 0,
            left_alone: 0,
        }
    }

    async fn at_once(mut self) -> Result<Response, Problem> {
        while self.step().await? {}
        Ok(html(StatusCode::OK, &self.page()))
    }

    fn page(&self) -> Resent {
        Resent {
            page: self.visit.page("Deliveries", Section::Deliveries),
            number: self.resent,
            left_alone: self.left_alone,
            back: self.back.clone(),
        }
    }
}

impl Steps for Sending {
    fn visit(&self) -> &Visit {
        &self.visit
    }

    fn progress(&self) -> Progress {
        Progress {
            page: self.visit.page("Deliveries", Section::Deliveries),
            heading: format!("Sending {} again", counted(self.total, "delivery")),
            advice: "Leave this page open: if it is closed, the rest stays as it is.",
        }
    }

    fn reached(&self) -> Reached {
        let done = self.resent + self.left_alone;
        Reached { done, total: Some(self.total.max(done)) }
    }

    async fn step(&mut self) -> Result<bool, Problem> {
        if self.is_over {
            return Ok(false);
        }
        let storage = &self.visit.shared.edge.storage;
        let batch = storage.resend_batch(&self.filter, self.after, &self.audit).await?;
        self.resent += batch.resent;
        self.left_alone += batch.left_alone;
        self.after = batch.next;
        self.is_over = self.after.is_none();
        Ok(true)
    }

    async fn done(&mut self) -> Result<String, Problem> {
        Ok(self.page().as_content().render().unwrap_or_default())
    }

    fn broken_off(&self, problem: &Problem) -> BrokenOff {
        let resent = counted(self.resent, "delivery");
        BrokenOff {
            page: self.visit.page("Deliveries", Section::Deliveries),
            told: format!("{resent} had been sent again by then. The rest stays as it is."),
            detail: problem.detail.clone(),
            back: (self.back.clone(), "Back to the deliveries"),
        }
    }
}
