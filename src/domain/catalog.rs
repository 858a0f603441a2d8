//! The catalog: everything that is configured, as one immutable snapshot.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    conversion::Conversion,
    currency::Currencies,
    endpoint::PostbackEndpoint,
    goal::Goal,
    ids::{AffiliateId, ClickId, EndpointId, MerchantId, OfferId},
    merchant::Merchant,
    params::Params,
    refusal::{Code, Refusal},
    status::Status,
    template::UrlTemplate,
    time::Timestamp,
    token::{Token, TokenDigest},
};

/// Who sends players.
#[derive(Clone, Debug)]
pub struct Affiliate {
    /// Its id.
    pub id: AffiliateId,
    /// Its name for people.
    pub name: String,
}

/// What of a merchant an affiliate advertises.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Its name for people.
    pub name: String,
    /// Where a click leads, with macros.
    pub landing_url: UrlTemplate,
    /// Whether clicks are taken.
    pub active: bool,
    /// Whether postback endpoints may ask for one goal only; while not, they are told of every goal.
    pub goals_enabled: bool,
}

impl Offer {
    /// Where this player goes on: the landing URL with its macros filled in. A click that is not recorded has no id.
    pub fn landing_address(
        &self,
        affiliate: &AffiliateId,
        params: &Params,
        click: Option<&ClickId>,
    ) -> String {
        self.landing_url.render(|name| {
            let value = match name {
                "click_id" => click.map(ClickId::as_str),
                "offer" => Some(self.id.as_str()),
                "affiliate" => Some(affiliate.as_str()),
                "merchant" => Some(self.merchant.as_str()),
                _ => params.get(name.strip_prefix("params__").unwrap_or(name)),
            };
            value.map(|value| Cow::Owned(value.to_owned()))
        })
    }
}

/// Everything that is configured, at one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Grows with every change of the configuration.
    pub version: i64,
    /// All merchants.
    pub merchants: HashMap<MerchantId, Arc<Merchant>>,
    /// The goals that every merchant has.
    pub built_in_goals: Vec<Goal>,
    /// All tokens that are not revoked, by digest.
    pub tokens: HashMap<TokenDigest, Token>,
    /// All affiliates.
    pub affiliates: HashMap<AffiliateId, Affiliate>,
    /// All offers.
    pub offers: HashMap<OfferId, Offer>,
    /// All postback endpoints, by their affiliate.
    pub endpoints: HashMap<AffiliateId, Vec<Arc<PostbackEndpoint>>>,
    /// All currencies.
    pub currencies: Currencies,
}

impl Catalog {
    /// The offer of this id, if it takes clicks of this affiliate.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn open_offer(&self, offer: &OfferId, affiliate: &AffiliateId) -> Result<&Offer, Refusal> {
        let Some(offer) = self.offers.get(offer).filter(|offer| offer.active) else {
            let detail = format!("There is no active offer {offer}: check `offer` in the link.");
            return Err(Refusal::of(Code::OfferNotFound, "offer", detail));
        };
        if !self.affiliates.contains_key(affiliate) {
            let detail = format!("There is no affiliate {affiliate}: check `affiliate` in the link.");
            return Err(Refusal::of(Code::AffiliateNotFound, "affiliate", detail));
        }
        Ok(offer)
    }

    /// The merchant that a live token of this digest belongs to. The digest is keyed, so that the time of the look-up
    /// tells nothing about stored ones; the comparison itself is constant in time.
    pub fn merchant_of_token(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Option<(&Token, &Arc<Merchant>)> {
        let token =
            self.tokens.get(digest).filter(|token| token.digest.matches(digest) && token.is_live(now))?;
        Some((token, self.merchants.get(&token.merchant)?))
    }

    /// The endpoints that are told that this conversion has got this status.
    pub fn endpoints_told<'a>(
        &'a self,
        conversion: &'a Conversion,
        status: Status,
    ) -> impl Iterator<Item = &'a PostbackEndpoint> {
        let goals_enabled = self.offers.get(&conversion.offer).is_none_or(|offer| offer.goals_enabled);
        let of_affiliate = self.endpoints.get(&conversion.affiliate).into_iter().flatten();
        of_affiliate.map(|endpoint| &**endpoint).filter(move |it| it.wants(conversion, status, goals_enabled))
    }

    /// The postback endpoint of this id.
    pub fn endpoint(&self, id: &EndpointId) -> Option<&Arc<PostbackEndpoint>> {
        self.endpoints.values().flatten().find(|endpoint| endpoint.id == *id)
    }
}
