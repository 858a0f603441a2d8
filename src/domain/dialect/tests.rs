//! What dialects make of what is sent, and what they answer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Context, Dialect, DialectForm, Told};
use crate::{
    configuration_file::ready_made,
    domain::{
        fixture,
        ids::GoalAlias,
        merchant::Merchant,
        params::Params,
        postback::{Intent, Postback, Proof},
        status::Status,
    },
};

fn dialect(form: Value) -> Result<Dialect, String> {
    let form: DialectForm = serde_json::from_value(form).map_err(|error| error.to_string())?;
    Dialect::of(form).map_err(|error| error.to_string())
}

fn shown(params: &Params) -> String {
    let mut pairs: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.sort();
    pairs.join("&")
}

/// What a merchant's postback says in our words, sorted by name.
#[track_caller]
fn check_translation(dialect: &Dialect, merchant: &str, sent: &str, expected: &str) {
    let catalog = fixture::catalog();
    let merchant = &catalog.merchants[merchant];
    let offer = catalog.offers.get(merchant.id.as_str());
    let context = Context { merchant: Some(merchant), offer, click: None };
    assert_eq!(shown(&dialect.translate(&fixture::params(sent), context)), expected, "{sent}");
}

#[test]
fn the_first_name_that_is_there_counts_and_the_rest_is_kept() {
    let mvp = &ready_made()["mvp"];
    let check = |sent: &str, expected: &str| check_translation(mvp, "plain", sent, expected);
    check("clickid=c1&goal=reg", "click_id=c1&goal_alias=reg");
    check("clickid=c1&goal=dep&sum=5&sumrd=6", "amount=5&click_id=c1&goal_alias=ftd&sumrd=6");
    check("clickid=c1&goal=redep&sum=&sumrd=6", "amount=6&click_id=c1&goal_alias=rdep&sum=");
    check("clickid=c1&goal=DEP&x=1&playerid=7", "click_id=c1&goal_alias=ftd&player_id=7&x=1");
    check("clickid=c1&goal=kyc&ow=5&spot=s&token=t", "click_id=c1&goal_alias=kyc");
    check(
        "clickid=c1&goal=vip&transaction_id=T&currency=USD",
        "click_id=c1&currency=USD&goal_alias=vip&transaction_id=T",
    );
    // Our own names do not mean here what the sender has other names for.
    check("clickid=c1&click_id=c2&goal=reg&goal_alias=ftd&amount=5", "click_id=c1&goal_alias=reg");
}

#[test]
fn what_senders_are_told_to_call_a_goal_is_understood_as_that_goal() {
    let catalog = fixture::catalog();
    let mut told = 0;
    for dialect in ready_made().values().filter(|dialect| dialect.tells_goals() && !dialect.own_words) {
        for merchant in catalog.merchants.values() {
            for goal in &merchant.goals {
                let name = dialect.name_of("goal_alias").unwrap();
                let mut sent = Params::new();
                sent.push(name, dialect.word_of(goal, merchant));
                let understood = dialect.goal(&sent, merchant).map(|goal| &goal.alias);
                assert_eq!(understood, Some(&goal.alias), "{}: {sent:?}", dialect.id);
                told += 1;
            }
        }
    }
    assert!(told > 50, "{told}");
    let word = |id: &str, alias: &str| {
        let goal = catalog.merchants["plain"].goal(&GoalAlias::parse(alias).unwrap()).unwrap();
        ready_made()[id].word_of(goal, &catalog.merchants["plain"]).to_owned()
    };
    assert_eq!([word("mvp", "ftd"), word("affise", "ftd"), word("conv", "ftd")], ["dep", "ftd", "ftd"]);
}

