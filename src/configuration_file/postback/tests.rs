use uuid::Uuid;

use crate::{
    configuration_file::{World, read},
    domain::{
        catalog::Catalog,
        endpoint::{Method, PostbackEndpoint},
        ids::TokenId,
        secret::Secret,
        status::Status,
        token::TokenDigester,
    },
};

/// An affiliate, and an endpoint whose keys follow.
const HEAD: &str = "[[affiliate]]\nid = \"lotus\"\nname = \"Lotus\"\n\n[[postback]]\n";

const LEAST: &str = "id = \"pb\"\naffiliate = \"lotus\"\nurl = \"https://t.example/pb?c={cl_id}\"\n";

fn read_endpoint(keys: &str) -> Result<PostbackEndpoint, String> {
    let (present, digester) = (Catalog::default(), TokenDigester::new(b"a secret of the tests"));
    let world = World { present: &present, digester: &digester, new_id: &|| TokenId::new(Uuid::nil()) };
    let configuration = read(&format!("{HEAD}{keys}"), &world);
    configuration.map(|mut it| it.endpoints.remove(0)).map_err(|mistake| mistake.to_string())
}

#[test]
fn what_is_left_out_has_its_default() {
    let endpoint = read_endpoint(LEAST).unwrap();
    assert_eq!((endpoint.method, endpoint.active), (Method::Get, true));
    assert_eq!(endpoint.statuses, [Status::Approved].into());
    assert_eq!((endpoint.success.statuses(), endpoint.success.body_contains.as_str()), ("200-299", ""));
    assert!(endpoint.offer.is_none() && endpoint.goal.is_none() && endpoint.basic_auth.is_none());
}

#[test]
fn done_is_another_word_for_approved() {
    let endpoint = read_endpoint(&format!("{LEAST}statuses = [\"pending\", \"done\"]")).unwrap();
    assert_eq!(endpoint.statuses, [Status::Pending, Status::Approved].into());
}

#[test]
fn a_token_is_a_user_name_without_a_password() {
    let auth =
        |keys: &str| read_endpoint(&format!("{LEAST}basic_auth = {keys}")).unwrap().basic_auth.unwrap();
    let token = auth("{ token = \"t\" }");
    assert_eq!((token.login.expose(), token.password.as_ref()), ("t", None));
    let login = auth("{ login = \"u\", password = \"p\" }");
    assert_eq!((login.login.expose(), login.password.as_ref().map(Secret::expose)), ("u", Some("p")));
}

#[test]
fn every_mistake_names_its_line_its_key_and_what_to_write() {
    #[track_caller]
    fn check(keys: &str, said: &[&str]) {
        let mistake = read_endpoint(keys).unwrap_err();
        for part in said {
            assert!(mistake.contains(part), "{part} in {mistake}");
        }
    }
    let with = |more: &str| format!("{LEAST}{more}");
    let url = |url: &str| format!("id = \"pb\"\naffiliate = \"lotus\"\nurl = \"{url}\"\n");
    check(&url("https://t.example/?c={clik_id}"), &["line 8: postback.url", "{clik_id}", "{click_id}"]);
    check(&url("https://t.example/?c={click_id"), &["line 8: postback.url", "no partner"]);
    check(&url("https://{sub1}.example/"), &["line 8: postback.url", "host"]);
    check(&url("ftp://t.example/"), &["line 8: postback.url", "http://"]);
    check(&url("t.example/pb"), &["line 8: postback.url", "http://"]);
    check(&url("https://u:p@t.example/"), &["line 8: postback.url", "basic_auth = "]);
    check(&with("params = { a = \"{pay_out}\" }"), &["line 9: postback.params", "a: ", "{payout}"]);
    check(&with("headers = { X-A = \"{}\" }"), &["line 9: postback.headers", "X-A: "]);
    check(&with("headers = { \"X A\" = \"1\" }"), &["line 9: postback.headers", "not the name of a header"]);
    check(&with("headers = { Host = \"x\" }"), &["line 9: postback.headers", "set by the client"]);
    check(&with("headers = { Webhook-Id = \"x\" }"), &["line 9: postback.headers", "leave it out"]);
    let twice = "headers = { Authorization = \"x\" }\nbasic_auth = { token = \"t\" }";
    check(&with(twice), &["line 9: postback.headers", "one of the two"]);
    check(
        &with("basic_auth = { password = \"p\" }"),
        &["line 9: postback.basic_auth", "login and password, or token"],
    );
    check(&with("basic_auth = { login = \"u\", token = \"t\" }"), &["line 9: postback.basic_auth"]);
    check(&with("signing_secret = \"whsec_AAAA\""), &["line 9: postback.signing_secret", "POST_JSON"]);
    let json = with("method = \"POST_JSON\"\nsigning_secret = \"swordfish\"");
    check(&json, &["line 10: postback.signing_secret", "whsec_"]);
    assert!(!read_endpoint(&json).unwrap_err().contains("swordfish"));
    check(&with("success = { statuses = \"2xx\" }"), &["line 9: postback.success", "200-299"]);
    check(&with("statuses = []"), &["postback.statuses", "pending, approved, rejected"]);
    check(&with("statuses = [\"paid\"]"), &["line 9", "`paid`", "approved (or done)"]);
    check(&with("method = \"PUT\""), &["line 9", "GET, POST_FORM, POST_JSON"]);
    check(&with("offer = \"none\""), &["line 9: postback.offer", "as [[offer]]"]);
    check(&with("retries = 3"), &["line 9", "retries"]);
    check(&LEAST.replace("lotus", "orchid"), &["line 7: postback.affiliate", "as [[affiliate]]"]);
    check(&LEAST.replace("\"pb\"", "\"P B\""), &["line 6"]);
    check(&format!("{LEAST}[[postback]]\n{LEAST}"), &["line 10: postback.id", "line 6"]);
}
