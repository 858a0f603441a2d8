//! The settings: merchants with their goals and tokens, offers with their links, affiliates.

use serde_json::{Value, json};

use super::{Desk, between, read};
use crate::{
    api::{Api, has},
    support::{Answer, Server, eventually, on_both_databases},
};

/// What somebody might send to have it run in a manager's browser.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// Fields as a browser sends them.
pub(super) type Sent = Vec<(String, String)>;

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

pub(super) fn plain(text: &str) -> String {
    let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
    text.replace("&#38;", "&")
}

/// What a browser would send of the form of a page that goes to this address, if nobody touched it.
pub(super) fn untouched(page: &str, action: &str) -> Sent {
    let form =
        between(page, &format!("<form method=\"post\" action=\"{action}\" class=\"stacked\""), "</form>");
    let mut sent = Sent::new();
    let mut select = "";
    for part in form.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        let name = attribute(tag, "name").unwrap_or_default();
        let is_ticked = attribute(tag, "type") != Some("checkbox") || tag.contains(" checked");
        if tag.starts_with("input ") && is_ticked {
            sent.push((name.to_owned(), plain(attribute(tag, "value").unwrap_or_default())));
        } else if tag.starts_with("textarea ") {
            sent.push((name.to_owned(), plain(text).replace('\n', "\r\n")));
        } else if tag.starts_with("select ") {
            select = name;
        } else if tag.starts_with("option ") && tag.contains(" selected") {
            sent.push((select.to_owned(), plain(attribute(tag, "value").unwrap())));
        }
    }
    sent
}

/// The same with other values of some fields.
pub(super) fn with(mut sent: Sent, values: &[(&str, &str)]) -> Sent {
    sent.retain(|(name, _)| values.iter().all(|(other, _)| other != name));
    sent.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    sent
}

/// Opens the page of something and sends its form with these values.
pub(super) async fn change(desk: &Desk<'_>, address: &str, values: &[(&str, &str)]) -> Answer {
    let page = desk.page(address).await;
    post(desk, address, &with(untouched(&page, address), values)).await
}

pub(super) async fn post(desk: &Desk<'_>, address: &str, sent: &Sent) -> Answer {
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    desk.post_with(address, &[], &sent).await
}

#[track_caller]
pub(super) fn leads_to(answer: &Answer, address: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, address), "{}", answer.text);
}

/// What a page says beside a field.
#[track_caller]
pub(super) fn error(page: &Answer, field: &str) -> String {
    plain(between(&page.text, &format!("id=\"f-{field}-error\">"), "<"))
}

