//! A writer: takes what waits, decides it, commits it, answers.

use std::{
    iter,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, histogram};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::timeout,
};

use super::{Answer, AuditEntry, BATCH_EVENTS_MAX, Envelope, NotDecided, Submission, Told};
use crate::{
    clock::{Clock, new_uuid},
    domain::{
        catalog::Catalog,
        decide::{Event, Stamp, decide},
        ids::{ClickId, ConversionId, DeliveryId, MerchantId, RequestId},
        report::Report,
        status::{Status, StatusEvent},
        time::Timestamp,
        working_set::{Keys, Players, WorkingSet},
    },
    storage::{AuditRow, Ledger, LogRow, OpenBatch, StorageError, Trace, Writes},
};

/// How often a batch is decided again after somebody else was faster.
const ATTEMPTS_MAX: usize = 3;

/// How long an event may wait for a writer. Whoever sent it has given up by then, and is told that nothing happened.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How long the database may say nothing. It gives up a statement by itself before that, so this is for a network that
/// swallows everything.
const SILENCE_MAX: Duration = Duration::from_secs(8);

/// How long the database may take to come back and tell whether it has committed.
const RESOLVE_MAX: Duration = Duration::from_secs(5);

/// How long to wait before it is asked again.
const RESOLVE_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the ledger, batch after batch.
#[derive(Debug)]
pub struct Writer {
    ledger: Ledger,
    catalog: watch::Sender<Arc<Catalog>>,
    clock: Arc<dyn Clock>,
    deliveries_due: Arc<Notify>,
}

impl Writer {
    /// On this ledger. Tells `deliveries_due` when there is something to deliver.
    pub fn new(
        ledger: Ledger,
        catalog: watch::Sender<Arc<Catalog>>,
        clock: Arc<dyn Clock>,
        deliveries_due: Arc<Notify>,
    ) -> Self {
        Self { ledger, catalog, clock, deliveries_due }
    }

    /// Writes until the door is closed and nothing waits any more.
    pub async fn run(
        mut self,
        mut waiting: mpsc::Receiver<Envelope>,
        told: mpsc::UnboundedSender<Vec<Told>>,
    ) {
        let mut taken = Vec::with_capacity(BATCH_EVENTS_MAX);
        while waiting.recv_many(&mut taken, BATCH_EVENTS_MAX).await > 0 {
            let (late, batch): (Vec<_>, Vec<_>) =
                taken.drain(..).partition(|e| e.submitted.elapsed() > WAIT_MAX);
            for envelope in late {
                answer(envelope, Err(NotDecided::Overloaded));
            }
            if !batch.is_empty() {
                self.write(batch, &told).await;
            }
        }
        self.ledger.close().await;
    }

    async fn write(&mut self, batch: Vec<Envelope>, told: &mpsc::UnboundedSender<Vec<Told>>) {
        let started = Instant::now();
        let submissions: Vec<_> = batch.iter().map(|envelope| &envelope.submission).collect();
        match self.commit(&submissions).await {
            Ok(answers) => {
                histogram!("countersign_batch_events").record(metrics::IntoF64::into_f64(count(batch.len())));
                histogram!("countersign_batch_seconds").record(started.elapsed());
                let replies = batch.into_iter().map(|envelope| envelope.reply);
                // Whoever hands them out ends only after the last writer.
                let _ = told.send(replies.zip(answers.into_iter().map(Ok)).collect());
            }
            // One event that can't be stored must not take the others with it.
            Err(StorageError::Conflict(_) | StorageError::Broken(_)) if batch.len() > 1 => {
                self.write_one_by_one(batch).await;
            }
            Err(error) => refuse(batch, &error),
        }
    }

    async fn write_one_by_one(&mut self, batch: Vec<Envelope>) {
        let mut rest = batch.into_iter();
        while let Some(envelope) = rest.next() {
            match self.commit(&[&envelope.submission]).await {
                Ok(mut answers) => {
                    if let Some(verdict) = answers.pop() {
                        answer(envelope, Ok(verdict));
                    }
                }
                Err(error @ (StorageError::Conflict(_) | StorageError::Broken(_))) => {
                    refuse([envelope], &error);
                }
                // To wait for a database that is away once for each of them could take minutes.
                Err(error) => return refuse(iter::once(envelope).chain(rest), &error),
            }
        }
    }

