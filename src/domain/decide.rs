//! The heart: what an event means, given what is configured and what is recorded.
//!
//! [`decide`] is pure. Everything that it needs from outside comes as an argument: the [`Catalog`], the
//! [`WorkingSet`] with the clicks and conversions that the event touches, and a [`Stamp`] with the time and the ids to
//! use. It changes nothing; what shall be changed is part of what it returns. Deciding a batch is deciding one event
//! after the other and applying each one's changes to the working set, so that how events fall into batches never
//! changes a result.

mod changes;
mod clicked;
mod managed;

use std::borrow::Cow;

use super::{
    catalog::Catalog,
    click::{Click, ClickRequest},
    conversion::{Conversion, Revenue},
    goal::{Goal, GoalRole, StatusFlow},
    ids::{ClickId, ConversionId, MerchantId, RequestId},
    merchant::{Deal, Merchant},
    payout::Payout,
    player::PlayerNote,
    postback::{Intent, Postback},
    refusal::{Code, Refusal},
    report::Report,
    status::{Actor, Decision, Status, StatusEvent},
    time::Timestamp,
    working_set::WorkingSet,
};

pub use self::{
    changes::{Changes, NewClick, OwedDelivery, SystemMessage},
    managed::{ManagerDecision, REASON_CHARS_MAX},
};

/// A fact that reached us. All of them come through one door and are decided here.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody clicked.
    Click(ClickRequest),
    /// A merchant reports, and its token proved that it is that merchant.
    Postback {
        /// Who reports.
        merchant: MerchantId,
        /// What.
        postback: Postback,
    },
    /// A manager decides.
    Decision(ManagerDecision),
    /// A sender reports in a dialect of its own.
    Report(Report),
}

/// What an event gets from outside, so that deciding it needs neither clock nor chance.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Now.
    pub at: Timestamp,
    /// The request that brought the event.
    pub request: RequestId,
    /// The id for a conversion, should one be recorded.
    pub conversion: ConversionId,
}

/// The answer to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The click is recorded, and the player goes on to this address.
    Clicked {
        /// The recorded click.
        click: ClickId,
        /// The offer's landing URL, filled in.
        url: String,
        /// Whether it was recorded before.
        duplicate: bool,
    },
    /// The conversion stands as the sender wants it.
    Accepted {
        /// As it stands now. Boxed, because the other answers are small.
        conversion: Box<Conversion>,
        /// What this event did to it.
        effect: Effect,
        /// Whether nothing was recorded, because the sender only tried.
        dry_run: bool,
    },
    /// Nothing was done.
    Refused(Refusal),
}

/// What an accepted event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A conversion was recorded (and perhaps decided).
    Recorded,
    /// A recorded one was decided.
    Decided,
    /// Nothing: it had been done before.
    Duplicate,
}

/// Decides one event.
pub fn decide(catalog: &Catalog, known: &WorkingSet, event: &Event, stamp: Stamp) -> (Verdict, Changes) {
    if let Some((conversion, dry_run)) = settled(known, event) {
        let conversion = Box::new(conversion.clone());
        return (Verdict::Accepted { conversion, effect: Effect::Duplicate, dry_run }, Changes::default());
    }
    let decided = match event {
        Event::Click(request) => clicked::decide(catalog, known, request, stamp),
        Event::Postback { merchant, postback } => decide_postback(catalog, known, merchant, postback, stamp),
        Event::Decision(decision) => managed::decide(catalog, known, decision, stamp),
        Event::Report(report) => report
            .read(catalog, known, stamp.at)
            .and_then(|(merchant, postback)| decide_postback(catalog, known, &merchant, &postback, stamp)),
    };
    decided.unwrap_or_else(|refusal| (Verdict::Refused(refusal), Changes::default()))
}

/// The conversion that a request, which is processed again, has led to before, whatever has become of it since; and
/// whether the request is only tried.
fn settled<'a>(known: &'a WorkingSet, event: &Event) -> Option<(&'a Conversion, bool)> {
    let (request, dry_run) = match event {
        Event::Postback { postback, .. } => (postback.repeats?, postback.dry_run),
        Event::Report(report) => report.repetition.map(|before| (before.request, before.dry_run))?,
        Event::Click(_) | Event::Decision(_) => return None,
    };
    known.led_to(request).map(|conversion| (conversion, dry_run))
}

