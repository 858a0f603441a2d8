//! `countersign dialect`

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Output;
use crate::{
    app::Base,
    clock::{Clock, SystemClock},
    config::Settings,
    configuration_file::ready_made,
    domain::{
        catalog::{Catalog, Offer},
        dialect::{Context, Dialect, TokenPlace, Told, Worded},
        ids::{DialectId, MerchantId, OfferId},
        merchant::Merchant,
        params::Params,
        player::PlayerRef,
        postback::{Intent, Postback, Proof},
        refusal::{Code, Refusal},
        report::Report,
        time::Timestamp,
        token::TokenDigester,
    },
    http,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the dialects that postbacks may come in.
    List,
    /// Show how an address would be read, without sending or recording anything.
    Try {
        /// The dialect.
        #[arg(value_parser = |id: &str| DialectId::parse(id))]
        id: DialectId,
        /// The address with its query, or the query alone.
        address: String,
        /// Read it as this merchant's, whatever its token.
        #[arg(long, value_parser = |id: &str| MerchantId::parse(id))]
        merchant: Option<MerchantId>,
        /// Read it as about a click to this offer.
        #[arg(long, value_parser = |id: &str| OfferId::parse(id))]
        offer: Option<OfferId>,
    },
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    // Dialects that come with the program can be looked at before there is a database.
    let is_missing = settings.database_url.file().is_some_and(|file| !file.exists());
    let base = if is_missing { None } else { Some(Base::open(settings).await?) };
    let catalog = match &base {
        Some(base) => base.storage.catalog().await?,
        None => Catalog::default(),
    };
    match command {
        Command::List => list(&catalog, output),
        Command::Try { id, address, merchant, offer } => {
            let dialect = catalog.dialects.get(&id).or_else(|| ready_made().get(&id));
            let dialect = dialect.with_context(|| format!("there is no dialect {id}: see `dialect list`"))?;
            let named = Named { merchant, offer };
            let digester = base.as_ref().map(|base| &base.digester);
            let trial = Trial { catalog: &catalog, digester, dialect, now: SystemClock.now() };
            print(&trial.read(&address, &named)?, output);
        }
    }
    if let Some(base) = base {
        base.storage.close().await;
    }
    Ok(())
}

fn list(catalog: &Catalog, output: Output) {
    let mut dialects: BTreeMap<&DialectId, (&Arc<Dialect>, &str)> = BTreeMap::new();
    for (id, dialect) in ready_made() {
        dialects.insert(id, (dialect, "ready-made"));
    }
    for (id, dialect) in &catalog.dialects {
        let origin = if ready_made().contains_key(id) { "configured instead" } else { "configured" };
        dialects.insert(id, (dialect, origin));
    }
    let dialects: Vec<_> = dialects.into_values().collect();
    output.list(
        &dialects,
        |(it, origin)| json!({ "id": it.id, "name": it.name, "addresses": it.addresses(), "origin": origin }),
        |(it, origin)| format!("{}  {}  {}  {origin}", it.id, it.name, it.addresses().join(" ")),
    );
}

/// What the caller says of a postback.
struct Named {
    merchant: Option<MerchantId>,
    offer: Option<OfferId>,
}

/// How an address is read.
struct Trial<'a> {
    catalog: &'a Catalog,
    digester: Option<&'a TokenDigester>,
    dialect: &'a Arc<Dialect>,
    now: Timestamp,
}

/// How an address was read.
struct Reading {
    sent: Params,
    ours: Params,
    player: Option<PlayerRef>,
    merchant: Option<MerchantId>,
    intent: Option<Intent>,
    refusals: Vec<Refusal>,
    answer: Option<Worded>,
}

