//! The shapes of the configuration file: which keys there are, and how their texts become values.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::postback::PostbackEntry;
use crate::{
    config::address_range,
    domain::{
        currency::CurrencyCode,
        endpoint::Method,
        goal::{AmountRule, StatusFlow},
        ids::{AffiliateId, EndpointId, GoalAlias, MerchantId, OfferId},
        merchant::DealKind,
        money::Multiplier,
        status::Status,
        template::{UrlTemplate, Vocabulary},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) currency: Vec<CurrencyEntry>,
    #[serde(default)]
    pub(super) merchant: Vec<MerchantEntry>,
    #[serde(default)]
    pub(super) affiliate: Vec<AffiliateEntry>,
    #[serde(default)]
    pub(super) offer: Vec<OfferEntry>,
    #[serde(default)]
    pub(super) postback: Vec<PostbackEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CurrencyEntry {
    #[serde(deserialize_with = "currency_code")]
    pub(super) code: CurrencyCode,
    pub(super) minor_unit: Spanned<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MerchantEntry {
    #[serde(deserialize_with = "merchant_id")]
    pub(super) id: Spanned<MerchantId>,
    pub(super) name: String,
    #[serde(default = "cpa", deserialize_with = "deal_kind")]
    pub(super) deal: DealKind,
    #[serde(default, deserialize_with = "multiplier")]
    pub(super) revshare_multiplier: Option<Spanned<Multiplier>>,
    #[serde(default)]
    pub(super) tokens: Vec<Spanned<TokenEntry>>,
    pub(super) currencies: Option<Vec<Spanned<String>>>,
    #[serde(default, deserialize_with = "address_ranges")]
    pub(super) allowed_ips: Vec<IpNet>,
    #[serde(default = "yes")]
    pub(super) require_ftd: bool,
    #[serde(default)]
    pub(super) hold_suspected: bool,
    #[serde(default)]
    pub(super) require_signature: Option<Spanned<bool>>,
    pub(super) signing_secret: Option<Spanned<SecretEntry>>,
    #[serde(default, deserialize_with = "statuses")]
    pub(super) initial_statuses: Vec<Status>,
    #[serde(default = "yes")]
    pub(super) active: bool,
    #[serde(default)]
    pub(super) goal: Vec<GoalEntry>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a token is a text, or { label = \"…\", env = \"NAME\" }")]
pub(super) enum TokenEntry {
    Plain(String),
    Named { label: String, env: Option<String>, token: Option<String> },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a secret is a text, or { env = \"NAME\" }")]
pub(super) enum SecretEntry {
    Plain(String),
    Environment { env: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoalEntry {
    #[serde(deserialize_with = "goal_alias")]
    pub(super) alias: Spanned<GoalAlias>,
    pub(super) name: String,
    #[serde(default)]
    pub(super) once: bool,
    #[serde(default = "optional", deserialize_with = "amount_rule")]
    pub(super) amount: AmountRule,
    #[serde(default = "immediate", deserialize_with = "status_flow")]
    pub(super) status_flow: StatusFlow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AffiliateEntry {
    #[serde(deserialize_with = "affiliate_id")]
    pub(super) id: Spanned<AffiliateId>,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferEntry {
    #[serde(deserialize_with = "offer_id")]
    pub(super) id: Spanned<OfferId>,
    #[serde(deserialize_with = "merchant_id")]
    pub(super) merchant: Spanned<MerchantId>,
    pub(super) name: String,
    #[serde(deserialize_with = "landing_url")]
    pub(super) landing_url: UrlTemplate,
    #[serde(default = "yes")]
    pub(super) active: bool,
    #[serde(default = "yes")]
    pub(super) goals_enabled: bool,
}

const fn yes() -> bool {
    true
}
const fn cpa() -> DealKind {
    DealKind::Cpa
}
const fn optional() -> AmountRule {
    AmountRule::Optional
}
const fn immediate() -> StatusFlow {
    StatusFlow::Immediate
}

/// A field that is a text in the file and a value of the domain here.
macro_rules! texts {
    ($($name:ident -> $type:ty = $parse:expr;)*) => {
        $(pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            let parse: fn(&str) -> Result<_, String> = $parse;
            Read::read(deserializer, parse)
        })*
    };
}

texts! {
    merchant_id -> Spanned<MerchantId> = |text| MerchantId::parse(text).map_err(|e| e.to_string());
    affiliate_id -> Spanned<AffiliateId> = |text| AffiliateId::parse(text).map_err(|e| e.to_string());
    offer_id -> Spanned<OfferId> = |text| OfferId::parse(text).map_err(|e| e.to_string());
    goal_alias -> Spanned<GoalAlias> = |text| GoalAlias::parse(text).map_err(|e| e.to_string());
    multiplier -> Option<Spanned<Multiplier>> = Multiplier::parse;
    landing_url -> UrlTemplate = |text| UrlTemplate::parse(text, Vocabulary::LandingUrl).map_err(|e| e.to_string());
    deal_kind -> DealKind = |text| one_of(text, DealKind::parse, "cpa, hybrid");
    status_flow -> StatusFlow = |text| one_of(text, StatusFlow::parse, "immediate, two_phase");
    amount_rule -> AmountRule = |text| {
        let own = |word: &str| AmountRule::parse(word).filter(|rule| *rule != AmountRule::NonZero);
        one_of(text, own, "required, optional, none")
    };
    currency_code -> CurrencyCode = |text| one_of(text, CurrencyCode::parse, "3 to 8 letters or digits");
    statuses -> Vec<Status> = |text| one_of(text, Status::parse, "pending, approved, rejected");
    endpoint_id -> Spanned<EndpointId> = |text| EndpointId::parse(text).map_err(|e| e.to_string());
    optional_offer -> Option<Spanned<OfferId>> = |text| OfferId::parse(text).map_err(|e| e.to_string());
    optional_goal -> Option<Spanned<GoalAlias>> = |text| GoalAlias::parse(text).map_err(|e| e.to_string());
    method -> Method = |text| one_of(text, Method::parse, "GET, POST_FORM, POST_JSON");
    told_statuses -> Vec<Status> = |text| {
        // "done" is what another system calls an approved conversion.
        one_of(if text == "done" { "approved" } else { text }, Status::parse, "pending, approved (or done), rejected")
    };
    address_ranges -> Vec<IpNet> = address_range;
}

fn one_of<T>(text: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<T, String> {
    parse(text).ok_or_else(|| format!("`{text}` is not one of: {known}"))
}

/// The shapes in which a text may stand.
trait Read<T>: Sized {
    fn read<'de, D: Deserializer<'de>>(
        from: D,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Self, D::Error>;
}

impl<T> Read<T> for T {
    fn read<'de, D: Deserializer<'de>>(
        from: D,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Self, D::Error> {
        parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl<T> Read<T> for Spanned<T> {
    fn read<'de, D: Deserializer<'de>>(
        from: D,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(from)?;
        let value = parse(text.get_ref()).map_err(de::Error::custom)?;
        Ok(Self::new(text.span(), value))
    }
}

impl<T> Read<T> for Option<Spanned<T>> {
    fn read<'de, D: Deserializer<'de>>(
        from: D,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Self, D::Error> {
        <Spanned<T> as Read<T>>::read(from, parse).map(Some)
    }
}

impl<T> Read<T> for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(
        from: D,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| parse(text).map_err(de::Error::custom)).collect()
    }
}
