//! Postback endpoints: how they are stored, and how they fare.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, EntityTrait,
    sea_query::{Alias, Expr, Func, OnConflict},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    AuditRow, Storage, StorageError,
    audit::{Author, insert_audit},
    bulk,
    cells::{self, Cells, Kind, columns},
    entity::{
        endpoint_health::{self, Column},
        pixel, postback_endpoint,
    },
    reading::Reading,
    rows::{known, text, valid},
    saving::{Saving, json_list, list, lock, open_secret},
};
use crate::domain::{
    endpoint::{BasicAuth, Method, PostbackEndpoint, SuccessRule},
    ids::{AffiliateId, EndpointId, GoalAlias, OfferId},
    sealed::Sealer,
    secret::Secret,
    setting::SettingKind,
    status::Status,
    template::{TextTemplate, UrlTemplate, Vocabulary},
    time::Timestamp,
    webhook::SigningSecret,
};

/// How an endpoint fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Since when every attempt has failed; none after a success.
    pub failing_since: Option<Timestamp>,
    /// Since when it is paused, and why: its deliveries wait.
    pub paused: Option<(Timestamp, String)>,
}

impl EndpointHealth {
    /// How an endpoint fares, in a word: `inactive`, `paused`, `failing`, `healthy`.
    pub const fn word(&self, is_active: bool) -> &'static str {
        match self {
            _ if !is_active => "inactive",
            Self { paused: Some(_), .. } => "paused",
            Self { failing_since: Some(_), .. } => "failing",
            Self { .. } => "healthy",
        }
    }
}

/// How many of an endpoint's deliveries are not delivered, each counted up to [`Backlog::COUNTED_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many wait.
    pub waiting: u64,
    /// How many were given up.
    pub dead: u64,
    /// What was wrong with an attempt of late: of one that waits to be tried again, or else was given up.
    pub last_error: Option<String>,
}

impl Backlog {
    /// Up to how many are counted: whoever reads it need not know more exactly, and it costs the same with millions.
    pub const COUNTED_MAX: u64 = 10_000;
}

const ENDPOINT_KEY: &[cells::Column] = &columns![Text endpoint];

/// Each of these endpoints with what is not delivered to it, by the indexes that hold nothing else. Of what waits, what
/// was tried already is due last.
const BACKLOG: &str = "SELECT k.endpoint,
        (SELECT count(*) FROM (SELECT 1 FROM delivery AS d WHERE d.endpoint = k.endpoint AND d.state = 'waiting'
            LIMIT {most}) AS w),
        (SELECT count(*) FROM (SELECT 1 FROM delivery AS d WHERE d.endpoint = k.endpoint AND d.state = 'dead'
            LIMIT {most}) AS g),
        COALESCE(
            (SELECT a.error FROM attempt AS a WHERE (a.delivery, a.number) = (
                SELECT d.id, d.attempts FROM delivery AS d
                WHERE d.endpoint = k.endpoint AND d.state = 'waiting' AND d.due_at > {after} AND d.attempts > 0
                ORDER BY d.due_at DESC LIMIT 1)),
            (SELECT a.error FROM attempt AS a WHERE (a.delivery, a.number) = (
                SELECT d.id, d.attempts FROM delivery AS d
                WHERE d.endpoint = k.endpoint AND d.state = 'dead' ORDER BY d.id DESC LIMIT 1)))
    FROM ({rows}) AS k";

/// Basic authentication as it is sealed.
#[derive(Deserialize, Serialize)]
struct Credentials {
    login: String,
    password: Option<String>,
}

