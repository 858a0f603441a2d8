//! What a merchant's engineer has to know, by what is configured; and the links that show it without an account.

mod guide;
mod links;
mod parameters;

pub(super) use self::{
    guide::Guide,
    links::{LINK_DAYS, MadeLink, make_link, managed, open_link, withdraw_links},
};
