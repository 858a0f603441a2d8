//! Configuration, written: what is wanted is compared with what is there, and only the difference is written.

use std::fmt;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, FromQueryResult,
    IntoActiveModel, Iterable, ModelTrait, PrimaryKeyToColumn, QueryFilter, sea_query::Expr,
};

use super::{
    Storage, StorageError,
    catalog::{open_secret, signing_secret_context},
    entity::{affiliate, catalog, currency, goal, merchant, offer, token},
    tokens,
};
use crate::domain::{
    catalog::{Affiliate, Offer},
    currency::Currency,
    endpoint::PostbackEndpoint,
    goal::Goal,
    ids::TokenId,
    merchant::Merchant,
    money::Multiplier,
    time::Timestamp,
    token::TokenDigest,
};

/// A configuration to be brought about. What it does not name stays as it is.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Currencies beside ISO 4217.
    pub currencies: Vec<Currency>,
    /// Merchants with their own goals and the tokens that they shall have.
    pub merchants: Vec<MerchantSetting>,
    /// Affiliates.
    pub affiliates: Vec<Affiliate>,
    /// Offers.
    pub offers: Vec<Offer>,
    /// Postback endpoints.
    pub endpoints: Vec<PostbackEndpoint>,
}

/// A merchant as it shall be.
#[derive(Debug)]
pub struct MerchantSetting {
    /// The merchant; its `goals` are its own ones only.
    pub merchant: Merchant,
    /// Tokens that it shall have beside those that it has.
    pub tokens: Vec<TokenSetting>,
}

/// A token that a merchant shall have.
#[derive(Debug)]
pub struct TokenSetting {
    /// The id to use if it is new.
    pub id: TokenId,
    /// What people call it.
    pub label: String,
    /// By what it is recognised.
    pub digest: TokenDigest,
}

/// What became of one wanted thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind of thing: `merchant`, `goal`, ...
    pub kind: &'static str,
    /// Which.
    pub id: String,
    /// What was done.
    pub action: Action,
}

/// What was done to bring a wanted thing about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Created,
    /// It was different.
    Changed,
    /// It was as wanted.
    Unchanged,
}

impl Action {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.action.as_str(), self.kind, self.id)
    }
}

