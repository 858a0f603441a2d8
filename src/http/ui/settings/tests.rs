//! Settings with nothing, a little, and what was wrong with them.

use super::{
    forms::{KEPT, api_key, currency, dialect, link_builder, merchant, new_password, offer, token, user},
    lists::{
        AffiliateItem, DialectItem, GoalItem, KeyItem, MerchantItem, OfferItem, TokenItem, UserItem,
        affiliates, api_keys, currencies, dialects, goals, index, merchants, offers, tokens, users,
    },
    macros::MACROS,
    outgoing::{Bindings, EndpointItem, PixelItem, endpoint, endpoints, pixel, pixels},
    *,
};
use crate::http::ui::{
    form::Choice,
    layout::{Flash, Section},
    listing::Listing,
    sheet::Part,
    tests::{NOW, Sample, Say, sample},
    view::{Badge, Moment, Zone},
};

fn page(say: Say, title: &str) -> Page {
    say.page_of(title, Section::Settings, "admin")
}

fn moment(hours: i64) -> Moment {
    Moment::new(NOW.plus_millis(-hours * 3_600_000), Zone::named("Europe/Berlin"))
}

fn merchant_items(say: Say) -> Vec<MerchantItem> {
    let item = |id: &str, name: &str, deal: &str, tokens, is_active| MerchantItem {
        id: id.to_owned(),
        name: say.text(name),
        deal: say.text(deal),
        tokens,
        is_active,
    };
    vec![
        item("acme", "Acme Casino", "hybrid × 0.35", 2, true),
        item("plain", "Plain Bets", "CPA", 1, true),
        item("asleep", "No longer with us", "CPA", 0, false),
    ]
}

fn token_listing(say: Say, page: &Page) -> Listing {
    let item = |label: &str, is_live: bool| TokenItem {
        id: "01a1f90e".to_owned(),
        label: say.text(label),
        created: moment(900),
        used: is_live.then(|| moment(1)),
        ends: None,
        state: if is_live { "live" } else { "revoked" },
    };
    tokens(page, "acme", true, vec![item("production", true), item("old", false)])
}

fn merchant_page(say: Say) -> Sheet {
    let page = page(say, &say.text("Acme Casino")).telling(Flash::good(say.text("Saved.")));
    let values = Values::default()
        .with("name", say.text("Acme Casino"))
        .with("deal", "hybrid")
        .with("revshare_multiplier", say.text("0,35"))
        .wrong("revshare_multiplier", say.text("Write it with a point, as in 0.35."))
        .with("active", "1")
        .with("allowed_ips", say.text("203.0.113.0/24"))
        .with("initial_statuses", "approved");
    let goal = |alias: &str, rules: &str, is_own| GoalItem {
        alias: alias.to_owned(),
        name: say.text(alias),
        rules: say.text(rules),
        is_own,
    };
    let goal_items = vec![
        goal("ftd", "once, amount required, waits for a decision", false),
        goal("kyc", "once, without an amount, counts at once", true),
    ];
    let dialects = vec![Choice::new("keitaro", say.text("Keitaro"))];
    let add = Some(("/settings/merchants/acme/goals/new".to_owned(), "Add a goal".to_owned()));
    let form = merchant(&page, "/settings/merchants/acme", &values, dialects, false);
    let issue =
        token(&page, "/settings/merchants/acme/tokens", &Values::default().with("label", say.text("x")));
    let listing = token_listing(say, &page);
    Sheet { badge: Some(Badge::of("active")), ..sheet(page, "Merchants") }
        .below("/settings/merchants", "Merchants")
        .showing_once(say.text("The token production"), say.text("cs_8c1f0ab25c7d"))
        .part(Part::Listing("Tokens".to_owned(), listing, None))
        .part(Part::Form(String::new(), issue))
        .part(Part::Listing("Goals".to_owned(), goals("acme", goal_items), add))
        .part(Part::Form("The merchant".to_owned(), form))
}

