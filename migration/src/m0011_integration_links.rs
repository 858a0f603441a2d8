//! Links to merchants' integration pages that need no account, and their end.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, LINKS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, UNDO).await
    }
}

/// The links themselves are signed and stored nowhere: one of an earlier generation than its merchant's is withdrawn.
/// Without a row it is 0.
const LINKS: &str = "
CREATE TABLE integration_link (
    merchant TEXT NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
) CLUSTERED;
";

const UNDO: &str = "
DROP TABLE integration_link;
";