    /// Decides and commits a batch; decides it again when somebody else was faster.
    async fn commit(&mut self, submissions: &[&Submission]) -> Result<Vec<Answer>, StorageError> {
        let mut unknown: Option<(Trace, Vec<Answer>)> = None;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(submissions).await {
                Ok(answers) => return Ok(answers),
                Err(Failed::AtCommit { trace, answers, error: error @ StorageError::CommitUnknown(_) }) => {
                    unknown = Some((trace, answers));
                    error
                }
                Err(Failed::Before(error) | Failed::AtCommit { error, .. }) => error,
            };
            counter!("countersign_batch_failures_total").increment(1);
            // Deciding again what was committed after all would count deposits twice. Should the commit come to its
            // end only after this look, the next attempt runs into the rows of its own requests, and looks again.
            if let Some((trace, answers)) = &unknown
                && self.was_committed(trace).await?
            {
                return Ok(answers.clone());
            }
            let again = matches!(error, StorageError::Conflict(_) | StorageError::CommitUnknown(_));
            if !again || attempt == ATTEMPTS_MAX {
                return Err(error);
            }
            attempt += 1;
        }
    }

    /// Whether the batch that left this trace was committed; a database that is away is given some time to come back
    /// and tell, because those who wait can't safely send a deposit without a transaction id again.
    async fn was_committed(&mut self, trace: &Trace) -> Result<bool, StorageError> {
        let asked = Instant::now();
        loop {
            let found = match timeout(SILENCE_MAX, self.ledger.has(trace)).await {
                Ok(found) => found,
                Err(_) => Err(self.give_up().await),
            };
            match found {
                Ok(found) => return Ok(found),
                Err(error) if asked.elapsed() > RESOLVE_MAX => {
                    return Err(StorageError::CommitUnknown(error.to_string()));
                }
                Err(_) => tokio::time::sleep(RESOLVE_INTERVAL).await,
            }
        }
    }

    async fn attempt(&mut self, submissions: &[&Submission]) -> Result<Vec<Answer>, Failed> {
        let decided = timeout(SILENCE_MAX, self.decide(submissions)).await;
        let (batch, answers, writes) = match decided {
            Ok(decided) => decided?,
            Err(_) => return Err(self.give_up().await.into()),
        };
        let committing = Instant::now();
        let written = timeout(SILENCE_MAX, batch.commit(&writes)).await;
        histogram!("countersign_write_seconds").record(committing.elapsed());
        let error = match written {
            Ok(Ok(())) => {
                if writes.owes_deliveries() {
                    self.deliveries_due.notify_one();
                }
                return Ok(answers);
            }
            Ok(Err(error)) => error,
            Err(_) => StorageError::CommitUnknown(self.give_up().await.to_string()),
        };
        Err(Failed::AtCommit { trace: writes.trace(), answers, error })
    }

    /// Opens a batch and decides it.
    async fn decide(
        &self,
        submissions: &[&Submission],
    ) -> Result<(OpenBatch<'_>, Vec<Answer>, Writes), StorageError> {
        let batch = self.ledger.begin().await?;
        let catalog = self.current_catalog(&batch).await?;
        let now = self.clock.now();
        let events = submissions.iter().filter_map(|submission| submission.event.as_ref().ok());
        let known = batch.load_players(&Players::of(events.clone())).await?;
        let keys = Keys::of(&catalog, &known, events);
        let known = batch.load(&keys, known, &catalog.currencies, now).await?;
        let (answers, writes) = decide_all(&catalog, known, submissions, now);
        Ok((batch, answers, writes))
    }

    /// Leaves behind a connection on which nothing comes any more.
    async fn give_up(&mut self) -> StorageError {
        if let Err(error) = self.ledger.reconnect().await {
            tracing::warn!(%error, "the database fell silent, and can't be reached anew");
        }
        StorageError::Unavailable(format!("it gave no answer for {SILENCE_MAX:?}"))
    }

    /// The configuration that is in force for this batch: never one that has changed since.
    async fn current_catalog(&self, batch: &OpenBatch<'_>) -> Result<Arc<Catalog>, StorageError> {
        let version = batch.catalog_version().await?;
        let known = Arc::clone(&self.catalog.borrow());
        if known.version == version {
            return Ok(known);
        }
        let current = Arc::new(batch.catalog().await?);
        publish(&self.catalog, &current);
        Ok(current)
    }
}

/// Lets everyone have a configuration, unless they have a newer one.
pub fn publish(catalog: &watch::Sender<Arc<Catalog>>, current: &Arc<Catalog>) {
    catalog.send_if_modified(|known| {
        let newer = known.version < current.version;
        if newer {
            *known = Arc::clone(current);
        }
        newer
    });
}

/// A failed attempt.
enum Failed {
    /// Nothing was recorded.
    Before(StorageError),
    /// The answers were ready.
    AtCommit { trace: Trace, answers: Vec<Answer>, error: StorageError },
}

