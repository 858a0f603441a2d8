//! Pixels: how they are stored, and the clicks by which one sees whether they can work.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ConnectionTrait, Statement};

use super::{
    Storage, StorageError,
    entity::pixel,
    reading::Reading,
    rows::{known, params, valid},
    saving::{Saving, open_secret},
};
use crate::domain::{
    catalog::Offer,
    goal::Goal,
    ids::{AffiliateId, EndpointId, GoalAlias, OfferId},
    params::Params,
    pixel::{BaseUrl, EventName, InvalidSetting, Pixel, Platform, PlatformId, When},
    sealed::Sealer,
    secret::Secret,
};

/// How far back clicks are looked for, in clicks of everybody: the table is read from its end, no further than this.
const CLICKS_LOOKED_AT_MAX: u32 = 20_000;

impl Storage {
    /// The parameters of the newest clicks on an offer, at most so many; of one affiliate's players, if it is given. A
    /// click that lies far back among those on other offers is not found.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn newest_click_params(
        &self,
        offer: &OfferId,
        affiliate: Option<&AffiliateId>,
        limit: u32,
    ) -> Result<Vec<Params>, StorageError> {
        let sql = format!(
            "SELECT k.params FROM
                (SELECT id, offer, affiliate, params FROM click ORDER BY id DESC LIMIT {CLICKS_LOOKED_AT_MAX}) AS k
            WHERE k.offer = $1 AND (k.affiliate = $2 OR $2 = '') ORDER BY k.id DESC LIMIT {limit}"
        );
        let backend = self.reader.get_database_backend();
        let values = [offer.as_str().into(), affiliate.map_or("", AffiliateId::as_str).into()];
        let rows = self.reader.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        rows.iter().map(|row| params(Some(&Reading::new(row).next::<String>()?))).collect()
    }
}

/// A pixel's row. Secrets that are the same stay as they were sealed.
pub(super) fn pixel_row(
    pixel: &Pixel,
    stored: Option<&pixel::Model>,
    saving: &Saving<'_>,
) -> Result<pixel::Model, StorageError> {
    let id = pixel.id.to_string();
    let seal = |secret: &Secret, what: &str, stored: Option<&String>| {
        saving.seal(secret.expose(), &context(&id, what), stored)
    };
    let measurement = pixel.measurement_secret.as_ref().map(|secret| {
        seal(secret, "measurement_secret", stored.and_then(|row| row.measurement_secret.as_ref()))
    });
    let events: BTreeMap<_, _> = pixel
        .events
        .iter()
        .map(|(goal, name)| (goal.as_str(), name.as_ref().map_or("", EventName::as_str)))
        .collect();
    Ok(pixel::Model {
        platform: pixel.platform.as_str().to_owned(),
        offer: pixel.offer.to_string(),
        affiliate: pixel.affiliate.as_ref().map(ToString::to_string),
        platform_id: pixel.platform_id.as_str().to_owned(),
        secret: seal(&pixel.secret, "secret", stored.map(|row| &row.secret))?,
        measurement_secret: measurement.transpose()?,
        told_when: pixel.when.as_str().to_owned(),
        events: json_object(&events),
        test_event_code: pixel.test_event_code.clone(),
        page: pixel.page.clone(),
        base_url: pixel.base_url.as_ref().map(|url| url.as_str().to_owned()),
        active: pixel.active,
        id,
    })
}

/// Why an id can't be used: deliveries know postback endpoints and pixels by their ids alone.
pub(super) fn id_taken(id: &str, by: &str) -> StorageError {
    StorageError::Refused(format!("{id} is the id of a {by} already: choose another"))
}

/// What a secret of a pixel is sealed for.
fn context(pixel: &str, what: &str) -> String {
    format!("pixel/{pixel}/{what}")
}

fn json_object(texts: &BTreeMap<&str, &str>) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

fn object(json: &str) -> Result<BTreeMap<String, String>, StorageError> {
    serde_json::from_str(json).map_err(|error| StorageError::Broken(format!("stored event names: {error}")))
}

fn meant<T>(setting: Result<T, InvalidSetting>, id: &str) -> Result<T, StorageError> {
    setting.map_err(|error| StorageError::Broken(format!("pixel {id}: {error}")))
}

/// What ad platforms call a goal, as it is stored.
pub(super) fn goal_events_json(goal: &Goal) -> String {
    json_object(&goal.events.iter().map(|(platform, name)| (platform.as_str(), name.as_str())).collect())
}

/// The same, read back.
pub(super) fn goal_events(json: &str) -> Result<BTreeMap<Platform, EventName>, StorageError> {
    let named = |(platform, name): (String, String)| {
        let platform = known(Platform::parse(&platform), "platform")?;
        Ok((platform, meant(EventName::parse(platform, &name), "of a goal")?))
    };
    object(json)?.into_iter().map(named).collect()
}

/// A pixel as the catalog has it.
pub(super) fn complete_pixel(
    row: pixel::Model,
    offers: &HashMap<OfferId, Offer>,
    goals: impl FnOnce(&Offer) -> Vec<Goal>,
    sealer: &Sealer,
) -> Result<Pixel, StorageError> {
    let pixel = pixel_of(row, sealer)?;
    let offer = known(offers.get(&pixel.offer), "offer of a pixel")?;
    let goals = goals(offer);
    Ok(pixel.complete(offer, &goals))
}

/// A pixel as it is configured.
pub(super) fn pixel_of(row: pixel::Model, sealer: &Sealer) -> Result<Pixel, StorageError> {
    let open = |sealed: &String, what| open_secret(sealer, sealed, &context(&row.id, what));
    let platform = known(Platform::parse(&row.platform), "platform")?;
    let mut events = BTreeMap::new();
    for (goal, name) in object(&row.events)? {
        let name = (!name.is_empty()).then(|| meant(EventName::parse(platform, &name), &row.id));
        events.insert(valid(GoalAlias::parse(&goal))?, name.transpose()?);
    }
    let measurement = row.measurement_secret.as_ref();
    Ok(Pixel {
        id: valid(EndpointId::parse(&row.id))?,
        platform,
        offer: valid(OfferId::parse(&row.offer))?,
        affiliate: row.affiliate.as_deref().map(AffiliateId::parse).map(valid).transpose()?,
        platform_id: meant(PlatformId::parse(platform, &row.platform_id), &row.id)?,
        secret: open(&row.secret, "secret")?,
        measurement_secret: measurement.map(|sealed| open(sealed, "measurement_secret")).transpose()?,
        when: known(When::parse(&row.told_when), "time to tell")?,
        events,
        base_url: row.base_url.as_deref().map(BaseUrl::parse).map(|url| meant(url, &row.id)).transpose()?,
        test_event_code: row.test_event_code,
        page: row.page,
        active: row.active,
    })
}
