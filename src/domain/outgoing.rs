//! What an endpoint is told: an endpoint's templates, filled with the facts of a conversion.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{
    conversion::Conversion,
    endpoint::{BasicAuth, Method, PostbackEndpoint},
    ids::DeliveryId,
    params::Params,
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
            "merchant" => Some(c.merchant.as_str().into()),
            "offer" => Some(c.offer.as_str().into()),
            "affiliate" => Some(c.affiliate.as_str().into()),
            "reason" => self.reason.as_deref().map(Cow::Borrowed),
            "event_time" => owned(self.event_time().to_string()),
            "event_time_unix" => owned(self.event_time().seconds().to_string()),
            "player_id" => ["player_id", "playerid"].iter().find_map(|name| self.of_merchant(name)),
            "geo" => ["geo", "country"].iter().find_map(|name| self.of_merchant(name)),
            _ => {
                let name = name.strip_prefix("params__").unwrap_or(name);
                self.click_params.get(name).or_else(|| c.extra.get(name)).map(Cow::Borrowed)
            }
        }
    }

    fn of_merchant(&self, name: &str) -> Option<Cow<'_, str>> {
        self.conversion.extra.given(name).or_else(|| self.click_params.given(name)).map(Cow::Borrowed)
    }

    fn event_time(&self) -> Timestamp {
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
        let pairs = || params.iter().map(|(name, value)| (*name, value.as_str()));
        let (url, content) = match endpoint.method {
            Method::Get => (append_query(&url, pairs()), None),
            Method::PostForm => (url, Some(("application/x-www-form-urlencoded", form_body(pairs())))),
            Method::PostJson if params.is_empty() => {
                (url, Some(("application/json", facts.event().to_string())))
            }
            Method::PostJson => {
                let object: Map<_, _> =
                    pairs().map(|(name, value)| (name.to_owned(), json!(value))).collect();
                (url, Some(("application/json", Value::Object(object).to_string())))
            }
        };
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
        let basic_auth = endpoint.basic_auth.clone();
        Self { method: endpoint.method, url, headers, body: content.map(|(_, body)| body), basic_auth }
    }

    /// The request for people, without credentials: those of Basic authentication, those in the URL, and whatever
    /// stands under a name that sounds like one.
    pub fn shown(&self) -> String {
        let verb = if self.method == Method::Get { "GET" } else { "POST" };
        let mut text = format!("{verb} {}\n", shown_url(&self.url));
        if self.basic_auth.is_some() {
            text.push_str("authorization: [redacted]\n");
        }
        for (name, value) in &self.headers {
            let value = if sounds_secret(name) { "[redacted]" } else { value };
            text.push_str(&format!("{name}: {value}\n"));
        }
        if let Some(body) = &self.body {
            text.push('\n');
            text.push_str(body);
        }
        text
    }
}

fn shown_url(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else { return "[not a URL]".to_owned() };
    if !url.username().is_empty() || url.password().is_some() {
        // Neither can fail where there are credentials to replace.
        let _ = url.set_username("[redacted]");
        let _ = url.set_password(None);
    }
    let Some(query) = url.query() else { return url.into() };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if sounds_secret(name) => format!("{name}=[redacted]"),
        _ => pair.to_owned(),
    });
    let shown = shown.collect::<Vec<_>>().join("&");
    url.set_query(None);
    format!("{url}?{shown}")
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["token", "secret", "password", "passwd", "api_key", "apikey", "api-key", "auth", "cookie"];
    words.iter().any(|word| name.contains(word))
}
