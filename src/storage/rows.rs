//! Rows of the ledger: the columns of its tables, and how their values become the domain's types and back.

use sea_orm::sea_query::Value as Cell;
use uuid::Uuid;

use super::{
    StorageError,
    cells::{Cells, Column, Kind, columns},
    reading::Reading,
};
use crate::domain::{
    click::Click,
    conversion::{Conversion, Revenue},
    currency::Currencies,
    decide::{NewClick, OwedDelivery},
    ids::{
        AffiliateId, ClickId, ConversionId, DeliveryId, GoalAlias, InvalidId, MerchantId, OfferId, PlayerId,
        TransactionId, UserId,
    },
    money::{Money, Multiplier},
    params::Params,
    payout::Payout,
    player::PlayerNote,
    status::{Status, StatusEvent},
    time::Timestamp,
};

pub(super) const CLICK: &[Column] =
    &columns![Text id, Text offer, Text affiliate, Text merchant, Text params, Integer at];

pub(super) const CLICK_OF_USER: &[Column] = &columns![Text user_id, Text offer, Text click_id];

pub(super) const PLAYER: &[Column] =
    &columns![Text click_id, Text player_id, Text user_id, Text username, Text name, Integer at];

pub(super) const CONVERSION: &[Column] = &columns![
    Uuid id, Text click_id, Text merchant, Text offer, Text affiliate, Text goal, Boolean once, Text status,
    Integer steps, Integer amount, Text currency, Integer revenue, Integer multiplier, Text transaction_id,
    Boolean suspected_duplicate, Integer created_at, Integer decided_at, Integer event_time,
    Integer payout, Text payout_currency, Text extra,
];

pub(super) const DECIDED: &[Column] =
    &columns![Uuid id, Text status, Integer steps, Integer steps_before, Integer decided_at];

pub(super) const STATUS_EVENT: &[Column] = &columns![
    Uuid conversion, Integer step, Text from_status, Text to_status, Text actor, Text reason, Uuid request, Integer at,
];

/// What [`CLICK_SELECTED`] holds.
pub(super) const CLICK_KINDS: &[Kind] = &[Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Integer];

/// What [`CONVERSION_SELECTED`] holds: a conversion but for its extra parameters.
pub(super) fn conversion_kinds() -> Vec<Kind> {
    CONVERSION.iter().filter(|column| column.name != "extra").map(|column| column.kind).collect()
}

/// The columns that [`click`] reads, of a table called `c`.
pub(super) const CLICK_SELECTED: &str = "c.id, c.offer, c.affiliate, c.merchant, c.at";

/// The columns that [`conversion`] reads, of a table called `c`.
pub(super) const CONVERSION_SELECTED: &str = "c.id, c.click_id, c.merchant, c.offer, c.affiliate, c.goal, c.once, \
    c.status, c.steps, c.amount, c.currency, c.revenue, c.multiplier, c.transaction_id, c.suspected_duplicate, \
    c.created_at, c.decided_at, c.event_time, c.payout, c.payout_currency";

pub(super) fn text(value: impl AsRef<str>) -> Cell {
    Cell::from(value.as_ref())
}

pub(super) fn text_or_null(value: Option<impl AsRef<str>>) -> Cell {
    Cell::from(value.map(|value| value.as_ref().to_owned()))
}

pub(super) fn json(params: &Params) -> String {
    serde_json::to_string(params).unwrap_or_default()
}

pub(super) fn push_click(cells: &mut Cells, new: &NewClick) {
    let NewClick { click, params, .. } = new;
    cells.push([
        text(click.id.as_str()),
        text(click.offer.as_str()),
        text(click.affiliate.as_str()),
        text(click.merchant.as_str()),
        text(json(params)),
        click.at.millis().into(),
    ]);
}

/// Only of a click that tells its user.
pub(super) fn push_click_of_user(cells: &mut Cells, new: &NewClick) {
    if let Some(user) = &new.user {
        cells.push([text(user.as_str()), text(new.click.offer.as_str()), text(new.click.id.as_str())]);
    }
}

pub(super) fn push_player(cells: &mut Cells, (note, at): &(PlayerNote, Timestamp)) {
    cells.push([
        text(note.click.as_str()),
        text_or_null(note.player_id.as_ref().map(PlayerId::as_str)),
        text_or_null(note.user_id.as_ref().map(UserId::as_str)),
        text_or_null(note.username.as_deref()),
        text_or_null(note.name.as_deref()),
        at.millis().into(),
    ]);
}

pub(super) fn push_conversion(cells: &mut Cells, conversion: &Conversion) {
    let c = conversion;
    cells.push([
        c.id.uuid().into(),
        text(c.click.as_str()),
        text(c.merchant.as_str()),
        text(c.offer.as_str()),
        text(c.affiliate.as_str()),
        text(c.goal.as_str()),
        c.once.into(),
        text(c.status.as_str()),
        i64::from(c.steps).into(),
        c.amount.stored().into(),
        text_or_null(c.currency.map(|currency| currency.code.to_string())),
        c.revenue.map(|revenue| revenue.money.stored()).into(),
        c.revenue.map(|revenue| revenue.multiplier.stored()).into(),
        text_or_null(c.transaction.as_ref().map(TransactionId::as_str)),
        c.suspected_duplicate.into(),
        c.created_at.millis().into(),
        c.decided_at.map(Timestamp::millis).into(),
        c.event_time.map(Timestamp::millis).into(),
        c.payout.map(|payout| payout.money.stored()).into(),
        text_or_null(c.payout.map(|payout| payout.currency.code.to_string())),
        text_or_null((!c.extra.is_empty()).then(|| json(&c.extra))),
    ]);
}

