//! Links that show a merchant's integration page to whoever has them, without an account, until they end.
//!
//! A link is not stored: it says whose page it opens and until when, and proves by a keyed digest that we have said so.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    ids::MerchantId,
    time::Timestamp,
    token::{TokenDigest, TokenDigester},
};

/// How many days a link lasts at most.
pub const LINK_DAYS_MAX: u32 = 90;

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationLink {
    /// Whose page it opens.
    pub merchant: MerchantId,
    /// From when on it opens nothing; whole seconds.
    pub ends_at: Timestamp,
    /// How often this merchant's links had been withdrawn when it was made.
    pub generation: i64,
}

impl IntegrationLink {
    /// What stands in its address, and is all that it takes to open the page.
    pub fn token(&self, digester: &TokenDigester) -> String {
        let said = format!("{}.{}.{}", self.merchant, self.ends_at.seconds(), self.generation);
        let proof = BASE64_URL_SAFE_NO_PAD.encode(proof(&said, digester).as_bytes());
        format!("{said}.{proof}")
    }

    /// What a link of ours says; nothing for any other text.
    pub fn parse(token: &str, digester: &TokenDigester) -> Option<Self> {
        let (said, given) = token.rsplit_once('.')?;
        let given: [u8; 32] = BASE64_URL_SAFE_NO_PAD.decode(given).ok()?.try_into().ok()?;
        if !proof(said, digester).matches(&TokenDigest::from_bytes(given)) {
            return None;
        }
        let mut parts = said.split('.');
        let merchant = MerchantId::parse(parts.next()?).ok()?;
        let ends_at = Timestamp::from_millis(parts.next()?.parse::<i64>().ok()?.checked_mul(1000)?);
        let generation = parts.next()?.parse().ok()?;
        Some(Self { merchant, ends_at, generation })
    }
}

/// The purposes of the key are told apart, so that nothing else that it has signed is a link.
fn proof(said: &str, digester: &TokenDigester) -> TokenDigest {
    digester.digest(&format!("integration-link:{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> IntegrationLink {
        IntegrationLink {
            merchant: MerchantId::parse("acme-2").unwrap(),
            ends_at: Timestamp::from_millis(1_795_168_800_000),
            generation: 3,
        }
    }

    #[test]
    fn a_link_says_what_it_was_made_to_say() {
        let digester = TokenDigester::new(b"a server secret");
        let token = link().token(&digester);
        assert!(token.starts_with("acme-2.1795168800.3."), "{token}");
        assert_eq!(IntegrationLink::parse(&token, &digester), Some(link()));
    }

    #[test]
    fn a_link_that_was_changed_or_made_elsewhere_says_nothing() {
        let digester = TokenDigester::new(b"a server secret");
        let token = link().token(&digester);
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'1' { "2" } else { "1" };
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            assert_eq!(IntegrationLink::parse(&changed, &digester), None, "{changed}");
        }
        assert_eq!(IntegrationLink::parse(&token, &TokenDigester::new(b"another secret")), None);
        let foreign = digester.digest("acme-2.1795168800.3");
        let foreign = BASE64_URL_SAFE_NO_PAD.encode(foreign.as_bytes());
        for text in ["", ".", "acme-2", "acme-2.1795168800.3.", &format!("acme-2.1795168800.3.{foreign}")] {
            assert_eq!(IntegrationLink::parse(text, &digester), None, "{text}");
        }
    }
}