#[test]
fn senders_are_told_their_own_names_for_parameters() {
    let name = |id: &str, ours: &str| ready_made()[id].name_of(ours).map(str::to_owned);
    let some = |name: &str| Some(name.to_owned());
    assert_eq!([name("mvp", "click_id"), name("mvp", "amount")], [some("clickid"), some("sum")]);
    assert_eq!([name("mvp", "currency"), name("mvp-chat", "goal_alias")], [None, None]);
    assert_eq!([name("mvp", "dry_run"), name("conv", "amount")], [some("dry_run"), some("amount")]);
    assert_eq!([name("conv", "spot"), name("mvp-chat", "spot")], [None, some("spot")]);
}

#[test]
fn an_amount_without_a_currency_is_in_the_offers_or_the_merchants_only_one() {
    let mvp = &ready_made()["mvp"];
    check_translation(
        mvp,
        "acme",
        "clickid=c&goal=dep&sum=5",
        "amount=5&click_id=c&currency=EUR&goal_alias=ftd",
    );
    check_translation(mvp, "acme", "clickid=c&goal=reg", "click_id=c&goal_alias=reg");
    check_translation(mvp, "plain", "clickid=c&goal=dep&sum=5", "amount=5&click_id=c&goal_alias=ftd");
    let only =
        json!({"id": "x", "parameters": {"click_id": "c", "amount": "a"}, "fixed": {"currency": "USD"}});
    let only = dialect(only).unwrap();
    check_translation(&only, "acme", "c=1&a=5&currency=JPY", "amount=5&click_id=1&currency=USD");
    check_translation(&only, "acme", "c=1&currency=JPY", "click_id=1");
}

#[test]
fn one_word_can_name_the_goal_or_the_status() {
    let keitaro = &ready_made()["keitaro"];
    let check = |sent: &str, expected: &str| check_translation(keitaro, "acme", sent, expected);
    check("subid=c&status=lead", "click_id=c&conv_status=pending&goal_alias=ftd");
    check("subid=c&status=Sale", "click_id=c&conv_status=approved&goal_alias=ftd");
    check("subid=c&status=rejected", "click_id=c&conv_status=rejected&goal_alias=ftd");
    check("subid=c&status=reg", "click_id=c&goal_alias=reg");
    check("subid=c&status=rebill&tid=1", "click_id=c&goal_alias=rdep&transaction_id=1");
    check("subid=c&status=vip", "click_id=c&goal_alias=vip");
    check("subid=c", "click_id=c&goal_alias=ftd");
    check("subid=c&status=whatever", "click_id=c&conv_status=whatever&goal_alias=ftd");
    check(
        "subid=c&status=billed&sale_status=billed,paid&lead_status=new",
        "approved_status=billed,paid&click_id=c&conv_status=billed&goal_alias=ftd&pending_status=new",
    );
    // What the sender says of its words comes before what they usually mean.
    check(
        "subid=c&status=lead&sale_status=lead",
        "approved_status=lead&click_id=c&conv_status=lead&goal_alias=ftd",
    );
    let binom = &ready_made()["binom"];
    let binom = |sent: &str, expected: &str| check_translation(binom, "acme", sent, expected);
    binom("cnv_id=c&cnv_status=signup", "click_id=c&goal_alias=reg");
    binom("cnv_id=c&cnv_status=approve", "click_id=c&conv_status=approved&goal_alias=ftd");
    binom("cnv_id=c&cnv_status=upsell&cnv_status2=Hold", "click_id=c&conv_status=pending&goal_alias=rdep");
}

#[test]
fn what_a_merchant_calls_its_goals_comes_first() {
    let catalog = fixture::catalog();
    let mut merchant = Merchant::clone(&catalog.merchants["acme"]);
    let goal_of = |merchant: &Merchant, word: &str| {
        let sent = fixture::params(&format!("clickid=c&goal={word}"));
        ready_made()["mvp"].goal(&sent, merchant).map(|goal| goal.alias.to_string())
    };
    assert_eq!(goal_of(&merchant, "rebill").as_deref(), Some("rdep"));
    assert_eq!(goal_of(&merchant, "Level 10"), None);
    for (alias, token) in [("turnover", "rebill"), ("level", "Level 10")] {
        let goal = merchant.goals.iter_mut().find(|goal| goal.alias.as_str() == alias).unwrap();
        goal.token = Some(token.to_owned());
    }
    assert_eq!(goal_of(&merchant, "rebill").as_deref(), Some("turnover"));
    assert_eq!(goal_of(&merchant, "Level 10").as_deref(), Some("level"));
    assert_eq!(goal_of(&merchant, "level").as_deref(), Some("level"));
}