fn decide_postback(
    catalog: &Catalog,
    known: &WorkingSet,
    merchant: &MerchantId,
    postback: &Postback,
    stamp: Stamp,
) -> Result<(Verdict, Changes), Refusal> {
    // The postback was read by an earlier snapshot of the catalog; what it names may be gone since.
    let unknown = || Refusal::of(Code::UnknownGoal, "goal_alias", "This goal has just been removed.");
    let merchant = catalog.merchants.get(merchant).ok_or_else(unknown)?;
    let goal = merchant.goal(&postback.goal).ok_or_else(unknown)?;
    let Some(click) = known.click(&postback.click, &merchant.id) else {
        let detail =
            "No click of yours has this id: send the `click_id` exactly as the landing page received it.";
        return Err(Refusal::of(Code::ClickNotFound, "click_id", detail));
    };
    let payout = catalog.offers.get(&click.offer).and_then(|offer| offer.payout(&goal.alias));
    let case = Case { known, merchant, goal, click, payout, postback, stamp };
    let (conversion, effect, mut changes) = match postback.intent {
        Intent::Record(status) => case.record(status)?,
        Intent::Decide(decision) => {
            case.check_status_flow()?;
            let recorded = case.find_recorded()?;
            case.check_unchanged(recorded)?;
            case.settle(recorded.clone(), decision, Changes::default())?
        }
        Intent::RecordAndDecide(decision) => {
            case.check_status_flow()?;
            let (conversion, effect, changes) = case.record(None)?;
            if conversion.suspected_duplicate && merchant.hold_suspected && effect == Effect::Recorded {
                // Held for a manager: the sender's decision is part of what may be a repetition.
                (conversion, effect, changes)
            } else {
                case.settle(conversion, decision, changes)?
            }
        }
    };
    changes.owe_deliveries(catalog, &conversion);
    if effect != Effect::Duplicate {
        changes.players.extend(PlayerNote::of(&click.id, &postback.extra));
    }
    if effect == Effect::Recorded {
        changes.messages.extend(system_message(catalog, goal, &conversion));
    }
    changes.repeated.extend(postback.repeats.map(|request| (request, conversion.id)));
    let dry_run = postback.dry_run;
    let verdict = Verdict::Accepted { conversion: Box::new(conversion), effect, dry_run };
    Ok((verdict, if dry_run { Changes::default() } else { changes }))
}

/// What the goal says on the player's card, if it says anything.
fn system_message(catalog: &Catalog, goal: &Goal, conversion: &Conversion) -> Option<SystemMessage> {
    let note = PlayerNote::of(&conversion.click, &conversion.extra);
    let minor_unit = conversion.currency.map_or(0, |currency| currency.minor_unit);
    let text = goal.message.as_ref()?.render_text(|name| {
        let value = match name {
            "sum" => Some(conversion.amount.display(minor_unit).to_string()),
            "player_id" => note.as_ref().and_then(|note| note.player_id.as_ref()).map(ToString::to_string),
            _ => {
                catalog.affiliates.get(&conversion.affiliate).and_then(|affiliate| affiliate.manager.clone())
            }
        };
        value.map(Cow::Owned)
    });
    let (click, goal) = (conversion.click.clone(), conversion.goal.clone());
    Some(SystemMessage { click, conversion: conversion.id, goal, text })
}

type Outcome = (Conversion, Effect, Changes);

/// One postback with everything that it is judged by.
struct Case<'a> {
    known: &'a WorkingSet,
    merchant: &'a Merchant,
    goal: &'a Goal,
    click: &'a Click,
    payout: Option<Payout>,
    postback: &'a Postback,
    stamp: Stamp,
}

