//! Players: found by any id, and shown with everything that they did.

use askama::Template;

use super::{
    form::Field,
    layout::Page,
    listing::{Cell, Column, Empty, Facts, Listing},
    view::{Badge, Moment, Named, Short},
};

/// `/players`: finds one by click, player, user or transaction id.
#[derive(Clone, Debug, Template)]
#[template(path = "players.html")]
pub(crate) struct Players {
    /// Around it.
    pub(crate) page: Page,
    /// What was looked for.
    pub(crate) text: String,
    /// Who was found, the newest first.
    pub(crate) found: Vec<FoundPlayer>,
}

/// A player that was found.
#[derive(Clone, Debug)]
pub(crate) struct FoundPlayer {
    /// The click that brought them.
    pub(crate) click: String,
    /// When.
    pub(crate) at: Moment,
    /// What was advertised.
    pub(crate) offer: Named,
    /// Who sent them.
    pub(crate) affiliate: Named,
}

impl Players {
    fn field(&self) -> Field {
        Field::search("q", "Find")
            .placeholder("Click, player, user or transaction id")
            .value(&self.text)
            .autofocus()
    }

    fn listing(&self) -> Listing {
        let empty = Empty::new(
            "No such player",
            "Check the id. What a merchant sent under it is in the log, refused or not.",
        );
        let columns = ["Player", "Clicked", "Offer", "Affiliate"].map(Column::new).into();
        Listing::new("Players found", columns, empty.link("/log", "Look into the log")).rows(
            self.found.iter().cloned().map(|found| {
                vec![
                    Cell::LinkShort(format!("/players/{}", found.click), Short::new(&found.click)),
                    Cell::Moment(found.at),
                    Cell::Named(found.offer),
                    Cell::Named(found.affiliate),
                ]
            }),
        )
    }
}

/// Something in a player's life.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// When.
    pub(crate) at: Moment,
    /// What happened.
    pub(crate) text: String,
    /// Where it stands, if it is a conversion.
    pub(crate) badge: Option<Badge>,
    /// Its page, if it has one.
    pub(crate) address: Option<String>,
    /// What a manager wrote, or a goal's system message.
    pub(crate) note: String,
}

/// `/players/{click}`
#[derive(Clone, Debug, Template)]
#[template(path = "player.html")]
pub(crate) struct Player {
    /// Around it.
    pub(crate) page: Page,
    /// The click.
    pub(crate) click: String,
    /// What is known of them.
    pub(crate) facts: Facts,
    /// The click's parameters.
    pub(crate) params: Facts,
    /// Everything that happened, from the click on.
    pub(crate) timeline: Vec<Event>,
    /// Whether the viewer may write a note.
    pub(crate) may_note: bool,
}

impl Player {
    fn short(&self) -> Short {
        Short::new(&self.click)
    }

    #[expect(clippy::unused_self, reason = "templates call methods of what they show")]
    fn note_field(&self) -> Field {
        Field::area("note", "A note").required()
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::{
        layout::Section,
        tests::{NOW, Sample, Say, sample},
        view::{Amount, Zone},
    };

    fn player(say: Say) -> Player {
        let moment =
            |hours: i64| Moment::new(NOW.plus_millis(-hours * 3_600_000), Zone::named("Europe/Berlin"));
        let event = |hours, text: &str, status: Option<&str>, note: &str| Event {
            at: moment(hours),
            text: say.text(text),
            badge: status.map(Badge::of),
            address: status.map(|_| "/conversions/01a1f90e-bdd0-7f9a-925e-eafa6b557aea".to_owned()),
            note: if note.is_empty() { String::new() } else { say.text(note) },
        };
        let params = [("cl_id", "lt-99120"), ("sub1", "banner")].map(|(name, value)| (name, say.text(value)));
        Player {
            page: say.page("Player", Section::Players),
            click: say.text("01a1f90e-bdd0-7f9a-925e-eafa6b557aea"),
            facts: Facts::default()
                .fact("Player id", Cell::Copy(say.text("551207")))
                .fact("Affiliate", Cell::text(say.text("Lotus Media")))
                .fact("Registered", Cell::Moment(moment(90)))
                .fact("First deposit", Cell::Amount(Amount::new("100.00", "EUR")))
                .fact("Repeat deposits", Cell::Two("3".to_owned(), say.text("420.00 EUR")))
                .fact("Country", Cell::text(say.text("DE"))),
            params: Facts::params(params.iter().map(|(name, value)| (*name, value.as_str()))),
            timeline: vec![
                event(100, "Clicked on Acme Slots", None, ""),
                event(90, "Registration", Some("approved"), ""),
                event(60, "First deposit of 100.00 EUR", Some("pending"), ""),
                event(50, "Note by olga", None, "Asked the merchant about the payment."),
            ],
            may_note: true,
        }
    }

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let players = |text: &str, found| Players {
            page: say.page("Players", Section::Players),
            text: say.text(text),
            found: (0..found)
                .map(|hours| FoundPlayer {
                    click: say.text("01a1f90e-bdd0-7f9a-925e-eafa6b557aea"),
                    at: Moment::new(NOW.plus_millis(-hours * 3_600_000), Zone::named("Europe/Berlin")),
                    offer: Named::new("acme-slots", say.text("Acme Slots")),
                    affiliate: Named::new("lotus", say.text("Lotus Media")),
                })
                .collect(),
        };
        vec![
            sample("player", &player(say)),
            sample("players", &players("tx-90017", 3)),
            sample("players-none", &players("tx", 0)),
            sample("players-fresh", &Players { text: String::new(), ..players("", 0) }),
        ]
    }
}
