//! Signs a postback in Rust: prints its query with `ts` and `sig`.
//!
//! ```text
//! cargo run --example sign -- SIGNING_SECRET NAME=VALUE…
//! ```

use std::{
    collections::BTreeMap,
    env,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::form_urlencoded;

/// The parameters with `ts`, the time of signing in Unix seconds, and `sig`, the signature.
fn signed(secret: &str, mut parameters: BTreeMap<String, String>, now: Duration) -> BTreeMap<String, String> {
    parameters.entry("ts".to_owned()).or_insert_with(|| now.as_secs().to_string());
    // The decoded values are signed, sorted by name; how they are encoded for the way makes no difference.
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(pairs.join("&").as_bytes());
    parameters.insert("sig".to_owned(), hex::encode(mac.finalize().into_bytes()));
    parameters
}

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let secret = arguments.next().context("give the signing secret, then NAME=VALUE…")?;
    let pair = |text: String| {
        let (name, value) = text.split_once('=').with_context(|| format!("`{text}` is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let parameters = arguments.map(pair).collect::<anyhow::Result<_>>()?;
    let parameters = signed(&secret, parameters, UNIX_EPOCH.elapsed()?);
    println!("{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish());
    Ok(())
}