pub(super) fn push_decided(cells: &mut Cells, conversion: &Conversion, steps_before: i32) {
    cells.push([
        conversion.id.uuid().into(),
        text(conversion.status.as_str()),
        i64::from(conversion.steps).into(),
        i64::from(steps_before).into(),
        conversion.decided_at.map(Timestamp::millis).into(),
    ]);
}

pub(super) const DELIVERY: &[Column] = &columns![
    Uuid id, Text endpoint, Uuid conversion, Integer step, Text state, Integer due_at, Integer claim, Integer attempts,
    Integer round_attempts, Integer created_at,
];

pub(super) fn push_delivery(cells: &mut Cells, new: &NewDelivery) {
    let NewDelivery { id, owed, at } = new;
    cells.push([
        id.uuid().into(),
        text(owed.endpoint.as_str()),
        owed.conversion.uuid().into(),
        i64::from(owed.step).into(),
        text("waiting"),
        at.millis().into(),
        0_i64.into(),
        0_i64.into(),
        0_i64.into(),
        at.millis().into(),
    ]);
}

/// A delivery as it is born.
#[derive(Debug)]
pub(super) struct NewDelivery {
    pub(super) id: DeliveryId,
    pub(super) owed: OwedDelivery,
    pub(super) at: Timestamp,
}

/// A JSON object as it is stored, back as parameters.
pub(super) fn params(json: Option<&str>) -> Result<Params, StorageError> {
    let Some(json) = json else { return Ok(Params::new()) };
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json)
        .map_err(|error| StorageError::Broken(format!("stored parameters: {error}")))?;
    let value = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(object.into_iter().map(|(name, it)| (name, value(it))).collect())
}

pub(super) fn push_status_event(cells: &mut Cells, event: &StatusEvent) {
    cells.push([
        event.conversion.uuid().into(),
        i64::from(event.step).into(),
        text_or_null(event.from.map(Status::as_str)),
        text(event.to.as_str()),
        text(event.actor.to_string()),
        text_or_null(event.reason.as_deref()),
        event.request.uuid().into(),
        event.at.millis().into(),
    ]);
}

pub(super) fn click(mut row: Reading<'_>) -> Result<Click, StorageError> {
    Ok(Click {
        id: row.id(ClickId::parse)?,
        offer: row.id(OfferId::parse)?,
        affiliate: row.id(AffiliateId::parse)?,
        merchant: row.id(MerchantId::parse)?,
        at: Timestamp::from_millis(row.next()?),
    })
}

/// Reads the columns of [`CONVERSION_SELECTED`], wherever they stand in a row.
pub(super) fn conversion(row: &mut Reading<'_>, currencies: &Currencies) -> Result<Conversion, StorageError> {
    Ok(Conversion {
        id: ConversionId::new(row.next::<Uuid>()?),
        click: row.id(ClickId::parse)?,
        merchant: row.id(MerchantId::parse)?,
        offer: row.id(OfferId::parse)?,
        affiliate: row.id(AffiliateId::parse)?,
        goal: row.id(GoalAlias::parse)?,
        once: row.next()?,
        status: known(Status::parse(&row.next::<String>()?), "status")?,
        steps: row.next()?,
        amount: known(Money::from_stored(row.next()?), "amount")?,
        currency: row.next::<Option<String>>()?.and_then(|code| currencies.recorded(&code)),
        revenue: revenue(row.next()?, row.next()?)?,
        transaction: match row.next::<Option<String>>()? {
            Some(id) => Some(valid(TransactionId::parse(&id))?),
            None => None,
        },
        suspected_duplicate: row.next()?,
        created_at: Timestamp::from_millis(row.next()?),
        decided_at: row.next::<Option<i64>>()?.map(Timestamp::from_millis),
        event_time: row.next::<Option<i64>>()?.map(Timestamp::from_millis),
        payout: payout(row.next()?, row.next()?, currencies)?,
        extra: Params::new(),
    })
}

fn revenue(money: Option<i64>, multiplier: Option<i64>) -> Result<Option<Revenue>, StorageError> {
    let (Some(money), Some(multiplier)) = (money, multiplier) else { return Ok(None) };
    let money = known(Money::from_stored(money), "revenue")?;
    let multiplier = known(Multiplier::from_stored(multiplier), "multiplier")?;
    Ok(Some(Revenue { money, multiplier }))
}

fn payout(
    money: Option<i64>,
    currency: Option<String>,
    currencies: &Currencies,
) -> Result<Option<Payout>, StorageError> {
    let (Some(money), Some(code)) = (money, currency) else { return Ok(None) };
    let money = known(Money::from_stored(money), "payout")?;
    let currency = known(currencies.recorded(&code), "currency of a payout")?;
    Ok(Some(Payout { money, currency }))
}

pub(super) fn valid<T>(id: Result<T, InvalidId>) -> Result<T, StorageError> {
    id.map_err(|error| StorageError::Broken(error.to_string()))
}

pub(super) fn known<T>(value: Option<T>, column: &str) -> Result<T, StorageError> {
    value.ok_or_else(|| StorageError::Broken(format!("a stored {column} is outside what this program knows")))
}
