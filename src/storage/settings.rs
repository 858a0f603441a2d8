//! The kinds of settings, each with the way to and from its rows.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    Storage, StorageError,
    catalog::{EVERY_MERCHANT, currencies, dialect_of, goal_of, merchant_of, offer_of},
    configuration::{GoalSetting, goal_row, merchant_row, offer_row},
    endpoints::{endpoint_of, endpoint_row},
    entity::{affiliate, currency, dialect, goal, merchant, offer, pixel, postback_endpoint},
    pixels::{id_taken, pixel_of, pixel_row},
    rows::{known, valid},
    saving::{Action, Saving, whole_row},
    setting::{Configured, Setting, Which, described},
};
use crate::domain::{
    catalog::{Affiliate, Offer},
    currency::{Currency, CurrencyCode},
    dialect::Dialect,
    endpoint::PostbackEndpoint,
    ids::{AffiliateId, MerchantId},
    merchant::Merchant,
    pixel::Pixel,
    sealed::Sealer,
    setting::SettingKind,
};

impl Storage {
    /// What is configured of a kind, by id.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn settings(&self, kind: SettingKind, which: Which<'_>) -> Result<Vec<Setting>, StorageError> {
        self.settings_in(&self.reader, kind, which).await
    }

    /// The same, as a transaction sees it.
    pub(super) async fn settings_in(
        &self,
        connection: &impl ConnectionTrait,
        kind: SettingKind,
        which: Which<'_>,
    ) -> Result<Vec<Setting>, StorageError> {
        let sealer = &self.sealer;
        match kind {
            SettingKind::Currency => described::<Currency>(connection, sealer, which).await,
            SettingKind::Merchant => described::<Merchant>(connection, sealer, which).await,
            SettingKind::Goal => described::<GoalSetting>(connection, sealer, which).await,
            SettingKind::Affiliate => described::<Affiliate>(connection, sealer, which).await,
            SettingKind::Offer => described::<Offer>(connection, sealer, which).await,
            SettingKind::Postback => described::<PostbackEndpoint>(connection, sealer, which).await,
            SettingKind::Dialect => described::<Dialect>(connection, sealer, which).await,
            SettingKind::Pixel => described::<Pixel>(connection, sealer, which).await,
        }
    }

    /// One thing that is configured.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn setting(&self, kind: SettingKind, id: &str) -> Result<Option<Setting>, StorageError> {
        Ok(self.settings(kind, Which::one(id)).await?.pop())
    }
}

impl Configured for Currency {
    const KIND: SettingKind = SettingKind::Currency;

    fn id(&self) -> String {
        self.code.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        _: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let rows = which.select::<currency::Entity>(currency::Column::Code).all(connection).await?;
        let read = |row: currency::Model| {
            let code = known(CurrencyCode::parse(&row.code), "currency")?;
            let minor_unit = known(u8::try_from(row.minor_unit).ok(), "minor unit")?;
            Ok((Self { code, minor_unit }, whole_row(&row)))
        };
        rows.into_iter().map(read).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        saving.save(currency::Model { code: self.id(), minor_unit: i32::from(self.minor_unit) }).await
    }
}

impl Configured for Merchant {
    const KIND: SettingKind = SettingKind::Merchant;

    fn id(&self) -> String {
        self.id.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        sealer: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let rows = which.select::<merchant::Entity>(merchant::Column::Id).all(connection).await?;
        let mut own = goal::Entity::find().filter(goal::Column::Merchant.ne(EVERY_MERCHANT));
        if let Some(id) = which.id {
            own = own.filter(goal::Column::Merchant.eq(id));
        }
        let goals = own.order_by_asc(goal::Column::Alias).all(connection).await?;
        let read = |row: merchant::Model| {
            let own = goals.iter().filter(|goal| goal.merchant == row.id);
            let whole = own.fold(whole_row(&row), |text, goal| text + &whole_row(goal));
            Ok((merchant_of(row, &goals, sealer)?, whole))
        };
        rows.into_iter().map(read).collect()
    }

    /// Saves the merchant alone: its goals are settings of their own. No secret stands for the one that is there.
    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        let stored = merchant::Entity::find_by_id(self.id.as_str()).one(saving.transaction).await?;
        saving.save(merchant_row(self, stored, saving)?).await
    }
}

impl Configured for GoalSetting {
    const KIND: SettingKind = SettingKind::Goal;

