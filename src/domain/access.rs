//! Who may do what: roles, the users who have them, and the keys of programs.

use std::fmt;

use serde::Serialize;

use super::{
    goal::stored_words,
    ids::{ApiKeyId, ApiKeyName, UserName},
    time::Timestamp,
};

/// How long a session may idle before it ends, in milliseconds: 12 hours.
pub const SESSION_IDLE_MILLIS: i64 = 12 * 60 * 60 * 1000;

/// How short a password may be, in characters. Sign-in is throttled, so that one of this length can't be guessed.
pub const PASSWORD_CHARS_MIN: usize = 10;

/// How long a password may be, in bytes, so that hashing it costs no more than hashing any other.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// What somebody may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look.
    Viewer,
    /// Decide, and change the settings of merchants, offers, affiliates and postbacks.
    Manager,
    /// Everything, users and API keys too.
    Admin,
}

stored_words!(Role { "viewer" => Self::Viewer, "manager" => Self::Manager, "admin" => Self::Admin });

impl Role {
    /// Whether it may do what this role may.
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a password that somebody wants to have: the rest of a sentence after "the password", if anything.
pub fn password_objection(password: &str) -> Option<String> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Some(format!(
            "is too short: take at least {PASSWORD_CHARS_MIN} characters, such as three words"
        ));
    }
    (password.len() > PASSWORD_BYTES_MAX).then(|| format!("is longer than {PASSWORD_BYTES_MAX} bytes"))
}

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name under which they sign in.
    pub name: UserName,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When they last signed in.
    pub last_sign_in_at: Option<Timestamp>,
    /// Since when they may no longer.
    pub disabled_at: Option<Timestamp>,
}

/// A program's key, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: ApiKeyName,
    /// What it may be used for.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is no longer accepted.
    pub revoked_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        assert!(Role::Admin.may(Role::Manager) && Role::Manager.may(Role::Viewer));
        assert!(!Role::Viewer.may(Role::Manager) && !Role::Manager.may(Role::Admin));
        assert!(Role::ALL.iter().all(|role| role.may(*role) && Role::parse(role.as_str()) == Some(*role)));
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert_eq!(password_objection("correct horse battery"), None);
        assert!(password_objection("short").is_some());
        assert!(password_objection(&"é".repeat(9)).is_some());
        assert!(password_objection(&"x".repeat(257)).is_some());
    }
}
