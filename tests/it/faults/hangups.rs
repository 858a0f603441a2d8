//! Clients that hang up at any moment.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{checker::check, load::Load};
use crate::support::{Server, on_both_databases, query};

const HANGUPS: u64 = 2_000;

on_both_databases! {
    async fn clients_that_hang_up_harm_nobody(server: Server) {
        let click = server.click().await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({ "duplicate": false }));
        let load = Load::start(server.address, 8);
        stream::iter(0..HANGUPS).for_each_concurrent(64, |number| hang_up(&server, &click, number)).await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({ "duplicate": true }));
        let acknowledged = load.finish().await;
        assert_eq!(acknowledged.put_off, 0);
        check(server.database(), &acknowledged).await;
    }
}

/// Sends a part of a postback, or all of it, waits for a moment, and resets the connection.
async fn hang_up(server: &Server, click: &str, number: u64) {
    let deposit = query(click, &format!("rdep 5 EUR transaction_id=H-{number}"));
    let request = format!("GET /track/conv?{deposit} HTTP/1.1\r\nhost: countersign.example\r\n\r\n");
    let Ok(mut stream) = TcpStream::connect(server.address).await else { return };
    let sent = if number.is_multiple_of(3) { request.len() * 2 / 3 } else { request.len() };
    let _ = stream.write_all(&request.as_bytes()[..sent]).await;
    tokio::time::sleep(Duration::from_micros(number * 7_919 % 20_000)).await;
    stream.set_zero_linger().unwrap();
}
