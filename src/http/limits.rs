//! What a sender costs: how many requests a second it may send, and how many of a stranger's are kept.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::{ids::MerchantId, time::Timestamp};

/// How many requests with an unknown token are kept a minute; the others are only counted.
const SAMPLES_PER_MINUTE: u32 = 10;

/// How many addresses or merchants are told apart before those that have been quiet are forgotten.
const SENDERS_MAX: usize = 10_000;

/// Limits on those who send.
#[derive(Debug)]
pub(super) struct SenderLimits {
    merchants: Option<DefaultKeyedRateLimiter<MerchantId>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    minute: AtomicI64,
    samples: AtomicU32,
}

impl SenderLimits {
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        let quota = per_second.map(Quota::per_second);
        Self {
            merchants: quota.map(RateLimiter::keyed),
            addresses: quota.map(RateLimiter::keyed),
            minute: AtomicI64::new(0),
            samples: AtomicU32::new(0),
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

    /// Whether one more request with an unknown token is kept.
    pub(super) fn takes_sample(&self, now: Timestamp) -> bool {
        let minute = now.millis() / 60_000;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.samples.store(0, Ordering::Relaxed);
        }
        self.samples.fetch_add(1, Ordering::Relaxed) < SAMPLES_PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_leaves_a_few_samples_a_minute() {
        let limits = SenderLimits::new(None);
        let now = Timestamp::from_millis(1_795_168_800_000);
        let kept = |at| (0..1_000).filter(|_| limits.takes_sample(at)).count();
        assert_eq!(kept(now), 10);
        assert_eq!(kept(now.plus_millis(59_000)), 0);
        assert_eq!(kept(now.plus_millis(60_000)), 10);
    }

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
