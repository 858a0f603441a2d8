//! Yandex Metrica: its Measurement Protocol while the player's session can still take an event, and an upload of
//! offline conversions afterwards, which is asked after until it is processed.

use serde::Deserialize;

use super::{Answer, Call, HOUR_MILLIS, Pixel, Step, event::Event, said};
use crate::domain::{
    delivery::Ending, endpoint::Method, outgoing::Message, template::form_body, time::Timestamp,
};

/// Where fresh events go.
const MEASUREMENT_URL: &str = "https://mc.yandex.ru";

/// Where everything else is.
pub(super) const MANAGEMENT_URL: &str = "https://api-metrika.yandex.net";

/// The identifiers of Metrica's goals are as free as ours, so ours are proposed.
pub(super) const EVENTS: [(&str, &str); 4] =
    [("reg", "reg"), ("ftd", "ftd"), ("rdep", "rdep"), ("contact", "contact")];

const CLIENT_ID: [&str; 3] = ["ym_client_id", "client_id", "_ym_uid"];

pub(super) const MATCH_KEYS: [&str; 4] = ["ym_client_id", "client_id", "_ym_uid", "yclid"];

/// How long after the click an event can join its session, in milliseconds: Metrica takes 12 hours, and an hour is left
/// for queues.
const FRESH_MILLIS: i64 = 11 * HOUR_MILLIS;

pub(super) fn step(pixel: &Pixel, event: &Event<'_>, now: Timestamp) -> Step {
    let number =
        |names: &[&str]| event.of_click(names).filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    let (client_id, yclid) = (number(&CLIENT_ID), number(&["yclid"]));
    let oldest = now.plus_millis(-FRESH_MILLIS);
    let is_fresh = event.at >= oldest && event.facts.clicked_at >= oldest;
    match (client_id, yclid, &pixel.measurement_secret) {
        (Some(client_id), _, Some(token)) if is_fresh => {
            let form = [
                ("tid", pixel.platform_id.as_str()),
                ("cid", client_id),
                ("t", "event"),
                ("ea", event.name.as_str()),
                ("dl", pixel.page.as_deref().unwrap_or_default()),
                ("et", &event.at.seconds().to_string()),
                ("ms", token.expose()),
            ];
            let url = format!("{}/collect", pixel.base_or(MEASUREMENT_URL));
            let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
            let body = Some(form_body(form));
            let message = Message::fixed(Method::PostForm, url, headers, body, &[token, &pixel.secret]);
            Step::Send(Call { message, answer: Answer::YandexHit })
        }
        (Some(client_id), ..) => Step::Send(upload(pixel, event, "ClientId", client_id, now)),
        (None, Some(yclid), _) => Step::Send(upload(pixel, event, "Yclid", yclid, now)),
        (None, None, _) => {
            let why = "neither the click nor the merchant told a client_id or a yclid, both numbers, and Metrica takes \
                       nothing without one";
            Step::End(Ending::Refused(why.to_owned()))
        }
    }
}

/// A file of one line.
fn upload(pixel: &Pixel, event: &Event<'_>, column: &str, id: &str, now: Timestamp) -> Call {
    // Only the past is taken, and a second is the smallest part of time here.
    let at = event.at.seconds().min(now.seconds() - 1);
    let target = csv_field(event.name.as_str());
    let csv = match event.money() {
        Some((price, currency)) => {
            format!("{column},Target,DateTime,Price,Currency\r\n{id},{target},{at},{price},{currency}\r\n")
        }
        None => format!("{column},Target,DateTime\r\n{id},{target},{at}\r\n"),
    };
    let boundary = format!("countersign-{}", event.facts.delivery);
    let body = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"conversions.csv\"\r\n\
         content-type: text/csv\r\n\r\n{csv}\r\n--{boundary}--\r\n"
    );
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let path = format!("offline_conversions/upload?type=BASIC&comment={}", event.facts.delivery);
    manage(pixel, &path, Some((content_type, body)), Answer::YandexUpload)
}

