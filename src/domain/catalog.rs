//! The catalog: everything that is configured, as one immutable snapshot.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use serde::Serialize;

use super::{
    conversion::Conversion,
    currency::{Currencies, CurrencyCode},
    dialect::Dialect,
    endpoint::{Endpoint, PostbackEndpoint},
    goal::Goal,
    ids::{AffiliateId, ClickId, DialectId, EndpointId, GoalAlias, MerchantId, OfferId, SpotToken},
    merchant::Merchant,
    params::Params,
    payout::{Payout, PayoutRule},
    pixel::Pixel,
    refusal::{Code, Refusal},
    status::StatusEvent,
    template::UrlTemplate,
    time::Timestamp,
    token::{Token, TokenDigest},
};

/// Who sends players.
#[derive(Clone, Debug, Serialize)]
pub struct Affiliate {
    /// Its id.
    pub id: AffiliateId,
    /// Its name for people.
    pub name: String,
    /// Who of us looks after it, as system messages name them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// What of a merchant an affiliate advertises.
#[derive(Clone, Debug, Serialize)]
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
    /// Its public token, by which senders of some dialects name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<SpotToken>,
    /// The currency of amounts that come without one in a dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<CurrencyCode>,
    /// The number of the account that it belongs to, for senders that give one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<i64>,
    /// What it pays affiliates, at most once for each goal.
    #[serde(rename = "payout")]
    pub payouts: Vec<PayoutRule>,
}

impl Offer {
    /// What it pays for a conversion of this goal.
    pub fn payout(&self, goal: &GoalAlias) -> Option<Payout> {
        self.payouts.iter().find(|rule| rule.goal == *goal).map(|rule| rule.payout)
    }

    /// The page that a click leads to, as far as it is the same for everybody.
    pub fn landing_page(&self) -> String {
        let source = self.landing_url.source();
        let fixed = &source[..source.find(['?', '#', '{']).unwrap_or(source.len())];
        let cut_in_path = source[fixed.len()..].starts_with('{');
        let end = if cut_in_path { fixed.rfind('/').map_or(0, |at| at + 1) } else { fixed.len() };
        fixed[..end].to_owned()
    }

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
    /// Those of them that have a public token, by it.
    pub spots: HashMap<SpotToken, OfferId>,
    /// All postback endpoints, by their affiliate.
    pub endpoints: HashMap<AffiliateId, Vec<Arc<PostbackEndpoint>>>,
    /// All pixels, by their offer; see [`Pixel::complete`].
    pub pixels: HashMap<OfferId, Vec<Arc<Pixel>>>,
    /// All currencies.
    pub currencies: Currencies,
    /// The dialects that are configured, beside those that come with the program or instead of them.
    pub dialects: HashMap<DialectId, Arc<Dialect>>,
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

    /// The endpoints of either kind that are told of this step in the history of a conversion.
    pub fn endpoints_told<'a>(
        &'a self,
        conversion: &'a Conversion,
        event: &'a StatusEvent,
    ) -> impl Iterator<Item = &'a EndpointId> {
        let goals_enabled = self.offers.get(&conversion.offer).is_none_or(|offer| offer.goals_enabled);
        let of_affiliate = self.endpoints.get(&conversion.affiliate).into_iter().flatten();
        let postbacks = of_affiliate.filter(move |it| it.wants(conversion, event.to, goals_enabled));
        let of_offer = self.pixels.get(&conversion.offer).into_iter().flatten();
        let pixels = of_offer.filter(|pixel| pixel.wants(conversion, event));
        postbacks.map(|postback| &postback.id).chain(pixels.map(|pixel| &pixel.id))
    }

    /// Whether an ad platform that is told of this offer's conversions knows players by their browser.
    pub fn browser_matters(&self, offer: &OfferId, affiliate: &AffiliateId) -> bool {
        let mut of_offer = self.pixels.get(offer).into_iter().flatten();
        of_offer.any(|pixel| pixel.is_told_of_browsers(affiliate))
    }

    /// All endpoints of either kind.
    pub fn every_endpoint(&self) -> impl Iterator<Item = Endpoint> {
        let postbacks = self.endpoints.values().flatten().cloned().map(Endpoint::Postback);
        postbacks.chain(self.pixels.values().flatten().cloned().map(Endpoint::Pixel))
    }

    /// The pixel of this id.
    pub fn pixel(&self, id: &EndpointId) -> Option<&Arc<Pixel>> {
        self.pixels.values().flatten().find(|pixel| pixel.id == *id)
    }

    /// The offer with this public token.
    pub fn offer_of_spot(&self, spot: &str) -> Option<&Offer> {
        self.offers.get(self.spots.get(spot)?)
    }

    /// The postback endpoint of this id.
    pub fn endpoint(&self, id: &EndpointId) -> Option<&Arc<PostbackEndpoint>> {
        self.endpoints.values().flatten().find(|endpoint| endpoint.id == *id)
    }
}
