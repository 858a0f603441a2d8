//! `countersign user`

use std::io::Read;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Output, operator_audit, role};
use crate::{
    app::Base,
    clock::{Clock, SystemClock, random},
    config::Settings,
    domain::{
        access::{PASSWORD_BYTES_MAX, Role, User, password_objection},
        ids::UserName,
        password,
        secret::Secret,
    },
    storage::UserChange,
};

/// How many random bytes a password has that is made here: 128 bits.
const PASSWORD_BYTES: usize = 16;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a user. Without --password-stdin a password is made and printed, this once.
    Add {
        /// The name to sign in with.
        #[arg(value_parser = |name: &str| UserName::parse(name))]
        name: UserName,
        /// What they may do: viewer (look), manager (decide and configure) or admin (everything).
        #[arg(long, value_parser = role, default_value = "manager")]
        role: Role,
        #[command(flatten)]
        password: Given,
    },
    /// List users.
    List,
    /// End a user's sessions, and let them sign in no more.
    Disable {
        /// The user.
        #[arg(value_parser = |name: &str| UserName::parse(name))]
        name: UserName,
    },
    /// Let a disabled user sign in again.
    Enable {
        /// The user.
        #[arg(value_parser = |name: &str| UserName::parse(name))]
        name: UserName,
    },
    /// Give a user another role.
    Role {
        /// The user.
        #[arg(value_parser = |name: &str| UserName::parse(name))]
        name: UserName,
        /// viewer, manager or admin.
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Give a user another password, and end their sessions. Without --password-stdin one is made and printed.
    Passwd {
        /// The user.
        #[arg(value_parser = |name: &str| UserName::parse(name))]
        name: UserName,
        #[command(flatten)]
        password: Given,
    },
}

#[derive(Args, Debug)]
pub(super) struct Given {
    /// Read the password from the standard input: never from an argument, which other users of the machine can see.
    #[arg(long)]
    password_stdin: bool,
}

impl Given {
    /// The password, and whether it was made here and is to be printed.
    fn read(&self) -> anyhow::Result<(Secret, bool)> {
        if !self.password_stdin {
            return Ok((Secret::new(hex::encode(random::<PASSWORD_BYTES>())), true));
        }
        let mut text = String::new();
        let most = u64::try_from(PASSWORD_BYTES_MAX)? + 2;
        std::io::stdin()
            .take(most)
            .read_to_string(&mut text)
            .context("the password on the standard input")?;
        let text = text.trim_end_matches(['\r', '\n']);
        match password_objection(text) {
            Some(objection) => bail!("the password {objection}"),
            None => Ok((Secret::new(text), false)),
        }
    }
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let now = SystemClock.now();
    let storage = &base.storage;
    match command {
        Command::Add { name, role, password } => {
            let (secret, made) = password.read()?;
            let user = User { name, role, created_at: now, last_sign_in_at: None, disabled_at: None };
            let audit = operator_audit(now, "user.add", &format!("user:{}", user.name));
            storage.add_user(&user, password::hash(&secret, random()), false, &audit, None).await?;
            tell(output, &user, made.then_some(&secret));
        }
        Command::List => output.list(&storage.users().await?, |user| json!(user), line),
        Command::Disable { name } => {
            let audit = operator_audit(now, "user.disable", &format!("user:{name}"));
            let user = storage.change_user(&name, UserChange::Disabled(Some(now)), &audit).await?;
            tell(output, &user, None);
        }
        Command::Enable { name } => {
            let audit = operator_audit(now, "user.enable", &format!("user:{name}"));
            let user = storage.change_user(&name, UserChange::Disabled(None), &audit).await?;
            tell(output, &user, None);
        }
        Command::Role { name, role } => {
            let audit = operator_audit(now, "user.role", &format!("user:{name}"));
            let user = storage.change_user(&name, UserChange::Role(role), &audit).await?;
            tell(output, &user, None);
        }
        Command::Passwd { name, password } => {
            let (secret, made) = password.read()?;
            let audit = operator_audit(now, "user.password", &format!("user:{name}"));
            let hashed = password::hash(&secret, random());
            let user = storage.change_user(&name, UserChange::Password(hashed), &audit).await?;
            tell(output, &user, made.then_some(&secret));
        }
    }
    base.storage.close().await;
    Ok(())
}

/// Prints the user, and the password if it was made here.
fn tell(output: Output, user: &User, made: Option<&Secret>) {
    if output.json {
        let mut shown = json!(user);
        if let Some(secret) = made {
            shown["password"] = json!(secret.expose());
        }
        println!("{shown:#}");
    } else if let Some(secret) = made {
        println!("{}", secret.expose());
    } else {
        println!("{}", line(user));
    }
}

fn line(user: &User) -> String {
    let signed_in = user.last_sign_in_at.map_or("never".to_owned(), |at| at.to_string());
    let state = if user.disabled_at.is_some() { "disabled" } else { "active" };
    format!("{}  {}  {state}  last sign-in {signed_in}", user.name, user.role)
}
