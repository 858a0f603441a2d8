//! What is configured, in words: TOML or one JSON object in, a [`Configuration`] out, or a mistake with its place; and
//! back, what is there as a file.
//!
//! It may import `domain`, `storage` for the shape of a [`Configuration`], and from `config` and `delivery` what an
//! address and a header may be. There is one set of [`entries`] and of rules, whoever writes: a file that is applied,
//! or a request that changes one thing. It reads nothing but the environment, and that for files only.

mod body;
mod dialects;
pub mod entries;
mod export;
mod payout;
mod pixel;
mod postback;

use std::{collections::HashMap, env, ops::Range};

use toml::Spanned;

use self::entries::{
    AffiliateEntry, CurrencyEntry, File, GoalEntry, MerchantEntry, OfferEntry, SecretEntry, TokenEntry,
};

pub use self::{
    body::{Body, Objection},
    dialects::{DialectEntry, ready_made},
    export::{as_file, as_table},
    pixel::PixelEntry,
    postback::PostbackEntry,
};
use crate::{
    domain::{
        catalog::{Affiliate, Catalog, Offer},
        currency::{Currencies, Currency, CurrencyCode},
        goal::{Goal, GoalRole},
        ids::{EndpointId, GoalAlias, MerchantId, OfferId, TokenId},
        merchant::{Deal, DealKind, Merchant},
        money::SCALE,
        secret::Secret,
        template::{TextTemplate, Vocabulary},
        token::TokenDigester,
    },
    storage::{Configuration, MerchantSetting, TokenSetting},
};

/// How short a token may be that somebody chose: long enough not to be a slip.
const TOKEN_CHARS_MIN: usize = 8;

/// How long a sender's word for a goal may be.
const GOAL_TOKEN_CHARS_MAX: usize = 64;

/// A mistake in the file.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// It is no TOML, or a value or key is not one that is known; says line and key.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A value contradicts another one.
    #[error("line {line}: {key}: {why}")]
    Value {
        /// Counted from 1.
        line: usize,
        /// The key, as in `offer.merchant`.
        key: &'static str,
        /// What to write instead.
        why: String,
    },
}

/// What a configuration is read against.
pub struct World<'a> {
    /// What is there already: what is configured may refer to it.
    pub present: &'a Catalog,
    /// Turns tokens into digests.
    pub digester: &'a TokenDigester,
    /// Draws an id for a token that is new.
    pub new_id: &'a (dyn Fn() -> TokenId + Sync),
}

/// Reads a configuration. What it refers to may stand in the file or be there already.
///
/// # Errors
/// [`Mistake`], the first one.
pub fn read(text: &str, world: &World<'_>) -> Result<Configuration, Mistake> {
    let file: File = toml::from_str(text)?;
    Reader { text, world, environment: true }.configuration(file)
}

struct Reader<'a> {
    text: &'a str,
    world: &'a World<'a>,
    /// Whether secrets may stand in the environment: it belongs to the operator, and so must what names it.
    environment: bool,
}

