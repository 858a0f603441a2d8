//! The rows of configuration, as sea-orm sees them. The ledger's rows travel in sets and are described in `rows`.

pub(super) mod account;
pub(super) mod affiliate;
pub(super) mod api_key;
pub(super) mod catalog;
pub(super) mod currency;
pub(super) mod dialect;
pub(super) mod endpoint_health;
pub(super) mod goal;
pub(super) mod merchant;
pub(super) mod offer;
pub(super) mod pixel;
pub(super) mod postback_endpoint;
pub(super) mod session;
pub(super) mod token;
