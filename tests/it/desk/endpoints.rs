//! Postback endpoints with their preview, pixels with their warnings, dialects, currencies.

use serde_json::{Value, json};

use super::{
    Desk, between, read,
    settings::{Sent, change, described, error, leads_to, plain, post, untouched, with},
};
use crate::{
    api::{Api, has},
    support::{Answer, Server, on_both_databases},
};

const POSTBACKS: &str = "/settings/postbacks";
const DIALECTS: &str = "/settings/dialects";

/// What the form for a new endpoint sends, filled in like this.
async fn fresh(desk: &Desk<'_>, values: &[(&str, &str)]) -> Sent {
    let usual = [("id", "lotus-pb"), ("affiliate", "lotus"), ("url", "https://t.example/pb?cid={cl_id}")];
    let page = desk.page("/settings/postbacks/new").await;
    with(with(untouched(&page, POSTBACKS), &usual), values)
}

/// What a page says an endpoint would send, or what is wrong.
#[track_caller]
fn preview(page: &str) -> String {
    plain(&read(between(page, "<section id=\"preview\"", "</section>")))
}

fn no_secret(answer: &Answer, secrets: &[&str]) {
    for secret in secrets {
        assert!(!answer.text.contains(secret), "{secret} in {}", answer.text);
    }
}

