//! `[[postback]]`: where an affiliate wants to be told.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use toml::Spanned;
use utoipa::ToSchema;

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
        hidden::{KEEP, whole_text, whole_url},
        ids::{AffiliateId, EndpointId, GoalAlias, OfferId},
        secret::Secret,
        status::Status,
        template::{TextTemplate, UrlTemplate, Vocabulary},
        webhook::SigningSecret,
    },
};

/// Headers by which a receiver tells a repetition and checks who sends.
const SIGNATURE_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// A postback endpoint: where an affiliate wants to be told, of what, and how. Fixed credentials within the URL, the
/// parameters and the headers are shown as `{keep}`, which leaves them as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Postback)]
pub struct PostbackEntry {
    /// A slug: 1 to 40 of `a-z 0-9 -`. It never changes.
    #[serde(deserialize_with = "endpoint_id")]
    #[schema(value_type = String)]
    pub(super) id: Spanned<EndpointId>,
    /// Whose it is.
    #[serde(deserialize_with = "affiliate_id")]
    #[schema(value_type = String)]
    affiliate: Spanned<AffiliateId>,
    /// Only conversions of this offer; without it of every offer.
    #[serde(default, deserialize_with = "optional_offer")]
    #[schema(value_type = Option<String>)]
    offer: Option<Spanned<OfferId>>,
    /// Only conversions of this goal; without it of every goal.
    #[serde(default, deserialize_with = "optional_goal")]
    #[schema(value_type = Option<String>)]
    goal: Option<Spanned<GoalAlias>>,
    /// Of which statuses it is told: `pending`, `approved`, `rejected`; `approved` by default.
    #[serde(default = "approved", deserialize_with = "told_statuses")]
    #[schema(value_type = Vec<String>)]
    statuses: Vec<Status>,
    /// `GET`, `POST_FORM` or `POST_JSON`.
    #[serde(default = "get", deserialize_with = "method")]
    #[schema(value_type = String)]
    method: Method,
    /// Where to, with macros.
    #[schema(value_type = String)]
    url: Spanned<String>,
    /// Parameters with macros: of the query, the form or the JSON object.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    params: Pairs,
    /// Headers with macros.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    headers: Pairs,
    /// HTTP Basic authentication.
    #[schema(value_type = Option<BasicAuthEntry>)]
    basic_auth: Option<Spanned<BasicAuthEntry>>,
    /// Signs JSON as Standard Webhooks do: `whsec_` and base64.
    #[schema(value_type = Option<SecretEntry>)]
    signing_secret: Option<Spanned<SecretEntry>>,
    /// What counts as told.
    #[schema(value_type = Option<SuccessEntry>)]
    success: Option<Spanned<SuccessEntry>>,
    /// Whether it is told of anything at all.
    #[serde(default = "yes")]
    active: bool,
}

/// Credentials for HTTP Basic authentication: a login and perhaps a password, or a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BasicAuth)]
struct BasicAuthEntry {
    /// The user name.
    login: Option<SecretEntry>,
    /// The password.
    password: Option<SecretEntry>,
    /// A token, sent as a user name without a password.
    token: Option<SecretEntry>,
}

/// Which answers mean that a postback was taken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Success)]
struct SuccessEntry {
    /// HTTP statuses, as in `200-299` or `200,204`.
    #[serde(default = "any_2xx")]
    statuses: String,
    /// What the body must hold.
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

impl PostbackEntry {
    /// Whether credentials that are sent along stay as they are. A signing secret is not sent.
    fn keeps_credentials(&self) -> bool {
        let auth = self.basic_auth.iter().map(Spanned::get_ref);
        let auth = auth.flat_map(|auth| [&auth.login, &auth.password, &auth.token]).flatten();
        self.url.get_ref().contains(KEEP)
            || self.params.0.iter().chain(&self.headers.0).any(|(_, text)| text.get_ref() == KEEP)
            || auth.into_iter().any(|secret| matches!(secret, SecretEntry::Elsewhere(it) if it.keep))
    }
}

impl Reader<'_> {
    pub(super) fn endpoint(&self, entry: &PostbackEntry, file: &File) -> Result<PostbackEndpoint, Mistake> {
        self.check_affiliate(&entry.affiliate, "postback.affiliate", file)?;
        if let Some(offer) = &entry.offer {
            self.check_offer(offer, "postback.offer", file)?;
        }
        self.check_headers(entry)?;
        if entry.statuses.is_empty() {
            let why =
                "name at least one of pending, approved, rejected, or leave it out for approved".to_owned();
            return Err(self.mistake(entry.id.span(), "postback.statuses", why));
        }
        let present = self.world.present.endpoint(entry.id.get_ref()).map(|endpoint| &**endpoint);
        let url = self.url(entry, present)?;
        let pairs = |of: fn(&PostbackEndpoint) -> &[(String, TextTemplate)]| present.map_or(&[][..], of);
        let signing_secret = entry
            .signing_secret
            .as_ref()
            .map(|secret| self.endpoint_signing_secret(entry, secret, present))
            .transpose()?;
        let auth = entry.basic_auth.as_ref().map(|auth| self.basic_auth(auth, present)).transpose()?;
        Ok(PostbackEndpoint {
            id: entry.id.get_ref().clone(),
            affiliate: entry.affiliate.get_ref().clone(),
            offer: entry.offer.as_ref().map(|offer| offer.get_ref().clone()),
            goal: entry.goal.as_ref().map(|goal| goal.get_ref().clone()),
            statuses: entry.statuses.iter().copied().collect(),
            method: entry.method,
            url,
            params: self.templates(&entry.params, "postback.params", pairs(|it| &it.params))?,
            headers: self.templates(&entry.headers, "postback.headers", pairs(|it| &it.headers))?,
            basic_auth: auth,
            signing_secret,
            success: self.success(entry.success.as_ref())?,
            active: entry.active,
        })
    }