impl Reader<'_> {
    fn configuration(&self, file: File) -> Result<Configuration, Mistake> {
        let currencies =
            file.currency.iter().map(|entry| self.currency(entry)).collect::<Result<Vec<_>, _>>()?;
        let extras = currencies.iter().map(|currency| (currency.code, currency.minor_unit));
        let known = self.world.present.currencies.with_more(extras);
        self.check_unique(file.merchant.iter().map(|entry| &entry.id), "merchant.id")?;
        self.check_unique(file.affiliate.iter().map(|entry| &entry.id), "affiliate.id")?;
        self.check_unique(file.offer.iter().map(|entry| &entry.id), "offer.id")?;
        self.check_unique(file.postback.iter().map(|entry| &entry.id), "postback.id")?;
        self.check_unique(file.pixel.iter().map(|entry| &entry.id), "pixel.id")?;
        self.check_endpoint_ids(&file)?;
        for offer in &file.offer {
            let id = offer.merchant.get_ref();
            let here = file.merchant.iter().any(|merchant| merchant.id.get_ref() == id);
            if !here && !self.world.present.merchants.contains_key(id) {
                let why = format!(
                    "there is no merchant {id}: add it first, in a file as [[merchant]] with this id"
                );
                return Err(self.mistake(offer.merchant.span(), "offer.merchant", why));
            }
        }
        let endpoints =
            file.postback.iter().map(|entry| self.endpoint(entry, &file)).collect::<Result<_, _>>()?;
        self.check_spots(&file.offer)?;
        self.check_payout_goals(&file)?;
        let pixels = file.pixel.iter().map(|entry| self.pixel(entry, &file)).collect::<Result<_, _>>()?;
        let dialects = self.dialects(file.dialect)?;
        file.merchant.iter().try_for_each(|entry| self.check_dialect(entry, &dialects))?;
        let merchants =
            file.merchant.into_iter().map(|entry| self.merchant(entry, &known)).collect::<Result<_, _>>()?;
        let affiliates = file.affiliate.into_iter().map(|AffiliateEntry { id, name, manager }| Affiliate {
            id: id.into_inner(),
            name,
            manager,
        });
        let offers = file.offer.into_iter().map(|entry| self.offer(entry, &known));
        let offers = offers.collect::<Result<_, _>>()?;
        Ok(Configuration {
            currencies,
            merchants,
            goals: Vec::new(),
            affiliates: affiliates.collect(),
            offers,
            endpoints,
            dialects,
            pixels,
        })
    }

    fn offer(&self, entry: OfferEntry, known: &Currencies) -> Result<Offer, Mistake> {
        let currency = entry.currency.as_ref();
        let currency = currency.map(|code| self.known_currency(code, known, "offer.currency")).transpose()?;
        let payouts = self.payouts(&entry, known)?;
        Ok(Offer {
            id: entry.id.into_inner(),
            merchant: entry.merchant.into_inner(),
            name: entry.name,
            landing_url: entry.landing_url,
            active: entry.active,
            goals_enabled: entry.goals_enabled,
            spot: entry.spot.map(Spanned::into_inner),
            currency,
            account: entry.account.map(i64::from),
            payouts,
        })
    }

    /// A spot names one offer.
    fn check_spots(&self, offers: &[OfferEntry]) -> Result<(), Mistake> {
        self.check_unique(offers.iter().filter_map(|offer| offer.spot.as_ref()), "offer.spot")?;
        for (offer, spot) in offers.iter().filter_map(|offer| Some((offer, offer.spot.as_ref()?))) {
            let present =
                self.world.present.offer_of_spot(spot.get_ref().as_str()).map(|present| &present.id);
            let is_other = |id: &OfferId| offers.iter().all(|offer| offer.id.get_ref() != id);
            if let Some(other) = present.filter(|id| *id != offer.id.get_ref() && is_other(id)) {
                let why = format!("it is the spot of the offer {other}: a spot names one offer");
                return Err(self.mistake(spot.span(), "offer.spot", why));
            }
        }
        Ok(())
    }

    /// Deliveries know postback endpoints and pixels by their ids alone.
    fn check_endpoint_ids(&self, file: &File) -> Result<(), Mistake> {
        let taken = |span, key, id: &EndpointId, by: &str| {
            self.mistake(span, key, format!("{id} is the id of a {by} already: choose another"))
        };
        for pixel in &file.pixel {
            let id = pixel.id.get_ref();
            let here = file.postback.iter().any(|postback| postback.id.get_ref() == id);
            if here || self.world.present.endpoint(id).is_some() {
                return Err(taken(pixel.id.span(), "pixel.id", id, "postback endpoint"));
            }
        }
        for postback in &file.postback {
            let id = postback.id.get_ref();
            if self.world.present.pixel(id).is_some() {
                return Err(taken(postback.id.span(), "postback.id", id, "pixel"));
            }
        }
        Ok(())
    }

    fn currency(&self, entry: &CurrencyEntry) -> Result<Currency, Mistake> {
        let minor_unit = *entry.minor_unit.get_ref();
        if minor_unit > SCALE {
            let why = format!("amounts are kept to {SCALE} decimal places");
            return Err(self.mistake(entry.minor_unit.span(), "currency.minor_unit", why));
        }
        Ok(Currency { code: entry.code, minor_unit })
    }

    fn merchant(&self, entry: MerchantEntry, known: &Currencies) -> Result<MerchantSetting, Mistake> {
        let deal = self.deal(&entry)?;
        let stored = self.world.present.merchants.get(entry.id.get_ref());
        let stored = stored.and_then(|merchant| merchant.signing_secret.as_ref());
        let signing_secret = entry
            .signing_secret
            .as_ref()
            .map(|secret| self.secret(secret.get_ref(), secret.span(), "merchant.signing_secret", stored));
        let signing_secret = signing_secret.transpose()?;
        let require_signature = entry.require_signature.as_ref().is_some_and(|required| *required.get_ref());
        if let Some(required) = &entry.require_signature
            && require_signature
            && signing_secret.is_none()
            && stored.is_none()
        {
            let why = "signed postbacks need a signing_secret to check them by".to_owned();
            return Err(self.mistake(required.span(), "merchant.require_signature", why));
        }
        let codes = |codes: Vec<Spanned<String>>| {
            codes.iter().map(|code| self.known_currency(code, known, "merchant.currencies")).collect()
        };
        let currencies = entry.currencies.map(codes).transpose()?;
        self.check_unique(entry.goal.iter().map(|goal| &goal.alias), "merchant.goal.alias")?;
        self.check_goal_tokens(entry.id.get_ref(), &entry.goal)?;
        let tokens = entry.tokens.iter().map(|token| self.token(token)).collect::<Result<_, _>>()?;
        let merchant = Merchant {
            id: entry.id.into_inner(),
            name: entry.name,
            deal,
            currencies,
            allowed_ips: entry.allowed_ips,
            require_ftd: entry.require_ftd,
            hold_suspected: entry.hold_suspected,
            require_signature,
            signing_secret,
            initial_statuses: entry.initial_statuses.into_iter().collect(),
            dialect: entry.dialect.map(Spanned::into_inner),
            dialect_token: entry.dialect_token,
            dialect_initial_status: entry.dialect_initial_status.map(Spanned::into_inner),
            active: entry.active,
            goals: entry.goal.into_iter().map(|goal| self.goal(goal)).collect::<Result<_, _>>()?,
        };
        Ok(MerchantSetting { merchant, tokens })
    }

    fn deal(&self, entry: &MerchantEntry) -> Result<Deal, Mistake> {
        match (entry.deal, &entry.revshare_multiplier) {
            (DealKind::Cpa, None) => Ok(Deal::Cpa),
            (DealKind::Hybrid, Some(multiplier)) => Ok(Deal::Hybrid(*multiplier.get_ref())),
            (DealKind::Cpa, Some(multiplier)) => {
                let why =
                    "a multiplier is for a hybrid deal: set deal = \"hybrid\" or leave it out".to_owned();
                Err(self.mistake(multiplier.span(), "merchant.revshare_multiplier", why))
            }
            (DealKind::Hybrid, None) => {
                let why = "a hybrid deal needs revshare_multiplier: our part of the revenue, as in \"0.35\", or \"1\" \
                           where the merchant sends our part already"
                    .to_owned();
                Err(self.mistake(entry.id.span(), "merchant.revshare_multiplier", why))
            }
        }
    }

    fn known_currency(
        &self,
        code: &Spanned<String>,
        known: &Currencies,
        key: &'static str,
    ) -> Result<CurrencyCode, Mistake> {
        known.find(code.get_ref()).map(|currency| currency.code).ok_or_else(|| {
            let why = format!("`{}` is neither an ISO 4217 code nor a [[currency]]", code.get_ref());
            self.mistake(code.span(), key, why)
        })
    }

    fn goal(&self, entry: GoalEntry) -> Result<Goal, Mistake> {
        if self.world.present.built_in_goals.iter().any(|goal| goal.alias == *entry.alias.get_ref()) {
            let why = format!(
                "every merchant has the goal {} already: choose another alias",
                entry.alias.get_ref()
            );
            return Err(self.mistake(entry.alias.span(), "merchant.goal.alias", why));
        }
        let events = self.goal_events(&entry.events)?;
        let message = entry.message.map(|message| {
            let parsed = TextTemplate::parse(message.get_ref(), Vocabulary::SystemMessage);
            parsed.map_err(|error| self.mistake(message.span(), "merchant.goal.message", error.to_string()))
        });
        let message = message.transpose()?;
        Ok(Goal {
            alias: entry.alias.into_inner(),
            name: entry.name,
            token: entry.token.map(Spanned::into_inner),
            once: entry.once,
            amount: entry.amount,
            status_flow: entry.status_flow,
            role: GoalRole::Event,
            show_sum: entry.show_sum,
            show_count: entry.show_count,
            message,
            events,
        })
    }

    /// A token names one goal of a merchant.
    fn check_goal_tokens(&self, merchant: &MerchantId, goals: &[GoalEntry]) -> Result<(), Mistake> {
        let tokens = || goals.iter().filter_map(|goal| Some((goal, goal.token.as_ref()?)));
        self.check_unique(tokens().map(|(_, token)| token), "merchant.goal.token")?;
        let here = |alias: &GoalAlias| goals.iter().any(|goal| goal.alias.get_ref() == alias);
        let present = self.world.present.merchants.get(merchant).into_iter().flat_map(|it| &it.goals);
        let present: Vec<_> = present.filter(|goal| !here(&goal.alias)).collect();
        for (goal, token) in tokens() {
            let text = token.get_ref().as_str();
            let own =
                goals.iter().filter(|other| other.alias != goal.alias).map(|other| other.alias.get_ref());
            let built_in = self.world.present.built_in_goals.iter().map(|goal| &goal.alias);
            let mut aliases = own.chain(built_in).chain(present.iter().map(|goal| &goal.alias));
            let why = if text.trim() != text || !(1..=GOAL_TOKEN_CHARS_MAX).contains(&text.chars().count()) {
                format!("a token has 1 to {GOAL_TOKEN_CHARS_MAX} characters, and no space at its ends")
            } else if aliases.any(|alias| alias.as_str() == text) {
                format!("{text} is the alias of another goal: choose another token")
            } else if let Some(other) = present.iter().find(|goal| goal.token.as_deref() == Some(text)) {
                format!("{text} is the token of the goal {}: choose another", other.alias)
            } else {
                continue;
            };
            return Err(self.mistake(token.span(), "merchant.goal.token", why));
        }
        Ok(())
    }

    fn token(&self, entry: &Spanned<TokenEntry>) -> Result<TokenSetting, Mistake> {
        let (label, plain) = match entry.get_ref() {
            TokenEntry::Plain(plain) => ("configuration", plain.clone()),
            TokenEntry::Named { label, env: Some(name), token: None } => {
                (label.as_str(), self.environment(name, entry.span(), "merchant.tokens")?)
            }
            TokenEntry::Named { label, env: None, token: Some(plain) } => (label.as_str(), plain.clone()),
            TokenEntry::Named { .. } => {
                let why = "give either env, the name of an environment variable, or token".to_owned();
                return Err(self.mistake(entry.span(), "merchant.tokens", why));
            }
        };
        if plain.chars().count() < TOKEN_CHARS_MIN {
            let why =
                format!("a token has at least {TOKEN_CHARS_MIN} characters; `token issue` makes a good one");
            return Err(self.mistake(entry.span(), "merchant.tokens", why));
        }
        Ok(TokenSetting {
            id: (self.world.new_id)(),
            label: label.to_owned(),
            digest: self.world.digester.digest(&plain),
        })
    }

    /// The secret that is meant, where `kept` is the one that is there.
    fn secret(
        &self,
        entry: &SecretEntry,
        span: Range<usize>,
        key: &'static str,
        kept: Option<&Secret>,
    ) -> Result<Secret, Mistake> {
        let place = match entry {
            SecretEntry::Plain(plain) => return Ok(Secret::new(plain.clone())),
            SecretEntry::Elsewhere(place) => place,
        };
        match (&place.env, place.keep, kept) {
            (Some(name), true, Some(kept)) => {
                let set = self.variable(name, span, key)?;
                Ok(set.map_or_else(|| kept.clone(), Secret::new))
            }
            (Some(name), ..) => Ok(Secret::new(self.environment(name, span, key)?)),
            (None, true, Some(kept)) => Ok(kept.clone()),
            (None, true, None) => {
                Err(self.mistake(span, key, "there is no secret to keep: write it".to_owned()))
            }
            (None, false, _) => {
                let why = "write the secret, or keep = true for the one that is there".to_owned();
                Err(self.mistake(span, key, why))
            }
        }
    }

    fn environment(&self, name: &str, span: Range<usize>, key: &'static str) -> Result<String, Mistake> {
        self.variable(name, span.clone(), key)?.ok_or_else(|| {
            self.mistake(
                span,
                key,
                format!("the environment variable {name} is not set: set it and apply again"),
            )
        })
    }

    /// What an environment variable holds, unless it is empty.
    fn variable(&self, name: &str, span: Range<usize>, key: &'static str) -> Result<Option<String>, Mistake> {
        if !self.environment {
            let why = "only a file can name the environment: send the text itself".to_owned();
            return Err(self.mistake(span, key, why));
        }
        Ok(env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn check_unique<'i, T: std::hash::Hash + Eq + std::fmt::Display + 'i>(
        &self,
        ids: impl Iterator<Item = &'i Spanned<T>>,
        key: &'static str,
    ) -> Result<(), Mistake> {
        let mut seen = HashMap::new();
        for id in ids {
            if let Some(first) = seen.insert(id.get_ref(), self.line(&id.span())) {
                let why = format!("{} stands there twice, first in line {first}", id.get_ref());
                return Err(self.mistake(id.span(), key, why));
            }
        }
        Ok(())
    }

    fn mistake(&self, span: Range<usize>, key: &'static str, why: String) -> Mistake {
        Mistake::Value { line: self.line(&span), key, why }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
    }
}