impl Storage {
    /// Brings a configuration about, all of it or nothing, and says what was done. `nonce` draws fresh randomness for
    /// a secret that has to be sealed.
    ///
    /// # Errors
    /// [`StorageError`]; then nothing has changed.
    pub async fn configure(
        &self,
        wanted: &Configuration,
        now: Timestamp,
        nonce: impl Fn() -> [u8; 24] + Send,
    ) -> Result<Vec<Difference>, StorageError> {
        let transaction = self.begin().await?;
        let mut done = Vec::new();
        for currency in &wanted.currencies {
            let code = currency.code.to_string();
            let row = currency::Model { code: code.clone(), minor_unit: i32::from(currency.minor_unit) };
            done.push(Difference::of("currency", code, save(&transaction, row).await?));
        }
        for setting in &wanted.merchants {
            self.configure_merchant(&transaction, setting, &nonce, &mut done).await?;
            for token in &setting.tokens {
                done.push(add_token(&transaction, setting, token, now).await?);
            }
        }
        for affiliate in &wanted.affiliates {
            let row = affiliate::Model { id: affiliate.id.to_string(), name: affiliate.name.clone() };
            done.push(Difference::of("affiliate", row.id.clone(), save(&transaction, row).await?));
        }
        for offer in &wanted.offers {
            let row = offer_row(offer);
            done.push(Difference::of("offer", row.id.clone(), save(&transaction, row).await?));
        }
        for endpoint in &wanted.endpoints {
            done.push(self.configure_endpoint(&transaction, endpoint, &nonce).await?);
        }
        if done.iter().any(|difference| difference.action != Action::Unchanged) {
            announce(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(done)
    }

    async fn configure_merchant(
        &self,
        transaction: &DatabaseTransaction,
        setting: &MerchantSetting,
        nonce: &(impl Fn() -> [u8; 24] + Send),
        done: &mut Vec<Difference>,
    ) -> Result<(), StorageError> {
        let wanted = &setting.merchant;
        let id = wanted.id.to_string();
        let stored = merchant::Entity::find_by_id(id.clone()).one(transaction).await?;
        let stored_secret = stored.and_then(|row| row.signing_secret);
        let signing_secret = match &wanted.signing_secret {
            Some(secret) => {
                Some(self.seal(secret.expose(), &signing_secret_context(&id), stored_secret, nonce)?)
            }
            None => stored_secret,
        };
        let action = save(transaction, merchant_row(wanted, signing_secret)).await?;
        done.push(Difference::of("merchant", id.clone(), action));
        for goal in &wanted.goals {
            let action = save(transaction, goal_row(&id, goal)).await?;
            done.push(Difference::of("goal", format!("{id}/{}", goal.alias), action));
        }
        Ok(())
    }

    /// The secret as it is to be stored. Sealing the same secret again would give another text, and look like a change.
    pub(super) fn seal(
        &self,
        wanted: &str,
        context: &str,
        stored: Option<String>,
        nonce: &impl Fn() -> [u8; 24],
    ) -> Result<String, StorageError> {
        match stored {
            Some(sealed) if open_secret(&self.sealer, &sealed, context)?.expose() == wanted => Ok(sealed),
            _ => Ok(self.sealer.seal(wanted.as_bytes(), context, nonce())),
        }
    }
}

impl Difference {
    pub(super) fn of(kind: &'static str, id: String, action: Action) -> Self {
        Self { kind, id, action }
    }
}

/// Tells every process that the configuration has changed: it shows in the version.
pub(super) async fn announce(transaction: &DatabaseTransaction) -> Result<(), StorageError> {
    let next = Expr::col(catalog::Column::Version).add(1);
    catalog::Entity::update_many().col_expr(catalog::Column::Version, next).exec(transaction).await?;
    Ok(())
}

/// Inserts a row, or brings the stored one of its key to it.
pub(super) async fn save<M>(transaction: &DatabaseTransaction, row: M) -> Result<Action, StorageError>
where
    M: ModelTrait + FromQueryResult + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + PartialEq,
    M::Entity: EntityTrait<Model = M>,
    <M::Entity as EntityTrait>::ActiveModel: Send,
{
    let mut key = Condition::all();
    for column in <M::Entity as EntityTrait>::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column) {
        key = key.add(column.eq(row.get(column)));
    }
    let stored = M::Entity::find().filter(key).one(transaction).await?;
    if stored.as_ref() == Some(&row) {
        return Ok(Action::Unchanged);
    }
    let row = row.into_active_model().reset_all();
    if stored.is_some() {
        M::Entity::update(row).exec_without_returning(transaction).await?;
        return Ok(Action::Changed);
    }
    M::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(Action::Created)
}

/// Gives a merchant a token, unless it has it. Tokens are only ever added here: a revoked one stays revoked.
async fn add_token(
    transaction: &DatabaseTransaction,
    setting: &MerchantSetting,
    wanted: &TokenSetting,
    now: Timestamp,
) -> Result<Difference, StorageError> {
    let merchant = setting.merchant.id.to_string();
    let id = format!("{merchant}/{}", wanted.label);
    let digest = wanted.digest.as_bytes().to_vec();
    let stored = token::Entity::find().filter(token::Column::Digest.eq(digest)).one(transaction).await?;
    if let Some(stored) = stored {
        if stored.merchant == merchant {
            return Ok(Difference::of("token", id, Action::Unchanged));
        }
        let whose = stored.merchant;
        return Err(StorageError::Refused(format!("the token {id} is already a token of merchant {whose}")));
    }
    tokens::insert(transaction, &setting.merchant.id, wanted, now, None).await?;
    Ok(Difference::of("token", id, Action::Created))
}

fn merchant_row(merchant: &Merchant, signing_secret: Option<String>) -> merchant::Model {
    let currencies = merchant.currencies.as_ref().map(|codes| json_list(codes.iter()));
    merchant::Model {
        id: merchant.id.to_string(),
        name: merchant.name.clone(),
        deal: merchant.deal.kind().as_str().to_owned(),
        multiplier: merchant.deal.multiplier().map(Multiplier::stored),
        currencies,
        allowed_ips: json_list(&merchant.allowed_ips),
        require_ftd: merchant.require_ftd,
        hold_suspected: merchant.hold_suspected,
        require_signature: merchant.require_signature,
        signing_secret,
        initial_statuses: json_list(&merchant.initial_statuses),
        active: merchant.active,
    }
}

fn goal_row(merchant: &str, goal: &Goal) -> goal::Model {
    goal::Model {
        merchant: merchant.to_owned(),
        alias: goal.alias.to_string(),
        name: goal.name.clone(),
        once: goal.once,
        amount: goal.amount.as_str().to_owned(),
        status_flow: goal.status_flow.as_str().to_owned(),
        role: goal.role.as_str().to_owned(),
    }
}

fn offer_row(offer: &Offer) -> offer::Model {
    offer::Model {
        id: offer.id.to_string(),
        merchant: offer.merchant.to_string(),
        name: offer.name.clone(),
        landing_url: offer.landing_url.source().to_owned(),
        active: offer.active,
        goals_enabled: offer.goals_enabled,
    }
}

/// A list as it is stored: a JSON array of texts.
pub(super) fn json_list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<serde_json::Value>().to_string()
}
