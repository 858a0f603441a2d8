//! One attempt: compose the message, send it, judge the answer.

use std::mem;

use reqwest::Method as HttpMethod;
use url::Url;

use super::client::{BasicAuth, Client, OutgoingRequest};
use crate::{
    clock::new_uuid,
    domain::{
        catalog::Catalog,
        delivery::AttemptResult,
        endpoint::{Endpoint, Method, PostbackEndpoint},
        example,
        ids::{ConversionId, DeliveryId},
        outgoing::{Facts, Message},
        pixel::Step,
        retry::RetryAfter,
        time::Timestamp,
    },
    storage::Attempt,
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

impl Sent {
    /// As an attempt that began at this time, the so many-th of its delivery, with what came of it.
    pub fn into_attempt(self, number: i32, at: Timestamp) -> (Attempt, AttemptResult) {
        let attempt = Attempt {
            number,
            at,
            request: self.request,
            status: self.result.status,
            answer: self.answer,
            error: self.result.error().map(str::to_owned),
            duration_us: self.duration_us,
        };
        (attempt, self.result)
    }
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

/// Tells an endpoint an example, once: a conversion that says in its ids that it never was. An ad platform is told
/// nothing that it would count.
pub async fn test(client: &Client, endpoint: &Endpoint, catalog: &Catalog, now: Timestamp) -> Sent {
    let (delivery, conversion) = (DeliveryId::new(new_uuid(now)), ConversionId::new(new_uuid(now)));
    let facts = example::facts(endpoint, catalog, delivery, conversion, now);
    match endpoint {
        Endpoint::Postback(postback) => tell(client, postback, &facts, now).await,
        Endpoint::Pixel(pixel) => take(client, pixel.test(&facts, now)).await,
    }
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
