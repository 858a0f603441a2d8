//! Outgoing postbacks: claim what is due, send it through the guarded client, settle what came of it.
//!
//! It may import `domain`, `storage` and `clock`. It never names axum or sea-orm, and knows neither `ingest` nor
//! `http`: they meet only as rows. No transaction here ever waits for the network.

pub mod client;
mod engine;
pub mod guard;
mod send;

pub use self::{
    engine::{Engine, Limits},
    send::{Sent, send},
};
