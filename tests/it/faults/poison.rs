//! A row that this program can't have written.

use serde_json::json;

use crate::support::{Server, on_both_databases};

on_both_databases! {
    async fn an_impossible_stored_amount_concerns_nobody_but_its_player(server: Server) {
        let poisoned = server.click().await;
        let sound = server.click().await;
        for click in [&poisoned, &sound] {
            server.conv(click, "ftd 100 EUR").await.ok(json!({ "status": "pending" }));
        }
        let extreme = format!("UPDATE conversion SET amount = {} WHERE click_id = '{poisoned}'", i64::MAX);
        server.database().execute(&extreme).await;
        let (broken, fine) =
            tokio::join!(server.change(&poisoned, "ftd approved"), server.change(&sound, "ftd approved"));
        broken.refused(500, "internal_error", "");
        fine.ok(json!({ "status": "approved" }));
        let log = server.command(&["log", "--json"]).ok();
        assert!(log.contains(&poisoned) && log.contains(&sound), "{log}");
    }

    async fn an_amount_beyond_the_limit_is_refused_and_leaves_nothing(server: Server) {
        let click = server.click().await;
        for amount in ["79228162514264337593543950335", "90000000000", "9223372036854775807"] {
            server.conv(&click, &format!("ftd {amount} EUR")).await.refused(400, "invalid_amount", "amount");
        }
        assert_eq!(server.database().count("conversion").await, 0);
    }
}