fn endpoint_page(say: Say, preview: Result<String, String>) -> Sheet {
    let page = page(say, &say.text("lotus-ftd"));
    let bindings = Bindings {
        affiliates: vec![Choice::new("lotus", say.text("Lotus Media"))],
        offers: vec![Choice::new("acme-slots", say.text("Acme Slots"))],
        goals: vec![Choice::new("ftd", say.text("First deposit"))],
    };
    let values = Values::default()
        .with("affiliate", "lotus")
        .with("goal", "ftd")
        .with("statuses", "pending approved")
        .with("method", "GET")
        .with("url", say.text("https://tracker.example/pb?cid={cl_id}&payout={payout}"))
        .with("params", say.text("status = {status}"))
        .with("active", "1");
    let form = endpoint(
        &page,
        "/settings/postbacks/lotus-ftd",
        "/settings/postbacks/preview",
        &values,
        bindings,
        false,
    );
    sheet(page, "Postbacks")
        .below("/settings/postbacks", "Postbacks")
        .part(Part::Form(String::new(), form))
        .part(Part::Preview(preview, MACROS))
}

fn offer_page(say: Say) -> Sheet {
    let page = page(say, &say.text("Acme Slots"));
    let affiliates = vec![Choice::new("lotus", say.text("Lotus Media"))];
    let merchants = vec![Choice::new("acme", say.text("Acme Casino"))];
    let values = Values::default()
        .with("name", say.text("Acme Slots"))
        .with("merchant", "acme")
        .with("landing_url", say.text("https://acme.example/?cid={click_id}"))
        .with("active", "1");
    let form = offer(&page, "/settings/offers/acme-slots", &values, merchants, false);
    let link = say.text("https://track.example/click?offer=acme-slots&affiliate=lotus&cl_id={clickid}");
    let builder = Values::default().with("affiliate", "lotus").with("cl_id", say.text("{clickid}"));
    let builder = link_builder(&page, "/settings/offers/acme-slots", &builder, affiliates);
    sheet(page, "Offers")
        .below("/settings/offers", "Offers")
        .part(Part::Form("A link for an affiliate".to_owned(), builder))
        .part(Part::Copy("The link".to_owned(), link))
        .part(Part::Form("The offer".to_owned(), form))
}

fn lists(say: Say) -> Vec<Sample> {
    let offer = OfferItem {
        id: "acme-slots".to_owned(),
        name: say.text("Acme Slots"),
        merchant: say.text("Acme Casino"),
        landing_url: say.text("https://acme.example/?cid={click_id}"),
        is_active: true,
    };
    let endpoint = EndpointItem {
        id: "lotus-ftd".to_owned(),
        affiliate: say.text("Lotus Media"),
        told: say.text("first deposits of every offer, approved or rejected"),
        method: "GET".to_owned(),
        host: say.text("tracker.example"),
        is_active: true,
    };
    let user = |name: &str, role: &str, signed_in, disabled| UserItem {
        name: name.to_owned(),
        role: say.text(role),
        signed_in,
        disabled,
    };
    let affiliate_item =
        AffiliateItem { id: "lotus".to_owned(), name: say.text("Lotus Media"), manager: say.text("anna") };
    let users_of =
        vec![user("olga", "admin", Some(moment(1)), None), user("ivan", "viewer", None, Some(moment(9)))];
    vec![
        sample("settings", &index(page(say, "Settings"))),
        sample("settings-merchants", &merchants(page(say, "Merchants"), merchant_items(say))),
        sample("settings-merchants-fresh", &merchants(page(say, "Merchants"), Vec::new())),
        sample("settings-offers", &offers(page(say, "Offers"), vec![offer])),
        sample("settings-affiliates", &affiliates(page(say, "Affiliates"), vec![affiliate_item])),
        sample("settings-postbacks", &endpoints(page(say, "Postbacks"), vec![endpoint])),
        sample("settings-users", &users(page(say, "Users"), users_of)),
    ]
}

fn keys_page(say: Say) -> Sheet {
    let page = page(say, "API keys");
    let key = |name: &str, is_live| KeyItem {
        id: "01a1f90e".to_owned(),
        name: say.text(name),
        role: "manager".to_owned(),
        created: moment(99),
        used: None,
        is_live,
    };
    let listing = api_keys(&page, vec![key("nightly export", true), key("old", false)]);
    let form = api_key(&page, "/settings/api-keys", &Values::default());
    sheet(page, "API keys")
        .part(Part::Listing(String::new(), listing, None))
        .part(Part::Form("Create a key".to_owned(), form))
}

