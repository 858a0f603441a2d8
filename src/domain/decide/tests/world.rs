//! A tracker in memory that speaks the language of the tables.
//!
//! An event is a line: `conv acme-1 ftd 100 EUR transaction_id=T1` is what the merchant `acme` sends to
//! `/track/conv` about its player `acme-1`: `click_id=acme-1&goal_alias=ftd&amount=100&currency=EUR` and so on.
//! The other verbs of a merchant are `change` and `addchange`; `plain: conv acme-1 ...` is sent by another
//! merchant than the player's. `say mvp clickid=acme-1&goal=dep&sum=5` is a postback in a dialect that comes with the
//! program, without a token. `anna: reject #1 seen=pending a reason` is a manager's decision. `click acme-9
//! OFFER AFFILIATE name=value ...` is a click, `import` one whose id somebody has chosen, and `wait 60000` lets
//! milliseconds pass.

use std::{net::Ipv4Addr, sync::Arc};

use uuid::Uuid;

use super::ledger::Ledger;
use crate::{
    configuration_file::ready_made,
    domain::{
        catalog::Catalog,
        click::ClickRequest,
        conversion::Conversion,
        decide::{Changes, Effect, Event, ManagerDecision, Stamp, Verdict, decide},
        dialect::Dialect,
        fixture,
        ids::{AffiliateId, ClickId, ConversionId, MerchantId, OfferId, RequestId, UserName},
        merchant::Merchant,
        params::Params,
        postback::{Operation, Postback},
        refusal::Refusal,
        report::Report,
        status::{Actor, Decision, Status},
        time::Timestamp,
    },
};

/// Everything that is configured and recorded, and the clock.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
    events: u128,
}

impl World {
    /// With two players of each merchant, such as `acme-1` and `acme-2`.
    pub(crate) fn new() -> Self {
        let mut world =
            Self { catalog: fixture::catalog(), ledger: Ledger::default(), now: fixture::NOW, events: 0 };
        let merchants: Vec<_> = world.catalog.merchants.keys().cloned().collect();
        for (merchant, number) in merchants.iter().flat_map(|m| [(m, 1), (m, 2)]) {
            let clicked = world.tell(&format!("click {merchant}-{number} {merchant} lotus"));
            assert!(clicked.starts_with("clicked"), "{clicked}");
        }
        world.events = 0;
        world
    }

    /// Changes a merchant's settings.
    pub(crate) fn configure(&mut self, merchant: &str, change: impl FnOnce(&mut Merchant)) {
        change(Arc::make_mut(self.catalog.merchants.get_mut(merchant).unwrap()));
    }

    /// Reads a line, as an event or as the refusal that the sender gets at once.
    pub(crate) fn read(&self, line: &str) -> Result<Event, Refusal> {
        if let Some(click) = line.strip_prefix("click ") {
            return Ok(Event::Click(click_request(click)));
        }
        if let Some((dialect, query)) = line.strip_prefix("say ").and_then(|said| said.split_once(' ')) {
            return self.report(&ready_made()[dialect], fixture::params(query));
        }
        if let Some(click) = line.strip_prefix("import ") {
            return Ok(Event::Click(ClickRequest { id_given: true, ..click_request(click) }));
        }
        let (sender, message) = match line.split_once(": ") {
            Some((sender, message)) => (Some(sender), message),
            None => (None, line),
        };
        if sender == Some("anna") {
            return Ok(Event::Decision(manager_decision(message)));
        }
        if let Some(again) = message.strip_prefix("again #") {
            let (number, message) = again.split_once(' ').unwrap();
            let event = self.read(message)?;
            let Event::Postback { merchant, postback } = event else { panic!("not a postback: {line}") };
            let repeats = Some(RequestId::new(Uuid::from_u128(number.parse().unwrap())));
            return Ok(Event::Postback { merchant, postback: Postback { repeats, ..postback } });
        }
        let mut words = message.split(' ');
        let (verb, player, goal) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let operation = match verb {
            "conv" => Operation::Record,
            "change" => Operation::Decide,
            "addchange" => Operation::RecordAndDecide,
            _ => panic!("no such verb: {line}"),
        };
        let (named, money): (Vec<_>, Vec<_>) = words.partition(|word| word.contains('='));
        let mut query = vec![format!("click_id={player}"), format!("goal_alias={goal}")];
        query.extend(["amount", "currency"].iter().zip(money).map(|(name, value)| format!("{name}={value}")));
        query.extend(named.into_iter().map(str::to_owned));
        let sender = sender.unwrap_or(player.split_once('-').unwrap().0);
        let merchant = &self.catalog.merchants[sender];
        let params = fixture::params(&query.join("&"));
        let postback = Postback::parse(operation, merchant, &self.catalog.currencies, &params, self.now)?;
        Ok(Event::Postback { merchant: MerchantId::parse(sender).unwrap(), postback })
    }

