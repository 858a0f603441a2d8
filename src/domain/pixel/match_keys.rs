//! By what a platform finds the player again. Without such a key it can't tell which ad brought the player, and the
//! money for the ads is spent without learning from it; so what clicks lack is told early.

use super::{Pixel, Platform, ga4, meta, tiktok, yandex};
use crate::domain::params::Params;

impl Platform {
    /// Parameters of a click, each of which is enough for the platform to find the player again.
    pub const fn match_keys(self) -> &'static [&'static str] {
        match self {
            Self::Meta => &meta::MATCH_KEYS,
            Self::Tiktok => &tiktok::MATCH_KEYS,
            Self::Ga4 => &ga4::MATCH_KEYS,
            Self::Yandex => &yandex::MATCH_KEYS,
        }
    }

    /// What to do about clicks without any.
    const fn advice(self) -> &'static str {
        match self {
            Self::Meta => {
                "Meta adds fbclid to the links of its ads; whatever stands before our link must pass it on"
            }
            Self::Tiktok => {
                "TikTok adds ttclid to the links of its ads; whatever stands before our link must pass it on"
            }
            Self::Ga4 => {
                "the page before our link must add the browser's client_id, which gtag('get') tells; without it \
                 nothing can be sent"
            }
            Self::Yandex => {
                "the page before our link must add the browser's client_id, which ym(…, 'getClientID') tells, or pass \
                 yclid on; without either nothing can be sent"
            }
        }
    }
}

impl Pixel {
    /// What its manager should see to before money is spent on ads, given the parameters of the newest clicks that it
    /// could be told about.
    pub fn warnings(&self, newest_clicks: &[Params]) -> Vec<String> {
        let keys = self.platform.match_keys();
        let without = |click: &&Params| keys.iter().all(|key| click.given(key).is_none());
        let (clicks, lacking) = (newest_clicks.len(), newest_clicks.iter().filter(without).count());
        let names = keys.join(", ");
        let advice = self.platform.advice();
        let missing = match lacking {
            _ if clicks == 0 => Some(format!("no click yet to look for any of {names}: {advice}")),
            0 => None,
            _ => Some(format!("{lacking} of the last {clicks} clicks carried none of {names}: {advice}")),
        };
        let testing = self.test_event_code.is_some().then(|| {
            let platform = self.platform.name();
            format!("everything goes to {platform} marked as a test: take test_event_code out when you have seen it")
        });
        missing.into_iter().chain(testing).collect()
    }
}
