//! Users and their sessions.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder,
};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    AuditRow, Keep, Storage, StorageError,
    audit::insert_audit,
    entity::{account, session},
    reading::Reading,
    rows::{known, valid},
    saved_answers::keep_answer,
    saving::{lock, whole_row},
};
use crate::domain::{
    access::{Role, SESSION_IDLE_MILLIS, User},
    ids::UserName,
    time::Timestamp,
    token::TokenDigest,
};

/// A user with what their password is checked against.
#[derive(Debug)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The hash of the password, in the PHC string format.
    pub password: String,
}

impl Storage {
    /// Whether anybody has an account yet.
    ///
    /// # Errors
    /// [`StorageError`], as every method here.
    pub async fn has_users(&self) -> Result<bool, StorageError> {
        Ok(account::Entity::find().count(&self.reader).await? > 0)
    }

    /// All users, by name.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn users(&self) -> Result<Vec<User>, StorageError> {
        let rows = account::Entity::find().order_by_asc(account::Column::Name).all(&self.reader).await?;
        rows.iter().map(user_of).collect()
    }

    /// The account of this name, disabled ones included.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn account(&self, name: &UserName) -> Result<Option<Account>, StorageError> {
        let row = account::Entity::find_by_id(name.as_str()).one(&self.reader).await?;
        row.map(|row| Ok(Account { user: user_of(&row)?, password: row.password })).transpose()
    }

    /// Adds a user, `only_first` where nobody may have an account yet, and gives their version.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if the name is taken, or somebody has an account already.
    pub async fn add_user(
        &self,
        user: &User,
        password: String,
        only_first: bool,
        audit: &AuditRow,
        keep: Option<Keep<'_, String>>,
    ) -> Result<String, StorageError> {
        let transaction = self.begin().await?;
        if only_first && account::Entity::find().count(&*transaction).await? > 0 {
            return Err(StorageError::Refused(
                "the first admin has been created already: sign in, or let an admin add you".to_owned(),
            ));
        }
        if account::Entity::find_by_id(user.name.as_str()).one(&*transaction).await?.is_some() {
            return Err(StorageError::Refused(format!("there is a user {} already", user.name)));
        }
        let row = account::Model {
            name: user.name.to_string(),
            role: user.role.as_str().to_owned(),
            password,
            created_at: user.created_at.millis(),
            last_sign_in_at: None,
            disabled_at: None,
        };
        let version = version_of(&row);
        account::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(&*transaction)
            .await?;
        insert_audit(&*transaction, &AuditRow { after: Some(told(user)), ..audit.clone() }).await?;
        keep_answer(&*transaction, &self.sealer, keep, &version).await?;
        transaction.commit().await?;
        Ok(version)
    }

    /// The user of this name, with what tells them from what they were: it changes with their password too, and not
    /// by signing in.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn user_with_version(&self, name: &UserName) -> Result<Option<(User, String)>, StorageError> {
        let row = account::Entity::find_by_id(name.as_str()).one(&self.reader).await?;
        row.map(|row| Ok((user_of(&row)?, version_of(&row)))).transpose()
    }

    /// Changes what is given of a user, and ends all sessions of theirs unless only the role changes.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if there is no such user, or no other admin would be left.
    pub async fn change_user(
        &self,
        name: &UserName,
        change: UserChange,
        audit: &AuditRow,
    ) -> Result<User, StorageError> {
        self.change_account(name, vec![change], None, audit).await
    }

    /// The same with several changes, if the user is as they were seen.
    ///
    /// # Errors
    /// [`StorageError::Stale`] if they are not, [`StorageError::Refused`] as before.
    pub async fn change_user_as_seen(
        &self,
        name: &UserName,
        changes: Vec<UserChange>,
        version: &str,
        audit: &AuditRow,
    ) -> Result<User, StorageError> {
        self.change_account(name, changes, Some(version), audit).await
    }

    async fn change_account(
        &self,
        name: &UserName,
        changes: Vec<UserChange>,
        version: Option<&str>,
        audit: &AuditRow,
    ) -> Result<User, StorageError> {
        let transaction = self.begin().await?;
        lock(&*transaction).await?;
        let stored = account::Entity::find_by_id(name.as_str()).one(&*transaction).await?;
        let stored = stored.ok_or_else(|| StorageError::Refused(format!("there is no user {name}")))?;
        if version.is_some_and(|version| version != version_of(&stored)) {
            return Err(StorageError::Stale(format!(
                "somebody has changed the user {name} since you read them"
            )));
        }
        let mut wanted = stored.clone();
        let mut ends_sessions = false;
        for change in changes {
            ends_sessions |= !matches!(change, UserChange::Role(_));
            match change {
                UserChange::Role(role) => role.as_str().clone_into(&mut wanted.role),
                UserChange::Password(hash) => wanted.password = hash,
                UserChange::Disabled(since) => wanted.disabled_at = since.map(Timestamp::millis),
            }
        }
        let leaves = is_active_admin(&stored) && !is_active_admin(&wanted);
        if leaves && !another_admin(&*transaction, name).await? {
            return Err(StorageError::Refused(format!(
                "{name} is the only admin: make somebody else one first"
            )));
        }
        account::Entity::update(wanted.clone().into_active_model().reset_all())
            .exec_without_returning(&*transaction)
            .await?;
        if ends_sessions {
            session::Entity::delete_many()
                .filter(session::Column::Account.eq(name.as_str()))
                .exec(&*transaction)
                .await?;
        }
        let (before, after) = (user_of(&stored)?, user_of(&wanted)?);
        let row = AuditRow { before: Some(told(&before)), after: Some(told(&after)), ..audit.clone() };
        insert_audit(&*transaction, &row).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Begins a session.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn begin_session(
        &self,
        digest: &TokenDigest,
        user: &UserName,
        address: &str,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let row = session::Model {
            digest: digest.as_bytes().to_vec(),
            account: user.to_string(),
            created_at: now.millis(),
            last_seen_at: now.millis(),
            address: address.to_owned(),
        };
        session::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(&*transaction)
            .await?;
        let seen = account::ActiveModel {
            name: Set(user.to_string()),
            last_sign_in_at: Set(Some(now.millis())),
            ..Default::default()
        };
        seen.update(&*transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Whose session this is, and when it was last seen; none if it has idled for too long or its user is disabled.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn session(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<Option<(User, Timestamp)>, StorageError> {
        let oldest = now.plus_millis(-SESSION_IDLE_MILLIS).millis();
        let sql = "SELECT s.last_seen_at, a.name, a.role, a.created_at, a.last_sign_in_at
            FROM session AS s CROSS JOIN account AS a
            WHERE s.digest = $1 AND s.last_seen_at > $2 AND a.name = s.account AND a.disabled_at IS NULL";
        let values = vec![digest.as_bytes().to_vec().into(), oldest.into()];
        let rows = self.read(sql.to_owned(), values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut row = Reading::new(row);
        let seen = Timestamp::from_millis(row.next()?);
        let user = User {
            name: row.id(UserName::parse)?,
            role: known(Role::parse(&row.next::<String>()?), "role")?,
            created_at: Timestamp::from_millis(row.next()?),
            last_sign_in_at: row.next::<Option<i64>>()?.map(Timestamp::from_millis),
            disabled_at: None,
        };
        Ok(Some((user, seen)))
    }

    /// Notes that a session is in use.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn touch_session(&self, digest: &TokenDigest, now: Timestamp) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let seen = sea_orm::sea_query::Expr::value(now.millis());
        session::Entity::update_many()
            .col_expr(session::Column::LastSeenAt, seen)
            .filter(session::Column::Digest.eq(digest.as_bytes().to_vec()))
            .exec(&*transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Ends one session, or every session of its user.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn end_session(&self, digest: &TokenDigest, everywhere: bool) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let own = session::Entity::find_by_id(digest.as_bytes().to_vec()).one(&*transaction).await?;
        let Some(own) = own else { return Ok(()) };
        let filter = if everywhere {
            session::Column::Account.eq(own.account)
        } else {
            session::Column::Digest.eq(own.digest)
        };
        session::Entity::delete_many().filter(filter).exec(&*transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets sessions that have idled for too long.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn forget_sessions(&self, now: Timestamp) -> Result<(), StorageError> {
        let transaction = self.begin().await?;
        let oldest = now.plus_millis(-SESSION_IDLE_MILLIS).millis();
        session::Entity::delete_many()
            .filter(session::Column::LastSeenAt.lte(oldest))
            .exec(&*transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

/// A change of a user.
#[derive(Debug)]
pub enum UserChange {
    /// Another role.
    Role(Role),
    /// Another password, as its hash.
    Password(String),
    /// May no longer sign in from this time on, or may again.
    Disabled(Option<Timestamp>),
}

fn version_of(row: &account::Model) -> String {
    let whole = whole_row(&account::Model { last_sign_in_at: None, ..row.clone() });
    hex::encode(&Sha256::digest(whole)[..16])
}

/// What the audit log holds of a user.
fn told(user: &User) -> String {
    let User { name, role, disabled_at, .. } = user;
    json!({ "name": name, "role": role, "disabled_at": disabled_at }).to_string()
}

fn is_active_admin(row: &account::Model) -> bool {
    row.role == Role::Admin.as_str() && row.disabled_at.is_none()
}

async fn another_admin(
    transaction: &impl sea_orm::ConnectionTrait,
    name: &UserName,
) -> Result<bool, StorageError> {
    let others = account::Entity::find()
        .filter(account::Column::Name.ne(name.as_str()))
        .filter(account::Column::Role.eq(Role::Admin.as_str()))
        .filter(account::Column::DisabledAt.is_null());
    Ok(others.count(transaction).await? > 0)
}

fn user_of(row: &account::Model) -> Result<User, StorageError> {
    Ok(User {
        name: valid(UserName::parse(&row.name))?,
        role: known(Role::parse(&row.role), "role")?,
        created_at: Timestamp::from_millis(row.created_at),
        last_sign_in_at: row.last_sign_in_at.map(Timestamp::from_millis),
        disabled_at: row.disabled_at.map(Timestamp::from_millis),
    })
}
