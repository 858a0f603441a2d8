//! Outgoing postbacks and events for ad platforms: claim what is due, send it through the guarded client, settle what
//! came of it.
//!
//! It may import `domain`, `storage` and `clock`. It never names axum or sea-orm, and knows neither `ingest` nor
//! `http`: they meet only as rows. No transaction here ever waits for the network.

pub mod client;
mod engine;
pub mod guard;
mod lanes;
mod places;
mod send;

pub use self::{
    engine::Engine,
    send::{Sent, send, test},
};

/// How many requests may be in flight.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To one host.
    pub per_host: usize,
    /// In all.
    pub in_all: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_host: 8, in_all: 256 }
    }
}
