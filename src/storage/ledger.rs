//! The write side of clicks and conversions: a batch is loaded, written and committed as a whole.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, btree_map::Entry},
};

use sea_orm::{DatabaseConnection, DatabaseTransaction, sea_query::Value as Cell};

use super::{
    AuditRow, DatabaseUrl, LogRow, Role, StorageError, Write,
    audit::{AUDIT, push_audit_row},
    backend::{self, WriteTurn},
    bulk, catalog,
    cells::{Cells, Column, Kind, columns},
    facts::id_tells_time,
    log::{POSTBACK_LOG, push_log_row},
    players::{PLAYER_MESSAGE, push_system_message},
    reading::{Reading, Row},
    rows::{self, CLICK_SELECTED, CONVERSION_SELECTED, NewDelivery, text},
};
use crate::domain::{
    catalog::Catalog,
    conversion::Conversion,
    currency::Currencies,
    decide::{Changes, NewClick, SystemMessage},
    ids::{ClickId, ConversionId, DeliveryId, GoalAlias, OfferId, RequestId, UserId},
    player::PlayerNote,
    sealed::Sealer,
    status::StatusEvent,
    time::Timestamp,
    working_set::{Keys, Players, SUSPICION_MILLIS, WorkingSet},
};

/// The write connection of one writer.
#[derive(Debug)]
pub struct Ledger {
    url: DatabaseUrl,
    connection: DatabaseConnection,
    turn: WriteTurn,
    sealer: Sealer,
}

/// What a batch writes: the changes of its events, with those of one conversion merged, and their log.
#[derive(Debug, Default)]
pub struct Writes {
    clicks: Vec<NewClick>,
    /// Clicks that can't be found by their ids, and when they are recorded.
    marked: Vec<(ClickId, Timestamp)>,
    recorded: BTreeMap<ConversionId, Conversion>,
    decided: BTreeMap<ConversionId, Conversion>,
    history: Vec<StatusEvent>,
    deliveries: Vec<NewDelivery>,
    players: BTreeMap<ClickId, (PlayerNote, Timestamp)>,
    messages: Vec<(SystemMessage, Timestamp)>,
    log: Vec<LogRow>,
    audit: Vec<AuditRow>,
}

impl Writes {
    /// Adds what one event changes at this time; `new_id` gives each delivery that it owes its id.
    pub fn add(&mut self, changes: Changes, at: Timestamp, new_id: impl Fn() -> DeliveryId) {
        let marked = changes.clicks.iter().filter(|new| !id_tells_time(&new.click, at));
        self.marked.extend(marked.map(|new| (new.click.id.clone(), at)));
        self.clicks.extend(changes.clicks);
        self.recorded.extend(changes.recorded.into_iter().map(|conversion| (conversion.id, conversion)));
        for conversion in changes.decided {
            // One that this very batch recorded is not in the database yet.
            let writes = if self.recorded.contains_key(&conversion.id) {
                &mut self.recorded
            } else {
                &mut self.decided
            };
            writes.insert(conversion.id, conversion);
        }
        self.history.extend(changes.history);
        self.messages.extend(changes.messages.into_iter().map(|message| (message, at)));
        for note in changes.players {
            match self.players.entry(note.click.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert((note, at));
                }
                Entry::Occupied(mut entry) => entry.get_mut().0.add(note),
            }
        }
        self.deliveries.extend(changes.deliveries.into_iter().map(|owed| NewDelivery {
            id: new_id(),
            owed,
            at,
        }));
    }

    /// Whether an endpoint has to be told of something.
    pub fn owes_deliveries(&self) -> bool {
        !self.deliveries.is_empty()
    }

    /// Adds a row of the postback log.
    pub fn add_log(&mut self, row: LogRow) {
        self.log.push(row);
    }

    /// Adds an entry of the audit log.
    pub fn add_audit(&mut self, row: AuditRow) {
        self.audit.push(row);
    }

    /// Something by which can be told later whether this batch was committed.
    pub fn trace(&self) -> Trace {
        Trace {
            request: self.log.first().map(|row| row.id),
            audit: self.audit.first().map(|row| row.id),
            click: self.clicks.first().map(|new| new.click.id.clone()),
        }
    }
}