#[test]
fn a_sender_with_one_address_means_what_the_status_says() {
    #[track_caller]
    fn check(goal: &str, rest: &str, expected: Intent) {
        let catalog = fixture::catalog();
        let (merchant, keitaro) = (&catalog.merchants["acme"], &ready_made()["keitaro"]);
        let sent = fixture::params(&format!("subid=c&goal={goal}&{rest}"));
        let ours = keitaro.translate(&sent, Context { merchant: Some(merchant), ..Context::default() });
        let operation = keitaro.operation;
        let read = Postback::parse_translated(
            operation,
            merchant,
            &catalog.currencies,
            &ours,
            &sent,
            fixture::NOW,
            Proof::AskedAt(fixture::NOW),
        );
        assert_eq!(read.unwrap().intent, expected, "{goal} {rest}");
    }
    use crate::domain::status::Decision::{Approve, Reject};
    check("ftd", "payout=5&currency=EUR", Intent::Record(None));
    check("ftd", "payout=5&currency=EUR&status=lead", Intent::Record(None));
    check("ftd", "payout=5&currency=EUR&status=sale", Intent::RecordAndDecide(Approve));
    check("ftd", "status=sale", Intent::Decide(Approve));
    check("ftd", "status=rejected", Intent::Decide(Reject));
    check("vip", "status=rejected", Intent::RecordAndDecide(Reject));
    check("reg", "status=lead", Intent::Record(None));
    check("reg", "status=sale", Intent::Record(Some(Status::Approved)));
    check("reg", "status=rejected", Intent::Record(Some(Status::Rejected)));
    check("turnover", "payout=5&currency=EUR&status=lead", Intent::Record(Some(Status::Pending)));
}

