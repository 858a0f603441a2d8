//! One attempt: compose the message, send it, judge the answer.

use std::mem;

use reqwest::Method as HttpMethod;
use url::Url;

use super::client::{BasicAuth, Client, OutgoingRequest};
use crate::domain::{
    delivery::AttemptResult,
    endpoint::{Endpoint, Method, PostbackEndpoint},
    outgoing::{Facts, Message},
    pixel::{Pixel, Step},
    retry::RetryAfter,
    time::Timestamp,
};

/// How much of a request is kept with its attempt, in bytes.
const REQUEST_KEPT_MAX: usize = 16 * 1024;

/// What stands for the request of an attempt that sent none.
const NO_REQUEST: &str = "nothing was sent";

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

/// Tells an endpoint, once. The `continuation` is what an earlier attempt of the same delivery has left behind.
pub async fn send(
    client: &Client,
    endpoint: &Endpoint,
    facts: &Facts,
    continuation: Option<&str>,
    now: Timestamp,
) -> Sent {
    match endpoint {
        Endpoint::Postback(postback) => tell(client, postback, facts, now).await,
        Endpoint::Pixel(pixel) => take(client, pixel.step(facts, continuation, now)).await,
    }
}

/// Sees whether a platform takes what a pixel tells it, without telling it anything that it would count.
pub async fn test_pixel(client: &Client, pixel: &Pixel, facts: &Facts, now: Timestamp) -> Sent {
    take(client, pixel.test(facts, now)).await
}

async fn tell(client: &Client, endpoint: &PostbackEndpoint, facts: &Facts, now: Timestamp) -> Sent {
    let message = Message::compose(endpoint, facts, now);
    let rule = &endpoint.success;
    let judge = |status, body: &str, retry_after| AttemptResult::of_answer(rule, status, body, retry_after);
    exchange(client, message, judge).await
}

async fn take(client: &Client, step: Step) -> Sent {
    match step {
        Step::Send(call) => {
            let judge = |status, body: &str, retry_after| call.judge(status, body, retry_after);
            exchange(client, call.message.clone(), judge).await
        }
        Step::End(ending) => Sent {
            request: NO_REQUEST.to_owned(),
            result: AttemptResult::unsent(ending),
            answer: None,
            duration_us: 0,
        },
    }
}

async fn exchange(
    client: &Client,
    mut message: Message,
    judge: impl FnOnce(u16, &str, Option<RetryAfter>) -> AttemptResult,
) -> Sent {
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
            headers: mem::take(&mut message.headers),
            body: message.body.take().map(Into::into),
            basic_auth: message
                .basic_auth
                .take()
                .map(|auth| BasicAuth { login: auth.login, password: auth.password }),
        })
        .await;
    let duration_us = i64::try_from(exchange.duration.as_micros()).unwrap_or(i64::MAX);
    match exchange.outcome {
        Ok(answer) => {
            let result = judge(answer.status, &answer.body_excerpt, answer.retry_after);
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
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}
