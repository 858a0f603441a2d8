//! The integration page of a merchant: what its engineer needs, on one page, with a tester.

use askama::Template;

use super::{
    form::{Choice, Field, Form, Group},
    layout::Page,
    listing::{Cell, Column, Empty, Listing},
    postback_log::LogRow,
    view::Moment,
};

/// A parameter of postbacks: its name, what it means, when it must be there.
const PARAMETERS: [(&str, &str, &str); 11] = [
    ("click_id", "the player's click, exactly as your landing page received it", "always"),
    (
        "token",
        "your token; better in the header Authorization: Bearer TOKEN, which no log of addresses holds",
        "always",
    ),
    ("goal_alias", "what happened: one of the goals below", "always"),
    ("amount", "a plain decimal in units of the currency, as 100 or 99.50", "where the goal asks for it"),
    (
        "currency",
        "three letters of ISO 4217, or USDT, BTC; the same for all of a player's money",
        "with an amount",
    ),
    ("conv_status", "approved or rejected", "to decide"),
    (
        "transaction_id",
        "your own id of this deposit or revenue event; makes a repetition harmless",
        "better always",
    ),
    ("event_time", "when it happened, if not now: RFC 3339, or Unix seconds", "optional"),
    (
        "approved_status, pending_status, rejected_status",
        "your own words for a status, with ; between",
        "optional",
    ),
    ("ts, sig", "the time and the signature", "where your deal demands it"),
    ("dry_run", "1 checks everything and records nothing", "to try it"),
];

/// An address to call.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// What it does.
    pub(crate) does: String,
    /// The address with its parameters, to copy.
    pub(crate) url: String,
}

/// A goal that the merchant can report.
#[derive(Clone, Debug)]
pub(crate) struct GoalLine {
    /// What is sent as `goal_alias`.
    pub(crate) alias: String,
    /// Its name.
    pub(crate) name: String,
    /// How often, for what amount, how it comes to count; in words.
    pub(crate) rules: String,
}

/// What the tester was answered.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// The request that was made, as an address.
    pub(crate) request: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) answer: String,
}

/// `/settings/merchants/{id}/integration`, and the same without an account by a link that ends.
#[derive(Clone, Debug, Template)]
#[template(path = "integration.html")]
pub(crate) struct Integration {
    /// Around it; without a viewer where it is shared.
    pub(crate) page: Page,
    /// The merchant's name.
    pub(crate) merchant: String,
    /// Where its parts are: the page's own address.
    pub(crate) own: String,
    /// What to call.
    pub(crate) addresses: Vec<Address>,
    /// Whether postbacks must be signed.
    pub(crate) is_signed: bool,
    /// What can be reported.
    pub(crate) goals: Vec<GoalLine>,
    /// What the tester holds: values of its fields by name.
    pub(crate) tried_with: Vec<(&'static str, String)>,
    /// What the tester was answered.
    pub(crate) tried: Option<Tried>,
    /// The last calls.
    pub(crate) calls: Vec<LogRow>,
    /// The link to give away that was just made, and when it ends.
    pub(crate) shared: Option<(String, Moment)>,
}

impl Integration {
    fn goal_listing(&self) -> Listing {
        let columns = vec![Column::new("goal_alias"), Column::new("What happened"), Column::new("Rules")];
        let rows = self.goals.iter().cloned();
        let rows =
            rows.map(|goal| vec![Cell::Code(goal.alias), Cell::text(goal.name), Cell::text(goal.rules)]);
        Listing::new("Goals", columns, Empty::default()).rows(rows)
    }

    #[expect(clippy::unused_self, reason = "templates call methods of what they show")]
    fn parameter_listing(&self) -> Listing {
        let columns = vec![Column::new("Parameter"), Column::new("Is"), Column::new("Needed")];
        let row = |(name, meaning, needed): (&str, &str, &str)| {
            vec![Cell::Code(name.to_owned()), Cell::text(meaning), Cell::text(needed)]
        };
        Listing::new("Parameters", columns, Empty::default()).rows(PARAMETERS.map(row))
    }

