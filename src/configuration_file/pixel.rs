//! `[[pixel]]`: what an ad platform is told of an offer's conversions.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use url::Url;
use utoipa::ToSchema;

use super::{
    Mistake, Reader,
    entries::{File, SecretEntry, endpoint_id, offer_id, optional_affiliate, platform, when},
};
use crate::domain::{
    ids::{AffiliateId, EndpointId, GoalAlias, MerchantId, OfferId},
    pixel::{BaseUrl, EventName, Pixel, Platform, PlatformId, When},
    secret::Secret,
};

/// How short a platform's secret may be: long enough not to be a slip, and to be found again in what is shown.
const SECRET_CHARS_MIN: usize = 8;

/// A place at an ad platform where the conversions of an offer are told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Pixel)]
pub struct PixelEntry {
    /// A slug: 1 to 40 of `a-z 0-9 -`, of no postback endpoint. It never changes.
    #[serde(deserialize_with = "endpoint_id")]
    #[schema(value_type = String)]
    pub(super) id: Spanned<EndpointId>,
    /// `meta`, `tiktok`, `ga4` or `yandex`.
    #[serde(deserialize_with = "platform")]
    #[schema(value_type = String)]
    platform: Platform,
    /// Whose conversions.
    #[serde(deserialize_with = "offer_id")]
    #[schema(value_type = String)]
    offer: Spanned<OfferId>,
    /// Only those of this affiliate's players; without it everybody's.
    #[serde(default, deserialize_with = "optional_affiliate")]
    #[schema(value_type = Option<String>)]
    affiliate: Option<Spanned<AffiliateId>>,
    /// What the platform calls it: a pixel, a measurement id, a counter.
    #[schema(value_type = String)]
    pixel_id: Spanned<String>,
    /// What proves that we may tell it.
    #[schema(value_type = SecretEntry)]
    secret: Spanned<SecretEntry>,
    /// What Yandex asks for beside it, for fresh events.
    #[schema(value_type = Option<SecretEntry>)]
    measurement_secret: Option<Spanned<SecretEntry>>,
    /// Which status is told: `pending`, `approved` or `both`.
    #[serde(default = "approved", deserialize_with = "when")]
    #[schema(value_type = String)]
    when: When,
    /// The platform's name for a goal; empty for a goal that it is not told of.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    events: BTreeMap<String, Spanned<String>>,
    /// Marks events as tests, where the platform knows such.
    #[schema(value_type = Option<String>)]
    test_event_code: Option<Spanned<String>>,
    /// The page on which conversions happen.
    #[schema(value_type = Option<String>)]
    page: Option<Spanned<String>>,
    /// Where the platform is, if not where it always is.
    #[schema(value_type = Option<String>)]
    base_url: Option<Spanned<String>>,
    /// Whether it is told of anything at all.
    #[serde(default = "yes")]
    active: bool,
}

/// What ad platforms call a goal.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GoalEvents)]
pub(super) struct EventsEntry {
    /// Meta.
    #[schema(value_type = Option<String>)]
    meta: Option<Spanned<String>>,
    /// `TikTok`.
    #[schema(value_type = Option<String>)]
    tiktok: Option<Spanned<String>>,
    /// Google Analytics.
    #[schema(value_type = Option<String>)]
    ga4: Option<Spanned<String>>,
    /// Yandex Metrica.
    #[schema(value_type = Option<String>)]
    yandex: Option<Spanned<String>>,
}

const fn approved() -> When {
    When::Approved
}
const fn yes() -> bool {
    true
}

