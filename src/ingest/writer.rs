//! A writer: takes what waits, decides it, commits it, answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, histogram};
use tokio::sync::{Notify, mpsc, watch};

use super::{Answer, BATCH_EVENTS_MAX, Envelope, NotDecided, Submission};
use crate::{
    clock::{Clock, new_uuid},
    domain::{
        catalog::Catalog,
        decide::{Changes, Stamp, Verdict, decide},
        ids::{ConversionId, DeliveryId},
        time::Timestamp,
        working_set::{Keys, WorkingSet},
    },
    storage::{Ledger, LogRow, OpenBatch, StorageError, Trace, Writes},
};

/// How often a batch is decided again after somebody else was faster.
const ATTEMPTS_MAX: usize = 3;

/// How long an event may wait for a writer. Whoever sent it has given up by then, and is told that nothing happened.
const WAIT_MAX: Duration = Duration::from_secs(10);

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
    pub async fn run(self, mut waiting: mpsc::Receiver<Envelope>) {
        let mut taken = Vec::with_capacity(BATCH_EVENTS_MAX);
        while waiting.recv_many(&mut taken, BATCH_EVENTS_MAX).await > 0 {
            let (late, batch): (Vec<_>, Vec<_>) =
                taken.drain(..).partition(|e| e.submitted.elapsed() > WAIT_MAX);
            for envelope in late {
                answer(envelope, Err(NotDecided::Overloaded));
            }
            if !batch.is_empty() {
                self.write(batch).await;
            }
        }
        self.ledger.close().await;
    }

    async fn write(&self, batch: Vec<Envelope>) {
        let started = Instant::now();
        let submissions: Vec<_> = batch.iter().map(|envelope| &envelope.submission).collect();
        match self.commit(&submissions).await {
            Ok(answers) => {
                histogram!("countersign_batch_events").record(metrics::IntoF64::into_f64(count(batch.len())));
                histogram!("countersign_batch_seconds").record(started.elapsed());
                for (envelope, verdict) in batch.into_iter().zip(answers) {
                    answer(envelope, Ok(verdict));
                }
            }
            // One event that can't be stored must not take the others with it.
            Err(StorageError::Conflict(_) | StorageError::Broken(_)) if batch.len() > 1 => {
                for envelope in batch {
                    Box::pin(self.write(vec![envelope])).await;
                }
            }
            Err(error) => {
                let broken = matches!(error, StorageError::Broken(_));
                tracing::error!(%error, events = batch.len(), "a batch was not recorded");
                for envelope in batch {
                    let why = if broken { NotDecided::Broken } else { NotDecided::StorageUnavailable };
                    answer(envelope, Err(why));
                }
            }
        }
    }

    /// Decides and commits a batch; decides it again when somebody else was faster.
    async fn commit(&self, submissions: &[&Submission]) -> Result<Vec<Answer>, StorageError> {
        let mut attempt = 1;
        loop {
            let (trace, answers, error) = match self.attempt(submissions).await {
                Ok(answers) => return Ok(answers),
                Err(Failed::Before(error)) => (None, Vec::new(), error),
                Err(Failed::AtCommit { trace, answers, error }) => (Some(trace), answers, error),
            };
            counter!("countersign_batch_failures_total").increment(1);
            match (&error, trace) {
                (StorageError::CommitUnknown(_), Some(trace)) => {
                    // Deciding again what was committed after all would count deposits twice.
                    if self.ledger.has(&trace).await? {
                        return Ok(answers);
                    }
                }
                (StorageError::Conflict(_), _) => {}
                _ => return Err(error),
            }
            if attempt == ATTEMPTS_MAX {
                return Err(error);
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, submissions: &[&Submission]) -> Result<Vec<Answer>, Failed> {
        let batch = self.ledger.begin().await?;
        let catalog = self.current_catalog(&batch).await?;
        let now = self.clock.now();
        let events = submissions.iter().filter_map(|submission| submission.event.as_ref().ok());
        let known = batch.load(&Keys::of(&catalog, events), &catalog.currencies, now).await?;
        let (answers, writes) = decide_all(&catalog, known, submissions, now);
        let committing = Instant::now();
        let written = batch.commit(&writes).await;
        histogram!("countersign_write_seconds").record(committing.elapsed());
        match written {
            Ok(()) => {
                if writes.owes_deliveries() {
                    self.deliveries_due.notify_one();
                }
                Ok(answers)
            }
            Err(error) => Err(Failed::AtCommit { trace: writes.trace(), answers, error }),
        }
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
        let (verdict, changes) = match &submission.event {
            Ok(event) => {
                let stamp = Stamp { at: now, request, conversion: ConversionId::new(new_uuid(now)) };
                decide(catalog, &known, event, stamp)
            }
            Err(refusal) => (Verdict::Refused(refusal.clone()), Changes::default()),
        };
        known.apply(&changes);
        writes.add(changes, now, || DeliveryId::new(new_uuid(now)));
        let answer = (submission.render)(request, &verdict);
        if let Some(row) = log_row(submission, &answer, now) {
            writes.add_log(row);
        }
        answers.push(answer);
    }
    (answers, writes)
}

fn log_row(submission: &Submission, answer: &Answer, now: Timestamp) -> Option<LogRow> {
    let entry = submission.log.as_ref()?;
    Some(LogRow {
        id: submission.request,
        at: now,
        merchant: entry.merchant.clone(),
        endpoint: entry.endpoint.to_owned(),
        method: entry.method.clone(),
        params: entry.params.clone(),
        click: entry.click.clone(),
        outcome: answer.outcome.to_owned(),
        status: answer.status,
        answer: answer.body.clone(),
        conversion: answer.conversion,
        address: entry.address.clone(),
        duration_us: i64::try_from(entry.received.elapsed().as_micros()).unwrap_or(i64::MAX),
    })
}

fn answer(envelope: Envelope, answer: Result<Answer, NotDecided>) {
    // A sender that has hung up does not hear it; what is recorded stays recorded.
    let _ = envelope.reply.send(answer);
}

fn count(events: usize) -> u32 {
    u32::try_from(events).unwrap_or(u32::MAX)
}
