//! Countersign: a self-hosted CPA conversion tracker.
//!
//! A click sends a player to a merchant, the merchant reports by postbacks what the player did, and each report is
//! decided once, durably, before anyone is answered.
//!
//! # The map of the house
//!
//! | room | what it does |
//! |---|---|
//! | [`domain`] | what clicks, goals, conversions and decisions mean; pure |
//! | [`storage`] | all SQL, on SQLite and PostgreSQL |
//! | [`ingest`] | the one door: events in, verdicts out, committed in groups |
//! | [`delivery`] | outgoing postbacks: claimed, sent through a client that trusts no receiver, settled |
//! | [`http`] | the edge: `/track/*`, `/click`, health and metrics |
//! | [`cli`] | the commands, one file each |
//! | [`configuration_file`] | what is configured, as a TOML file or a request says it, and back |
//! | [`config`] | settings from flags and the environment |
//! | [`telemetry`] | log and metrics |
//! | [`clock`] | the time and random bytes, for all who may ask |
//! | [`app`] | boot, supervision, the order of the shutdown |
//!
//! Read [`domain::decide`] first: every rule of the product is there or in what it calls. Then [`ingest::Writer`],
//! which makes durable what was decided, and [`storage::Ledger`] below it. A request's way begins in [`http::router`].
//!
//! What each room may import, the invariants, and the journey of one postback are in `ARCHITECTURE.md`; the words in
//! `docs/glossary.md`.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod configuration_file;
pub mod delivery;
pub mod domain;
pub mod http;
pub mod ingest;
pub mod storage;
pub mod telemetry;
