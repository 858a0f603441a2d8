//! What an endpoint is told: an endpoint's templates, filled with the facts of a conversion.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::{
    conversion::Conversion,
    endpoint::{BasicAuth, Method, PostbackEndpoint},
    hidden::{fixed_in_query, is_fixed, sounds_secret},
    ids::DeliveryId,
    params::Params,
    secret::Secret,
    status::Status,
    template::{append_query, form_body},
    time::Timestamp,
};

/// The facts that macros stand for.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The delivery: its id is the same on every attempt.
    pub delivery: DeliveryId,
    /// The conversion, with its extra parameters.
    pub conversion: Conversion,
    /// The parameters that the click came with.
    pub click_params: Params,
    /// The player's id at the merchant, as it was last told.
    pub player_id: Option<String>,
    /// When the click was.
    pub clicked_at: Timestamp,
    /// The status that is told.
    pub status: Status,
    /// Why it got it.
    pub reason: Option<String>,
    /// When it got it.
    pub changed_at: Timestamp,
}

impl Facts {
    /// What a macro stands for; nothing where there is no such fact.
    ///
    /// What the affiliate sent along with the click comes before what the merchant sends under the same name: an
    /// affiliate's own ids must come back as it gave them. The player's id is the merchant's to tell.
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let c = &self.conversion;
        let minor_unit = c.currency.map_or(0, |currency| currency.minor_unit);
        let owned = |text: String| Some(Cow::Owned(text));
        match name {
            "delivery_id" => owned(self.delivery.to_string()),
            "click_id" => Some(c.click.as_str().into()),
            "conversion_id" => owned(c.id.to_string()),
            "transaction_id" => c.transaction.as_ref().map(|id| id.as_str().into()),
            "goal" | "action" => Some(c.goal.as_str().into()),
            "status" => Some(self.status.as_str().into()),
            "amount" | "sum" => owned(c.amount.display(minor_unit).to_string()),
            "currency" => c.currency.and_then(|currency| owned(currency.code.to_string())),
            "revenue" => c.revenue.and_then(|revenue| owned(revenue.money.display(minor_unit).to_string())),
            "payout" => {
                c.payout.map(|payout| payout.display().to_string().into()).or_else(|| self.of_params(name))
            }
            "payout_currency" => c.payout.and_then(|payout| owned(payout.currency.code.to_string())),
            "merchant" => Some(c.merchant.as_str().into()),
            "offer" => Some(c.offer.as_str().into()),
            "affiliate" => Some(c.affiliate.as_str().into()),
            "reason" => self.reason.as_deref().map(Cow::Borrowed),
            "event_time" => owned(self.event_time().to_string()),
            "event_time_unix" => owned(self.event_time().seconds().to_string()),
            "player_id" => {
                let known = self.player_id.as_deref().map(Cow::Borrowed);
                known.or_else(|| self.of_merchant(["player_id", "playerid"]))
            }
            "geo" => self.of_merchant(["geo", "country"]),
            _ => self.of_params(name.strip_prefix("params__").unwrap_or(name)),
        }
    }

    /// What the click, or else the merchant, says under this name.
    fn of_params(&self, name: &str) -> Option<Cow<'_, str>> {
        let given = self.click_params.given(name).or_else(|| self.conversion.extra.given(name));
        given.map(Cow::Borrowed)
    }

    /// What the merchant says under one of these names, or else what the click says.
    fn of_merchant(&self, names: [&str; 2]) -> Option<Cow<'_, str>> {
        let sources = [&self.conversion.extra, &self.click_params];
        let mut given = sources.iter().flat_map(|params| names.map(|name| params.given(name)));
        given.find_map(|value| value).map(Cow::Borrowed)
    }

    /// When it happened, as far as anybody knows.
    pub fn event_time(&self) -> Timestamp {
        self.conversion.event_time.unwrap_or(self.conversion.created_at)
    }

    /// What a JSON endpoint without parameters of its own is told: the event in the shape of Standard Webhooks.
    fn event(&self) -> Value {
        let told = [
            "conversion_id",
            "click_id",
            "cl_id",
            "goal",
            "status",
            "amount",
            "currency",
            "transaction_id",
            "merchant",
            "offer",
            "affiliate",
            "reason",
            "event_time",
        ];
        let data: Map<_, _> = told.iter().map(|name| ((*name).to_owned(), json!(self.value(name)))).collect();
        json!({ "type": format!("conversion.{}", self.status), "timestamp": self.changed_at, "data": data })
    }
}

/// One request, ready to be sent.
#[derive(Clone)]
pub struct Message {
    /// How.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// Headers; the content type among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// HTTP Basic authentication.
    pub basic_auth: Option<BasicAuth>,
    /// The body for people.
    shown_body: Option<String>,
    /// What was configured to be secret, as it stands in the request.
    secrets: Vec<String>,
}

