//! Other senders: what their systems document, at `/postback/{id}`; and dialects of a user's own.

use super::Casino;
use crate::support::{eventually, on_both_databases};

/// The token of the merchant `casino`.
const TOKEN: &str = "casino-token-1";

impl Casino {
    /// Sends a documented address, with `CLICK` and `TOKEN` filled in, and expects what is recorded by it.
    async fn records(&self, click: &str, address: &str, expected: &[&str]) {
        let address = address.replace("CLICK", click).replace("TOKEN", TOKEN);
        let answer = self.get(&address).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "OK"), "{address}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let sql = format!(
            "SELECT goal || ' ' || status || ' ' || (amount / 1000000) || ' ' || coalesce(currency, '-') || ' '
                || coalesce(transaction_id, '-') FROM conversion WHERE click_id = '{click}' ORDER BY id"
        );
        assert_eq!(self.database().texts(&sql).await, expected, "{address}");
    }
}

on_both_databases! {
    async fn keitaro(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let send = async |query: &str, expected: &[&str]| {
            casino.records(&click, &format!("/postback/keitaro/TOKEN?subid=CLICK&{query}"), expected).await;
        };
        send("status=reg", &["reg approved 0 - -"]).await;
        send("status=lead&payout=10&currency=EUR", &["reg approved 0 - -", "ftd pending 1000 EUR -"]).await;
        send("status=sale&payout=10&currency=eur", &["reg approved 0 - -", "ftd approved 1000 EUR -"]).await;
        let rebilled = ["reg approved 0 - -", "ftd approved 1000 EUR -", "rdep approved 500 EUR 2"];
        send("status=rebill&revenue=5.00&tid=2&sub_id_1=x", &rebilled).await;
        send("status=rebill&revenue=5.00&tid=2", &rebilled).await;
        let answer = casino.get(&format!("/postback/keitaro/{TOKEN}?subid={click}&status=reg&return=1")).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "1"));
        let other = casino.click_with("casino-offer", "").await;
        let own = "/postback/keitaro/TOKEN?subid=CLICK&payout=7&status=billed&lead_status=reg,topup&sale_status=billed";
        casino.records(&other, own, &["ftd approved 700 EUR -"]).await;
        let third = casino.click_with("casino-offer", "").await;
        let in_query = "/postback/keitaro?subid=CLICK&payout=7&token=TOKEN";
        casino.records(&third, in_query, &["ftd pending 700 EUR -"]).await;
        let logged = "SELECT DISTINCT endpoint FROM postback_log";
        assert_eq!(casino.database().texts(logged).await, ["/postback/keitaro"]);
        assert!(!casino.database().holds(TOKEN).await);
    }

    async fn binom(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let send = async |query: &str, expected: &[&str]| {
            casino.records(&click, &format!("/postback/binom/TOKEN?{query}"), expected).await;
        };
        send("cnv_id=CLICK&cnv_status=signup", &["reg approved 0 - -"]).await;
        let held = ["reg approved 0 - -", "ftd pending 1200 USD -"];
        send("cnv_id=CLICK&payout=12&cnv_status=Hold&cnv_currency=USD", &held).await;
        let approved = ["reg approved 0 - -", "ftd approved 1200 USD -"];
        send("clickid=CLICK&payout=12&cnv_status=approve&cnv_currency=USD&event1=15", &approved).await;
        let other = casino.click_with("casino-offer", "").await;
        casino.records(&other, "/postback/binom/TOKEN?cnv_id=CLICK&payout=5", &["ftd pending 500 EUR -"]).await;
        let placeholder = casino.get(&format!("/postback/binom/{TOKEN}?cnv_id=OPTIONAL&payout=OPTIONAL")).await;
        assert_eq!(placeholder.status, 400, "{}", placeholder.text);
        assert!(placeholder.text.starts_with("unresolved_macro: `cnv_id` is"), "{}", placeholder.text);
    }

    async fn voluum(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let address = "/postback/voluum?cid=CLICK&payout=10.5&txid=T-1&currency=EUR&et=ftd&param1=a&token=TOKEN";
        casino.records(&click, address, &["ftd pending 1050 EUR T-1"]).await;
        let other = casino.click_with("casino-offer", "").await;
        casino.records(&other, "/postback/voluum/TOKEN?cid=CLICK&payout=3", &["ftd pending 300 EUR -"]).await;
        casino.records(&other, "/postback/voluum/TOKEN?cid=CLICK&payout=4&txid=9&et=redep",
            &["ftd pending 300 EUR -", "rdep approved 400 EUR 9"]).await;
        let template = format!("/postback/voluum/{TOKEN}?cid=REPLACE&payout=OPTIONAL&txid=OPTIONAL");
        let placeholder = casino.get(&template).await;
        assert_eq!(placeholder.status, 400, "{}", placeholder.text);
        let refused = casino.get(&format!("/postback/voluum/{TOKEN}?cid={other}&payout=4&et=jackpot")).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.starts_with("unknown_goal: Send one of your goals as `et`"), "{}", refused.text);
    }

    async fn redtrack(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let send = async |query: &str, expected: &[&str]| {
            casino.records(&click, &format!("/postback/redtrack?clickid=CLICK&token=TOKEN&{query}"), expected).await;
        };
        send("sum=10&type=Deposit", &["ftd pending 1000 EUR -"]).await;
        send("status=declined", &["ftd rejected 1000 EUR -"]).await;
        let repeated = ["ftd rejected 1000 EUR -", "rdep approved 700 USD 77"];
        let address = format!("/postback/redtrack/{TOKEN}?clickid={click}&sum=7&currency=USD&type=redep");
        let wrong = casino.get(&address).await;
        assert_eq!(wrong.status, 409, "{}", wrong.text);
        let repeated = repeated.map(|line| line.replace("USD", "EUR"));
        send("sum=7&type=redep&rdtk_event_id=77", &repeated.each_ref().map(String::as_str)).await;
    }

    async fn affise(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let send = async |query: &str, expected: &[&str]| {
            casino.records(&click, &format!("/postback/affise?clickid=CLICK&secure=TOKEN&{query}"), expected).await;
        };
        send("sum=15&action_id=A-1&goal=1&status=2&custom_field1=x&user_id=77", &["ftd pending 1500 EUR A-1"]).await;
        send("sum=15&action_id=A-1&goal=1&status=1", &["ftd approved 1500 EUR A-1"]).await;
        let players = "SELECT player_id FROM player";
        assert_eq!(casino.database().texts(players).await, ["77"]);
        let other = casino.click_with("casino-offer", "").await;
        let level = "/postback/affise/TOKEN?click_id=CLICK&goal=level10&sum=1";
        casino.records(&other, level, &["level approved 100 EUR -"]).await;
        let declined = "/postback/affise/TOKEN?click_id=CLICK&sum=9&status=3&comment=fraud";
        casino.records(&casino.click_with("casino-offer", "").await, declined, &["ftd rejected 900 EUR -"]).await;
        let reasons = "SELECT DISTINCT reason FROM status_event WHERE reason IS NOT NULL";
        assert_eq!(casino.database().texts(reasons).await, ["fraud"]);
        assert!(!casino.database().holds(TOKEN).await);
        assert_eq!(casino.get(&format!("/postback/affise?clickid={click}&secure=nope")).await.status, 401);
    }

    async fn everflow(casino: Casino) {
        let click = casino.click_with("casino-offer", "").await;
        let send = async |query: &str, expected: &[&str]| {
            let address = format!("/postback/everflow?nid=123&transaction_id=CLICK&verification_token=TOKEN&{query}");
            casino.records(&click, &address, expected).await;
        };
        send("event_id=reg", &["reg approved 0 - -"]).await;
        send("amount=20&adv1=a&order_id=O-1", &["reg approved 0 - -", "ftd pending 2000 EUR O-1"]).await;
        let all = ["reg approved 0 - -", "ftd pending 2000 EUR O-1", "payout approved 500 EUR -"];
        send("amount=5&adv_event_id=payout&user_id=9", &all).await;
        assert!(!casino.database().holds(TOKEN).await);
    }

    async fn a_dialect_of_ones_own_needs_no_code(casino: Casino) {
        let own = r#"
            [[dialect]]
            id = "house"
            name = "The house's own"
            paths = ["/in/house.php"]
            token = ["header:x-api-key"]
            [dialect.parameters]
            click_id = ["uid", "cid"]
            amount = "value"
            goal_alias = "event"
            conv_status = "state"
            [dialect.goals]
            ftd = ["FD", "first"]
            [dialect.statuses]
            approved = "Y"
            rejected = "N"
            [dialect.fixed]
            currency = "USD"
            [dialect.success]
            status = 202
            content_type = "application/xml"
            body = "<ok goal=\"{goal}\" id=\"{params__ref}\"/>"
            [dialect.error]
            status = 200
            body = "ERR {code}"
            [[dialect.answer]]
            outcomes = ["duplicate"]
            body = "AGAIN"

            [[dialect]]
            id = "voluum"
            [dialect.parameters]
            click_id = "cid"
            [dialect.defaults]
            goal_alias = "reg"
        "#;
        let done = casino.program.apply(own).ok();
        assert_eq!(done, "created dialect house\ncreated dialect voluum\n");
        assert_eq!(casino.program.apply(own).ok(), "unchanged dialect house\nunchanged dialect voluum\n");
        let click = casino.click_with("casino-offer", "").await;
        let key = [("x-api-key", TOKEN)];
        let send = async |path: &str, query: &str| {
            let answer = casino.request("GET", &format!("{path}?uid={click}&{query}"), &key, "").await;
            (answer.status, answer.header("content-type").to_owned(), answer.text)
        };
        eventually("the dialect is there", async || send("/postback/house", "event=dragon").await.0 == 200).await;
        let plain = "text/plain; charset=utf-8".to_owned();
        assert_eq!(send("/postback/house/", "event=dragon").await, (200, plain.clone(), "ERR unknown_goal".to_owned()));
        let made = "<ok goal=\"ftd\" id=\"&lt;1&gt;\"/>".to_owned();
        let xml = "application/xml".to_owned();
        assert_eq!(send("/in/house.php", "event=fd&value=5&ref=%3C1%3E").await, (202, xml.clone(), made));
        assert_eq!(send("/in/house.php/", "event=first&value=5").await, (200, xml, "AGAIN".to_owned()));
        assert_eq!(send("/in/house.php", "event=first&value=5&state=Y").await.0, 202);
        assert_eq!(send("/in/house.php", "event=first&state=N").await.2, "ERR already_decided");
        assert_eq!(casino.conversions().await, ["ftd approved 500 USD"]);
        assert_eq!(casino.get(&format!("/in/house.php?uid={click}&event=fd&value=5")).await.text, "ERR invalid_token");
        let replaced = casino.click_with("casino-offer", "").await;
        let bearer = [("authorization", "Bearer casino-token-1")];
        let answer = casino.request("POST", &format!("/postback/voluum?cid={replaced}"), &bearer, "").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, "OK"));
        let endpoints = "SELECT DISTINCT endpoint FROM postback_log WHERE merchant = 'casino' ORDER BY endpoint";
        assert_eq!(casino.database().texts(endpoints).await, ["/in/house.php", "/postback/house", "/postback/voluum"]);
        casino.get("/postback/nobody?cid=1").await.refused(404, "not_found", "");
        casino.get("/postback/conv?click_id=1").await.refused(404, "not_found", "");
        casino.get("/in/other.php").await.refused(404, "not_found", "");
    }

    async fn a_wrong_configuration_of_a_dialect_says_where_it_is_wrong(casino: Casino) {
        let dialect = "\n[[dialect]]\nid = \"house\"\n[dialect.parameters]\nclick_id = \"uid\"\n";
        let merchant = "\n[[merchant]]\nid = \"new\"\nname = \"New\"\ntokens = [\"new-token-1\"]\n";
        let offer = "\n[[offer]]\nid = \"new\"\nmerchant = \"casino\"\nname = \"New\"\n\
                     landing_url = \"https://n.example/\"\n";
        for (text, key, part) in [
            (format!("{dialect}amount = []\n"), "line 2: dialect", "parameters.amount"),
            (dialect.replace("click_id", "clickid"), "line 2: dialect", "`clickid` is not one of"),
            (format!("{dialect}{dialect}"), "line 7: dialect", "house stands there twice"),
            (dialect.replace("house", "conv-change"), "line 2: dialect", "the contract"),
            (format!("{merchant}dialect = \"nobody\"\n"), "line 6: merchant.dialect", "countersign dialect list"),
            (format!("{merchant}dialect = \"conv\"\n"), "line 6: merchant.dialect", "there is no dialect conv"),
            (
                format!("{merchant}dialect_initial_status = \"approved\"\n"),
                "line 6: merchant.dialect_initial_status",
                "initial_statuses",
            ),
            (
                format!("{merchant}[[merchant.goal]]\nalias = \"a\"\nname = \"A\"\ntoken = \"ftd\"\n"),
                "line 9: merchant.goal.token",
                "the alias of another goal",
            ),
            (format!("{offer}spot = \"other-spot\"\n"), "line 7: offer.spot", "casino-other"),
            (format!("{offer}currency = \"EURO\"\n"), "line 7: offer.currency", "EURO"),
            (format!("{offer}spot = \"a b\"\n"), "line 7", "a spot"),
            (format!("{offer}account = -1\n"), "line 7", "account"),
        ] {
            let complaint = casino.program.apply(&text).failed(1);
            assert!(complaint.contains(key) && complaint.contains(part), "{text}: {complaint}");
        }
        assert_eq!(casino.database().count("dialect").await, 0);
        casino.program.apply(&format!("{merchant}dialect = \"house\"\n{dialect}")).ok();
    }
}
