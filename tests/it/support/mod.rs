//! What the tests share: a database of their own, the program as a child process, requests, and what to expect of
//! answers.

mod answer;
mod database;
mod program;
mod receiver;
mod server;
mod tools;
mod wire;

pub(crate) use self::{
    answer::Answer,
    database::{Database, OnDatabase},
    program::{Done, Program, SECRET, WORLD},
    receiver::{Received, Receiver, Reply},
    server::{Server, query},
    tools::{installed, program},
    wire::percent_encoded,
};

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for. Generous: only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes two tests of each body, `…::sqlite` and `…::postgres`, each on a fresh database. The body takes a running
/// [`Server`] of the test world, or the [`Database`] alone.
macro_rules! on_both_databases {
    ($(async fn $name:ident($($argument:ident)+: $type:ty) $body:block)*) => {$(
        async fn $name($($argument)+: $type) $body

        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let database = $crate::support::Database::sqlite();
                super::$name($crate::support::OnDatabase::on(database)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(database) = $crate::support::Database::postgres().await {
                    super::$name($crate::support::OnDatabase::on(database)).await;
                }
            }
        }
    )*};
}
pub(crate) use on_both_databases;

/// Waits until something is the case, which must be soon.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never came about: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
