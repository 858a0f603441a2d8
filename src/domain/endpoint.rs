//! Postback endpoints: where affiliates want to be told, of what, and how.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    conversion::Conversion,
    goal::stored_words,
    hidden::{shown_pairs, shown_url},
    ids::{AffiliateId, EndpointId, GoalAlias, OfferId},
    pixel::Pixel,
    secret::Secret,
    setting::SettingKind,
    status::Status,
    template::{TextTemplate, UrlTemplate},
    webhook::SigningSecret,
};

/// Where conversions are told, of either kind. Both have ids of one kind, fare alike, and get deliveries alike.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// An affiliate's tracker.
    Postback(Arc<PostbackEndpoint>),
    /// An ad platform.
    Pixel(Arc<Pixel>),
}

impl Endpoint {
    /// Its id.
    pub fn id(&self) -> &EndpointId {
        match self {
            Self::Postback(postback) => &postback.id,
            Self::Pixel(pixel) => &pixel.id,
        }
    }

    /// What kind of setting it is.
    pub const fn kind(&self) -> SettingKind {
        match self {
            Self::Postback(_) => SettingKind::Postback,
            Self::Pixel(_) => SettingKind::Pixel,
        }
    }

    /// Whether it is told of anything at all.
    pub fn is_active(&self) -> bool {
        match self {
            Self::Postback(postback) => postback.active,
            Self::Pixel(pixel) => pixel.active,
        }
    }

    /// An address at its host, with the path of requests or without.
    pub fn address(&self) -> &str {
        match self {
            // A template has no macros in its host, so its source tells it.
            Self::Postback(postback) => postback.url.source(),
            Self::Pixel(pixel) => pixel.address(),
        }
    }
}

/// Where an affiliate wants to be told, of what, and how.
#[derive(Clone, Debug, Serialize)]
pub struct PostbackEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub affiliate: AffiliateId,
    /// Only conversions of this offer; none for every offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferId>,
    /// Only conversions of this goal; none for every goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<GoalAlias>,
    /// Only when a conversion gets one of these statuses.
    pub statuses: BTreeSet<Status>,
    /// How it is told.
    pub method: Method,
    /// Where to, with macros.
    #[serde(serialize_with = "shown_url")]
    pub url: UrlTemplate,
    /// Parameters with macros: of the query, the form or the JSON object, by the method.
    #[serde(serialize_with = "shown_pairs")]
    pub params: Vec<(String, TextTemplate)>,
    /// Headers with macros.
    #[serde(serialize_with = "shown_pairs")]
    pub headers: Vec<(String, TextTemplate)>,
    /// HTTP Basic authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// Signs JSON as Standard Webhooks do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SigningSecret>,
    /// What counts as told.
    pub success: SuccessRule,
    /// Whether it is told of anything at all.
    pub active: bool,
}

/// Credentials for HTTP Basic authentication; a token is a user name without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicAuth {
    /// The user name.
    pub login: Secret,
    /// The password.
    pub password: Option<Secret>,
}

/// As it is configured: a login with its password, or a token.
impl Serialize for BasicAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(if self.password.is_some() { "login" } else { "token" }, &self.login)?;
        if let Some(password) = &self.password {
            map.serialize_entry("password", password)?;
        }
        map.end()
    }
}

/// How an endpoint is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Everything stands in the URL.
    Get,
    /// A form in the body.
    PostForm,
    /// A JSON object in the body.
    PostJson,
}

stored_words!(Method { "GET" => Self::Get, "POST_FORM" => Self::PostForm, "POST_JSON" => Self::PostJson });

impl PostbackEndpoint {
    /// Whether it is told that this conversion has got this status. While an offer's goals are switched off, the
    /// endpoint's own condition on the goal is passed over, and holds again once they are switched on.
    pub fn wants(&self, conversion: &Conversion, status: Status, goals_enabled: bool) -> bool {
        self.active
            && self.affiliate == conversion.affiliate
            && self.offer.as_ref().is_none_or(|offer| *offer == conversion.offer)
            && (!goals_enabled || self.goal.as_ref().is_none_or(|goal| *goal == conversion.goal))
            && self.statuses.contains(&status)
    }
}

