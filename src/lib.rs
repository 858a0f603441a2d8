//! Countersign: a self-hosted CPA conversion tracker.

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
