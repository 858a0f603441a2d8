//! Senders' dialects, what their words refer to, and what is known of players.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, DIALECTS).await?;
        crate::run(manager, PLAYERS).await?;
        crate::run(manager, SEED).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UNDO).await
    }
}

const DIALECTS: &str = "
CREATE TABLE dialect (
    id TEXT PRIMARY KEY,
    definition TEXT NOT NULL
);
ALTER TABLE merchant ADD COLUMN dialect TEXT;
ALTER TABLE merchant ADD COLUMN dialect_token BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE merchant ADD COLUMN dialect_initial_status TEXT;
ALTER TABLE goal ADD COLUMN token TEXT;
ALTER TABLE offer ADD COLUMN spot TEXT;
ALTER TABLE offer ADD COLUMN currency TEXT;
ALTER TABLE offer ADD COLUMN account BIGINT;
";

/// Both tables have rows only where a click or a postback says who the player is; all others cost nothing. The newest
/// click of a user is the last of the key's order, because click ids grow with time. Players are found by the ids that
/// the merchant or the affiliate knows them by.
const PLAYERS: &str = "
CREATE TABLE click_of_user (
    user_id TEXT NOT NULL,
    offer TEXT NOT NULL,
    click_id TEXT NOT NULL,
    PRIMARY KEY (user_id, offer, click_id)
) CLUSTERED;
CREATE TABLE player (
    click_id TEXT PRIMARY KEY,
    player_id TEXT,
    user_id TEXT,
    username TEXT,
    name TEXT,
    at BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX player_by_player_id ON player (player_id) WHERE player_id IS NOT NULL;
CREATE INDEX player_by_user_id ON player (user_id) WHERE user_id IS NOT NULL;
";

/// A contact is reached once: it says that a player began to talk, and whoever advertises pays for players and not for
/// messages.
const SEED: &str = "
INSERT INTO goal (merchant, alias, name, once, amount, status_flow, role) VALUES
    ('', 'contact', 'Contact', TRUE, 'none', 'immediate', 'event');
";

const UNDO: &str = "
DELETE FROM goal WHERE merchant = '' AND alias = 'contact';
DROP TABLE player;
DROP TABLE click_of_user;
ALTER TABLE offer DROP COLUMN account;
ALTER TABLE offer DROP COLUMN currency;
ALTER TABLE offer DROP COLUMN spot;
ALTER TABLE goal DROP COLUMN token;
ALTER TABLE merchant DROP COLUMN dialect_initial_status;
ALTER TABLE merchant DROP COLUMN dialect_token;
ALTER TABLE merchant DROP COLUMN dialect;
DROP TABLE dialect;
";
