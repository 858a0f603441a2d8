//! The HTTP client for receivers that nobody vouches for: it goes to permitted addresses only, follows
//! nothing, and bounds the time, the headers and the body that an answer may take.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;
use ipnet::IpNet;
use reqwest::{
    Method, Response,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::Instant;
use url::Url;

use super::guard::{Guard, LookupError, Refused};
use crate::domain::{retry::RetryAfter, secret::Secret};

#[cfg(test)]
mod tests;

/// How we call ourselves.
const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Headers that an answer may have.
const HEADERS_MAX: usize = 64;

/// Bytes of all names and values of an answer's headers.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Connections kept open for the next delivery: as many as may ever be in flight to a host, for a short while,
/// because a receiver's address is only looked up for a new connection.
const IDLE_PER_HOST_MAX: usize = 64;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Headers that frame or route a message: a postback's own must not contradict the client's.
const RESERVED_HEADERS: [&str; 10] = [
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// How much of our time and memory a receiver gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection: name, TCP and TLS together.
    pub connect: Duration,
    /// For everything, from the connection to the last byte that is read.
    pub total: Duration,
    /// Bytes of an answer's body that are read and kept.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15), body_bytes: 4 * 1024 }
    }
}

/// One request to a postback endpoint.
#[derive(Clone)]
pub struct OutgoingRequest {
    /// The method.
    pub method: Method,
    /// Where to: `http` or `https`.
    pub url: Url,
    /// The names and values of its headers, its content type included.
    pub headers: Vec<(String, String)>,
    /// The body, if it has one.
    pub body: Option<Bytes>,
    /// HTTP Basic authentication.
    pub basic_auth: Option<BasicAuth>,
}

/// Credentials for HTTP Basic authentication.
#[derive(Debug, Clone)]
pub struct BasicAuth {
    /// The user name; a token stands here alone.
    pub login: Secret,
    /// The password.
    pub password: Option<Secret>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Exchange {
    /// The answer, or why there is none.
    pub outcome: Result<Answer, Failure>,
    /// From the start to the end of the last byte that was read.
    pub duration: Duration,
}

/// An answer, of whatever status: redirects are answers too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// When the receiver asks us to come back.
    pub retry_after: Option<RetryAfter>,
    /// The body's beginning as text. What isn't UTF-8, or is a NUL that databases refuse, is U+FFFD.
    pub body_excerpt: String,
    /// Whether the body is longer than its excerpt.
    pub truncated: bool,
}

/// Why there is no answer, in words for whoever looks after the endpoint. No words hold the URL or a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The request can't be sent as it is configured: another attempt would end the same way.
    #[error("the postback endpoint is set up wrongly: {reason}")]
    Misconfigured {
        /// What is wrong with it.
        reason: String,
    },
    /// The guard forbids it.
    #[error(transparent)]
    Refused(Refused),
    /// The name has no address, or not in time.
    #[error(transparent)]
    Lookup(LookupError),
    /// No TCP connection.
    #[error("no connection: {reason}")]
    Connect {
        /// The system's words.
        reason: String,
    },
    /// A connection, but no secure one.
    #[error("no secure connection: {reason}")]
    Tls {
        /// The TLS library's words.
        reason: String,
    },
    /// The time for a connection is over.
    #[error("no connection in time")]
    ConnectTimedOut,
    /// The time for everything is over.
    #[error("no complete answer in time")]
    TimedOut,
    /// An answer that isn't HTTP, breaks off, or is beyond a limit.
    #[error("a broken answer: {reason}")]
    BrokenAnswer {
        /// What is wrong with it.
        reason: String,
    },
}

/// Sends requests within limits to addresses that the guard permits.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    guard: Guard,
    limits: Limits,
}

impl Client {
    /// A client that may also reach `exceptions`, addresses which aren't public.
    ///
    /// Fails where the system has no certificate authorities to trust.
    pub fn new(limits: Limits, exceptions: Vec<IpNet>) -> reqwest::Result<Self> {
        // Whoever came first has installed one: any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard::new(exceptions);
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .dns_resolver(guard.clone())
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .http1_max_headers(HEADERS_MAX)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()?;
        Ok(Self { http, guard, limits })
    }