    fn report(&self, dialect: &Arc<Dialect>, sent: Params) -> Result<Event, Refusal> {
        let player = Report::check(dialect, &sent, &self.catalog)?;
        Ok(Event::Report(Report {
            dialect: Arc::clone(dialect),
            sender: None,
            player,
            offer_name: None,
            sent,
            address: Ipv4Addr::LOCALHOST.into(),
            repetition: None,
        }))
    }

    /// Numbers what comes: the conversion of the first event is `#1`.
    pub(crate) fn stamp(&mut self) -> Stamp {
        self.events += 1;
        let id = Uuid::from_u128(self.events);
        Stamp { at: self.now, request: RequestId::new(id), conversion: ConversionId::new(id) }
    }

    /// Decides one event by nothing but what it may load, and records what follows.
    pub(crate) fn submit(&mut self, event: &Event) -> (Verdict, Changes) {
        let stamp = self.stamp();
        let known = self.ledger.load(&self.catalog, [event], stamp.at);
        let (verdict, changes) = decide(&self.catalog, &known, event, stamp);
        self.ledger.apply(&changes);
        (verdict, changes)
    }

    /// Lets a line happen, and shows what came of it.
    pub(crate) fn tell(&mut self, line: &str) -> String {
        if let Some(millis) = line.strip_prefix("wait ") {
            self.now = self.now.plus_millis(millis.parse().unwrap());
            return String::from("waited");
        }
        match self.read(line) {
            Ok(event) => shown(&self.submit(&event).0),
            Err(refusal) => {
                self.stamp();
                shown(&Verdict::Refused(refusal))
            }
        }
    }
}

fn click_request(line: &str) -> ClickRequest {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap();
    let (id, offer, affiliate) = (next(), next(), next());
    ClickRequest {
        id: ClickId::parse(id).unwrap(),
        offer: OfferId::parse(offer).unwrap(),
        affiliate: AffiliateId::parse(affiliate).unwrap(),
        params: words.filter_map(|pair| pair.split_once('=')).map(owned).collect::<Params>(),
        id_given: false,
    }
}

fn manager_decision(message: &str) -> ManagerDecision {
    let mut words = message.splitn(3, ' ');
    let decision = match words.next().unwrap() {
        "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        other => panic!("no such decision: {other}"),
    };
    let number = words.next().unwrap().trim_start_matches('#').parse().unwrap();
    let rest = words.next().unwrap_or_default();
    let (seen, reason) = match rest.strip_prefix("seen=") {
        Some(seen) => seen.split_once(' ').map_or((Status::parse(seen), ""), |(s, r)| (Status::parse(s), r)),
        None => (None, rest),
    };
    ManagerDecision {
        conversion: ConversionId::new(Uuid::from_u128(number)),
        decision,
        reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        actor: Actor::User(UserName::parse("anna").unwrap()),
        seen,
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A verdict as the tables write it: `recorded #1 ftd 100.00 EUR pending`, `click_not_found click_id`.
pub(crate) fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Clicked { click, url, duplicate } => {
            format!("{}clicked {click} {url}", if *duplicate { "duplicate: " } else { "" })
        }
        Verdict::Refused(Refusal { code, parameter, .. }) => {
            [code.as_str(), parameter.as_deref().unwrap_or_default()].join(" ").trim_end().to_owned()
        }
        Verdict::Accepted { conversion, effect, dry_run } => {
            let effect = match effect {
                Effect::Recorded => "recorded",
                Effect::Decided => "decided",
                Effect::Duplicate => "duplicate",
            };
            let dry_run = if *dry_run { "dry_run: " } else { "" };
            format!("{dry_run}{effect} {}", shown_conversion(conversion))
        }
    }
}

fn shown_conversion(c: &Conversion) -> String {
    let mut words = vec![format!("#{}", c.id.uuid().as_u128()), c.goal.to_string()];
    if let Some(currency) = c.currency {
        words.push(format!("{} {}", c.amount.display(currency.minor_unit), currency.code));
    } else if !c.amount.is_zero() {
        words.push(c.amount.display(0).to_string());
    }
    words.push(c.status.to_string());
    words.extend(c.transaction.as_ref().map(ToString::to_string));
    words.extend(c.revenue.map(|r| format!("revenue {} x {}", r.money.display(2), r.multiplier)));
    words.extend(c.suspected_duplicate.then(|| String::from("suspected")));
    words.join(" ")
}