/// What the API says of something.
pub(super) async fn described(server: &Server, path: &str) -> Value {
    let answer = Api::new(server, "viewer").get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Waits until a token is answered with this status: the click is nobody's, so one that opens is answered with 404.
async fn opens(server: &Server, token: &str, status: u16) {
    eventually("the token's new state is known", async || {
        server.conv("nobody", &format!("reg dry_run=1 token={token}")).await.status == status
    })
    .await;
}

/// The text of the token that a page shows this once.
pub(super) fn shown_once(page: &str) -> String {
    between(page, "class=\"once\"", "</section>")
        .split("data-copy=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .into()
}

on_both_databases! {
    async fn a_merchant_is_added_and_changed(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page("/settings/merchants/new").await;
        let fresh = untouched(&page, "/settings/merchants");
        let fields = [
            ("id", "nova"), ("name", " Nova Bets "), ("deal", "hybrid"), ("revshare_multiplier", "0.4"),
            ("currencies", "EUR USD,JPY"), ("allowed_ips", "203.0.113.0/24\r\n2001:db8::7"),
            ("initial_statuses", "approved"), ("signing_secret", "a secret that is long"), ("require_signature", "1"),
        ];
        let added = post(&desk, "/settings/merchants", &with(fresh, &fields)).await;
        leads_to(&added, "/settings/merchants/nova?saved=1");
        let page = desk.page("/settings/merchants/nova?saved=1").await;
        let text = read(&page);
        assert!(text.contains("Saved.") && text.contains("Nova Bets active"), "{text}");
        assert!(!page.contains("a secret that is long"), "{page}");
        let expected = json!({
            "name": "Nova Bets", "deal": "hybrid", "revshare_multiplier": "0.4", "currencies": ["EUR", "JPY", "USD"],
            "allowed_ips": ["203.0.113.0/24", "2001:db8::7/128"], "initial_statuses": ["approved"], "active": true,
            "require_ftd": true, "hold_suspected": false, "require_signature": true, "signing_secret": {"keep": true},
        });
        has(&described(&server, "/merchants/nova").await, expected);
        assert!(read(&desk.page("/settings/merchants").await).contains("Nova Bets nova hybrid × 0.4 0 active"));
        let address = "/settings/merchants/nova";
        let page = desk.page(address).await;
        let values = [("deal", "cpa"), ("revshare_multiplier", ""), ("name", "Nova")];
        let mut sent = with(untouched(&page, address), &values);
        sent.retain(|(name, _)| !matches!(name.as_str(), "active" | "initial_statuses"));
        leads_to(&post(&desk, address, &sent).await, "/settings/merchants/nova?saved=1");
        let nova = described(&server, "/merchants/nova").await;
        has(&nova, json!({"name": "Nova", "deal": "cpa", "active": false, "initial_statuses": []}));
        assert_eq!((nova.get("revshare_multiplier"), &nova["require_signature"]), (None, &json!(true)));
    }

    async fn a_refused_form_names_the_field_and_comes_back_as_it_was_filled_in(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let fields = [("id", "nova"), ("name", "Nova & Co"), ("deal", "hybrid"), ("active", "1")];
        for (wrong, field, told) in [
            (("revshare_multiplier", "0,4"), "revshare_multiplier", "0,4"),
            (("currencies", "EUR, XXQ"), "currencies", "`XXQ` is neither"),
            (("allowed_ips", "203.0.113.0/24\r\nhome"), "allowed_ips", "home"),
            (("id", "Nova!"), "id", "Nova!"),
            (("name", ""), "name", "Fill it in."),
            (("deal", "cpa"), "revshare_multiplier", "A multiplier is for a hybrid deal"),
        ] {
            let base: Sent = [("revshare_multiplier".to_owned(), "0.4".to_owned())].into();
            let sent = with(with(with(base, &fields), &[wrong]), &[("csrf", &desk.csrf())]);
            let refused = post(&desk, "/settings/merchants", &sent).await;
            assert_eq!(refused.status, 400, "{wrong:?}: {}", refused.text);
            let error = error(&refused, field);
            assert!(error.contains(told), "{wrong:?}: {error}");
            assert!(refused.text.contains("Nothing was changed"), "{}", refused.text);
            let again = untouched(&refused.text, "/settings/merchants");
            for (name, value) in sent.iter().filter(|(name, _)| name != "csrf") {
                assert!(again.contains(&(name.clone(), value.clone())), "{name} of {wrong:?} in {again:?}");
            }
        }
        let taken = desk.post("/settings/merchants", &[("id", "acme"), ("name", "Another"), ("deal", "cpa")]).await;
        assert_eq!(taken.status, 409, "{}", taken.text);
        assert!(error(&taken, "id").contains("already"), "{}", taken.text);
        has(&described(&server, "/merchants/acme").await, json!({"name": "Acme Casino"}));
        assert_eq!(desk.get("/settings/merchants/nova").await.status, 404);
        let address = "/settings/offers/acme-offer";
        let offer = change(&desk, address, &[("payout", "ftd 40 EUR"), ("account", "many")]).await;
        assert_eq!(offer.status, 400);
        assert!(offer.text.contains("f-payout-error") && offer.text.contains("f-account-error"), "{}", offer.text);
        let offer = change(&desk, address, &[("payout", "ftd = 40.001 EUR")]).await;
        assert!(error(&offer, "payout").contains("40.001"), "{}", offer.text);
        let offer = change(&desk, address, &[("landing_url", "https://acme.example/?c={click_id")]).await;
        assert!(error(&offer, "landing_url").contains("has no partner"), "{}", offer.text);
    }

    async fn a_form_that_somebody_has_overtaken_is_not_saved_and_says_what_is_there(server: Server) {
        let address = "/settings/affiliates/lotus";
        let (olga, ivan) = (Desk::new(&server, "olga", "manager").await, Desk::new(&server, "ivan", "manager").await);
        let page = olga.page(address).await;
        let mine = with(untouched(&page, address), &[("name", "Lotus of Olga")]);
        leads_to(&change(&ivan, address, &[("manager", "ivan")]).await, "/settings/affiliates/lotus?saved=1");
        let stale = post(&olga, address, &mine).await;
        assert_eq!(stale.status, 412, "{}", stale.text);
        assert!(stale.text.contains("Somebody has changed it meanwhile"), "{}", stale.text);
        assert_eq!(error(&stale, "manager"), "It is now: ivan");
        assert_eq!(error(&stale, "name"), "It is now: Lotus Media");
        has(&described(&server, "/affiliates/lotus").await, json!({"name": "Lotus Media", "manager": "ivan"}));
        let again = with(untouched(&stale.text, address), &[("manager", "ivan")]);
        assert!(again.contains(&("name".to_owned(), "Lotus of Olga".to_owned())), "{again:?}");
        leads_to(&post(&olga, address, &again).await, "/settings/affiliates/lotus?saved=1");
        has(&described(&server, "/affiliates/lotus").await, json!({"name": "Lotus of Olga", "manager": "ivan"}));
        let mut blind = untouched(&olga.page(address).await, address);
        blind.retain(|(name, _)| name != "version");
        assert_eq!(post(&olga, address, &blind).await.status, 412, "a form without a version");
    }

    async fn a_form_that_is_only_passed_on_changes_nothing(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let api = Api::new(&server, "manager");
        let goal = json!({
            "alias": "vip", "name": "VIP", "once": true, "amount": "none", "status_flow": "two_phase", "token": "V I P",
            "show_sum": true, "events": {"meta": "VipReached"}, "message": "One\nof {player_id}",
        });
        assert_eq!(api.post("/merchants/eager/goals", &goal).await.status, 201);
        let offer = json!({
            "id": "rich", "merchant": "plain", "name": "Rich", "landing_url": "https://plain.example/?cid={click_id}",
            "goals_enabled": false, "spot": "spot-of-rich", "currency": "EUR", "account": 7, "active": false,
            "payout": [{"goal": "ftd", "amount": "40.00", "currency": "EUR"}],
        });
        let made = api.post("/offers", &offer).await;
        assert_eq!(made.status, 201, "{}", made.text);
        for path in [
            "/merchants/acme", "/merchants/plain", "/merchants/signed", "/merchants/walled", "/merchants/careful",
            "/merchants/eager", "/merchants/eager/goals/vip", "/merchants/acme/goals/lead", "/offers/acme-offer",
            "/offers/rich", "/affiliates/lotus",
        ] {
            let before = api.get(path).await;
            let answer = change(&desk, &format!("/settings{path}"), &[]).await;
            assert_eq!(answer.status, 303, "{path}: {}", answer.text);
            let after = api.get(path).await;
            assert_eq!((&after.json, after.header("etag")), (&before.json, before.header("etag")), "{path}");
            let answer = change(&desk, &format!("/settings{path}"), &[("name", "Another name")]).await;
            assert_eq!(answer.status, 303, "{path}: {}", answer.text);
            let mut expected = before.json;
            expected["name"] = json!("Another name");
            let mut now = api.get(path).await.json;
            if path == "/merchants/eager" {
                assert_eq!(now["initial_statuses"], json!(["pending", "approved", "rejected"]));
            }
            for value in [&mut expected, &mut now] {
                value.as_object_mut().unwrap().remove("goal");
            }
            assert_eq!(now, expected, "{path}");
        }
        server.refuses(&server.click_to("signed").await, "reg token=signed-token-1", "invalid_signature", "sig").await;
    }

    async fn a_viewer_reads_all_of_it_and_changes_none_of_it(server: Server) {
        let manager = Desk::new(&server, "olga", "manager").await;
        let page = manager.page("/settings/merchants/acme").await;
        let token = between(&page, "/settings/merchants/acme/tokens/", "\"").to_owned();
        let desk = Desk::new(&server, "victor", "viewer").await;
        for address in [
            "/settings/merchants", "/settings/offers", "/settings/affiliates", "/settings/merchants/acme",
            "/settings/merchants/acme/goals/kyc", "/settings/offers/acme-offer", "/settings/affiliates/lotus",
            &format!("/settings/merchants/acme/tokens/{token}"),
        ] {
            let page = desk.page(address).await;
            let main = between(&page, "<main", "</main>");
            assert!(!main.contains("method=\"post\"") && !main.contains("/new\""), "{address}: {page}");
        }
        let text = read(&desk.page("/settings/merchants/acme").await);
        assert!(text.contains("Our share of the revenue 0.35") && text.contains("configuration"), "{text}");
        let before = described(&server, "/merchants/acme").await;
        let posts = [
            ("/settings/merchants", "merchant.create"), ("/settings/merchants/acme", "merchant.change"),
            ("/settings/merchants/acme/goals", "goal.create"), ("/settings/merchants/acme/goals/kyc", "goal.change"),
            ("/settings/merchants/acme/tokens", "token.issue"), ("/settings/offers", "offer.create"),
            ("/settings/offers/acme-offer", "offer.change"), ("/settings/affiliates", "affiliate.create"),
            ("/settings/affiliates/lotus", "affiliate.change"),
            (&*format!("/settings/merchants/acme/tokens/{token}"), "token.rotate"),
            (&*format!("/settings/merchants/acme/tokens/{token}/revoke"), "token.revoke"),
        ];
        for (address, action) in posts {
            let answer = desk.post(address, &[("id", "mine"), ("alias", "mine"), ("name", "Mine")]).await;
            assert_eq!(answer.status, 403, "{address}: {}", answer.text);
            let audit = described(&server, "/audit?actor=user:victor&limit=1").await;
            has(&audit, json!({"items.0.action": action, "items.0.outcome": "forbidden"}));
        }
        for address in ["/settings/merchants/new", "/settings/merchants/acme/goals/new", "/settings/offers/new"] {
            assert_eq!(desk.get(address).await.status, 403, "{address}");
        }
        assert_eq!(described(&server, "/merchants/acme").await, before);
    }

    async fn a_token_is_shown_once_replaced_with_an_overlap_and_revoked(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let page = desk.page("/settings/merchants/plain").await;
        let address = "/settings/merchants/plain/tokens";
        let sent = with(untouched(&page, address), &[("label", "night shift")]);
        let issued = post(&desk, address, &sent).await;
        assert_eq!(issued.status, 200, "{}", issued.text);
        let token = shown_once(&issued.text);
        assert!(token.starts_with("cs_") && !server.database().holds(&token).await, "{token}");
        assert!(read(&issued.text).contains("The token night shift of Plain Bets . It is shown this once"));
        opens(&server, &token, 404).await;
        let page = desk.page("/settings/merchants/plain").await;
        assert!(page.contains("night shift") && !page.contains(&token), "{page}");
        let own = format!("{address}/{}", between(&page, &format!("{address}/"), "\""));
        let page = desk.page(&own).await;
        assert!(untouched(&page, &own).contains(&("overlap_hours".to_owned(), "24".to_owned())), "{page}");
        let replaced = desk.post(&own, &[("overlap_hours", "24")]).await;
        let second = shown_once(&replaced.text);
        assert_ne!(second, token);
        for text in [&token, &second] {
            opens(&server, text, 404).await;
        }
        let text = read(&desk.page(&own).await);
        assert!(text.contains("night shift active") && !text.contains("Ends –"), "{text}");
        let twice = desk.post(&own, &[("overlap_hours", "0")]).await;
        let third = shown_once(&twice.text);
        opens(&server, &token, 401).await;
        let gone = desk.post(&own, &[("overlap_hours", "0")]).await;
        assert!(gone.status == 409 && !gone.text.contains("class=\"once\""), "{}", gone.text);
        let unsaid = desk.post(&own, &[]).await;
        assert_eq!(unsaid.status, 400, "{}", unsaid.text);
        let last = desk.page("/settings/merchants/plain").await;
        let newest = format!("{address}/{}", between(&last, &format!("{address}/"), "\""));
        let revoked = desk.post(&format!("{newest}/revoke"), &[]).await;
        leads_to(&revoked, "/settings/merchants/plain?saved=1");
        opens(&server, &third, 401).await;
        opens(&server, &second, 404).await;
        let wrong = desk.post(address, &[("label", "x\ny"), ("overlap_hours", "1")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"token-label-error\""), "{}", wrong.text);
        let all = desk.post(address, &[("label", ""), ("overlap_hours", "0")]).await;
        opens(&server, &shown_once(&all.text), 404).await;
        opens(&server, "plain-token-1", 401).await;
    }

    async fn a_goal_is_added_to_a_merchant_and_changed(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let goals = "/settings/merchants/plain/goals";
        let fresh = untouched(&desk.page(&format!("{goals}/new")).await, goals);
        let fields = [
            ("alias", "vip"), ("name", "VIP"), ("once", "1"), ("amount", "none"), ("show_count", "1"),
            ("events.meta", "VipReached"), ("message", "Ask {manager}."),
        ];
        let wrong = post(&desk, goals, &with(fresh.clone(), &[("alias", "ftd"), ("name", "Mine")])).await;
        assert_eq!(wrong.status, 400);
        assert!(error(&wrong, "alias").contains("already"), "{}", wrong.text);
        let message = [("message", "Ask {manager")];
        let wrong = post(&desk, goals, &with(with(fresh.clone(), &fields), &message)).await;
        assert!(error(&wrong, "message").contains("has no partner"), "{}", wrong.text);
        let added = post(&desk, goals, &with(fresh, &fields)).await;
        leads_to(&added, "/settings/merchants/plain?saved=1");
        let expected = json!({
            "name": "VIP", "once": true, "amount": "none", "status_flow": "immediate", "show_sum": false,
            "show_count": true, "events": {"meta": "VipReached"}, "message": "Ask {manager}.",
        });
        has(&described(&server, "/merchants/plain/goals/vip").await, expected);
        let text = read(&desk.page("/settings/merchants/plain").await);
        assert!(text.contains("vip VIP once per player, without an amount, counts at once"), "{text}");
        assert!(text.contains("ftd First deposit once per player, amount required, waits for a decision"), "{text}");
        let one = format!("{goals}/vip");
        leads_to(&change(&desk, &one, &[("events.meta", "")]).await, "/settings/merchants/plain?saved=1");
        assert_eq!(described(&server, "/merchants/plain/goals/vip").await.get("events"), None);
        for address in ["/settings/merchants/nobody/goals/new", "/settings/merchants/plain/goals/kyc"] {
            assert_eq!(desk.get(address).await.status, 404, "{address}");
        }
    }

    async fn an_offer_is_added_and_its_links_lead_to_it(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let fresh = untouched(&desk.page("/settings/offers/new").await, "/settings/offers");
        let fields = [
            ("id", "poker"), ("name", "Poker"), ("merchant", "plain"), ("payout", "ftd = 40 EUR\r\nreg=1.50  USD"),
            ("landing_url", "https://plain.example/?cid={click_id}&sub={sub1}"),
        ];
        leads_to(&post(&desk, "/settings/offers", &with(fresh, &fields)).await, "/settings/offers/poker?saved=1");
        let payouts = json!([
            {"goal": "ftd", "amount": "40.00", "currency": "EUR"}, {"goal": "reg", "amount": "1.50", "currency": "USD"},
        ]);
        let poker = described(&server, "/offers/poker").await;
        has(&poker, json!({"active": true, "payout": payouts, "merchant": "plain"}));
        let page = desk.page("/settings/offers/poker?affiliate=lotus&cl_id=%7Bclickid%7D&sub1=a+b%26c").await;
        let link = plain(between(&page, "data-copy=\"http", "\""));
        let path = "/click?offer=poker&affiliate=lotus&cl_id={clickid}&sub1=a%20b%26c";
        assert_eq!(link, format!("://countersign.example{path}"));
        let path = path.replace("{clickid}", "x-1");
        eventually("the offer is known to clicks", async || {
            let clicked = server.get(&path).await;
            clicked.status == 302 && clicked.header("location").ends_with("&sub=a%20b%26c")
        })
        .await;
        let unknown = desk.page("/settings/offers/poker?affiliate=nobody").await;
        assert!(unknown.contains("There is no such affiliate") && !unknown.contains("/click?"), "{unknown}");
        let closed = read(&desk.page("/settings/offers/acme-closed?affiliate=lotus").await);
        assert!(closed.contains("its links lead nowhere"), "{closed}");
        assert_eq!(desk.get("/settings/offers/poker?colour=red").await.status, 400);
    }

    async fn what_people_write_is_shown_as_text(server: Server) {
        let desk = Desk::new(&server, "olga", "manager").await;
        let merchant = [("id", "evil"), ("name", HOSTILE), ("deal", "cpa"), ("active", "1")];
        leads_to(&desk.post("/settings/merchants", &merchant).await, "/settings/merchants/evil?saved=1");
        let goal = [("alias", "g"), ("name", HOSTILE), ("amount", "none"), ("status_flow", "immediate")];
        assert_eq!(desk.post("/settings/merchants/evil/goals", &goal).await.status, 303);
        let affiliate = [("id", "evil"), ("name", HOSTILE), ("manager", HOSTILE)];
        assert_eq!(desk.post("/settings/affiliates", &affiliate).await.status, 303);
        let url = "https://evil.example/?cid={click_id}";
        let offer = [("id", "evil"), ("name", HOSTILE), ("merchant", "evil"), ("landing_url", url), ("active", "1")];
        assert_eq!(desk.post("/settings/offers", &offer).await.status, 303);
        let issued = desk.post("/settings/merchants/evil/tokens", &[("label", HOSTILE)]).await;
        let refused = desk.post("/settings/merchants", &[("id", HOSTILE), ("name", HOSTILE), ("deal", HOSTILE)]).await;
        assert_eq!((issued.status, refused.status), (200, 400));
        let mut pages = vec![issued.text, refused.text];
        for address in [
            "/settings/merchants", "/settings/merchants/evil", "/settings/merchants/evil/goals/g", "/settings/offers",
            "/settings/offers/new", "/settings/offers/evil?sub1=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            "/settings/affiliates", "/settings/affiliates/evil",
        ] {
            pages.push(desk.page(address).await);
        }
        for page in pages {
            assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
            assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        }
    }

    async fn a_long_list_is_seen_page_by_page(server: Server) {
        let api = Api::new(&server, "manager");
        for number in 0..51 {
            let made = api.post("/affiliates", &json!({"id": format!("a-{number:02}"), "name": "One"})).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
        let desk = Desk::new(&server, "victor", "viewer").await;
        let page = desk.page("/settings/affiliates").await;
        assert!(page.contains("affiliates/a-49\"") && !page.contains("affiliates/a-50\""), "{page}");
        let next = plain(between(&page, "class=\"pager\" aria-label=\"Pages\">\n", "\" rel")).replace("<a href=\"", "");
        let page = desk.page(next.trim()).await;
        assert!(page.contains("/a-50\"") && page.contains("/lotus\"") && !page.contains("/a-49\""), "{page}");
        assert!(page.contains("First page") && desk.get("/settings/affiliates?cursor=a%20b").await.status == 400);
    }
}
