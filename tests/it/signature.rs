//! Signed postbacks.

use countersign::clock::{Clock, SystemClock};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::{Answer, Server, on_both_databases, percent_encoded};

const SECRET: &str = "signed-signing-secret";

/// The signature as the contract has it, made without the program's own code.
pub(crate) fn signature(secret: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let text = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

async fn send(server: &Server, parameters: &[(&str, &str)]) -> Answer {
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    server.get(&format!("/track/conv?{}", pairs.collect::<Vec<_>>().join("&"))).await
}

/// The parameters of a first deposit, with the time of signing.
fn deposit<'a>(click: &'a str, token: &'a str, time: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("token", token),
        ("goal_alias", "ftd"),
        ("click_id", click),
        ("currency", "EUR"),
        ("amount", "5.00"),
        ("player name", "Zo\u{eb} & Co = +1"),
        ("ts", time),
    ]
}

on_both_databases! {
    async fn a_signed_postback_is_taken_and_an_unsigned_one_refused(server: Server) {
        let click = server.click_to("signed").await;
        let now = SystemClock.now().seconds().to_string();
        let unsigned = deposit(&click, "signed-token-1", &now);
        send(&server, &unsigned).await.refused(401, "invalid_signature", "sig");
        let signature = signature(SECRET, &unsigned);
        let mut signed = unsigned.clone();
        signed.push(("sig", &signature));
        send(&server, &signed).await.ok(json!({ "duplicate": false, "amount": "5.00" }));
        signed.reverse();
        send(&server, &signed).await.ok(json!({ "duplicate": true }));
        let upper = signature.to_uppercase();
        signed[0].1 = &upper;
        send(&server, &signed).await.ok(json!({ "duplicate": true }));
    }

    async fn a_signature_covers_every_parameter(server: Server) {
        let click = server.click_to("signed").await;
        let now = SystemClock.now().seconds().to_string();
        let honest = deposit(&click, "signed-token-1", &now);
        let signature = signature(SECRET, &honest);
        for position in 0..honest.len() {
            let mut forged = honest.clone();
            let name = forged[position].0;
            if matches!(name, "token" | "goal_alias" | "click_id" | "ts") {
                continue;
            }
            let other = if name == "amount" { "6.00" } else { "USD" };
            forged[position].1 = other;
            forged.push(("sig", &signature));
            send(&server, &forged).await.refused(401, "invalid_signature", "sig");
        }
        let mut longer = honest.clone();
        longer.extend([("dry_run", "0"), ("sig", &signature)]);
        send(&server, &longer).await.refused(401, "invalid_signature", "sig");
        let mut shorter: Vec<_> = honest.iter().copied().filter(|(name, _)| *name != "player name").collect();
        shorter.push(("sig", &signature));
        send(&server, &shorter).await.refused(401, "invalid_signature", "sig");
        for wrong in ["00", "zz", &signature[..63], &format!("{signature}00")] {
            let mut forged = honest.clone();
            forged.push(("sig", wrong));
            send(&server, &forged).await.refused(401, "invalid_signature", "sig");
        }
        assert_eq!(server.database().count("conversion").await, 0);
    }

    async fn a_signature_ages(server: Server) {
        let click = server.click_to("signed").await;
        let now = SystemClock.now().seconds();
        for (offset, taken) in [(-290, true), (290, true), (-310, false), (310, false)] {
            let time = (now + offset).to_string();
            let mut signed = deposit(&click, "signed-token-1", &time);
            let signature = signature(SECRET, &signed);
            signed.push(("sig", &signature));
            let answer = send(&server, &signed).await;
            if taken {
                answer.ok(json!({}));
            } else {
                answer.refused(401, "invalid_signature", "ts");
            }
        }
        for time in ["", "now", "1e9"] {
            let mut signed = deposit(&click, "signed-token-1", time);
            let signature = signature(SECRET, &signed);
            signed.push(("sig", &signature));
            send(&server, &signed).await.refused(401, "invalid_signature", "ts");
        }
    }

    async fn a_signature_that_nobody_asked_for_is_checked_too(server: Server) {
        let click = server.click().await;
        let now = SystemClock.now().seconds().to_string();
        let mut signed = deposit(&click, "acme-token-1", &now);
        send(&server, &signed).await.ok(json!({}));
        signed.push(("sig", "00"));
        send(&server, &signed).await.refused(401, "invalid_signature", "sig");
    }
}
