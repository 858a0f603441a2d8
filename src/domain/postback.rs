//! A merchant's postback: parameters in, a typed report out, or a refusal that says what to send instead.

use super::{
    currency::{Currencies, Currency, CurrencyCode},
    goal::{Goal, StatusFlow, stored_words},
    ids::{ClickId, GoalAlias, RequestId, TransactionId},
    merchant::Merchant,
    money::{InvalidMoney, Money},
    params::Params,
    refusal::{Code, Refusal},
    sign,
    status::{Decision, Status},
    time::Timestamp,
};

/// How far in the future an event may claim to lie, for clocks that disagree.
const FUTURE_MILLIS: i64 = 5 * 60 * 1000;

/// How many parameters beyond the contract's are kept with a conversion.
pub const EXTRA_PARAMS_MAX: usize = 32;

/// How long the name or value of such a parameter may be, in bytes.
pub const EXTRA_PARAM_BYTES_MAX: usize = 1024;

/// The parameters that mean something here; any other is kept with the conversion.
pub(super) const KNOWN: [&str; 14] = [
    "click_id",
    "token",
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
];

/// What a postback asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Record a conversion.
    Record,
    /// Decide one that is recorded.
    Decide,
    /// Record it if it is not there yet, and decide it.
    RecordAndDecide,
    /// Whatever the status says, for senders that have one address for everything.
    AsStatus,
}

stored_words!(Operation {
    "record" => Self::Record, "decide" => Self::Decide, "record_and_decide" => Self::RecordAndDecide,
    "as_status" => Self::AsStatus,
});

/// What shall be done with the conversion that a postback is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Record it, in this status where one was asked for.
    Record(Option<Status>),
    /// Decide it.
    Decide(Decision),
    /// Record it if it is not there yet, and decide it.
    RecordAndDecide(Decision),
}

/// Whether a postback has to prove by its signature that it is the merchant's, where the merchant signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By one that was made about this time.
    AskedAt(Timestamp),
    /// It did when it first arrived.
    Given,
}

/// A merchant's report, every parameter of it valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postback {
    /// What shall be done.
    pub intent: Intent,
    /// The player.
    pub click: ClickId,
    /// What the player reached.
    pub goal: GoalAlias,
    /// The amount, where one was given.
    pub amount: Option<Money>,
    /// Its currency, where one was given.
    pub currency: Option<Currency>,
    /// The merchant's own id of it.
    pub transaction: Option<TransactionId>,
    /// When it happened.
    pub event_time: Option<Timestamp>,
    /// Check everything and record nothing.
    pub dry_run: bool,
    /// Every other parameter.
    pub extra: Params,
    /// The request that this is, where it arrived before and is processed again.
    pub repeats: Option<RequestId>,
}

impl Postback {
    /// Reads the parameters one by one, in the order of the contract's table, and stops at the first that is wrong.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn parse(
        operation: Operation,
        merchant: &Merchant,
        currencies: &Currencies,
        params: &Params,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let proof = Proof::AskedAt(now);
        Self::parse_translated(operation, merchant, currencies, params, params, now, proof)
    }

    /// The same for parameters that a dialect has put into our words; `sent` is what the sender signed.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn parse_translated(
        operation: Operation,
        merchant: &Merchant,
        currencies: &Currencies,
        params: &Params,
        sent: &Params,
        now: Timestamp,
        proof: Proof,
    ) -> Result<Self, Refusal> {
        let click = click_id(params)?;
        let goal = goal(params, merchant)?;
        let amount = amount(params, goal, operation)?;
        let currency = currency(params, merchant, currencies)?;
        check_money(goal, amount, currency)?;
        let intent = intent(params, operation, goal, amount)?;
        let transaction = transaction_id(params)?;
        let event_time = event_time(params, now)?;
        if let Proof::AskedAt(time) = proof {
            check_signature(sent, merchant, time)?;
        }
        let dry_run = dry_run(params)?;
        let extra = extra(params)?;
        let goal = goal.alias.clone();
        let repeats = None;
        Ok(Self { intent, click, goal, amount, currency, transaction, event_time, dry_run, extra, repeats })
    }

    /// Whether the signature of what was sent is right; nothing where there is none and none is asked for.
    pub fn is_signed(merchant: &Merchant, sent: &Params, now: Timestamp) -> Option<bool> {
        let asked = merchant.require_signature || sent.given("sig").is_some();
        asked.then(|| check_signature(sent, merchant, now).is_ok())
    }
}