impl From<StorageError> for Failed {
    fn from(error: StorageError) -> Self {
        Self::Before(error)
    }
}

/// Decides events in the order of their arrival, each on top of what those before it have changed.
fn decide_all(
    catalog: &Catalog,
    mut known: WorkingSet,
    submissions: &[&Submission],
    now: Timestamp,
) -> (Vec<Answer>, Writes) {
    let mut writes = Writes::default();
    let mut answers = Vec::with_capacity(submissions.len());
    for submission in submissions {
        let request = submission.request;
        let mut history = Vec::new();
        let mut whose = Whose::default();
        let answer = match &submission.event {
            Ok(event) => {
                let stamp = Stamp { at: now, request, conversion: ConversionId::new(new_uuid(now)) };
                let (verdict, changes) = decide(catalog, &known, event, stamp);
                known.apply(&changes);
                if submission.audit.is_some() {
                    history.clone_from(&changes.history);
                }
                writes.add(changes, now, || DeliveryId::new(new_uuid(now)));
                if let Event::Report(report) = event {
                    whose = Whose::of(report, catalog, &known);
                }
                (submission.render)(event, request, &verdict)
            }
            Err(answer) => answer.clone(),
        };
        if let Some(row) = log_row(submission, whose, &answer, now) {
            writes.add_log(row);
        }
        if let Some(entry) = &submission.audit {
            writes.add_audit(audit_row(request, entry, &answer, &history, now));
        }
        answers.push(answer);
    }
    (answers, writes)
}

/// What turned out about a request only when it was decided.
#[derive(Default)]
struct Whose {
    merchant: Option<MerchantId>,
    click: Option<ClickId>,
}

impl Whose {
    fn of(report: &Report, catalog: &Catalog, known: &WorkingSet) -> Self {
        let merchant = report.owner(catalog, known).map(|merchant| merchant.id.clone());
        let click = known.click_of(&report.player).filter(|click| Some(&click.merchant) == merchant.as_ref());
        Self { click: click.map(|click| click.id.clone()), merchant }
    }
}

fn log_row(submission: &Submission, whose: Whose, answer: &Answer, now: Timestamp) -> Option<LogRow> {
    let entry = submission.log.as_ref()?;
    let merchant = entry.merchant.clone().or(whose.merchant);
    if merchant.is_none() && entry.strangers.as_ref().is_some_and(|samples| !samples.take(now)) {
        return None;
    }
    Some(LogRow {
        id: submission.request,
        at: now,
        merchant,
        endpoint: entry.endpoint.to_string(),
        method: entry.method.clone(),
        params: entry.params.clone(),
        click: entry.click.clone().or(whose.click),
        outcome: answer.outcome.to_owned(),
        status: answer.status,
        answer: answer.body.clone(),
        conversion: answer.conversion,
        address: entry.address.clone(),
        duration_us: i64::try_from(entry.received.elapsed().as_micros()).unwrap_or(i64::MAX),
        repeats: entry.repeats,
        signed: entry.signed,
        settled_by: None,
    })
}

fn audit_row(
    id: RequestId,
    entry: &AuditEntry,
    answer: &Answer,
    history: &[StatusEvent],
    at: Timestamp,
) -> AuditRow {
    let status = |status: Status| serde_json::json!({ "status": status }).to_string();
    let after =
        |step: &StatusEvent| serde_json::json!({ "status": step.to, "reason": step.reason }).to_string();
    AuditRow {
        id,
        at,
        actor: entry.actor.to_string(),
        address: entry.address.clone(),
        action: entry.action.to_owned(),
        subject: entry.subject.clone(),
        outcome: answer.outcome.to_owned(),
        before: history.first().and_then(|step| step.from).map(status),
        after: history.last().map(after),
    }
}

/// Tells whoever waits that nothing was recorded, or that nobody knows.
fn refuse(envelopes: impl IntoIterator<Item = Envelope>, error: &StorageError) {
    let broken = matches!(error, StorageError::Broken(_));
    let why = if broken { NotDecided::Broken } else { NotDecided::StorageUnavailable };
    let mut events = 0_usize;
    for envelope in envelopes {
        answer(envelope, Err(why));
        events += 1;
    }
    tracing::error!(%error, events, "a batch was not recorded");
}

fn answer(envelope: Envelope, answer: Result<Answer, NotDecided>) {
    // A sender that has hung up does not hear it; what is recorded stays recorded.
    let _ = envelope.reply.send(answer);
}

fn count(events: usize) -> u32 {
    u32::try_from(events).unwrap_or(u32::MAX)
}