impl Case<'_> {
    fn record(&self, asked: Option<Status>) -> Result<Outcome, Refusal> {
        let initial = self.initial_status(asked)?;
        if let Some(recorded) = self.recorded_before() {
            self.check_same(recorded)?;
            return Ok((recorded.clone(), Effect::Duplicate, Changes::default()));
        }
        // After the look for a repetition: a retry is none the worse for a deal that has changed since.
        let revenue = self.revenue()?;
        self.check_player_currency()?;
        self.check_ftd()?;
        let mut conversion = self.conversion(initial, revenue);
        if self.known.has_twin(&conversion, self.stamp.at) {
            conversion.suspected_duplicate = true;
            if self.merchant.hold_suspected {
                conversion.status = Status::Pending;
                conversion.decided_at = None;
            }
        }
        let step = self.step(&conversion, None, conversion.status);
        let changes =
            Changes { recorded: vec![conversion.clone()], history: vec![step], ..Changes::default() };
        Ok((conversion, Effect::Recorded, changes))
    }

    /// Our part of a revenue event, by the deal of this moment.
    fn revenue(&self) -> Result<Option<Revenue>, Refusal> {
        match (self.goal.role, self.merchant.deal) {
            (GoalRole::RevenueShare, Deal::Cpa) => {
                let detail = "Revenue share is for merchants on a hybrid deal: do not send it, or ask your affiliate \
                              manager to change the deal.";
                Err(Refusal::of(Code::DealNotHybrid, "goal_alias", detail))
            }
            (GoalRole::RevenueShare, Deal::Hybrid(multiplier)) => {
                let amount = self.postback.amount.unwrap_or_default();
                Ok(Some(Revenue { money: amount.times(multiplier), multiplier }))
            }
            _ => Ok(None),
        }
    }

    fn initial_status(&self, asked: Option<Status>) -> Result<Status, Refusal> {
        match (self.goal.status_flow, asked) {
            (StatusFlow::Immediate, None | Some(Status::Approved)) => Ok(Status::Approved),
            (StatusFlow::Immediate, Some(_)) => Err(self.no_status_flow()),
            (StatusFlow::TwoPhase, asked) => {
                let status = asked.unwrap_or(Status::Pending);
                if self.merchant.allows_initially(status) {
                    return Ok(status);
                }
                let detail = format!(
                    "Leave out `conv_status` here and decide by /track/conv-change: this merchant may not record a \
                     conversion as {status} at once."
                );
                Err(Refusal::of(Code::StatusNotAllowed, "conv_status", detail))
            }
        }
    }

    /// What an earlier postback recorded of the same thing.
    fn recorded_before(&self) -> Option<&Conversion> {
        let once =
            self.goal.once.then(|| self.known.of_goal(&self.click.id, &self.goal.alias).next()).flatten();
        once.or_else(|| self.of_transaction())
    }

    /// The conversion under the postback's transaction id, whosever click it is.
    fn of_transaction(&self) -> Option<&Conversion> {
        let transaction = self.postback.transaction.clone()?;
        self.known.of_transaction(&(self.merchant.id.clone(), self.goal.alias.clone(), transaction))
    }

    /// A repetition must say what was said before.
    fn check_same(&self, recorded: &Conversion) -> Result<(), Refusal> {
        let amount = self.postback.amount.unwrap_or_default();
        let currency = self.postback.currency.map(|currency| currency.code);
        let recorded_currency = recorded.currency.map(|currency| currency.code);
        let other_click = recorded.click != self.click.id;
        let (parameter, why) = if other_click {
            ("transaction_id", "it belongs to another click".to_owned())
        } else if amount != recorded.amount {
            ("amount", format!("it is recorded with the amount {}", shown(recorded)))
        } else if currency != recorded_currency && (currency.is_some() || !amount.is_zero()) {
            ("currency", format!("it is recorded with the amount {}", shown(recorded)))
        } else {
            return Ok(());
        };
        let subject = if self.goal.once && !other_click {
            "This player's conversion of this goal"
        } else {
            "This `transaction_id`"
        };
        let detail = format!("{subject} is already recorded and differs: {why}. Nothing was changed.");
        Err(Refusal::of(Code::ConflictingDuplicate, parameter, detail))
    }

    /// Every amount of a player is in the currency of the first deposit.
    fn check_player_currency(&self) -> Result<(), Refusal> {
        let first = self.known.first_deposit(&self.click.id, self.merchant).and_then(|first| first.currency);
        match (first, self.postback.currency) {
            (Some(first), Some(sent)) if first.code != sent.code => Err(currency_mismatch(first.code)),
            _ => Ok(()),
        }
    }

    fn check_ftd(&self) -> Result<(), Refusal> {
        if self.goal.role != GoalRole::RepeatDeposit
            || !self.merchant.require_ftd
            || self.known.has_ftd(&self.click.id, self.merchant)
        {
            return Ok(());
        }
        let detail = "Send this player's first deposit (goal_alias=ftd) before the repeat deposit.";
        Err(Refusal::of(Code::FtdMissing, "goal_alias", detail))
    }

    fn conversion(&self, status: Status, revenue: Option<Revenue>) -> Conversion {
        Conversion {
            id: self.stamp.conversion,
            click: self.click.id.clone(),
            merchant: self.merchant.id.clone(),
            offer: self.click.offer.clone(),
            affiliate: self.click.affiliate.clone(),
            goal: self.goal.alias.clone(),
            once: self.goal.once,
            status,
            steps: 1,
            amount: self.postback.amount.unwrap_or_default(),
            currency: self.postback.currency,
            revenue,
            transaction: self.postback.transaction.clone(),
            suspected_duplicate: false,
            created_at: self.stamp.at,
            decided_at: (status != Status::Pending).then_some(self.stamp.at),
            event_time: self.postback.event_time,
            payout: self.payout,
            extra: self.postback.extra.clone(),
        }
    }

    fn no_status_flow(&self) -> Refusal {
        let detail = format!(
            "The goal {} counts at once and is not decided: record it by /track/conv, without `conv_status`.",
            self.goal.alias
        );
        Refusal::of(Code::NoStatusFlow, "goal_alias", detail)
    }

    fn check_status_flow(&self) -> Result<(), Refusal> {
        match self.goal.status_flow {
            StatusFlow::TwoPhase => Ok(()),
            StatusFlow::Immediate => Err(self.no_status_flow()),
        }
    }

    /// Which conversion a status change means.
    fn find_recorded(&self) -> Result<&Conversion, Refusal> {
        if let Some(transaction) = &self.postback.transaction {
            return self.of_transaction().filter(|c| c.click == self.click.id).ok_or_else(|| {
                let detail = format!(
                    "This click has no {} conversion with the `transaction_id` {transaction}: record it by \
                     /track/conv first, or leave `transaction_id` out as you did then.",
                    self.goal.alias
                );
                Refusal::of(Code::ConversionNotFound, "transaction_id", detail)
            });
        }
        let mut candidates: Vec<_> = self.known.of_goal(&self.click.id, &self.goal.alias).collect();
        if candidates.len() > 1 {
            candidates = self.known.pending(&self.click.id, &self.goal.alias).collect();
            if candidates.len() != 1 {
                let detail =
                    "This click has several conversions of this goal: say which by `transaction_id`.";
                return Err(Refusal::of(Code::AmbiguousConversion, "transaction_id", detail));
            }
        }
        candidates.first().copied().ok_or_else(|| {
            let detail = format!(
                "This click has no {} conversion: record it by /track/conv first, or use /track/conv-addchange.",
                self.goal.alias
            );
            Refusal::of(Code::ConversionNotFound, "goal_alias", detail)
        })
    }

    /// What a status change says of the money must be what is recorded.
    fn check_unchanged(&self, recorded: &Conversion) -> Result<(), Refusal> {
        match (recorded.currency, self.postback.currency) {
            (Some(recorded), Some(sent)) if recorded.code != sent.code => {
                return Err(currency_mismatch(recorded.code));
            }
            _ => {}
        }
        if self.postback.amount.is_some_and(|amount| amount != recorded.amount) {
            let detail = format!(
                "The recorded amount is {}: send it unchanged, or leave `amount` out.",
                shown(recorded)
            );
            return Err(Refusal::of(Code::AmountMismatch, "amount", detail));
        }
        Ok(())
    }

    /// Decides a conversion, on top of the changes that recorded it if it is new.
    fn settle(
        &self,
        mut conversion: Conversion,
        decision: Decision,
        mut changes: Changes,
    ) -> Result<Outcome, Refusal> {
        if conversion.status == decision.status() {
            return Ok((conversion, Effect::Duplicate, changes));
        }
        if conversion.status != Status::Pending {
            let detail = format!(
                "It was decided before and stays {}: ask your affiliate manager if that is wrong.",
                conversion.status
            );
            return Err(Refusal::of(Code::AlreadyDecided, "conv_status", detail));
        }
        conversion.status = decision.status();
        conversion.decided_at = Some(self.stamp.at);
        conversion.steps += 1;
        changes.history.push(self.step(&conversion, Some(Status::Pending), conversion.status));
        let effect = if let Some(recorded) = changes.recorded.first_mut() {
            *recorded = conversion.clone();
            Effect::Recorded
        } else {
            changes.decided.push(conversion.clone());
            Effect::Decided
        };
        Ok((conversion, effect, changes))
    }

    fn step(&self, conversion: &Conversion, from: Option<Status>, to: Status) -> StatusEvent {
        StatusEvent {
            conversion: conversion.id,
            step: conversion.steps,
            from,
            to,
            actor: Actor::Merchant(self.merchant.id.clone()),
            reason: self.postback.extra.given("reason").map(str::to_owned),
            request: self.stamp.request,
            at: self.stamp.at,
        }
    }
}

fn currency_mismatch(expected: super::currency::CurrencyCode) -> Refusal {
    let detail = format!("Send {expected}, the currency of this player's first deposit.");
    Refusal::of(Code::CurrencyMismatch, "currency", detail)
}

/// A recorded amount for people: `100.00 EUR`.
fn shown(conversion: &Conversion) -> String {
    match conversion.currency {
        Some(currency) => format!("{} {}", conversion.amount.display(currency.minor_unit), currency.code),
        None => conversion.amount.display(0).to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
