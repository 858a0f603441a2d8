//! Outgoing postbacks, told to real receivers on this machine.

mod api;
mod commands;
mod faults;
mod outbox;
mod pixels;
mod retries;
mod told;

use serde_json::Value;

use crate::support::{Database, Program, Receiver, Server, WORLD, eventually};

/// The program, which may reach receivers on this machine and soon tries again what failed.
fn program(database: &Database) -> Program {
    Program::new(database)
        .with("COUNTERSIGN_DELIVERY_ALLOW", "127.0.0.0/8")
        .with("COUNTERSIGN_DELIVERY_SCHEDULE", "0s 20ms until 1h")
}

/// A server of the test world with these postback endpoints.
pub(crate) fn serve(database: &Database, postbacks: &str) -> Server {
    let program = program(database);
    program.apply(&format!("{WORLD}\n{postbacks}")).ok();
    program.serve()
}

/// An endpoint of lotus at this receiver, which is told the status of every conversion; more keys may follow.
pub(crate) fn postback(id: &str, receiver: &Receiver, more: &str) -> String {
    endpoint(id, &receiver.url("/pb?s={status}&c={conversion_id}"), more)
}

/// An endpoint of lotus at this URL, which is told of every status, unless that is among the keys that follow.
pub(crate) fn endpoint(id: &str, url: &str, more: &str) -> String {
    let statuses = "statuses = [\"pending\", \"approved\", \"rejected\"]";
    let statuses = if more.contains("statuses = [") { "" } else { statuses };
    format!("\n[[postback]]\nid = \"{id}\"\naffiliate = \"lotus\"\nurl = \"{url}\"\n{statuses}\n{more}\n")
}

/// Records so many first deposits, each of a player of its own, and returns the clicks.
pub(crate) async fn deposits(server: &Server, count: usize) -> Vec<String> {
    let mut clicks = Vec::new();
    for _ in 0..count {
        let click = server.click().await;
        assert_eq!(server.conv(&click, "ftd 100 EUR").await.status, 200);
        clicks.push(click);
    }
    clicks
}

/// What a command prints with `--json`.
fn json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(&server.command(&[arguments, &["--json"]].concat()).ok()).unwrap()
}

/// The deliveries, newest first.
pub(crate) fn deliveries(server: &Server) -> Vec<Value> {
    let list = json(server, &["deliveries", "list", "--limit", "1000"]);
    list.as_array().unwrap().clone()
}

/// The attempts of a delivery.
fn attempts(server: &Server, delivery: &Value) -> Vec<Value> {
    let shown = json(server, &["deliveries", "show", delivery["id"].as_str().unwrap()]);
    shown["attempts"].as_array().unwrap().clone()
}

/// Waits until so many deliveries are in this state.
pub(crate) async fn settled(server: &Server, state: &str, count: i64) {
    let what = format!("{count} deliveries that are {state}");
    let condition = format!("delivery WHERE state = '{state}'");
    eventually(&what, async || server.database().count(&condition).await == count).await;
}
