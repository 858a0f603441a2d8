//! The outbox itself: claims, fencing, order. Two outboxes are two processes.

use std::collections::HashMap;

use countersign::{
    clock::{Clock, SystemClock, new_uuid},
    domain::{
        currency::Currencies,
        delivery::DeliveryState,
        ids::{EndpointId, RequestId},
        sealed::Sealer,
        time::Timestamp,
    },
    storage::{Attempt, AuditRow, Claimed, DeliveryFilter, Outbox, Settlement, Storage, Wanted},
};
use serde_json::json;

use super::{deposits, postback, serve};
use crate::support::{Database, Receiver, on_both_databases};

/// A database with deliveries that nobody works on.
struct Stage {
    storage: Storage,
    outbox: Outbox,
    rival: Outbox,
    now: Timestamp,
}

impl Stage {
    /// So many conversions owe a `pending`, and, where `decided`, an `approved`.
    async fn new(database: &Database, count: usize, decided: bool) -> Self {
        let receiver = Receiver::new().await;
        let mut server = serve(database, &postback("pb", &receiver, ""));
        server.command(&["postback", "pause", "pb"]).ok();
        for click in deposits(&server, count).await {
            if decided {
                server.change(&click, "ftd approved").await.ok(json!({}));
            }
        }
        server.kill();
        server.command(&["postback", "resume", "pb"]).ok();
        let sealer = Sealer::derive(b"the secret of the integration tests");
        let storage = Storage::open(&database.url().parse().unwrap(), sealer).await.unwrap();
        let (outbox, rival) = (storage.open_outbox().await.unwrap(), storage.open_outbox().await.unwrap());
        Self { storage, outbox, rival, now: SystemClock.now() }
    }

    async fn claim(&self, outbox: &Outbox, limit: usize, now: Timestamp) -> Vec<Claimed> {
        let wanted =
            Wanted { endpoint: EndpointId::parse("pb").unwrap(), limit, from: Timestamp::from_millis(0) };
        let until = now.plus_millis(60_000);
        let (health, currencies) = (HashMap::new(), Currencies::default());
        let taken = outbox.turn(&[], &health, &[wanted], now, until, &currencies).await.unwrap();
        taken.into_iter().flat_map(|taken| taken.claimed).collect()
    }

    async fn settle(&self, outbox: &Outbox, claimed: &Claimed, state: DeliveryState, now: Timestamp) {
        let attempt = Attempt {
            number: claimed.attempts + 1,
            at: now,
            request: "GET".to_owned(),
            status: Some(200),
            answer: None,
            error: None,
            duration_us: 1,
        };
        let settlement =
            Settlement { claimed, attempt: Some(&attempt), state, due_at: now, continuation: None };
        outbox.turn(&[settlement], &HashMap::new(), &[], now, now, &Currencies::default()).await.unwrap();
    }
}

/// Whoever has deliveries sent again at this time.
fn by_operator(at: Timestamp) -> AuditRow {
    AuditRow {
        id: RequestId::new(new_uuid(at)),
        at,
        actor: "operator".to_owned(),
        address: "local".to_owned(),
        action: "delivery.resend".to_owned(),
        subject: "deliveries".to_owned(),
        outcome: "done".to_owned(),
        before: None,
        after: None,
    }
}

