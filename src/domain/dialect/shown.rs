//! A dialect as its senders are told of it: what they call our parameters and goals, and where they send.

use super::{ACCOUNT, Dialect, GOAL, SPOT, TokenPlace, USER};
use crate::domain::{goal::Goal, merchant::Merchant};

/// Our parameter by which a sender only asks. It is understood in every dialect that does not use its name otherwise.
const DRY_RUN: &str = "dry_run";

impl Dialect {
    /// What a sender calls this parameter of ours; nothing where it has none of the kind.
    pub fn name_of<'a>(&'a self, ours: &'a str) -> Option<&'a str> {
        if self.own_words {
            return Some(ours).filter(|name| !matches!(*name, SPOT | ACCOUNT | USER));
        }
        if self.fixed.iter().any(|(name, _)| *name == ours) {
            return None;
        }
        let is_taken = || self.parameters.iter().any(|(_, names)| names.iter().any(|name| name == ours));
        let asks = || Some(ours).filter(|name| *name == DRY_RUN && !is_taken());
        self.names(ours).first().map(String::as_str).or_else(asks)
    }

    /// What a sender calls this goal of the merchant's.
    pub fn word_of<'a>(&'a self, goal: &'a Goal, merchant: &Merchant) -> &'a str {
        if self.own_words {
            return goal.alias.as_str();
        }
        // The merchant's own words come first, so one that means another goal of it is no word for this one.
        let means_it = |word: &str| merchant.goal_called(word).is_none_or(|own| own.alias == goal.alias);
        let words =
            || self.goals.iter().filter(|(_, alias)| *alias == goal.alias).map(|(word, _)| word.as_str());
        let same = words().find(|word| *word == goal.alias.as_str());
        let of_dialect = same.or_else(|| words().find(|word| means_it(word)));
        goal.token.as_deref().or(of_dialect).unwrap_or(goal.alias.as_str())
    }

    /// Whether its senders say which goal they mean.
    pub fn tells_goals(&self) -> bool {
        self.name_of(GOAL).is_some()
    }

    /// Where its senders put a token: in the query, if they can.
    pub fn usual_token_place(&self) -> Option<&TokenPlace> {
        let in_query = self.token_places.iter().find(|place| matches!(place, TokenPlace::Query(_)));
        in_query.or_else(|| self.token_places.first())
    }

    /// Where its senders send, without what stands for a token.
    pub fn address(&self) -> String {
        self.paths.first().cloned().unwrap_or_else(|| format!("/postback/{}", self.id))
    }
}
