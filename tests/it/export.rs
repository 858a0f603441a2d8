//! What is configured, written as a file and applied again.

use crate::support::{Database, Program, WORLD, on_both_databases};

/// Everything that the test world lacks, secrets above all.
const MORE: &str = r#"
[[currency]]
code = "DOGE"
minor_unit = 4

[[merchant]]
id = "borealis"
name = "Borealis \"Bets\""
signing_secret = "the-secret-of-borealis"

[[merchant.goal]]
alias = "vip"
name = "VIP"
status_flow = "two_phase"
show_sum = true
token = "Very important"
message = "{manager} welcomes {player_id}"
events = { meta = "Lead" }

[[postback]]
id = "lotus-get"
affiliate = "lotus"
offer = "acme-offer"
goal = "ftd"
statuses = ["pending", "done"]
url = "https://t.example/pb?c={cl_id}&api_key=url-secret&s={status}#x"
params = { zone = "{sub1}", access_token = "param-secret", amount = "{amount}" }
headers = { X-Auth = "header-secret", X-Plain = "seen" }
basic_auth = { login = "login-secret", password = "password-secret" }
success = { statuses = "200,204", body_contains = "OK" }

[[postback]]
id = "lotus-json"
affiliate = "lotus"
method = "POST_JSON"
url = "https://t.example/json"
signing_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
basic_auth = { token = "token-secret" }
active = false

[[dialect]]
id = "house"
name = "The house's own"
parameters = { click_id = ["clickid", "cid"], amount = "sum" }
statuses = { approved = "ok" }

[[affiliate]]
id = "mango"
name = "Mango"
manager = "Anna"

[[pixel]]
id = "acme-meta"
platform = "meta"
offer = "acme-offer"
pixel_id = "1234567890"
secret = "platform-secret"
events = { ftd = "Purchase", kyc = "" }

[[offer]]
id = "borealis-spot"
merchant = "borealis"
name = "By its spot"
landing_url = "https://borealis.example/?cid={click_id}"
spot = "spot-1"
currency = "EUR"
account = 7
"#;

const SECRETS: [&str; 10] = [
    "the-secret-of-borealis",
    "signed-signing-secret",
    "url-secret",
    "param-secret",
    "header-secret",
    "login-secret",
    "password-secret",
    "whsec_",
    "token-secret",
    "platform-secret",
];

/// The test world and more.
fn configured(database: &Database) -> Program {
    let program = Program::new(database);
    program.apply(&format!("{WORLD}{MORE}")).ok();
    program
}

fn export(program: &Program) -> String {
    program.run(&["export-config"]).ok()
}

on_both_databases! {
    async fn an_export_is_found_unchanged_and_holds_no_secret(database: Database) {
        let program = configured(&database);
        let exported = export(&program);
        for secret in SECRETS.iter().chain(&["acme-token-1"]) {
            assert!(!exported.contains(secret), "{secret} in {exported}");
        }
        let applied = program.apply(&exported).ok();
        assert!(applied.lines().all(|line| line.starts_with("unchanged ")), "{applied}\n{exported}");
        for line in ["currency DOGE", "merchant borealis", "goal borealis/vip", "affiliate lotus", "offer acme-closed",
                     "postback lotus-get", "postback lotus-json", "dialect house", "pixel acme-meta",
                     "offer borealis-spot"] {
            assert!(applied.lines().any(|applied| applied == format!("unchanged {line}")), "{line}: {applied}");
        }
        assert_eq!(export(&program), exported);
        let path = database.folder().join("exported.toml");
        program.run(&["export-config", path.to_str().unwrap()]).ok();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), exported);
        assert!(program.run(&["export-config", path.to_str().unwrap()]).failed(1).contains("exported.toml"));
    }

    async fn with_its_secrets_an_export_brings_the_same_about_elsewhere(database: Database) {
        let exported = export(&configured(&database));
        let elsewhere = Database::sqlite();
        let complaint = Program::new(&elsewhere).apply(&exported).failed(1);
        assert!(complaint.contains("postback.url") && complaint.contains("`api_key`"), "{complaint}");
        let whole = exported
            .replace("api_key={keep}", "api_key=url-secret")
            .replace("access_token = \"{keep}\"", "access_token = \"param-secret\"")
            .replace("X-Auth = \"{keep}\"", "X-Auth = \"header-secret\"");
        let complaint = Program::new(&elsewhere).apply(&whole).failed(1);
        assert!(complaint.contains("POSTBACK_LOTUS_GET_BASIC_AUTH_LOGIN is not set"), "{complaint}");
        let program = [
            ("MERCHANT_BOREALIS_SIGNING_SECRET", SECRETS[0]),
            ("MERCHANT_SIGNED_SIGNING_SECRET", SECRETS[1]),
            ("POSTBACK_LOTUS_GET_BASIC_AUTH_LOGIN", SECRETS[5]),
            ("POSTBACK_LOTUS_GET_BASIC_AUTH_PASSWORD", SECRETS[6]),
            ("POSTBACK_LOTUS_JSON_SIGNING_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("POSTBACK_LOTUS_JSON_BASIC_AUTH_TOKEN", SECRETS[8]),
            ("PIXEL_ACME_META_SECRET", SECRETS[9]),
        ].into_iter().fold(Program::new(&elsewhere), |program, (name, secret)| program.with(name, secret));
        program.apply(&whole).ok();
        assert_eq!(export(&program), exported);
    }

    async fn secrets_that_are_kept_stay_with_their_host(database: Database) {
        let program = configured(&database);
        let moved = export(&program).replace("https://t.example/pb", "https://elsewhere.example/pb");
        let complaint = program.apply(&moved).failed(1);
        assert!(complaint.contains("postback.url") && complaint.contains("https://t.example"), "{complaint}");
        let other_page = export(&program).replace("https://t.example/pb", "https://t.example/other");
        assert!(program.apply(&other_page).ok().contains("changed postback lotus-get\n"));
    }
}
