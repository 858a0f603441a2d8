//! Configuration, clicks, conversions with their history, and the log of inbound postbacks.
//!
//! Times are milliseconds since the Unix epoch, money is counted in 10^-8 of a currency unit. The tables that every
//! postback writes carry no foreign keys: only one door writes them, and it has just looked at what they would check.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, CONFIGURATION).await?;
        crate::run(manager, LEDGER).await?;
        crate::run(manager, SEED).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables =
            "postback_log status_event conversion click token offer affiliate goal merchant currency catalog";
        for table in tables.split(' ') {
            manager.drop_table(Table::drop().table(Alias::new(table)).to_owned()).await?;
        }
        Ok(())
    }
}

const CONFIGURATION: &str = "
CREATE TABLE catalog (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    secret_check BYTES
);
CREATE TABLE currency (
    code TEXT PRIMARY KEY,
    minor_unit INTEGER NOT NULL
);
CREATE TABLE merchant (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    deal TEXT NOT NULL,
    multiplier BIGINT,
    currencies TEXT,
    allowed_ips TEXT NOT NULL,
    require_ftd BOOLEAN NOT NULL,
    hold_suspected BOOLEAN NOT NULL,
    require_signature BOOLEAN NOT NULL,
    signing_secret TEXT,
    initial_statuses TEXT NOT NULL,
    active BOOLEAN NOT NULL
);
CREATE TABLE goal (
    merchant TEXT NOT NULL,
    alias TEXT NOT NULL,
    name TEXT NOT NULL,
    once BOOLEAN NOT NULL,
    amount TEXT NOT NULL,
    status_flow TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (merchant, alias)
);
CREATE TABLE affiliate (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE offer (
    id TEXT PRIMARY KEY,
    merchant TEXT NOT NULL REFERENCES merchant (id),
    name TEXT NOT NULL,
    landing_url TEXT NOT NULL,
    active BOOLEAN NOT NULL
);
CREATE TABLE token (
    id UUID PRIMARY KEY,
    merchant TEXT NOT NULL REFERENCES merchant (id),
    label TEXT NOT NULL,
    digest BYTES NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT,
    revoked_at BIGINT
);
";

/// Every index that a row touches at a random place costs a page per row written, so each conversion stands in one
/// such index, whichever suits its goal, and in a second one only if it has a transaction id. All other keys grow with
/// time.
const LEDGER: &str = "
CREATE TABLE click (
    id TEXT PRIMARY KEY,
    offer TEXT NOT NULL,
    affiliate TEXT NOT NULL,
    merchant TEXT NOT NULL,
    params TEXT NOT NULL,
    at BIGINT NOT NULL
) CLUSTERED;
CREATE TABLE conversion (
    id UUID PRIMARY KEY,
    click_id TEXT NOT NULL,
    merchant TEXT NOT NULL,
    offer TEXT NOT NULL,
    affiliate TEXT NOT NULL,
    goal TEXT NOT NULL,
    once BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    steps INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT,
    revenue BIGINT,
    multiplier BIGINT,
    transaction_id TEXT,
    suspected_duplicate BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    event_time BIGINT,
    extra TEXT
) CLUSTERED;
CREATE UNIQUE INDEX conversion_once ON conversion (click_id, goal) WHERE once;
CREATE INDEX conversion_repeated ON conversion (click_id, goal, created_at) WHERE NOT once;
CREATE UNIQUE INDEX conversion_transaction ON conversion (merchant, goal, transaction_id)
    WHERE transaction_id IS NOT NULL;
CREATE INDEX conversion_pending ON conversion (id) WHERE status = 'pending';
CREATE TABLE status_event (
    conversion UUID NOT NULL,
    step INTEGER NOT NULL,
    from_status TEXT,
    to_status TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    request UUID NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (conversion, step)
) CLUSTERED;
CREATE TABLE postback_log (
    id UUID PRIMARY KEY,
    at BIGINT NOT NULL,
    merchant TEXT,
    endpoint TEXT NOT NULL,
    method TEXT NOT NULL,
    params TEXT NOT NULL,
    click_id TEXT,
    outcome TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    conversion UUID,
    address TEXT NOT NULL,
    duration_us BIGINT NOT NULL
);
CREATE INDEX postback_log_conversion ON postback_log (conversion) WHERE conversion IS NOT NULL;
CREATE INDEX postback_log_stranger ON postback_log (id) WHERE merchant IS NULL;
";

const SEED: &str = "
INSERT INTO catalog (id, version) VALUES (1, 1);
INSERT INTO currency (code, minor_unit) VALUES ('USDT', 6), ('BTC', 8);
INSERT INTO goal (merchant, alias, name, once, amount, status_flow, role) VALUES
    ('', 'reg', 'Registration', TRUE, 'optional', 'immediate', 'event'),
    ('', 'ftd', 'First deposit', TRUE, 'required', 'two_phase', 'first_deposit'),
    ('', 'rdep', 'Repeat deposit', FALSE, 'required', 'immediate', 'repeat_deposit'),
    ('', 'revshare', 'Revenue share', FALSE, 'non_zero', 'immediate', 'revenue_share');
";
