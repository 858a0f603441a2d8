//! How parameters are read: every code that a parameter can be refused with, and the order of the checks.

use super::*;
use crate::domain::fixture;

/// What every postback needs.
const PLAYER: &str = "click_id=c1&goal_alias=ftd";

/// What recording a first deposit needs.
const DEPOSIT: &str = "click_id=c1&goal_alias=ftd&amount=100&currency=EUR";

fn parse_params(operation: Operation, merchant: &str, params: &Params) -> Result<Postback, Refusal> {
    let catalog = fixture::catalog();
    Postback::parse(operation, &catalog.merchants[merchant], &catalog.currencies, params, fixture::NOW)
}

fn parse(operation: Operation, query: &str) -> Result<Postback, Refusal> {
    parse_params(operation, "plain", &fixture::params(query))
}

fn blame(result: Result<Postback, Refusal>) -> String {
    match result {
        Ok(_) => String::from("ok"),
        Err(Refusal { code, parameter, .. }) => {
            format!("{} {}", code.as_str(), parameter.unwrap_or_default()).trim_end().to_owned()
        }
    }
}

#[track_caller]
fn check(operation: Operation, query: &str, expected: &str) {
    assert_eq!(blame(parse(operation, query)), expected, "{operation:?} {query}");
}

/// Of a query that records: what is wrong with it, or `ok`.
#[track_caller]
fn check_record(query: &str, expected: &str) {
    check(Operation::Record, query, expected);
}

#[track_caller]
fn check_deposit(rest: &str, expected: &str) {
    check_record(&format!("{DEPOSIT}&{rest}"), expected);
}

#[test]
fn a_complete_postback_is_read() {
    let query = "click_id=c1&token=t&goal_alias=ftd&amount=99.5&currency=eur&conv_status=pending\
                 &transaction_id=T1&event_time=1795168700&dry_run=1&note=a&empty=";
    let postback = parse(Operation::Record, query).unwrap();
    assert_eq!(postback.intent, Intent::Record(Some(Status::Pending)));
    assert_eq!((postback.click.as_str(), postback.goal.as_str()), ("c1", "ftd"));
    assert_eq!(postback.amount, Money::parse("99.5").ok());
    assert_eq!(postback.currency.map(|c| c.code.as_str().to_owned()).as_deref(), Some("EUR"));
    assert_eq!(postback.transaction.map(|t| t.to_string()).as_deref(), Some("T1"));
    assert_eq!(postback.event_time, Some(Timestamp::from_millis(1_795_168_700_000)));
    assert!(postback.dry_run);
    assert_eq!(postback.extra, fixture::params("note=a&empty="));
}

#[test]
fn what_a_goal_and_an_operation_require_is_missed() {
    check_record("", "missing_parameter click_id");
    check_record("click_id=&goal_alias=ftd", "missing_parameter click_id");
    check_record("click_id=c1", "missing_parameter goal_alias");
    check_record("click_id=c1&goal_alias=", "missing_parameter goal_alias");
    for goal in ["ftd", "rdep", "revshare", "turnover"] {
        check_record(&format!("click_id=c1&goal_alias={goal}"), "missing_parameter amount");
        check_record(
            &format!("click_id=c1&goal_alias={goal}&amount=&currency=EUR"),
            "missing_parameter amount",
        );
    }
    for goal in ["reg", "kyc", "vip", "level"] {
        check_record(&format!("click_id=c1&goal_alias={goal}"), "ok");
    }
    check_record(&format!("{PLAYER}&amount=100"), "missing_parameter currency");
    check_record("click_id=c1&goal_alias=reg&amount=1", "missing_parameter currency");
    check_record("click_id=c1&goal_alias=reg&amount=0", "ok");
    check(Operation::Decide, PLAYER, "missing_parameter conv_status");
    check(Operation::RecordAndDecide, DEPOSIT, "missing_parameter conv_status");
    check(Operation::RecordAndDecide, &format!("{PLAYER}&conv_status=approved"), "missing_parameter amount");
    check(Operation::Decide, &format!("{PLAYER}&conv_status=approved"), "ok");
    check(
        Operation::Decide,
        &format!("{PLAYER}&conv_status=approved&amount=1"),
        "missing_parameter currency",
    );
}