fn pixel_page(say: Say) -> Sheet {
    let page = page(say, &say.text("acme-meta"));
    let to = Bindings {
        affiliates: vec![Choice::new("lotus", say.text("Lotus Media"))],
        offers: vec![Choice::new("acme-slots", say.text("Acme Slots"))],
        goals: Vec::new(),
    };
    let values = Values::default()
        .with("platform", "yandex")
        .with("offer", "acme-slots")
        .with("pixel_id", say.text("1234567890"))
        .with("when", "approved")
        .with("events", say.text("ftd = Purchase"))
        .with("active", "1")
        .with(KEPT, "secret measurement_secret");
    let form = pixel(&page, "/settings/pixels/acme-meta", &values, to, false);
    let warning = say.text(
        "12 of the last 100 clicks carried none of fbclid: whatever stands before our link must pass it on.",
    );
    sheet(page, "Pixels")
        .below("/settings/pixels", "Pixels")
        .part(Part::Warnings("Before you spend money on ads".to_owned(), vec![warning]))
        .part(Part::Form(String::new(), form))
}

fn less_used(say: Say) -> Vec<Sample> {
    let pixel = |warnings| PixelItem {
        id: "acme-meta".to_owned(),
        platform: "Meta".to_owned(),
        offer: say.text("Acme Slots"),
        affiliate: say.text("Lotus Media"),
        warnings,
        is_active: true,
    };
    let warned = vec![
        say.text("No click yet to look for any of fbclid."),
        say.text("Everything goes to Meta as a test."),
    ];
    let spoken = DialectItem {
        id: "keitaro".to_owned(),
        name: say.text("Keitaro"),
        addresses: vec![say.text("/postback/keitaro")],
        origin: "Comes with the program",
    };
    let dialect_page = page(say, "house");
    let written = Values::default()
        .with("configuration", say.text("[[dialect]]\nid = \"house\""))
        .wrong("configuration", say.text("Line 1: write one [[dialect]], and nothing beside it."));
    let form = dialect(&dialect_page, "/settings/dialects", &written, true);
    let currency_page = page(say, "New currency");
    let coin = Values::default().with("code", say.text("USDT")).with("minor_unit", say.text("6"));
    let coin = currency(&currency_page, "/settings/currencies", &coin, true);
    vec![
        sample("settings-pixels", &pixels(page(say, "Pixels"), vec![pixel(warned), pixel(Vec::new())])),
        sample("settings-pixels-fresh", &pixels(page(say, "Pixels"), Vec::new())),
        sample("settings-pixel", &pixel_page(say)),
        sample("settings-dialects", &dialects(page(say, "Dialects"), vec![spoken])),
        sample("settings-dialect", &sheet(dialect_page, "Dialects").part(Part::Form(String::new(), form))),
        sample(
            "settings-currencies",
            &currencies(page(say, "Currencies"), vec![(say.text("USDT"), say.text("6"))]),
        ),
        sample(
            "settings-currency",
            &sheet(currency_page, "Currencies").part(Part::Form(String::new(), coin)),
        ),
    ]
}

pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
    let mut samples = lists(say);
    samples.extend(less_used(say));
    let new_user = page(say, "New user");
    let form = user(&new_user, "/settings/users", &Values::default().with("name", say.text("ivan")), true);
    let account = page(say, "Your account");
    let password = new_password(
        &account,
        "/account/password",
        &Values::default().wrong("again", say.text("They differ.")),
        true,
    );
    let request = say.text("GET https://tracker.example/pb?cid=lt-99120&payout=45.00&status=approved");
    samples.extend([
        sample("settings-merchant", &merchant_page(say)),
        sample("settings-offer", &offer_page(say)),
        sample("settings-postback", &endpoint_page(say, Ok(request))),
        sample(
            "settings-postback-wrong",
            &endpoint_page(say, Err(say.text("There is no macro {clickid}: did you mean {click_id}?"))),
        ),
        sample("settings-user-new", &sheet(new_user, "Users").part(Part::Form(String::new(), form))),
        sample("settings-api-keys", &keys_page(say)),
        sample("account", &Sheet::new(account).part(Part::Form("Password".to_owned(), password))),
    ]);
    samples
}
