//! Countersign: a self-hosted CPA conversion tracker.

pub mod delivery;
pub mod domain;
