//! Players: how senders name them, and what they tell of them.

use super::{
    ids::{ClickId, OfferId, PlayerId, UserId},
    params::Params,
    postback::is_unresolved_macro,
};

/// How a sender names a player.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PlayerRef {
    /// By the click.
    Click(ClickId),
    /// By the user who clicked: the newest click of that user to that offer is meant.
    User {
        /// The offer.
        offer: OfferId,
        /// The user.
        user: UserId,
    },
}

/// What a postback tells of a player. What it does not tell stays as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerNote {
    /// The player's click.
    pub click: ClickId,
    /// The player's id at the merchant.
    pub player_id: Option<PlayerId>,
    /// The player's id where the affiliate knows it from.
    pub user_id: Option<UserId>,
    /// The player's user name there.
    pub username: Option<String>,
    /// The player's name.
    pub name: Option<String>,
}

impl PlayerNote {
    /// What these parameters of a postback tell, if anything. A placeholder that the sender forgot to fill tells
    /// nothing: a deposit is not refused because of it, and nobody is called `{playerid}`.
    pub fn of(click: &ClickId, params: &Params) -> Option<Self> {
        let told = |name| params.given(name).filter(|value| !is_unresolved_macro(value));
        let player_id = told("player_id").or_else(|| told("playerid"));
        let note = Self {
            click: click.clone(),
            player_id: player_id.and_then(|id| PlayerId::parse(id).ok()),
            user_id: told("user_id").and_then(|id| UserId::parse(id).ok()),
            username: told("username").map(str::to_owned),
            name: told("name").map(str::to_owned),
        };
        let tells = note.player_id.is_some()
            || note.user_id.is_some()
            || note.username.is_some()
            || note.name.is_some();
        tells.then_some(note)
    }

    /// Takes in a later note on the same player.
    pub fn add(&mut self, later: Self) {
        let Self { click: _, player_id, user_id, username, name } = later;
        self.player_id = player_id.or_else(|| self.player_id.take());
        self.user_id = user_id.or_else(|| self.user_id.take());
        self.username = username.or_else(|| self.username.take());
        self.name = name.or_else(|| self.name.take());
    }
}

/// The user who clicked, as the click's parameters tell.
pub fn user_of_click(params: &Params) -> Option<UserId> {
    let user = params.given("user_id").filter(|value| !is_unresolved_macro(value))?;
    UserId::parse(user).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;

    #[test]
    fn a_note_holds_what_a_postback_tells_and_no_placeholder() {
        #[track_caller]
        fn check(query: &str, expected: Option<[&str; 4]>) {
            let click = ClickId::parse("c1").unwrap();
            let note = PlayerNote::of(&click, &fixture::params(query)).map(|note| {
                let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
                [
                    text(note.player_id.as_ref().map(PlayerId::as_str)),
                    text(note.user_id.as_ref().map(UserId::as_str)),
                    text(note.username.as_deref()),
                    text(note.name.as_deref()),
                ]
            });
            assert_eq!(note, expected.map(|it| it.map(str::to_owned)), "{query}");
        }
        check("", None);
        check("amount=5&sub1=x", None);
        check("player_id=P1", Some(["P1", "", "", ""]));
        check("playerid=P1", Some(["P1", "", "", ""]));
        check("playerid=P1&player_id=P2", Some(["P2", "", "", ""]));
        check("player_id=&user_id=7&username=ann&name=Ann", Some(["", "7", "ann", "Ann"]));
        check("player_id={playerid}", None);
        check("player_id={playerid}&name=Ann", Some(["", "", "", "Ann"]));
        check(&format!("player_id={}", "x".repeat(129)), None);
    }

    #[test]
    fn a_later_note_replaces_what_it_tells() {
        let note = |query| PlayerNote::of(&ClickId::parse("c1").unwrap(), &fixture::params(query)).unwrap();
        let mut first = note("player_id=P1&name=Ann");
        first.add(note("player_id=P2&username=ann"));
        assert_eq!(first, note("player_id=P2&name=Ann&username=ann"));
    }
}
