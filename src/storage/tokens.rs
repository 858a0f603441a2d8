//! Merchants' tokens: issued, listed, revoked, and when they were last used.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder,
};

use super::{
    Storage, StorageError,
    catalog::token_of,
    configuration::{TokenSetting, announce},
    entity::{catalog, merchant, token},
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
        now: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        if merchant::Entity::find_by_id(merchant.as_str()).one(&*transaction).await?.is_none() {
            return Err(StorageError::Refused(format!("there is no merchant {merchant}")));
        }
        insert(&*transaction, merchant, setting, now, expires_at).await?;
        announce(&transaction).await?;
        Ok(transaction.commit().await?)
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
    pub async fn revoke_token(&self, id: TokenId, now: Timestamp) -> Result<Token, StorageError> {
        let transaction = self.begin().await?;
        let stored = token::Entity::find_by_id(id.uuid()).one(&*transaction).await?;
        let stored = stored.ok_or_else(|| StorageError::Refused(format!("there is no token {id}")))?;
        let mut row = stored.clone().into_active_model();
        let revoked_at = stored.revoked_at.unwrap_or(now.millis());
        row.revoked_at = Set(Some(revoked_at));
        row.update(&*transaction).await?;
        announce(&transaction).await?;
        transaction.commit().await?;
        token_of(token::Model { revoked_at: Some(revoked_at), ..stored })
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

pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    merchant: &MerchantId,
    setting: &TokenSetting,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> Result<(), StorageError> {
    let row = token::Model {
        id: setting.id.uuid(),
        merchant: merchant.to_string(),
        label: setting.label.clone(),
        digest: setting.digest.as_bytes().to_vec(),
        created_at: now.millis(),
        last_used_at: None,
        expires_at: expires_at.map(Timestamp::millis),
        revoked_at: None,
    };
    token::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(connection).await?;
    Ok(())
}