on_both_databases! {
    async fn what_one_has_claimed_another_only_gets_when_the_claim_is_over(database: Database) {
        let stage = Stage::new(&database, 3, false).await;
        assert_eq!(stage.claim(&stage.outbox, 2, stage.now).await.len(), 2);
        assert_eq!(stage.claim(&stage.rival, 9, stage.now).await.len(), 1);
        assert_eq!(stage.claim(&stage.rival, 9, stage.now.plus_millis(59_999)).await.len(), 0);
        assert_eq!(stage.claim(&stage.rival, 9, stage.now.plus_millis(60_000)).await.len(), 3);
    }

    async fn a_worker_that_slept_through_its_claim_settles_nothing(database: Database) {
        let stage = Stage::new(&database, 1, false).await;
        let outdated = stage.claim(&stage.outbox, 1, stage.now).await.remove(0);
        let later = stage.now.plus_millis(60_000);
        let fresh = stage.claim(&stage.rival, 1, later).await.remove(0);
        stage.settle(&stage.outbox, &outdated, DeliveryState::Dead, later).await;
        assert_eq!((database.count("attempt").await, database.count("delivery WHERE state = 'dead'").await), (0, 0));
        stage.settle(&stage.rival, &fresh, DeliveryState::Delivered, later).await;
        stage.settle(&stage.outbox, &outdated, DeliveryState::Waiting, later).await;
        assert_eq!(database.count("attempt").await, 1);
        assert_eq!(database.count("delivery WHERE state = 'delivered'").await, 1);
    }

    async fn settling_again_what_was_settled_changes_nothing(database: Database) {
        let stage = Stage::new(&database, 1, false).await;
        let claimed = stage.claim(&stage.outbox, 1, stage.now).await.remove(0);
        for _ in 0..2 {
            stage.settle(&stage.outbox, &claimed, DeliveryState::Waiting, stage.now).await;
        }
        assert_eq!((database.count("attempt").await, database.count("delivery WHERE attempts = 1").await), (1, 1));
    }

    async fn what_is_being_sent_is_not_sent_anew_and_a_late_worker_does_not_undo_it(database: Database) {
        let stage = Stage::new(&database, 1, false).await;
        let claimed = stage.claim(&stage.outbox, 1, stage.now).await.remove(0);
        let everything = DeliveryFilter::default();
        assert_eq!(stage.storage.resend(&everything, &by_operator(stage.now)).await.unwrap(), 0);
        let later = stage.now.plus_millis(60_001);
        assert_eq!(stage.storage.resend(&everything, &by_operator(later)).await.unwrap(), 1);
        stage.settle(&stage.outbox, &claimed, DeliveryState::Dead, later).await;
        assert_eq!(stage.claim(&stage.rival, 1, later).await.len(), 1);
    }

    async fn a_later_step_is_claimed_when_the_one_before_has_settled(database: Database) {
        let stage = Stage::new(&database, 1, true).await;
        let [pending] = stage.claim(&stage.outbox, 9, stage.now).await.try_into().unwrap();
        assert_eq!(pending.facts.status.as_str(), "pending");
        // A failed attempt is not the end of it.
        stage.settle(&stage.outbox, &pending, DeliveryState::Waiting, stage.now.plus_millis(20_000)).await;
        let later = stage.now.plus_millis(30_000);
        let [pending] = stage.claim(&stage.rival, 9, later).await.try_into().unwrap();
        assert_eq!(pending.facts.status.as_str(), "pending");
        assert_eq!(stage.claim(&stage.outbox, 9, later.plus_millis(5_000)).await.len(), 0);
        stage.settle(&stage.rival, &pending, DeliveryState::Dead, later).await;
        let [approved] = stage.claim(&stage.outbox, 9, later).await.try_into().unwrap();
        assert_eq!(approved.facts.status.as_str(), "approved");
        stage.settle(&stage.outbox, &approved, DeliveryState::Delivered, later).await;
        // Sent anew, both keep to their order.
        assert_eq!(stage.storage.resend(&DeliveryFilter::default(), &by_operator(later)).await.unwrap(), 2);
        let [pending] = stage.claim(&stage.outbox, 9, later).await.try_into().unwrap();
        stage.settle(&stage.outbox, &pending, DeliveryState::Delivered, later).await;
        assert_eq!(stage.claim(&stage.outbox, 9, later).await[0].facts.status.as_str(), "approved");
    }

    async fn the_claims_of_a_server_that_died_are_taken_over(database: Database) {
        let stage = Stage::new(&database, 2, false).await;
        let outdated = stage.claim(&stage.outbox, 2, stage.now).await.remove(0);
        assert_eq!(stage.rival.take_over().await.unwrap(), 2);
        stage.settle(&stage.outbox, &outdated, DeliveryState::Dead, stage.now).await;
        assert_eq!(stage.claim(&stage.rival, 9, stage.now).await.len(), 2);
    }
}
