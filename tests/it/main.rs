//! The contract, told to the real program over HTTP, on both databases. A test is a sentence; `support` holds what they
//! share. Run them with `tests/with-postgres cargo test --test it`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod support;
mod track;
