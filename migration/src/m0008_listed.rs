//! Conversions as lists look for them.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, LISTED).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UNDONE).await
    }
}

/// Holds all that a filter asks for, so that many conversions are looked through without reading one of them. Of each
/// status it only grows at its end.
const LISTED: &str = "
DROP INDEX conversion_pending;
CREATE INDEX conversion_listed ON conversion
    (status, id, merchant, offer, affiliate, goal, currency, amount, created_at);
";

const UNDONE: &str = "
DROP INDEX conversion_listed;
CREATE INDEX conversion_pending ON conversion (id) WHERE status = 'pending';
";
