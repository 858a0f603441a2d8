//! A click: a player on the way from an affiliate to a merchant.

use super::{
    ids::{AffiliateId, ClickId, MerchantId, OfferId},
    params::Params,
    time::Timestamp,
};

/// What later decisions need to know of a click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// Its id; the merchant reports the player's conversions under it.
    pub id: ClickId,
    /// The offer that was clicked.
    pub offer: OfferId,
    /// Who sent the player.
    pub affiliate: AffiliateId,
    /// The offer's merchant at that moment.
    pub merchant: MerchantId,
    /// When.
    pub at: Timestamp,
}

/// Somebody clicked: the request as it reached us.
#[derive(Clone, Debug)]
pub struct ClickRequest {
    /// The id that the click shall get.
    pub id: ClickId,
    /// The named offer.
    pub offer: OfferId,
    /// The named affiliate.
    pub affiliate: AffiliateId,
    /// Every other parameter, kept with the click.
    pub params: Params,
    /// Whether somebody has chosen the id, so that a click may have it already.
    pub id_given: bool,
}
