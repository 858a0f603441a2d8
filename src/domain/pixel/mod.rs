//! Pixels: what an ad platform is told of conversions, and what its answers mean.
//!
//! A platform is told through the delivery engine, as an affiliate's tracker is, but its messages have a shape of their
//! own. One file per platform composes them and judges the answers: [`meta`], [`tiktok`], [`ga4`], [`yandex`].

mod event;
mod ga4;
mod identity;
mod match_keys;
mod meta;
mod naming;
#[cfg(test)]
mod tests;
mod tiktok;
mod yandex;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use self::event::Event;
pub use self::{
    event::{ADDRESS, USER_AGENT},
    naming::{BaseUrl, EventName, InvalidSetting, PlatformId},
};
use crate::domain::{
    catalog::Offer,
    conversion::Conversion,
    delivery::{AttemptResult, Ending},
    goal::{Goal, stored_words},
    ids::{AffiliateId, EndpointId, GoalAlias, OfferId},
    outgoing::{Facts, Message},
    retry::RetryAfter,
    secret::Secret,
    status::{Status, StatusEvent},
    time::Timestamp,
};

const HOUR_MILLIS: i64 = 60 * 60 * 1000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// An ad platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Meta, by its Conversions API.
    Meta,
    /// `TikTok`, by its Events API 2.0.
    Tiktok,
    /// Google Analytics 4, by its Measurement Protocol.
    Ga4,
    /// Yandex Metrica, by its Measurement Protocol and by uploads of offline conversions.
    Yandex,
}

stored_words!(Platform {
    "meta" => Self::Meta, "tiktok" => Self::Tiktok, "ga4" => Self::Ga4, "yandex" => Self::Yandex,
});

/// Which status of a conversion a platform is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That it is pending.
    Pending,
    /// That it is approved.
    Approved,
    /// Whichever of the two comes first: a platform counts what it is told, so it is told once.
    Both,
}

stored_words!(When { "pending" => Self::Pending, "approved" => Self::Approved, "both" => Self::Both });

/// A place at an ad platform where the conversions of an offer are told.
#[derive(Clone, Debug, Serialize)]
pub struct Pixel {
    /// Its id, of the same kind as a postback endpoint's: no two endpoints of either kind share one.
    pub id: EndpointId,
    /// The platform.
    pub platform: Platform,
    /// Whose conversions.
    pub offer: OfferId,
    /// Only those of this affiliate's players; none for everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affiliate: Option<AffiliateId>,
    /// What the platform calls it: a pixel, a measurement id, a counter.
    #[serde(rename = "pixel_id")]
    pub platform_id: PlatformId,
    /// What proves that we may tell it.
    pub secret: Secret,
    /// What Yandex asks for beside it, for fresh events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement_secret: Option<Secret>,
    /// Which status is told.
    pub when: When,
    /// The platform's name for a goal; none for a goal that it is not told of. As configured, only what differs from
    /// the goals' own names; in the catalog every goal, see [`Pixel::complete`].
    #[serde(serialize_with = "event_names")]
    pub events: BTreeMap<GoalAlias, Option<EventName>>,
    /// Marks events as tests, where the platform knows such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_event_code: Option<String>,
    /// The page on which conversions happen; in the catalog always there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Where the platform is, if not where it always is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<BaseUrl>,
    /// Whether it is told of anything at all.
    pub active: bool,
}

/// As they are configured: an empty name is none.
fn event_names<S: Serializer>(
    events: &BTreeMap<GoalAlias, Option<EventName>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer
        .collect_map(events.iter().map(|(goal, name)| (goal, name.as_ref().map_or("", EventName::as_str))))
}

/// A request to a platform, with the kind of answer that belongs to it.
#[derive(Clone)]
pub struct Call {
    /// The request.
    pub message: Message,
    answer: Answer,
}

/// What to do for a delivery now.
pub enum Step {
    /// Send this.
    Send(Call),
    /// Nothing, because this much is known without asking.
    End(Ending),
}

/// The kind of answer that a request gets.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Meta,
    Tiktok,
    Ga4,
    Ga4Validation,
    YandexHit,
    YandexUpload,
    YandexProgress,
    YandexAccess,
}

impl Platform {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "Meta",
            Self::Tiktok => "TikTok",
            Self::Ga4 => "Google Analytics",
            Self::Yandex => "Yandex Metrica",
        }
    }

    /// What it calls the goals that every merchant has, where nobody says otherwise.
    const fn default_events(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Meta => &meta::EVENTS,
            Self::Tiktok => &tiktok::EVENTS,
            Self::Ga4 => &ga4::EVENTS,
            Self::Yandex => &yandex::EVENTS,
        }
    }

    /// How old an event may be when it is told, in milliseconds, and in words; none where no limit is published.
    const fn age_max(self) -> Option<(i64, &'static str)> {
        match self {
            Self::Meta => Some((7 * DAY_MILLIS, "7 days")),
            Self::Tiktok => None,
            Self::Ga4 => Some((72 * HOUR_MILLIS, "72 hours")),
            Self::Yandex => Some((21 * DAY_MILLIS, "21 days")),
        }
    }
}

impl Pixel {
    /// With what its offer and the goals of the offer's merchant say where it says nothing itself.
    #[must_use]
    pub fn complete(mut self, offer: &Offer, goals: &[Goal]) -> Self {
        for goal in goals {
            let of_goal = || goal.events.get(&self.platform).cloned();
            let usual = || {
                let mut known = self.platform.default_events().iter();
                known.find(|(alias, _)| *alias == goal.alias.as_str()).map(|(_, name)| EventName::known(name))
            };
            self.events.entry(goal.alias.clone()).or_insert_with(|| of_goal().or_else(usual));
        }
        self.page.get_or_insert_with(|| offer.landing_page());
        self
    }