/// Something that a batch wrote, if it was committed.
#[derive(Clone, Debug)]
pub struct Trace {
    request: Option<RequestId>,
    audit: Option<RequestId>,
    click: Option<ClickId>,
}

const MARK: &[Column] = &columns![Text id, Integer recorded_at];
const CLICK_KEY: &[Column] = &columns![Text click_id];
const GOAL_KEY: &[Column] = &columns![Text click_id, Text goal];
const ID_KEY: &[Column] = &columns![Uuid id];
const USER_KEY: &[Column] = &columns![Text offer, Text user_id];
const USER_KINDS: &[Kind] = &[Kind::Text, Kind::Text, Kind::Text];
const TRANSACTION_KEY: &[Column] = &columns![Text merchant, Text goal, Text transaction_id];

impl Ledger {
    pub(super) fn new(
        url: DatabaseUrl,
        connection: DatabaseConnection,
        turn: WriteTurn,
        sealer: Sealer,
    ) -> Self {
        Self { url, connection, turn, sealer }
    }

    /// Connects anew, and leaves a connection behind on which the database has fallen silent: nobody can tell when the
    /// system will give it up.
    ///
    /// # Errors
    /// [`StorageError`]; then the old connection stays.
    pub async fn reconnect(&mut self) -> Result<(), StorageError> {
        self.connection = backend::connect(&self.url, Role::Ledger).await?;
        Ok(())
    }

    /// Opens a batch: one write transaction.
    ///
    /// # Errors
    /// [`StorageError`] when the database is away or busy.
    pub async fn begin(&self) -> Result<OpenBatch<'_>, StorageError> {
        let transaction = Write::begin(&self.connection, &self.turn).await?;
        Ok(OpenBatch { transaction, sealer: &self.sealer })
    }

    /// Whether the batch that left this trace was committed.
    ///
    /// # Errors
    /// [`StorageError`] when the database can't tell.
    pub async fn has(&self, trace: &Trace) -> Result<bool, StorageError> {
        let batch = self.begin().await?;
        let mut found = false;
        for (table, id) in [("postback_log", trace.request), ("audit", trace.audit)] {
            let Some(id) = id else { continue };
            let mut cells = Cells::new(ID_KEY);
            cells.push([id.uuid().into()]);
            let sql = format!("SELECT c.id FROM ({{rows}}) AS k CROSS JOIN {table} AS c WHERE c.id = k.id");
            found |= !bulk::select(&*batch.transaction, &[Kind::Uuid], &sql, cells, None).await?.is_empty();
        }
        if let Some(click) = &trace.click {
            let rows = click_rows(&batch.transaction, std::iter::once(click)).await?;
            found |= !rows.is_empty();
        }
        Ok(found)
    }

    /// Closes the connection.
    pub async fn close(self) {
        // Whatever was acknowledged is committed.
        let _ = self.connection.close().await;
    }
}

/// A batch that is being decided. Dropping it forgets it.
#[derive(Debug)]
pub struct OpenBatch<'a> {
    transaction: Write,
    sealer: &'a Sealer,
}