impl Storage {
    /// How endpoints fare; one that is not there has had no trouble.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn endpoint_health(&self) -> Result<HashMap<EndpointId, EndpointHealth>, StorageError> {
        read_health(&self.reader).await
    }

    /// What is not delivered to these endpoints, seen at this time.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn backlogs<'a>(
        &self,
        endpoints: impl IntoIterator<Item = &'a EndpointId>,
        now: Timestamp,
    ) -> Result<HashMap<EndpointId, Backlog>, StorageError> {
        let mut cells = Cells::new(ENDPOINT_KEY);
        endpoints.into_iter().for_each(|endpoint| cells.push([text(endpoint.as_str())]));
        let sql = BACKLOG.replace("{most}", &Backlog::COUNTED_MAX.to_string());
        let kinds = [Kind::Text, Kind::Integer, Kind::Integer, Kind::Text];
        let rows = bulk::select(&self.reader, &kinds, &sql, cells, Some(now.millis())).await?;
        let backlog = |row| {
            let mut row = Reading::of(row);
            let endpoint = row.id(EndpointId::parse)?;
            let mut number = || row.next::<i64>().map(i64::unsigned_abs);
            let (waiting, dead) = (number()?, number()?);
            Ok((endpoint, Backlog { waiting, dead, last_error: row.next()? }))
        };
        rows.iter().map(backlog).collect()
    }

    /// Pauses an endpoint for this reason, or lets it go on.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn pause_endpoint(
        &self,
        endpoint: &EndpointId,
        reason: Option<String>,
        author: &Author,
    ) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        lock(&*transaction).await?;
        let before = endpoint_health::Entity::find_by_id(endpoint.as_str()).one(&*transaction).await?;
        let is_pixel = pixel::Entity::find_by_id(endpoint.as_str()).one(&*transaction).await?.is_some();
        let kind = if is_pixel { SettingKind::Pixel } else { SettingKind::Postback };
        let action = if reason.is_some() { "pause" } else { "resume" };
        let told = |reason: Option<&String>| Some(json!({ "paused": reason }).to_string());
        let row = AuditRow {
            before: told(before.and_then(|health| health.pause_reason).as_ref()),
            after: told(reason.as_ref()),
            ..author.entry(&format!("{kind}.{action}"), &format!("{kind}:{endpoint}"))
        };
        insert_audit(&*transaction, &row).await?;
        let paused = reason.map(|reason| (author.at, reason));
        write_health(&*transaction, endpoint, &EndpointHealth { failing_since: None, paused }).await?;
        Ok(transaction.commit().await?)
    }
}

/// An endpoint's row. Secrets that are the same stay as they were sealed.
pub(super) fn endpoint_row(
    endpoint: &PostbackEndpoint,
    stored: Option<&postback_endpoint::Model>,
    saving: &Saving<'_>,
) -> Result<postback_endpoint::Model, StorageError> {
    let id = endpoint.id.to_string();
    let seal =
        |plain: &str, what: &str, stored: Option<&String>| saving.seal(plain, &context(&id, what), stored);
    let basic_auth = endpoint.basic_auth.as_ref().map(|auth| {
        let stored = stored.and_then(|row| row.basic_auth.as_ref());
        seal(&credentials_json(auth), "basic_auth", stored)
    });
    let signing_secret = endpoint.signing_secret.as_ref().map(|secret| {
        let stored = stored.and_then(|row| row.signing_secret.as_ref());
        seal(secret.expose().expose(), "signing_secret", stored)
    });
    let (params, headers) = (templates_json(&endpoint.params), templates_json(&endpoint.headers));
    Ok(postback_endpoint::Model {
        affiliate: endpoint.affiliate.to_string(),
        offer: endpoint.offer.as_ref().map(ToString::to_string),
        goal: endpoint.goal.as_ref().map(ToString::to_string),
        statuses: json_list(&endpoint.statuses),
        method: endpoint.method.as_str().to_owned(),
        // Trackers take their tokens as headers, as parameters and in the URL.
        url: seal(endpoint.url.source(), "url", stored.map(|row| &row.url))?,
        params: seal(&params, "params", stored.map(|row| &row.params))?,
        headers: seal(&headers, "headers", stored.map(|row| &row.headers))?,
        basic_auth: basic_auth.transpose()?,
        signing_secret: signing_secret.transpose()?,
        success_statuses: endpoint.success.statuses().to_owned(),
        success_body: endpoint.success.body_contains.clone(),
        active: endpoint.active,
        id,
    })
}

fn credentials_json(auth: &BasicAuth) -> String {
    let password = auth.password.as_ref().map(|password| password.expose().to_owned());
    let credentials = Credentials { login: auth.login.expose().to_owned(), password };
    serde_json::to_string(&credentials).unwrap_or_default()
}

/// What a secret of an endpoint is sealed for.
fn context(endpoint: &str, what: &str) -> String {
    format!("postback/{endpoint}/{what}")
}

