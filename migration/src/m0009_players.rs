//! What a player's card shows beside conversions: system messages and managers' notes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, PLAYERS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UNDO).await
    }
}

/// A system message has the id of the conversion that it tells of, a note has one of its own.
const PLAYERS: &str = "
ALTER TABLE goal ADD COLUMN message TEXT;
ALTER TABLE affiliate ADD COLUMN manager TEXT;
CREATE TABLE player_message (
    click_id TEXT NOT NULL,
    id UUID NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (click_id, id)
) CLUSTERED;
";

const UNDO: &str = "
DROP TABLE player_message;
ALTER TABLE affiliate DROP COLUMN manager;
ALTER TABLE goal DROP COLUMN message;
";
