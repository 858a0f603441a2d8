//! Conversions for people and programs: found by a filter, page by page, counted and summed; one with its history.

use std::collections::HashMap;

use futures::try_join;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Storage, StorageError, bulk,
    cells::{Cells, Column, Kind, columns},
    reading::Reading,
    rows::{self, CLICK_SELECTED, CONVERSION_SELECTED, known, text},
};
use crate::domain::{
    click::Click,
    conversion::Conversion,
    currency::{Currency, CurrencyCode},
    ids::{AffiliateId, ClickId, ConversionId, GoalAlias, MerchantId, OfferId, RequestId},
    money::{Money, Total},
    params::Params,
    status::Status,
    time::Timestamp,
};

/// Which conversions. Everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversionFilter {
    /// In this status.
    pub status: Option<Status>,
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Of this offer.
    pub offer: Option<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Of this goal.
    pub goal: Option<GoalAlias>,
    /// In this currency.
    pub currency: Option<CurrencyCode>,
    /// With this amount or more.
    pub amount_min: Option<Money>,
    /// With this amount or less.
    pub amount_max: Option<Money>,
    /// Of this click.
    pub click: Option<ClickId>,
    /// With this text as click id, transaction id, conversion id, or as its player's id or user id.
    pub text: Option<String>,
    /// Recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Recorded before this time.
    pub to: Option<Timestamp>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By the time of their recording, the earliest first.
    OldestFirst,
    /// The latest first.
    NewestFirst,
}

/// How many conversions of one currency a filter finds, and what they sum up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The currency; none where there was no amount.
    pub currency: Option<Currency>,
    /// How many.
    pub count: i64,
    /// The sum of their amounts.
    pub sum: Total,
}

/// What a filter finds, as far as it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By currency.
    pub by_currency: Vec<Selected>,
    /// Whether there are more than were counted.
    pub more: bool,
}

impl Found {
    /// How many in all.
    pub fn count(&self) -> i64 {
        self.by_currency.iter().map(|selected| selected.count).sum()
    }
}

/// One step of a conversion's history, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryStep {
    /// The status before; none for the recording.
    pub from: Option<Status>,
    /// The status from then on.
    pub to: Status,
    /// Who caused it, as in `merchant:acme`.
    pub actor: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The request that caused it: an entry of the postback log or of the audit log.
    pub request: RequestId,
}

/// What a review tells of a player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Player {
    /// When they clicked; none where the click is not known here.
    pub clicked_at: Option<Timestamp>,
    /// How many deposits they have made after the first one, whenever those were recorded.
    pub deposits: i64,
}

impl ConversionFilter {
    /// What must hold of a row of the table `conversion` under the name `c`, but for its status.
    fn conditions(&self) -> Conditions {
        let mut all = Conditions::default();
        all.add("c.merchant =", self.merchant.as_ref().map(|id| id.as_str().into()));
        all.add("c.offer =", self.offer.as_ref().map(|id| id.as_str().into()));
        all.add("c.affiliate =", self.affiliate.as_ref().map(|id| id.as_str().into()));
        all.add("c.goal =", self.goal.as_ref().map(|alias| alias.as_str().into()));
        all.add("c.currency =", self.currency.as_ref().map(|code| code.as_str().into()));
        all.add("c.amount >=", self.amount_min.map(|amount| amount.stored().into()));
        all.add("c.amount <=", self.amount_max.map(|amount| amount.stored().into()));
        all.add("c.created_at >=", self.from.map(|from| from.millis().into()));
        all.add("c.created_at <", self.to.map(|to| to.millis().into()));
        // Ids grow with time, and every index has its rows in the order of their ids.
        all.add("c.id >=", self.from.map(|from| first_id(from).into()));
        all.add("c.id <", self.to.map(|to| first_id(to).into()));
        if let Some(click) = &self.click {
            let place = all.place(click.as_str());
            all.conditions.push(format!("c.id IN ({})", OF_CLICK.replace("{click}", &place)));
        }
        if let Some(text) = &self.text {
            all.add_text(text);
        }
        all
    }

    /// `{columns}` of the rows that fit, status by status, so that one index serves whatever is asked for; but what is
    /// looked up by its click or a text is found at once. `each` ends the query of a status.
    fn query(&self, columns: &str, conditions: &Conditions, each: &str) -> String {
        let conditions = conditions.conditions.join(" AND ");
        let of = |status: String| {
            format!(
                "SELECT * FROM (
                    SELECT {columns} FROM conversion AS c WHERE {status} AND {conditions} {each}
                ) AS s"
            )
        };
        let in_status = |status: &Status| format!("c.status = '{status}'");
        match &self.status {
            Some(status) => of(in_status(status)),
            None if self.click.is_some() || self.text.is_some() => of("TRUE".to_owned()),
            None => {
                Status::ALL.iter().map(|status| of(in_status(status))).collect::<Vec<_>>().join(" UNION ALL ")
            }
        }
    }
}

