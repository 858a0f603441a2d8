//! Clients that are slow, broken or hostile.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Server, on_both_databases, query};

/// Reads until the server closes the connection, which it must do soon.
async fn rest_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "the connection stayed open");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a raw answer begins with this status and no other follows.
#[track_caller]
fn assert_status(answer: &str, status: u16, what: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer:?}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let server = Server::on_sqlite();
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let answer = rest_of(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut idle = server.connect().await;
    assert_eq!(rest_of(&mut idle).await, "");
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_and_nothing_is_recorded() {
    let server = Server::on_sqlite();
    let click = server.click().await;
    let mut stream = server.connect().await;
    let body = query(&click, "ftd 5 EUR");
    let head = format!("POST /track/conv HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len() + 1);
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let answer = rest_of(&mut stream).await;
    assert_status(&answer, 408, "a slow body");
    assert!(answer.contains("body_timeout"), "{answer}");
    assert_eq!(server.database().count("conversion").await, 0);
}

#[tokio::test]
async fn idle_connections_do_not_stop_the_service() {
    let server = Server::on_sqlite();
    let mut idle = Vec::new();
    for at in 0..100 {
        let mut stream = server.connect().await;
        if at % 2 == 0 {
            stream.write_all(b"GET /track/conv?a=").await.unwrap();
        }
        idle.push(stream);
    }
    let click = server.click().await;
    server.conv(&click, "ftd 5 EUR").await.ok(json!({}));
}

#[tokio::test]
async fn slow_clients_do_not_hold_up_the_end() {
    let mut server = Server::on_sqlite();
    let click = server.click().await;
    let mut slow = Vec::new();
    for part in
        ["", "GET /track/conv?a=", "POST /track/conv HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nclick"]
    {
        let mut stream = server.connect().await;
        stream.write_all(part.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    server.conv(&click, "ftd 5 EUR").await.ok(json!({}));
    let asked = Instant::now();
    server.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    let mut server = Server::on_sqlite();
    let click = server.click().await;
    let body = query(&click, "ftd 5 EUR");
    let mut stream = server.connect().await;
    let head = format!(
        "POST /track/conv HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The interim answer says that the handler is waiting for the body.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.signal("TERM");
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = rest_of(&mut stream).await;
    assert_status(&answer, 200, "a request in flight");
    assert_eq!(server.ended().await, Some(0));
    server.restart();
    server.conv(&click, "ftd 5 EUR").await.ok(json!({ "duplicate": true }));
}

#[tokio::test]
async fn an_address_may_have_8_kib() {
    let server = Server::on_sqlite();
    let click = server.click().await;
    let query = format!("/track/conv?{}&", query(&click, "ftd 5 EUR"));
    let of_length = |length: usize| format!("{query}{}", "&".repeat(length - query.len()));
    server.get(&of_length(8 * 1024)).await.ok(json!({}));
    for length in [8 * 1024 + 1, 9_000, 60_000] {
        server.get(&of_length(length)).await.refused(414, "uri_too_long", "");
        let click = format!("/click?offer=acme-offer&affiliate=lotus{}", "&".repeat(length));
        server.get(&click).await.refused(414, "uri_too_long", "");
    }
    // Beyond what is read at all the answer is barer, and the connection ends.
    let farther = server.raw(format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", of_length(200_000))).await;
    assert!(
        ["414", "431", "400"].iter().any(|status| farther.starts_with(&format!("HTTP/1.1 {status} "))),
        "{farther:?}"
    );
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_hurts_nobody() {
    let server = Server::on_sqlite();
    let click = server.click().await;
    let target = format!("/track/conv?{}", query(&click, "ftd 5 EUR"));
    let headers = (0..70).map(|at| format!("x-{at}: y\r\n")).collect::<Vec<_>>().concat();
    let requests = [
        (400, "GET\r\n\r\n".to_owned()),
        (400, format!("GET {target}\r\n\r\n")),
        (400, format!("GET {target} HTTP/9.9\r\nhost: x\r\n\r\n")),
        (400, format!("GET {target} and more HTTP/1.1\r\nhost: x\r\n\r\n")),
        (400, format!("G\0T {target} HTTP/1.1\r\nhost: x\r\n\r\n")),
        (400, format!("GET {target} HTTP/1.1\r\nno colon\r\n\r\n")),
        (400, format!("GET {target} HTTP/1.1\r\nx: a\0b\r\n\r\n")),
        (400, "\u{16}\u{3}\u{1}\0\u{5}hello of TLS\r\n\r\n".to_owned()),
        (431, format!("GET {target} HTTP/1.1\r\n{headers}\r\n")),
        (431, format!("GET {target} HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000))),
        (400, format!("POST {target} HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde")),
        (400, format!("POST {target} HTTP/1.1\r\ncontent-length: -1\r\n\r\nabcde")),
        (400, format!("POST {target} HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\nabcde")),
    ];
    for (status, request) in requests {
        let shown: String = request.chars().take(60).collect();
        assert_status(&server.raw(&request).await, status, &shown);
    }
    assert_eq!(server.database().count("conversion").await, 0);
    server.conv(&click, "ftd 5 EUR").await.ok(json!({ "duplicate": false }));
}

#[tokio::test]
async fn a_body_cannot_smuggle_a_second_request() {
    let server = Server::on_sqlite();
    let (click, other) = (server.click().await, server.click().await);
    let smuggled = format!("GET /track/conv?{} HTTP/1.1\r\nhost: x\r\n\r\n", query(&other, "ftd 5 EUR"));
    let chunked = format!(
        "POST /track/conv?{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{smuggled}",
        query(&click, "ftd 5 EUR")
    );
    let answer = server.raw(chunked).await;
    assert!(answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    assert_eq!(server.database().count(&format!("conversion WHERE click_id = '{other}'")).await, 0);
}

on_both_databases! {
    async fn clients_that_hang_up_harm_nobody(server: Server) {
        let click = server.click().await;
        let request = format!("GET /track/conv?{} HTTP/1.1\r\nhost: x\r\n\r\n", query(&click, "ftd 5 EUR"));
        for length in (1..=request.len()).step_by(9).chain([request.len()]) {
            let mut stream = server.connect().await;
            stream.write_all(&request.as_bytes()[..length]).await.unwrap();
        }
        server.conv(&click, "ftd 5 EUR").await.ok(json!({}));
        assert_eq!(server.database().count("conversion").await, 1);
    }

    async fn the_number_of_connections_is_bounded(mut server: Server) {
        server.stop().await;
        server.program = server.program.clone().with("COUNTERSIGN_CONNECTIONS_MAX", "4");
        server.restart();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(server.connect().await);
        }
        let waiting = server.get("/healthz");
        tokio::pin!(waiting);
        let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
        assert!(early.is_err(), "the fifth connection waits");
        drop(held);
        assert_eq!(waiting.await.status, 200);
    }
}
