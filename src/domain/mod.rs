//! The domain: what clicks, goals, conversions and decisions mean. Pure: it never awaits, reads no clock,
//! draws no randomness, does no I/O and uses no float.

pub mod retry;
pub mod sealed;
pub mod secret;
pub mod template;
pub mod webhook;
