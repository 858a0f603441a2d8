//! What the door does when nothing gets through, and when a writer breaks.

use std::sync::Arc;

use futures::{future::join_all, poll};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{Answer, Ingest, NotDecided, QUEUE_EVENTS_MAX, Samples, Submission};
use crate::{
    clock::{Clock, ManualClock, new_uuid},
    domain::{catalog::Catalog, fixture::NOW, ids::RequestId, sealed::Sealer, time::Timestamp},
    storage::{DatabaseUrl, Ledger, Storage},
};

async fn ledger(url: &DatabaseUrl) -> Ledger {
    let storage = Storage::open(url, Sealer::derive(b"a secret of the tests")).await.unwrap();
    storage.open_ledger().await.unwrap()
}

async fn fresh_database(folder: &TempDir) -> DatabaseUrl {
    let url = format!("sqlite://{}", folder.path().join("countersign.db").display()).parse().unwrap();
    Storage::migrate(&url).await.unwrap();
    url
}

/// Something that waits for its turn like everything else, and then changes nothing.
fn submission() -> Submission {
    let answer = Answer {
        status: 401,
        content_type: "text/plain".into(),
        body: String::new(),
        location: None,
        outcome: "invalid_token",
        conversion: None,
    };
    Submission {
        request: RequestId::new(new_uuid(NOW)),
        event: Err(answer),
        log: None,
        audit: None,
        render: |_, _, _| unreachable!("it was refused before"),
    }
}

#[test]
fn a_stranger_leaves_a_few_samples_a_minute() {
    let samples = Samples::default();
    let kept = |at| (0..1_000).filter(|_| samples.take(at)).count();
    assert_eq!(kept(NOW), 10);
    assert_eq!(kept(NOW.plus_millis(59_000)), 0);
    assert_eq!(kept(NOW.plus_millis(60_000)), 10);
}

#[tokio::test]
async fn a_full_queue_turns_away_at_once_and_keeps_what_waits() {
    let folder = TempDir::new().unwrap();
    let url = fresh_database(&folder).await;
    let other = ledger(&url).await;
    let held = other.begin().await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let catalog = watch::Sender::new(Arc::new(Catalog::default()));
    let (ingest, _writers) = Ingest::open(vec![ledger(&url).await], &catalog, &clock, &Arc::default());
    // The writer takes the first one, and then waits for the database, which somebody else is writing.
    let mut first = Box::pin(ingest.submit(submission()));
    assert!(poll!(&mut first).is_pending());
    while ingest.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    let mut waiting: Vec<_> = (0..QUEUE_EVENTS_MAX).map(|_| Box::pin(ingest.submit(submission()))).collect();
    for submitted in &mut waiting {
        assert!(poll!(submitted).is_pending());
    }
    assert_eq!(ingest.waiting(), QUEUE_EVENTS_MAX);
    assert_eq!(ingest.submit(submission()).await.unwrap_err(), NotDecided::Overloaded);
    drop(held);
    assert_eq!(first.await.unwrap().status, 401);
    for answered in join_all(waiting).await {
        assert_eq!(answered.unwrap().status, 401);
    }
    assert_eq!(ingest.submit(submission()).await.unwrap().status, 401);
}

/// A clock whose hands fall off.
#[derive(Debug)]
struct BrokenClock;

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        panic!("this clock is broken")
    }
}

#[tokio::test]
async fn a_writer_that_panics_is_noticed_and_leaves_nobody_waiting() {
    let folder = TempDir::new().unwrap();
    let url = fresh_database(&folder).await;
    let clock: Arc<dyn Clock> = Arc::new(BrokenClock);
    let catalog = watch::Sender::new(Arc::new(Catalog::default()));
    let (ingest, mut writers) = Ingest::open(vec![ledger(&url).await], &catalog, &clock, &Arc::default());
    assert_eq!(ingest.submit(submission()).await.unwrap_err(), NotDecided::StorageUnavailable);
    assert!(writers.join_next().await.unwrap().unwrap_err().is_panic());
    assert_eq!(ingest.submit(submission()).await.unwrap_err(), NotDecided::Overloaded);
}
