//! Meta's Conversions API.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{
    Answer, Call, Pixel,
    event::{ADDRESS, Event, USER_AGENT},
    identity::{self, Shape, hashed},
    said,
};
use crate::domain::{delivery::Ending, endpoint::Method, outgoing::Message, template::append_query};

/// The version of the API is part of it: each lives for two years at least.
pub(super) const BASE_URL: &str = "https://graph.facebook.com/v25.0";

pub(super) const EVENTS: [(&str, &str); 4] =
    [("reg", "CompleteRegistration"), ("ftd", "Purchase"), ("rdep", "Purchase"), ("contact", "Contact")];

pub(super) const MATCH_KEYS: [&str; 3] = ["fbclid", "fbc", "_fbc"];

/// What identifies the player, hashed: Meta's names, ours, and the shape in which it is hashed.
const HASHED: [(&str, &[&str], Shape); 10] = [
    ("em", &["email", "em"], identity::lower),
    ("ph", &["phone", "ph"], identity::phone),
    ("fn", &["first_name", "fn"], identity::name),
    ("ln", &["last_name", "ln"], identity::name),
    ("ge", &["gender", "ge"], identity::gender),
    ("db", &["birth_date", "db"], identity::digits),
    ("ct", &["city", "ct"], identity::place),
    ("st", &["state", "st"], identity::place),
    ("zp", &["zip", "zp"], identity::place),
    ("country", &["country", "geo"], identity::country),
];

/// The code of an error in a parameter: of the event, mostly.
const INVALID_PARAMETER: i64 = 100;

/// With this subcode it is not the event: the pixel does not exist, or the token may not see it.
const UNKNOWN_OBJECT: i64 = 33;

/// The code of an access token that is not valid, or no longer.
const TOKEN_EXPIRED: i64 = 190;

/// One event per request: an event that Meta refuses takes all others of its request with it.
#[derive(Serialize)]
struct Body<'a> {
    data: [ServerEvent<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    test_event_code: Option<&'a str>,
}

#[derive(Serialize)]
struct ServerEvent<'a> {
    event_name: &'a str,
    event_time: i64,
    event_id: String,
    action_source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_source_url: Option<&'a str>,
    user_data: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_data: Option<CustomData<'a>>,
}

#[derive(Serialize)]
struct CustomData<'a> {
    value: Box<RawValue>,
    currency: &'a str,
}

pub(super) fn call(pixel: &Pixel, event: &Event<'_>) -> Call {
    // An event of a website needs the browser's name for itself; without it Meta would refuse the event.
    let from_website = event.of_click(USER_AGENT).is_some();
    let told = ServerEvent {
        event_name: event.name.as_str(),
        event_time: event.at.seconds(),
        event_id: event.id(),
        action_source: if from_website { "website" } else { "other" },
        event_source_url: pixel.page.as_deref().filter(|_| from_website),
        user_data: user_data(event),
        custom_data: event.money_json().map(|(value, currency)| CustomData { value, currency }),
    };
    let body = Body { data: [told], test_event_code: pixel.test_event_code.as_deref() };
    let url = format!("{}/{}/events", pixel.base_or(BASE_URL), pixel.platform_id.as_str());
    let url = append_query(&url, [("access_token", pixel.secret.expose())]);
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    // Texts, numbers and maps of them can't fail to become JSON.
    let body = serde_json::to_string(&body).unwrap_or_default();
    let message = Message::fixed(Method::PostJson, url, headers, Some(body), &[&pixel.secret]);
    Call { message, answer: Answer::Meta }
}

fn user_data(event: &Event<'_>) -> Map<String, Value> {
    let mut data = Map::new();
    for (key, names, shape) in HASHED {
        if let Some(hash) = event.of_player(names).and_then(|value| hashed(value, shape)) {
            data.insert(key.to_owned(), hash.into());
        }
    }
    let click = event.facts.conversion.click.as_str();
    data.insert("external_id".to_owned(), identity::sha256(click).into());
    let plain = [
        ("client_user_agent", event.of_click(USER_AGENT).map(str::to_owned)),
        ("client_ip_address", event.of_click(ADDRESS).map(str::to_owned)),
        ("fbc", click_id(event)),
        ("fbp", event.of_click(&["fbp", "_fbp"]).map(str::to_owned)),
    ];
    data.extend(plain.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))));
    data
}

/// Meta's cookie of the click on the ad, or what the cookie would hold.
fn click_id(event: &Event<'_>) -> Option<String> {
    let made = || {
        let clicked_at = event.facts.clicked_at.millis();
        event.of_click(&["fbclid"]).map(|fbclid| format!("fb.1.{clicked_at}.{fbclid}"))
    };
    event.of_click(&["fbc", "_fbc"]).map(str::to_owned).or_else(made)
}

#[derive(Deserialize)]
struct Reply {
    events_received: Option<i64>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: String,
    code: Option<i64>,
    error_subcode: Option<i64>,
    is_transient: Option<bool>,
    error_user_msg: Option<String>,
}

pub(super) fn judge(status: u16, body: &str) -> Ending {
    let reply: Option<Reply> = serde_json::from_str(body).ok();
    match reply {
        Some(Reply { error: Some(fault), .. }) => fault.ending(),
        Some(Reply { events_received: Some(1..), .. }) if (200..300).contains(&status) => Ending::Taken,
        _ => Ending::Failed(format!("answered {status}, and not as Meta does when it takes an event")),
    }
}

impl Fault {
    fn ending(self) -> Ending {
        let words = self.error_user_msg.as_deref().filter(|words| !words.is_empty()).unwrap_or(&self.message);
        let code = self.code.map_or_else(String::new, |code| format!(" (code {code})"));
        let advice = match self.code {
            Some(TOKEN_EXPIRED) => {
                "; make another access token in the Events Manager and set it as the secret"
            }
            _ => "",
        };
        let why = format!("Meta did not take it{code}: {}{advice}", said(words));
        let of_the_event = self.code == Some(INVALID_PARAMETER) && self.error_subcode != Some(UNKNOWN_OBJECT);
        if of_the_event && self.is_transient != Some(true) {
            Ending::Refused(why)
        } else {
            Ending::Failed(why)
        }
    }
}