impl Message {
    /// Fills an endpoint's templates in, each value encoded for where it stands, and signs it for this moment.
    pub fn compose(endpoint: &PostbackEndpoint, facts: &Facts, now: Timestamp) -> Self {
        let url = endpoint.url.render(|name| facts.value(name));
        let rendered = endpoint
            .params
            .iter()
            .map(|(name, template)| (name.as_str(), template.render_text(|name| facts.value(name))));
        let params: Vec<_> = rendered.collect();
        let url = if endpoint.method == Method::Get { append_query(&url, pairs(&params)) } else { url };
        let content = content(endpoint.method, &params, facts);
        let mut headers = vec![("webhook-id".to_owned(), facts.delivery.to_string())];
        if let (Some(secret), Some((_, body))) = (&endpoint.signing_secret, &content) {
            let signed = secret.sign(&facts.delivery.to_string(), now.seconds(), body.as_bytes());
            headers = signed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        }
        headers.extend(
            content.iter().map(|(content_type, _)| ("content-type".to_owned(), (*content_type).to_owned())),
        );
        for (name, template) in &endpoint.headers {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), template.render_header(|name| facts.value(name))));
        }
        let concealed = || params.iter().map(|(name, value)| (*name, concealed(name, value).to_owned()));
        let shown_body = content.as_ref().and_then(|_| {
            self::content(endpoint.method, &concealed().collect::<Vec<_>>(), facts).map(|(_, body)| body)
        });
        Self {
            method: endpoint.method,
            url,
            headers,
            shown_body,
            body: content.map(|(_, body)| body),
            basic_auth: endpoint.basic_auth.clone(),
            secrets: secrets(endpoint),
        }
    }

    /// A request of a shape that is not configured. What people see of it lacks these secrets, wherever they stand.
    pub fn fixed(
        method: Method,
        url: String,
        headers: Vec<(String, String)>,
        body: Option<String>,
        secrets: &[&Secret],
    ) -> Self {
        let in_forms = |secret: &str| form_body([("", secret)]).split_off(1);
        let secrets = secrets.iter().flat_map(|secret| {
            let plain = secret.expose();
            [plain.to_owned(), in_forms(plain)]
        });
        let shown_body = body.clone();
        Self { method, url, headers, body, basic_auth: None, shown_body, secrets: secrets.collect() }
    }

    /// The request for people, without credentials: those of Basic authentication, and whatever stands under a name
    /// that sounds like one.
    pub fn shown(&self) -> String {
        let verb = if self.method == Method::Get { "GET" } else { "POST" };
        let mut shown = format!("{verb} {}\n", shown_url(&self.url));
        if self.basic_auth.is_some() {
            shown.extend(["authorization: ", REDACTED, "\n"]);
        }
        for (name, value) in &self.headers {
            shown.extend([name, ": ", concealed(name, value), "\n"]);
        }
        if let Some(body) = &self.shown_body {
            shown.extend(["\n", body]);
        }
        self.without_secrets(shown)
    }

    /// A text without the configured secrets, wherever they stand in it: receivers echo what they are sent.
    pub fn without_secrets(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| text.replace(secret, REDACTED))
    }
}

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// A secret that is shorter is not looked for in texts: it would be found everywhere.
const SECRET_BYTES_MIN: usize = 6;

fn pairs<'a>(params: &'a [(&'a str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    params.iter().map(|(name, value)| (*name, value.as_str()))
}

/// The type and the text of a body, for a method that has one.
fn content(method: Method, params: &[(&str, String)], facts: &Facts) -> Option<(&'static str, String)> {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    match method {
        Method::Get => None,
        Method::PostForm => Some((FORM, form_body(pairs(params)))),
        Method::PostJson if params.is_empty() => Some((JSON, facts.event().to_string())),
        Method::PostJson => {
            let object: Map<_, _> =
                pairs(params).map(|(name, value)| (name.to_owned(), json!(value))).collect();
            Some((JSON, Value::Object(object).to_string()))
        }
    }
}

/// What is secret of an endpoint: its credentials, and the fixed values under names that sound secret.
fn secrets(endpoint: &PostbackEndpoint) -> Vec<String> {
    let mut secrets = Vec::new();
    if let Some(BasicAuth { login, password }) = &endpoint.basic_auth {
        let password_text = password.as_ref().map_or("", Secret::expose);
        secrets.push(BASE64_STANDARD.encode(format!("{}:{password_text}", login.expose())));
        // A token stands alone, as the user name; a user name beside a password is no secret.
        secrets.push(if password.is_some() { password_text } else { login.expose() }.to_owned());
    }
    let named = endpoint.params.iter().chain(&endpoint.headers);
    let named = named.map(|(name, template)| (name.as_str(), template.source()));
    let fixed =
        named.filter(|(name, value)| is_fixed(name, value)).chain(fixed_in_query(endpoint.url.source()));
    for (_, value) in fixed {
        secrets.extend([value.to_owned(), form_body([("", value)]).split_off(1)]);
    }
    secrets.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
    secrets
}

/// The address with its secrets concealed, and without its fragment, which is never sent.
fn shown_url(url: &str) -> String {
    let sent = url.split('#').next().unwrap_or_default();
    let Some((address, query)) = sent.split_once('?') else { return sent.to_owned() };
    let mut shown = String::with_capacity(sent.len());
    shown.push_str(address);
    for (at, pair) in query.split('&').enumerate() {
        shown.push(if at == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if sounds_secret(name) => shown.extend([name, "=", REDACTED]),
            _ => shown.push_str(pair),
        }
    }
    shown
}

/// The value for people.
fn concealed<'v>(name: &str, value: &'v str) -> &'v str {
    if sounds_secret(name) { REDACTED } else { value }
}

#[cfg(test)]
mod tests;