fn csv_field(text: &str) -> String {
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Asks what has become of an upload.
pub(super) fn progress(pixel: &Pixel, upload: &str) -> Call {
    manage(pixel, &format!("offline_conversions/uploading/{upload}"), None, Answer::YandexProgress)
}

/// Asks for something that only those may see who may also upload.
pub(super) fn access(pixel: &Pixel) -> Call {
    manage(pixel, "offline_conversions/uploadings?limit=1", None, Answer::YandexAccess)
}

fn manage(pixel: &Pixel, path: &str, body: Option<(String, String)>, answer: Answer) -> Call {
    let (base, counter) = (pixel.base_or(MANAGEMENT_URL), pixel.platform_id.as_str());
    let url = format!("{base}/management/v1/counter/{counter}/{path}");
    let mut headers = vec![("authorization".to_owned(), format!("OAuth {}", pixel.secret.expose()))];
    let (content_type, body) = body.unzip();
    headers.extend(content_type.map(|content_type| ("content-type".to_owned(), content_type)));
    let method = if body.is_some() { Method::PostForm } else { Method::Get };
    Call { message: Message::fixed(method, url, headers, body, &[&pixel.secret]), answer }
}

pub(super) fn judge_hit(status: u16, body: &str) -> Ending {
    match status {
        200..=299 => Ending::Taken,
        400 => Ending::Refused(refusal(status, body)),
        _ => Ending::Failed(refusal(status, body)),
    }
}

#[derive(Deserialize)]
struct Reply {
    uploading: Uploading,
}

#[derive(Deserialize)]
struct Uploading {
    id: i64,
    #[serde(default)]
    status: String,
    line_quantity: Option<i64>,
    goal_not_found_quantity: Option<i64>,
}

fn uploading(status: u16, body: &str) -> Result<Uploading, Ending> {
    if !(200..300).contains(&status) {
        let why = refusal(status, body);
        return Err(if status == 400 { Ending::Refused(why) } else { Ending::Failed(why) });
    }
    let reply = serde_json::from_str::<Reply>(body);
    reply.map(|reply| reply.uploading).map_err(|_| {
        Ending::Failed(format!("answered {status}, and not as Metrica does when it takes an upload"))
    })
}

pub(super) fn judge_upload(status: u16, body: &str) -> Ending {
    match uploading(status, body) {
        Ok(Uploading { line_quantity: Some(0), .. }) => {
            Ending::Refused("Metrica has read the upload and found no valid line in it".to_owned())
        }
        Ok(Uploading { id, .. }) => Ending::Continues {
            continuation: id.to_string(),
            note: format!("uploaded as {id}; Metrica has not processed it yet"),
        },
        Err(ending) => ending,
    }
}

pub(super) fn judge_progress(status: u16, body: &str) -> Ending {
    let found = match uploading(status, body) {
        Ok(found) => found,
        // The upload is not wrong because a question after it was.
        Err(Ending::Refused(why)) => return Ending::Failed(why),
        Err(ending) => return ending,
    };
    let id = found.id;
    match found.status.as_str() {
        "LINKAGE_FAILURE" if found.goal_not_found_quantity.is_some_and(|count| count > 0) => {
            let why = format!(
                "Metrica knows no such goal (upload {id}): add a goal \"JavaScript event\" with the event's name as \
                 its identifier and the condition \"matches\""
            );
            Ending::Refused(why)
        }
        "LINKAGE_FAILURE" => {
            Ending::Refused(format!("Metrica found no session of this client_id or yclid (upload {id})"))
        }
        "PROCESSED" => Ending::Taken,
        state => Ending::Continues {
            continuation: id.to_string(),
            note: format!("uploaded as {id}; Metrica has not processed it yet ({})", said(state)),
        },
    }
}

pub(super) fn judge_access(status: u16, body: &str) -> Ending {
    if (200..300).contains(&status) { Ending::Taken } else { Ending::Failed(refusal(status, body)) }
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: String,
}

fn refusal(status: u16, body: &str) -> String {
    let words = serde_json::from_str::<Fault>(body).map_or_else(|_| body.to_owned(), |fault| fault.message);
    let advice = match status {
        401 | 403 => "; check that the OAuth token may manage this counter, and set it as the secret",
        420 | 429 => "; its quota is used up",
        _ => "",
    };
    let words = said(&words);
    let colon = if words.is_empty() { "" } else { ": " };
    format!("Metrica did not take it (answered {status}){colon}{words}{advice}")
}
