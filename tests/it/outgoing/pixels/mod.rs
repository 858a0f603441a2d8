//! Ad platforms, each played by a receiver that checks what it is told and answers as the platform does.

mod commands;
mod ga4;
mod meta;
mod tiktok;
mod yandex;

use countersign::{
    clock::{Clock, SystemClock},
    domain::time::Timestamp,
};
use serde_json::Value;

use super::{attempts, deliveries, json, program, serve, settled};
use crate::support::{Received, Receiver, Reply, Server, eventually};

/// Every pixel's secret; it must not show anywhere.
const SECRET: &str = "canary-secret";

/// A pixel of acme at this receiver, which is told of what is approved; more keys may follow.
fn pixel(platform: &str, receiver: &Receiver, more: &str) -> String {
    let pixel_id = if platform == "ga4" { "G-ABC123DEF4" } else { "2215573" };
    let base_url = receiver.url("");
    format!(
        "\n[[pixel]]\nid = \"px\"\nplatform = \"{platform}\"\noffer = \"acme-offer\"\npixel_id = \"{pixel_id}\"\n\
         secret = \"{SECRET}\"\nbase_url = \"{base_url}\"\n{more}\n"
    )
}

/// An answer with a JSON body.
fn answer(status: u16, body: &Value) -> Reply {
    let body = body.to_string();
    let length = body.len();
    Reply::Raw(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"))
}

/// Records a click of a browser with these parameters, and returns its id.
async fn click(server: &Server, query: &str) -> String {
    let address = format!("/click?offer=acme-offer&affiliate=lotus&{query}");
    let answer = server.request("GET", &address, &[("user-agent", "Mozilla/5.0 (X)")], "").await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let (_, id) = answer.header("location").split_once("cid=").unwrap();
    id.split('&').next().unwrap().to_owned()
}

/// Records an approved first deposit of 100 EUR for a click, and returns the conversion's id.
async fn approved(server: &Server, click: &str, more: &str) -> String {
    let answer = server.addchange(click, &format!("ftd 100 EUR approved {more}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["conversion"]["id"].as_str().unwrap().to_owned()
}

/// The JSON that a request carried.
fn body(request: &Received) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

/// So many days ago, in Unix seconds.
fn days_ago(days: i64) -> i64 {
    now().plus_millis(-days * 24 * 60 * 60 * 1000).seconds()
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// What was wrong with the last attempt of the only delivery.
#[track_caller]
fn last_error(server: &Server) -> String {
    let [delivery] = <[Value; 1]>::try_from(deliveries(server)).unwrap();
    delivery["last_error"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the only delivery has been attempted so often, or more.
async fn attempted(server: &Server, times: i64) {
    let what = format!("{times} attempts");
    eventually(&what, async || server.database().count("attempt").await >= times).await;
}
