//! The integration page of a merchant: what its engineer needs, on one page, with a tester.

use askama::Template;
use serde::de::IgnoredAny;

use super::{
    form::{Choice, Field, Form, Group},
    layout::Page,
    listing::{Act, Cell, Column, Empty, Listing},
    postback_log::LogRow,
    view::Moment,
};

/// An address to call.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// What it does.
    pub(crate) does: String,
    /// The address with its parameters, to copy.
    pub(crate) url: String,
    /// The header with the token, where that has no place in the address.
    pub(crate) header: Option<String>,
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
    /// What it is called in each of the other ways of wording.
    pub(crate) words: Vec<String>,
    /// The address that reports it, to copy.
    pub(crate) url: String,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// What it is called: in our words, and in each of the others. Empty where a way has none.
    pub(crate) names: Vec<String>,
    /// What it means.
    pub(crate) meaning: String,
    /// When it must be there.
    pub(crate) needed: String,
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

impl Tried {
    /// The body, spread over lines where it is JSON. Its words and their order stay as they are.
    fn spread(&self) -> String {
        if serde_json::from_str::<IgnoredAny>(&self.answer).is_err() {
            return self.answer.clone();
        }
        let (mut spread, mut depth, mut in_text, mut escaped) = (String::new(), 0_usize, false, false);
        for c in self.answer.chars() {
            let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
            match c {
                _ if in_text => spread.push(c),
                '{' | '[' => {
                    depth += 1;
                    spread.push(c);
                    spread.push_str(&line(depth));
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    spread.push_str(&line(depth));
                    spread.push(c);
                }
                ',' => {
                    spread.push(c);
                    spread.push_str(&line(depth));
                }
                ':' => spread.push_str(": "),
                _ if c.is_whitespace() => {}
                _ => spread.push(c),
            }
            in_text ^= c == '"' && !escaped;
            escaped = in_text && c == '\\' && !escaped;
        }
        spread
    }
}

/// What the tester is filled in with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tester {
    /// The addresses that it may send to.
    pub(crate) endpoints: Vec<Choice>,
    /// Whether players may be named by user and spot.
    pub(crate) has_spots: bool,
    /// A currency that may be sent.
    pub(crate) currency: String,
    /// Values of its fields by name.
    pub(crate) values: Vec<(&'static str, String)>,
}

/// Its fields that are parameters of ours, in the order in which they are sent.
pub(crate) const TRIED: [&str; 8] =
    ["click_id", "user_id", "spot", "goal_alias", "amount", "currency", "conv_status", "transaction_id"];

/// Links that work without an account, for who may make them.
#[derive(Clone, Debug)]
pub(crate) struct Sharing {
    /// How long a link may last, in days.
    pub(crate) days: Vec<Choice>,
    /// The link that was just made, and when it ends.
    pub(crate) made: Option<(String, Moment)>,
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
    /// Links to give away.
    pub(crate) sharing: Option<Sharing>,
    /// When the link ends by which this is seen.
    pub(crate) ends: Option<Moment>,
    /// What to call.
    pub(crate) addresses: Vec<Address>,
    /// From where; empty for anywhere.
    pub(crate) allowed: Vec<String>,
    /// Whether postbacks must be signed.
    pub(crate) is_signed: bool,
    /// The names of the ways of wording beside ours.
    pub(crate) other_ways: Vec<String>,
    /// What can be reported.
    pub(crate) goals: Vec<GoalLine>,
    /// With what.
    pub(crate) parameters: Vec<Parameter>,
    /// What the tester holds.
    pub(crate) tester: Tester,
    /// What the tester was answered.
    pub(crate) tried: Option<Tried>,
    /// The last calls.
    pub(crate) calls: Vec<LogRow>,
}

impl Integration {
    fn goal_listing(&self) -> Listing {
        let mut columns = vec![Column::new("goal_alias")];
        columns.extend(self.other_ways.iter().map(Column::new));
        columns.extend(["What happened", "Rules", "Address"].map(Column::new));
        let row = |goal: &GoalLine| {
            let mut cells = vec![Cell::Code(goal.alias.clone())];
            cells.extend(goal.words.iter().map(|word| code(word)));
            cells.extend([Cell::text(&goal.name), Cell::text(&goal.rules), Cell::Copy(goal.url.clone())]);
            cells
        };
        Listing::new("Goals", columns, Empty::default()).rows(self.goals.iter().map(row))
    }