fn templates_json(templates: &[(String, TextTemplate)]) -> String {
    let pairs: Vec<_> = templates.iter().map(|(name, template)| (name, template.source())).collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

fn templates(json: &str, endpoint: &str) -> Result<Vec<(String, TextTemplate)>, StorageError> {
    let pairs = list::<(String, String)>(json)?;
    let parse = |(name, source): (String, String)| match TextTemplate::parse(&source, Vocabulary::Postback) {
        Ok(template) => Ok((name, template)),
        Err(error) => Err(StorageError::Broken(format!("`{name}` of postback {endpoint}: {error}"))),
    };
    pairs.into_iter().map(parse).collect()
}

pub(super) fn endpoint_of(
    row: &postback_endpoint::Model,
    sealer: &Sealer,
) -> Result<PostbackEndpoint, StorageError> {
    let broken = |error: String| StorageError::Broken(format!("postback {}: {error}", row.id));
    let open = |sealed: &String, what| open_secret(sealer, sealed, &context(&row.id, what));
    let basic_auth = match row.basic_auth.as_ref().map(|sealed| open(sealed, "basic_auth")).transpose()? {
        Some(plain) => {
            let credentials: Credentials =
                serde_json::from_str(plain.expose()).map_err(|_| broken("its credentials".to_owned()))?;
            Some(BasicAuth {
                login: Secret::new(credentials.login),
                password: credentials.password.map(Secret::new),
            })
        }
        None => None,
    };
    let signing_secret =
        row.signing_secret.as_ref().map(|sealed| open(sealed, "signing_secret")).transpose()?;
    let signing_secret = signing_secret.map(|text| SigningSecret::parse(text.expose())).transpose();
    let statuses = list::<String>(&row.statuses)?;
    Ok(PostbackEndpoint {
        id: valid(EndpointId::parse(&row.id))?,
        affiliate: valid(AffiliateId::parse(&row.affiliate))?,
        offer: row.offer.as_deref().map(OfferId::parse).map(valid).transpose()?,
        goal: row.goal.as_deref().map(GoalAlias::parse).map(valid).transpose()?,
        statuses: statuses.iter().filter_map(|status| Status::parse(status)).collect(),
        method: known(Method::parse(&row.method), "method")?,
        url: UrlTemplate::parse(open(&row.url, "url")?.expose(), Vocabulary::Postback)
            .map_err(|error| broken(error.to_string()))?,
        params: templates(open(&row.params, "params")?.expose(), &row.id)?,
        headers: templates(open(&row.headers, "headers")?.expose(), &row.id)?,
        basic_auth,
        signing_secret: signing_secret.map_err(|error| broken(error.to_string()))?,
        success: SuccessRule::parse(&row.success_statuses, row.success_body.clone())
            .map_err(|error| broken(error.to_string()))?,
        active: row.active,
    })
}

pub(super) async fn read_health(
    connection: &impl ConnectionTrait,
) -> Result<HashMap<EndpointId, EndpointHealth>, StorageError> {
    let rows = endpoint_health::Entity::find().all(connection).await?;
    let health = |row: endpoint_health::Model| {
        let paused =
            row.paused_at.map(|at| (Timestamp::from_millis(at), row.pause_reason.unwrap_or_default()));
        let failing_since = row.failing_since.map(Timestamp::from_millis);
        Ok((valid(EndpointId::parse(&row.endpoint))?, EndpointHealth { failing_since, paused }))
    };
    rows.into_iter().map(health).collect()
}

async fn write_health(
    connection: &impl ConnectionTrait,
    endpoint: &EndpointId,
    health: &EndpointHealth,
) -> Result<(), StorageError> {
    let columns = [Column::FailingSince, Column::PausedAt, Column::PauseReason];
    let or_replace = OnConflict::column(Column::Endpoint).update_columns(columns).to_owned();
    let row = health_row(endpoint, health);
    endpoint_health::Entity::insert(row).on_conflict(or_replace).exec_without_returning(connection).await?;
    Ok(())
}

/// Notes how an endpoint fares after attempts. It may pause the endpoint, and never lets a paused one go on: somebody
/// else may have paused it since its health was read.
pub(super) async fn note_health(
    connection: &impl ConnectionTrait,
    endpoint: &EndpointId,
    health: &EndpointHealth,
) -> Result<(), StorageError> {
    let kept = |column: Column| {
        let noted = Expr::col((Alias::new("excluded"), column));
        (column, Func::coalesce([Expr::col((endpoint_health::Entity, column)), noted]).into())
    };
    let or_note = OnConflict::column(Column::Endpoint)
        .update_column(Column::FailingSince)
        .values([kept(Column::PausedAt), kept(Column::PauseReason)])
        .to_owned();
    let row = health_row(endpoint, health);
    endpoint_health::Entity::insert(row).on_conflict(or_note).exec_without_returning(connection).await?;
    Ok(())
}

fn health_row(endpoint: &EndpointId, health: &EndpointHealth) -> endpoint_health::ActiveModel {
    let (paused_at, pause_reason) = health.paused.clone().unzip();
    endpoint_health::ActiveModel {
        endpoint: Set(endpoint.to_string()),
        failing_since: Set(health.failing_since.map(Timestamp::millis)),
        paused_at: Set(paused_at.map(Timestamp::millis)),
        pause_reason: Set(pause_reason),
    }
}