/// Which answers mean that the endpoint has taken a postback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SuccessRule {
    #[serde(skip)]
    statuses: Vec<RangeInclusive<u16>>,
    #[serde(rename = "statuses")]
    source: String,
    /// What the body must hold; empty for anything.
    pub body_contains: String,
}

/// A text that names no HTTP statuses.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no HTTP statuses: write them as 200-299 or 200,204")]
pub struct InvalidStatuses(String);

impl Default for SuccessRule {
    fn default() -> Self {
        Self { statuses: vec![200..=299], source: "200-299".to_owned(), body_contains: String::new() }
    }
}

impl SuccessRule {
    /// From statuses such as `200-299` or `200,204` and what the body must hold.
    ///
    /// # Errors
    /// [`InvalidStatuses`]
    pub fn parse(statuses: &str, body_contains: impl Into<String>) -> Result<Self, InvalidStatuses> {
        let status =
            |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (status(first)?, status(last)?);
            (first <= last).then_some(first..=last)
        };
        let ranges = statuses.split(',').map(range).collect::<Option<Vec<_>>>();
        Ok(Self {
            statuses: ranges.ok_or_else(|| InvalidStatuses(statuses.to_owned()))?,
            source: statuses.to_owned(),
            body_contains: body_contains.into(),
        })
    }

    /// The statuses as they were written.
    pub fn statuses(&self) -> &str {
        &self.source
    }

    /// What is wrong with an answer, if anything, in plain words.
    pub fn objection(&self, status: u16, body: &str) -> Option<String> {
        if !self.statuses.iter().any(|range| range.contains(&status)) {
            return Some(format!("answered {status}; success is {}", self.source));
        }
        (!body.contains(&self.body_contains))
            .then(|| format!("answered {status}, but without `{}` in its body", self.body_contains))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;

    fn lotus_wants(change: impl FnOnce(&mut PostbackEndpoint)) -> bool {
        let mut endpoint = fixture::endpoint();
        change(&mut endpoint);
        endpoint.wants(&fixture::conversion(), Status::Approved, true)
    }

    #[test]
    fn an_endpoint_is_told_of_what_fits_all_its_conditions() {
        assert!(lotus_wants(|_| {}));
        assert!(lotus_wants(|it| it.offer = Some(OfferId::parse("acme").unwrap())));
        assert!(lotus_wants(|it| it.goal = Some(GoalAlias::parse("ftd").unwrap())));
        assert!(!lotus_wants(|it| it.offer = Some(OfferId::parse("plain").unwrap())));
        assert!(!lotus_wants(|it| it.goal = Some(GoalAlias::parse("reg").unwrap())));
        assert!(!lotus_wants(|it| it.affiliate = AffiliateId::parse("orchid").unwrap()));
        assert!(!lotus_wants(|it| it.statuses = BTreeSet::from([Status::Pending, Status::Rejected])));
        assert!(!lotus_wants(|it| it.active = false));
    }

    #[test]
    fn switching_the_goals_of_an_offer_off_and_on_again_loses_no_condition() {
        let endpoint =
            PostbackEndpoint { goal: Some(GoalAlias::parse("reg").unwrap()), ..fixture::endpoint() };
        let wants = |goals_enabled| endpoint.wants(&fixture::conversion(), Status::Approved, goals_enabled);
        assert_eq!([true, false, true].map(wants), [false, true, false]);
    }

    #[test]
    fn success_is_a_status_in_range_and_the_wanted_text() {
        #[track_caller]
        fn check(statuses: &str, contains: &str, status: u16, body: &str, success: bool) {
            let rule = SuccessRule::parse(statuses, contains).unwrap();
            assert_eq!(
                rule.objection(status, body).is_none(),
                success,
                "{statuses} {contains} {status} {body}"
            );
        }
        check("200-299", "", 200, "", true);
        check("200-299", "", 302, "", false);
        check("200, 409", "", 409, "", true);
        check("200,409", "", 201, "", false);
        check("200-299", "OK", 200, "all OK", true);
        check("200-299", "OK", 200, "error", false);
        for wrong in ["", "abc", "200-", "299-200", "99", "600", "200;204"] {
            assert!(SuccessRule::parse(wrong, "").is_err(), "{wrong}");
        }
    }
}
