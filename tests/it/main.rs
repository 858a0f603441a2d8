//! The contract, told to the real program over HTTP, on both databases. A test is a sentence; `support` holds what they
//! share. Run them with `tests/with-postgres cargo test --test it`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod apply;
mod browser;
mod click;
mod desk;
mod dialects;
mod errors;
mod export;
mod faults;
mod hardening;
mod money;
mod outgoing;
mod postback_log;
mod program;
mod signature;
mod support;
mod tidy;
mod tokens;
mod track;
