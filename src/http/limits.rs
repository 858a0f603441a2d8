//! What a sender costs: how many requests a second it may send.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::{domain::ids::MerchantId, ingest::Samples};

/// How many addresses or merchants are told apart before those that have been quiet are forgotten.
const SENDERS_MAX: usize = 10_000;

/// Limits on those who send.
#[derive(Debug)]
pub(super) struct SenderLimits {
    merchants: Option<DefaultKeyedRateLimiter<MerchantId>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    /// Which requests that are nobody's are kept.
    pub(super) samples: Arc<Samples>,
}

impl SenderLimits {
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        let quota = per_second.map(Quota::per_second);
        Self {
            merchants: quota.map(RateLimiter::keyed),
            addresses: quota.map(RateLimiter::keyed),
            samples: Arc::default(),
        }
    }

    /// Whether this merchant may send one more now.
    pub(super) fn admits_merchant(&self, merchant: &MerchantId) -> bool {
        self.merchants.as_ref().is_none_or(|limiter| limiter.check_key(merchant).is_ok())
    }

    /// Whether this address may send one more with an unknown token now.
    pub(super) fn admits_address(&self, address: IpAddr) -> bool {
        self.addresses.as_ref().is_none_or(|limiter| {
            if limiter.len() > SENDERS_MAX {
                limiter.retain_recent();
            }
            limiter.check_key(&address).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_each_sender_by_itself() {
        let limits = SenderLimits::new(NonZeroU32::new(2));
        let (one, other) = ("198.51.100.7".parse().unwrap(), "198.51.100.8".parse().unwrap());
        assert!(limits.admits_address(one));
        assert!(limits.admits_address(one));
        assert!(!limits.admits_address(one));
        assert!(limits.admits_address(other));
        assert!(limits.admits_merchant(&MerchantId::parse("acme").unwrap()));
    }
}