/// The first id that a conversion recorded at this time can have.
fn first_id(at: Timestamp) -> Uuid {
    Uuid::from_u128(u128::try_from(at.millis()).unwrap_or_default() << 80)
}

/// A click's conversions, by the two indexes that share them.
const OF_CLICK: &str = "SELECT o.id FROM conversion AS o WHERE o.click_id = {click} AND o.once
    UNION ALL SELECT o.id FROM conversion AS o WHERE o.click_id = {click} AND NOT o.once";

/// The conversions of players that the merchant or the affiliate knows by an id.
const OF_PLAYER: &str = "SELECT o.id FROM player AS p CROSS JOIN conversion AS o
        WHERE p.{id} = {text} AND p.{id} IS NOT NULL AND o.click_id = p.click_id AND o.once
    UNION ALL SELECT o.id FROM player AS p CROSS JOIN conversion AS o
        WHERE p.{id} = {text} AND p.{id} IS NOT NULL AND o.click_id = p.click_id AND NOT o.once";

/// The conversions of any merchant and goal under a transaction id.
const OF_TRANSACTION: &str = "SELECT t.id FROM merchant AS m CROSS JOIN goal AS g CROSS JOIN conversion AS t
    WHERE (g.merchant = '' OR g.merchant = m.id) AND t.merchant = m.id AND t.goal = g.alias
        AND t.transaction_id = {text} AND t.transaction_id IS NOT NULL";

struct Conditions {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { conditions: vec!["TRUE".to_owned()], values: Vec::new() }
    }
}

impl Conditions {
    fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            let place = self.place(value);
            self.conditions.push(format!("{condition} {place}"));
        }
    }

    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn add_text(&mut self, text: &str) {
        let place = self.place(text);
        let mut found = vec![OF_CLICK.replace("{click}", &place), OF_TRANSACTION.replace("{text}", &place)];
        for id in ["player_id", "user_id"] {
            found.push(OF_PLAYER.replace("{id}", id).replace("{text}", &place));
        }
        if let Ok(id) = Uuid::try_parse(text) {
            let place = self.place(id);
            found.push(format!("SELECT i.id FROM conversion AS i WHERE i.id = {place}"));
        }
        self.conditions.push(format!("c.id IN ({})", found.join(" UNION ALL ")));
    }
}

const CLICK_KEY: &[Column] = &columns![Text click_id];
const GOAL_KEY: &[Column] = &columns![Text click_id, Text goal];
const ID_KEY: &[Column] = &columns![Uuid id];

