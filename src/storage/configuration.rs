//! Configuration, written: what is wanted is compared with what is there, and only the difference is written.

use std::{fmt, sync::Mutex};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Serialize, Serializer};

use super::{
    Keep, Storage, StorageError,
    audit::{AuditRow, Author, insert_audit},
    catalog::signing_secret_context,
    entity::{goal, merchant, offer, token},
    pixels::goal_events_json,
    saved_answers::keep_answer,
    saving::{Action, Saving, announce, json_list, lock},
    setting::{Configured, Setting, Which, described},
    tokens,
};
use crate::domain::{
    catalog::{Affiliate, Offer},
    currency::Currency,
    dialect::Dialect,
    endpoint::PostbackEndpoint,
    goal::Goal,
    ids::{MerchantId, TokenId},
    merchant::Merchant,
    money::Multiplier,
    pixel::Pixel,
    setting::SettingKind,
    token::TokenDigest,
};

/// A configuration to be brought about. What it does not name stays as it is.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Currencies beside ISO 4217.
    pub currencies: Vec<Currency>,
    /// Merchants with their own goals and the tokens that they shall have.
    pub merchants: Vec<MerchantSetting>,
    /// Goals of merchants that stay as they are otherwise.
    pub goals: Vec<GoalSetting>,
    /// Affiliates.
    pub affiliates: Vec<Affiliate>,
    /// Offers.
    pub offers: Vec<Offer>,
    /// Postback endpoints.
    pub endpoints: Vec<PostbackEndpoint>,
    /// Dialects.
    pub dialects: Vec<Dialect>,
    /// Pixels, with what is configured of them alone.
    pub pixels: Vec<Pixel>,
}

/// A merchant as it shall be.
#[derive(Debug)]
pub struct MerchantSetting {
    /// The merchant; its `goals` are its own ones only.
    pub merchant: Merchant,
    /// Tokens that it shall have beside those that it has.
    pub tokens: Vec<TokenSetting>,
}

/// A goal of a merchant's own as it shall be. Its description is the goal's alone.
#[derive(Debug)]
pub struct GoalSetting {
    /// Whose it is.
    pub merchant: MerchantId,
    /// The goal.
    pub goal: Goal,
}

impl Serialize for GoalSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.goal.serialize(serializer)
    }
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

/// What somebody saw of one thing before they asked for a change. If it is otherwise, nothing is changed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What kind of thing.
    pub kind: SettingKind,
    /// Which.
    pub id: &'a str,
    /// Its version then; none where there was no such thing, and it shall be created.
    pub version: Option<&'a str>,
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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.action.as_str(), self.kind, self.id)
    }
}

impl Storage {
    /// Brings a configuration about, all of it or nothing, and says what was done. Each thing that is created or
    /// changed leaves an entry in the audit log. The answer about what was seen is kept, where it shall be.
    ///
    /// # Errors
    /// [`StorageError::Stale`] if something is not as it was seen, [`StorageError::Refused`] if it is there already;
    /// then nothing has changed, as with any other error.
    pub async fn configure(
        &self,
        wanted: &Configuration,
        author: &Author,
        seen: Option<Seen<'_>>,
        keep: Option<Keep<'_, Setting>>,
    ) -> Result<Vec<Difference>, StorageError> {
        let transaction = self.begin().await?;
        lock(&*transaction).await?;
        let saving = Saving {
            transaction: &transaction,
            sealer: &self.sealer,
            nonce: author.nonce,
            sealed: Mutex::default(),
        };
        let mut work = Work { saving, author, seen, done: Vec::new() };
        work.bring_all_about(&wanted.currencies).await?;
        work.bring_all_about(&wanted.dialects).await?;
        for setting in &wanted.merchants {
            work.bring_about(&setting.merchant).await?;
            let merchant = &setting.merchant.id;
            let goal = |goal: &Goal| GoalSetting { merchant: merchant.clone(), goal: goal.clone() };
            work.bring_all_about(&setting.merchant.goals.iter().map(goal).collect::<Vec<_>>()).await?;
            for token in &setting.tokens {
                work.add_token(merchant, token).await?;
            }
        }
        work.bring_all_about(&wanted.goals).await?;
        work.bring_all_about(&wanted.affiliates).await?;
        work.bring_all_about(&wanted.offers).await?;
        work.bring_all_about(&wanted.endpoints).await?;
        work.bring_all_about(&wanted.pixels).await?;
        let done = work.done;
        if done.iter().any(|difference| difference.action != Action::Unchanged) {
            announce(&transaction).await?;
        }
        if let (Some(Seen { kind, id, .. }), Some(_)) = (seen, &keep) {
            let made = self.settings_in(&*transaction, kind, Which::one(id)).await?.pop();
            let made = made.ok_or_else(|| StorageError::Broken(format!("the {kind} {id} is not there")))?;
            keep_answer(&*transaction, &self.sealer, keep, &made).await?;
        }
        transaction.commit().await?;
        Ok(done)
    }
}

/// A configuration on its way.
struct Work<'a> {
    saving: Saving<'a>,
    author: &'a Author,
    seen: Option<Seen<'a>>,
    done: Vec<Difference>,
}