    fn parameter_listing(&self) -> Listing {
        let mut columns = vec![Column::new("Parameter")];
        columns.extend(self.other_ways.iter().map(Column::new));
        columns.extend(["Is", "Needed"].map(Column::new));
        let row = |parameter: &Parameter| {
            let mut cells: Vec<_> = parameter.names.iter().map(|name| code(name)).collect();
            cells.extend([Cell::text(&parameter.meaning), Cell::text(&parameter.needed)]);
            cells
        };
        Listing::new("Parameters", columns, Empty::default()).rows(self.parameters.iter().map(row))
    }

    fn call_listing(&self) -> Listing {
        let columns = ["Arrived", "Request", "Goal", "Click", "Outcome", "What to change"].map(Column::new);
        let empty = Empty::new(
            "No calls yet",
            "Send one: it appears here within seconds, with what was wrong with it.",
        );
        let rows = self.calls.iter().cloned().map(|row| {
            let click = row.player();
            vec![
                Cell::Moment(row.at),
                Cell::Two(row.endpoint, format!("HTTP {}", row.status)),
                Cell::text(row.goal),
                Cell::maybe(click, Cell::Short),
                Cell::Badge(row.outcome),
                Cell::text(row.advice),
            ]
        });
        Listing::new("The last calls", columns.into(), empty).rows(rows)
    }