    fn id(&self) -> String {
        format!("{}/{}", self.merchant, self.goal.alias)
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        _: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let (merchant, alias) = which.id.and_then(|id| id.split_once('/')).unzip();
        let of_alias = Which { id: alias, ..which };
        let mut query = of_alias.select::<goal::Entity>(goal::Column::Alias);
        query = query.filter(match merchant.or(which.merchant) {
            Some(merchant) => goal::Column::Merchant.eq(merchant),
            None => goal::Column::Merchant.ne(EVERY_MERCHANT),
        });
        let read = |row: goal::Model| {
            let merchant = valid(MerchantId::parse(&row.merchant))?;
            Ok((Self { merchant, goal: goal_of(&row)? }, whole_row(&row)))
        };
        query.all(connection).await?.into_iter().map(read).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        saving.save(goal_row(self.merchant.as_str(), &self.goal)).await
    }
}

impl Configured for Affiliate {
    const KIND: SettingKind = SettingKind::Affiliate;

    fn id(&self) -> String {
        self.id.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        _: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let rows = which.select::<affiliate::Entity>(affiliate::Column::Id).all(connection).await?;
        let read = |row: affiliate::Model| {
            let whole = whole_row(&row);
            let id = valid(AffiliateId::parse(&row.id))?;
            Ok((Self { id, name: row.name, manager: row.manager }, whole))
        };
        rows.into_iter().map(read).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        let Self { id, name, manager } = self;
        let row = affiliate::Model { id: id.to_string(), name: name.clone(), manager: manager.clone() };
        saving.save(row).await
    }
}

impl Configured for Offer {
    const KIND: SettingKind = SettingKind::Offer;

    fn id(&self) -> String {
        self.id.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        _: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let rows = which.select::<offer::Entity>(offer::Column::Id).all(connection).await?;
        let currencies = currencies(connection).await?;
        let read = |row: offer::Model| {
            let whole = whole_row(&row);
            Ok((offer_of(row, &currencies)?, whole))
        };
        rows.into_iter().map(read).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        saving.save(offer_row(self)).await
    }
}

impl Configured for PostbackEndpoint {
    const KIND: SettingKind = SettingKind::Postback;

    fn id(&self) -> String {
        self.id.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        sealer: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let key = postback_endpoint::Column::Id;
        let rows = which.select::<postback_endpoint::Entity>(key).all(connection).await?;
        rows.iter().map(|row| Ok((endpoint_of(row, sealer)?, whole_row(row)))).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        if pixel::Entity::find_by_id(self.id.as_str()).one(saving.transaction).await?.is_some() {
            return Err(id_taken(self.id.as_str(), "pixel"));
        }
        let stored = postback_endpoint::Entity::find_by_id(self.id.as_str()).one(saving.transaction).await?;
        saving.save(endpoint_row(self, stored.as_ref(), saving)?).await
    }
}

impl Configured for Dialect {
    const KIND: SettingKind = SettingKind::Dialect;

    fn id(&self) -> String {
        self.id.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        _: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let rows = which.select::<dialect::Entity>(dialect::Column::Id).all(connection).await?;
        rows.iter().map(|row| Ok((dialect_of(row)?, whole_row(row)))).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        // A form of texts, lists and maps always serialises.
        let definition = serde_json::to_string(self.form()).unwrap_or_default();
        saving.save(dialect::Model { id: self.id.to_string(), definition }).await
    }
}

impl Configured for Pixel {
    const KIND: SettingKind = SettingKind::Pixel;

    fn id(&self) -> String {
        self.id.to_string()
    }

    async fn load<C: ConnectionTrait>(
        connection: &C,
        sealer: &Sealer,
        which: Which<'_>,
    ) -> Result<Vec<(Self, String)>, StorageError> {
        let rows = which.select::<pixel::Entity>(pixel::Column::Id).all(connection).await?;
        let read = |row: pixel::Model| {
            let whole = whole_row(&row);
            Ok((pixel_of(row, sealer)?, whole))
        };
        rows.into_iter().map(read).collect()
    }

    async fn save(&self, saving: &Saving<'_>) -> Result<Action, StorageError> {
        let postback = postback_endpoint::Entity::find_by_id(self.id.as_str());
        if postback.one(saving.transaction).await?.is_some() {
            return Err(id_taken(self.id.as_str(), "postback endpoint"));
        }
        let stored = pixel::Entity::find_by_id(self.id.as_str()).one(saving.transaction).await?;
        saving.save(pixel_row(self, stored.as_ref(), saving)?).await
    }
}