#[test]
fn a_value_that_breaks_its_rule_is_refused() {
    check_record("click_id=a/b&goal_alias=ftd", "invalid_click_id click_id");
    check_record(&format!("click_id={}&goal_alias=reg", "x".repeat(128)), "ok");
    check_record(&format!("click_id={}&goal_alias=reg", "x".repeat(129)), "invalid_click_id click_id");
    for goal in ["deposit", "FTD", "f t d", &"x".repeat(41)] {
        check_record(&format!("click_id=c1&goal_alias={goal}"), "unknown_goal goal_alias");
    }
    for currency in ["EURO", "XX", "€", "XAU", "GBP"] {
        check_record(&format!("{PLAYER}&amount=1&currency={currency}"), "invalid_currency currency");
    }
    check_deposit(&format!("transaction_id={}", "ü".repeat(128)), "ok");
    check_deposit(&format!("transaction_id={}", "ü".repeat(129)), "invalid_transaction_id transaction_id");
    check_deposit("transaction_id=a\nb", "invalid_transaction_id transaction_id");
    check_deposit("transaction_id=", "ok");
    check_deposit("dry_run=yes", "malformed_query dry_run");
}

#[test]
fn each_goal_has_its_own_rule_for_amounts() {
    let check_amount = |goal: &str, amount: &str, expected: &str| {
        check_record(&format!("click_id=c1&goal_alias={goal}&amount={amount}&currency=EUR"), expected);
    };
    for amount in ["1e5", "1,5", " 1", "+1", ".5", "5.", "ten", "90000000000", "-1", "0", "-0"] {
        check_amount("ftd", amount, "invalid_amount amount");
    }
    for goal in ["reg", "rdep", "kyc", "vip", "level", "turnover"] {
        check_amount(goal, "-1", "invalid_amount amount");
    }
    for goal in ["rdep", "revshare", "turnover"] {
        check_amount(goal, "0.00", "invalid_amount amount");
    }
    check_amount("kyc", "1", "invalid_amount amount");
    check_amount("reg", "0", "ok");
    check_amount("vip", "5", "ok");
    check_amount("revshare", "-1", "ok");
    check_amount("ftd", "89999999999.99", "ok");
}

#[test]
fn digits_beyond_the_minor_unit_are_zeros_except_for_revenue_share() {
    let check_places = |goal: &str, amount: &str, currency: &str, expected: &str| {
        let query = format!("click_id=c1&goal_alias={goal}&amount={amount}&currency={currency}");
        let result = parse_params(Operation::Record, "acme", &fixture::params(&query));
        assert_eq!(blame(result), expected, "{query}");
    };
    for (amount, currency) in [
        ("1.10", "EUR"),
        ("1.1000", "EUR"),
        ("5.00", "JPY"),
        ("1.123", "KWD"),
        ("1.123456", "USDT"),
        ("1.12345678", "BTC"),
    ] {
        check_places("ftd", amount, currency, "ok");
    }
    for (amount, currency) in [("1.101", "EUR"), ("5.5", "JPY"), ("1.1234", "KWD"), ("1.1234567", "USDT")] {
        check_places("ftd", amount, currency, "amount_precision amount");
        check_places("vip", amount, currency, "amount_precision amount");
        check_places("revshare", amount, currency, "ok");
    }
    check_places("revshare", "1.123456789", "EUR", "amount_precision amount");
    check_places("ftd", "1.123456789", "BTC", "amount_precision amount");
}

#[test]
fn a_status_is_told_in_our_words_or_in_the_senders() {
    use Status::{Approved, Pending, Rejected};

    let check_status = |rest: &str, expected: Result<Option<Status>, &str>| {
        let result = parse(Operation::Record, &format!("{DEPOSIT}&{rest}"));
        let got = result.map(|postback| postback.intent).map_err(|refusal| blame(Err(refusal)));
        assert_eq!(got, expected.map(Intent::Record).map_err(str::to_owned), "{rest}");
    };
    let invalid = Err("invalid_status conv_status");
    check_status("", Ok(None));
    check_status("conv_status=", Ok(None));
    check_status("approved_status=ok", Ok(None));
    check_status("conv_status=approved", Ok(Some(Approved)));
    check_status("conv_status=PENDING", Ok(Some(Pending)));
    check_status("conv_status=ok", invalid);
    check_status("conv_status=ok&approved_status=ok;paid", Ok(Some(Approved)));
    check_status("conv_status=paid&approved_status=ok,paid", Ok(Some(Approved)));
    check_status("conv_status=Paid&approved_status= ok , paid ;", Ok(Some(Approved)));
    check_status("conv_status=hold&approved_status=ok&pending_status=new;hold", Ok(Some(Pending)));
    check_status("conv_status=0&approved_status=1&rejected_status=0;2", Ok(Some(Rejected)));
    check_status("conv_status=3&approved_status=1&rejected_status=0;2", invalid);
    check_status("conv_status=approved&approved_status=ok", Ok(Some(Approved)));
    check_status("conv_status=approved&pending_status=approved", Ok(Some(Pending)));
    check_status("conv_status=ok&approved_status=ok&rejected_status=ok", invalid);
    check_status("conv_status=o&approved_status=ok", invalid);
    check_status("conv_status= &approved_status=a&pending_status=b", invalid);
    check_status("conv_status= &approved_status=a;", invalid);
}

