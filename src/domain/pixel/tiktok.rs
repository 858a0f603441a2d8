//! `TikTok`'s Events API 2.0.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Answer, Call, Pixel,
    event::{ADDRESS, Event, USER_AGENT},
    identity::{self, hashed},
    said,
};
use crate::domain::{delivery::Ending, endpoint::Method, outgoing::Message};

pub(super) const BASE_URL: &str = "https://business-api.tiktok.com/open_api/v1.3";

pub(super) const EVENTS: [(&str, &str); 4] =
    [("reg", "CompleteRegistration"), ("ftd", "Purchase"), ("rdep", "Purchase"), ("contact", "Contact")];

pub(super) const MATCH_KEYS: [&str; 1] = ["ttclid"];

/// The code of a request that is wrong in itself.
const INVALID_PARAMETERS: i64 = 40_002;

/// Codes of an access token that is missing, wrong or revoked, or may not do this.
const TOKEN_REFUSED: [i64; 3] = [40_001, 40_104, 40_105];

#[derive(Serialize)]
struct Body<'a> {
    event_source: &'static str,
    event_source_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_event_code: Option<&'a str>,
    data: [ServerEvent<'a>; 1],
}

#[derive(Serialize)]
struct ServerEvent<'a> {
    event: &'a str,
    event_id: String,
    event_time: i64,
    user: User<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<Page<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
}

#[derive(Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttclid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttp: Option<&'a str>,
    external_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(rename = "user_agent", skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
}

#[derive(Serialize)]
struct Page<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Properties<'a> {
    value: Box<RawValue>,
    currency: &'a str,
}

pub(super) fn call(pixel: &Pixel, event: &Event<'_>) -> Call {
    let hashed_player = |names: &[&str], shape| event.of_player(names).and_then(|value| hashed(value, shape));
    let user = User {
        ttclid: event.of_click(&MATCH_KEYS),
        ttp: event.of_click(&["ttp", "_ttp"]),
        external_id: identity::sha256(event.facts.conversion.click.as_str()),
        email: hashed_player(&["email", "em"], identity::lower),
        phone: hashed_player(&["phone", "ph"], identity::phone_e164),
        ip: event.of_click(ADDRESS),
        agent: event.of_click(USER_AGENT),
    };
    let told = ServerEvent {
        event: event.name.as_str(),
        event_id: event.id(),
        event_time: event.at.seconds(),
        user,
        page: pixel.page.as_deref().map(|url| Page { url }),
        properties: event.money_json().map(|(value, currency)| Properties { value, currency }),
    };
    let body = Body {
        event_source: "web",
        event_source_id: pixel.platform_id.as_str(),
        test_event_code: pixel.test_event_code.as_deref(),
        data: [told],
    };
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("access-token".to_owned(), pixel.secret.expose().to_owned()),
    ];
    let url = format!("{}/event/track/", pixel.base_or(BASE_URL));
    // Texts and numbers can't fail to become JSON.
    let body = serde_json::to_string(&body).unwrap_or_default();
    let message = Message::fixed(Method::PostJson, url, headers, Some(body), &[&pixel.secret]);
    Call { message, answer: Answer::Tiktok }
}

#[derive(Deserialize)]
struct Reply {
    code: i64,
    #[serde(default)]
    message: String,
}

/// A status of 200 says nothing: the code in the body does.
pub(super) fn judge(status: u16, body: &str) -> Ending {
    let Ok(Reply { code, message }) = serde_json::from_str(body) else {
        return Ending::Failed(format!("answered {status}, and not as TikTok does when it takes an event"));
    };
    if code == 0 && (200..300).contains(&status) {
        return Ending::Taken;
    }
    let refused_token = TOKEN_REFUSED.contains(&code);
    let advice = if refused_token {
        "; make another access token in the Events Manager and set it as the secret"
    } else {
        ""
    };
    let why = format!("TikTok did not take it (code {code}): {}{advice}", said(&message));
    if code == INVALID_PARAMETERS { Ending::Refused(why) } else { Ending::Failed(why) }
}