impl OpenBatch<'_> {
    /// The version of the configuration that is in force for this batch.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn catalog_version(&self) -> Result<i64, StorageError> {
        catalog::version(&*self.transaction).await
    }

    /// The configuration that is in force for this batch.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn catalog(&self) -> Result<Catalog, StorageError> {
        catalog::load(&*self.transaction, self.sealer).await
    }

    /// Loads the clicks of the players whom the batch is about. On PostgreSQL they are locked, in the order of their
    /// ids, so that what is read after them is what any rival has committed.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn load_players(&self, players: &Players) -> Result<WorkingSet, StorageError> {
        let mut known = WorkingSet::default();
        let mut clicks = Cow::Borrowed(&players.clicks);
        for row in
            bulk::select(&*self.transaction, USER_KINDS, NEWEST_CLICK, user_cells(players), None).await?
        {
            let mut row = Reading::of(&row);
            let (offer, user) = (row.id(OfferId::parse)?, row.id(UserId::parse)?);
            let Some(click) = row.next::<Option<String>>()? else { continue };
            let click = rows::valid(ClickId::parse(&click))?;
            clicks.to_mut().insert(click.clone());
            known.add_user(offer, user, click);
        }
        for row in click_rows(&self.transaction, &*clicks).await? {
            known.add_click(rows::click(Reading::of(&row))?);
        }
        let given = click_cells(&players.given_clicks);
        for row in bulk::select(&*self.transaction, &[Kind::Text, Kind::Text], GIVEN, given, None).await? {
            let mut row = Reading::of(&row);
            let id = row.id(ClickId::parse)?;
            known.add_click_params(id, rows::params(Some(&row.next::<String>()?))?);
        }
        Ok(known)
    }

    /// Loads what else the batch touches.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn load(
        &self,
        keys: &Keys,
        mut known: WorkingSet,
        currencies: &Currencies,
        earliest: Timestamp,
    ) -> Result<WorkingSet, StorageError> {
        for question in REPEATED {
            let sql = question.replace("{columns}", CONVERSION_SELECTED);
            let kinds: Vec<_> = [Kind::Uuid].into_iter().chain(rows::conversion_kinds()).collect();
            for row in bulk::select(&*self.transaction, &kinds, &sql, repeated_cells(keys), None).await? {
                let mut row = Reading::of(&row);
                let request = RequestId::new(row.next()?);
                let conversion = rows::conversion(&mut row, currencies)?;
                known.add_repeated(request, conversion.id);
                known.add_conversion(conversion);
            }
        }
        let cutoff = earliest.plus_millis(-SUSPICION_MILLIS).millis();
        let questions = [
            (ONCE, click_cells(&keys.clicks), None),
            (OF_TRANSACTION, transaction_cells(keys), None),
            (RECENT, goal_cells(&keys.recent), Some(cutoff)),
            (CANDIDATES, goal_cells(&keys.candidates), None),
            (EARLIEST, goal_cells(&keys.earliest), None),
            (OF_ID, conversion_cells(keys), None),
        ];
        let kinds = rows::conversion_kinds();
        for (question, cells, after) in questions {
            let sql = question
                .replace("{columns}", CONVERSION_SELECTED)
                .replace("{limit}", &keys.candidates_limit.to_string());
            for row in bulk::select(&*self.transaction, &kinds, &sql, cells, after).await? {
                known.add_conversion(rows::conversion(&mut Reading::of(&row), currencies)?);
            }
        }
        Ok(known)
    }

    /// Writes everything and commits.
    ///
    /// # Errors
    /// [`StorageError`]; nothing was recorded unless it is [`StorageError::CommitUnknown`].
    pub async fn commit(self, writes: &Writes) -> Result<(), StorageError> {
        let transaction = &*self.transaction;
        bulk::insert(transaction, "click", cells_of(rows::CLICK, &writes.clicks, rows::push_click)).await?;
        mark(transaction, &writes.marked).await?;
        let users = cells_of(rows::CLICK_OF_USER, &writes.clicks, rows::push_click_of_user);
        bulk::insert(transaction, "click_of_user", users).await?;
        let recorded = cells_of(rows::CONVERSION, writes.recorded.values(), rows::push_conversion);
        bulk::insert(transaction, "conversion", recorded).await?;
        update_decided(transaction, writes).await?;
        let players = cells_of(rows::PLAYER, writes.players.values(), rows::push_player);
        if !players.is_empty() {
            bulk::update(transaction, NOTE_PLAYERS, players, None).await?;
        }
        let messages = cells_of(PLAYER_MESSAGE, &writes.messages, push_system_message);
        bulk::insert(transaction, "player_message", messages).await?;
        let history = cells_of(rows::STATUS_EVENT, &writes.history, rows::push_status_event);
        bulk::insert(transaction, "status_event", history).await?;
        let deliveries = cells_of(rows::DELIVERY, &writes.deliveries, rows::push_delivery);
        bulk::insert(transaction, "delivery", deliveries).await?;
        bulk::insert(transaction, "postback_log", cells_of(POSTBACK_LOG, &writes.log, push_log_row)).await?;
        bulk::insert(transaction, "audit", cells_of(AUDIT, &writes.audit, push_audit_row)).await?;
        self.transaction.commit().await.map_err(|error| match backend::classify(&error) {
            // Refused outright: the transaction is gone, and that is known.
            refused @ StorageError::Conflict(_) => refused,
            other => StorageError::CommitUnknown(other.to_string()),
        })
    }
}

