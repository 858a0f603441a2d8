use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Looks values up in a table, as a click's parameters are.
fn from<'v>(values: &'v [(&'v str, &'v str)]) -> impl FnMut(&str) -> Option<Cow<'v, str>> {
    let values: HashMap<&str, &str> = values.iter().copied().collect();
    move |name| values.get(name).copied().map(Cow::Borrowed)
}

fn landing(source: &str) -> UrlTemplate {
    UrlTemplate::parse(source, Vocabulary::LandingUrl).unwrap()
}

#[test]
fn a_url_is_rendered_with_its_values_encoded() {
    let check = |source: &str, values: &[(&str, &str)], expected: &str| {
        assert_eq!(landing(source).render(from(values)), expected, "{source}");
    };
    check(
        "https://acme.example/?cid={click_id}",
        &[("click_id", "k-1._~")],
        "https://acme.example/?cid=k-1._~",
    );
    check(
        "https://acme.example?cid={c}",
        &[("c", "a b&c=d#e?f/g%h+i")],
        "https://acme.example/?cid=a%20b%26c%3Dd%23e%3Ff%2Fg%25h%2Bi",
    );
    check(
        "https://acme.example/{a}/x",
        &[("a", "../..//?#\\")],
        "https://acme.example/..%2F..%2F%2F%3F%23%5C/x",
    );
    check("https://acme.example/?a={a}&b={b}", &[("b", "2")], "https://acme.example/?a=&b=2");
    check(
        "https://acme.example/{a}{b}#{c}",
        &[("a", "1"), ("b", "2"), ("c", "é")],
        "https://acme.example/12#%C3%A9",
    );
    check("HTTPS://Acme.Example:443/a b?q=ü", &[], "https://acme.example/a%20b?q=%C3%BC");
    check("http://acme.example/?macro0x={x}", &[("x", "1")], "http://acme.example/?macro0x=1");
    check(
        "http://acme.example/?{k}={v}",
        &[("k", "a=b"), ("v", "\r\n\0")],
        "http://acme.example/?a%3Db=%0D%0A%00",
    );
    check(
        "http://acme.example/?u={params__utm_source}",
        &[("params__utm_source", "mail")],
        "http://acme.example/?u=mail",
    );
}

#[test]
fn a_dot_segment_that_a_value_makes_becomes_empty() {
    let check = |source: &str, value: &str, expected: &str| {
        assert_eq!(landing(source).render(from(&[("x", value)])), expected, "{source} {value}");
    };
    check("http://a.example/b/{x}/c", ".", "http://a.example/b//c");
    check("http://a.example/b/{x}/c", "..", "http://a.example/b//c");
    check("http://a.example/b/{x}/c", "...", "http://a.example/b/.../c");
    check("http://a.example/b/{x}", "..", "http://a.example/b/");
    check("http://a.example/b/.{x}/c", "", "http://a.example/b//c");
    check("http://a.example/b/.{x}/c", ".", "http://a.example/b//c");
    check("http://a.example/b/{x}{x}/c", ".", "http://a.example/b//c");
    check("http://a.example/b/%2e{x}/c", ".", "http://a.example/b//c");
    check("http://a.example/b/%2{x}/c", "E", "http://a.example/b//c");
    check("http://a.example/b/{x}/c", "%2e%2e", "http://a.example/b/%252e%252e/c");
    check("http://a.example/?p=/{x}/", "..", "http://a.example/?p=/../");
}

#[test]
fn a_wrong_url_template_is_refused_with_its_reason() {
    let check = |source: &str, expected: &str| {
        let error = UrlTemplate::parse(source, Vocabulary::Postback).unwrap_err();
        assert!(error.to_string().contains(expected), "{source}: {error}");
    };
    check(
        "https://t.example/?c={clickid}",
        "unknown macro {clickid} at character 22: did you mean {click_id}?",
    );
    check("https://t.example/ü?c={clickid}", "at character 23");
    check("https://t.example/?c={click_id", "the `{` at character 22 has no partner");
    check("https://t.example/?c=click_id}", "the `}` at character 30 has no partner");
    check("https://t.example/?c={{click_id}}", "the `{` at character 22 has no partner");
    check("https://t.example/?c={click_id}}", "the `}` at character 32 has no partner");
    check("https://t.example/?c={}", "{} at character 22 is not a macro");
    check("https://t.example/?c={click id}", "{click id} at character 22 is not a macro");
    check("{sub1}", "neither");
    check("{sub1}://t.example/", "{sub1} stands in the scheme");
    check("htt{sub1}://t.example/", "{sub1} stands in the scheme");
    check("https://{sub1}/", "{sub1} stands in the host");
    check("https://{sub1}.example/", "{sub1} stands in the host");
    check("https://t.example{sub1}", "{sub1} stands in the host");
    check("https://[::{sub1}]/", "{sub1} stands in the host");
    check("https://t.example:{sub1}/", "{sub1} stands in the port");
    check("https://t.example:4{sub1}?x", "{sub1} stands in the port");
    check("https://[::1]:{sub1}/", "{sub1} stands in the port");
    check("https://{sub1}@t.example/", "{sub1} stands in the user information");
    check("https://u:{sub1}@t.example/", "{sub1} stands in the user information");
    check("https://t.example/{sub1}/../x", "removes a macro");
    check("https:///{sub1}/x", "no host");
    check("https://\\{sub1}/x", "no host");
    check("https:/{sub1}/x", "neither");
    check("https:{sub1}/x", "neither");
    check("//{sub1}/x", "neither");
    check("ftp://t.example/", "neither");
    check("javascript:alert(1)//", "neither");
    check("javascript://t.example/%0aalert(1)", "neither");
    check(" https://t.example/", "neither");
    check("t.example/?c={click_id}", "neither");
    check("", "neither");
    check("https://", "no host");
    check("https://t.example/\n?c={click_id}", "control character");
    check("https://t.example:99999/", "not a URL");
    check("https://t.exa mple/", "not a URL");
    check(&format!("https://t.example/{}", "a".repeat(TEMPLATE_MAX)), "at most 8192");
}

