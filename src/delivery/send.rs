//! One attempt: compose the message, send it, judge the answer.

use reqwest::Method as HttpMethod;
use url::Url;

use super::client::{BasicAuth, Client, OutgoingRequest};
use crate::domain::{
    delivery::AttemptResult,
    endpoint::{Method, PostbackEndpoint},
    outgoing::{Facts, Message},
    time::Timestamp,
};

/// How much of a request is kept with its attempt, in bytes.
const REQUEST_KEPT_MAX: usize = 16 * 1024;

/// What was sent, and what came of it.
#[derive(Debug)]
pub struct Sent {
    /// The request, credentials redacted.
    pub request: String,
    /// What came of it.
    pub result: AttemptResult,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: i64,
}

/// Tells an endpoint, once.
pub async fn send(client: &Client, endpoint: &PostbackEndpoint, facts: &Facts, now: Timestamp) -> Sent {
    let message = Message::compose(endpoint, facts, now);
    let request = kept(message.shown());
    let url = match Url::parse(&message.url) {
        Ok(url) => url,
        Err(error) => {
            let result = AttemptResult::of_failure(format!("the filled-in address is no URL: {error}"));
            return Sent { request, result, answer: None, duration_us: 0 };
        }
    };
    let exchange = client
        .exchange(OutgoingRequest {
            method: if message.method == Method::Get { HttpMethod::GET } else { HttpMethod::POST },
            url,
            headers: message.headers.clone(),
            body: message.body.clone().map(Into::into),
            basic_auth: message
                .basic_auth
                .clone()
                .map(|auth| BasicAuth { login: auth.login, password: auth.password }),
        })
        .await;
    let duration_us = i64::try_from(exchange.duration.as_micros()).unwrap_or(i64::MAX);
    match exchange.outcome {
        Ok(answer) => {
            let result = AttemptResult::of_answer(
                &endpoint.success,
                answer.status,
                &answer.body_excerpt,
                answer.retry_after,
            );
            let excerpt = message.without_secrets(answer.body_excerpt);
            Sent { request, result, answer: Some(excerpt), duration_us }
        }
        Err(failure) => Sent {
            request,
            result: AttemptResult::of_failure(failure.to_string()),
            answer: None,
            duration_us,
        },
    }
}

fn kept(mut text: String) -> String {
    if text.len() > REQUEST_KEPT_MAX {
        text.truncate(text.floor_char_boundary(REQUEST_KEPT_MAX));
        text.push('…');
    }
    // No database keeps a NUL in a text.
    text.replace('\0', "\u{fffd}")
}