    /// Sends a request once and reads the answer as far as the limits allow.
    pub async fn exchange(&self, request: OutgoingRequest) -> Exchange {
        let start = Instant::now();
        let outcome = self.answer_to(request).await;
        Exchange { outcome, duration: start.elapsed() }
    }

    async fn answer_to(&self, request: OutgoingRequest) -> Result<Answer, Failure> {
        self.guard.check_url(&request.url).map_err(Failure::Refused)?;
        let mut sent = self.http.request(request.method, request.url).headers(header_map(&request.headers)?);
        if let Some(BasicAuth { login, password }) = &request.basic_auth {
            sent = sent.basic_auth(login.expose(), password.as_ref().map(Secret::expose));
        }
        if let Some(body) = request.body {
            sent = sent.body(body);
        }
        let response = sent.send().await.map_err(|error| Failure::of(&error))?;
        check_header_bytes(response.headers())?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| RetryAfter::parse(value.to_str().ok()?));
        let (body_excerpt, truncated) = self.read_excerpt(response).await?;
        Ok(Answer { status, retry_after, body_excerpt, truncated })
    }

    /// Reads at most one chunk beyond the limit; dropping the rest closes the connection.
    async fn read_excerpt(&self, mut response: Response) -> Result<(String, bool), Failure> {
        let mut body = Vec::new();
        while body.len() <= self.limits.body_bytes {
            match response.chunk().await.map_err(|error| Failure::of(&error))? {
                None => break,
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
        let truncated = body.len() > self.limits.body_bytes;
        body.truncate(self.limits.body_bytes);
        Ok((String::from_utf8_lossy(&body).replace('\0', "\u{fffd}"), truncated))
    }
}

/// The name of a header that a postback may set itself.
///
/// # Errors
/// [`Failure::Misconfigured`]
pub fn own_header(name: &str) -> Result<HeaderName, Failure> {
    let misconfigured = |reason| Failure::Misconfigured { reason };
    let parsed = HeaderName::try_from(name)
        .map_err(|_| misconfigured(format!("`{}` is not the name of a header", name.escape_debug())))?;
    if RESERVED_HEADERS.contains(&parsed.as_str()) {
        return Err(misconfigured(format!("the header `{parsed}` is set by the client itself")));
    }
    Ok(parsed)
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let parsed = own_header(name)?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Failure::Misconfigured {
            reason: format!("the value of the header `{parsed}` holds a control character"),
        })?;
        map.append(parsed, value);
    }
    Ok(map)
}

/// HTTP/1 has no such limit in the client underneath: it takes up to 400 KiB before it gives up by itself.
fn check_header_bytes(headers: &HeaderMap) -> Result<(), Failure> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADER_BYTES_MAX as usize {
        return Err(Failure::BrokenAnswer {
            reason: format!("its headers have {bytes} bytes, more than {HEADER_BYTES_MAX}"),
        });
    }
    Ok(())
}

impl Failure {
    /// Puts an error of the client underneath in our words: its own would tell the URL and its tokens.
    fn of(error: &reqwest::Error) -> Self {
        let lookup = causes(error).find_map(|cause| cause.downcast_ref::<LookupError>());
        let tls = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        let reason = root_cause(error);
        match (lookup, tls) {
            (Some(LookupError::Refused(refused)), _) => Self::Refused(refused.clone()),
            (Some(lookup), _) => Self::Lookup(lookup.clone()),
            (_, Some(tls)) => Self::Tls { reason: tls.to_string() },
            _ if error.is_timeout() && error.is_connect() => Self::ConnectTimedOut,
            _ if error.is_timeout() => Self::TimedOut,
            _ if error.is_connect() => Self::Connect { reason },
            _ if error.is_builder() => Self::Misconfigured { reason },
            _ => Self::BrokenAnswer { reason },
        }
    }
}

/// An error, what caused it, and so on. An I/O error hides its cause from `source`.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn root_cause(error: &reqwest::Error) -> String {
    // The outermost error alone prints the URL.
    causes(error).skip(1).last().map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}
