//! Endpoints, from the pages and from the API: how they fare; paused, let go on, and told an example.

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use axum::http::StatusCode;
use futures::{future::BoxFuture, try_join};
use tokio::sync::Semaphore;

use super::{Shared, access::Caller, problem::Problem};
use crate::{
    domain::{catalog::Catalog, endpoint::Endpoint, ids::EndpointId, setting::SettingKind, time::Timestamp},
    storage::{Attempt, Backlog, EndpointHealth},
};

/// How many examples are told at once: each may take as long as a delivery.
const TESTS_AT_ONCE: usize = 4;

/// Tells endpoints an example. Whoever does has the one client that goes where nobody vouches for; this room has no way
/// out of its own.
pub trait Tester: Debug + Send + Sync {
    /// Tells an endpoint a marked example, once, and says what came of it. No credential is in what it says.
    fn test<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        catalog: &'a Catalog,
        now: Timestamp,
    ) -> BoxFuture<'a, Attempt>;
}

/// The places for tests.
#[derive(Debug)]
pub(super) struct Tests(Semaphore);

impl Default for Tests {
    fn default() -> Self {
        Self(Semaphore::new(TESTS_AT_ONCE))
    }
}

/// How an endpoint fares.
#[derive(Clone, Debug, Default)]
pub(super) struct Fares {
    /// Since when it fails or is paused, and why.
    pub(super) health: EndpointHealth,
    /// What is not delivered to it.
    pub(super) backlog: Backlog,
}

impl Fares {
    /// How these endpoints fare.
    pub(super) async fn of(
        shared: &Shared,
        endpoints: &[&EndpointId],
        now: Timestamp,
    ) -> Result<HashMap<EndpointId, Self>, Problem> {
        let storage = &shared.edge.storage;
        let (mut health, mut backlogs) =
            try_join!(storage.endpoint_health(), storage.backlogs(endpoints.iter().copied(), now))?;
        let mut fares = |id: &EndpointId| Self {
            health: health.remove(id).unwrap_or_default(),
            backlog: backlogs.remove(id).unwrap_or_default(),
        };
        Ok(endpoints.iter().map(|id| ((*id).clone(), fares(id))).collect())
    }
}

/// An endpoint as it is set up at this moment, with the catalog around it.
#[derive(Debug)]
pub(super) struct Known {
    /// The endpoint.
    pub(super) endpoint: Endpoint,
    catalog: Arc<Catalog>,
}

impl Known {
    /// The endpoint of this id, of this kind or of either. What was set up a moment ago, perhaps in another process, is
    /// there.
    pub(super) async fn find(shared: &Shared, id: &str, kind: Option<SettingKind>) -> Result<Self, Problem> {
        let catalog = Arc::new(shared.edge.storage.catalog().await?);
        Self::among(&catalog, id, kind).ok_or_else(|| {
            let shown: String = id.chars().take(60).collect();
            let what = kind.map_or("endpoint", SettingKind::as_str);
            Problem::not_found(&format!("There is no {what} {shown}: send the id of one that a list shows."))
        })
    }

    /// The same, as it was half a second ago: for who asks often how it fares.
    pub(super) async fn seen(shared: &Shared, id: &str, kind: Option<SettingKind>) -> Result<Self, Problem> {
        let catalog = shared.edge.catalog.borrow().clone();
        match Self::among(&catalog, id, kind) {
            Some(known) => Ok(known),
            None => Self::find(shared, id, kind).await,
        }
    }

    fn among(catalog: &Arc<Catalog>, id: &str, kind: Option<SettingKind>) -> Option<Self> {
        let fits = |endpoint: &Endpoint| {
            endpoint.id().as_str() == id && kind.is_none_or(|kind| endpoint.kind() == kind)
        };
        let endpoint = catalog.every_endpoint().find(fits)?;
        Some(Self { endpoint, catalog: Arc::clone(catalog) })
    }

    /// Pauses it: what it is owed waits.
    pub(super) async fn pause(&self, shared: &Shared, caller: &Caller) -> Result<(), Problem> {
        let why = format!("paused by {}", caller.name());
        Ok(shared.edge.storage.pause_endpoint(self.endpoint.id(), Some(why), &caller.author()).await?)
    }

    /// Lets it go on with what waits.
    pub(super) async fn resume(&self, shared: &Shared, caller: &Caller) -> Result<(), Problem> {
        Ok(shared.edge.storage.pause_endpoint(self.endpoint.id(), None, &caller.author()).await?)
    }

    /// Tells it an example. The entry of the audit log comes first: whoever asked may have left before the answer.
    pub(super) async fn test(&self, shared: &Shared, caller: &Caller) -> Result<Attempt, Problem> {
        let Ok(_place) = shared.tests.0.try_acquire() else {
            let detail =
                "Several tests are on their way already: wait for one of them to end, and try again.";
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Err(Problem::new(status, "rate_limited", "Too many tests", detail));
        };
        let (kind, id) = (self.endpoint.kind(), self.endpoint.id());
        let audit = caller.audit(&format!("{kind}.test"), &format!("{kind}:{id}"));
        shared.edge.storage.note_audit(&audit).await?;
        Ok(shared.edge.tester.test(&self.endpoint, &self.catalog, caller.now).await)
    }
}