#[test]
fn every_macro_of_the_postback_vocabulary_is_accepted() {
    let names = "click_id cl_id conversion_id delivery_id transaction_id goal action status amount sum \
                 currency revenue payout payout_currency merchant offer affiliate reason event_time \
                 event_time_unix user_id username name player_id geo sub1 sub2 sub9 sub10 custom1 \
                 custom10 advert__zone params__ANY params__a.b-c";
    for name in names.split_whitespace() {
        let source = format!("https://t.example/?v={{{name}}}");
        let template = UrlTemplate::parse(&source, Vocabulary::Postback).unwrap();
        assert_eq!(
            template.render(|asked| Some(asked.to_owned().into())),
            format!("https://t.example/?v={name}")
        );
    }
}

#[test]
fn text_is_rendered_as_it_is_and_a_header_without_control_characters() {
    let template = TextTemplate::parse("id={cl_id};{geo}", Vocabulary::Postback).unwrap();
    let check = |value, text: &str, header: &str| {
        assert_eq!(template.render_text(from(&[("cl_id", value)])), text);
        assert_eq!(template.render_header(from(&[("cl_id", value)])), header);
    };
    check("a b\"&", "id=a b\"&;", "id=a b\"&;");
    check("a\r\nX-Evil: 1", "id=a\r\nX-Evil: 1;", "id=a  X-Evil: 1;");
    check("\0\t\u{7f}\u{85}é", "id=\0\t\u{7f}\u{85}é;", "id=    é;");
}

#[test]
fn pairs_are_appended_to_the_query_or_written_as_a_form() {
    let pairs = [("status", "a b"), ("t&d", "1=2")];
    let check = |url, expected: &str| assert_eq!(append_query(url, pairs), expected);
    assert_eq!(form_body(pairs), "status=a%20b&t%26d=1%3D2");
    check("http://a.example/", "http://a.example/?status=a%20b&t%26d=1%3D2");
    check("http://a.example/?", "http://a.example/?status=a%20b&t%26d=1%3D2");
    check("http://a.example/?x=1", "http://a.example/?x=1&status=a%20b&t%26d=1%3D2");
    check("http://a.example/?x=1&", "http://a.example/?x=1&status=a%20b&t%26d=1%3D2");
    check("http://a.example/#f?", "http://a.example/?status=a%20b&t%26d=1%3D2#f?");
    assert_eq!(append_query("http://a.example/?x#f", []), "http://a.example/?x#f");
}

/// What a value must not change.
#[derive(Debug, PartialEq)]
struct Structure {
    origin: String,
    segments: usize,
    pairs: usize,
    equals_signs: usize,
    has_fragment: bool,
}

fn structure(url: &str) -> Structure {
    let parsed = Url::parse(url).unwrap();
    assert_eq!(parsed.as_str(), url, "not in normal form");
    let query = parsed.query().unwrap_or_default();
    Structure {
        origin: parsed[..Position::BeforePath].to_owned(),
        segments: parsed.path_segments().unwrap().count(),
        pairs: query.split('&').count(),
        equals_signs: query.matches('=').count(),
        has_fragment: parsed.fragment().is_some(),
    }
}

fn hostile_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[./%2eE\\\\]{0,4}",
        r"[&=?#/:@;+\[\] %\r\n{}a]{0,12}",
        Just("x&status=approved".to_owned()),
        Just("@evil.example/".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_value_changes_the_structure_of_a_url(
        path in r"(/(\{a\}|\{b\}|[.]|[%]2e|[%]2|[a-z]){0,3}){0,4}",
        query in r"(\?([a-z]{1,2}=(\{a\}|\{b\}|[a-z %+]){0,3}&){0,3}\{b\}=1)?",
        fragment in r"(#\{a\})?",
        a in hostile_value(),
        b in hostile_value(),
    ) {
        let source = format!("https://user@t.example:8443{path}{query}{fragment}");
        let parsed = UrlTemplate::parse(&source, Vocabulary::LandingUrl);
        prop_assume!(parsed != Err(TemplateError::MacroRemoved));
        let template = parsed.unwrap();
        let harmless = template.render(|_| Some("x".into()));
        let hostile = template.render(from(&[("a", &a), ("b", &b)]));
        prop_assert_eq!(structure(&hostile), structure(&harmless));
        let empty = template.render(|_| None);
        prop_assert_eq!(structure(&empty), structure(&harmless));
    }

    #[test]
    fn a_query_value_is_read_back_as_it_was(value: String) {
        let url = landing("https://t.example/?v={v}&w=1").render(|_| Some(value.as_str().into()));
        let pairs: Vec<_> = Url::parse(&url).unwrap().query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, [("v".to_owned(), value), ("w".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn a_header_value_holds_no_control_character(value: String) {
        let template = TextTemplate::parse("x-{v}", Vocabulary::LandingUrl).unwrap();
        let rendered = template.render_header(|_| Some(value.as_str().into()));
        prop_assert!(!rendered.contains(char::is_control));
        prop_assert_eq!(rendered.chars().count(), value.chars().count() + 2);
    }

    #[test]
    fn any_text_is_parsed_or_refused(source: String) {
        let _ = TextTemplate::parse(&source, Vocabulary::Postback);
        let _ = UrlTemplate::parse(&format!("https://t.example/{source}"), Vocabulary::Postback);
    }
}
