//! Which country a player is in: by a MaxMind-format database of the operator's, or by a proxy that knows.

use std::{net::IpAddr, path::Path};

use axum::http::HeaderMap;
use ipnet::IpNet;
use maxminddb::{MaxMindDbError, Reader, path};

use super::client_address::Peer;

/// The headers in which proxies tell the player's country, the first that is there wins: Cloudflare's, `CloudFront`'s,
/// App Engine's, and the name that people choose themselves.
const COUNTRY_HEADERS: [&str; 4] =
    ["cf-ipcountry", "cloudfront-viewer-country", "x-appengine-country", "x-country-code"];

/// A database of addresses and countries, held in memory.
pub struct Countries(Reader<Vec<u8>>);

impl Countries {
    /// Reads the whole file. One that changes later is read at the next start.
    ///
    /// # Errors
    /// When it can't be read, or is no such database.
    pub fn open(file: &Path) -> Result<Self, MaxMindDbError> {
        Reader::open_readfile(file).map(Self)
    }

    /// The country of this address, as its ISO 3166 code of two letters.
    fn of(&self, address: IpAddr) -> Option<String> {
        let found = self.0.lookup(address).ok()?;
        found.decode_path::<String>(&path!["country", "iso_code"]).ok().flatten()
    }
}

impl std::fmt::Debug for Countries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Countries(..)")
    }
}

/// The country that the player's own request came from.
pub(super) fn country(
    countries: Option<&Countries>,
    address: IpAddr,
    peer: Peer,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<String> {
    if let Some(countries) = countries {
        return countries.of(address);
    }
    if !trusted.iter().any(|range| range.contains(&peer.0.ip().to_canonical())) {
        return None;
    }
    let told = COUNTRY_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    // Proxies tell XX and T1 where they do not know.
    let told = told.filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic()));
    told.map(str::to_ascii_uppercase).filter(|code| code != "XX")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn a_proxy_is_believed_only_if_it_is_trusted() {
        #[track_caller]
        fn check(peer: &str, headers: &[(&'static str, &str)], expected: Option<&str>) {
            let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let map: HeaderMap = map.collect();
            let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1));
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let address = "203.0.113.9".parse().unwrap();
            assert_eq!(country(None, address, peer, &map, &trusted).as_deref(), expected, "{headers:?}");
        }
        check("10.0.0.1", &[("cf-ipcountry", "DE")], Some("DE"));
        check("10.0.0.1", &[("x-country-code", "br")], Some("BR"));
        check("198.51.100.7", &[("cf-ipcountry", "DE")], None);
        check("10.0.0.1", &[("cf-ipcountry", "XX")], None);
        check("10.0.0.1", &[("cf-ipcountry", "T1")], None);
        check("10.0.0.1", &[("cf-ipcountry", "Germany")], None);
        check("10.0.0.1", &[], None);
    }
}