    fn call_listing(&self) -> Listing {
        let columns = vec![
            Column::new("Arrived"),
            Column::new("Request"),
            Column::new("Goal"),
            Column::new("Outcome"),
            Column::new("What to change"),
        ];
        let empty = Empty::new(
            "No calls yet",
            "Send one: it appears here within seconds, with what was wrong with it.",
        );
        let rows = self.calls.iter().cloned().map(|row| {
            vec![
                Cell::Moment(row.at),
                Cell::Code(row.endpoint),
                Cell::text(row.goal),
                Cell::Badge(row.outcome),
                Cell::text(row.advice),
            ]
        });
        Listing::new("The last calls", columns, empty).rows(rows)
    }

    fn tester(&self) -> Form {
        let value = |name: &str| {
            let found = self.tried_with.iter().find(|(its, _)| *its == name);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let goals = self.goals.iter().map(|goal| Choice::new(&goal.alias, &goal.name)).collect();
        let addresses = ["/track/conv", "/track/conv-change", "/track/conv-addchange"];
        let addresses = addresses.map(|path| Choice::new(path, path)).to_vec();
        let fields = vec![
            Field::select("endpoint", "Address", addresses).required().value(value("endpoint")),
            Field::text("click_id", "click_id").required().value(value("click_id")),
            Field::select("goal_alias", "goal_alias", goals).required().value(value("goal_alias")),
            Field::text("amount", "amount").placeholder("100.00").value(value("amount")),
            Field::text("currency", "currency").placeholder("EUR").value(value("currency")),
            Field::text("conv_status", "conv_status").value(value("conv_status")),
            Field::text("transaction_id", "transaction_id").value(value("transaction_id")),
        ];
        let group = Group::new("", fields).of_form("try");
        Form::new(&self.page, format!("{}/try", self.own), "Try it: nothing is recorded").group(group)
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::{
        layout::Section,
        postback_log,
        tests::{NOW, Sample, Say, sample},
        view::Zone,
    };

    fn integration(say: Say) -> Integration {
        let base = "https://track.example/track";
        let address = |does: &str, path: &str| Address {
            does: does.to_owned(),
            url: say.text(&format!(
                "{base}/{path}?click_id=CLICK_ID&token=TOKEN&goal_alias=ftd&amount=AMOUNT&currency=CURRENCY"
            )),
        };
        let goal = |alias: &str, name: &str, rules: &str| GoalLine {
            alias: say.text(alias),
            name: say.text(name),
            rules: rules.to_owned(),
        };
        Integration {
            page: say.page("Integration", Section::Settings),
            merchant: say.text("Acme Casino"),
            own: "/settings/merchants/acme/integration".to_owned(),
            addresses: vec![
                address("Report what a player did", "conv"),
                address("Decide a pending first deposit", "conv-change"),
                address("Both in one step", "conv-addchange"),
            ],
            is_signed: true,
            goals: vec![
                goal("reg", "Registration", "once per player, amount optional, counts at once"),
                goal("ftd", "First deposit", "once per player, amount above 0, counts when it is approved"),
                goal("rdep", "Repeat deposit", "each, amount above 0, counts at once"),
            ],
            tried_with: vec![("click_id", say.text("c-1007"))],
            tried: None,
            calls: postback_log::tests::rows(say, 6),
            shared: None,
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let tried = Tried {
            request: say.text("/track/conv?click_id=c-1007"),
            status: 409,
            answer: say.text("{\"code\": \"currency_mismatch\"}"),
        };
        let ends = Moment::new(NOW.plus_millis(604_800_000), Zone::named("Europe/Berlin"));
        let shared = Some((say.text("https://track.example/i/8c1f0ab25c7d"), ends));
        let outside = Integration {
            page: Page::outside("Integration"),
            own: "/i/8c1f".to_owned(),
            calls: Vec::new(),
            ..integration(say)
        };
        vec![
            sample("integration", &integration(say)),
            sample("integration-tried", &Integration { tried: Some(tried), shared, ..integration(say) }),
            sample("integration-outside", &outside),
        ]
    }
}
