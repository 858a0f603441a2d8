//! Outgoing postbacks: claim what is due, send it through the guarded client, settle what came of it.

pub mod client;
pub mod guard;
