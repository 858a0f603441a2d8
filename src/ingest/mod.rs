//! The one door: every event that changes a click or a conversion goes through [`Ingest::submit`].
//!
//! It may import `domain`, `storage` and `clock`. It never names sea-orm or axum, and never answers before COMMIT.
//!
//! Behind the door, writers take whatever waits, decide it in order and commit it together. While one commit syncs,
//! arrivals pile up and become the next batch: an idle server answers after one commit, a busy one makes large batches,
//! and there is nothing to tune. Events of one click always meet the same writer.

#[cfg(test)]
mod tests;
mod writer;

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Instant,
};

use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
};

pub use self::writer::{Writer, publish};
use crate::{
    clock::Clock,
    domain::{
        catalog::Catalog,
        decide::{Event, Verdict},
        ids::{ClickId, ConversionId, MerchantId, RequestId},
        player::PlayerRef,
        status::Actor,
        time::Timestamp,
    },
    storage::Ledger,
};

/// How many events may wait for a writer. More would wait longer than a sender does.
pub const QUEUE_EVENTS_MAX: usize = 8_192;

/// How many events a batch takes at most. A batch holds about half of the senders that wait, so this only bounds how
/// much is undone when one fails.
pub const BATCH_EVENTS_MAX: usize = 1_024;

/// Something that reached us and is to be decided, or was answered before and is to be logged.
#[derive(Debug)]
pub struct Submission {
    /// The request that brought it.
    pub request: RequestId,
    /// The event, or the answer that there is already because there is none: that one is only logged.
    pub event: Result<Event, Answer>,
    /// What the postback log shall hold of it; nothing for clicks.
    pub log: Option<LogEntry>,
    /// What the audit log shall hold of it; nothing for what merchants and players send.
    pub audit: Option<AuditEntry>,
    /// How the verdict is told to this sender.
    pub render: Render,
}

/// Tells the verdict on an event in the words of whoever sent it.
pub type Render = fn(&Event, RequestId, &Verdict) -> Answer;

/// What the postback log holds of a request before it is decided.
#[derive(Debug)]
pub struct LogEntry {
    /// Whose token it carried.
    pub merchant: Option<MerchantId>,
    /// What is kept of it, should it turn out to be nobody's; none where it is known whose it is, or that it is kept.
    pub strangers: Option<Arc<Samples>>,
    /// Its address, without what stands for a token.
    pub endpoint: Arc<str>,
    /// Its method.
    pub method: String,
    /// Its parameters as JSON, the token redacted.
    pub params: String,
    /// The click that it named, where that could be read.
    pub click: Option<ClickId>,
    /// The address that it came from.
    pub address: String,
    /// When it arrived.
    pub received: Instant,
    /// The request that it repeats, where that is processed again.
    pub repeats: Option<RequestId>,
    /// Whether its signature was right, where it was refused before that would have been looked at.
    pub signed: Option<bool>,
}

/// What the audit log holds of a decision before it is made.
#[derive(Debug)]
pub struct AuditEntry {
    /// Who asks for it.
    pub actor: Actor,
    /// The address that they ask from.
    pub address: String,
    /// What they ask for, as in `conversion.approve`.
    pub action: &'static str,
    /// Of what, as in `conversion:ID`.
    pub subject: String,
}

/// An answer, ready to be sent.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: Cow<'static, str>,
    /// The body.
    pub body: String,
    /// Where the player goes on.
    pub location: Option<String>,
    /// What came of it, in one word, for the log and the metrics.
    pub outcome: &'static str,
    /// The conversion that it is about.
    pub conversion: Option<ConversionId>,
}

/// Which of the requests that are nobody's are kept: a few a minute, so that strangers can't fill the disk.
#[derive(Debug, Default)]
pub struct Samples {
    minute: AtomicI64,
    taken: AtomicU32,
}

/// How many of them are kept a minute; the others are only counted.
const SAMPLES_PER_MINUTE: u32 = 10;

impl Samples {
    /// Whether one more is kept.
    pub fn take(&self, now: Timestamp) -> bool {
        let minute = now.millis() / 60_000;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.taken.store(0, Ordering::Relaxed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed) < SAMPLES_PER_MINUTE
    }
}

