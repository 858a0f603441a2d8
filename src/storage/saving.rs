//! What everything that is configured shares: how lists and secrets are stored, and how a row is brought to what is
//! wanted.

use std::{
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait,
    FromQueryResult, IntoActiveModel, Iterable, ModelTrait, PrimaryKeyToColumn, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use serde::de::DeserializeOwned;

use super::{StorageError, entity::catalog};
use crate::domain::{sealed::Sealer, secret::Secret};

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

    /// The word for doing it, in the audit log.
    pub(super) const fn as_verb(self) -> &'static str {
        if matches!(self, Self::Created) { "create" } else { "change" }
    }
}

/// A list that was stored by [`json_list`].
pub(super) fn list<T: DeserializeOwned>(json: &str) -> Result<Vec<T>, StorageError> {
    serde_json::from_str(json).map_err(|error| StorageError::Broken(format!("a stored list: {error}")))
}

/// A list as it is stored: a JSON array of texts.
pub(super) fn json_list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<serde_json::Value>().to_string()
}

/// Opens a secret that was sealed for `context`.
pub(super) fn open_secret(sealer: &Sealer, text: &str, context: &str) -> Result<Secret, StorageError> {
    let unreadable = || {
        StorageError::Broken(format!(
            "the secret {context} was sealed under another COUNTERSIGN_SECRET: start with that one, or set it anew"
        ))
    };
    let plain = sealer.open(text, context).map_err(|_| unreadable())?;
    Ok(Secret::new(String::from_utf8(plain).map_err(|_| unreadable())?))
}

/// A transaction that brings settings about, with what seals their secrets.
pub(super) struct Saving<'a> {
    pub(super) transaction: &'a DatabaseTransaction,
    pub(super) sealer: &'a Sealer,
    pub(super) nonce: fn() -> [u8; 24],
    /// What was sealed anew, because it is new or has changed.
    pub(super) sealed: Mutex<Vec<String>>,
}

impl Saving<'_> {
    /// The secret as it is to be stored. Sealing the same secret again would give another text, and look like a
    /// change.
    pub(super) fn seal(
        &self,
        wanted: &str,
        context: &str,
        stored: Option<&String>,
    ) -> Result<String, StorageError> {
        match stored {
            Some(text) if open_secret(self.sealer, text, context)?.expose() == wanted => Ok(text.clone()),
            _ => {
                let name = context.rsplit('/').next().unwrap_or(context);
                self.sealed.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
                Ok(self.sealer.seal(wanted.as_bytes(), context, (self.nonce)()))
            }
        }
    }

    /// The names of what was sealed anew since the last call.
    pub(super) fn take_sealed(&self) -> Vec<String> {
        std::mem::take(&mut *self.sealed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Inserts a row, or brings the stored one of its key to it.
    pub(super) async fn save<M>(&self, row: M) -> Result<Action, StorageError>
    where
        M: ModelTrait + FromQueryResult + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
        M: PartialEq,
        M::Entity: EntityTrait<Model = M>,
        <M::Entity as EntityTrait>::ActiveModel: Send,
    {
        let mut key = Condition::all();
        for column in <M::Entity as EntityTrait>::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column) {
            key = key.add(column.eq(row.get(column)));
        }
        let stored = M::Entity::find().filter(key).one(self.transaction).await?;
        if stored.as_ref() == Some(&row) {
            return Ok(Action::Unchanged);
        }
        let row = row.into_active_model().reset_all();
        if stored.is_some() {
            M::Entity::update(row).exec_without_returning(self.transaction).await?;
            return Ok(Action::Changed);
        }
        M::Entity::insert(row).exec_without_returning(self.transaction).await?;
        Ok(Action::Created)
    }
}

/// All that a row holds, as a text that differs whenever the row does.
pub(super) fn whole_row<M: ModelTrait>(row: &M) -> String {
    let mut text = String::new();
    for column in <M::Entity as EntityTrait>::Column::iter() {
        // Writing to memory never fails.
        let _ = writeln!(text, "{:?}", row.get(column));
    }
    text
}

/// Waits until nobody else changes settings, for as long as this transaction lasts.
pub(super) async fn lock(transaction: &impl ConnectionTrait) -> Result<(), StorageError> {
    catalog::Entity::find().lock_exclusive().one(transaction).await?;
    Ok(())
}

/// Tells every process that the configuration has changed: it shows in the version.
pub(super) async fn announce(transaction: &DatabaseTransaction) -> Result<(), StorageError> {
    let next = Expr::col(catalog::Column::Version).add(1);
    catalog::Entity::update_many().col_expr(catalog::Column::Version, next).exec(transaction).await?;
    Ok(())
}
