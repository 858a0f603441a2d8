//! What a merchant calls: addresses in the dialects that it speaks, the goals that it reports, its last calls.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::http::HeaderMap;
use url::form_urlencoded::byte_serialize;

use super::parameters::{does, rules};
use crate::{
    domain::{
        catalog::Catalog,
        dialect::{Dialect, TokenPlace},
        goal::{AmountRule, Goal, GoalRole, StatusFlow},
        ids::DialectId,
        merchant::{DealKind, Merchant},
        postback::Operation,
    },
    http::{
        Shared,
        problem::Problem,
        ui::integration::{Address, GoalLine},
    },
    storage::{LogFilter, LogRow},
};

/// How many of a merchant's calls are shown.
const CALLS_SHOWN: u32 = 50;

/// Our own dialects, in the order in which they are shown.
const OWN: [&str; 3] = ["conv", "conv-change", "conv-addchange"];

/// What a merchant's engineer has to know.
#[derive(Debug)]
pub(in crate::http) struct Guide {
    /// What is configured.
    pub(in crate::http) catalog: Arc<Catalog>,
    /// Whose engineer.
    pub(in crate::http) merchant: Arc<Merchant>,
    /// Where the service is reached.
    base: String,
    /// Our own dialects.
    own: Vec<Arc<Dialect>>,
    /// The others that the merchant uses.
    others: Vec<Arc<Dialect>>,
}

impl Guide {
    /// For a merchant, which must be there.
    pub(in crate::http) async fn of(shared: &Shared, id: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        let catalog = shared.catalog().await?;
        let merchant = catalog.merchants.get(id).cloned().ok_or_else(|| {
            let shown: String = id.chars().take(60).collect();
            Problem::not_found(&format!("There is no merchant {shown}."))
        })?;
        let ready_made = &shared.edge.ready_made;
        let own = OWN.iter().filter_map(|id| ready_made.get(*id).cloned()).collect();
        let others = spoken(&merchant, &catalog, ready_made);
        Ok(Self { base: shared.edge.address_for(headers), catalog, merchant, own, others })
    }

    /// One dialect for each way of wording a postback: ours, then the others.
    pub(super) fn ways(&self) -> impl Iterator<Item = &Arc<Dialect>> {
        self.own.iter().take(1).chain(&self.others)
    }

    /// The names of the other ways.
    pub(in crate::http) fn other_ways(&self) -> Vec<String> {
        self.others.iter().map(|dialect| dialect.name.clone()).collect()
    }

    /// Every dialect that it may send in, the usual one first.
    pub(in crate::http) fn dialects(&self) -> impl Iterator<Item = &Arc<Dialect>> {
        let prefers_other = self.merchant.dialect.is_some();
        let (first, then) = if prefers_other { (&self.others, &self.own) } else { (&self.own, &self.others) };
        let has_phases = self.has_phases();
        let is_of_use = move |dialect: &&Arc<Dialect>| {
            has_phases || !matches!(dialect.operation, Operation::Decide | Operation::RecordAndDecide)
        };
        first.iter().chain(then).filter(is_of_use)
    }

    /// The dialect whose addresses go with the goals.
    fn usual(&self) -> Option<&Arc<Dialect>> {
        self.dialects().find(|dialect| dialect.tells_goals())
    }

    /// The goals that it may report.
    pub(in crate::http) fn goals_of_use(&self) -> impl Iterator<Item = &Goal> {
        let has_share = self.merchant.deal.kind() == DealKind::Hybrid;
        self.merchant.goals.iter().filter(move |goal| has_share || goal.role != GoalRole::RevenueShare)
    }

    /// Whether any of its goals has to be decided.
    pub(super) fn has_phases(&self) -> bool {
        self.goals_of_use().any(|goal| goal.status_flow == StatusFlow::TwoPhase)
    }

    /// What to call, with placeholders for what differs from call to call.
    pub(in crate::http) fn addresses(&self) -> Vec<Address> {
        let address = |dialect: &Arc<Dialect>| Address {
            does: does(dialect),
            url: self.url(dialect, None),
            header: self.token_header(dialect),
        };
        self.dialects().map(address).collect()
    }

    /// The goals, each with the address that reports it.
    pub(in crate::http) fn goals(&self) -> Vec<GoalLine> {
        let word = |dialect: &Dialect, goal: &Goal| {
            let told = dialect.tells_goals().then(|| dialect.word_of(goal, &self.merchant).to_owned());
            told.unwrap_or_default()
        };
        let line = |goal: &Goal| GoalLine {
            alias: goal.alias.to_string(),
            name: goal.name.clone(),
            rules: rules(goal, &self.merchant),
            words: self.others.iter().map(|dialect| word(dialect, goal)).collect(),
            url: self.usual().map(|dialect| self.url(dialect, Some(goal))).unwrap_or_default(),
        };
        let mut goals: Vec<_> = self.goals_of_use().collect();
        goals.sort_by_key(|goal| (place(goal.role), &goal.alias));
        goals.into_iter().map(line).collect()
    }

    /// Where a request in this dialect goes.
    pub(in crate::http) fn request(&self, dialect: &Dialect, query: &str) -> String {
        format!("{}{}?{query}", self.base, dialect.address())
    }

