//! Players: found by any id that somebody knows them by, and everything that is recorded of one.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{
    AuditRow, Storage, StorageError,
    audit::insert_audit,
    bulk,
    cells::{Cells, Column, columns},
    conversions::{ConversionFilter, Order},
    reading::Reading,
    rows::{self, known, text, valid},
};
use crate::domain::{
    card::{CardMessage, PlayerRecord},
    decide::SystemMessage,
    ids::{ClickId, ConversionId, PlayerId, RequestId, UserId},
    player::PlayerNote,
    status::{Actor, Status, StatusEvent},
    time::Timestamp,
};

/// How many conversions of a player a card shows; the earliest ones.
const CARD_CONVERSIONS_MAX: u32 = 500;

/// How many messages.
const CARD_MESSAGES_MAX: u32 = 500;

pub(super) const PLAYER_MESSAGE: &[Column] =
    &columns![Text click_id, Uuid id, Text author, Text text, Integer at];

pub(super) fn push_system_message(cells: &mut Cells, (message, at): &(SystemMessage, Timestamp)) {
    cells.push([
        text(message.click.as_str()),
        message.conversion.uuid().into(),
        text(format!("goal:{}", message.goal)),
        text(&message.text),
        at.millis().into(),
    ]);
}

/// The clicks of whoever is known by this text: a click id, a player id, a user id or a transaction id.
const FOUND: &str = "SELECT id FROM click WHERE id = $1
    UNION SELECT click_id FROM player WHERE player_id = $1 AND player_id IS NOT NULL
    UNION SELECT click_id FROM player WHERE user_id = $1 AND user_id IS NOT NULL
    UNION SELECT click_id FROM click_of_user WHERE user_id = $1
    UNION SELECT t.click_id FROM merchant AS m CROSS JOIN goal AS g CROSS JOIN conversion AS t
        WHERE (g.merchant = '' OR g.merchant = m.id) AND t.merchant = m.id AND t.goal = g.alias
            AND t.transaction_id = $1 AND t.transaction_id IS NOT NULL";

impl Storage {
    /// The clicks of the players whom somebody knows by this text, the newest first.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn find_players(&self, text: &str, limit: u32) -> Result<Vec<ClickId>, StorageError> {
        let sql = format!("SELECT id FROM ({FOUND}) AS found ORDER BY id DESC LIMIT {limit}");
        let rows = self.read(sql, vec![text.into()]).await?;
        rows.iter().map(|row| Reading::new(row).id(ClickId::parse)).collect()
    }

    /// What postbacks told of who this player is.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn player(&self, click: &ClickId) -> Result<Option<PlayerNote>, StorageError> {
        let sql = "SELECT player_id, user_id, username, name FROM player WHERE click_id = $1";
        let rows = self.read(sql.to_owned(), vec![click.as_str().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut row = Reading::new(row);
        let player_id = row.next::<Option<String>>()?;
        let user_id = row.next::<Option<String>>()?;
        Ok(Some(PlayerNote {
            click: click.clone(),
            player_id: player_id.map(|id| valid(PlayerId::parse(&id))).transpose()?,
            user_id: user_id.map(|id| valid(UserId::parse(&id))).transpose()?,
            username: row.next()?,
            name: row.next()?,
        }))
    }

    /// Everything that is recorded of the player of a click; none if there is no such click.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn player_record(&self, id: &ClickId) -> Result<Option<PlayerRecord>, StorageError> {
        let Some((click, params)) = self.clicks([id]).await?.remove(id) else { return Ok(None) };
        let filter = ConversionFilter { click: Some(id.clone()), ..ConversionFilter::default() };
        let conversions = self.conversions(&filter, Order::OldestFirst, None, CARD_CONVERSIONS_MAX).await?;
        let mut history = Vec::with_capacity(conversions.len());
        let mut keys = Cells::new(const { &columns![Uuid id] });
        for conversion in &conversions {
            keys.push([conversion.id.uuid().into()]);
        }
        let kinds = rows::STATUS_EVENT.iter().map(|column| column.kind).collect::<Vec<_>>();
        let sql =
            "SELECT e.conversion, e.step, e.from_status, e.to_status, e.actor, e.reason, e.request, e.at
            FROM ({rows}) AS k CROSS JOIN status_event AS e WHERE e.conversion = k.id ORDER BY e.at, e.step";
        for row in bulk::select(&self.reader, &kinds, sql, keys, None).await? {
            history.push(status_event(Reading::of(&row))?);
        }
        let note = self.player(id).await?;
        let messages = self.player_messages(id).await?;
        Ok(Some(PlayerRecord { click, params, note, conversions, history, messages }))
    }

    async fn player_messages(&self, click: &ClickId) -> Result<Vec<CardMessage>, StorageError> {
        let sql = format!(
            "SELECT author, text, at FROM player_message WHERE click_id = $1 ORDER BY id LIMIT {CARD_MESSAGES_MAX}"
        );
        let message = |row: &QueryResult| {
            let mut row = Reading::new(row);
            let (author, text) = (row.next()?, row.next()?);
            Ok(CardMessage { author, text, at: Timestamp::from_millis(row.next()?) })
        };
        self.read(sql, vec![click.as_str().into()]).await?.iter().map(message).collect()
    }

    /// Adds a manager's note to a player's card.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn add_player_note(
        &self,
        click: &ClickId,
        note: &CardMessage,
        audit: &AuditRow,
    ) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let mut cells = Cells::new(PLAYER_MESSAGE);
        cells.push([
            text(click.as_str()),
            audit.id.uuid().into(),
            text(&note.author),
            text(&note.text),
            note.at.millis().into(),
        ]);
        bulk::insert(&*transaction, "player_message", cells).await?;
        insert_audit(&*transaction, audit).await?;
        Ok(transaction.commit().await?)
    }
}

fn status_event(mut row: Reading<'_>) -> Result<StatusEvent, StorageError> {
    let status = |word: String| known(Status::parse(&word), "status");
    Ok(StatusEvent {
        conversion: ConversionId::new(row.next::<Uuid>()?),
        step: row.next()?,
        from: row.next::<Option<String>>()?.map(status).transpose()?,
        to: status(row.next()?)?,
        actor: known(Actor::parse(&row.next::<String>()?), "actor")?,
        reason: row.next()?,
        request: RequestId::new(row.next()?),
        at: Timestamp::from_millis(row.next()?),
    })
}