    fn form(&self) -> Form {
        let value = |name: &str| {
            let found = self.tester.values.iter().find(|(its, _)| *its == name);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let text = |name: &'static str| Field::text(name, name).value(value(name));
        let goal = |goal: &GoalLine| Choice::new(&goal.alias, format!("{}: {}", goal.alias, goal.name));
        let goals = self.goals.iter().map(goal).collect();
        let endpoints = self.tester.endpoints.clone();
        let mut fields =
            vec![Field::select("endpoint", "Address", endpoints).required().value(value("endpoint"))];
        if self.tester.has_spots {
            fields.extend([text("click_id"), text("user_id"), text("spot")]);
        } else {
            fields.push(text("click_id").required());
        }
        fields.extend([
            Field::select("goal_alias", "goal_alias", goals).required().value(value("goal_alias")),
            text("amount").placeholder("100.00"),
            text("currency").placeholder(&self.tester.currency),
            text("conv_status").placeholder("approved"),
            text("transaction_id"),
            Field::text("more", "More parameters")
                .placeholder("event_time=2026-11-20T10:00:00Z&player_id=7")
                .value(value("more")),
        ]);
        let group = Group::new("", fields).of_form("try");
        Form::new(&self.page, format!("{}/try#answer", self.own), "Try it: nothing is recorded").group(group)
    }

    /// A button that ends every link that was given away.
    fn withdrawal(&self) -> Act {
        Act::new(&self.page, format!("{}/withdraw", self.own), "Withdraw all links").confirm(
            "Withdraw every link to this page that was given away? Whoever has one needs a new one then.",
        )
    }
}

fn code(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Code(text.to_owned()) }
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
        let query = "token={token}&click_id={click_id}&goal_alias=ftd&amount={amount}&currency={currency}";
        let address = |does: &str, path: &str| Address {
            does: does.to_owned(),
            url: say.text(&format!("{base}/{path}?{query}")),
            header: None,
        };
        let goal = |alias: &str, name: &str, rules: &str| GoalLine {
            alias: say.text(alias),
            name: say.text(name),
            rules: rules.to_owned(),
            words: Vec::new(),
            url: say.text(&format!("{base}/conv?{query}")),
        };
        let parameter = |name: &str, meaning: &str, needed: &str| Parameter {
            names: vec![say.text(name)],
            meaning: say.text(meaning),
            needed: needed.to_owned(),
        };
        let endpoints = ["/track/conv", "/track/conv-change", "/track/conv-addchange"];
        let endpoints = endpoints.map(|path| Choice::new(path, say.text(path))).to_vec();
        let values = vec![("click_id", say.text("c-1007"))];
        let days = ["1", "7", "30"].map(|days| Choice::new(days, format!("{days} days"))).to_vec();
        Integration {
            page: say.page("Integration", Section::Settings),
            merchant: say.text("Acme Casino"),
            own: "/settings/merchants/acme/integration".to_owned(),
            sharing: Some(Sharing { days, made: None }),
            ends: None,
            addresses: vec![
                address("Report what a player did", "conv"),
                address("Decide what is pending", "conv-change"),
                address("Report and decide in one step", "conv-addchange"),
            ],
            allowed: vec!["203.0.113.0/24".to_owned()],
            is_signed: true,
            other_ways: Vec::new(),
            goals: vec![
                goal("reg", "Registration", "once per player; amount optional; counts at once"),
                goal("ftd", "First deposit", "once per player; amount above 0; counts when it is approved"),
                goal("rdep", "Repeat deposit", "each; amount above 0; counts at once"),
            ],
            parameters: vec![
                parameter(
                    "click_id",
                    "the player's click, exactly as your landing page received it",
                    "always",
                ),
                parameter("amount", "a plain decimal, as 100 or 99.50", "where the goal asks for it"),
            ],
            tester: Tester { endpoints, has_spots: false, currency: "EUR".to_owned(), values },
            tried: None,
            calls: postback_log::tests::rows(say, 6),
        }
    }

    /// Of a merchant whose system speaks as others do.
    fn in_other_words(say: Say) -> Integration {
        let with_word = |goal: GoalLine| GoalLine { words: vec![say.text("dep"), String::new()], ..goal };
        let with_name = |parameter: Parameter| {
            let names = vec![parameter.names[0].clone(), say.text("clickid"), String::new()];
            Parameter { names, ..parameter }
        };
        let plain = integration(say);
        Integration {
            other_ways: vec![say.text("MVP Project"), say.text("MVP Project: contact")],
            goals: plain.goals.into_iter().map(with_word).collect(),
            parameters: plain.parameters.into_iter().map(with_name).collect(),
            addresses: vec![Address {
                does: say.text("In the words of MVP Project"),
                url: say.text("https://track.example/postback?clickid={click_id}&goal={goal_alias}"),
                header: Some(say.text("X-Token: {token}")),
            }],
            tester: Tester { has_spots: true, ..plain.tester },
            calls: Vec::new(),
            ..plain
        }
    }

    #[test]
    fn an_answer_is_spread_over_lines_word_for_word() {
        let check = |answer: &str, expected: &str| {
            let tried = Tried { request: String::new(), status: 200, answer: answer.to_owned() };
            assert_eq!(tried.spread(), expected);
        };
        check(
            r#"{"b":"x, \"{y","a":[1,true]}"#,
            "{\n  \"b\": \"x, \\\"{y\",\n  \"a\": [\n    1,\n    true\n  ]\n}",
        );
        check(r#"{"path": "c:\\", "n": 1}"#, "{\n  \"path\": \"c:\\\\\",\n  \"n\": 1\n}");
        check("ERROR: {7, 8", "ERROR: {7, 8");
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let tried = Tried {
            request: say.text("https://track.example/track/conv?click_id=c-1007&dry_run=1"),
            status: 409,
            answer: say.text("{\"code\": \"currency_mismatch\"}"),
        };
        let ends = Moment::new(NOW.plus_millis(604_800_000), Zone::named("Europe/Berlin"));
        let made = Some((say.text("https://track.example/i/acme.1795168800.0.8c1f0ab25c7d"), ends.clone()));
        let shared = integration(say).sharing.map(|sharing| Sharing { made, ..sharing });
        let outside = Integration {
            page: Page::outside("Integration"),
            own: "/i/8c1f".to_owned(),
            sharing: None,
            ends: Some(ends.clone()),
            calls: Vec::new(),
            ..integration(say)
        };
        let tried = Integration { tried: Some(tried), sharing: shared, ..integration(say) };
        vec![
            sample("integration", &integration(say)),
            sample("integration-tried", &tried),
            sample("integration-dialects", &in_other_words(say)),
            sample("integration-outside", &outside),
        ]
    }
}
