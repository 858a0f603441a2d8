//! Which addresses a delivery may go to. Affiliates choose the URLs, so each one is taken for an attempt to
//! reach the operator's own network until its address is known to be public.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Name, Resolve, Resolving};
use url::{Host, Url};

#[cfg(test)]
mod tests;

/// How long a name may take to resolve.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// IPv4 ranges without public hosts, from the IANA IPv4 Special-Purpose Address Registry (RFC 6890).
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this network
    v4([10, 0, 0, 0], 8),      // private
    v4([100, 64, 0, 0], 10),   // shared by carrier-grade NAT
    v4([127, 0, 0, 0], 8),     // loopback
    v4([169, 254, 0, 0], 16),  // link-local; clouds keep their metadata here
    v4([172, 16, 0, 0], 12),   // private
    v4([192, 0, 0, 0], 24),    // IETF protocol assignments
    v4([192, 0, 2, 0], 24),    // documentation
    v4([192, 88, 99, 0], 24),  // 6to4 relays, deprecated
    v4([192, 168, 0, 0], 16),  // private
    v4([198, 18, 0, 0], 15),   // benchmarks
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// The only IPv6 range with public hosts (RFC 4291). Outside of it lie loopback, unique local, link-local
/// and multicast addresses, NAT64 and IPv4-compatible ones, segment routing and the discard prefix.
const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// IPv6 ranges without public hosts inside of [`GLOBAL_UNICAST_V6`], or with IPv4 addresses inside.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0], 23), // IETF protocol assignments: Teredo, ORCHID, benchmarks
    v6([0x2001, 0x0db8, 0, 0], 32), // documentation
    v6([0x2002, 0, 0, 0], 16), // 6to4
    v6([0x3fff, 0, 0, 0], 20), // documentation
];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(leading: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = leading;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// Whether an address belongs to a host of the public internet. An IPv4-mapped address counts as its IPv4
/// address; other IPv6 forms that carry an IPv4 address are never public.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST_V6.contains(&address) && !SPECIAL_V6.iter().any(|range| range.contains(&address))
        }
    }
}

/// Permits public addresses and the operator's exceptions, wherever an address comes from: a literal in a
/// URL ([`Guard::check_url`], because HTTP clients don't ask a resolver about literals) or a name.
#[derive(Debug, Clone)]
pub struct Guard {
    exceptions: Arc<[IpNet]>,
}

impl Guard {
    /// A guard with exceptions, as `COUNTERSIGN_DELIVERY_ALLOW` lists them.
    pub fn new(exceptions: Vec<IpNet>) -> Self {
        Self { exceptions: exceptions.into() }
    }

    /// Refuses every scheme but `http` and `https`, and a literal address that isn't permitted. A name
    /// passes: its addresses are checked when it is resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme { scheme: url.scheme().to_owned() });
        }
        match url.host() {
            None => Err(Refused::NoHost),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        if is_public(address) || self.exceptions.iter().any(|range| range.contains(&address)) {
            Ok(())
        } else {
            Err(Refused::Address { address })
        }
    }

    /// Resolves a name as the system does, `/etc/hosts` included. One address that isn't permitted refuses
    /// the name: which of them a connection would be made to is nobody's choice but the name's owner's.
    async fn resolve_permitted(&self, name: &str) -> Result<Vec<SocketAddr>, LookupError> {
        let lookup = tokio::net::lookup_host((name, 0));
        let addresses: Vec<SocketAddr> = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Err(_) => return Err(LookupError::TimedOut),
            Ok(Err(error)) => return Err(LookupError::Failed { reason: error.to_string() }),
            Ok(Ok(addresses)) => addresses.collect(),
        };
        addresses.iter().try_for_each(|address| self.check_address(address.ip()))?;
        Ok(addresses)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.resolve_permitted(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// Why a delivery must not go to a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Neither `http` nor `https`.
    #[error("`{scheme}` is not a scheme for postbacks: use http or https")]
    Scheme {
        /// The URL's scheme.
        scheme: String,
    },
    /// Nothing to connect to.
    #[error("the URL has no host")]
    NoHost,
    /// An address that is neither public nor excepted.
    #[error(
        "{address} is not a public address: if the receiver stands in your own network, name it in \
         COUNTERSIGN_DELIVERY_ALLOW"
    )]
    Address {
        /// The literal, or what a name resolved to.
        address: IpAddr,
    },
}

/// Why a name gave no address to connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// It leads where no delivery may go.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The system's resolver has no address for it.
    #[error("the host name does not resolve: {reason}")]
    Failed {
        /// The resolver's words.
        reason: String,
    },
    /// The system's resolver took too long.
    #[error("the host name did not resolve within {} s", LOOKUP_TIMEOUT.as_secs())]
    TimedOut,
}
