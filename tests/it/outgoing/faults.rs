//! What must not be lost, sent twice or slowed down when something breaks.

use std::{collections::HashMap, time::Duration};

use super::{deliveries, deposits, endpoint, postback, program, serve, settled};
use crate::support::{Database, Receiver, Reply, WORLD, eventually, on_both_databases};

/// How often each delivery was received.
fn times_received(receiver: &Receiver) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for request in receiver.received() {
        *times.entry(request.header("webhook-id").to_owned()).or_default() += 1;
    }
    times
}

on_both_databases! {
    async fn a_server_killed_in_mid_flight_delivers_everything_after_its_restart(database: Database) {
        let receiver = Receiver::with(Reply::Hang).await;
        let mut server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 20).await;
        receiver.wait(8).await;
        server.kill();
        receiver.answer(Reply::Status(200));
        if !database.is_sqlite() {
            // Another process might still hold these claims: they are only taken over when their time is up.
            let over = "UPDATE delivery SET claimed_until = claimed_until - 60000 WHERE claimed_until IS NOT NULL";
            database.execute(over).await;
        }
        server.restart();
        settled(&server, "delivered", 20).await;
        let times = times_received(&receiver);
        assert_eq!(times.len(), 20);
        assert!(times.values().all(|times| *times <= 2), "{times:?}");
    }

    async fn a_server_that_is_stopped_lets_requests_in_flight_end_and_loses_none(database: Database) {
        let receiver = Receiver::with(Reply::After(Duration::from_millis(500))).await;
        let mut server = serve(&database, &postback("pb", &receiver, ""));
        deposits(&server, 30).await;
        receiver.wait(1).await;
        server.stop().await;
        let sent = receiver.received().len();
        let delivered = database.count("delivery WHERE state = 'delivered'").await;
        assert_eq!(usize::try_from(delivered).unwrap(), sent);
        assert_eq!(database.count("delivery WHERE claimed_until IS NOT NULL").await, 0);
        receiver.answer(Reply::Status(200));
        server.restart();
        settled(&server, "delivered", 30).await;
        assert!(times_received(&receiver).values().all(|times| *times == 1));
    }

    async fn an_endpoint_that_hangs_does_not_hold_up_the_others(database: Database) {
        let mut receivers = vec![Receiver::with(Reply::Hang).await];
        for _ in 0..9 {
            receivers.push(Receiver::new().await);
        }
        let postbacks = receivers.iter().enumerate();
        let postbacks: String = postbacks.map(|(at, it)| postback(&format!("pb-{at}"), it, "")).collect();
        let server = serve(&database, &postbacks);
        deposits(&server, 25).await;
        for receiver in &receivers[1..] {
            receiver.wait(25).await;
        }
        // No more than may be in flight to one host.
        assert_eq!(receivers[0].received().len(), 8);
    }

    async fn hosts_that_hang_leave_places_to_one_that_answers(database: Database) {
        let mut receivers = vec![Receiver::new().await];
        for _ in 0..4 {
            receivers.push(Receiver::with(Reply::Hang).await);
        }
        let postbacks = receivers.iter().enumerate();
        let postbacks: String = postbacks.map(|(at, it)| postback(&format!("pb-{at}"), it, "")).collect();
        // The four alone could fill twice as many places.
        let program = program(&database).with("COUNTERSIGN_DELIVERY_IN_FLIGHT", "16");
        program.apply(&format!("{WORLD}{postbacks}")).ok();
        let server = program.serve();
        deposits(&server, 10).await;
        settled(&server, "delivered", 10).await;
        assert_eq!(receivers[0].received().len(), 10);
        // Nothing else has ended, so none of them had to make way.
        assert_eq!(database.count("attempt").await, 10);
    }

    async fn hostile_receivers_harm_nothing_but_their_own_delivery(database: Database) {
        let forbidden = Receiver::on("127.0.0.1", Reply::Status(200)).await;
        let redirect = format!("HTTP/1.1 302 X\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", forbidden.url("/"));
        let large = format!("HTTP/1.1 200 X\r\nx-large: {}\r\n\r\n", "x".repeat(64 * 1024));
        let on = async |reply: Reply| Receiver::on("127.0.0.2", reply).await;
        let garbage = on(Reply::Raw("\u{0}not TLS at all\r\n\r\n".to_owned())).await;
        let (drip, redirect, large) =
            (on(Reply::Drip).await, on(Reply::Raw(redirect)).await, on(Reply::Raw(large)).await);
        let (endless, healthy) = (on(Reply::Endless).await, on(Reply::Status(200)).await);
        let port = forbidden.address.port();
        let postbacks = [
            postback("healthy", &healthy, ""),
            postback("endless", &endless, ""),
            postback("drip", &drip, ""),
            postback("redirect", &redirect, ""),
            postback("large", &large, ""),
            endpoint("garbage", &format!("https://{}/", garbage.address), ""),
            endpoint("private-name", &format!("http://localhost:{port}/"), ""),
            endpoint("private", &format!("http://127.0.0.1:{port}/"), ""),
            endpoint("mapped", &format!("http://[::ffff:127.0.0.1]:{port}/"), ""),
            endpoint("number", &format!("http://2130706433:{port}/"), ""),
        ];
        let program = program(&database)
            .with("COUNTERSIGN_DELIVERY_ALLOW", "127.0.0.2")
            .with("COUNTERSIGN_DELIVERY_SCHEDULE", "0s 1h");
        program.apply(&format!("{WORLD}{}", postbacks.concat())).ok();
        let server = program.serve();
        deposits(&server, 5).await;
        healthy.wait(5).await;
        let attempted = "delivery WHERE attempts = 1";
        eventually("all have been attempted", async || database.count(attempted).await == 50).await;
        let failures = deliveries(&server);
        let check = |postback: &str, state: &str, error: &str| {
            for it in failures.iter().filter(|it| it["postback"] == postback) {
                let said = it["last_error"].as_str().unwrap_or_default();
                assert!(it["state"] == state && said.contains(error), "{it}");
            }
        };
        check("healthy", "delivered", "");
        // It said 200; nobody reads on for ever.
        check("endless", "delivered", "");
        check("drip", "waiting", "no complete answer in time");
        check("redirect", "waiting", "answered 302");
        check("large", "waiting", "a broken answer");
        check("garbage", "waiting", "no secure connection");
        for refused in ["private-name", "private", "mapped", "number"] {
            check(refused, "waiting", "is not a public address");
        }
        assert_eq!(forbidden.received().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_send_nothing_twice() {
    let Some(database) = Database::postgres().await else { return };
    let receiver = Receiver::with(Reply::After(Duration::from_millis(20))).await;
    let first = serve(&database, &postback("pb", &receiver, ""));
    let second = first.program.serve();
    for _ in 0..40 {
        let click = first.click().await;
        for server in [&first, &second] {
            let answer = server.addchange(&click, "ftd 100 EUR approved").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
    settled(&first, "delivered", 80).await;
    let times = times_received(&receiver);
    assert_eq!(times.len(), 80);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    let mut last_told: HashMap<String, String> = HashMap::new();
    for request in receiver.received() {
        let (status, conversion) = request.path.split_once("&c=").unwrap();
        let before = last_told.insert(conversion.to_owned(), status.to_owned());
        let expected = if before.is_none() { "/pb?s=pending" } else { "/pb?s=approved" };
        assert_eq!(status, expected, "{conversion}");
    }
}
