//! Settings as they are described: each thing that is configured in the words of its table, without its secrets.
//!
//! A description is what the thing's type says of itself by `Serialize`, so it never lags behind the type.

use std::future::Future;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    StorageError,
    saving::{Action, Saving},
};
use crate::domain::{sealed::Sealer, setting::SettingKind};

/// One thing that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What kind of thing.
    pub kind: SettingKind,
    /// Which: its id, or `merchant/alias` of a goal.
    pub id: String,
    /// How it is described: a JSON object with the keys of its table in the configuration file.
    pub description: String,
    /// What tells it from what it was and will be; changes with its secrets too.
    pub version: String,
}

/// Which settings of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// Only this one.
    pub id: Option<&'a str>,
    /// Only goals of this merchant.
    pub merchant: Option<&'a str>,
    /// Only those after this id, or this goal's alias.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl<'a> Which<'a> {
    pub(super) fn one(id: &'a str) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    pub(super) fn select<E: EntityTrait>(&self, key: E::Column) -> Select<E> {
        let mut query = E::find().order_by_asc(key);
        if let Some(id) = self.id {
            query = query.filter(key.eq(id));
        }
        if let Some(after) = self.after {
            query = query.filter(key.gt(after));
        }
        query.limit(self.limit)
    }
}

/// A kind of thing that is configured, with the way to and from its rows.
pub(super) trait Configured: Serialize + Sized + Send + Sync {
    const KIND: SettingKind;

    fn id(&self) -> String;

    /// Those that are there, by id, each with all that its rows hold.
    fn load<C: ConnectionTrait>(
        connection: &C,
        sealer: &Sealer,
        which: Which<'_>,
    ) -> impl Future<Output = Result<Vec<(Self, String)>, StorageError>> + Send;

    /// Brings its row about.
    fn save(&self, saving: &Saving<'_>) -> impl Future<Output = Result<Action, StorageError>> + Send;
}

/// Those that are there, described.
pub(super) async fn described<T: Configured>(
    connection: &impl ConnectionTrait,
    sealer: &Sealer,
    which: Which<'_>,
) -> Result<Vec<Setting>, StorageError> {
    let described = |(thing, rows): (T, String)| Setting {
        kind: T::KIND,
        id: thing.id(),
        // A struct of texts, lists and maps always serialises.
        description: serde_json::to_string(&thing).unwrap_or_default(),
        version: hex::encode(&Sha256::digest(rows)[..16]),
    };
    Ok(T::load(connection, sealer, which).await?.into_iter().map(described).collect())
}
