//! The shapes of what is configured: which keys there are, and how their texts become values.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;
use utoipa::ToSchema;

use super::{
    payout::PayoutEntry,
    pixel::{EventsEntry, PixelEntry},
    postback::PostbackEntry,
};
use crate::{
    config::address_range,
    domain::{
        currency::CurrencyCode,
        dialect::DialectForm,
        endpoint::Method,
        goal::{AmountRule, StatusFlow},
        ids::{AffiliateId, DialectId, EndpointId, GoalAlias, MerchantId, OfferId, SpotToken},
        merchant::DealKind,
        money::Multiplier,
        pixel::{Platform, When},
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
    #[serde(default)]
    pub(super) dialect: Vec<Spanned<DialectForm>>,
    #[serde(default)]
    pub(super) pixel: Vec<PixelEntry>,
}

/// A currency beside ISO 4217.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Currency)]
pub struct CurrencyEntry {
    /// 3 to 8 letters or digits.
    #[serde(deserialize_with = "currency_code")]
    #[schema(value_type = String)]
    pub(super) code: CurrencyCode,
    /// How many decimal places it has, 0 to 8.
    #[schema(value_type = u8)]
    pub(super) minor_unit: Spanned<u8>,
}

/// A merchant: its deal with us and what it may send.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Merchant)]
pub struct MerchantEntry {
    /// A slug: 1 to 40 of `a-z 0-9 -`. It never changes.
    #[serde(deserialize_with = "merchant_id")]
    #[schema(value_type = String)]
    pub(super) id: Spanned<MerchantId>,
    /// Its name for people.
    pub(super) name: String,
    /// `cpa`, or `hybrid` with `revshare_multiplier`.
    #[serde(default = "cpa", deserialize_with = "deal_kind")]
    #[schema(value_type = String)]
    pub(super) deal: DealKind,
    /// Our part of the revenue of a hybrid deal: a decimal above 0 and at most 1.
    #[serde(default, deserialize_with = "multiplier")]
    #[schema(value_type = Option<String>)]
    pub(super) revshare_multiplier: Option<Spanned<Multiplier>>,
    /// Tokens that it shall have beside those that it has, each of 8 characters at least. They are kept as digests and
    /// never shown.
    #[serde(default)]
    #[schema(value_type = Vec<TokenEntry>, write_only)]
    pub(super) tokens: Vec<Spanned<TokenEntry>>,
    /// The currencies that it may send; without them every known one.
    #[schema(value_type = Option<Vec<String>>)]
    pub(super) currencies: Option<Vec<Spanned<String>>>,
    /// The addresses or ranges that it may send from; empty means any.
    #[serde(default, deserialize_with = "address_ranges")]
    #[schema(value_type = Vec<String>)]
    pub(super) allowed_ips: Vec<IpNet>,
    /// Whether a repeat deposit needs a recorded first deposit.
    #[serde(default = "yes")]
    pub(super) require_ftd: bool,
    /// Whether a suspected duplicate waits for a manager instead of counting at once.
    #[serde(default)]
    pub(super) hold_suspected: bool,
    /// Whether its postbacks must be signed.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub(super) require_signature: Option<Spanned<bool>>,
    /// Under what they are signed. Left out, the one that is there stays.
    #[schema(value_type = Option<SecretEntry>)]
    pub(super) signing_secret: Option<Spanned<SecretEntry>>,
    /// What a recording postback may set a two-phase goal to, beside `pending`: `approved`, `rejected`.
    #[serde(default, deserialize_with = "statuses")]
    #[schema(value_type = Vec<String>)]
    pub(super) initial_statuses: Vec<Status>,
    /// The dialect that its systems speak, where it is not our own.
    #[serde(default, deserialize_with = "optional_dialect")]
    #[schema(value_type = Option<String>)]
    pub(super) dialect: Option<Spanned<DialectId>>,
    /// Whether its postbacks need its token even in a dialect that knows none.
    #[serde(default)]
    pub(super) dialect_token: bool,
    /// What a postback in a dialect sets a two-phase goal to where it does not say a status.
    #[serde(default, deserialize_with = "optional_status")]
    #[schema(value_type = Option<String>)]
    pub(super) dialect_initial_status: Option<Spanned<Status>>,
    /// Whether it may send at all.
    #[serde(default = "yes")]
    pub(super) active: bool,
    /// Goals of its own. One that is not named stays as it is.
    #[serde(default)]
    pub(super) goal: Vec<GoalEntry>,
}

/// A text, or in a file one that stands in the environment.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "a token is a text, or { label = \"…\", env = \"NAME\" }")]
pub enum TokenEntry {
    /// The token itself.
    Plain(String),
    /// The token with a name for people.
    Named {
        /// What people call it.
        label: String,
        /// The environment variable that holds it; in files only.
        env: Option<String>,
        /// The token itself.
        token: Option<String>,
    },
}

/// A secret. It is never shown: in its place stands `{"keep": true}`, which leaves the one that is there.
#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "a secret is a text, { env = \"NAME\" }, or { keep = true } for the one that is there"
)]
pub enum SecretEntry {
    /// The secret itself.
    Plain(String),
    /// Where it is.
    Elsewhere(SecretPlace),
}

