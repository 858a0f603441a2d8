//! What statistics need: which goals they show, what offers pay, the ledger in the order of time, and the roll-up.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, STATISTICS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UNDONE).await
    }
}

/// Clicks and conversions of a time are found by their ids, which are drawn from it, so that recording them costs
/// nothing more. A click has `recorded_at` where that is not so: its id is somebody else's, or it was clicked long
/// before it was recorded. Decisions have no such key; their index only ever grows at its end.
///
/// `rollup_page` holds what happened at one place on one day, up to `rolled_until`: facts from then on are read from
/// the ledger. Pages of an older generation are left from before the roll-up was begun anew.
const STATISTICS: &str = "
ALTER TABLE goal ADD COLUMN show_sum BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE goal ADD COLUMN show_count BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE click ADD COLUMN recorded_at BIGINT;
CREATE INDEX click_marked_at ON click (at) WHERE recorded_at IS NOT NULL;
CREATE INDEX click_marked_recorded ON click (recorded_at) WHERE recorded_at IS NOT NULL;
CREATE INDEX status_event_later ON status_event (at) WHERE step > 1;
ALTER TABLE offer ADD COLUMN payouts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE conversion ADD COLUMN payout BIGINT;
ALTER TABLE conversion ADD COLUMN payout_currency TEXT;
CREATE TABLE rollup (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation BIGINT NOT NULL,
    rolled_until BIGINT NOT NULL
);
INSERT INTO rollup (id, generation, rolled_until) VALUES (1, 1, 0);
CREATE TABLE rollup_page (
    generation BIGINT NOT NULL,
    day BIGINT NOT NULL,
    merchant TEXT NOT NULL,
    offer TEXT NOT NULL,
    affiliate TEXT NOT NULL,
    page TEXT NOT NULL,
    PRIMARY KEY (generation, day, merchant, offer, affiliate)
) QUEUED;
";

const UNDONE: &str = "
DROP TABLE rollup_page;
DROP TABLE rollup;
ALTER TABLE conversion DROP COLUMN payout_currency;
ALTER TABLE conversion DROP COLUMN payout;
ALTER TABLE offer DROP COLUMN payouts;
DROP INDEX status_event_later;
DROP INDEX click_marked_recorded;
DROP INDEX click_marked_at;
ALTER TABLE click DROP COLUMN recorded_at;
ALTER TABLE goal DROP COLUMN show_count;
ALTER TABLE goal DROP COLUMN show_sum;
";
