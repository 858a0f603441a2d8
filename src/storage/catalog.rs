//! The configuration as one snapshot, and the number that tells whether it has changed.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use ipnet::IpNet;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Deserialize;

use super::{
    Storage, StorageError, endpoints,
    entity::{affiliate, catalog, currency, dialect, goal, merchant, offer, pixel, postback_endpoint, token},
    pixels,
    rows::{known, valid},
    saving::{list, open_secret},
};
use crate::domain::{
    catalog::{Affiliate, Catalog, Offer},
    currency::{Currencies, CurrencyCode},
    dialect::{Dialect, DialectForm},
    goal::{AmountRule, Goal, GoalRole, StatusFlow},
    ids::{AffiliateId, DialectId, GoalAlias, MerchantId, OfferId, SpotToken, TokenId},
    merchant::{Deal, DealKind, Merchant},
    money::{Money, Multiplier},
    payout::{Payout, PayoutRule},
    sealed::Sealer,
    status::Status,
    template::{TextTemplate, UrlTemplate, Vocabulary},
    time::Timestamp,
    token::{Token, TokenDigest},
};

/// The `merchant` of a goal that every merchant has.
pub(super) const EVERY_MERCHANT: &str = "";

impl Storage {
    /// The version of the configuration; it grows with every change.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn catalog_version(&self) -> Result<i64, StorageError> {
        version(&self.reader).await
    }

    /// The configuration as it stands.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn catalog(&self) -> Result<Catalog, StorageError> {
        let catalog = load(&self.reader, &self.sealer).await?;
        *self.currencies.write().unwrap_or_else(PoisonError::into_inner) = Some(catalog.currencies.clone());
        Ok(catalog)
    }

    /// The currencies as the configuration last had them.
    pub(super) async fn currencies(&self) -> Result<Currencies, StorageError> {
        let last = self.currencies.read().unwrap_or_else(PoisonError::into_inner).clone();
        match last {
            Some(currencies) => Ok(currencies),
            None => currencies(&self.reader).await,
        }
    }
}

pub(super) async fn version(connection: &impl ConnectionTrait) -> Result<i64, StorageError> {
    let row = catalog::Entity::find().one(connection).await?;
    Ok(known(row, "version of the catalog")?.version)
}

pub(super) async fn currencies(connection: &impl ConnectionTrait) -> Result<Currencies, StorageError> {
    let rows = currency::Entity::find().all(connection).await?;
    let extras = rows
        .into_iter()
        .filter_map(|row| Some((CurrencyCode::parse(&row.code)?, u8::try_from(row.minor_unit).ok()?)));
    Ok(Currencies::with_extras(extras))
}

pub(super) async fn load(
    connection: &impl ConnectionTrait,
    sealer: &Sealer,
) -> Result<Catalog, StorageError> {
    // The version first: a change while the rest is read then shows as a newer version later, never as none.
    let version = version(connection).await?;
    let goals = goal::Entity::find().all(connection).await?;
    let mut merchants = HashMap::new();
    for row in merchant::Entity::find().all(connection).await? {
        let merchant = merchant_of(row, &goals, sealer)?;
        merchants.insert(merchant.id.clone(), Arc::new(merchant));
    }
    let live = token::Entity::find().filter(token::Column::RevokedAt.is_null());
    let tokens = live.all(connection).await?.into_iter().map(token_of).collect::<Result<Vec<_>, _>>()?;
    let mut affiliates = HashMap::new();
    for row in affiliate::Entity::find().all(connection).await? {
        let id = valid(AffiliateId::parse(&row.id))?;
        affiliates.insert(id.clone(), Affiliate { id, name: row.name, manager: row.manager });
    }
    let currencies = currencies(connection).await?;
    let (mut offers, mut spots) = (HashMap::new(), HashMap::new());
    for row in offer::Entity::find().all(connection).await? {
        let offer = offer_of(row, &currencies)?;
        spots.extend(offer.spot.clone().map(|spot| (spot, offer.id.clone())));
        offers.insert(offer.id.clone(), offer);
    }
    let mut endpoints: HashMap<AffiliateId, Vec<_>> = HashMap::new();
    for row in postback_endpoint::Entity::find().all(connection).await? {
        let endpoint = endpoints::endpoint_of(&row, sealer)?;
        endpoints.entry(endpoint.affiliate.clone()).or_default().push(Arc::new(endpoint));
    }
    let mut dialects = HashMap::new();
    for row in dialect::Entity::find().all(connection).await? {
        let dialect = dialect_of(&row)?;
        dialects.insert(dialect.id.clone(), Arc::new(dialect));
    }
    let goals_of =
        |offer: &Offer| merchants.get(&offer.merchant).map_or_else(Vec::new, |it| it.goals.clone());
    let mut pixels: HashMap<OfferId, Vec<_>> = HashMap::new();
    for row in pixel::Entity::find().all(connection).await? {
        let pixel = pixels::complete_pixel(row, &offers, goals_of, sealer)?;
        pixels.entry(pixel.offer.clone()).or_default().push(Arc::new(pixel));
    }
    let built_in = goals.iter().filter(|goal| goal.merchant == EVERY_MERCHANT);
    let built_in_goals = built_in.map(goal_of).collect::<Result<_, _>>()?;
    let tokens = tokens.into_iter().map(|token| (token.digest, token)).collect();
    Ok(Catalog {
        version,
        merchants,
        built_in_goals,
        tokens,
        affiliates,
        offers,
        spots,
        endpoints,
        pixels,
        currencies,
        dialects,
    })
}

