//! `[[postback]]`: where an affiliate wants to be told.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use toml::Spanned;

use super::{
    Mistake, Reader,
    entries::{
        File, SecretEntry, affiliate_id, endpoint_id, method, optional_goal, optional_offer, told_statuses,
    },
};
use crate::{
    delivery::client::own_header,
    domain::{
        endpoint::{BasicAuth, Method, PostbackEndpoint, SuccessRule},
        ids::{AffiliateId, EndpointId, GoalAlias, OfferId},
        secret::Secret,
        status::Status,
        template::{TextTemplate, UrlTemplate, Vocabulary},
        webhook::SigningSecret,
    },
};

/// Headers by which a receiver tells a repetition and checks who sends.
const SIGNATURE_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostbackEntry {
    #[serde(deserialize_with = "endpoint_id")]
    pub(super) id: Spanned<EndpointId>,
    #[serde(deserialize_with = "affiliate_id")]
    affiliate: Spanned<AffiliateId>,
    #[serde(default, deserialize_with = "optional_offer")]
    offer: Option<Spanned<OfferId>>,
    #[serde(default, deserialize_with = "optional_goal")]
    goal: Option<Spanned<GoalAlias>>,
    #[serde(default = "approved", deserialize_with = "told_statuses")]
    statuses: Vec<Status>,
    #[serde(default = "get", deserialize_with = "method")]
    method: Method,
    url: Spanned<String>,
    #[serde(default)]
    params: Pairs,
    #[serde(default)]
    headers: Pairs,
    basic_auth: Option<Spanned<BasicAuthEntry>>,
    signing_secret: Option<Spanned<SecretEntry>>,
    success: Option<Spanned<SuccessEntry>>,
    #[serde(default = "yes")]
    active: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuthEntry {
    login: Option<SecretEntry>,
    password: Option<SecretEntry>,
    token: Option<SecretEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuccessEntry {
    #[serde(default = "any_2xx")]
    statuses: String,
    #[serde(default)]
    body_contains: String,
}

fn approved() -> Vec<Status> {
    vec![Status::Approved]
}
const fn get() -> Method {
    Method::Get
}
const fn yes() -> bool {
    true
}
fn any_2xx() -> String {
    "200-299".to_owned()
}

/// Names and texts, in the order of the file.
#[derive(Default)]
struct Pairs(Vec<(String, Spanned<String>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, Spanned<String>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of names and texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Reader).map(Pairs)
    }
}

impl Reader<'_> {
    pub(super) fn endpoint(&self, entry: &PostbackEntry, file: &File) -> Result<PostbackEndpoint, Mistake> {
        self.check_references(entry, file)?;
        self.check_headers(entry)?;
        if entry.statuses.is_empty() {
            let why =
                "name at least one of pending, approved, rejected, or leave it out for approved".to_owned();
            return Err(self.mistake(entry.id.span(), "postback.statuses", why));
        }
        let url = UrlTemplate::parse(entry.url.get_ref(), Vocabulary::Postback)
            .map_err(|error| self.mistake(entry.url.span(), "postback.url", error.to_string()))?;
        if url.has_credentials() {
            let why = "credentials are kept safe as basic_auth = { login = \"…\", password = \"…\" }: write the URL \
                       without them"
                .to_owned();
            return Err(self.mistake(entry.url.span(), "postback.url", why));
        }
        let signing_secret =
            entry.signing_secret.as_ref().map(|secret| self.signing_secret(entry, secret)).transpose()?;
        Ok(PostbackEndpoint {
            id: entry.id.get_ref().clone(),
            affiliate: entry.affiliate.get_ref().clone(),
            offer: entry.offer.as_ref().map(|offer| offer.get_ref().clone()),
            goal: entry.goal.as_ref().map(|goal| goal.get_ref().clone()),
            statuses: entry.statuses.iter().copied().collect(),
            method: entry.method,
            url,
            params: self.templates(&entry.params, "postback.params")?,
            headers: self.templates(&entry.headers, "postback.headers")?,
            basic_auth: entry.basic_auth.as_ref().map(|auth| self.basic_auth(auth)).transpose()?,
            signing_secret,
            success: self.success(entry.success.as_ref())?,
            active: entry.active,
        })
    }

    fn check_references(&self, entry: &PostbackEntry, file: &File) -> Result<(), Mistake> {
        let affiliate = entry.affiliate.get_ref();
        if !self.present.affiliates.contains_key(affiliate)
            && !file.affiliate.iter().any(|it| it.id.get_ref() == affiliate)
        {
            let why = format!("there is no affiliate {affiliate}: add [[affiliate]] with this id");
            return Err(self.mistake(entry.affiliate.span(), "postback.affiliate", why));
        }
        let Some(offer) = &entry.offer else { return Ok(()) };
        let id = offer.get_ref();
        if self.present.offers.contains_key(id) || file.offer.iter().any(|it| it.id.get_ref() == id) {
            return Ok(());
        }
        let why =
            format!("there is no offer {id}: add [[offer]] with this id, or leave it out for every offer");
        Err(self.mistake(offer.span(), "postback.offer", why))
    }

    fn check_headers(&self, entry: &PostbackEntry) -> Result<(), Mistake> {
        for (name, value) in &entry.headers.0 {
            let mistake = |why| self.mistake(value.span(), "postback.headers", why);
            let header = own_header(name).map_err(|failure| mistake(failure.to_string()))?;
            if SIGNATURE_HEADERS.contains(&header.as_str()) {
                return Err(mistake(format!("`{header}` is set by itself: leave it out")));
            }
            if header == "authorization" && entry.basic_auth.is_some() {
                return Err(mistake(
                    "basic_auth sets `authorization` already: give one of the two".to_owned(),
                ));
            }
        }
        Ok(())
    }

    fn templates(&self, pairs: &Pairs, key: &'static str) -> Result<Vec<(String, TextTemplate)>, Mistake> {
        let parse = |(name, source): &(String, Spanned<String>)| {
            TextTemplate::parse(source.get_ref(), Vocabulary::Postback)
                .map(|template| (name.clone(), template))
                .map_err(|error| self.mistake(source.span(), key, format!("{name}: {error}")))
        };
        pairs.0.iter().map(parse).collect()
    }

    fn basic_auth(&self, entry: &Spanned<BasicAuthEntry>) -> Result<BasicAuth, Mistake> {
        const KEY: &str = "postback.basic_auth";
        let read = |secret: &SecretEntry| self.secret_text(secret, entry.span(), KEY);
        match entry.get_ref() {
            BasicAuthEntry { login: Some(login), password, token: None } => Ok(BasicAuth {
                login: Secret::new(read(login)?),
                password: password.as_ref().map(read).transpose()?.map(Secret::new),
            }),
            BasicAuthEntry { login: None, password: None, token: Some(token) } => {
                Ok(BasicAuth { login: Secret::new(read(token)?), password: None })
            }
            _ => {
                let why = "give either login and password, or token".to_owned();
                Err(self.mistake(entry.span(), KEY, why))
            }
        }
    }

    fn signing_secret(
        &self,
        entry: &PostbackEntry,
        secret: &Spanned<SecretEntry>,
    ) -> Result<SigningSecret, Mistake> {
        const KEY: &str = "postback.signing_secret";
        if entry.method != Method::PostJson {
            let why = "only JSON is signed: set method = \"POST_JSON\", or leave it out".to_owned();
            return Err(self.mistake(secret.span(), KEY, why));
        }
        let text = self.secret_text(secret.get_ref(), secret.span(), KEY)?;
        SigningSecret::parse(&text).map_err(|error| self.mistake(secret.span(), KEY, error.to_string()))
    }

    fn success(&self, entry: Option<&Spanned<SuccessEntry>>) -> Result<SuccessRule, Mistake> {
        let Some(entry) = entry else { return Ok(SuccessRule::default()) };
        let rule = entry.get_ref();
        SuccessRule::parse(&rule.statuses, rule.body_contains.clone())
            .map_err(|error| self.mistake(entry.span(), "postback.success", error.to_string()))
    }
}

#[cfg(test)]
mod tests;
