//! The Measurement Protocol of Google Analytics 4.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Answer, Call, Pixel, Step, event::Event, said};
use crate::domain::{delivery::Ending, endpoint::Method, outgoing::Message, template::append_query};

pub(super) const BASE_URL: &str = "https://www.google-analytics.com";

/// Where events go.
pub(super) const COLLECT: &str = "/mp/collect";

/// Where they are looked at and not recorded.
pub(super) const VALIDATE: &str = "/debug/mp/collect";

pub(super) const EVENTS: [(&str, &str); 4] =
    [("reg", "sign_up"), ("ftd", "purchase"), ("rdep", "purchase"), ("contact", "generate_lead")];

pub(super) const MATCH_KEYS: [&str; 3] = ["ga_client_id", "client_id", "_ga"];

/// How long the player is said to have been busy, in milliseconds: without it an event does not show as a session's.
const ENGAGEMENT_MILLIS: u8 = 1;

#[derive(Serialize)]
struct Body<'a> {
    client_id: &'a str,
    timestamp_micros: i64,
    events: [ServerEvent<'a>; 1],
}

#[derive(Serialize)]
struct ServerEvent<'a> {
    name: &'a str,
    params: EventParams<'a>,
}

#[derive(Serialize)]
struct EventParams<'a> {
    /// Google Analytics counts a purchase under the same id once.
    transaction_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    engagement_time_msec: u8,
}

pub(super) fn step(pixel: &Pixel, event: &Event<'_>, path: &str) -> Step {
    let Some(client_id) = event.of_click(&MATCH_KEYS).map(client_id) else {
        let why = "neither the click nor the merchant told a client_id, and Google Analytics takes nothing without one";
        return Step::End(Ending::Refused(why.to_owned()));
    };
    let (value, currency) = event.money_json().unzip();
    let params = EventParams {
        transaction_id: event.id(),
        value,
        currency,
        session_id: event.of_click(&["ga_session_id", "session_id"]),
        engagement_time_msec: ENGAGEMENT_MILLIS,
    };
    let body = Body {
        client_id,
        timestamp_micros: event.at.millis().saturating_mul(1000),
        events: [ServerEvent { name: event.name.as_str(), params }],
    };
    let query = [("measurement_id", pixel.platform_id.as_str()), ("api_secret", pixel.secret.expose())];
    let url = append_query(&format!("{}{path}", pixel.base_or(BASE_URL)), query);
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    // Texts and numbers can't fail to become JSON.
    let body = serde_json::to_string(&body).unwrap_or_default();
    let message = Message::fixed(Method::PostJson, url, headers, Some(body), &[&pixel.secret]);
    let answer = if path == VALIDATE { Answer::Ga4Validation } else { Answer::Ga4 };
    Step::Send(Call { message, answer })
}

/// The cookie `_ga` holds the client id behind its version: `GA1.1.1234567890.1234567890`.
fn client_id(text: &str) -> &str {
    let in_cookie = text.strip_prefix("GA").and_then(|rest| rest.splitn(3, '.').nth(2));
    in_cookie.unwrap_or(text)
}

/// It answers 2xx to anything, also to what it drops.
pub(super) fn judge(status: u16) -> Ending {
    if (200..300).contains(&status) {
        Ending::Unconfirmed
    } else {
        Ending::Failed(format!("answered {status}; Google Analytics answers 204 to whatever reaches it"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    validation_messages: Vec<Objection>,
}

#[derive(Deserialize)]
struct Objection {
    #[serde(default)]
    description: String,
}

pub(super) fn judge_validation(status: u16, body: &str) -> Ending {
    match serde_json::from_str::<Validation>(body) {
        Ok(Validation { validation_messages }) if validation_messages.is_empty() => Ending::Taken,
        Ok(Validation { validation_messages }) => {
            let objections: Vec<_> = validation_messages.iter().map(|it| it.description.as_str()).collect();
            let objections = said(&objections.join(" "));
            Ending::Refused(format!("Google Analytics would drop it: {objections}"))
        }
        Err(_) => Ending::Failed(format!("answered {status}, and not as the validation server does")),
    }
}
