//! Postbacks in senders' own dialects.

mod again;
mod commands;
mod mvp;
mod senders;

use crate::support::{Database, OnDatabase, Program, Server, WORLD};

/// A server of the test world with the merchants of these tests.
struct Casino(Server);

impl OnDatabase for Casino {
    fn on(database: Database) -> Self {
        let program = Program::new(&database);
        program.apply(WORLD).ok();
        program.apply(include_str!("casino.toml")).ok();
        Self(program.serve())
    }
}

impl std::ops::Deref for Casino {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl Casino {
    /// Records a click with these parameters, and returns its id.
    async fn click_with(&self, offer: &str, params: &str) -> String {
        let address = format!("/click?offer={offer}&affiliate=lotus&{params}");
        let answer = self.request("GET", &address, &[("accept", "application/json")], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["click_id"].as_str().unwrap().to_owned()
    }

    /// Records a click of the documented id `ABC123`.
    async fn click_abc123(&self) {
        let values = "'ABC123', 'casino-offer', 'lotus', 'casino', '{}', 1795168800000";
        let sql = format!("INSERT INTO click (id, offer, affiliate, merchant, params, at) VALUES ({values})");
        self.database().execute(&sql).await;
    }

    /// Sends an address and expects this answer, to the letter.
    async fn answers(&self, address: &str, status: u16, body: &str) {
        let answer = self.get(address).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, body), "{address}");
        assert_eq!(answer.header("cache-control"), "no-store", "{address}");
    }

    /// Every conversion as `goal status amount currency`, in the order of recording.
    async fn conversions(&self) -> Vec<String> {
        let sql =
            "SELECT goal || ' ' || status || ' ' || (amount / 1000000) || ' ' || coalesce(currency, '-')
            FROM conversion ORDER BY id";
        self.database().texts(sql).await
    }

    /// The outcomes in the log with their addresses and merchants, in the order of arrival.
    async fn log(&self) -> Vec<String> {
        let sql = "SELECT outcome || ' ' || endpoint || ' ' || coalesce(merchant, '-') FROM postback_log ORDER BY id";
        self.database().texts(sql).await
    }
}
