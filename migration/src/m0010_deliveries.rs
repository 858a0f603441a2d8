//! Deliveries that were given up, found by their endpoint.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, DEAD_OF_ENDPOINT).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, "DROP INDEX delivery_dead_endpoint;\n").await
    }
}

/// Only those that were given up stand in it, so what is delivered pays nothing for it.
const DEAD_OF_ENDPOINT: &str = "
CREATE INDEX delivery_dead_endpoint ON delivery (endpoint, id) WHERE state = 'dead';
";