/// The value of a parameter that was given, with a placeholder refused.
fn read<'a>(params: &'a Params, name: &str) -> Result<Option<&'a str>, Refusal> {
    params.given(name).map(|value| check_filled(name, value)).transpose()
}

/// Refuses a placeholder as the value of a parameter.
pub(super) fn check_filled<'a>(name: &str, value: &'a str) -> Result<&'a str, Refusal> {
    if !is_unresolved_macro(value) {
        return Ok(value);
    }
    let detail = format!("`{name}` is still the placeholder {value}: send the value that it stands for.");
    Err(Refusal::of(Code::UnresolvedMacro, name, detail))
}

fn required<'a>(params: &'a Params, name: &str, what: &str) -> Result<&'a str, Refusal> {
    read(params, name)?.ok_or_else(|| missing(name, what))
}

fn missing(name: &str, what: &str) -> Refusal {
    Refusal::of(Code::MissingParameter, name, format!("Send `{name}`, {what}; it is missing or empty."))
}

/// The refusal of a postback without a goal.
pub(super) fn missing_goal() -> Refusal {
    missing("goal_alias", "what the player did, as in ftd")
}

fn click_id(params: &Params) -> Result<ClickId, Refusal> {
    let text = required(params, "click_id", "the id that the landing page received with the player")?;
    ClickId::parse(text).map_err(|error| {
        let detail = format!("Send the `click_id` exactly as the landing page received it: {error}.");
        Refusal::of(Code::InvalidClickId, "click_id", detail)
    })
}

fn goal<'a>(params: &Params, merchant: &'a Merchant) -> Result<&'a Goal, Refusal> {
    let text = read(params, "goal_alias")?.ok_or_else(missing_goal)?;
    GoalAlias::parse(text).ok().and_then(|alias| merchant.goal(&alias)).ok_or_else(|| {
        let known: Vec<_> = merchant.goals.iter().map(|goal| goal.alias.as_str()).collect();
        let detail = format!("Send one of your goals as `goal_alias`: {}.", known.join(", "));
        Refusal::of(Code::UnknownGoal, "goal_alias", detail)
    })
}

fn amount(params: &Params, goal: &Goal, operation: Operation) -> Result<Option<Money>, Refusal> {
    let may_decide = match operation {
        Operation::Record | Operation::RecordAndDecide => false,
        Operation::Decide => true,
        // A decision without an amount is about what is recorded.
        Operation::AsStatus => matches!(conv_status(params)?, Some(Status::Approved | Status::Rejected)),
    };
    let text = if !may_decide && goal.amount.requires_amount() {
        Some(required(params, "amount", "in units of `currency`, as in 100 or 99.50")?)
    } else {
        read(params, "amount")?
    };
    let Some(text) = text else { return Ok(None) };
    let amount = parse_amount(text)?;
    match goal.amount.objection(amount) {
        Some(objection) => {
            let detail = format!("For the goal {}, `amount` must {objection}.", goal.alias);
            Err(Refusal::of(Code::InvalidAmount, "amount", detail))
        }
        None => Ok(Some(amount)),
    }
}

pub(super) fn parse_amount(text: &str) -> Result<Money, Refusal> {
    Money::parse(text).map_err(|error| {
        let code = if error == InvalidMoney::Precision { Code::AmountPrecision } else { Code::InvalidAmount };
        Refusal::of(code, "amount", format!("Send a plain decimal as `amount`: {error}."))
    })
}