pub(super) fn merchant_of(
    row: merchant::Model,
    goals: &[goal::Model],
    sealer: &Sealer,
) -> Result<Merchant, StorageError> {
    let deal = match known(DealKind::parse(&row.deal), "deal")? {
        DealKind::Cpa => Deal::Cpa,
        DealKind::Hybrid => {
            Deal::Hybrid(known(row.multiplier.and_then(Multiplier::from_stored), "multiplier")?)
        }
    };
    let signing_secret = row.signing_secret.as_deref();
    let context = signing_secret_context(&row.id);
    let signing_secret = signing_secret.map(|sealed| open_secret(sealer, sealed, &context)).transpose()?;
    let currencies = row.currencies.as_deref().map(list::<String>).transpose()?;
    let codes = |codes: Vec<String>| codes.iter().filter_map(|code| CurrencyCode::parse(code)).collect();
    let initial = list::<String>(&row.initial_statuses)?;
    let is_own = |goal: &&goal::Model| goal.merchant == row.id;
    // A goal of its own that is older than the built-in one of that name stays what it was.
    let is_replaced = |goal: &&goal::Model| goals.iter().filter(is_own).any(|own| own.alias == goal.alias);
    let built_in = goals.iter().filter(|goal| goal.merchant == EVERY_MERCHANT && !is_replaced(goal));
    let goals = built_in.chain(goals.iter().filter(is_own));
    let dialect = row.dialect.as_deref().map(DialectId::parse).transpose();
    let initial_status = row.dialect_initial_status.as_deref();
    Ok(Merchant {
        id: valid(MerchantId::parse(&row.id))?,
        name: row.name,
        deal,
        currencies: currencies.map(codes),
        allowed_ips: list::<IpNet>(&row.allowed_ips)?,
        require_ftd: row.require_ftd,
        hold_suspected: row.hold_suspected,
        require_signature: row.require_signature,
        signing_secret,
        dialect: valid(dialect)?,
        dialect_token: row.dialect_token,
        dialect_initial_status: initial_status.and_then(Status::parse),
        initial_statuses: initial.iter().filter_map(|status| Status::parse(status)).collect(),
        active: row.active,
        goals: goals.map(goal_of).collect::<Result<_, _>>()?,
    })
}

/// What a merchant's signing secret is sealed for.
pub(super) fn signing_secret_context(merchant: &str) -> String {
    format!("merchant/{merchant}/signing_secret")
}

pub(super) fn goal_of(row: &goal::Model) -> Result<Goal, StorageError> {
    let message = row.message.as_deref().map(|text| TextTemplate::parse(text, Vocabulary::SystemMessage));
    Ok(Goal {
        alias: valid(GoalAlias::parse(&row.alias))?,
        name: row.name.clone(),
        token: row.token.clone(),
        once: row.once,
        amount: known(AmountRule::parse(&row.amount), "amount rule")?,
        status_flow: known(StatusFlow::parse(&row.status_flow), "status flow")?,
        role: known(GoalRole::parse(&row.role), "goal role")?,
        show_sum: row.show_sum,
        show_count: row.show_count,
        message: message.transpose().map_err(|error| StorageError::Broken(error.to_string()))?,
        events: pixels::goal_events(&row.events)?,
    })
}

pub(super) fn token_of(row: token::Model) -> Result<Token, StorageError> {
    Ok(Token {
        id: TokenId::new(row.id),
        merchant: valid(MerchantId::parse(&row.merchant))?,
        label: row.label,
        digest: TokenDigest::from_bytes(known(row.digest.try_into().ok(), "token digest")?),
        created_at: Timestamp::from_millis(row.created_at),
        last_used_at: row.last_used_at.map(Timestamp::from_millis),
        expires_at: row.expires_at.map(Timestamp::from_millis),
        revoked_at: row.revoked_at.map(Timestamp::from_millis),
    })
}

/// What an offer pays for a goal, as it is stored.
#[derive(Deserialize)]
struct StoredPayout {
    goal: String,
    amount: String,
    currency: String,
}

fn payouts(json: &str, currencies: &Currencies) -> Result<Vec<PayoutRule>, StorageError> {
    let rule = |stored: StoredPayout| {
        let money = known(Money::parse(&stored.amount).ok(), "payout")?;
        let currency = known(currencies.recorded(&stored.currency), "currency of a payout")?;
        Ok(PayoutRule { goal: valid(GoalAlias::parse(&stored.goal))?, payout: Payout { money, currency } })
    };
    list::<StoredPayout>(json)?.into_iter().map(rule).collect()
}

pub(super) fn offer_of(row: offer::Model, currencies: &Currencies) -> Result<Offer, StorageError> {
    let landing_url = UrlTemplate::parse(&row.landing_url, Vocabulary::LandingUrl)
        .map_err(|error| StorageError::Broken(format!("the landing URL of offer {}: {error}", row.id)))?;
    Ok(Offer {
        id: valid(OfferId::parse(&row.id))?,
        merchant: valid(MerchantId::parse(&row.merchant))?,
        name: row.name,
        landing_url,
        active: row.active,
        goals_enabled: row.goals_enabled,
        spot: valid(row.spot.as_deref().map(SpotToken::parse).transpose())?,
        currency: row.currency.as_deref().and_then(CurrencyCode::parse),
        account: row.account,
        payouts: payouts(&row.payouts, currencies)?,
    })
}

pub(super) fn dialect_of(row: &dialect::Model) -> Result<Dialect, StorageError> {
    let broken = |why: String| StorageError::Broken(format!("the dialect {}: {why}", row.id));
    let form: DialectForm =
        serde_json::from_str(&row.definition).map_err(|error| broken(error.to_string()))?;
    Dialect::of(form).map_err(|error| broken(error.to_string()))
}