#[test]
fn a_decision_is_approved_or_rejected() {
    let decide = |status: &str| format!("{PLAYER}&conv_status={status}");
    check(Operation::Decide, &decide("rejected"), "ok");
    check(Operation::Decide, &decide("pending"), "invalid_status conv_status");
    check(
        Operation::RecordAndDecide,
        &format!("{DEPOSIT}&conv_status=pending"),
        "invalid_status conv_status",
    );
    check(Operation::Decide, &decide("maybe"), "invalid_status conv_status");
    let intent = |operation| parse(operation, &format!("{DEPOSIT}&conv_status=approved")).unwrap().intent;
    assert_eq!(intent(Operation::Record), Intent::Record(Some(Status::Approved)));
    assert_eq!(intent(Operation::Decide), Intent::Decide(Decision::Approve));
    assert_eq!(intent(Operation::RecordAndDecide), Intent::RecordAndDecide(Decision::Approve));
}

#[test]
fn an_event_lies_at_most_five_minutes_ahead() {
    check_deposit("event_time=1795169100", "ok");
    check_deposit("event_time=1795169101", "invalid_event_time event_time");
    check_deposit("event_time=2026-11-20T10:05:00Z", "ok");
    check_deposit("event_time=2026-11-20T10:05:00.001Z", "invalid_event_time event_time");
    check_deposit("event_time=2026-11-20T12:05:00+02:00", "ok");
    check_deposit("event_time=2020-01-01T00:00:00Z", "ok");
    check_deposit("event_time=0", "ok");
    check_deposit("event_time=1795168800000", "invalid_event_time event_time");
    check_deposit("event_time=yesterday", "invalid_event_time event_time");
    check_deposit("event_time=2026-11-20", "invalid_event_time event_time");
}

#[test]
fn placeholders_are_refused_in_every_parameter_that_means_something() {
    for name in [
        "click_id",
        "goal_alias",
        "amount",
        "currency",
        "conv_status",
        "transaction_id",
        "event_time",
        "approved_status",
        "pending_status",
        "rejected_status",
        "ts",
        "sig",
        "dry_run",
    ] {
        let others = DEPOSIT.split('&').filter(|pair| pair.split('=').next() != Some(name));
        let query = others.map(str::to_owned).chain([format!("{name}={{x}}")]).collect::<Vec<_>>().join("&");
        check_record(&query, &format!("unresolved_macro {name}"));
    }
    check_record("click_id=c1&goal_alias=reg&amount={sale_amount}", "unresolved_macro amount");
    check_deposit("note={x}", "ok");
}

#[test]
fn placeholders_of_every_known_form_are_recognised() {
    for value in [
        "{x}",
        "{sale_amount}",
        "{{x}}",
        "${x}",
        "##x##",
        "#x#",
        "[x]",
        "[REPLACE]",
        "%x%",
        "<x>",
        "REPLACE",
        "OPTIONAL",
        "{}",
        "pre-{x}",
        "{Sub5}",
        "{status: lead=install}",
    ] {
        assert!(is_unresolved_macro(value), "{value}");
    }
    for value in ["", "100", "ftd", "#5", "50%", "A#1#2", "<", "[]", "##", "%%", "a{b", "replace", "T-1"] {
        assert!(!is_unresolved_macro(value), "{value}");
    }
}