impl Reader<'_> {
    pub(super) fn pixel(&self, entry: &PixelEntry, file: &File) -> Result<Pixel, Mistake> {
        self.check_offer(&entry.offer, "pixel.offer", file)?;
        if let Some(affiliate) = &entry.affiliate {
            self.check_affiliate(affiliate, "pixel.affiliate", file)?;
        }
        let platform = entry.platform;
        let platform_id = PlatformId::parse(platform, entry.pixel_id.get_ref())
            .map_err(|error| self.mistake(entry.pixel_id.span(), "pixel.pixel_id", error.to_string()))?;
        let base_url = entry.base_url.as_ref().map(|url| {
            BaseUrl::parse(url.get_ref())
                .map_err(|error| self.mistake(url.span(), "pixel.base_url", error.to_string()))
        });
        let base_url = base_url.transpose()?;
        // What is kept was meant for where it has been sent: see `Reader::url` of postbacks.
        let present = self.world.present.pixel(entry.id.get_ref()).map(|pixel| &**pixel);
        let kept = present.filter(|pixel| pixel.platform == platform && pixel.base_url == base_url);
        let measurement = entry.measurement_secret.as_ref().map(|secret| {
            if platform != Platform::Yandex {
                let why = "only Yandex Metrica has a second secret: leave it out".to_owned();
                return Err(self.mistake(secret.span(), "pixel.measurement_secret", why));
            }
            let kept = kept.and_then(|pixel| pixel.measurement_secret.as_ref());
            self.platform_secret(secret, "pixel.measurement_secret", kept)
        });
        Ok(Pixel {
            id: entry.id.get_ref().clone(),
            platform,
            offer: entry.offer.get_ref().clone(),
            affiliate: entry.affiliate.as_ref().map(|affiliate| affiliate.get_ref().clone()),
            platform_id,
            secret: self.platform_secret(&entry.secret, "pixel.secret", kept.map(|pixel| &pixel.secret))?,
            measurement_secret: measurement.transpose()?,
            when: entry.when,
            events: self.pixel_events(entry, file)?,
            test_event_code: self.test_event_code(entry)?,
            page: entry.page.as_ref().map(|page| self.page(page)).transpose()?,
            base_url,
            active: entry.active,
        })
    }

    /// The names of events of a goal.
    pub(super) fn goal_events(&self, entry: &EventsEntry) -> Result<BTreeMap<Platform, EventName>, Mistake> {
        let given = [
            (Platform::Meta, &entry.meta),
            (Platform::Tiktok, &entry.tiktok),
            (Platform::Ga4, &entry.ga4),
            (Platform::Yandex, &entry.yandex),
        ];
        let named = given.into_iter().filter_map(|(platform, name)| Some((platform, name.as_ref()?)));
        named.map(|(it, name)| Ok((it, self.event_name(it, name, "merchant.goal.events")?))).collect()
    }

    fn pixel_events(
        &self,
        entry: &PixelEntry,
        file: &File,
    ) -> Result<BTreeMap<GoalAlias, Option<EventName>>, Mistake> {
        const KEY: &str = "pixel.events";
        let known = self.goals_of(entry.offer.get_ref(), file);
        let mut events = BTreeMap::new();
        for (alias, name) in &entry.events {
            let Some(alias) = known.iter().find(|known| known.as_str() == alias) else {
                let goals = known.iter().map(GoalAlias::as_str).collect::<Vec<_>>().join(", ");
                let why = format!("the offer's merchant has no goal {alias}: it has {goals}");
                return Err(self.mistake(name.span(), KEY, why));
            };
            // An empty name: the platform is not told of this goal.
            let name = (!name.get_ref().is_empty()).then(|| self.event_name(entry.platform, name, KEY));
            events.insert(alias.clone(), name.transpose()?);
        }
        Ok(events)
    }

    fn event_name(
        &self,
        platform: Platform,
        name: &Spanned<String>,
        key: &'static str,
    ) -> Result<EventName, Mistake> {
        EventName::parse(platform, name.get_ref())
            .map_err(|error| self.mistake(name.span(), key, error.to_string()))
    }

    /// The goals of an offer's merchant, of the file and of the present catalog.
    fn goals_of(&self, offer: &OfferId, file: &File) -> Vec<GoalAlias> {
        let here = file.offer.iter().find(|it| it.id.get_ref() == offer).map(|it| it.merchant.get_ref());
        let present = || self.world.present.offers.get(offer).map(|offer| &offer.merchant);
        let Some(merchant): Option<&MerchantId> = here.or_else(present) else { return Vec::new() };
        let of_present = self.world.present.merchants.get(merchant).into_iter().flat_map(|it| &it.goals);
        let of_everybody = self.world.present.built_in_goals.iter().chain(of_present).map(|goal| &goal.alias);
        let of_file = file.merchant.iter().filter(|it| it.id.get_ref() == merchant);
        let of_file = of_file.flat_map(|it| it.goal.iter().map(|goal| goal.alias.get_ref()));
        let mut goals: Vec<_> = of_everybody.chain(of_file).cloned().collect();
        goals.sort();
        goals.dedup();
        goals
    }

    fn platform_secret(
        &self,
        entry: &Spanned<SecretEntry>,
        key: &'static str,
        kept: Option<&Secret>,
    ) -> Result<Secret, Mistake> {
        let secret = self.secret(entry.get_ref(), entry.span(), key, kept)?;
        let text = secret.expose();
        if text.chars().count() < SECRET_CHARS_MIN || !text.chars().all(|c| c.is_ascii_graphic()) {
            let why = format!(
                "a platform's secret has {SECRET_CHARS_MIN} or more letters, digits and signs, no spaces"
            );
            return Err(self.mistake(entry.span(), key, why));
        }
        Ok(secret)
    }

    fn test_event_code(&self, entry: &PixelEntry) -> Result<Option<String>, Mistake> {
        const KEY: &str = "pixel.test_event_code";
        let Some(code) = &entry.test_event_code else { return Ok(None) };
        if !matches!(entry.platform, Platform::Meta | Platform::Tiktok) {
            let why = format!("{} knows no test events: leave it out", entry.platform.name());
            return Err(self.mistake(code.span(), KEY, why));
        }
        let text = code.get_ref();
        if text.is_empty() || text.len() > 40 || !text.chars().all(|c| c.is_ascii_alphanumeric()) {
            let why = "write the code as the events manager shows it, as in TEST12345".to_owned();
            return Err(self.mistake(code.span(), KEY, why));
        }
        Ok(Some(text.clone()))
    }

    fn page(&self, page: &Spanned<String>) -> Result<String, Mistake> {
        let url = Url::parse(page.get_ref()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(String::from).ok_or_else(|| {
            let why = "write the address of a page, as in https://acme.example/thanks".to_owned();
            self.mistake(page.span(), "pixel.page", why)
        })
    }
}

#[cfg(test)]
mod tests;
