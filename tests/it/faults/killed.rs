//! The process is killed with -9 under load, and starts again.

use serde_json::Value;

use super::{
    checker::check,
    load::{Acknowledged, Client, Load},
};
use crate::support::{Server, eventually, on_both_databases};

const CYCLES: usize = 20;

on_both_databases! {
    async fn what_was_acknowledged_before_a_kill_is_there_once(mut server: Server) {
        let mut acknowledged = Acknowledged::default();
        for cycle in 0..CYCLES {
            let load = Load::start(server.address, 64);
            let enough = 40 + cycle * 3;
            eventually("the load is answered", async || load.answered() >= enough).await;
            server.kill();
            let fresh = load.finish().await;
            server.restart();
            check_repetition(&server, &fresh).await;
            acknowledged.extend(fresh);
            check(server.database(), &acknowledged).await;
        }
        assert!(acknowledged.recorded.len() > 40 * CYCLES, "{}", acknowledged.recorded.len());
        assert_eq!(acknowledged.put_off, 0);
    }
}

/// Whoever asks again is told the same.
async fn check_repetition(server: &Server, acknowledged: &Acknowledged) {
    let mut client = Client::connect(server.address).await.unwrap();
    for (id, request) in acknowledged.recorded.iter().take(10) {
        let (status, answer) = client.get(request).await.unwrap();
        assert_eq!((status, &answer["duplicate"]), (200, &Value::Bool(true)), "{request}: {answer}");
        assert_eq!(answer["conversion"]["id"], **id, "{request}");
    }
}