/// What these clicks came with.
const GIVEN: &str = "SELECT c.id, c.params FROM ({rows}) AS k CROSS JOIN click AS c WHERE c.id = k.click_id";

/// The newest click of these users to these offers.
const NEWEST_CLICK: &str = "SELECT k.offer, k.user_id, (SELECT u.click_id FROM click_of_user AS u
        WHERE u.user_id = k.user_id AND u.offer = k.offer ORDER BY u.click_id DESC LIMIT 1) AS click_id
    FROM ({rows}) AS k";

/// What becomes known of players replaces what was; what a note does not tell stays.
const NOTE_PLAYERS: &str = "INSERT INTO player (click_id, player_id, user_id, username, name, at)
    SELECT v.click_id, v.player_id, v.user_id, v.username, v.name, v.at FROM ({rows}) AS v WHERE TRUE
    ON CONFLICT (click_id) DO UPDATE SET player_id = coalesce(excluded.player_id, player.player_id),
        user_id = coalesce(excluded.user_id, player.user_id), username = coalesce(excluded.username, player.username),
        name = coalesce(excluded.name, player.name), at = excluded.at";

/// The conversions that these requests have led to, when they arrived or when they were processed again.
const REPEATED: [&str; 2] = [
    "SELECT k.id, {columns} FROM ({rows}) AS k CROSS JOIN postback_log AS l CROSS JOIN conversion AS c
    WHERE l.id = k.id AND l.outcome IN ('recorded', 'decided', 'duplicate') AND c.id = l.conversion",
    "SELECT k.id, {columns} FROM ({rows}) AS k CROSS JOIN postback_log AS l CROSS JOIN conversion AS c
    WHERE l.repeats = k.id AND l.repeats IS NOT NULL AND l.outcome IN ('recorded', 'decided', 'duplicate')
        AND c.id = l.conversion",
];

/// The conversions of these clicks' goals that a player reaches once.
const ONCE: &str = "SELECT {columns} FROM ({rows}) AS k CROSS JOIN conversion AS c
    WHERE c.click_id = k.click_id AND c.once";

/// The conversions under these transaction ids.
const OF_TRANSACTION: &str = "SELECT {columns} FROM ({rows}) AS k CROSS JOIN conversion AS c
    WHERE c.merchant = k.merchant AND c.goal = k.goal AND c.transaction_id = k.transaction_id
    AND c.transaction_id IS NOT NULL";

/// The conversions of these clicks and goals since some time.
const RECENT: &str = "SELECT {columns} FROM ({rows}) AS k CROSS JOIN conversion AS c
    WHERE c.click_id = k.click_id AND c.goal = k.goal AND NOT c.once AND c.created_at >= {after}";

/// Of each of these clicks and goals some conversions, pending ones first.
const CANDIDATES: &str = "SELECT {columns} FROM (
        SELECT c.*, row_number() OVER (
            PARTITION BY c.click_id, c.goal
            ORDER BY CASE WHEN c.status = 'pending' THEN 0 ELSE 1 END, c.created_at) AS place
        FROM ({rows}) AS k CROSS JOIN conversion AS c
        WHERE c.click_id = k.click_id AND c.goal = k.goal AND NOT c.once
    ) AS c WHERE c.place <= {limit}";

/// Of each of these clicks and goals the earliest conversion.
const EARLIEST: &str = "SELECT {columns} FROM (
        SELECT (SELECT f.id FROM conversion AS f
            WHERE f.click_id = k.click_id AND f.goal = k.goal AND NOT f.once
            ORDER BY f.created_at, f.id LIMIT 1) AS id
        FROM ({rows}) AS k
    ) AS first CROSS JOIN conversion AS c WHERE c.id = first.id";

