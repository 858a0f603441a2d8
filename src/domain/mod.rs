//! The domain: what clicks, goals, conversions and decisions mean.
//!
//! Pure: it never awaits, reads no clock, draws no randomness, does no I/O and uses no float. It imports nothing from
//! the other rooms. Read [`decide`] first: every rule of the product is there or in what it calls.
//!
//! - What is reported: [`params`] → [`postback`] (or a [`refusal`]), [`click`]; in a sender's [`dialect`]: a
//!   [`report`] by a [`player`]'s click
//! - What is configured: [`catalog`] of [`merchant`]s with their [`goal`]s and [`token`]s, offers, affiliates, by
//!   [`setting`] kinds
//! - What is recorded: [`conversion`] with its [`status`] history
//! - What it is measured in: [`money`], [`currency`], [`time`], [`ids`]
//! - What it comes to: [`statistics`]
//! - How it is decided: [`decide`] on a [`working_set`]
//! - Who may do what: [`access`], and without an account by a [`link`]
//! - How it is told: [`endpoint`]s and their [`outgoing`] messages, [`template`]s with macros, [`webhook`]
//!   signatures, [`pixel`]s of ad platforms, the [`retry`] schedule; secrets are [`sealed`], and [`hidden`] from
//!   people; an [`example`] is told in a test

pub mod access;
pub mod card;
pub mod catalog;
pub mod click;
pub mod conversion;
pub mod currency;
pub mod decide;
pub mod delivery;
pub mod dialect;
pub mod endpoint;
pub mod example;
#[cfg(test)]
pub(crate) mod fixture;
pub mod goal;
pub mod hidden;
pub mod ids;
pub mod link;
pub mod merchant;
pub mod money;
pub mod outgoing;
pub mod params;
pub mod password;
pub mod payout;
pub mod pixel;
pub mod player;
pub mod postback;
pub mod refusal;
pub mod repetition;
pub mod report;
pub mod retry;
pub mod sealed;
pub mod secret;
pub mod setting;
pub mod sign;
pub mod statistics;
pub mod status;
pub mod template;
pub mod time;
pub mod token;
pub mod webhook;
pub mod working_set;