fn currency(
    params: &Params,
    merchant: &Merchant,
    currencies: &Currencies,
) -> Result<Option<Currency>, Refusal> {
    let Some(text) = read(params, "currency")? else { return Ok(None) };
    let refuse = |detail| Err(Refusal::of(Code::InvalidCurrency, "currency", detail));
    let Some(currency) = currencies.find(text) else {
        return refuse("Send `currency` as an ISO 4217 code of three letters, as in EUR.".to_owned());
    };
    match &merchant.currencies {
        Some(allowed) if !allowed.contains(&currency.code) => {
            let allowed: Vec<_> = allowed.iter().map(CurrencyCode::as_str).collect();
            refuse(format!(
                "{} is not set up for this merchant: send one of {}, or ask your affiliate manager to add it.",
                currency.code,
                allowed.join(", ")
            ))
        }
        _ => Ok(Some(currency)),
    }
}

fn check_money(goal: &Goal, amount: Option<Money>, currency: Option<Currency>) -> Result<(), Refusal> {
    let Some(amount) = amount.filter(|amount| !amount.is_zero()) else { return Ok(()) };
    let Some(currency) = currency else {
        let detail = "Send `currency` with the amount, as an ISO 4217 code such as EUR.";
        return Err(Refusal::of(Code::MissingParameter, "currency", detail));
    };
    let places = goal.amount.decimal_places(currency.minor_unit);
    if amount.fits(places) {
        return Ok(());
    }
    let detail = format!("{} amounts have at most {places} digits after the point here.", currency.code);
    Err(Refusal::of(Code::AmountPrecision, "amount", detail))
}

fn intent(
    params: &Params,
    operation: Operation,
    goal: &Goal,
    amount: Option<Money>,
) -> Result<Intent, Refusal> {
    let status = conv_status(params)?;
    let decision = match status {
        _ if operation == Operation::Record => return Ok(Intent::Record(status)),
        _ if operation == Operation::AsStatus => return Ok(as_status(status, goal, amount)),
        Some(Status::Approved) => Decision::Approve,
        Some(Status::Rejected) => Decision::Reject,
        Some(Status::Pending) => {
            let detail = "Send approved or rejected as `conv_status`: nothing is changed back to pending.";
            return Err(Refusal::of(Code::InvalidStatus, "conv_status", detail));
        }
        None => {
            let detail = "Send `conv_status`, approved or rejected; it is missing or empty.";
            return Err(Refusal::of(Code::MissingParameter, "conv_status", detail));
        }
    };
    Ok(match operation {
        Operation::RecordAndDecide => Intent::RecordAndDecide(decision),
        Operation::Record | Operation::Decide | Operation::AsStatus => Intent::Decide(decision),
    })
}

/// What a sender means that has one address for everything. Of a goal that counts at once, what is pending is recorded
/// where the player reaches it once, because the approval that follows is recognised as a repetition; elsewhere it
/// would count twice, and is refused.
fn as_status(status: Option<Status>, goal: &Goal, amount: Option<Money>) -> Intent {
    let decision = match (goal.status_flow, status) {
        (StatusFlow::TwoPhase, Some(Status::Approved)) => Decision::Approve,
        (StatusFlow::TwoPhase, Some(Status::Rejected)) => Decision::Reject,
        (StatusFlow::TwoPhase, _) | (StatusFlow::Immediate, None) => return Intent::Record(None),
        (StatusFlow::Immediate, Some(Status::Pending)) if goal.once => return Intent::Record(None),
        (StatusFlow::Immediate, status) => return Intent::Record(status),
    };
    if amount.is_none() && goal.amount.requires_amount() {
        Intent::Decide(decision)
    } else {
        Intent::RecordAndDecide(decision)
    }
}

/// `conv_status`, by the sender's own words where it sends them along, else by ours.
fn conv_status(params: &Params) -> Result<Option<Status>, Refusal> {
    let word = read(params, "conv_status")?.map(str::trim);
    let lists = [
        ("approved_status", Status::Approved),
        ("pending_status", Status::Pending),
        ("rejected_status", Status::Rejected),
    ];
    let mut meant = Vec::new();
    for (name, status) in lists {
        let mut words = read(params, name)?.unwrap_or_default().split([';', ',']).map(str::trim);
        if words.any(|own| !own.is_empty() && word.is_some_and(|word| own.eq_ignore_ascii_case(word))) {
            meant.push(status);
        }
    }
    let Some(word) = word else { return Ok(None) };
    if meant.is_empty() {
        meant.extend(Status::parse(&word.to_ascii_lowercase()));
    }
    if let [status] = meant[..] {
        return Ok(Some(status));
    }
    let detail = "Send approved or rejected as `conv_status`, or name your own word for exactly one of them in \
                  `approved_status`, `pending_status` or `rejected_status`.";
    Err(Refusal::of(Code::InvalidStatus, "conv_status", detail))
}