/// Why there is no verdict. Nothing was recorded, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// Too many wait.
    #[error("too many events wait")]
    Overloaded,
    /// The database is away, or did not say whether it has committed.
    #[error("the database is not available")]
    StorageUnavailable,
    /// The event can't be decided or stored by this program.
    #[error("the event can't be stored")]
    Broken,
}

/// An event on its way to a writer, with the way back.
#[derive(Debug)]
pub struct Envelope {
    submission: Submission,
    submitted: Instant,
    reply: oneshot::Sender<Result<Answer, NotDecided>>,
}

/// An answer with the way back to whoever waits for it.
pub type Told = (oneshot::Sender<Result<Answer, NotDecided>>, Result<Answer, NotDecided>);

/// Hands out the answers of batches. To wake every sender from a writer's thread would cost more than the batch.
async fn tell(mut batches: mpsc::UnboundedReceiver<Vec<Told>>) {
    while let Some(batch) = batches.recv().await {
        for (reply, answer) in batch {
            // A sender that has hung up does not hear it; what is recorded stays recorded.
            let _ = reply.send(answer);
        }
    }
}

/// The door. Cheap to clone; when the last one is dropped, the writers finish what waits and end.
#[derive(Clone, Debug)]
pub struct Ingest {
    lanes: Arc<[mpsc::Sender<Envelope>]>,
}

impl Ingest {
    /// Opens the door, with a writer behind it for each ledger. The set ends when the door is closed; a writer that
    /// ends before, or panics, is a reason to end the process.
    pub fn open(
        ledgers: Vec<Ledger>,
        catalog: &watch::Sender<Arc<Catalog>>,
        clock: &Arc<dyn Clock>,
        deliveries_due: &Arc<Notify>,
    ) -> (Self, JoinSet<()>) {
        let mut writers = JoinSet::new();
        let lanes = ledgers.into_iter().map(|ledger| {
            let (lane, waiting) = mpsc::channel(QUEUE_EVENTS_MAX);
            let writer = Writer::new(ledger, catalog.clone(), Arc::clone(clock), Arc::clone(deliveries_due));
            let (told, telling) = mpsc::unbounded_channel();
            // It ends with its writer.
            tokio::spawn(tell(telling));
            // On a thread of its own: among the tasks of all connections, each of a batch's statements would wait until
            // those that have just been answered have had their turn.
            let runtime = Handle::current();
            writers.spawn_blocking(move || runtime.block_on(writer.run(waiting, told)));
            lane
        });
        let lanes = lanes.collect();
        (Self { lanes }, writers)
    }

    /// Submits an event and waits until it is committed.
    ///
    /// # Errors
    /// [`NotDecided`] when there is no verdict.
    pub async fn submit(&self, submission: Submission) -> Result<Answer, NotDecided> {
        let (reply, answer) = oneshot::channel();
        let lane = &self.lanes[self.lane_of(&submission)];
        let envelope = Envelope { submission, submitted: Instant::now(), reply };
        lane.try_send(envelope).map_err(|_| NotDecided::Overloaded)?;
        // A writer that ends takes the process with it; until then whoever waits is told that nothing is certain.
        answer.await.unwrap_or(Err(NotDecided::StorageUnavailable))
    }

    /// How many events wait.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.max_capacity() - lane.capacity()).sum()
    }

    fn lane_of(&self, submission: &Submission) -> usize {
        let mut hasher = DefaultHasher::new();
        match &submission.event {
            Ok(Event::Click(request)) => request.id.hash(&mut hasher),
            Ok(Event::Postback { postback, .. }) => postback.click.hash(&mut hasher),
            // Its player is not known yet. Should its events meet another writer's, one of the two decides again.
            Ok(Event::Decision(decision)) => decision.conversion.hash(&mut hasher),
            Ok(Event::Report(report)) => match &report.player {
                PlayerRef::Click(click) => click.hash(&mut hasher),
                // Which click that is, only the database tells; its row's lock keeps it from going two ways at once.
                user @ PlayerRef::User { .. } => user.hash(&mut hasher),
            },
            Err(_) => {}
        }
        usize::try_from(hasher.finish() % self.lanes.len() as u64).unwrap_or_default()
    }
}
