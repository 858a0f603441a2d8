//! The parameters that a merchant's settings ask for, and its goals' rules, in words.

use super::Guide;
use crate::{
    domain::{
        dialect::{Dialect, TokenPlace},
        goal::{AmountRule, Goal, GoalRole, StatusFlow},
        merchant::Merchant,
        postback::Operation,
        status::Status,
    },
    http::ui::integration::Parameter,
};

/// What a dialect's address does.
pub(super) fn does(dialect: &Dialect) -> String {
    if !dialect.own_words {
        return format!("In the words of {}", dialect.name);
    }
    let told = match dialect.operation {
        Operation::Record | Operation::AsStatus => "Report what a player did",
        Operation::Decide => "Decide what is pending",
        Operation::RecordAndDecide => "Report and decide in one step",
    };
    told.to_owned()
}

/// A goal's rules in words.
pub(super) fn rules(goal: &Goal, merchant: &Merchant) -> String {
    let often = match goal.role {
        GoalRole::RepeatDeposit if merchant.require_ftd => "each, after the first deposit",
        _ if goal.once => "once per player",
        _ => "each",
    };
    let amount = match goal.amount {
        AmountRule::Nothing => "no amount",
        AmountRule::Optional => "amount optional",
        AmountRule::Positive => "amount above 0",
        AmountRule::NonZero => "amount not 0, may be negative",
    };
    let counts = match goal.status_flow {
        StatusFlow::Immediate => "counts at once",
        StatusFlow::TwoPhase => "counts when it is approved",
    };
    format!("{often}; {amount}; {counts}")
}

impl Guide {
    /// The parameters that it has to do with.
    pub(in crate::http) fn parameters(&self) -> Vec<Parameter> {
        let mut all = self.who();
        all.extend(self.what());
        all.extend(self.how());
        // What no way of wording has a name for can't be sent.
        all.retain(|parameter| parameter.names.iter().any(|name| !name.is_empty()));
        all
    }

    fn who(&self) -> Vec<Parameter> {
        let spots = self.spots();
        let click = if spots.is_empty() { "always" } else { "always, or the user and the spot" };
        let token = self.ways().map(|dialect| self.token_name(dialect)).collect();
        let mut all = vec![
            self.parameter(
                &["click_id"],
                "the player's click, exactly as your landing page received it",
                click,
            ),
            Parameter {
                names: token,
                meaning: "your token; the header Authorization: Bearer TOKEN does as well, and no log of addresses \
                          holds it"
                    .to_owned(),
                needed: "always".to_owned(),
            },
        ];
        if !spots.is_empty() {
            let list: Vec<_> = spots.iter().map(|(spot, offer)| format!("{spot} for {offer}")).collect();
            let means = "the player's id with you, where the click is not known";
            all.push(self.parameter(&["user_id"], means, "with a spot"));
            all.push(self.parameter(&["spot"], &list.join(", "), "with a user id"));
        }
        all
    }

    fn what(&self) -> Vec<Parameter> {
        let merchant = &self.merchant;
        let amounts = self.goals_of_use().any(|goal| goal.amount != AmountRule::Nothing);
        let mut all =
            vec![self.parameter(&["goal_alias"], "what happened: one of the goals above", "always")];
        if amounts {
            let currency = match &merchant.currencies {
                None => "three letters of ISO 4217, or USDT, BTC".to_owned(),
                Some(allowed) => {
                    let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
                    let one_of = if allowed.len() == 1 { "" } else { "one of " };
                    format!("{one_of}{}", allowed.join(", "))
                }
            };
            let plain = "a plain decimal in units of the currency, as 100 or 99.50";
            all.push(self.parameter(&["amount"], plain, "where the goal asks for it"));
            let means = format!("{currency}; the same for all of a player's money");
            all.push(self.parameter(&["currency"], &means, "with an amount"));
        }
        if self.has_phases() {
            let initial: Vec<_> =
                merchant.initial_statuses.iter().filter(|it| **it != Status::Pending).collect();
            let needed = match &initial[..] {
                [] => "to decide".to_owned(),
                words => {
                    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
                    format!("to decide; a report may be {} at once", words.join(" or "))
                }
            };
            all.push(self.parameter(&["conv_status"], "approved or rejected", &needed));
            let lists = ["approved_status", "pending_status", "rejected_status"];
            all.push(self.parameter(&lists, "your own words for a status, with ; between", "optional"));
        }
        all
    }

    fn how(&self) -> Vec<Parameter> {
        let transaction = "your own id of it, 1 to 128 characters: with it a repetition never counts twice";
        let time = "when it happened, if not now: RFC 3339, or Unix seconds";
        let mut all = vec![
            self.parameter(&["transaction_id"], transaction, "with goals that come more than once"),
            self.parameter(&["event_time"], time, "optional"),
            self.parameter(
                &["player_id"],
                "the player's id with you, for people to find them by",
                "optional",
            ),
        ];
        if self.merchant.require_signature {
            let names = self.ways().map(|_| "ts, sig".to_owned()).collect();
            let meaning = "the time in Unix seconds, and the signature".to_owned();
            all.push(Parameter { names, meaning, needed: "always".to_owned() });
        }
        let means = "1 checks everything and records nothing";
        all.push(self.parameter(&["dry_run"], means, "to try it"));
        all
    }

    /// A parameter by what each way of wording calls it.
    fn parameter(&self, ours: &[&str], meaning: &str, needed: &str) -> Parameter {
        let names = |dialect: &Dialect| {
            let names: Vec<_> = ours.iter().filter_map(|name| dialect.name_of(name)).collect();
            names.join(", ")
        };
        Parameter {
            names: self.ways().map(|dialect| names(dialect)).collect(),
            meaning: meaning.to_owned(),
            needed: needed.to_owned(),
        }
    }

    fn token_name(&self, dialect: &Dialect) -> String {
        match dialect.usual_token_place().filter(|_| self.needs_token(dialect)) {
            Some(TokenPlace::Query(name)) => name.clone(),
            Some(TokenPlace::Header(name)) => format!("the header {name}"),
            Some(TokenPlace::Path) => "the end of the address".to_owned(),
            Some(TokenPlace::Bearer) => "the header Authorization".to_owned(),
            None => String::new(),
        }
    }
}