    /// Whether it is told of this step in the history of a conversion.
    pub fn wants(&self, conversion: &Conversion, event: &StatusEvent) -> bool {
        self.active
            && self.offer == conversion.offer
            && self.affiliate.as_ref().is_none_or(|affiliate| *affiliate == conversion.affiliate)
            && self.event_name(&conversion.goal).is_some()
            && match (self.when, event.to) {
                (_, Status::Rejected) => false,
                (When::Pending, to) => to == Status::Pending,
                (When::Approved, to) => to == Status::Approved,
                (When::Both, to) => to == Status::Pending || event.from != Some(Status::Pending),
            }
    }

    /// Whether it tells the platform of the browser with which this affiliate's players clicked.
    pub fn is_told_of_browsers(&self, affiliate: &AffiliateId) -> bool {
        self.active
            && matches!(self.platform, Platform::Meta | Platform::Tiktok)
            && self.affiliate.as_ref().is_none_or(|own| own == affiliate)
    }

    /// What to send for a delivery, or why nothing. The `continuation` is what an earlier attempt has left behind.
    pub fn step(&self, facts: &Facts, continuation: Option<&str>, now: Timestamp) -> Step {
        if let (Platform::Yandex, Some(upload)) = (self.platform, continuation) {
            return Step::Send(yandex::progress(self, upload));
        }
        if facts.conversion.status == Status::Rejected {
            let why = "the conversion is rejected by now: ad platforms are told of no rejected conversion";
            return Step::End(Ending::Refused(why.to_owned()));
        }
        let Some(name) = self.event_name(&facts.conversion.goal) else {
            let why = format!("the pixel has no event name for the goal {}", facts.conversion.goal);
            return Step::End(Ending::Refused(why));
        };
        let event = Event::new(facts, name, now);
        if let Some(why) = self.too_late(&event, now) {
            return Step::End(Ending::TooLate(why));
        }
        match self.platform {
            Platform::Meta => Step::Send(meta::call(self, &event)),
            Platform::Tiktok => Step::Send(tiktok::call(self, &event)),
            Platform::Ga4 => ga4::step(self, &event, ga4::COLLECT),
            Platform::Yandex => yandex::step(self, &event, now),
        }
    }

    /// What to send to see whether the pixel works, without telling the platform anything that it would count.
    pub fn test(&self, facts: &Facts, now: Timestamp) -> Step {
        match self.platform {
            Platform::Meta | Platform::Tiktok if self.test_event_code.is_none() => {
                let why = format!(
                    "without a test_event_code {} would count the example: set the one that its events manager shows",
                    self.platform.name()
                );
                Step::End(Ending::Refused(why))
            }
            Platform::Meta | Platform::Tiktok => self.step(facts, None, now),
            Platform::Ga4 => {
                let name = self.event_name(&facts.conversion.goal).cloned();
                let name = name.unwrap_or_else(|| EventName::known("purchase"));
                ga4::step(self, &Event::new(facts, &name, now), ga4::VALIDATE)
            }
            Platform::Yandex => Step::Send(yandex::access(self)),
        }
    }

    /// The platform's name for a goal that it is told of.
    pub fn event_name(&self, goal: &GoalAlias) -> Option<&EventName> {
        self.events.get(goal)?.as_ref()
    }

    /// The goal that an example is best made of.
    pub fn example_goal(&self) -> Option<&GoalAlias> {
        let told = || self.events.iter().filter(|(_, name)| name.is_some()).map(|(goal, _)| goal);
        told().find(|goal| goal.as_str() == "ftd").or_else(|| told().next())
    }

    /// An address at the host that it is told at.
    pub fn address(&self) -> &str {
        let usual = match self.platform {
            Platform::Meta => meta::BASE_URL,
            Platform::Tiktok => tiktok::BASE_URL,
            Platform::Ga4 => ga4::BASE_URL,
            Platform::Yandex => yandex::MANAGEMENT_URL,
        };
        self.base_or(usual)
    }

    fn base_or<'a>(&'a self, usual: &'a str) -> &'a str {
        self.base_url.as_ref().map_or(usual, BaseUrl::as_str)
    }

    fn too_late(&self, event: &Event, now: Timestamp) -> Option<String> {
        let (age_max, shown) = self.platform.age_max()?;
        let oldest = now.plus_millis(-age_max);
        let platform = self.platform.name();
        (event.at < oldest)
            .then(|| format!("it happened at {}, and {platform} takes nothing older than {shown}", event.at))
    }
}

impl Call {
    /// What the platform's answer means.
    pub fn judge(&self, status: u16, body: &str, retry_after: Option<RetryAfter>) -> AttemptResult {
        // Platforms quote what they don't take, a token among it.
        let body = &self.message.without_secrets(body.to_owned());
        let ending = match self.answer {
            Answer::Meta => meta::judge(status, body),
            Answer::Tiktok => tiktok::judge(status, body),
            Answer::Ga4 => ga4::judge(status),
            Answer::Ga4Validation => ga4::judge_validation(status, body),
            Answer::YandexHit => yandex::judge_hit(status, body),
            Answer::YandexUpload => yandex::judge_upload(status, body),
            Answer::YandexProgress => yandex::judge_progress(status, body),
            Answer::YandexAccess => yandex::judge_access(status, body),
        };
        AttemptResult { status: Some(status), ending, retry_after }
    }
}

/// How many characters of what a platform says are told on.
const SAID_MAX: usize = 300;

/// A platform's words, for a sentence of ours.
fn said(words: &str) -> String {
    let mut said: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = said.char_indices().nth(SAID_MAX) {
        said.truncate(end);
        said.push('…');
    }
    said
}
