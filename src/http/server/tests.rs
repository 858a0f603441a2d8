//! A handler that panics, behind a real connection.

use axum::{Router, routing};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{clock::ManualClock, domain::fixture};

async fn sound() -> &'static str {
    "sound"
}

async fn panicking() -> &'static str {
    panic!("as this test wants it")
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_and_counted_and_harms_no_other() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let router =
        Router::new().route("/sound", routing::get(sound)).route("/panicking", routing::get(panicking));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(fixture::NOW));
    let server = tokio::spawn(serve(listener, router, Limits::default(), clock, stop.clone()));

    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /panicking HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream.write_all(b"GET /sound HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 500 "), "{answers}");
    assert!(answers.contains("application/problem+json") && answers.contains("\"request_id\":"), "{answers}");
    assert!(!answers.contains("as this test wants it"), "nothing internal is told: {answers}");
    assert!(answers.contains("HTTP/1.1 200 ") && answers.ends_with("sound"), "{answers}");
    let told = figures.render();
    assert!(told.contains("countersign_panics_total 1"), "{told}");
    stop.cancel();
    server.await.unwrap();
}
