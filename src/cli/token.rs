//! `countersign token`

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{Output, operator};
use crate::{
    app::Base,
    clock::{Clock, SystemClock},
    config::Settings,
    domain::{
        ids::{MerchantId, TokenId},
        time::Timestamp,
        token::Token,
    },
    http::new_token,
};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token for a merchant and print it, this once. Other tokens of the merchant stay valid.
    Issue {
        /// The merchant.
        #[arg(long, value_parser = |id: &str| MerchantId::parse(id))]
        merchant: MerchantId,
        /// What to call it.
        #[arg(long, default_value = "default")]
        label: String,
        /// For how many days it is accepted; without this, until it is revoked.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
    },
    /// List tokens; never their text, which is not kept.
    List {
        /// Only of this merchant.
        #[arg(long, value_parser = |id: &str| MerchantId::parse(id))]
        merchant: Option<MerchantId>,
    },
    /// Revoke a token for good; a running server stops accepting it within 2 seconds.
    Revoke {
        /// The token's id, as `token list` shows it.
        id: Uuid,
    },
}

pub(super) async fn run(settings: &Settings, command: Command, output: Output) -> anyhow::Result<()> {
    let base = Base::open(settings).await?;
    let now = SystemClock.now();
    match command {
        Command::Issue { merchant, label, days } => {
            let (plain, setting) = new_token(&base.digester, label, now);
            let id = setting.id;
            let expires_at = days.map(|days| now.plus_millis(i64::from(days) * DAY_MILLIS));
            base.storage.add_token(&merchant, &setting, expires_at, &operator(now), None).await?;
            if output.json {
                let issued = json!({
                    "id": id, "merchant": merchant, "label": setting.label, "token": plain.expose(),
                    "expires_at": expires_at,
                });
                println!("{issued:#}");
            } else {
                println!("{}", plain.expose());
            }
        }
        Command::List { merchant } => {
            let tokens = base.storage.tokens(merchant.as_ref()).await?;
            output.list(&tokens, |token| as_json(token, now), |token| line(token, now));
        }
        Command::Revoke { id } => {
            let token = base.storage.revoke_token(TokenId::new(id), &operator(now)).await?;
            output.list(&[token], |token| as_json(token, now), |token| line(token, now));
        }
    }
    base.storage.close().await;
    Ok(())
}

fn as_json(token: &Token, now: Timestamp) -> serde_json::Value {
    json!({
        "id": token.id, "merchant": token.merchant, "label": token.label, "state": token.state(now),
        "created_at": token.created_at, "last_used_at": token.last_used_at, "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    })
}

fn line(token: &Token, now: Timestamp) -> String {
    let used = token.last_used_at.map_or("never".to_owned(), |at| at.to_string());
    let (id, merchant, label, state) = (token.id, &token.merchant, &token.label, token.state(now));
    format!("{id}  {merchant}  {label}  {state}  created {}  last used {used}", token.created_at)
}