/// These conversions.
const OF_ID: &str = "SELECT {columns} FROM ({rows}) AS k CROSS JOIN conversion AS c WHERE c.id = k.id";

async fn click_rows<'a>(
    transaction: &DatabaseTransaction,
    clicks: impl IntoIterator<Item = &'a ClickId>,
) -> Result<Vec<Row>, StorageError> {
    let lock = backend::row_lock(transaction);
    let sql = format!(
        "SELECT {CLICK_SELECTED} FROM ({{rows}}) AS k CROSS JOIN click AS c WHERE c.id = k.click_id {lock}"
    );
    bulk::select(transaction, rows::CLICK_KINDS, &sql, click_cells(clicks), None).await
}

/// Notes when clicks were recorded whose ids do not tell it.
async fn mark(
    transaction: &DatabaseTransaction,
    marked: &[(ClickId, Timestamp)],
) -> Result<(), StorageError> {
    if marked.is_empty() {
        return Ok(());
    }
    let cells = cells_of(MARK, marked, |cells, (click, at)| {
        cells.push([text(click.as_str()), at.millis().into()]);
    });
    let sql = "UPDATE click SET recorded_at = v.recorded_at FROM ({rows}) AS v WHERE click.id = v.id";
    bulk::update(transaction, sql, cells, None).await.map(drop)
}

async fn update_decided(transaction: &DatabaseTransaction, writes: &Writes) -> Result<(), StorageError> {
    if writes.decided.is_empty() {
        return Ok(());
    }
    let mut added: HashMap<ConversionId, i32> = HashMap::new();
    for event in &writes.history {
        *added.entry(event.conversion).or_default() += 1;
    }
    let mut cells = Cells::new(rows::DECIDED);
    for conversion in writes.decided.values() {
        let added = added.get(&conversion.id).copied().unwrap_or_default();
        rows::push_decided(&mut cells, conversion, conversion.steps - added);
    }
    let expected = cells.len();
    let sql = "UPDATE conversion SET status = v.status, steps = v.steps, decided_at = v.decided_at FROM ({rows}) AS v
        WHERE conversion.id = v.id AND conversion.steps = v.steps_before";
    let changed = bulk::update(transaction, sql, cells, None).await?;
    if usize::try_from(changed) == Ok(expected) {
        return Ok(());
    }
    Err(StorageError::Conflict(format!(
        "{changed} of {expected} conversions stood where they were decided from"
    )))
}

fn cells_of<'a, T: 'a>(
    columns: &'static [Column],
    items: impl IntoIterator<Item = &'a T>,
    push: fn(&mut Cells, &T),
) -> Cells {
    let mut cells = Cells::new(columns);
    items.into_iter().for_each(|item| push(&mut cells, item));
    cells
}

fn click_cells<'a>(clicks: impl IntoIterator<Item = &'a ClickId>) -> Cells {
    cells_of(CLICK_KEY, clicks, |cells, click| cells.push([text(click.as_str())]))
}

fn user_cells(players: &Players) -> Cells {
    cells_of(USER_KEY, &players.users, |cells, (offer, user)| {
        cells.push([text(offer.as_str()), text(user.as_str())]);
    })
}

fn goal_cells<'a>(goals: impl IntoIterator<Item = &'a (ClickId, GoalAlias)>) -> Cells {
    cells_of(GOAL_KEY, goals, |cells, (click, goal)| cells.push([text(click.as_str()), text(goal.as_str())]))
}

fn conversion_cells(keys: &Keys) -> Cells {
    cells_of(ID_KEY, &keys.conversions, |cells, id| cells.push([id.uuid().into()]))
}

fn repeated_cells(keys: &Keys) -> Cells {
    cells_of(ID_KEY, &keys.repeated, |cells, id| cells.push([id.uuid().into()]))
}

fn transaction_cells(keys: &Keys) -> Cells {
    cells_of(TRANSACTION_KEY, &keys.transactions, |cells, (merchant, goal, transaction)| {
        let row: [Cell; 3] = [text(merchant.as_str()), text(goal.as_str()), text(transaction.as_str())];
        cells.push(row);
    })
}
