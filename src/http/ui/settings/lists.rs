//! The lists of the settings.

use super::super::{
    layout::Page,
    listing::{Act, Cell, Column, Empty, Listing},
    sheet::{Part, Sheet},
    view::{Badge, Moment, Tone},
};

/// The index: `/settings`.
pub(crate) fn index(page: Page) -> Sheet {
    let columns = vec![Column::new("Part"), Column::new("Holds")];
    let row =
        |(name, address, holds): &(&str, &str, &str)| vec![Cell::link(*address, *name), Cell::text(*holds)];
    let listing = Listing::new("Settings", columns, Empty::default()).rows(super::parts_for(&page).map(row));
    Sheet::new(page).part(Part::Listing(String::new(), listing, None))
}

/// Whether something is active, as a mark.
pub(super) fn active(is_active: bool) -> Cell {
    Cell::Badge(Badge::of(if is_active { "active" } else { "inactive" }))
}

/// A merchant in the list.
#[derive(Clone, Debug)]
pub(crate) struct MerchantItem {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// `CPA`, or `hybrid × 0.35`.
    pub(crate) deal: String,
    /// How many of its tokens are accepted.
    pub(crate) tokens: u64,
    /// Whether its postbacks are taken.
    pub(crate) is_active: bool,
}

/// `/settings/merchants`
pub(crate) fn merchants(page: Page, items: Vec<MerchantItem>) -> Sheet {
    let columns = vec![
        Column::new("Merchant"),
        Column::new("Id"),
        Column::new("Deal"),
        Column::number("Tokens"),
        Column::new("State"),
        Column::new("For its engineer"),
    ];
    let empty = Empty::new(
        "No merchants yet",
        "A merchant is who receives players and reports what they did. Begin with one.",
    );
    let rows = items.into_iter().map(|item| {
        let own = format!("/settings/merchants/{}", item.id);
        vec![
            Cell::link(own.clone(), item.name),
            Cell::Code(item.id),
            Cell::text(item.deal),
            Cell::Number(item.tokens),
            active(item.is_active),
            Cell::link(format!("{own}/integration"), "Integration page"),
        ]
    });
    let listing = Listing::new("Merchants", columns, empty).rows(rows);
    let add = Some(("/settings/merchants/new".to_owned(), "Add a merchant".to_owned()));
    super::sheet(page, "Merchants").part(Part::Listing(String::new(), listing, add))
}

/// A token in the list.
#[derive(Clone, Debug)]
pub(crate) struct TokenItem {
    /// Its id.
    pub(crate) id: String,
    /// Its label.
    pub(crate) label: String,
    /// When it was issued.
    pub(crate) created: Moment,
    /// When it was last used.
    pub(crate) used: Option<Moment>,
    /// When it ends by itself.
    pub(crate) ends: Option<Moment>,
    /// How it stands: `live`, `expired` or `revoked`.
    pub(crate) state: &'static str,
}

impl TokenItem {
    /// How it stands, as a mark.
    pub(crate) fn badge(&self) -> Badge {
        if self.state == "live" { Badge::of("active") } else { Badge::new(Tone::Plain, self.state) }
    }
}

/// The tokens of a merchant, for who may change them or only look.
pub(crate) fn tokens(page: &Page, merchant: &str, may_change: bool, items: Vec<TokenItem>) -> Listing {
    let mut columns = vec![
        Column::new("Label"),
        Column::new("Issued"),
        Column::new("Last used"),
        Column::new("Ends"),
        Column::new("State"),
    ];
    columns.extend(may_change.then(Column::acts));
    let empty = Empty::new(
        "No token yet",
        "Without a token none of its postbacks are taken. Issue one and give it to the merchant.",
    );
    let rows = items.into_iter().map(|item| {
        let address = format!("/settings/merchants/{merchant}/tokens/{}", item.id);
        let badge = item.badge();
        let mut cells = vec![
            Cell::text(item.label.clone()),
            Cell::Moment(item.created),
            Cell::maybe(item.used, Cell::Moment),
            Cell::maybe(item.ends, Cell::Moment),
            Cell::Badge(badge),
        ];
        if may_change && item.state == "live" {
            cells[0] = Cell::link(address.clone(), item.label.clone());
            let question =
                format!("Revoke the token {}? Postbacks that carry it are refused from now on.", item.label);
            let revoke = Act::new(page, format!("{address}/revoke"), "Revoke").confirm(question);
            cells.push(Cell::Acts(vec![revoke]));
        } else if may_change {
            cells.push(Cell::Empty);
        }
        cells
    });
    Listing::new("Tokens", columns, empty).rows(rows)
}

