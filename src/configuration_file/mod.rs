//! The configuration file: TOML in, a [`Configuration`] out, or a mistake with its line and key.

mod entries;
mod postback;

use std::{collections::HashMap, env, ops::Range};

use toml::Spanned;

use self::entries::{CurrencyEntry, File, GoalEntry, MerchantEntry, SecretEntry, TokenEntry};

use crate::{
    domain::{
        catalog::{Affiliate, Catalog, Offer},
        currency::{Currencies, Currency, CurrencyCode},
        goal::{Goal, GoalRole},
        ids::TokenId,
        merchant::{Deal, DealKind, Merchant},
        money::SCALE,
        secret::Secret,
        token::TokenDigester,
    },
    storage::{Configuration, MerchantSetting, TokenSetting},
};

/// How short a token may be that somebody chose: long enough not to be a slip.
const TOKEN_CHARS_MIN: usize = 8;

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

/// Reads a configuration. What it refers to may stand in the file or in the present catalog.
///
/// # Errors
/// [`Mistake`], the first one.
pub fn read(
    text: &str,
    present: &Catalog,
    digester: &TokenDigester,
    new_id: impl Fn() -> TokenId,
) -> Result<Configuration, Mistake> {
    let file: File = toml::from_str(text)?;
    let reader = Reader { text, present, digester, new_id: &new_id };
    reader.configuration(file)
}

struct Reader<'a> {
    text: &'a str,
    present: &'a Catalog,
    digester: &'a TokenDigester,
    new_id: &'a dyn Fn() -> TokenId,
}

impl Reader<'_> {
    fn configuration(&self, file: File) -> Result<Configuration, Mistake> {
        let currencies =
            file.currency.iter().map(|entry| self.currency(entry)).collect::<Result<Vec<_>, _>>()?;
        let extras = currencies.iter().map(|currency| (currency.code, currency.minor_unit));
        let known = self.present.currencies.with_more(extras);
        self.check_unique(file.merchant.iter().map(|entry| &entry.id), "merchant.id")?;
        self.check_unique(file.affiliate.iter().map(|entry| &entry.id), "affiliate.id")?;
        self.check_unique(file.offer.iter().map(|entry| &entry.id), "offer.id")?;
        self.check_unique(file.postback.iter().map(|entry| &entry.id), "postback.id")?;
        for offer in &file.offer {
            let id = offer.merchant.get_ref();
            let here = file.merchant.iter().any(|merchant| merchant.id.get_ref() == id);
            if !here && !self.present.merchants.contains_key(id) {
                let why = format!("there is no merchant {id}: add [[merchant]] with this id");
                return Err(self.mistake(offer.merchant.span(), "offer.merchant", why));
            }
        }
        let endpoints =
            file.postback.iter().map(|entry| self.endpoint(entry, &file)).collect::<Result<_, _>>()?;
        let merchants =
            file.merchant.into_iter().map(|entry| self.merchant(entry, &known)).collect::<Result<_, _>>()?;
        let affiliates =
            file.affiliate.into_iter().map(|entry| Affiliate { id: entry.id.into_inner(), name: entry.name });
        let offers = file.offer.into_iter().map(|entry| Offer {
            id: entry.id.into_inner(),
            merchant: entry.merchant.into_inner(),
            name: entry.name,
            landing_url: entry.landing_url,
            active: entry.active,
            goals_enabled: entry.goals_enabled,
        });
        Ok(Configuration {
            currencies,
            merchants,
            affiliates: affiliates.collect(),
            offers: offers.collect(),
            endpoints,
        })
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
        let signing_secret = entry.signing_secret.as_ref().map(|secret| {
            self.secret_text(secret.get_ref(), secret.span(), "merchant.signing_secret").map(Secret::new)
        });
        let signing_secret = signing_secret.transpose()?;
        let require_signature = entry.require_signature.as_ref().is_some_and(|required| *required.get_ref());
        let stored = self.present.merchants.get(entry.id.get_ref()).and_then(|m| m.signing_secret.as_ref());
        if let Some(required) = &entry.require_signature
            && require_signature
            && signing_secret.is_none()
            && stored.is_none()
        {
            let why = "signed postbacks need a signing_secret to check them by".to_owned();
            return Err(self.mistake(required.span(), "merchant.require_signature", why));
        }
        let codes =
            |codes: Vec<Spanned<String>>| codes.iter().map(|code| self.known_currency(code, known)).collect();
        let currencies = entry.currencies.map(codes).transpose()?;
        self.check_unique(entry.goal.iter().map(|goal| &goal.alias), "merchant.goal.alias")?;
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

    fn known_currency(&self, code: &Spanned<String>, known: &Currencies) -> Result<CurrencyCode, Mistake> {
        known.find(code.get_ref()).map(|currency| currency.code).ok_or_else(|| {
            let why =
                format!("`{}` is neither an ISO 4217 code nor a [[currency]] of this file", code.get_ref());
            self.mistake(code.span(), "merchant.currencies", why)
        })
    }

    fn goal(&self, entry: GoalEntry) -> Result<Goal, Mistake> {
        if self.present.built_in_goals.iter().any(|goal| goal.alias == *entry.alias.get_ref()) {
            let why = format!(
                "every merchant has the goal {} already: choose another alias",
                entry.alias.get_ref()
            );
            return Err(self.mistake(entry.alias.span(), "merchant.goal.alias", why));
        }
        Ok(Goal {
            alias: entry.alias.into_inner(),
            name: entry.name,
            once: entry.once,
            amount: entry.amount,
            status_flow: entry.status_flow,
            role: GoalRole::Event,
        })
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
            id: (self.new_id)(),
            label: label.to_owned(),
            digest: self.digester.digest(&plain),
        })
    }

    fn secret_text(
        &self,
        entry: &SecretEntry,
        span: Range<usize>,
        key: &'static str,
    ) -> Result<String, Mistake> {
        match entry {
            SecretEntry::Plain(plain) => Ok(plain.clone()),
            SecretEntry::Environment { env } => self.environment(env, span, key),
        }
    }

    fn environment(&self, name: &str, span: Range<usize>, key: &'static str) -> Result<String, Mistake> {
        env::var(name).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
            self.mistake(
                span,
                key,
                format!("the environment variable {name} is not set: set it and apply again"),
            )
        })
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
