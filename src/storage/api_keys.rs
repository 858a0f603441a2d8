//! The keys of programs.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use serde_json::json;

use super::{
    AuditRow, Keep, Storage, StorageError,
    audit::insert_audit,
    entity::api_key,
    rows::{known, valid},
    saved_answers::keep_answer,
};
use crate::domain::{
    access::{ApiKey, Role},
    ids::{ApiKeyId, ApiKeyName},
    time::Timestamp,
    token::TokenDigest,
};

/// How old the noted last use of a key may be before it is written again, in milliseconds.
const LAST_USE_MILLIS: i64 = 60_000;

impl Storage {
    /// Adds a key.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if a live key has this name.
    pub async fn add_api_key(
        &self,
        key: &ApiKey,
        digest: &TokenDigest,
        audit: &AuditRow,
        keep: Option<Keep<'_, ()>>,
    ) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let of_name = api_key::Column::Name.eq(key.name.as_str());
        let live = api_key::Entity::find().filter(of_name).filter(api_key::Column::RevokedAt.is_null());
        if live.one(&*transaction).await?.is_some() {
            let name = &key.name;
            return Err(StorageError::Refused(format!(
                "there is a live API key {name}: revoke it, or take another name"
            )));
        }
        let row = api_key::Model {
            id: key.id.uuid(),
            name: key.name.to_string(),
            role: key.role.as_str().to_owned(),
            digest: digest.as_bytes().to_vec(),
            created_at: key.created_at.millis(),
            last_used_at: None,
            revoked_at: None,
        };
        api_key::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(&*transaction)
            .await?;
        insert_audit(&*transaction, &AuditRow { after: Some(told(key)), ..audit.clone() }).await?;
        keep_answer(&*transaction, &self.sealer, keep, &()).await?;
        Ok(transaction.commit().await?)
    }

    /// All keys, revoked ones included.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, StorageError> {
        let rows = api_key::Entity::find().order_by_asc(api_key::Column::Id).all(&self.reader).await?;
        rows.iter().map(key_of).collect()
    }

    /// The live key of this digest; notes its use, to the minute.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn api_key(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<ApiKey>, StorageError> {
        let live = api_key::Entity::find()
            .filter(api_key::Column::Digest.eq(digest.as_bytes().to_vec()))
            .filter(api_key::Column::RevokedAt.is_null());
        let Some(row) = live.one(&self.reader).await? else { return Ok(None) };
        if row.last_used_at.is_none_or(|at| at < now.millis() - LAST_USE_MILLIS) {
            let transaction = self.begin().await?;
            let used = api_key::ActiveModel {
                id: Set(row.id),
                last_used_at: Set(Some(now.millis())),
                ..Default::default()
            };
            used.update(&*transaction).await?;
            transaction.commit().await?;
        }
        key_of(&row).map(Some)
    }

    /// Revokes a key for good.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if there is no such key.
    pub async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        now: Timestamp,
        audit: &AuditRow,
    ) -> Result<ApiKey, StorageError> {
        let transaction = self.begin().await?;
        let stored = api_key::Entity::find_by_id(id.uuid()).one(&*transaction).await?;
        let stored = stored.ok_or_else(|| StorageError::Refused(format!("there is no API key {id}")))?;
        let before = key_of(&stored)?;
        let revoked = api_key::Model { revoked_at: stored.revoked_at.or(Some(now.millis())), ..stored };
        api_key::Entity::update(revoked.clone().into_active_model().reset_all())
            .exec_without_returning(&*transaction)
            .await?;
        let after = key_of(&revoked)?;
        let row = AuditRow { before: Some(told(&before)), after: Some(told(&after)), ..audit.clone() };
        insert_audit(&*transaction, &row).await?;
        transaction.commit().await?;
        Ok(after)
    }
}

/// What the audit log holds of a key.
fn told(key: &ApiKey) -> String {
    let ApiKey { name, role, revoked_at, .. } = key;
    json!({ "name": name, "role": role, "revoked_at": revoked_at }).to_string()
}

fn key_of(row: &api_key::Model) -> Result<ApiKey, StorageError> {
    Ok(ApiKey {
        id: ApiKeyId::new(row.id),
        name: valid(ApiKeyName::parse(&row.name))?,
        role: known(Role::parse(&row.role), "role")?,
        created_at: Timestamp::from_millis(row.created_at),
        last_used_at: row.last_used_at.map(Timestamp::from_millis),
        revoked_at: row.revoked_at.map(Timestamp::from_millis),
    })
}
