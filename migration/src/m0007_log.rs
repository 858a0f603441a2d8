//! The log of inbound postbacks and the deliveries, found by what people look for; requests that were processed
//! again.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, LOG).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UNDONE).await
    }
}

/// `repeats` names the first arrival of a request that was processed again; of all its repetitions at most one
/// records or decides anything. `signed` says of a request that was refused before its signature would have
/// been looked at whether that was right; nothing where none was asked for, or the outcome tells.
///
/// Every request stands in one index that grows with time, that of its merchant; those that led to no conversion,
/// which are few, in three more. With those of its conversions, a click's requests are found without an index that
/// every postback would touch at a random place.
const LOG: &str = "
ALTER TABLE postback_log ADD COLUMN repeats UUID;
ALTER TABLE postback_log ADD COLUMN signed INTEGER;
CREATE INDEX postback_log_merchant ON postback_log (merchant, id);
CREATE INDEX postback_log_refused ON postback_log (id) WHERE conversion IS NULL;
CREATE INDEX postback_log_refused_merchant ON postback_log (merchant, id) WHERE conversion IS NULL;
CREATE INDEX postback_log_refused_click ON postback_log (click_id) WHERE conversion IS NULL;
CREATE INDEX postback_log_repeats ON postback_log (repeats, id) WHERE repeats IS NOT NULL;
CREATE UNIQUE INDEX postback_log_repeated_once ON postback_log (repeats)
    WHERE repeats IS NOT NULL AND outcome IN ('recorded', 'decided');
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';
CREATE INDEX saved_answer_at ON saved_answer (at);
";

const UNDONE: &str = "
DROP INDEX saved_answer_at;
DROP INDEX delivery_dead;
DROP INDEX postback_log_repeated_once;
DROP INDEX postback_log_repeats;
DROP INDEX postback_log_refused_click;
DROP INDEX postback_log_refused_merchant;
DROP INDEX postback_log_refused;
DROP INDEX postback_log_merchant;
ALTER TABLE postback_log DROP COLUMN signed;
ALTER TABLE postback_log DROP COLUMN repeats;
";