/// A goal in the list of a merchant.
#[derive(Clone, Debug)]
pub(crate) struct GoalItem {
    /// Its alias.
    pub(crate) alias: String,
    /// Its name.
    pub(crate) name: String,
    /// How often, for what amount, how it comes to count; in words.
    pub(crate) rules: String,
    /// Whether it is the merchant's own, so that it can be changed.
    pub(crate) is_own: bool,
}

/// The goals of a merchant.
pub(crate) fn goals(merchant: &str, items: Vec<GoalItem>) -> Listing {
    let columns = vec![Column::new("Alias"), Column::new("Name"), Column::new("Rules")];
    let rows = items.into_iter().map(|item| {
        let address = format!("/settings/merchants/{merchant}/goals/{}", item.alias);
        let alias = if item.is_own { Cell::Link(address, item.alias) } else { Cell::Code(item.alias) };
        vec![alias, Cell::text(item.name), Cell::text(item.rules)]
    });
    Listing::new("Goals", columns, Empty::default()).rows(rows)
}

/// An offer in the list.
#[derive(Clone, Debug)]
pub(crate) struct OfferItem {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) merchant: String,
    /// Where players are sent.
    pub(crate) landing_url: String,
    /// Whether its links work.
    pub(crate) is_active: bool,
}

/// `/settings/offers`
pub(crate) fn offers(page: Page, items: Vec<OfferItem>) -> Sheet {
    let columns = vec![
        Column::new("Offer"),
        Column::new("Id"),
        Column::new("Merchant"),
        Column::new("Landing URL"),
        Column::new("State"),
    ];
    let empty = Empty::new(
        "No offers yet",
        "An offer is what affiliates advertise of a merchant: it has the page where players land.",
    );
    let rows = items.into_iter().map(|item| {
        vec![
            Cell::link(format!("/settings/offers/{}", item.id), item.name),
            Cell::Code(item.id),
            Cell::text(item.merchant),
            Cell::Code(item.landing_url),
            active(item.is_active),
        ]
    });
    let listing = Listing::new("Offers", columns, empty).rows(rows);
    let add = Some(("/settings/offers/new".to_owned(), "Add an offer".to_owned()));
    super::sheet(page, "Offers").part(Part::Listing(String::new(), listing, add))
}

/// An affiliate in the list.
#[derive(Clone, Debug)]
pub(crate) struct AffiliateItem {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Who of us looks after it.
    pub(crate) manager: String,
}

/// `/settings/affiliates`
pub(crate) fn affiliates(page: Page, items: Vec<AffiliateItem>) -> Sheet {
    let columns =
        vec![Column::new("Affiliate"), Column::new("Id"), Column::new("Manager"), Column::new("Its players")];
    let empty = Empty::new("No affiliates yet", "An affiliate sends players: its id stands in its links.");
    let rows = items.into_iter().map(|item| {
        vec![
            Cell::link(format!("/settings/affiliates/{}", item.id), item.name),
            Cell::Code(item.id.clone()),
            Cell::text(item.manager),
            Cell::link(format!("/conversions?affiliate={}", item.id), "Conversions"),
        ]
    });
    let listing = Listing::new("Affiliates", columns, empty).rows(rows);
    let add = Some(("/settings/affiliates/new".to_owned(), "Add an affiliate".to_owned()));
    super::sheet(page, "Affiliates").part(Part::Listing(String::new(), listing, add))
}

/// `/settings/currencies`: codes, and how many decimal places each has.
pub(crate) fn currencies(page: Page, items: Vec<(String, String)>) -> Sheet {
    let columns = vec![Column::new("Currency"), Column::new("Decimal places")];
    let empty = Empty::new(
        "None but the usual ones",
        "Every currency of ISO 4217 is known already. Add others that merchants report in, such as DOGE.",
    );
    let rows = items.into_iter().map(|(code, places)| {
        let link = Cell::link(format!("/settings/currencies/{code}"), code);
        vec![link, Cell::text(places)]
    });
    let listing = Listing::new("Currencies", columns, empty).rows(rows);
    let add = Some(("/settings/currencies/new".to_owned(), "Add a currency".to_owned()));
    let intro = "Currencies beside those of ISO 4217, which are all known.";
    super::sheet(page, "Currencies").intro(intro).part(Part::Listing(String::new(), listing, add))
}

