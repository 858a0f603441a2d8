//! Users, their sessions, API keys, and the audit log.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["saved_answer", "audit", "api_key", "session", "account"] {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

/// A session and an API key are known by a keyed digest of their secret only. The audit log is only ever appended to:
/// its ids grow with time, and so does `audit_subject` within each subject. A saved answer is what a creation under an
/// `Idempotency-Key` was answered with.
const ACCESS: &str = "
CREATE TABLE account (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_sign_in_at BIGINT,
    disabled_at BIGINT
);
CREATE TABLE session (
    digest BYTES PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE TABLE api_key (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    digest BYTES NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE TABLE audit (
    id UUID PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    before TEXT,
    after TEXT
) CLUSTERED;
CREATE INDEX audit_subject ON audit (subject, id);
CREATE TABLE saved_answer (
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request BYTES NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
);
";