/// Where a secret is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretPlace {
    /// In this environment variable; in files only.
    pub(super) env: Option<String>,
    /// Here already; if `env` is given too, only where that is not set.
    #[serde(default)]
    pub(super) keep: bool,
}

/// A goal of a merchant's own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Goal)]
pub struct GoalEntry {
    /// Its name in postbacks: 1 to 40 of `a-z 0-9 _ -`. It never changes.
    #[serde(deserialize_with = "goal_alias")]
    #[schema(value_type = String)]
    pub(super) alias: Spanned<GoalAlias>,
    /// Its name for people.
    pub(super) name: String,
    /// Whether a player reaches it at most once.
    #[serde(default)]
    pub(super) once: bool,
    /// What amount goes with it: `required`, `optional` or `none`.
    #[serde(default = "optional", deserialize_with = "amount_rule")]
    #[schema(value_type = String)]
    pub(super) amount: AmountRule,
    /// `immediate`, or `two_phase` where a conversion lands pending and is then decided.
    #[serde(default = "immediate", deserialize_with = "status_flow")]
    #[schema(value_type = String)]
    pub(super) status_flow: StatusFlow,
    /// Whether statistics show the sum of its amounts in a column of its own.
    #[serde(default)]
    pub(super) show_sum: bool,
    /// Whether statistics show in a column of its own how many there were.
    #[serde(default)]
    pub(super) show_count: bool,
    /// What a sender in a dialect calls it, where that is not its alias.
    #[schema(value_type = Option<String>)]
    pub(super) token: Option<Spanned<String>>,
    /// What ad platforms call it.
    #[serde(default)]
    pub(super) events: EventsEntry,
    /// What it says on the player's card when it arrives, with the macros `{sum}`, `{player_id}` and `{manager}`.
    #[schema(value_type = Option<String>)]
    pub(super) message: Option<Spanned<String>>,
}

/// Who sends players.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Affiliate)]
pub struct AffiliateEntry {
    /// A slug: 1 to 40 of `a-z 0-9 -`. It never changes.
    #[serde(deserialize_with = "affiliate_id")]
    #[schema(value_type = String)]
    pub(super) id: Spanned<AffiliateId>,
    /// Its name for people.
    pub(super) name: String,
    /// Who of us looks after it, as system messages name them.
    pub(super) manager: Option<String>,
}

/// What of a merchant an affiliate advertises.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Offer)]
pub struct OfferEntry {
    /// A slug: 1 to 40 of `a-z 0-9 -`. It never changes.
    #[serde(deserialize_with = "offer_id")]
    #[schema(value_type = String)]
    pub(super) id: Spanned<OfferId>,
    /// Whose it is.
    #[serde(deserialize_with = "merchant_id")]
    #[schema(value_type = String)]
    pub(super) merchant: Spanned<MerchantId>,
    /// Its name for people.
    pub(super) name: String,
    /// Where a click leads, with macros.
    #[serde(deserialize_with = "landing_url")]
    #[schema(value_type = String)]
    pub(super) landing_url: UrlTemplate,
    /// Whether clicks are taken.
    #[serde(default = "yes")]
    pub(super) active: bool,
    /// Whether postback endpoints may ask for one goal only; while not, they are told of every goal.
    #[serde(default = "yes")]
    pub(super) goals_enabled: bool,
    /// Its public token, by which senders of some dialects name it.
    #[serde(default, deserialize_with = "optional_spot")]
    #[schema(value_type = Option<String>)]
    pub(super) spot: Option<Spanned<SpotToken>>,
    /// The currency of amounts that come without one in a dialect.
    #[schema(value_type = Option<String>)]
    pub(super) currency: Option<Spanned<String>>,
    /// The number of the account that it belongs to, for senders that give one.
    pub(super) account: Option<u32>,
    /// What it pays affiliates for each approved conversion of a goal.
    #[serde(default)]
    pub(super) payout: Vec<PayoutEntry>,
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
    optional_affiliate -> Option<Spanned<AffiliateId>> = |text| AffiliateId::parse(text).map_err(|e| e.to_string());
    platform -> Platform = |text| one_of(text, Platform::parse, "meta, tiktok, ga4, yandex");
    when -> When = |text| one_of(text, When::parse, "pending, approved, both");
    optional_offer -> Option<Spanned<OfferId>> = |text| OfferId::parse(text).map_err(|e| e.to_string());
    optional_goal -> Option<Spanned<GoalAlias>> = |text| GoalAlias::parse(text).map_err(|e| e.to_string());
    optional_dialect -> Option<Spanned<DialectId>> = |text| DialectId::parse(text).map_err(|e| e.to_string());
    optional_spot -> Option<Spanned<SpotToken>> = |text| SpotToken::parse(text).map_err(|e| e.to_string());
    optional_status -> Option<Spanned<Status>> = |text| one_of(text, Status::parse, "pending, approved, rejected");
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