#[test]
fn the_first_wrong_parameter_in_the_order_of_the_table_is_the_one_that_is_told() {
    let mut wrong = vec![
        ("click_id", "a/b", "invalid_click_id"),
        ("goal_alias", "nothing", "unknown_goal"),
        ("amount", "ten", "invalid_amount"),
        ("currency", "EURO", "invalid_currency"),
        ("conv_status", "maybe", "invalid_status"),
        ("transaction_id", "a\nb", "invalid_transaction_id"),
        ("event_time", "yesterday", "invalid_event_time"),
        ("sig", "00", "invalid_signature"),
        ("dry_run", "yes", "malformed_query"),
    ];
    let right = [("click_id", "c1"), ("goal_alias", "ftd"), ("amount", "1"), ("currency", "EUR")];
    let mut fixed: Vec<(&str, &str)> = Vec::new();
    while !wrong.is_empty() {
        let (name, _, code) = wrong[0];
        let pairs = wrong.iter().rev().map(|(name, value, _)| (*name, *value)).chain(fixed.iter().copied());
        let query: Vec<_> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        check_record(&query.join("&"), &format!("{code} {name}"));
        fixed.extend(right.iter().find(|(right, _)| *right == name));
        wrong.remove(0);
    }
}

#[test]
fn the_senders_own_parameters_are_few_and_short() {
    let many = |count| (0..count).map(|n| format!("p{n}=v")).collect::<Vec<_>>().join("&");
    check_deposit(&many(EXTRA_PARAMS_MAX), "ok");
    check_deposit(&many(EXTRA_PARAMS_MAX + 1), "malformed_query");
    check_deposit(&format!("token=t&ts=1&approved_status=a&{}", many(EXTRA_PARAMS_MAX)), "ok");
    check_deposit(&format!("note={}", "ü".repeat(512)), "ok");
    check_deposit(&format!("note={}x", "ü".repeat(512)), "malformed_query note");
    check_deposit(&format!("{}=1", "n".repeat(1024)), "ok");
    check_deposit(&format!("{}=1", "n".repeat(1025)), &format!("malformed_query {}", "n".repeat(60)));
}

#[test]
fn a_signature_is_checked_where_it_is_demanded_or_given() {
    let check_signed = |merchant: &str, params: &Params, expected: &str| {
        assert_eq!(
            blame(parse_params(Operation::Record, merchant, params)),
            expected,
            "{merchant} {params:?}"
        );
    };
    let sign = |ts: i64| {
        let mut params = fixture::params(&format!("{DEPOSIT}&token=t&note=a&ts={ts}"));
        params.push("sig", sign::signature(fixture::SIGNING_SECRET, &params));
        params
    };
    let now = fixture::NOW.seconds();
    let unsigned = fixture::params(DEPOSIT);
    check_signed("signed", &sign(now), "ok");
    check_signed("signed", &sign(now - 300), "ok");
    check_signed("signed", &sign(now + 300), "ok");
    check_signed("signed", &sign(now - 301), "invalid_signature ts");
    check_signed("signed", &sign(now + 301), "invalid_signature ts");
    check_signed("signed", &unsigned, "invalid_signature sig");
    check_signed("signed", &fixture::params(&format!("{DEPOSIT}&sig=00")), "invalid_signature ts");
    check_signed("signed", &fixture::params(&format!("{DEPOSIT}&ts={now}&sig=00")), "invalid_signature sig");
    check_signed("plain", &unsigned, "ok");
    check_signed("plain", &sign(now), "invalid_signature sig");
    for tampered in ["amount", "note", "token"] {
        let changed = |(name, value): (&str, &str)| {
            (name.to_owned(), if name == tampered { String::from("7") } else { value.to_owned() })
        };
        check_signed("signed", &sign(now).iter().map(changed).collect(), "invalid_signature sig");
    }
}

#[test]
fn a_signature_that_nobody_demanded_is_checked_under_the_merchants_secret() {
    let mut catalog = fixture::catalog();
    let merchant = std::sync::Arc::make_mut(catalog.merchants.get_mut("signed").unwrap());
    merchant.require_signature = false;
    let parse = |params: &Params| {
        blame(Postback::parse(Operation::Record, merchant, &catalog.currencies, params, fixture::NOW))
    };
    assert_eq!(parse(&fixture::params(DEPOSIT)), "ok");
    assert_eq!(parse(&fixture::params(&format!("{DEPOSIT}&ts=1795168800"))), "ok");
    assert_eq!(parse(&fixture::params(&format!("{DEPOSIT}&ts=1795168800&sig=00"))), "invalid_signature sig");
}
