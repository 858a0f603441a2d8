//! What the tests of the domain are played on: a small catalog, and postbacks written as text.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    catalog::{Affiliate, Catalog, Offer},
    conversion::Conversion,
    currency::{Currencies, CurrencyCode},
    endpoint::{Method, PostbackEndpoint, SuccessRule},
    goal::{AmountRule, Goal, GoalRole, StatusFlow},
    ids::{AffiliateId, ClickId, ConversionId, EndpointId, GoalAlias, MerchantId, OfferId, SpotToken},
    merchant::{Deal, Merchant},
    money::{Money, Multiplier},
    params::Params,
    secret::Secret,
    status::Status,
    template::{UrlTemplate, Vocabulary},
    time::Timestamp,
};

/// 2026-11-20T10:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_168_800_000);

/// Under what the merchant `signed` signs.
pub(crate) const SIGNING_SECRET: &str = "signing-secret";

fn goal(alias: &str, once: bool, amount: AmountRule, status_flow: StatusFlow, role: GoalRole) -> Goal {
    Goal {
        alias: GoalAlias::parse(alias).unwrap(),
        name: alias.to_owned(),
        token: None,
        once,
        amount,
        status_flow,
        role,
        show_sum: false,
        show_count: false,
        message: None,
        events: BTreeMap::new(),
    }
}

/// The built-in goals, and custom ones of every other kind.
fn goals() -> Vec<Goal> {
    use AmountRule::{NonZero, Nothing, Optional, Positive};
    use GoalRole::{Event, FirstDeposit, RepeatDeposit, RevenueShare};
    use StatusFlow::{Immediate, TwoPhase};
    vec![
        goal("reg", true, Optional, Immediate, Event),
        goal("ftd", true, Positive, TwoPhase, FirstDeposit),
        goal("rdep", false, Positive, Immediate, RepeatDeposit),
        goal("revshare", false, NonZero, Immediate, RevenueShare),
        goal("kyc", true, Nothing, Immediate, Event),
        goal("vip", true, Optional, TwoPhase, Event),
        goal("level", false, Optional, TwoPhase, Event),
        goal("turnover", false, Positive, Immediate, Event),
    ]
}

/// A merchant on a CPA deal with default settings.
fn merchant(id: &str) -> Merchant {
    Merchant {
        id: MerchantId::parse(id).unwrap(),
        name: id.to_owned(),
        deal: Deal::Cpa,
        currencies: None,
        allowed_ips: Vec::new(),
        require_ftd: true,
        hold_suspected: false,
        require_signature: false,
        signing_secret: None,
        initial_statuses: BTreeSet::from([Status::Pending]),
        dialect: None,
        dialect_token: false,
        dialect_initial_status: None,
        active: true,
        goals: goals(),
    }
}

fn hybrid(multiplier: &str) -> Deal {
    Deal::Hybrid(Multiplier::parse(multiplier).unwrap())
}

/// - `acme`: hybrid at 0.35
/// - `plain`: CPA, in EUR, USD and JPY
/// - `old`: its players' first deposits may predate the tracker
/// - `wary`: hybrid at 1, holds suspected duplicates
/// - `trusted`: may record two-phase goals as approved
/// - `signed`: has to sign
fn merchants() -> Vec<Merchant> {
    let code = |text| CurrencyCode::parse(text).unwrap();
    vec![
        Merchant { deal: hybrid("0.35"), ..merchant("acme") },
        Merchant { currencies: Some(["EUR", "USD", "JPY"].map(code).into()), ..merchant("plain") },
        Merchant { require_ftd: false, ..merchant("old") },
        Merchant { deal: hybrid("1"), hold_suspected: true, ..merchant("wary") },
        Merchant { initial_statuses: [Status::Pending, Status::Approved].into(), ..merchant("trusted") },
        Merchant {
            require_signature: true,
            signing_secret: Some(Secret::new(SIGNING_SECRET)),
            ..merchant("signed")
        },
    ]
}

