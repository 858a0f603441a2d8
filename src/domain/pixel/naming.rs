//! What of a pixel goes into requests as it is configured: checked once, when it is read.

use std::fmt;

use serde::Serialize;
use url::Url;

use super::Platform;

/// A setting of a pixel that can't be meant; says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(String);

/// How long the name of an event may be, in characters.
const NAME_CHARS_MAX: usize = 100;

/// How long Google Analytics lets one be.
const GA4_NAME_CHARS_MAX: usize = 40;

const GA4_RESERVED_PREFIXES: [&str; 4] = ["_", "firebase_", "ga_", "google_"];

/// Names of Google Analytics that nobody may send.
const GA4_RESERVED_NAMES: [&str; 21] = [
    "ad_impression",
    "app_remove",
    "app_store_refund",
    "app_store_subscription_cancel",
    "app_store_subscription_renew",
    "click",
    "error",
    "file_download",
    "first_open",
    "first_visit",
    "form_start",
    "form_submit",
    "in_app_purchase",
    "page_view",
    "scroll",
    "session_start",
    "user_engagement",
    "view_complete",
    "video_progress",
    "video_start",
    "view_search_results",
];

/// What a platform calls a goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventName(String);

impl EventName {
    /// Checks what the platform is known to refuse.
    ///
    /// # Errors
    /// [`InvalidSetting`]
    pub fn parse(platform: Platform, text: &str) -> Result<Self, InvalidSetting> {
        let chars = text.chars().count();
        let plain = text.trim() == text && !text.chars().any(char::is_control);
        if !(1..=NAME_CHARS_MAX).contains(&chars) || !plain {
            let why = format!("an event name has 1 to {NAME_CHARS_MAX} characters, no spaces around them");
            return Err(InvalidSetting(why));
        }
        if platform == Platform::Ga4 {
            check_ga4(text)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// A name of ours.
    pub(super) fn known(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_ga4(name: &str) -> Result<(), InvalidSetting> {
    let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= GA4_NAME_CHARS_MAX;
    let reserved = GA4_RESERVED_NAMES.contains(&name)
        || GA4_RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if shaped && !reserved {
        return Ok(());
    }
    let why = format!(
        "Google Analytics takes names of 1 to {GA4_NAME_CHARS_MAX} letters, digits and _ that begin with a letter and \
         are none of its own: `{name}` is not one"
    );
    Err(InvalidSetting(why))
}

/// What a platform calls a pixel: it stands in addresses, so it holds nothing but letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PlatformId(String);

impl PlatformId {
    /// Checks the platform's form.
    ///
    /// # Errors
    /// [`InvalidSetting`]
    pub fn parse(platform: Platform, text: &str) -> Result<Self, InvalidSetting> {
        let digits = text.chars().all(|c| c.is_ascii_digit());
        let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
        let (fits, expected) = match platform {
            Platform::Meta => (digits, "Meta's id of a pixel is a number, as in 1234567890123456"),
            Platform::Tiktok => {
                (letters(text), "TikTok's code of a pixel has letters and digits, as in C4A1B2C3D4E5F6G7H8I9")
            }
            Platform::Ga4 => (
                text.strip_prefix("G-").is_some_and(|rest| !rest.is_empty() && letters(rest)),
                "a measurement id of Google Analytics looks like G-ABC123DEF4",
            ),
            Platform::Yandex => (digits, "the number of a Metrica counter looks like 12345678"),
        };
        let fits = fits && (1..=40).contains(&text.len());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidSetting(expected.to_owned())) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a platform is: an `http` or `https` address without a query, and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`InvalidSetting`]
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let whole = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let url = Url::parse(text).ok().filter(whole);
        let url = url.ok_or_else(|| {
            let expected =
                "write an http or https address without credentials and query, as in https://host/path";
            InvalidSetting(expected.to_owned())
        })?;
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_are_those_that_the_platform_takes() {
        #[track_caller]
        fn check(platform: Platform, name: &str, taken: bool) {
            assert_eq!(EventName::parse(platform, name).is_ok(), taken, "{name}");
        }
        check(Platform::Meta, "Purchase", true);
        check(Platform::Meta, "Deposit, large", true);
        check(Platform::Yandex, "первый-депозит", true);
        for wrong in ["", " Purchase", "a\nb", &"x".repeat(101)] {
            check(Platform::Tiktok, wrong, false);
        }
        check(Platform::Ga4, "generate_lead", true);
        check(Platform::Ga4, &"x".repeat(40), true);
        for wrong in ["1st", "first deposit", "_x", "ga_x", "google_x", "firebase_x", "page_view", "é"] {
            check(Platform::Ga4, wrong, false);
        }
        check(Platform::Ga4, &"x".repeat(41), false);
    }

    #[test]
    fn ids_have_the_form_of_their_platform() {
        #[track_caller]
        fn check(platform: Platform, id: &str, taken: bool) {
            assert_eq!(PlatformId::parse(platform, id).is_ok(), taken, "{id}");
        }
        check(Platform::Meta, "1234567890123456", true);
        check(Platform::Meta, "123/../4", false);
        check(Platform::Meta, "", false);
        check(Platform::Tiktok, "COQDA8RC77U2TMR44LI0", true);
        check(Platform::Tiktok, "a b", false);
        check(Platform::Ga4, "G-ABC123DEF4", true);
        check(Platform::Ga4, "UA-1234-1", false);
        check(Platform::Ga4, "G-", false);
        check(Platform::Yandex, "2215573", true);
        check(Platform::Yandex, "2215573x", false);
    }

    #[test]
    fn a_base_address_has_neither_credentials_nor_query() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(BaseUrl::parse(text).ok().as_ref().map(BaseUrl::as_str), expected, "{text}");
        }
        check("http://127.0.0.1:9/", Some("http://127.0.0.1:9"));
        check("https://graph.facebook.com/v26.0", Some("https://graph.facebook.com/v26.0"));
        for wrong in ["", "graph.facebook.com", "ftp://a/", "https://u:p@a/", "https://a/?b", "https://a/#b"]
        {
            check(wrong, None);
        }
    }
}
