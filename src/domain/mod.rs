//! The domain: what clicks, goals, conversions and decisions mean.
//!
//! Pure: it never awaits, reads no clock, draws no randomness, does no I/O and uses no float. It imports nothing from
//! the other rooms. Read [`decide`] first: every rule of the product is there or in what it calls.
//!
//! - What is reported: [`params`] → [`postback`] (or a [`refusal`]), [`click`]
//! - What is configured: [`catalog`] of [`merchant`]s with their [`goal`]s and [`token`]s, offers, affiliates
//! - What is recorded: [`conversion`] with its [`status`] history
//! - What it is measured in: [`money`], [`currency`], [`time`], [`ids`]
//! - How it is decided: [`decide`] on a [`working_set`]
//! - How it is told: [`endpoint`]s and their [`outgoing`] messages, [`template`]s with macros, [`webhook`]
//!   signatures, the [`retry`] schedule; secrets are [`sealed`]

pub mod catalog;
pub mod click;
pub mod conversion;
pub mod currency;
pub mod decide;
pub mod delivery;
pub mod endpoint;
#[cfg(test)]
pub(crate) mod fixture;
pub mod goal;
pub mod ids;
pub mod merchant;
pub mod money;
pub mod outgoing;
pub mod params;
pub mod postback;
pub mod refusal;
pub mod retry;
pub mod sealed;
pub mod secret;
pub mod sign;
pub mod status;
pub mod template;
pub mod time;
pub mod token;
pub mod webhook;
pub mod working_set;