on_both_databases! {
    async fn an_endpoint_is_added_listed_and_changed(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let values = [
            ("statuses", "pending"), ("goal", "ftd"), ("offer", "acme-offer"), ("method", "POST_FORM"),
            ("params", "click = {cl_id}\r\nstatus = {status}"), ("headers", "X-Network = countersign"),
            ("success_statuses", "200,204"), ("body_contains", "OK"),
        ];
        leads_to(&post(&olga, POSTBACKS, &fresh(&olga, &values).await).await, "/settings/postbacks/lotus-pb?saved=1");
        let expected = json!({
            "affiliate": "lotus", "offer": "acme-offer", "goal": "ftd", "statuses": ["pending"], "active": true,
            "method": "POST_FORM", "url": "https://t.example/pb?cid={cl_id}",
            "params": {"click": "{cl_id}", "status": "{status}"}, "headers": {"X-Network": "countersign"},
            "success": {"statuses": "200,204", "body_contains": "OK"},
        });
        has(&described(&server, "/postbacks/lotus-pb").await, expected);
        let listed = read(&olga.page(POSTBACKS).await);
        let row = "lotus-pb Lotus Media First deposit of Acme Slots: pending POST a form t.example active";
        assert!(listed.contains(row), "{listed}");
        let address = "/settings/postbacks/lotus-pb";
        let page = olga.page(address).await;
        assert!(preview(&page).contains("POST https://t.example/pb?cid=countersign-test-cl_id"), "{}", preview(&page));
        assert!(preview(&page).contains("click=countersign-test-cl_id&status=pending"), "{}", preview(&page));
        assert!(page.contains("action=\"/deliveries/endpoints/lotus-pb/test\""), "{page}");
        let mut sent = with(untouched(&page, address), &[("offer", ""), ("params", ""), ("method", "GET")]);
        sent.retain(|(name, _)| name != "active");
        leads_to(&post(&olga, address, &sent).await, "/settings/postbacks/lotus-pb?saved=1");
        let changed = described(&server, "/postbacks/lotus-pb").await;
        has(&changed, json!({"active": false, "method": "GET", "goal": "ftd", "success.body_contains": "OK"}));
        assert_eq!((changed.get("offer"), changed.get("params").cloned().unwrap_or(json!({}))), (None, json!({})));
        let again = post(&olga, POSTBACKS, &fresh(&olga, &[]).await).await;
        assert_eq!(again.status, 409, "{}", again.text);
        assert!(error(&again, "id").contains("already"), "{}", error(&again, "id"));
    }

    async fn a_bad_macro_is_refused_by_naming_the_nearest_and_nothing_is_lost(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let bad = [("url", "https://t.example/?c={clik_id}&p={payout}"), ("params", "s = {status}"), ("goal", "ftd")];
        let refused = post(&olga, POSTBACKS, &fresh(&olga, &bad).await).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(error(&refused, "url").contains("did you mean {click_id}?"), "{}", error(&refused, "url"));
        assert!(preview(&refused.text).contains("URL: Unknown macro {clik_id}"), "{}", preview(&refused.text));
        let sent = untouched(&refused.text, POSTBACKS);
        for (name, value) in bad.iter().chain(&[("id", "lotus-pb"), ("affiliate", "lotus")]) {
            assert!(sent.contains(&((*name).to_owned(), (*value).to_owned())), "{name} is lost: {sent:?}");
        }
        let mended = with(sent, &[("url", "https://t.example/?c={click_id}"), ("params", "s = {statuss}")]);
        let refused = post(&olga, POSTBACKS, &mended).await;
        assert!(error(&refused, "params").contains("did you mean {status}?"), "{}", error(&refused, "params"));
        assert_eq!(server.database().count("postback_endpoint").await, 0);
        let mended = with(untouched(&refused.text, POSTBACKS), &[("params", "s = {status}")]);
        leads_to(&post(&olga, POSTBACKS, &mended).await, "/settings/postbacks/lotus-pb?saved=1");
        let address = "/settings/postbacks/lotus-pb";
        let refused = change(&olga, address, &[("headers", "X-Sub = {sub11x}")]).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(error(&refused, "headers").contains("did you mean"), "{}", error(&refused, "headers"));
        let stored = described(&server, "/postbacks/lotus-pb").await;
        assert!(stored["headers"].as_object().is_none_or(serde_json::Map::is_empty), "{stored}");
    }

    async fn a_preview_shows_the_request_or_what_is_wrong_and_saves_nothing(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let address = "/settings/postbacks/new/preview";
        assert!(preview(&olga.page("/settings/postbacks/new").await).contains("Fill in the URL"));
        let sent = with(fresh(&olga, &[]).await, &[
            ("id", ""), ("method", "GET"), ("url", "https://t.example/?c={click_id}&amount={amount}&token=of-tracker"),
            ("params", "state = {status}"), ("password", "typed-just-now"), ("login", "me"),
        ]);
        let page = post(&olga, address, &sent).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let told = preview(&page.text);
        let url = "GET https://t.example/?c=countersign-test-click&amount=100.00&token=[redacted]&state=approved";
        assert!(told.contains(url) && told.contains("authorization: [redacted]"), "{told}");
        no_secret(&page, &["typed-just-now"]);
        assert!(error(&page, "password").contains("Write it again"));
        assert!(untouched(&page.text, POSTBACKS).contains(&("params".to_owned(), "state = {status}".to_owned())));
        for (values, said) in [
            ([("url", "https://t.example/?c={cl_idd}"), ("params", "")], "URL: Unknown macro {cl_idd}"),
            ([("url", "ftp://t.example/"), ("params", "")], "URL: "),
            ([("url", "https://t.example/"), ("params", "no pair")], "Parameters: Write name = value"),
            ([("url", "https://t.example/"), ("affiliate", "nobody")], "Affiliate: There is no affiliate nobody"),
            ([("url", "https://t.example/?token={keep}"), ("params", "")], "URL: There is no `token` to keep"),
        ] {
            let page = post(&olga, address, &with(sent.clone(), &values)).await;
            assert_eq!(page.status, 200, "{}", page.text);
            assert!(preview(&page.text).contains(said), "{said}: {}", preview(&page.text));
        }
        assert_eq!(server.database().count("postback_endpoint").await, 0);
        assert_eq!(post(&olga, "/settings/postbacks/nobody/preview", &sent).await.status, 404);
    }

    async fn secrets_are_never_shown_are_kept_and_can_be_forgotten(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let secrets = ["of-the-tracker", "a-login-of-ours", "a-password-of-ours", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
        let values = [
            ("method", "POST_JSON"), ("url", "https://t.example/?c={cl_id}&api_key=of-the-tracker"),
            ("login", secrets[1]), ("password", secrets[2]),
            ("signing_secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ];
        let address = "/settings/postbacks/lotus-pb";
        leads_to(&post(&olga, POSTBACKS, &fresh(&olga, &values).await).await, "/settings/postbacks/lotus-pb?saved=1");
        for page in [address, POSTBACKS] {
            no_secret(&olga.get(page).await, &secrets);
        }
        let page = olga.page(address).await;
        assert!(page.contains("api_key={keep}") && page.contains("One is kept"), "{page}");
        assert!(preview(&page).contains("api_key=[redacted]") && preview(&page).contains("authorization: [redacted]"));
        let before = described(&server, "/postbacks/lotus-pb").await;
        leads_to(&post(&olga, address, &untouched(&page, address)).await, "/settings/postbacks/lotus-pb?saved=1");
        assert_eq!(described(&server, "/postbacks/lotus-pb").await, before);
        let elsewhere = change(&olga, address, &[("url", "https://evil.example/?api_key={keep}")]).await;
        assert_eq!(elsewhere.status, 400, "{}", elsewhere.text);
        assert!(error(&elsewhere, "url").contains("write them anew"), "{}", error(&elsewhere, "url"));
        no_secret(&elsewhere, &secrets);
        let sent = with(untouched(&page, address), &[("forget_auth", "1"), ("token", "one-token-instead")]);
        leads_to(&post(&olga, address, &sent).await, "/settings/postbacks/lotus-pb?saved=1");
        let auth = described(&server, "/postbacks/lotus-pb").await["basic_auth"].clone();
        assert_eq!(auth, json!({"token": {"keep": true}}));
        leads_to(&change(&olga, address, &[("forget_auth", "1"), ("forget_signing", "1")]).await,
            "/settings/postbacks/lotus-pb?saved=1");
        let bare = described(&server, "/postbacks/lotus-pb").await;
        assert_eq!((bare.get("basic_auth"), bare.get("signing_secret")), (None, None));
        let entries = Api::new(&server, "viewer").get("/audit?subject=postback:lotus-pb").await;
        no_secret(&entries, &secrets);
    }

    async fn a_stale_form_comes_back_and_a_viewer_only_looks(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let address = "/settings/postbacks/lotus-pb";
        leads_to(&post(&olga, POSTBACKS, &fresh(&olga, &[]).await).await, "/settings/postbacks/lotus-pb?saved=1");
        let seen = untouched(&olga.page(address).await, address);
        let changed = change(&olga, address, &[("url", "https://other.example/")]).await;
        leads_to(&changed, "/settings/postbacks/lotus-pb?saved=1");
        let stale = post(&olga, address, &with(seen, &[("params", "mine = 1")])).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        assert_eq!(error(&stale, "url"), "It is now: https://other.example/");
        assert!(stale.text.contains("mine = 1"));
        leads_to(&post(&olga, address, &untouched(&stale.text, address)).await, "/settings/postbacks/lotus-pb?saved=1");
        assert_eq!(described(&server, "/postbacks/lotus-pb").await["params"], json!({"mine": "1"}));
        let victor = Desk::new(&server, "victor", "viewer").await;
        let page = victor.page(address).await;
        assert!(read(&page).contains("t.example") && !page.contains("class=\"stacked\"") && !page.contains("/test\""));
        assert_eq!(victor.get("/settings/postbacks/new").await.status, 403);
        for to in [POSTBACKS, address, "/settings/postbacks/lotus-pb/preview", "/settings/pixels", DIALECTS,
            "/settings/currencies", "/settings/dialects/keitaro"] {
            let fields = [("id", "mine"), ("code", "MINE"), ("configuration", "[[dialect]]\nid = \"mine\"")];
            assert_eq!(victor.post(to, &fields).await.status, 403, "{to}");
        }
        let entries = Api::new(&server, "viewer").get("/audit?actor=user:victor").await.json;
        assert_eq!(entries["items"].as_array().map(Vec::len), Some(8), "{entries}");
        assert!(entries["items"].as_array().unwrap().iter().all(|entry| entry["outcome"] == "forbidden"));
        assert_eq!(victor.get("/settings/postbacks/nobody").await.status, 404);
    }

    async fn a_pixel_warns_of_clicks_without_its_match_keys_and_hides_its_secret(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let (all, address) = ("/settings/pixels", "/settings/pixels/acme-meta");
        let values = [
            ("id", "acme-meta"), ("platform", "meta"), ("offer", "acme-offer"), ("pixel_id", "1234567890"),
            ("secret", "access-token-of-meta"), ("events", "kyc = Lead\r\nrdep ="), ("test_event_code", "TEST123"),
        ];
        let fresh = untouched(&olga.page("/settings/pixels/new").await, all);
        let short = with(with(fresh.clone(), &values), &[("secret", "x")]);
        let wrong = post(&olga, all, &short).await;
        assert_eq!(wrong.status, 400, "{}", wrong.text);
        assert!(error(&wrong, "secret").contains("8 or more"), "{}", error(&wrong, "secret"));
        leads_to(&post(&olga, all, &with(fresh, &values)).await, "/settings/pixels/acme-meta?saved=1");
        let page = olga.get(address).await;
        no_secret(&page, &["access-token-of-meta"]);
        let text = read(&page.text);
        assert!(text.contains("No click yet to look for any of") && text.contains("test_event_code out"), "{text}");
        assert!(text.contains("kyc Lead"), "{text}");
        for _ in 0..3 {
            server.click().await;
        }
        let told = "3 of the last 3 clicks carried none of";
        let command = server.command(&["pixel", "list"]).ok();
        assert!(command.contains(told), "{command}");
        for page in [all, address] {
            assert!(read(&olga.page(page).await).contains(told), "{page}");
        }
        let stored = described(&server, "/pixels/acme-meta").await;
        has(&stored, json!({"events": {"kyc": "Lead", "rdep": ""}, "secret": {"keep": true}, "when": "approved"}));
        leads_to(&change(&olga, address, &[("when", "both"), ("test_event_code", "")]).await,
            "/settings/pixels/acme-meta?saved=1");
        let changed = described(&server, "/pixels/acme-meta").await;
        has(&changed, json!({"when": "both", "secret": {"keep": true}}));
        assert!(!read(&olga.page(address).await).contains("test_event_code out"));
    }

    async fn dialects_are_explained_and_ones_own_are_written_as_configuration(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let listed = read(&olga.page(DIALECTS).await);
        assert!(listed.contains("Keitaro keitaro") && listed.contains("Comes with the program"), "{listed}");
        let shown = read(&olga.page("/settings/dialects/keitaro").await);
        assert!(shown.contains("click_id ← subid, sub_id") && shown.contains("[[dialect]]"), "{shown}");
        assert_eq!(olga.get("/settings/dialects/nobody").await.status, 404);
        let page = olga.page("/settings/dialects/new?from=keitaro").await;
        let copied = untouched(&page, DIALECTS);
        let text = &copied.iter().find(|(name, _)| name == "configuration").unwrap().1;
        let own = text.replace("id = \"keitaro\"", "id = \"house\"");
        for (text, said) in [
            ("[[dialect]\nid = 1", "Line 1: "), ("[[merchant]]\nid = \"x\"", "Write one [[dialect]]"),
            ("[[dialect]]\nid = \"house\"\nnmae = \"x\"", "nmae"),
            ("[[dialect]]\nid = \"house\"\n[dialect.parameters]\nclick = \"x\"", "parameters"),
            ("[[dialect]]\nid = \"house\"\nname = \"\\u0000\"", "NUL"),
            ("[[dialect]]\nid = \"conv\"\n[dialect.parameters]\nclick_id = \"c\"", "conv would change"),
        ] {
            let refused = post(&olga, DIALECTS, &with(copied.clone(), &[("configuration", text)])).await;
            assert_eq!(refused.status, 400, "{text}: {}", refused.text);
            assert!(error(&refused, "configuration").contains(said), "{said}: {}", error(&refused, "configuration"));
            let kept = &untouched(&refused.text, DIALECTS);
            assert!(kept.contains(&("configuration".to_owned(), text.replace('\n', "\r\n"))), "{kept:?}");
        }
        let added = post(&olga, DIALECTS, &with(copied, &[("configuration", &own)])).await;
        leads_to(&added, "/settings/dialects/house?saved=1");
        let stored: Value = described(&server, "/dialects/house").await;
        has(&stored, json!({"id": "house", "parameters.click_id": ["subid", "sub_id"]}));
        let address = "/settings/dialects/house";
        let before = untouched(&olga.page(address).await, address);
        leads_to(&post(&olga, address, &before).await, "/settings/dialects/house?saved=1");
        assert_eq!(described(&server, "/dialects/house").await, stored, "a form that was passed on changes nothing");
        let renamed = own.replace("name = \"Keitaro\"", "name = \"Our house\"");
        leads_to(&post(&olga, address, &with(before.clone(), &[("configuration", &renamed)])).await,
            "/settings/dialects/house?saved=1");
        let stale = post(&olga, address, &before).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        assert!(stale.text.contains("Somebody has changed it") && read(&stale.text).contains("Our house"));
        let other = own.replace("id = \"house\"", "id = \"other\"");
        let version = untouched(&olga.page(address).await, address);
        assert_eq!(post(&olga, address, &with(version, &[("configuration", &other)])).await.status, 400);
        assert!(read(&olga.page(DIALECTS).await).contains("Our house house"));
    }

    async fn a_currency_is_added_and_changed(server: Server) {
        let olga = Desk::new(&server, "olga", "manager").await;
        let all = "/settings/currencies";
        let fresh = untouched(&olga.page("/settings/currencies/new").await, all);
        let refused = post(&olga, all, &with(fresh.clone(), &[("code", "DOGE"), ("minor_unit", "9")])).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(error(&refused, "minor_unit").contains('8') && refused.text.contains("value=\"DOGE\""));
        let added = post(&olga, all, &with(fresh, &[("code", "DOGE"), ("minor_unit", "6")])).await;
        leads_to(&added, "/settings/currencies/DOGE?saved=1");
        leads_to(&change(&olga, "/settings/currencies/DOGE", &[("minor_unit", "2")]).await,
            "/settings/currencies/DOGE?saved=1");
        assert!(read(&olga.page(all).await).contains("DOGE 2"));
        assert_eq!(described(&server, "/currencies/DOGE").await["minor_unit"], 2);
        let click = server.click().await;
        crate::support::eventually("the currency is known", async || {
            server.conv(&click, "fee 1 DOGE dry_run=1").await.status == 200
        }).await;
    }
}
