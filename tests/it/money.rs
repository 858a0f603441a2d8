//! Amounts, currencies and revenue: exact from the wire to the database and back.

use serde_json::json;

use crate::support::{Server, WORLD, on_both_databases, percent_encoded};

on_both_databases! {
    async fn amounts_are_kept_as_exactly_as_they_were_sent(server: Server) {
        let cases = [
            ("100 EUR", "100.00"),
            ("100.1 EUR", "100.10"),
            ("0.01 EUR", "0.01"),
            ("1.10000000 EUR", "1.10"),
            ("89999999999.99 EUR", "89999999999.99"),
            ("100 JPY", "100"),
            ("100.0 JPY", "100"),
            ("1.234 KWD", "1.234"),
            ("1.123456 USDT", "1.123456"),
            ("0.00000001 BTC", "0.00000001"),
            ("0.1 BTC", "0.10000000"),
            ("33.33 usd", "33.33"),
        ];
        for (sent, shown) in cases {
            let click = server.click().await;
            let first = server.conv(&click, &format!("ftd {sent}")).await.ok(json!({ "amount": shown }));
            // The second answer comes from what is stored.
            assert_eq!(
                server.conv(&click, &format!("ftd {sent}")).await.ok(json!({ "duplicate": true })),
                first
            );
        }
    }

    async fn what_is_no_plain_amount_is_refused(server: Server) {
        let click = server.click().await;
        let invalid = [
            "1e3",
            "1,50",
            "1 000",
            "1'000",
            "+5",
            "1.",
            ".5",
            ".",
            "-",
            "abc",
            "NaN",
            "inf",
            "0x10",
            "-5",
            "0",
            "0.00",
            "90000000000",
            "99999999999999999999999999999999",
            "\u{661}\u{662}",
            "5 EUR",
            "--5",
            "1.2.3",
        ];
        for text in invalid {
            let words = format!("ftd amount={} EUR", percent_encoded(text));
            server.refuses(&click, &words, "invalid_amount", "amount").await;
        }
        for (amount, currency) in [
            ("10.001", "EUR"),
            ("1.5", "JPY"),
            ("1.2345", "KWD"),
            ("1.1234567", "USDT"),
            ("0.000000001", "BTC"),
        ] {
            server.refuses(&click, &format!("ftd {amount} {currency}"), "amount_precision", "amount").await;
        }
        server.refuses(&click, "ftd EUR", "missing_parameter", "amount").await;
        server.refuses(&click, "ftd amount= EUR", "missing_parameter", "amount").await;
        server.refuses(&click, "ftd 5", "missing_parameter", "currency").await;
    }

    async fn revenue_is_multiplied_exactly_and_rounded_half_even(server: Server) {
        let click = server.click().await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({}));
        let cases = [
            ("1000.10", "1000.10", "350.035"),
            ("-20", "-20.00", "-7.00"),
            ("0.00000010", "0.0000001", "0.00000004"),
            ("0.00000030", "0.0000003", "0.0000001"),
            ("-0.00000030", "-0.0000003", "-0.0000001"),
            ("89999999999.99999999", "89999999999.99999999", "31500000000.00"),
            ("0.00000001", "0.00000001", "0.00"),
        ];
        for (sent, amount, revenue) in cases {
            let expected = json!({ "amount": amount, "revenue": revenue, "revshare_multiplier": "0.35" });
            server.conv(&click, &format!("revshare {sent} EUR")).await.ok(expected);
        }
        server.refuses(&click, "revshare 0 EUR", "invalid_amount", "amount").await;
        server.refuses(&click, "revshare 0.000000001 EUR", "amount_precision", "amount").await;
        let plain = server.click_to("plain").await;
        server.refuses(&plain, "revshare 5 EUR token=plain-token-1", "deal_not_hybrid", "goal_alias").await;
    }

    async fn a_later_deal_never_rewrites_history(server: Server) {
        let click = server.click().await;
        let words = "revshare 100 EUR transaction_id=before";
        let before =
            server.conv(&click, words).await.ok(json!({ "revenue": "35.00", "revshare_multiplier": "0.35" }));
        server.program.apply(&WORLD.replace("\"0.35\"", "\"0.5\"")).ok();
        // No waiting: a conversion is priced by the deal that is in force when it is committed.
        server.conv(&click, "revshare 100 EUR transaction_id=after").await.ok(json!({ "revenue": "50.00" }));
        assert_eq!(server.conv(&click, words).await.ok(json!({ "duplicate": true })), before);
    }

    async fn the_first_deposit_sets_the_currency_of_the_player(server: Server) {
        let click = server.click().await;
        server.conv(&click, "ftd 100 eur").await.ok(json!({ "currency": "EUR" }));
        server.change(&click, "ftd approved currency=USD").await.refused(
            409,
            "currency_mismatch",
            "currency",
        );
        server.change(&click, "ftd approved amount=99 currency=EUR").await.refused(
            409,
            "amount_mismatch",
            "amount",
        );
        for goal in ["rdep", "revshare", "fee"] {
            server.refuses(&click, &format!("{goal} 5 USD"), "currency_mismatch", "currency").await;
            server.conv(&click, &format!("{goal} 5 Eur")).await.ok(json!({ "currency": "EUR" }));
        }
        server
            .change(&click, "ftd approved amount=100.00 currency=eur")
            .await
            .ok(json!({ "status": "approved" }));
        for unknown in ["EURO", "EU", "XXY", "123", "\u{20ac}"] {
            let words = format!("rdep 5 currency={}", percent_encoded(unknown));
            server.refuses(&click, &words, "invalid_currency", "currency").await;
        }
        let plain = server.click_to("plain").await;
        server.refuses(&plain, "ftd 5 BTC token=plain-token-1", "invalid_currency", "currency").await;
    }
}