    fn url(&self, entry: &PostbackEntry, present: Option<&PostbackEndpoint>) -> Result<UrlTemplate, Mistake> {
        let mistake = |why: String| self.mistake(entry.url.span(), "postback.url", why);
        let source = whole_url(entry.url.get_ref(), present.map(|it| it.url.source()));
        let source = source.map_err(|error| mistake(error.to_string()))?;
        let url =
            UrlTemplate::parse(&source, Vocabulary::Postback).map_err(|error| mistake(error.to_string()))?;
        if url.has_credentials() {
            return Err(mistake(
                "credentials are kept safe as basic_auth = { login = \"…\", password = \"…\" }: write the URL \
                 without them"
                    .to_owned(),
            ));
        }
        // What is kept was meant for the host that it has been sent to. Whoever only writes secrets must not get to
        // read them by sending them elsewhere.
        match present {
            Some(present) if present.url.origin() != url.origin() && entry.keeps_credentials() => {
                Err(mistake(format!(
                    "the secrets that are kept belong to {}: write them anew for another host",
                    present.url.origin()
                )))
            }
            _ => Ok(url),
        }
    }

    pub(super) fn check_affiliate(
        &self,
        affiliate: &Spanned<AffiliateId>,
        key: &'static str,
        file: &File,
    ) -> Result<(), Mistake> {
        let id = affiliate.get_ref();
        let here = file.affiliate.iter().any(|it| it.id.get_ref() == id);
        if here || self.world.present.affiliates.contains_key(id) {
            return Ok(());
        }
        let why =
            format!("there is no affiliate {id}: add it first, in a file as [[affiliate]] with this id");
        Err(self.mistake(affiliate.span(), key, why))
    }

    pub(super) fn check_offer(
        &self,
        offer: &Spanned<OfferId>,
        key: &'static str,
        file: &File,
    ) -> Result<(), Mistake> {
        let id = offer.get_ref();
        if self.world.present.offers.contains_key(id) || file.offer.iter().any(|it| it.id.get_ref() == id) {
            return Ok(());
        }
        let why = format!("there is no offer {id}: add it first, in a file as [[offer]] with this id");
        Err(self.mistake(offer.span(), key, why))
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

    fn templates(
        &self,
        pairs: &Pairs,
        key: &'static str,
        present: &[(String, TextTemplate)],
    ) -> Result<Vec<(String, TextTemplate)>, Mistake> {
        let parse = |(name, sent): &(String, Spanned<String>)| {
            let mistake = |why: String| self.mistake(sent.span(), key, why);
            let source =
                whole_text(name, sent.get_ref(), present).map_err(|error| mistake(error.to_string()))?;
            TextTemplate::parse(source, Vocabulary::Postback)
                .map(|template| (name.clone(), template))
                .map_err(|error| mistake(format!("{name}: {error}")))
        };
        pairs.0.iter().map(parse).collect()
    }

    fn basic_auth(
        &self,
        entry: &Spanned<BasicAuthEntry>,
        present: Option<&PostbackEndpoint>,
    ) -> Result<BasicAuth, Mistake> {
        const KEY: &str = "postback.basic_auth";
        let present = present.and_then(|endpoint| endpoint.basic_auth.as_ref());
        let read = |secret: &SecretEntry, kept: Option<&Secret>| self.secret(secret, entry.span(), KEY, kept);
        let kept_login = present.map(|auth| &auth.login);
        let kept_password = present.and_then(|auth| auth.password.as_ref());
        match entry.get_ref() {
            BasicAuthEntry { login: Some(login), password, token: None } => Ok(BasicAuth {
                login: read(login, kept_login.filter(|_| kept_password.is_some() || password.is_none()))?,
                password: password.as_ref().map(|password| read(password, kept_password)).transpose()?,
            }),
            BasicAuthEntry { login: None, password: None, token: Some(token) } => {
                let kept = kept_login.filter(|_| kept_password.is_none());
                Ok(BasicAuth { login: read(token, kept)?, password: None })
            }
            _ => {
                let why = "give either login and password, or token".to_owned();
                Err(self.mistake(entry.span(), KEY, why))
            }
        }
    }

    fn endpoint_signing_secret(
        &self,
        entry: &PostbackEntry,
        secret: &Spanned<SecretEntry>,
        present: Option<&PostbackEndpoint>,
    ) -> Result<SigningSecret, Mistake> {
        const KEY: &str = "postback.signing_secret";
        if entry.method != Method::PostJson {
            let why = "only JSON is signed: set method = \"POST_JSON\", or leave it out".to_owned();
            return Err(self.mistake(secret.span(), KEY, why));
        }
        let kept = present.and_then(|endpoint| endpoint.signing_secret.as_ref()).map(SigningSecret::expose);
        let text = self.secret(secret.get_ref(), secret.span(), KEY, kept.as_ref())?;
        SigningSecret::parse(text.expose())
            .map_err(|error| self.mistake(secret.span(), KEY, error.to_string()))
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