impl Storage {
    /// A page of the conversions that a filter finds, after the one with this id.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn conversions(
        &self,
        filter: &ConversionFilter,
        order: Order,
        after: Option<ConversionId>,
        limit: u32,
    ) -> Result<Vec<Conversion>, StorageError> {
        let (beyond, direction) = match order {
            Order::OldestFirst => ("c.id >", "ASC"),
            Order::NewestFirst => ("c.id <", "DESC"),
        };
        let mut conditions = filter.conditions();
        conditions.add(beyond, after.map(|after| after.uuid().into()));
        let first = format!("ORDER BY id {direction} LIMIT {limit}");
        let ids = filter.query("c.id", &conditions, &first);
        let sql = format!(
            "SELECT {CONVERSION_SELECTED} FROM (SELECT id FROM ({ids}) AS found {first}) AS k
            CROSS JOIN conversion AS c WHERE c.id = k.id ORDER BY c.id {direction}"
        );
        let kinds = rows::conversion_kinds();
        let found = bulk::find(&self.reader, &kinds, &sql, conditions.values);
        let (currencies, rows) = try_join!(self.currencies(), found)?;
        let read = |row| rows::conversion(&mut Reading::of(row), &currencies);
        rows.iter().map(read).collect()
    }

    /// Counts and sums what a filter finds, up to so many.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn count_conversions(
        &self,
        filter: &ConversionFilter,
        most: u32,
    ) -> Result<Found, StorageError> {
        let conditions = filter.conditions();
        let all = filter.query("c.currency, c.amount", &conditions, "");
        let sql = format!(
            "SELECT f.currency, count(*), CAST(sum(f.amount / 100000000) AS BIGINT),
                CAST(sum(f.amount % 100000000) AS BIGINT)
            FROM (SELECT * FROM ({all}) AS a LIMIT {}) AS f
            GROUP BY f.currency ORDER BY f.currency",
            u64::from(most) + 1
        );
        let found = self.read(sql, conditions.values);
        let (currencies, rows) = try_join!(self.currencies(), found)?;
        let mut found = Found::default();
        for row in rows {
            let mut row = Reading::new(&row);
            let currency = row.next::<Option<String>>()?.and_then(|code| currencies.recorded(&code));
            let (count, units, parts) = (row.next()?, row.next()?, row.next()?);
            found.by_currency.push(Selected { currency, count, sum: Total::of(units, parts) });
        }
        found.more = found.count() > i64::from(most);
        Ok(found)
    }

    /// These conversions, in no order; without their extra parameters.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn conversions_of(
        &self,
        ids: impl IntoIterator<Item = ConversionId>,
    ) -> Result<Vec<Conversion>, StorageError> {
        let mut cells = Cells::new(ID_KEY);
        ids.into_iter().for_each(|id| cells.push([id.uuid().into()]));
        let sql = format!(
            "SELECT {CONVERSION_SELECTED} FROM ({{rows}}) AS k CROSS JOIN conversion AS c WHERE c.id = k.id"
        );
        let currencies = self.currencies().await?;
        let rows = bulk::select(&self.reader, &rows::conversion_kinds(), &sql, cells, None).await?;
        rows.iter().map(|row| rows::conversion(&mut Reading::of(row), &currencies)).collect()
    }

    /// One conversion, with its extra parameters.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn conversion(&self, id: ConversionId) -> Result<Option<Conversion>, StorageError> {
        let sql = format!("SELECT {CONVERSION_SELECTED}, c.extra FROM conversion AS c WHERE c.id = $1");
        let currencies = self.currencies().await?;
        let rows = self.read(sql, vec![id.uuid().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut row = Reading::new(row);
        let mut conversion = rows::conversion(&mut row, &currencies)?;
        conversion.extra = rows::params(row.next::<Option<String>>()?.as_deref())?;
        Ok(Some(conversion))
    }

    /// A conversion's history, from its recording on.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn history(&self, id: ConversionId) -> Result<Vec<HistoryStep>, StorageError> {
        let sql = "SELECT from_status, to_status, actor, reason, at, request FROM status_event
            WHERE conversion = $1 ORDER BY step";
        self.read(sql.to_owned(), vec![id.uuid().into()]).await?.iter().map(history_step).collect()
    }

    /// Clicks with their parameters.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn clicks(
        &self,
        ids: impl IntoIterator<Item = &ClickId>,
    ) -> Result<HashMap<ClickId, (Click, Params)>, StorageError> {
        let mut cells = Cells::new(CLICK_KEY);
        ids.into_iter().for_each(|id| cells.push([text(id.as_str())]));
        let sql = format!(
            "SELECT c.params, {CLICK_SELECTED} FROM ({{rows}}) AS k CROSS JOIN click AS c WHERE c.id = k.click_id"
        );
        let kinds: Vec<_> = [Kind::Text].iter().chain(rows::CLICK_KINDS).copied().collect();
        let mut clicks = HashMap::new();
        for row in bulk::select(&self.reader, &kinds, &sql, cells, None).await? {
            let mut row = Reading::of(&row);
            let params = rows::params(Some(&row.next::<String>()?))?;
            let click = rows::click(row)?;
            clicks.insert(click.id.clone(), (click, params));
        }
        Ok(clicks)
    }

    /// What is known of these clicks' players, each with the goal that counts its deposits.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn players_of(
        &self,
        clicks: impl IntoIterator<Item = (&ClickId, Option<&GoalAlias>)>,
    ) -> Result<HashMap<ClickId, Player>, StorageError> {
        let mut cells = Cells::new(GOAL_KEY);
        for (click, goal) in clicks {
            cells.push([text(click.as_str()), text(goal.map_or("", GoalAlias::as_str))]);
        }
        let sql = "SELECT k.click_id, (SELECT l.at FROM click AS l WHERE l.id = k.click_id), (
                SELECT count(*) FROM conversion AS c
                WHERE c.click_id = k.click_id AND c.goal = k.goal AND NOT c.once)
            FROM ({rows}) AS k";
        let kinds = [Kind::Text, Kind::Integer, Kind::Integer];
        let mut players = HashMap::new();
        for row in bulk::select(&self.reader, &kinds, sql, cells, None).await? {
            let mut row = Reading::of(&row);
            let (click, clicked_at) = (row.id(ClickId::parse)?, row.next::<Option<i64>>()?);
            let clicked_at = clicked_at.map(Timestamp::from_millis);
            players.insert(click, Player { clicked_at, deposits: row.next()? });
        }
        Ok(players)
    }

    pub(super) async fn read(
        &self,
        sql: String,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>, StorageError> {
        let backend = self.reader.get_database_backend();
        Ok(self.reader.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
    }
}

fn history_step(row: &QueryResult) -> Result<HistoryStep, StorageError> {
    let mut row = Reading::new(row);
    let from = row.next::<Option<String>>()?;
    let from = from.map(|word| known(Status::parse(&word), "status")).transpose()?;
    Ok(HistoryStep {
        from,
        to: known(Status::parse(&row.next::<String>()?), "status")?,
        actor: row.next()?,
        reason: row.next()?,
        at: Timestamp::from_millis(row.next()?),
        request: RequestId::new(row.next()?),
    })
}