    /// The address of a dialect, for any goal or for one.
    fn url(&self, dialect: &Dialect, goal: Option<&Goal>) -> String {
        let placeholder = |name: &str| format!("{{{name}}}");
        let mut wanted = Vec::new();
        if dialect.name_of("click_id").is_some() {
            wanted.push(("click_id", placeholder("click_id")));
        } else {
            wanted.push(("user_id", placeholder("user_id")));
            wanted.push(("spot", self.only_spot().unwrap_or_else(|| placeholder("spot"))));
        }
        let word = goal.map(|goal| encoded(dialect.word_of(goal, &self.merchant)));
        wanted.push(("goal_alias", word.unwrap_or_else(|| placeholder("goal_alias"))));
        let is_decided = goal.is_none_or(|goal| goal.status_flow == StatusFlow::TwoPhase);
        if is_decided && dialect.operation != Operation::Record {
            wanted.push(("conv_status", placeholder("conv_status")));
        }
        let has_amount = goal.is_none_or(|goal| goal.amount != AmountRule::Nothing);
        if has_amount && dialect.operation != Operation::Decide {
            wanted.push(("amount", placeholder("amount")));
            wanted.push(("currency", self.only_currency().unwrap_or_else(|| placeholder("currency"))));
        }
        if goal.is_none_or(|goal| !goal.once) {
            wanted.push(("transaction_id", placeholder("transaction_id")));
        }
        let (path, mut pairs) = self.with_token(dialect);
        for (ours, value) in wanted {
            let Some(start) = dialect.name_of(ours).map(|name| format!("{}=", encoded(name))) else {
                continue;
            };
            // A sender may say in one word what we say in two.
            if !pairs.iter().any(|pair| pair.starts_with(&start)) {
                pairs.push(start + &value);
            }
        }
        if self.merchant.require_signature {
            pairs.extend(["ts={ts}".to_owned(), "sig={sig}".to_owned()]);
        }
        format!("{}{path}?{}", self.base, pairs.join("&"))
    }

    /// Whether a postback in this dialect needs a token.
    pub(super) fn needs_token(&self, dialect: &Dialect) -> bool {
        dialect.token_required || self.merchant.dialect_token
    }

    /// The path and the first pairs of an address, with where the token goes.
    fn with_token(&self, dialect: &Dialect) -> (String, Vec<String>) {
        let path = dialect.address();
        match dialect.usual_token_place().filter(|_| self.needs_token(dialect)) {
            Some(TokenPlace::Query(name)) => (path, vec![format!("{}={{token}}", encoded(name))]),
            Some(TokenPlace::Path) => (format!("/postback/{}/{{token}}", dialect.id), Vec::new()),
            _ => (path, Vec::new()),
        }
    }

    /// The header that goes with an address in which the token has no place.
    fn token_header(&self, dialect: &Dialect) -> Option<String> {
        match dialect.usual_token_place().filter(|_| self.needs_token(dialect))? {
            TokenPlace::Header(name) => Some(format!("{name}: {{token}}")),
            TokenPlace::Bearer => Some("Authorization: Bearer {token}".to_owned()),
            TokenPlace::Query(_) | TokenPlace::Path => None,
        }
    }

    fn only_currency(&self) -> Option<String> {
        let currencies = self.merchant.currencies.as_ref()?;
        currencies.first().filter(|_| currencies.len() == 1).map(ToString::to_string)
    }

    /// One of the currencies that it may send.
    pub(in crate::http) fn a_currency(&self) -> String {
        let allowed = self.merchant.currencies.as_ref();
        allowed.and_then(|allowed| allowed.first()).map_or_else(|| "EUR".to_owned(), ToString::to_string)
    }

    /// The public tokens of its offers, with the offers' names.
    pub(super) fn spots(&self) -> Vec<(String, String)> {
        spots(&self.merchant, &self.catalog)
    }

    fn only_spot(&self) -> Option<String> {
        match &self.spots()[..] {
            [(spot, _)] => Some(spot.clone()),
            _ => None,
        }
    }

    /// The addresses that it may send from; none for any.
    pub(in crate::http) fn allowed(&self) -> Vec<String> {
        self.merchant.allowed_ips.iter().map(ToString::to_string).collect()
    }

    /// Its last calls, the newest first.
    pub(in crate::http) async fn calls(&self, shared: &Shared) -> Result<Vec<LogRow>, Problem> {
        let filter = LogFilter { merchant: Some(self.merchant.id.clone()), ..LogFilter::default() };
        Ok(shared.edge.storage.postback_log(&filter, None, CALLS_SHOWN).await?.rows)
    }
}

/// Where goals of a role stand: what brings money first.
const fn place(role: GoalRole) -> u8 {
    match role {
        GoalRole::FirstDeposit => 0,
        GoalRole::RepeatDeposit => 1,
        GoalRole::RevenueShare => 2,
        GoalRole::Event => 3,
    }
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn spots(merchant: &Merchant, catalog: &Catalog) -> Vec<(String, String)> {
    let own = catalog.offers.values().filter(|offer| offer.merchant == merchant.id);
    let mut found: Vec<_> =
        own.filter_map(|offer| Some((offer.spot.as_ref()?.to_string(), offer.name.clone()))).collect();
    found.sort_by(|one, other| one.1.cmp(&other.1));
    found
}

/// The dialects beside ours that a merchant uses: the one that it is set up for, and where its offers have public
/// tokens, those whose senders name players by them.
fn spoken(
    merchant: &Merchant,
    catalog: &Catalog,
    ready_made: &HashMap<DialectId, Arc<Dialect>>,
) -> Vec<Arc<Dialect>> {
    let all: BTreeMap<_, _> = ready_made.iter().chain(&catalog.dialects).collect();
    let named = merchant.dialect.as_ref().and_then(|id| all.get(id));
    let has_spots = !spots(merchant, catalog).is_empty();
    let by_spot = all.values().filter(|dialect| has_spots && dialect.knows_spots());
    let mut found: Vec<Arc<Dialect>> = Vec::new();
    for dialect in named.into_iter().chain(by_spot) {
        if !dialect.own_words && !found.iter().any(|known| known.id == dialect.id) {
            found.push(Arc::clone(dialect));
        }
    }
    found
}
