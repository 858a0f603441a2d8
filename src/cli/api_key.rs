//! `countersign api-key`

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{Output, operator_audit, role};
use crate::{
    app::Base,
    clock::{Clock, SystemClock, new_uuid},
    config::Settings,
    domain::{
        access::{ApiKey, Role},
        ids::{ApiKeyId, ApiKeyName},
    },
    http::new_api_key,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key for a program and print it, this once. Only a digest of it is kept.
    Create {
        /// What to call it.
        #[arg(required_unless_present = "named", value_parser = |name: &str| ApiKeyName::parse(name))]
        name: Option<ApiKeyName>,
        /// What to call it, as an option.
        #[arg(long = "name", id = "named", conflicts_with = "name")]
        #[arg(value_parser = |name: &str| ApiKeyName::parse(name))]
        named: Option<ApiKeyName>,
        /// What it may be used for: viewer (read), manager (decide and configure) or admin (everything).
        #[arg(long, value_parser = role, default_value = "manager")]
        role: Role,
    },
    /// List keys; never their text, which is not kept.
    List,
    /// Revoke a key for good, at once.
    Revoke {
        /// The key's id, as `api-key list` shows it.
        id: Uuid,
    },
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let now = SystemClock.now();
    match command {
        Command::Create { name, named, role } => {
            let name = name.or(named).expect("the arguments require a name");
            let (plain, digest) = new_api_key(&base.digester);
            let id = ApiKeyId::new(new_uuid(now));
            let key = ApiKey { id, name, role, created_at: now, last_used_at: None, revoked_at: None };
            let audit = operator_audit(now, "api-key.create", &format!("api-key:{}", key.name));
            base.storage.add_api_key(&key, &digest, &audit, None).await?;
            if output.json {
                let mut shown = json!(key);
                shown["key"] = json!(plain.expose());
                println!("{shown:#}");
            } else {
                println!("{}", plain.expose());
            }
        }
        Command::List => output.list(&base.storage.api_keys().await?, |key| json!(key), line),
        Command::Revoke { id } => {
            let audit = operator_audit(now, "api-key.revoke", &format!("api-key:{id}"));
            let key = base.storage.revoke_api_key(ApiKeyId::new(id), now, &audit).await?;
            output.list(&[key], |key| json!(key), line);
        }
    }
    base.storage.close().await;
    Ok(())
}

fn line(key: &ApiKey) -> String {
    let state = if key.revoked_at.is_some() { "revoked" } else { "live" };
    let used = key.last_used_at.map_or("never".to_owned(), |at| at.to_string());
    format!("{}  {}  {}  {state}  created {}  last used {used}", key.id, key.name, key.role, key.created_at)
}