impl Trial<'_> {
    fn read(&self, address: &str, named: &Named) -> anyhow::Result<Reading> {
        let address = address.split('#').next().unwrap_or_default();
        let (path, query) = address.split_once('?').unwrap_or(("", address));
        let (sent, fault) = http::read_query(query);
        let mut refusals: Vec<_> = fault.into_iter().collect();
        let offer = match &named.offer {
            Some(id) => Some(self.catalog.offers.get(id).with_context(|| format!("there is no offer {id}"))?),
            None => self.dialect.offer(&sent, self.catalog),
        };
        let merchant = self.merchant(path, &sent, named, offer, &mut refusals)?;
        let context = Context { merchant, offer, click: None };
        let own = self.dialect.own_words;
        let ours = if own { sent.clone() } else { self.dialect.translate(&sent, context) };
        let mut player = None;
        if !own {
            match Report::check(self.dialect, &sent, self.catalog) {
                Ok(named) => player = Some(named),
                Err(refusal) => refusals.push(refusal),
            }
        }
        let mut intent = None;
        if let Some(merchant) = merchant.filter(|_| refusals.is_empty() || own) {
            match self.parse(merchant, &ours, &sent, player.as_ref()) {
                Ok(postback) => intent = Some(postback.intent),
                Err(refusal) => refusals.push(refusal),
            }
        }
        for refusal in &mut refusals {
            refusal.detail = self.dialect.in_senders_words(&refusal.detail);
        }
        let hidden = |(name, value): (&str, &str)| {
            let value = if self.dialect.is_token(name) { "[redacted]" } else { value };
            (name.to_owned(), value.to_owned())
        };
        let answer = refusals.first().filter(|_| !own).map(|refusal| self.answer(refusal, &sent));
        let merchant = merchant.map(|merchant| merchant.id.clone());
        let sent = sent.iter().map(hidden).collect();
        let ours = ours.iter().map(hidden).collect();
        Ok(Reading { sent, ours, player, merchant, intent, refusals, answer })
    }

    /// Whose it is: as the caller says, or by the token, or by the spot.
    fn merchant(
        &self,
        path: &str,
        sent: &Params,
        named: &Named,
        offer: Option<&Offer>,
        refusals: &mut Vec<Refusal>,
    ) -> anyhow::Result<Option<&Merchant>> {
        let of_offer = offer.map(|offer| &offer.merchant);
        if let Some(id) = named.merchant.as_ref().or(of_offer.filter(|_| named.offer.is_some())) {
            let merchant =
                self.catalog.merchants.get(id).with_context(|| format!("there is no merchant {id}"))?;
            return Ok(Some(&**merchant));
        }
        let in_path = || {
            let (before, token) = path.trim_end_matches('/').rsplit_once('/')?;
            before.ends_with(&format!("/postback/{}", self.dialect.id)).then_some(token)
        };
        let token = self.dialect.token_places.iter().find_map(|place| match place {
            TokenPlace::Query(name) => sent.given(name),
            TokenPlace::Path => in_path(),
            TokenPlace::Header(_) | TokenPlace::Bearer => None,
        });
        let digest = token.zip(self.digester).map(|(token, digester)| digester.digest(token));
        let found = digest.and_then(|digest| self.catalog.merchant_of_token(&digest, self.now));
        if let Some((_, merchant)) = found {
            return Ok(Some(&**merchant));
        }
        if token.is_some() || self.dialect.token_required {
            let what = if token.is_some() {
                "is unknown, revoked or expired"
            } else {
                "is missing from the address"
            };
            refusals.push(Refusal::of(Code::InvalidToken, "token", format!("The `token` {what}.")));
        }
        let merchant = of_offer.and_then(|id| self.catalog.merchants.get(id)).map(|merchant| &**merchant);
        if let Some(merchant) = merchant.filter(|_| refusals.is_empty())
            && !merchant.takes_untokened(self.dialect, offer)
        {
            let detail = format!("{} wants its `token`, which is missing from the address.", merchant.id);
            refusals.push(Refusal::of(Code::InvalidToken, "token", detail));
        }
        Ok(merchant)
    }

    fn parse(
        &self,
        merchant: &Merchant,
        ours: &Params,
        sent: &Params,
        player: Option<&PlayerRef>,
    ) -> Result<Postback, Refusal> {
        let mut ours = ours.clone();
        if let Some(PlayerRef::User { .. }) = player {
            // Which click that is, only the database tells.
            ours.set("click_id", Some("newest"));
        }
        let operation = self.dialect.operation;
        let (currencies, proof) = (&self.catalog.currencies, Proof::AskedAt(self.now));
        Postback::parse_translated(operation, merchant, currencies, &ours, sent, self.now, proof)
    }

    fn answer(&self, refusal: &Refusal, sent: &Params) -> Worded {
        self.dialect.word(&Told {
            request: "-",
            outcome: refusal.code.as_str(),
            status: http::status_of(refusal.code),
            parameter: refusal.parameter.as_deref(),
            detail: Some(&refusal.detail),
            goal: self.dialect.goal_alias(sent),
            conversion: None,
            offer_name: None,
            sent,
        })
    }
}

fn print(reading: &Reading, output: Output) {
    if output.json {
        println!("{:#}", as_json(reading));
        return;
    }
    let lines = |params: &Params| {
        let pairs = params.iter().map(|(name, value)| format!("{name}={}", value.escape_debug()));
        pairs.collect::<Vec<_>>().join("  ")
    };
    println!("sent      {}", lines(&reading.sent));
    println!("means     {}", lines(&reading.ours));
    if let Some(player) = &reading.player {
        println!("player    {}", shown_player(player));
    }
    match &reading.merchant {
        Some(merchant) => println!("merchant  {merchant}"),
        None => println!("merchant  not known: give --merchant or --offer to read it as theirs"),
    }
    if let Some(intent) = reading.intent {
        println!("asks      {}", shown_intent(intent));
    }
    for refusal in &reading.refusals {
        println!("refused   {}: {}", refusal.code.as_str(), refusal.detail);
    }
    match &reading.answer {
        Some(answer) => println!("answer    {} {} {}", answer.status, answer.content_type, answer.body),
        None if reading.refusals.is_empty() => {
            println!("can be read; whether the click is there, only sending it tells");
        }
        None => {}
    }
}

fn as_json(reading: &Reading) -> Value {
    let object = |params: &Params| {
        let pairs = params.iter().map(|(name, value)| (name.to_owned(), json!(value)));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    let refusals = reading.refusals.iter().map(|refusal| {
        json!({ "code": refusal.code.as_str(), "parameter": refusal.parameter, "detail": refusal.detail })
    });
    let answer = reading.answer.as_ref().map(
        |answer| json!({ "status": answer.status, "content_type": answer.content_type, "body": answer.body }),
    );
    json!({
        "sent": object(&reading.sent),
        "means": object(&reading.ours),
        "player": reading.player.as_ref().map(shown_player),
        "merchant": reading.merchant,
        "asks": reading.intent.map(shown_intent),
        "refusals": refusals.collect::<Vec<_>>(),
        "answer": answer,
    })
}

fn shown_player(player: &PlayerRef) -> String {
    match player {
        PlayerRef::Click(click) => format!("click {click}"),
        PlayerRef::User { offer, user } => format!("the newest click of user {user} to the offer {offer}"),
    }
}

fn shown_intent(intent: Intent) -> String {
    match intent {
        Intent::Record(None) => "record it".to_owned(),
        Intent::Record(Some(status)) => format!("record it as {status}"),
        Intent::Decide(decision) => format!("decide what is recorded: {}", decision.status()),
        Intent::RecordAndDecide(decision) => {
            format!("record it if it is not there yet, and decide it: {}", decision.status())
        }
    }
}
