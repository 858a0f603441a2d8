//! What the workloads send.

use std::io::Write;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::load::Requests;

/// The merchant's token in the bench configuration.
pub(crate) const TOKEN: &str = "bench-token-0123456789abcdef";

/// A click whose player is about to deposit.
#[derive(Clone)]
pub(crate) struct Player {
    click_id: Box<str>,
    deposit_cents: u32,
}

impl Player {
    /// The player behind the `ordinal`-th click; deposits differ, between 10 and 1,000.
    pub(crate) fn new(click_id: &str, ordinal: usize) -> Self {
        let step = u32::try_from(ordinal % 99_001).unwrap_or_default();
        Self { click_id: click_id.into(), deposit_cents: 1_000 + step }
    }

    fn write_mvp_address(&self, out: &mut Vec<u8>) {
        let (units, cents) = (self.deposit_cents / 100, self.deposit_cents % 100);
        let click = &self.click_id;
        append(out, format_args!("GET /postback/?clickid={click}&goal=dep&sum={units}.{cents:02}&ow=0"));
    }

    fn write_query(&self, out: &mut Vec<u8>) {
        let (units, cents) = (self.deposit_cents / 100, self.deposit_cents % 100);
        append(
            out,
            format_args!(
                "click_id={}&amount={units}.{cents:02}&currency=EUR&token={TOKEN}&goal_alias=ftd",
                self.click_id
            ),
        );
    }
}

/// Which words a deposit is told in.
#[derive(Clone, Copy)]
pub(crate) enum Words {
    /// `/track/conv`.
    Own,
    /// The dialect of MVP Project.
    Mvp,
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes every write");
}

/// Puts `items` into a random order, the same in every run.
pub(crate) fn shuffle<T>(items: &mut [T]) {
    let mut state = 0;
    for last in (1..items.len()).rev() {
        state += 1;
        let drawn = scramble(state) % (u64::try_from(last).unwrap_or(u64::MAX) + 1);
        items.swap(last, usize::try_from(drawn).unwrap_or_default());
    }
}

/// A well-mixed number for each number: the finalizer of `SplitMix64` over its Weyl sequence.
pub(crate) fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn write_click(out: &mut Vec<u8>, ordinal: usize, accept: &str) {
    append(
        out,
        format_args!(
            "GET /click?offer=bench-offer&affiliate=bench-affiliate&sub1=summer&cl_id=a{ordinal}\
             &custom2=o{ordinal} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n\r\n"
        ),
    );
}

/// Clicks of browsers, without end.
#[derive(Default)]
pub(crate) struct Clicks {
    sent: usize,
}

impl Requests for Clicks {
    const EXPECTED_STATUS: u16 = 302;

    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        self.sent += 1;
        write_click(out, self.sent, "text/html");
        true
    }
}

/// Clicks that ask for their id, to have players for the conversions.
pub(crate) struct LearnedClicks {
    left: usize,
    /// The players behind the recorded clicks.
    pub(crate) players: Vec<Player>,
}

impl LearnedClicks {
    pub(crate) fn new(count: usize) -> Self {
        Self { left: count, players: Vec::with_capacity(count) }
    }
}

impl Requests for LearnedClicks {
    const EXPECTED_STATUS: u16 = 200;

    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        write_click(out, left, "application/json");
        true
    }

    fn learn(&mut self, body: &[u8]) -> Result<()> {
        #[derive(Deserialize)]
        struct Recorded<'a> {
            click_id: &'a str,
        }
        let recorded: Recorded<'_> = serde_json::from_slice(body).context("an answer of /click")?;
        self.players.push(Player::new(recorded.click_id, self.players.len()));
        Ok(())
    }
}

/// A first deposit of each player, in the order given.
pub(crate) struct FirstDeposits {
    players: Vec<Player>,
    words: Words,
    sent: usize,
    endless: bool,
}

impl FirstDeposits {
    /// Each player deposits once.
    pub(crate) fn once(players: Vec<Player>, words: Words) -> Self {
        Self { players, words, sent: 0, endless: false }
    }

    /// The players deposit again and again; only for a peer that remembers nothing.
    pub(crate) fn endless(players: Vec<Player>) -> Self {
        Self { players, words: Words::Own, sent: 0, endless: true }
    }

    /// The players who have deposited, and those who have not.
    pub(crate) fn split(mut self) -> (Vec<Player>, Vec<Player>) {
        let waiting = self.players.split_off(self.sent);
        (self.players, waiting)
    }
}

impl Requests for FirstDeposits {
    const EXPECTED_STATUS: u16 = 200;

    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.endless && self.sent == self.players.len() {
            self.sent = 0;
        }
        let Some(player) = self.players.get(self.sent) else { return false };
        self.sent += 1;
        match self.words {
            Words::Own => {
                out.extend_from_slice(b"GET /track/conv?");
                player.write_query(out);
            }
            Words::Mvp => player.write_mvp_address(out),
        }
        out.extend_from_slice(b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        true
    }
}

/// The approval of each player's first deposit, in the order given.
pub(crate) struct Approvals {
    players: Vec<Player>,
    sent: usize,
}

impl Approvals {
    pub(crate) fn new(players: Vec<Player>) -> Self {
        Self { players, sent: 0 }
    }

    /// The players whose deposit is still pending.
    pub(crate) fn into_pending(mut self) -> Vec<Player> {
        self.players.split_off(self.sent)
    }
}

impl Requests for Approvals {
    const EXPECTED_STATUS: u16 = 200;

    fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(player) = self.players.get(self.sent) else { return false };
        self.sent += 1;
        out.extend_from_slice(b"GET /track/conv-change?");
        player.write_query(out);
        out.extend_from_slice(b"&conv_status=approved HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        true
    }
}