fn offer(id: &str, merchant: &Merchant, active: bool) -> Offer {
    let landing = "https://play.example/?cid={click_id}&a={affiliate}&s={sub1}";
    Offer {
        id: OfferId::parse(id).unwrap(),
        merchant: merchant.id.clone(),
        name: id.to_owned(),
        landing_url: UrlTemplate::parse(landing, Vocabulary::LandingUrl).unwrap(),
        active,
        goals_enabled: true,
        spot: None,
        currency: None,
        account: None,
        payouts: Vec::new(),
    }
}

/// Each merchant has one offer of its own name; `closed` is an offer of `acme` that takes no clicks. The offers of
/// `acme` and `old` have the spots `acme-spot`, of account 7 and in EUR, and `old-spot`. The affiliates are `lotus` and
/// `orchid`.
pub(crate) fn catalog() -> Catalog {
    let merchants = merchants();
    let spotted = |offer: Offer| {
        let (spot, account) = match offer.id.as_str() {
            "acme" => ("acme-spot", Some(7)),
            "old" => ("old-spot", None),
            _ => return offer,
        };
        let currency = account.and_then(|_| CurrencyCode::parse("EUR"));
        Offer { spot: SpotToken::parse(spot).ok(), account, currency, ..offer }
    };
    let open = merchants.iter().map(|merchant| offer(merchant.id.as_str(), merchant, true));
    let offers = open.chain([offer("closed", &merchants[0], false)]).map(spotted);
    let offers: HashMap<_, _> = offers.map(|o| (o.id.clone(), o)).collect();
    let spots = offers.values().filter_map(|offer| Some((offer.spot.clone()?, offer.id.clone()))).collect();
    let affiliates = ["lotus", "orchid"].map(|id| {
        let id = AffiliateId::parse(id).unwrap();
        (id.clone(), Affiliate { name: id.to_string(), manager: None, id })
    });
    let extras = [("USDT", 6), ("BTC", 8)].map(|(code, places)| (CurrencyCode::parse(code).unwrap(), places));
    Catalog {
        affiliates: affiliates.into(),
        offers,
        spots,
        currencies: Currencies::with_extras(extras),
        merchants: merchants.into_iter().map(|m| (m.id.clone(), Arc::new(m))).collect(),
        ..Catalog::default()
    }
}

/// The parameters of a query that needs no decoding.
pub(crate) fn params(query: &str) -> Params {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

/// A first deposit of 100 EUR at `acme`, of a player whom `lotus` sent.
pub(crate) fn conversion() -> Conversion {
    Conversion {
        id: ConversionId::new(Uuid::from_u128(7)),
        click: ClickId::parse("click-1").unwrap(),
        merchant: MerchantId::parse("acme").unwrap(),
        offer: OfferId::parse("acme").unwrap(),
        affiliate: AffiliateId::parse("lotus").unwrap(),
        goal: GoalAlias::parse("ftd").unwrap(),
        once: true,
        status: Status::Approved,
        steps: 2,
        amount: Money::parse("100").unwrap(),
        currency: Currencies::default().find("EUR"),
        revenue: None,
        transaction: None,
        suspected_duplicate: false,
        created_at: NOW,
        decided_at: Some(NOW),
        event_time: None,
        payout: None,
        extra: Params::new(),
    }
}

/// An endpoint of `lotus` that is told by GET of everything that is approved.
pub(crate) fn endpoint() -> PostbackEndpoint {
    PostbackEndpoint {
        id: EndpointId::parse("lotus-pb").unwrap(),
        affiliate: AffiliateId::parse("lotus").unwrap(),
        offer: None,
        goal: None,
        statuses: BTreeSet::from([Status::Approved]),
        method: Method::Get,
        url: UrlTemplate::parse("https://tracker.example/pb", Vocabulary::Postback).unwrap(),
        params: Vec::new(),
        headers: Vec::new(),
        basic_auth: None,
        signing_secret: None,
        success: SuccessRule::default(),
        active: true,
    }
}