#[test]
fn an_answer_is_chosen_by_what_came_of_it_and_its_values_stay_in_their_place() {
    let answers = json!({
        "id": "x", "parameters": {"click_id": "c"},
        "success": {
            "content_type": "application/json",
            "body": r#"{"ok": {duplicate}, "n": {params__n}, "t": "<{params__n}>"}"#,
        },
        "error": {"body": "{code} {parameter}: {detail}"},
        "answer": [
            {"outcomes": ["duplicate"], "goal": "reg", "status": 409},
            {"outcomes": ["click_not_found"], "status": 200, "body": "{}"},
            {"outcomes": ["rate_limited"], "content_type": "text/html", "body": "<p>{detail}</p>"},
        ],
    });
    let dialect = dialect(answers).unwrap();
    let check = |outcome, status, goal, n: &str, detail, expected: (u16, &str, &str)| {
        let mut sent = Params::new();
        sent.push("n", n);
        let (parameter, conversion, offer_name) = (None, None, None);
        let told = Told {
            request: "r",
            outcome,
            status,
            parameter,
            detail,
            goal,
            conversion,
            offer_name,
            sent: &sent,
        };
        let worded = dialect.word(&told);
        let (status, content_type, body) = expected;
        assert_eq!(
            (worded.status, worded.content_type.as_str(), worded.body.as_str()),
            (status, content_type, body)
        );
    };
    let (json, text) = ("application/json", "text/plain; charset=utf-8");
    let ok = |value: &str, quoted: &str| format!(r#"{{"ok": false, "n": {value}, "t": "<{quoted}>"}}"#);
    check("recorded", 200, Some("ftd"), "12", None, (200, json, &ok("12", "12")));
    check("recorded", 200, Some("ftd"), "1e5", None, (200, json, &ok("\"1e5\"", "1e5")));
    check("recorded", 200, None, "007", None, (200, json, &ok("\"007\"", "007")));
    check(
        "recorded",
        200,
        None,
        "12345678901234567890",
        None,
        (200, json, &ok("\"12345678901234567890\"", "12345678901234567890")),
    );
    check("recorded", 200, None, "", None, (200, json, &ok("null", "")));
    check("recorded", 200, None, "\"}", None, (200, json, &ok(r#""\"}""#, r#"\"}"#)));
    let duplicate = r#"{"ok": true, "n": 1, "t": "<1>"}"#;
    check("duplicate", 200, Some("ftd"), "1", None, (200, json, duplicate));
    check("duplicate", 200, Some("reg"), "1", None, (409, text, "duplicate : "));
    check("click_not_found", 404, None, "1", None, (200, json, "{}"));
    check("unknown_goal", 400, None, "1", Some("Send `click_id`."), (400, text, "unknown_goal : Send `c`."));
    check("rate_limited", 429, None, "1", Some("<b>"), (429, "text/html", "<p>&lt;b&gt;</p>"));
}

#[test]
fn a_wrong_dialect_is_refused_with_its_place() {
    #[track_caller]
    fn check(change: &[(&str, Value)], expected: &str) {
        let mut form = json!({"id": "x", "parameters": {"click_id": "c"}});
        for (key, value) in change {
            form[*key] = value.clone();
        }
        let complaint = dialect(form).unwrap_err();
        assert!(complaint.contains(expected), "{complaint}");
    }
    check(&[("id", json!("A B"))], "id: ");
    check(&[("operation", json!("guess"))], "operation: ");
    check(&[("token", json!(["cookie"]))], "token: `cookie`");
    check(&[("paths", json!(["postback"]))], "paths: ");
    check(&[("paths", json!(["/in/{x}"]))], "paths: ");
    check(&[("paths", json!(["/track/mine"]))], "/track is taken");
    check(&[("parameters", json!({"amount": "a"}))], "which parameter is our click_id");
    check(&[("parameters", json!({"click_id": []}))], "parameters.click_id");
    check(&[("parameters", json!({"clickid": "c"}))], "`clickid` is not one of: click_id");
    check(&[("parameters", json!({"spot": "s"}))], "which parameter is our user_id");
    check(&[("goals", json!({"ftd": ["dep"], "rdep": ["DEP"]}))], "stands there twice");
    check(&[("statuses", json!({"done": ["1"]}))], "`done` is not one of: pending, approved, rejected");
    check(&[("fixed", json!({"click_id": "c"}))], "fixed.click_id");
    check(&[("defaults", json!({"conv_status": "ok"}))], "defaults.conv_status");
    check(&[("success", json!({"status": 99}))], "success.status");
    check(&[("error", json!({"content_type": "json"}))], "error.content_type");
    check(&[("success", json!({"body": "{conversion}"}))], "there is no macro {conversion}");
    check(&[("answer", json!([{"outcomes": ["lost"]}]))], "answer.outcomes: `lost`");
    check(&[("unknown", json!(1))], "unknown field");
}

#[test]
fn every_shipped_dialect_is_written_down_as_it_is_read() {
    for dialect in ready_made().values() {
        let text = serde_json::to_string(dialect.form()).unwrap();
        let again: DialectForm = serde_json::from_str(&text).unwrap();
        assert_eq!(again, *dialect.form(), "{}", dialect.id);
        assert!(Dialect::of(again).is_ok());
        for goal in dialect.goals.iter().map(|(_, goal)| goal) {
            let known = fixture::catalog().merchants["acme"].goals.iter().any(|own| own.alias == *goal);
            assert!(known || *goal == GoalAlias::parse("contact").unwrap(), "{} {goal}", dialect.id);
        }
    }
    let dialects: Vec<&Arc<Dialect>> = ready_made().values().collect();
    let paths: Vec<_> = dialects.iter().flat_map(|dialect| &dialect.paths).collect();
    let once: std::collections::BTreeSet<_> = paths.iter().collect();
    assert_eq!(once.len(), paths.len(), "an address is one dialect's");
}
