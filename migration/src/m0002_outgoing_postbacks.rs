//! Postback endpoints, the deliveries that are owed to them, and every attempt.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, OUTGOING).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["attempt", "delivery", "endpoint_health", "postback_endpoint"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        crate::run(manager, "ALTER TABLE offer DROP COLUMN goals_enabled;\n").await
    }
}

/// `due_at` of a waiting delivery is when it may be attempted next. Until `claimed_until` it is a worker's; one that
/// dies leaves it to the others after that. A claim touches no index. `claim` counts claims, so that one who was away
/// for longer than its claim lasts can't settle what has been claimed by another since. Only waiting deliveries stand
/// in the queue's index, so that looking for work costs the same however many are delivered.
const OUTGOING: &str = "
ALTER TABLE offer ADD COLUMN goals_enabled BOOLEAN NOT NULL DEFAULT TRUE;
CREATE TABLE postback_endpoint (
    id TEXT PRIMARY KEY,
    affiliate TEXT NOT NULL REFERENCES affiliate (id),
    offer TEXT REFERENCES offer (id),
    goal TEXT,
    statuses TEXT NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    params TEXT NOT NULL,
    headers TEXT NOT NULL,
    basic_auth TEXT,
    signing_secret TEXT,
    success_statuses TEXT NOT NULL,
    success_body TEXT NOT NULL,
    active BOOLEAN NOT NULL
);
CREATE TABLE endpoint_health (
    endpoint TEXT PRIMARY KEY REFERENCES postback_endpoint (id),
    failing_since BIGINT,
    paused_at BIGINT,
    pause_reason TEXT
);
CREATE TABLE delivery (
    id UUID PRIMARY KEY,
    endpoint TEXT NOT NULL,
    conversion UUID NOT NULL,
    step INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    claim INTEGER NOT NULL,
    claimed_until BIGINT,
    attempts INTEGER NOT NULL,
    round_attempts INTEGER NOT NULL,
    round_started_at BIGINT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT
) CLUSTERED QUEUED;
CREATE INDEX delivery_queue ON delivery (endpoint, due_at) WHERE state = 'waiting';
CREATE INDEX delivery_of_conversion ON delivery (conversion, endpoint, step);
CREATE TABLE attempt (
    delivery UUID NOT NULL,
    number INTEGER NOT NULL,
    at BIGINT NOT NULL,
    request TEXT NOT NULL,
    status INTEGER,
    answer TEXT,
    error TEXT,
    duration_us BIGINT NOT NULL,
    PRIMARY KEY (delivery, number)
) CLUSTERED;
";
