//! The contract's table of errors, row by row, and the order in which they are looked for.

use serde_json::json;

use crate::support::{
    Database, Program, Server, WORLD, eventually, on_both_databases, percent_encoded, query,
};

/// Expects a refusal, and that the log has the request with its token redacted.
async fn check(server: &Server, address: &str, status: u16, code: &str, parameter: &str) {
    let answer = server.get(address).await;
    answer.refused(status, code, parameter);
    let logged =
        server.database().logged(&answer).await.unwrap_or_else(|| panic!("{address} is not in the log"));
    assert!(logged.starts_with(&format!("{code} {status} ")), "{address}: {logged}");
    assert!(!logged.contains("-token-1"), "{address}: {logged}");
    assert_eq!(
        logged.contains(r#"["token","[redacted]"]"#),
        address.contains("token="),
        "{address}: {logged}"
    );
}

on_both_databases! {
    async fn every_refusal_names_its_code_and_parameter_and_is_logged(server: Server) {
        let click = server.click().await;
        let full = query(&click, "ftd 5 EUR");
        let conv = |changed: &str| format!("/track/conv?{changed}");
        let without = |name: &str| {
            let kept: Vec<_> =
                full.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
            kept.join("&")
        };
        let bad_request = [
            (without("click_id"), "missing_parameter", "click_id"),
            (without("goal_alias"), "missing_parameter", "goal_alias"),
            (without("amount"), "missing_parameter", "amount"),
            (without("currency"), "missing_parameter", "currency"),
            (format!("{full}&amount=5"), "duplicate_parameter", "amount"),
            (format!("{full}&%61mount=6"), "duplicate_parameter", "amount"),
            (format!("{full}&mine=1&mine=1"), "duplicate_parameter", "mine"),
            (format!("{full}&mine=%ff"), "malformed_query", "mine"),
            (format!("{full}&mine=%zz"), "malformed_query", "mine"),
            (format!("{full}&mine=a%00b"), "malformed_query", "mine"),
            (full.replace(&click, "no%20spaces"), "invalid_click_id", "click_id"),
            (full.replace(&click, &"x".repeat(129)), "invalid_click_id", "click_id"),
            (full.replace("amount=5", "amount=five"), "invalid_amount", "amount"),
            (full.replace("amount=5", "amount=5.001"), "amount_precision", "amount"),
            (full.replace("EUR", "EURO"), "invalid_currency", "currency"),
            (format!("{full}&conv_status=maybe"), "invalid_status", "conv_status"),
            (format!("{full}&event_time=soon"), "invalid_event_time", "event_time"),
            (full.replace("=ftd", "=jackpot"), "unknown_goal", "goal_alias"),
            (full.replace("=ftd", "=FTD%20"), "unknown_goal", "goal_alias"),
        ];
        for (query, code, parameter) in bad_request {
            check(&server, &conv(&query), 400, code, parameter).await;
        }
        let forbidden =
            [("asleep", "merchant_inactive"), ("walled", "ip_not_allowed"), ("plain", "deal_not_hybrid")];
        let plain = server.click_to("plain").await;
        for (merchant, code) in forbidden {
            let query = query(&plain, &format!("revshare 5 EUR token={merchant}-token-1"));
            let answer = server.get(&conv(&query)).await;
            answer.refused(403, code, answer.json["parameter"].as_str().unwrap_or_default());
            assert!(server.database().logged(&answer).await.unwrap().starts_with(&format!("{code} 403 ")));
        }
        check(
            &server,
            &conv(&format!("{full}&conv_status=approved")),
            403,
            "status_not_allowed",
            "conv_status",
        )
        .await;
        let signed = full.replace("acme-token-1", "signed-token-1");
        check(&server, &conv(&signed), 401, "invalid_signature", "sig").await;
        check(&server, &conv(&full.replace(&click, "no-such-click")), 404, "click_not_found", "click_id")
            .await;
        check(&server, &conv(&full.replace(&click, &plain)), 404, "click_not_found", "click_id").await;
        let change = format!("/track/conv-change?{}", query(&click, "ftd approved"));
        check(&server, &change, 404, "conversion_not_found", "goal_alias").await;
        check(&server, &conv(&query(&click, "rdep 5 EUR")), 409, "ftd_missing", "goal_alias").await;
        assert_eq!(server.database().count("conversion").await, 0);
    }

    async fn what_contradicts_the_record_is_a_conflict_and_logged(server: Server) {
        let click = server.click().await;
        server.addchange(&click, "ftd 100 EUR approved").await.ok(json!({}));
        for id in ["L-1", "L-2"] {
            server.conv(&click, &format!("lead transaction_id={id}")).await.ok(json!({}));
        }
        let (conv, change) = ("/track/conv", "/track/conv-change");
        let rows = [
            (conv, "rdep 5 USD", "currency_mismatch", "currency"),
            (change, "ftd approved amount=5 currency=EUR", "amount_mismatch", "amount"),
            (conv, "ftd 101 EUR", "conflicting_duplicate", "amount"),
            (change, "ftd rejected", "already_decided", "conv_status"),
            (change, "lead approved", "ambiguous_conversion", "transaction_id"),
            (change, "reg approved", "no_status_flow", "goal_alias"),
        ];
        for (endpoint, words, code, parameter) in rows {
            check(&server, &format!("{endpoint}?{}", query(&click, words)), 409, code, parameter).await;
        }
        assert_eq!(server.database().count("conversion").await, 3);
        assert_eq!(server.database().count("status_event").await, 4);
    }

    async fn a_placeholder_that_was_never_filled_is_told_apart(server: Server) {
        let click = server.click().await;
        let forms = [
            "{sale_amount}",
            "{{sale_amount}}",
            "${sale_amount}",
            "##amount##",
            "#amount#",
            "[amount]",
            "%amount%",
            "<amount>",
            "REPLACE",
            "OPTIONAL",
        ];
        for placeholder in forms {
            for parameter in ["amount", "currency", "conv_status", "transaction_id", "event_time"] {
                let kept = query(&click, "ftd 5 EUR");
                let kept: Vec<_> = kept.split('&').filter(|pair| !pair.starts_with(parameter)).collect();
                let query = format!("{}&{parameter}={}", kept.join("&"), percent_encoded(placeholder));
                server.get(&format!("/track/conv?{query}")).await.refused(400, "unresolved_macro", parameter);
            }
        }
        for as_it_stands in ["%amount%", "{amount}", "[amount]", "${amount}"] {
            let query = query(&click, &format!("ftd amount={as_it_stands} EUR"));
            check(&server, &format!("/track/conv?{query}"), 400, "unresolved_macro", "amount").await;
        }
        assert_eq!(server.database().count("conversion").await, 0);
    }

    async fn checks_are_made_in_the_order_of_the_contract(server: Server) {
        // Each query has every later mistake too.
        let rows = [
            ("a=%ff&token=nope&click_id=?&goal_alias=?", 400, "malformed_query"),
            ("token=nope&click_id=%20&goal_alias=x", 401, "invalid_token"),
            ("token=asleep-token-1&click_id=%20&goal_alias=x", 403, "merchant_inactive"),
            ("token=walled-token-1&click_id=%20&goal_alias=x", 403, "ip_not_allowed"),
            ("token=acme-token-1&click_id=%20&goal_alias=x&amount=x&currency=x", 400, "invalid_click_id"),
            ("token=acme-token-1&click_id=no&goal_alias=x&amount=x&currency=x", 400, "unknown_goal"),
            ("token=acme-token-1&click_id=no&goal_alias=ftd&amount=x&currency=x", 400, "invalid_amount"),
            (
                "token=acme-token-1&click_id=no&goal_alias=ftd&amount=5&currency=x&conv_status=x",
                400,
                "invalid_currency",
            ),
            (
                "token=acme-token-1&click_id=no&goal_alias=ftd&amount=5&currency=EUR&conv_status=x&event_time=x",
                400,
                "invalid_status",
            ),
            (
                "token=acme-token-1&click_id=no&goal_alias=ftd&amount=5&currency=EUR&event_time=x&sig=00",
                400,
                "invalid_event_time",
            ),
            (
                "token=acme-token-1&click_id=no&goal_alias=rdep&amount=5&currency=EUR&sig=00",
                401,
                "invalid_signature",
            ),
            ("token=acme-token-1&click_id=no&goal_alias=rdep&amount=5&currency=EUR", 404, "click_not_found"),
        ];
        for (query, status, code) in rows {
            let answer = server.get(&format!("/track/conv?{query}")).await;
            answer.refused(status, code, answer.json["parameter"].as_str().unwrap_or_default());
        }
        let long = format!("/track/conv?a=%ff&token=nope&x={}", "x".repeat(8 * 1024));
        server.get(&long).await.refused(414, "uri_too_long", "");
    }

    async fn a_token_that_opens_nothing_says_nothing_more(server: Server) {
        let click = server.click().await;
        let issued = server.command(&["token", "issue", "--merchant", "acme", "--label", "gone"]).ok();
        let expiring =
            server.command(&["token", "issue", "--merchant", "acme", "--label", "old", "--days", "1"]).ok();
        let listed = server.command(&["token", "list", "--json"]).ok();
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let gone = listed.as_array().unwrap().iter().find(|token| token["label"] == "gone").unwrap();
        server.command(&["token", "revoke", gone["id"].as_str().unwrap()]).ok();
        server.database().execute("UPDATE token SET expires_at = created_at WHERE label = 'old'").await;
        server.database().execute("UPDATE catalog SET version = version + 1").await;
        let address =
            |token: &str| format!("/track/conv?{}", query(&click, &format!("ftd 5 EUR token={token}")));
        for token in [issued.trim(), expiring.trim()] {
            eventually("a dead token is refused", async || {
                server.get(&format!("{}&dry_run=1", address(token))).await.status == 401
            })
            .await;
        }
        let absent = format!("/track/conv?click_id={click}&goal_alias=ftd&amount=5&currency=EUR");
        let mut shapes = Vec::new();
        for address in
            [absent, address(""), address("nope"), address(issued.trim()), address(expiring.trim())]
        {
            let mut answer = server.get(&address).await;
            answer.refused(401, "invalid_token", "token");
            answer.json["request_id"] = json!("");
            let headers = answer.header_names();
            shapes.push((answer.json, headers));
        }
        assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
    }

    async fn another_merchants_click_looks_like_none(server: Server) {
        let theirs = server.click_to("plain").await;
        let mut shapes = Vec::new();
        for click in [theirs.as_str(), "01900000-0000-7000-8000-000000000000"] {
            let mut answer = server.conv(click, "ftd 5 EUR").await;
            answer.refused(404, "click_not_found", "click_id");
            answer.json["request_id"] = json!("");
            shapes.push(answer.json);
        }
        assert_eq!(shapes[0], shapes[1]);
    }

    async fn other_methods_record_nothing(server: Server) {
        let click = server.click().await;
        for endpoint in ["conv", "conv-change", "conv-addchange"] {
            let address = format!("/track/{endpoint}?{}", query(&click, "ftd 5 EUR approved"));
            for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PURGE"] {
                let answer = server.request(method, &address, &[], "").await;
                assert_eq!((answer.status, answer.header("allow")), (405, "GET, POST"), "{method} {address}");
                if method != "HEAD" {
                    answer.refused(405, "method_not_allowed", "");
                }
            }
        }
        assert_eq!(server.database().count("conversion").await, 0);
    }

    async fn sizes_and_types_of_bodies_are_bounded(server: Server) {
        let click = server.click().await;
        let form = "application/x-www-form-urlencoded";
        let body = query(&click, "ftd 5 EUR");
        let padded = |length: usize| format!("{body}&{}", "&".repeat(length - body.len() - 1));
        server.post("/track/conv", form, &padded(64 * 1024 + 1)).await.refused(413, "body_too_large", "");
        for unsupported in
            ["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/jsonp"]
        {
            server.post("/track/conv", unsupported, &body).await.refused(415, "unsupported_media_type", "");
        }
        assert_eq!(server.database().count("conversion").await, 0);
        server.post("/track/conv", form, &padded(64 * 1024)).await.ok(json!({}));
        for broken in ["", "[]", "{", "{} x", "5", r#"{"a": {"b": 1}}"#, r#"{"a": [1]}"#] {
            let address = format!("/track/conv?{body}");
            let answer = server.post(&address, "application/json", broken).await;
            answer.refused(400, "malformed_query", if broken.contains('a') { "a" } else { "" });
        }
    }

    async fn who_sends_too_fast_is_told_when_to_come_back(database: Database) {
        let program = Program::new(&database).with("COUNTERSIGN_RATE_LIMIT", "3");
        program.apply(WORLD).ok();
        let server = program.serve();
        let click = server.click().await;
        for token in ["acme-token-1", "nope"] {
            let address = format!("/track/conv?{}", query(&click, &format!("ftd 5 EUR token={token}")));
            let mut limited = None;
            eventually("a sender is limited", async || {
                limited = Some(server.get(&address).await).filter(|answer| answer.status == 429);
                limited.is_some()
            })
            .await;
            let limited = limited.unwrap();
            limited.refused(429, "rate_limited", "");
            assert!(limited.header("retry-after").parse::<u32>().unwrap() >= 1);
        }
        // Others are none the worse.
        let plain = server.click_to("plain").await;
        server.conv(&plain, "ftd 5 EUR token=plain-token-1").await.ok(json!({}));
        eventually("the sender is heard again", async || {
            server.conv(&click, "ftd 5 EUR").await.status == 200
        })
        .await;
    }

    async fn an_address_that_leads_nowhere_says_where_to_go(server: Server) {
        for address in ["/track", "/track/", "/track/conv/", "/track/convert", "/Click", "//click"] {
            server.get(address).await.refused(404, "not_found", "");
        }
    }
}
