//! Merchants' tokens: issued, listed, revoked, and when they were last used.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::json;

use super::{
    AuditRow, Keep, Storage, StorageError,
    audit::{Author, insert_audit},
    catalog::token_of,
    configuration::TokenSetting,
    entity::{catalog, merchant, token},
    saved_answers::keep_answer,
    saving::{announce, lock},
};
use crate::domain::{
    ids::{MerchantId, TokenId},
    time::Timestamp,
    token::{Token, TokenDigest},
};

impl Storage {
    /// Gives a merchant a new token.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if there is no such merchant.
    pub async fn add_token(
        &self,
        merchant: &MerchantId,
        setting: &TokenSetting,
        expires_at: Option<Timestamp>,
        author: &Author,
        keep: Option<Keep<'_, Token>>,
    ) -> Result<Token, StorageError> {
        let transaction = self.begin().await?;
        lock(&*transaction).await?;
        if merchant::Entity::find_by_id(merchant.as_str()).one(&*transaction).await?.is_none() {
            return Err(StorageError::Refused(format!("there is no merchant {merchant}")));
        }
        let entry = author.entry("token.issue", &format!("token:{}", setting.id));
        let token = token_of(insert(&*transaction, merchant, setting, expires_at, entry).await?)?;
        announce(&transaction).await?;
        keep_answer(&*transaction, &self.sealer, keep, &token).await?;
        transaction.commit().await?;
        Ok(token)
    }

    /// Gives a merchant a new token in place of one that it has, or of all of them: those that are accepted end at the
    /// second of these times, unless they end sooner, and the new one at the first. Gives the new one, and those that
    /// end now.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if the old one is no longer accepted.
    pub async fn rotate_tokens(
        &self,
        merchant: &MerchantId,
        old: Option<TokenId>,
        setting: &TokenSetting,
        (new_ends, old_ends): (Option<Timestamp>, Timestamp),
        author: &Author,
        keep: Option<Keep<'_, (Token, Vec<Token>)>>,
    ) -> Result<(Token, Vec<Token>), StorageError> {
        let transaction = self.begin().await?;
        lock(&*transaction).await?;
        let mut live = token::Entity::find()
            .filter(token::Column::Merchant.eq(merchant.as_str()))
            .filter(token::Column::RevokedAt.is_null())
            .all(&*transaction)
            .await?;
        live.retain(|row| row.expires_at.is_none_or(|end| author.at.millis() < end));
        live.retain(|row| old.is_none_or(|old| row.id == old.uuid()));
        if let (Some(old), true) = (old, live.is_empty()) {
            return Err(StorageError::Refused(format!(
                "the token {old} is no longer accepted: issue a new one instead"
            )));
        }
        let entry = author.entry("token.issue", &format!("token:{}", setting.id));
        let new = insert(&*transaction, merchant, setting, new_ends, entry).await?;
        let mut ending = Vec::new();
        for row in live.into_iter().filter(|row| row.expires_at.is_none_or(|end| old_ends.millis() < end)) {
            let changed = token::Model { expires_at: Some(old_ends.millis()), ..row.clone() };
            let entry = author.entry("token.expire", &format!("token:{}", TokenId::new(row.id)));
            change(&transaction, row, changed.clone(), AuditRow { id: author.new_id(), ..entry }).await?;
            ending.push(token_of(changed)?);
        }
        announce(&transaction).await?;
        let made = (token_of(new)?, ending);
        keep_answer(&*transaction, &self.sealer, keep, &made).await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// All tokens, revoked ones included, of one merchant or of all.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn tokens(&self, merchant: Option<&MerchantId>) -> Result<Vec<Token>, StorageError> {
        let mut query = token::Entity::find().order_by_asc(token::Column::CreatedAt);
        if let Some(merchant) = merchant {
            query = query.filter(token::Column::Merchant.eq(merchant.as_str()));
        }
        query.all(&self.reader).await?.into_iter().map(token_of).collect()
    }

    /// Revokes a token for good.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if there is no such token.
    pub async fn revoke_token(&self, id: TokenId, author: &Author) -> Result<Token, StorageError> {
        let transaction = self.begin().await?;
        lock(&*transaction).await?;
        let stored = stored_token(&*transaction, id).await?;
        if stored.revoked_at.is_none() {
            let revoked = token::Model { revoked_at: Some(author.at.millis()), ..stored.clone() };
            let entry = author.entry("token.revoke", &format!("token:{id}"));
            change(&transaction, stored, revoked.clone(), entry).await?;
            announce(&transaction).await?;
            transaction.commit().await?;
            return token_of(revoked);
        }
        token_of(stored)
    }

    /// Binds this database to the server's secret the first time, and later makes sure that it is still the same one:
    /// under another, no stored token would be recognised and no sealed secret could be opened.
    ///
    /// # Errors
    /// [`StorageError::Unsafe`] if the secret is another one.
    pub async fn check_secret(&self, check: &TokenDigest) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let stored = catalog::Entity::find().one(&*transaction).await?.and_then(|row| row.secret_check);
        match stored {
            Some(stored) if stored == check.as_bytes() => Ok(()),
            Some(_) => Err(StorageError::Unsafe(
                "this database belongs to another COUNTERSIGN_SECRET: start with that one, or its tokens are lost"
                    .into(),
            )),
            None => {
                let row = catalog::ActiveModel {
                    id: Set(1),
                    secret_check: Set(Some(check.as_bytes().to_vec())),
                    ..Default::default()
                };
                catalog::Entity::update(row).exec_without_returning(&*transaction).await?;
                Ok(transaction.commit().await?)
            }
        }
    }

    /// Notes when tokens were last used.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn note_use(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        for (id, at) in uses {
            let row = token::ActiveModel {
                id: Set(id.uuid()),
                last_used_at: Set(Some(at.millis())),
                ..Default::default()
            };
            token::Entity::update(row).exec_without_returning(&*transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

async fn stored_token(connection: &impl ConnectionTrait, id: TokenId) -> Result<token::Model, StorageError> {
    let stored = token::Entity::find_by_id(id.uuid()).one(connection).await?;
    stored.ok_or_else(|| StorageError::Refused(format!("there is no token {id}")))
}

/// Inserts a token, with its entry in the audit log.
pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    merchant: &MerchantId,
    setting: &TokenSetting,
    expires_at: Option<Timestamp>,
    entry: AuditRow,
) -> Result<token::Model, StorageError> {
    let row = token::Model {
        id: setting.id.uuid(),
        merchant: merchant.to_string(),
        label: setting.label.clone(),
        digest: setting.digest.as_bytes().to_vec(),
        created_at: entry.at.millis(),
        last_used_at: None,
        expires_at: expires_at.map(Timestamp::millis),
        revoked_at: None,
    };
    let entry = AuditRow { after: Some(told(&row)?), ..entry };
    token::Entity::insert(row.clone().into_active_model().reset_all())
        .exec_without_returning(connection)
        .await?;
    insert_audit(connection, &entry).await?;
    Ok(row)
}

async fn change(
    transaction: &DatabaseTransaction,
    before: token::Model,
    after: token::Model,
    entry: AuditRow,
) -> Result<(), StorageError> {
    let entry = AuditRow { before: Some(told(&before)?), after: Some(told(&after)?), ..entry };
    token::Entity::update(after.into_active_model().reset_all()).exec_without_returning(transaction).await?;
    insert_audit(transaction, &entry).await
}

/// What the audit log holds of a token.
fn told(row: &token::Model) -> Result<String, StorageError> {
    let token = token_of(row.clone())?;
    Ok(json!({
        "merchant": token.merchant, "label": token.label, "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    })
    .to_string())
}
