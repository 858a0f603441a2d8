//! Merchants' postbacks: what is recorded, and what is answered.

use countersign::clock::{Clock, SystemClock};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Server, on_both_databases, percent_encoded, query};

on_both_databases! {
    async fn an_ftd_lands_pending_and_counts_once_it_is_approved(server: Server) {
        let click = server.click().await;
        let made = server.conv(&click, "ftd 100 EUR").await.ok(json!({
            "click_id": click, "goal_alias": "ftd", "status": "pending", "amount": "100.00", "currency": "EUR",
            "revenue": null, "revshare_multiplier": null, "transaction_id": null, "suspected_duplicate": false,
            "decided_at": null, "duplicate": false,
        }));
        let decided = server
            .change(&click, "ftd approved")
            .await
            .ok(json!({ "status": "approved", "duplicate": false }));
        assert_eq!((&decided["id"], &decided["created_at"]), (&made["id"], &made["created_at"]));
        assert!(decided["decided_at"].is_string());
        let history = "SELECT coalesce(from_status, '-') || '>' || to_status FROM status_event ORDER BY step";
        assert_eq!(server.database().texts(history).await, ["->pending", "pending>approved"]);
    }

    async fn a_decision_stands(server: Server) {
        for (word, opposite) in [("approved", "rejected"), ("rejected", "approved")] {
            let click = server.click().await;
            server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
            let decided = server.change(&click, &format!("ftd {word}")).await.ok(json!({ "status": word }));
            let again = server.change(&click, &format!("ftd {word}")).await.ok(json!({ "duplicate": true }));
            assert_eq!(again, decided);
            server.change(&click, &format!("ftd {opposite}")).await.refused(
                409,
                "already_decided",
                "conv_status",
            );
            server.conv(&click, "ftd 100 EUR").await.ok(json!({ "status": word, "duplicate": true }));
        }
        assert_eq!(server.database().count("status_event").await, 4);
    }

    async fn a_retry_is_answered_like_the_first_and_never_counts_twice(server: Server) {
        let click = server.click().await;
        let first = server.conv(&click, "ftd 100 EUR").await.ok(json!({ "duplicate": false }));
        for same in ["ftd 100 EUR", "ftd 100.00 eur", "ftd 100.0 EUR conv_status=pending"] {
            assert_eq!(server.conv(&click, same).await.ok(json!({ "duplicate": true })), first, "{same}");
        }
        server.refuses(&click, "ftd 101 EUR", "conflicting_duplicate", "amount").await;
        server.refuses(&click, "ftd 100 USD", "conflicting_duplicate", "currency").await;
        assert_eq!(server.database().count("conversion").await, 1);
        assert_eq!(server.conv(&click, "ftd 100 EUR").await.ok(json!({ "duplicate": true })), first);
    }

    async fn a_registration_needs_no_amount(server: Server) {
        let click = server.click().await;
        let made = server
            .conv(&click, "reg")
            .await
            .ok(json!({ "status": "approved", "currency": null, "amount": "0" }));
        assert_eq!(made["decided_at"], made["created_at"]);
        server.conv(&click, "reg").await.ok(json!({ "duplicate": true }));
        let other = server.click().await;
        server.conv(&other, "reg 0").await.ok(json!({ "currency": null }));
        let paid = server.click().await;
        server.conv(&paid, "reg 5 EUR").await.ok(json!({ "amount": "5.00", "currency": "EUR" }));
        server.refuses(&click, "reg 5 EUR", "conflicting_duplicate", "amount").await;
    }

    async fn repeat_deposits_count_at_once_after_the_first(server: Server) {
        let click = server.click().await;
        server.refuses(&click, "rdep 50 EUR", "ftd_missing", "goal_alias").await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        server.change(&click, "ftd rejected").await.ok(json!({}));
        let one =
            server.conv(&click, "rdep 50.5 EUR").await.ok(json!({ "status": "approved", "amount": "50.50" }));
        let two = server
            .conv(&click, "rdep 50.5 EUR")
            .await
            .ok(json!({ "duplicate": false, "suspected_duplicate": true }));
        assert_ne!(one["id"], two["id"]);
        server.conv(&click, "rdep 51 EUR").await.ok(json!({ "suspected_duplicate": false }));
    }

    async fn a_transaction_id_makes_deposits_safe_to_retry(server: Server) {
        let (click, other) = (server.click().await, server.click().await);
        for click in [&click, &other] {
            server.conv(click, "ftd 100 EUR").await.ok(json!({}));
        }
        let words = "rdep 7 EUR transaction_id=T-1";
        let made =
            server.conv(&click, words).await.ok(json!({ "duplicate": false, "transaction_id": "T-1" }));
        assert_eq!(server.conv(&click, words).await.ok(json!({ "duplicate": true })), made);
        server.conv(&click, "rdep 7 EUR transaction_id=T-2").await.ok(json!({ "duplicate": false }));
        server.conv(&click, "fee 7 EUR transaction_id=T-1").await.ok(json!({ "duplicate": false }));
        server.refuses(&click, "rdep 8 EUR transaction_id=T-1", "conflicting_duplicate", "amount").await;
        server.refuses(&click, "rdep 7 USD transaction_id=T-1", "conflicting_duplicate", "currency").await;
        server.refuses(&other, words, "conflicting_duplicate", "transaction_id").await;
        let longest = "\u{e9}".repeat(128);
        let words = format!("rdep 9 EUR transaction_id={}", percent_encoded(&longest));
        server.conv(&click, &words).await.ok(json!({ "transaction_id": longest }));
        let words = format!("rdep 9 EUR transaction_id={}", "x".repeat(129));
        server.refuses(&click, &words, "invalid_transaction_id", "transaction_id").await;
    }

    async fn a_status_change_needs_a_conversion_and_a_status(server: Server) {
        let click = server.click().await;
        server.change(&click, "ftd approved").await.refused(404, "conversion_not_found", "goal_alias");
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        server.change(&click, "ftd").await.refused(400, "missing_parameter", "conv_status");
        server.change(&click, "ftd pending").await.refused(400, "invalid_status", "conv_status");
        server.change(&click, "ftd conv_status=perhaps").await.refused(400, "invalid_status", "conv_status");
        server.change(&click, "reg approved").await.refused(409, "no_status_flow", "goal_alias");
        server.change(&click, "ftd approved transaction_id=T-9").await.refused(
            404,
            "conversion_not_found",
            "transaction_id",
        );
        server.change(&click, "ftd conv_status=Approved").await.ok(json!({ "status": "approved" }));
    }

    async fn a_merchants_own_goals_keep_its_own_rules(server: Server) {
        let click = server.click().await;
        server.conv(&click, "kyc").await.ok(json!({ "status": "approved", "duplicate": false }));
        server.conv(&click, "kyc").await.ok(json!({ "duplicate": true }));
        server.refuses(&click, "kyc 5 EUR", "invalid_amount", "amount").await;
        server.refuses(&click, "fee EUR", "missing_parameter", "amount").await;
        server.conv(&click, "fee 5 EUR").await.ok(json!({ "status": "approved" }));
        let plain = server.click_to("plain").await;
        server.refuses(&plain, "kyc token=plain-token-1", "unknown_goal", "goal_alias").await;
    }

    async fn a_status_change_says_which_of_several_conversions_it_means(server: Server) {
        let click = server.click().await;
        let first = server.conv(&click, "lead transaction_id=L-1").await.ok(json!({ "status": "pending" }));
        let second = server.conv(&click, "lead transaction_id=L-2").await.ok(json!({ "status": "pending" }));
        server.change(&click, "lead approved").await.refused(409, "ambiguous_conversion", "transaction_id");
        let decided = server
            .change(&click, "lead approved transaction_id=L-1")
            .await
            .ok(json!({ "status": "approved" }));
        assert_eq!(decided["id"], first["id"]);
        let rest = server.change(&click, "lead rejected").await.ok(json!({ "status": "rejected" }));
        assert_eq!(rest["id"], second["id"]);
        server.change(&click, "lead approved").await.refused(409, "ambiguous_conversion", "transaction_id");
    }

    async fn a_merchant_may_use_words_of_its_own(server: Server) {
        let words = [
            ("conv_status=ok&approved_status=ok;paid", "approved"),
            ("conv_status=PAID&approved_status=ok,paid", "approved"),
            ("conv_status=2&approved_status=1&rejected_status=2;3", "rejected"),
            ("conv_status=approved&approved_status=ok", "approved"),
        ];
        for (sent, status) in words {
            let click = server.click().await;
            server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
            server.change(&click, &format!("ftd {sent}")).await.ok(json!({ "status": status }));
        }
        let click = server.click().await;
        server
            .conv(&click, "ftd 100 EUR conv_status=new pending_status=new")
            .await
            .ok(json!({ "status": "pending" }));
        for sent in
            ["conv_status=ok&approved_status=paid", "conv_status=ok&approved_status=ok&rejected_status=ok"]
        {
            server.change(&click, &format!("ftd {sent}")).await.refused(400, "invalid_status", "conv_status");
        }
    }

    async fn addchange_records_and_decides_in_one(server: Server) {
        let (click, known) = (server.click().await, server.click().await);
        let made = server
            .addchange(&click, "ftd 100 EUR approved")
            .await
            .ok(json!({ "status": "approved", "duplicate": false }));
        let again = server.addchange(&click, "ftd 100 EUR approved").await.ok(json!({ "duplicate": true }));
        assert_eq!(again, made);
        assert_eq!(server.database().count("status_event").await, 2);
        server.addchange(&click, "ftd 100 EUR rejected").await.refused(409, "already_decided", "conv_status");
        server.addchange(&click, "ftd 101 EUR approved").await.refused(
            409,
            "conflicting_duplicate",
            "amount",
        );
        let pending = server.conv(&known, "ftd 100 EUR").await.ok(json!({ "status": "pending" }));
        let decided = server
            .addchange(&known, "ftd 100 EUR rejected")
            .await
            .ok(json!({ "status": "rejected", "duplicate": false }));
        assert_eq!(decided["id"], pending["id"]);
        server.addchange(&known, "ftd 100 EUR").await.refused(400, "missing_parameter", "conv_status");
        server.addchange(&known, "reg approved").await.refused(409, "no_status_flow", "goal_alias");
    }

    async fn a_dry_run_checks_everything_and_records_nothing(server: Server) {
        let click = server.click().await;
        let expected = json!({ "dry_run": true, "duplicate": false, "status": "pending", "id": null });
        server.conv(&click, "ftd 100 EUR dry_run=1").await.ok(expected);
        server
            .addchange(&click, "ftd 100 EUR approved dry_run=1")
            .await
            .ok(json!({ "dry_run": true, "status": "approved" }));
        server.refuses(&click, "rdep 5 EUR dry_run=1", "ftd_missing", "goal_alias").await;
        server.refuses(&click, "ftd 5 EUR dry_run=yes", "malformed_query", "dry_run").await;
        assert_eq!(server.database().count("conversion").await, 0);
        let made = server.conv(&click, "ftd 100 EUR dry_run=0").await.ok(json!({ "duplicate": false }));
        let tried = server
            .conv(&click, "ftd 100 EUR dry_run=1")
            .await
            .ok(json!({ "dry_run": true, "duplicate": true }));
        assert_eq!(tried, made);
        server
            .change(&click, "ftd approved dry_run=1")
            .await
            .ok(json!({ "dry_run": true, "status": "approved" }));
        server.conv(&click, "ftd 100 EUR").await.ok(json!({ "status": "pending" }));
    }

    async fn a_post_carries_the_same_parameters(server: Server) {
        let (form, json_type) = ("application/x-www-form-urlencoded", "application/json; charset=utf-8");
        let click = server.click().await;
        let pairs = query(&click, "ftd 4376450.73 EUR");
        let made = server.post("/track/conv", form, &pairs).await.ok(json!({ "amount": "4376450.73" }));
        let as_number = format!(
            r#"{{"click_id": "{click}", "token": "acme-token-1", "goal_alias": "ftd", "amount": 4376450.73,
                "currency": "EUR", "note": null}}"#
        );
        let again = server.post("/track/conv", json_type, &as_number).await;
        assert_eq!(again.ok(json!({ "duplicate": true })), made);
        let as_text = as_number.replace("4376450.73", "\"4376450.730\"");
        server.post("/track/conv", json_type, &as_text).await.ok(json!({ "duplicate": true }));
        // A double would read 100 here.
        let longer = as_number.replace("4376450.73", "100.000000000000000000001");
        server.post("/track/conv", json_type, &longer).await.refused(400, "amount_precision", "amount");
        let exponent = as_number.replace("4376450.73", "4376450.73e0");
        server.post("/track/conv", json_type, &exponent).await.refused(400, "invalid_amount", "amount");
        let split = format!("/track/conv-change?click_id={click}&token=acme-token-1");
        server
            .post(&split, form, "goal_alias=ftd&conv_status=approved")
            .await
            .ok(json!({ "status": "approved" }));
        server.post(&split, form, &query(&click, "ftd approved")).await.refused(
            400,
            "duplicate_parameter",
            "click_id",
        );
    }

    async fn each_of_a_merchants_tokens_opens_its_door(server: Server) {
        let click = server.click().await;
        let words = "click_id={click}&goal_alias=ftd&amount=5&currency=EUR".replace("{click}", &click);
        let address = format!("/track/conv?{words}");
        for header in ["Bearer acme-token-1", "bearer acme-token-2", "Bearer  acme-token-2 "] {
            server.request("GET", &address, &[("authorization", header)], "").await.ok(json!({}));
        }
        server.conv(&click, "ftd 5 EUR token=acme-token-2").await.ok(json!({ "duplicate": true }));
        for header in ["Basic acme-token-1", "acme-token-1", "Bearer", "Bearer nonsense"] {
            server.request("GET", &address, &[("authorization", header)], "").await.refused(
                401,
                "invalid_token",
                "token",
            );
        }
    }

    async fn a_merchant_may_have_suspected_duplicates_held(server: Server) {
        let click = server.click_to("careful").await;
        let words = "rdep 50 EUR token=careful-token-1";
        // Its players may have deposited before there was a tracker.
        server.conv(&click, words).await.ok(json!({ "status": "approved", "suspected_duplicate": false }));
        let expected = json!({ "status": "pending", "suspected_duplicate": true, "decided_at": null });
        server.conv(&click, words).await.ok(expected);
        server.conv(&click, &format!("{words} transaction_id=T-1")).await.ok(json!({ "duplicate": false }));
    }

    async fn a_merchant_may_decide_while_it_records(server: Server) {
        for status in ["pending", "approved", "rejected"] {
            let click = server.click_to("eager").await;
            let made = server
                .conv(&click, &format!("ftd 5 EUR {status} token=eager-token-1"))
                .await
                .ok(json!({ "status": status }));
            assert_eq!(made["decided_at"].is_null(), status == "pending");
        }
        let click = server.click().await;
        server.refuses(&click, "ftd 5 EUR approved", "status_not_allowed", "conv_status").await;
        server.refuses(&click, "reg rejected", "no_status_flow", "goal_alias").await;
        server.conv(&click, "reg approved").await.ok(json!({ "status": "approved" }));
        server.conv(&click, "ftd 5 EUR pending").await.ok(json!({ "status": "pending" }));
    }

    async fn an_event_may_have_happened_before_and_not_in_the_future(server: Server) {
        let click = server.click().await;
        server.conv(&click, "ftd 5 EUR").await.ok(json!({}));
        let soon = SystemClock.now().seconds() + 240;
        for time in ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00.5%2B03:00", "1767607200", &soon.to_string()]
        {
            server.conv(&click, &format!("rdep 5 EUR event_time={time}")).await.ok(json!({}));
        }
        let late = SystemClock.now().seconds() + 360;
        for time in [
            "yesterday",
            "2026-01-05",
            "2026-13-05T10:00:00Z",
            "1767607200.5",
            "2999-01-01T00:00:00Z",
            &late.to_string(),
        ] {
            server
                .refuses(&click, &format!("rdep 5 EUR event_time={time}"), "invalid_event_time", "event_time")
                .await;
        }
    }

    async fn what_else_a_merchant_sends_is_kept(server: Server) {
        let click = server.click().await;
        let sent = format!("ftd 5 EUR player=Zo%C3%AB&empty=&{}", extras(30, 200));
        server.conv(&click, &sent).await.ok(json!({}));
        let kept = server.database().texts("SELECT extra FROM conversion").await.remove(0);
        assert!(kept.contains("player") && kept.contains("Zo\u{eb}") && kept.contains("extra29"), "{kept}");
        assert!(!kept.contains("acme-token-1") && !kept.contains("currency"), "{kept}");
        let other = server.click().await;
        server.refuses(&other, &format!("ftd 5 EUR {}", extras(33, 1)), "malformed_query", "").await;
        server.refuses(&other, &format!("ftd 5 EUR {}", extras(1, 1025)), "malformed_query", "extra0").await;
    }

    async fn of_equal_first_deposits_at_once_one_counts(server: Server) {
        let click = server.click().await;
        let all = join_all((0..32).map(|_| server.conv(&click, "ftd 100 EUR"))).await;
        let made: Vec<Value> = all.iter().map(|answer| answer.ok(json!({}))).collect();
        assert!(made.iter().all(|conversion| *conversion == made[0]));
        assert_eq!(all.iter().filter(|answer| answer.json["duplicate"] == false).count(), 1);
    }

    async fn of_opposite_decisions_at_once_one_wins(server: Server) {
        let click = server.click().await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        let decide = |at: i32| if at % 2 == 0 { "ftd approved" } else { "ftd rejected" };
        let all: Vec<Answer> = join_all((0..32).map(|at| server.change(&click, decide(at)))).await;
        let winners = all.iter().filter(|answer| answer.status == 200 && answer.json["duplicate"] == false);
        assert_eq!(winners.count(), 1);
        for loser in all.iter().filter(|answer| answer.status != 200) {
            loser.refused(409, "already_decided", "conv_status");
        }
        assert_eq!(server.database().count("status_event").await, 2);
    }

    async fn what_was_answered_survives_a_crash(mut server: Server) {
        let click = server.click().await;
        let made = server.addchange(&click, "ftd 100 EUR approved").await.ok(json!({}));
        server.kill();
        server.restart();
        assert_eq!(
            server.addchange(&click, "ftd 100 EUR approved").await.ok(json!({ "duplicate": true })),
            made
        );
    }
}

/// So many parameters of so many bytes each.
fn extras(count: usize, bytes: usize) -> String {
    (0..count).map(|at| format!("extra{at}={}", "v".repeat(bytes))).collect::<Vec<_>>().join("&")
}
