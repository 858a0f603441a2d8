//! Signed postbacks: a merchant proves that it wrote exactly these parameters, and just now.

use hmac::Mac;

use super::{params::Params, time::Timestamp, token::hmac};

/// How far `ts` may be from our clock, in seconds, either way.
pub const TOLERANCE_SECONDS: i64 = 300;

/// The parameter that holds the signature and is not signed itself.
const SIGNATURE: &str = "sig";

/// What is signed: every decoded parameter but `sig`, sorted by name, joined as `name=value` with `&`.
pub fn signed_text(params: &Params) -> String {
    let mut pairs: Vec<_> = params.iter().filter(|(name, _)| *name != SIGNATURE).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The signature of these parameters under a merchant's signing secret: lower-case hex HMAC-SHA256.
pub fn signature(signing_secret: &str, params: &Params) -> String {
    hex::encode(hmac(signing_secret.as_bytes()).chain_update(signed_text(params)).finalize().into_bytes())
}

/// Why a signature is not accepted: one sentence, and the parameter to change.
pub struct Unsigned {
    /// `ts` or `sig`.
    pub parameter: &'static str,
    /// What to send instead.
    pub detail: String,
}

/// Checks `ts` and `sig`.
///
/// # Errors
/// [`Unsigned`] says which of them is missing, too old or wrong; it never tells the right signature.
pub fn verify(signing_secret: &str, params: &Params, now: Timestamp) -> Result<(), Unsigned> {
    let unsigned = |parameter, detail: &str| Err(Unsigned { parameter, detail: detail.to_owned() });
    let Some(signature) = params.given(SIGNATURE) else {
        return unsigned(SIGNATURE, "Sign the postback: send `ts` and `sig`.");
    };
    let Some(time) = params.given("ts").and_then(|ts| ts.parse::<i64>().ok()) else {
        return unsigned("ts", "Send `ts`, the time of signing in whole Unix seconds, and sign it too.");
    };
    if now.seconds().abs_diff(time) > TOLERANCE_SECONDS.unsigned_abs() {
        return unsigned("ts", "Sign anew: `ts` is more than 5 minutes away from this server's time.");
    }
    let mac = hmac(signing_secret.as_bytes()).chain_update(signed_text(params));
    let matches = hex::decode(signature).is_ok_and(|bytes| mac.verify_slice(&bytes).is_ok());
    if matches {
        Ok(())
    } else {
        unsigned(
            SIGNATURE,
            "Send the hex HMAC-SHA256, under your signing secret, of every other decoded parameter sorted by name \
             and joined as name=value with &.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_signed_text_is_sorted_and_decoded() {
        let params =
            params(&[("token", "t"), ("amount", "1"), ("sig", "xx"), ("note", "a b&c"), ("ts", "5")]);
        assert_eq!(signed_text(&params), "amount=1&note=a b&c&token=t&ts=5");
    }

    #[test]
    fn a_signature_is_bound_to_every_parameter_and_to_the_time() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let mut signed = params(&[("click_id", "c1"), ("amount", "100"), ("ts", "1795168800")]);
        signed.push("sig", signature("secret", &signed));
        let parameter =
            |secret, params: &Params, now| verify(secret, params, now).map_err(|e| e.parameter).err();
        assert_eq!(parameter("secret", &signed, now), None);
        assert_eq!(parameter("secret", &signed, now.plus_millis(300_999)), None);
        assert_eq!(parameter("secret", &signed, now.plus_millis(301_000)), Some("ts"));
        assert_eq!(parameter("secret", &signed, now.plus_millis(-300_001)), Some("ts"));
        assert_eq!(parameter("other", &signed, now), Some("sig"));
        let tampered: Params = signed.iter().map(|(n, v)| (n.to_owned(), v.replace("100", "900"))).collect();
        assert_eq!(parameter("secret", &tampered, now), Some("sig"));
        assert_eq!(parameter("secret", &params(&[("ts", "1795168800")]), now), Some("sig"));
        assert_eq!(parameter("secret", &params(&[("sig", "zz")]), now), Some("ts"));
    }

    #[test]
    fn a_known_signature_stays_what_it_is() {
        let params = params(&[("click_id", "c1"), ("amount", "100.00"), ("ts", "1795168800")]);
        assert_eq!(signed_text(&params), "amount=100.00&click_id=c1&ts=1795168800");
        assert_eq!(
            signature("signing-secret", &params),
            "da79a84c271bf38dc8e247c36f287db3d140ac9b7981c26b7ee5b128f068805f",
        );
    }
}