/// A dialect in the list.
#[derive(Clone, Debug)]
pub(crate) struct DialectItem {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Where postbacks in it come to.
    pub(crate) addresses: Vec<String>,
    /// Where it comes from, in words.
    pub(crate) origin: &'static str,
}

/// `/settings/dialects`
pub(crate) fn dialects(page: Page, items: Vec<DialectItem>) -> Sheet {
    let columns = vec![
        Column::new("Dialect"),
        Column::new("Id"),
        Column::across("Its postbacks come to"),
        Column::new("Origin"),
    ];
    let rows = items.into_iter().map(|item| {
        vec![
            Cell::link(format!("/settings/dialects/{}", item.id), item.name),
            Cell::Code(item.id),
            Cell::Lines(item.addresses),
            Cell::text(item.origin),
        ]
    });
    let listing = Listing::new("Dialects", columns, Empty::default()).rows(rows);
    let add = Some(("/settings/dialects/new".to_owned(), "Add a dialect".to_owned()));
    let intro = "How the systems of merchants word their postbacks, where they can't send our own words.";
    super::sheet(page, "Dialects").intro(intro).part(Part::Listing(String::new(), listing, add))
}

/// A user in the list.
#[derive(Clone, Debug)]
pub(crate) struct UserItem {
    /// The name.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: String,
    /// When they last signed in.
    pub(crate) signed_in: Option<Moment>,
    /// Since when they may no longer.
    pub(crate) disabled: Option<Moment>,
}

/// `/settings/users`
pub(crate) fn users(page: Page, items: Vec<UserItem>) -> Sheet {
    let columns =
        vec![Column::new("User"), Column::new("Role"), Column::new("Last signed in"), Column::new("State")];
    let rows = items.into_iter().map(|item| {
        let state =
            if item.disabled.is_some() { Badge::new(Tone::Plain, "disabled") } else { Badge::of("active") };
        vec![
            Cell::link(format!("/settings/users/{}", item.name), item.name),
            Cell::Badge(Badge::new(Tone::Plain, item.role)),
            Cell::maybe(item.signed_in, Cell::Moment),
            Cell::Badge(state),
        ]
    });
    let listing = Listing::new("Users", columns, Empty::default()).rows(rows);
    let add = Some(("/settings/users/new".to_owned(), "Add a user".to_owned()));
    super::sheet(page, "Users").part(Part::Listing(String::new(), listing, add))
}

/// An API key in the list.
#[derive(Clone, Debug)]
pub(crate) struct KeyItem {
    /// Its id.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// What it may be used for.
    pub(crate) role: String,
    /// Since when.
    pub(crate) created: Moment,
    /// When it was last used.
    pub(crate) used: Option<Moment>,
    /// Whether it is accepted.
    pub(crate) is_live: bool,
}

/// The API keys; the page of them begins with [`super::sheet`].
pub(crate) fn api_keys(page: &Page, items: Vec<KeyItem>) -> Listing {
    let columns = vec![
        Column::new("Key"),
        Column::new("Role"),
        Column::new("Created"),
        Column::new("Last used"),
        Column::new("State"),
        Column::acts(),
    ];
    let empty = Empty::new(
        "No keys yet",
        "A program of yours proves itself with a key. Create one below; what it can do is in /api/openapi.json.",
    );
    let rows = items.into_iter().map(|item| {
        let question = format!("Revoke the key {}? Whatever uses it is refused from now on.", item.name);
        let revoke =
            Act::new(page, format!("/settings/api-keys/{}/revoke", item.id), "Revoke").confirm(question);
        let state = if item.is_live { Badge::of("active") } else { Badge::new(Tone::Plain, "revoked") };
        vec![
            Cell::text(item.name),
            Cell::Badge(Badge::new(Tone::Plain, item.role)),
            Cell::Moment(item.created),
            Cell::maybe(item.used, Cell::Moment),
            Cell::Badge(state),
            if item.is_live { Cell::Acts(vec![revoke]) } else { Cell::Empty },
        ]
    });
    Listing::new("API keys", columns, empty).rows(rows)
}
