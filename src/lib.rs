//! Countersign: a self-hosted CPA conversion tracker.

pub mod clock;
pub mod delivery;
pub mod domain;
pub mod ingest;
pub mod storage;