fn transaction_id(params: &Params) -> Result<Option<TransactionId>, Refusal> {
    let Some(text) = read(params, "transaction_id")? else { return Ok(None) };
    TransactionId::parse(text).map(Some).map_err(|error| {
        Refusal::of(Code::InvalidTransactionId, "transaction_id", format!("Send another id: {error}."))
    })
}

fn event_time(params: &Params, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = read(params, "event_time")? else { return Ok(None) };
    let refuse = |detail| Err(Refusal::of(Code::InvalidEventTime, "event_time", detail));
    match Timestamp::parse(text) {
        None => {
            refuse("Send `event_time` as RFC 3339, as in 2026-11-20T10:00:00Z, or as whole Unix seconds.")
        }
        Some(time) if time > now.plus_millis(FUTURE_MILLIS) => refuse(
            "`event_time` is more than 5 minutes in the future: send when it happened, with its offset.",
        ),
        time => Ok(time),
    }
}

fn check_signature(params: &Params, merchant: &Merchant, now: Timestamp) -> Result<(), Refusal> {
    read(params, "ts")?;
    let given = read(params, "sig")?.is_some();
    if !merchant.require_signature && !given {
        return Ok(());
    }
    let secret = merchant.signing_secret.as_ref().ok_or_else(|| {
        let detail =
            "Leave out `sig`, or ask your affiliate manager for a signing secret: there is none yet.";
        Refusal::of(Code::InvalidSignature, "sig", detail)
    })?;
    sign::verify(secret.expose(), params, now)
        .map_err(|error| Refusal::of(Code::InvalidSignature, error.parameter, error.detail))
}

fn dry_run(params: &Params) -> Result<bool, Refusal> {
    match read(params, "dry_run")? {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        // Taking another word for "no" would record what the sender meant only to try.
        Some(_) => {
            let detail = "Send `dry_run=1` to record nothing, or leave it out.";
            Err(Refusal::of(Code::MalformedQuery, "dry_run", detail))
        }
    }
}

fn extra(params: &Params) -> Result<Params, Refusal> {
    let extra: Params = params
        .iter()
        .filter(|(name, _)| !KNOWN.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if extra.len() > EXTRA_PARAMS_MAX {
        let detail = format!("Send at most {EXTRA_PARAMS_MAX} parameters of your own.");
        return Err(Refusal::new(Code::MalformedQuery, detail));
    }
    let too_long = |(name, value): &(&str, &str)| name.len().max(value.len()) > EXTRA_PARAM_BYTES_MAX;
    if let Some((name, _)) = extra.iter().find(too_long) {
        let name: String = name.chars().take(60).collect();
        let detail = format!("Send at most {EXTRA_PARAM_BYTES_MAX} bytes in a parameter of your own.");
        return Err(Refusal::of(Code::MalformedQuery, name, detail));
    }
    Ok(extra)
}

/// Whether a value is a placeholder that the sender forgot to fill. The forms are those that senders' systems use:
/// `{x}` `{{x}}` `${x}` anywhere in the value, since no value holds braces; `##x##` `#x#` `[x]` `%x%` `<x>` as the
/// whole of it; and the words that stand in copied templates.
pub fn is_unresolved_macro(value: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | ' '))
    };
    let wrapped = |open: &str, close: &str| {
        value.strip_prefix(open).and_then(|v| v.strip_suffix(close)).is_some_and(is_name)
    };
    let braced = value.split_once('{').is_some_and(|(_, rest)| rest.contains('}'));
    matches!(value, "REPLACE" | "OPTIONAL")
        || braced
        || [("##", "##"), ("#", "#"), ("[", "]"), ("%", "%"), ("<", ">")].iter().any(|(o, c)| wrapped(o, c))
}

#[cfg(test)]
mod tests;