impl Work<'_> {
    async fn bring_all_about<T: Configured>(&mut self, wanted: &[T]) -> Result<(), StorageError> {
        for thing in wanted {
            self.bring_about(thing).await?;
        }
        Ok(())
    }

    async fn bring_about<T: Configured>(&mut self, wanted: &T) -> Result<(), StorageError> {
        let id = wanted.id();
        let before = self.described::<T>(&id).await?;
        if let Some(seen) = self.seen.filter(|seen| (seen.kind, seen.id) == (T::KIND, id.as_str())) {
            seen.check(before.as_ref())?;
        }
        let action = wanted.save(&self.saving).await?;
        let sealed = self.saving.take_sealed();
        if action != Action::Unchanged {
            let after = self.described::<T>(&id).await?;
            let sealed = Some(sealed).filter(|sealed| before.is_some() && !sealed.is_empty());
            let row = AuditRow {
                before: before.map(|it| it.description),
                after: after.map(|it| with_sealed(it.description, sealed)),
                ..self.entry(&format!("{}.{}", T::KIND, action.as_verb()), &format!("{}:{id}", T::KIND))
            };
            insert_audit(self.saving.transaction, &row).await?;
        }
        self.done.push(Difference { kind: T::KIND.as_str(), id, action });
        Ok(())
    }

    async fn described<T: Configured>(&self, id: &str) -> Result<Option<Setting>, StorageError> {
        let (transaction, sealer) = (self.saving.transaction, self.saving.sealer);
        Ok(described::<T>(transaction, sealer, Which::one(id)).await?.pop())
    }

    /// An entry of the audit log: the first has the id of the request, and those beside it have ids of their own.
    fn entry(&self, action: &str, subject: &str) -> AuditRow {
        let entry = self.author.entry(action, subject);
        let first = self.done.iter().all(|difference| difference.action == Action::Unchanged);
        if first { entry } else { AuditRow { id: self.author.new_id(), ..entry } }
    }

    /// Gives a merchant a token, unless it has it. Tokens are only ever added here: a revoked one stays revoked.
    async fn add_token(&mut self, merchant: &MerchantId, wanted: &TokenSetting) -> Result<(), StorageError> {
        let id = format!("{merchant}/{}", wanted.label);
        let digest = wanted.digest.as_bytes().to_vec();
        let transaction = self.saving.transaction;
        let stored = token::Entity::find().filter(token::Column::Digest.eq(digest)).one(transaction).await?;
        let action = match stored {
            Some(stored) if stored.merchant == merchant.as_str() => Action::Unchanged,
            Some(stored) => {
                let whose = stored.merchant;
                return Err(StorageError::Refused(format!(
                    "the token {id} is already a token of merchant {whose}"
                )));
            }
            None => {
                let entry = self.entry("token.issue", &format!("token:{}", wanted.id));
                tokens::insert(transaction, merchant, wanted, None, entry).await?;
                Action::Created
            }
        };
        self.done.push(Difference { kind: "token", id, action });
        Ok(())
    }
}

impl Seen<'_> {
    fn check(&self, stored: Option<&Setting>) -> Result<(), StorageError> {
        let Self { kind, id, version } = self;
        match (version, stored) {
            (None, None) => Ok(()),
            (Some(seen), Some(stored)) if *seen == stored.version => Ok(()),
            (None, Some(_)) => Err(StorageError::Refused(format!("there is a {kind} {id} already"))),
            (Some(_), None) => Err(StorageError::Refused(format!("there is no {kind} {id}"))),
            (Some(_), Some(_)) => {
                Err(StorageError::Stale(format!("somebody has changed the {kind} {id} since you read it")))
            }
        }
    }
}

/// A description with the names of what was sealed anew, which it does not show.
fn with_sealed(description: String, sealed: Option<Vec<String>>) -> String {
    let Some(sealed) = sealed else { return description };
    let Ok(mut described) = serde_json::from_str::<serde_json::Value>(&description) else {
        return description;
    };
    described["sealed_anew"] = sealed.into();
    described.to_string()
}

/// A merchant's row. Without a secret it keeps the one that is there.
pub(super) fn merchant_row(
    merchant: &Merchant,
    stored: Option<merchant::Model>,
    saving: &Saving<'_>,
) -> Result<merchant::Model, StorageError> {
    let stored_secret = stored.and_then(|row| row.signing_secret);
    let context = signing_secret_context(merchant.id.as_str());
    let signing_secret = match &merchant.signing_secret {
        Some(secret) => Some(saving.seal(secret.expose(), &context, stored_secret.as_ref())?),
        None => stored_secret,
    };
    let currencies = merchant.currencies.as_ref().map(|codes| json_list(codes.iter()));
    Ok(merchant::Model {
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
        dialect: merchant.dialect.as_ref().map(ToString::to_string),
        dialect_token: merchant.dialect_token,
        dialect_initial_status: merchant.dialect_initial_status.map(|status| status.to_string()),
    })
}

pub(super) fn goal_row(merchant: &str, goal: &Goal) -> goal::Model {
    goal::Model {
        merchant: merchant.to_owned(),
        alias: goal.alias.to_string(),
        name: goal.name.clone(),
        once: goal.once,
        amount: goal.amount.as_str().to_owned(),
        status_flow: goal.status_flow.as_str().to_owned(),
        role: goal.role.as_str().to_owned(),
        show_sum: goal.show_sum,
        show_count: goal.show_count,
        token: goal.token.clone(),
        events: goal_events_json(goal),
        message: goal.message.as_ref().map(|message| message.source().to_owned()),
    }
}

pub(super) fn offer_row(offer: &Offer) -> offer::Model {
    offer::Model {
        id: offer.id.to_string(),
        merchant: offer.merchant.to_string(),
        name: offer.name.clone(),
        landing_url: offer.landing_url.source().to_owned(),
        active: offer.active,
        goals_enabled: offer.goals_enabled,
        spot: offer.spot.as_ref().map(ToString::to_string),
        currency: offer.currency.map(|currency| currency.to_string()),
        account: offer.account,
        // Texts always serialise.
        payouts: serde_json::to_string(&offer.payouts).unwrap_or_default(),
    }
}
