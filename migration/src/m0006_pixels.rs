//! Pixels at ad platforms, what those call a merchant's goals, and deliveries that go on from an earlier attempt.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, PIXELS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, WITHOUT_PIXELS).await
    }
}

/// An endpoint's health is a pixel's too, so it no longer refers to postback endpoints alone. A reference can't be
/// taken from a table of SQLite, so the table is made anew.
const PIXELS: &str = "
CREATE TABLE pixel (
    id TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    offer TEXT NOT NULL REFERENCES offer (id),
    affiliate TEXT REFERENCES affiliate (id),
    platform_id TEXT NOT NULL,
    secret TEXT NOT NULL,
    measurement_secret TEXT,
    told_when TEXT NOT NULL,
    events TEXT NOT NULL,
    test_event_code TEXT,
    page TEXT,
    base_url TEXT,
    active BOOLEAN NOT NULL
);
ALTER TABLE goal ADD COLUMN events TEXT NOT NULL DEFAULT '{}';
ALTER TABLE delivery ADD COLUMN continuation TEXT;
CREATE TABLE any_endpoint_health (
    endpoint TEXT PRIMARY KEY,
    failing_since BIGINT,
    paused_at BIGINT,
    pause_reason TEXT
);
INSERT INTO any_endpoint_health SELECT endpoint, failing_since, paused_at, pause_reason FROM endpoint_health;
DROP TABLE endpoint_health;
ALTER TABLE any_endpoint_health RENAME TO endpoint_health;
";

const WITHOUT_PIXELS: &str = "
CREATE TABLE postback_health (
    endpoint TEXT PRIMARY KEY REFERENCES postback_endpoint (id),
    failing_since BIGINT,
    paused_at BIGINT,
    pause_reason TEXT
);
INSERT INTO postback_health SELECT endpoint, failing_since, paused_at, pause_reason FROM endpoint_health
    WHERE endpoint IN (SELECT id FROM postback_endpoint);
DROP TABLE endpoint_health;
ALTER TABLE postback_health RENAME TO endpoint_health;
ALTER TABLE delivery DROP COLUMN continuation;
ALTER TABLE goal DROP COLUMN events;
DROP TABLE pixel;
";
