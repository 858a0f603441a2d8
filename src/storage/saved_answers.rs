//! What creations were answered with under an `Idempotency-Key`, so that each of them happens once.
//!
//! A creation that this room writes keeps its answer in its own transaction ([`Keep`]), after a look at what
//! the key stands for ([`Storage::held`]). One that goes through the door first takes the key for what it is
//! about to create ([`Storage::take_key`]): whoever repeats it, even after a crash, is given the same plan, and
//! the door knows what it has recorded already.

use std::fmt;

use sea_orm::{ConnectionTrait, Statement, Value};

use super::{Storage, StorageError, saving::open_secret};
use crate::domain::{
    ids::IdempotencyKey,
    sealed::{NONCE_LEN, Sealer},
    time::Timestamp,
    token::TokenDigest,
};

/// A creation that shall happen once.
#[derive(Clone, Debug)]
pub struct Once {
    /// Who asks for it; everybody's keys are their own.
    pub actor: String,
    /// Their name for it.
    pub key: IdempotencyKey,
    /// The digest of what they ask for.
    pub request: TokenDigest,
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// This is to be created, and perhaps was.
    Plan(String),
    /// It was created, and answered like this.
    Answer(SavedAnswer),
    /// Another request than this one.
    OtherRequest,
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedAnswer {
    /// Its HTTP status.
    pub status: u16,
    /// The version of what was created, where it has one.
    pub version: Option<String>,
    /// Its body. It may hold a secret that is shown once, so it is sealed at rest.
    pub body: String,
}

/// How the answer to a creation is kept in the transaction of what it tells of, so that whoever repeats the creation is
/// given the same answer.
pub struct Keep<'a, T> {
    /// Under which key.
    pub once: &'a Once,
    /// What is answered, given what was created.
    pub answer: &'a (dyn Fn(&T) -> SavedAnswer + Send + Sync),
    /// Draws fresh randomness to seal the answer with.
    pub nonce: fn() -> [u8; NONCE_LEN],
    /// When.
    pub at: Timestamp,
}

impl<T> fmt::Debug for Keep<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("once", self.once).finish_non_exhaustive()
    }
}

/// The status of a plan, which has no answer yet.
const PLANNED: i64 = 0;

impl Storage {
    /// What a key stands for; nothing if it is new.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn held(&self, once: &Once) -> Result<Option<Held>, StorageError> {
        held(&self.reader, &self.sealer, once).await
    }

    /// Takes a key for this plan, and gives what it stands for then: this plan, unless somebody was faster.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn take_key(&self, once: &Once, plan: &str, now: Timestamp) -> Result<Held, StorageError> {
        let transaction = self.begin().await?;
        let taken = format!("{INSERT} ON CONFLICT (actor, idempotency_key) DO NOTHING");
        execute(&*transaction, taken, row(once, PLANNED, plan.to_owned(), now)).await?;
        let held = held(&*transaction, &self.sealer, once).await?;
        transaction.commit().await?;
        held.ok_or_else(|| StorageError::Broken("a key that was just taken is not there".to_owned()))
    }

    /// Keeps the answer to what a key was taken for, unless it has one.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn answer_plan(
        &self,
        once: &Once,
        answer: &SavedAnswer,
        nonce: [u8; NONCE_LEN],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let sql = "UPDATE saved_answer SET request = $3, status = $4, body = $5, at = $6
            WHERE actor = $1 AND idempotency_key = $2 AND status = 0";
        execute(&*transaction, sql.to_owned(), sealed(&self.sealer, once, answer, nonce, now)).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets answers that were given before this time.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn forget_answers(&self, before: Timestamp) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let sql = "DELETE FROM saved_answer WHERE at < $1".to_owned();
        execute(&*transaction, sql, vec![before.millis().into()]).await?;
        Ok(transaction.commit().await?)
    }
}

const INSERT: &str = "INSERT INTO saved_answer (actor, idempotency_key, request, status, body, at)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Keeps the answer to a creation that is to happen once. Where somebody else was faster with the same key it is a
/// [`StorageError::Conflict`], nothing is created, and [`Storage::held`] tells what was.
pub(super) async fn keep_answer<T: Sync>(
    connection: &impl ConnectionTrait,
    sealer: &Sealer,
    keep: Option<Keep<'_, T>>,
    made: &T,
) -> Result<(), StorageError> {
    let Some(keep) = keep else { return Ok(()) };
    let row = sealed(sealer, keep.once, &(keep.answer)(made), (keep.nonce)(), keep.at);
    execute(connection, INSERT.to_owned(), row).await.map(drop)
}

async fn held(
    connection: &impl ConnectionTrait,
    sealer: &Sealer,
    once: &Once,
) -> Result<Option<Held>, StorageError> {
    let sql = "SELECT request, status, body FROM saved_answer WHERE actor = $1 AND idempotency_key = $2";
    let values: [Value; 2] = [once.actor.as_str().into(), once.key.as_str().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let Some(found) = connection.query_one_raw(statement).await? else { return Ok(None) };
    let request: Vec<u8> = found.try_get_by_index(0)?;
    if request != once.request.as_bytes() {
        return Ok(Some(Held::OtherRequest));
    }
    let (status, body): (i32, String) = (found.try_get_by_index(1)?, found.try_get_by_index(2)?);
    if i64::from(status) == PLANNED {
        return Ok(Some(Held::Plan(body)));
    }
    let text = open_secret(sealer, &body, &context(once))?;
    let (version, body) = text.expose().split_once('\n').unwrap_or(("", text.expose()));
    Ok(Some(Held::Answer(SavedAnswer {
        status: u16::try_from(status).unwrap_or_default(),
        version: Some(version.to_owned()).filter(|version| !version.is_empty()),
        body: body.to_owned(),
    })))
}

async fn execute(
    connection: &impl ConnectionTrait,
    sql: String,
    values: Vec<Value>,
) -> Result<u64, StorageError> {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    Ok(connection.execute_raw(statement).await?.rows_affected())
}

fn sealed(
    sealer: &Sealer,
    once: &Once,
    answer: &SavedAnswer,
    nonce: [u8; NONCE_LEN],
    now: Timestamp,
) -> Vec<Value> {
    // A version has no line break, and no body that this program answers begins with one.
    let text = format!("{}\n{}", answer.version.as_deref().unwrap_or_default(), answer.body);
    let body = sealer.seal(text.as_bytes(), &context(once), nonce);
    row(once, answer.status.into(), body, now)
}

fn row(once: &Once, status: i64, body: String, now: Timestamp) -> Vec<Value> {
    vec![
        once.actor.as_str().into(),
        once.key.as_str().into(),
        once.request.as_bytes().to_vec().into(),
        status.into(),
        body.into(),
        now.millis().into(),
    ]
}

/// What an answer is sealed for.
fn context(once: &Once) -> String {
    format!("saved-answer/{}/{}", once.actor, once.key)
}
