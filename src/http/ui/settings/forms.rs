//! The forms of the settings.

use super::{
    super::{
        form::{Choice, Field, Form, Group},
        layout::Page,
    },
    Values,
};

/// The value that lists which secrets are kept.
pub(crate) const KEPT: &str = "kept";

/// Fields that take what values and errors there are.
pub(super) struct Fields<'a>(pub(super) &'a Values);

impl Fields<'_> {
    /// A form, with what was wrong with the whole of it and the version that it is about.
    pub(super) fn form(&self, page: &Page, action: &str, submit: impl Into<String>) -> Form {
        let mut form = Form::new(page, action, submit);
        form.error.clone_from(&self.0.refused);
        form.hidden.extend(self.0.version.iter().map(|version| ("version", version.clone())));
        form
    }

    fn fill(&self, name: &str, field: impl FnOnce(&str) -> Field) -> Field {
        field(name).value(self.0.get(name)).error(self.0.error(name))
    }

    pub(super) fn text(&self, name: &str, label: &str) -> Field {
        self.fill(name, |name| Field::text(name, label))
    }

    pub(super) fn area(&self, name: &str, label: &str) -> Field {
        self.fill(name, |name| Field::area(name, label))
    }

    pub(super) fn secret(&self, name: &str, label: &str) -> Field {
        self.fill(name, |name| Field::password(name, label)).autocomplete("new-password")
    }

    /// One that is kept where it is left empty.
    pub(super) fn kept(&self, name: &str, label: &str) -> Field {
        let told = if self.0.holds(KEPT, name) { "One is kept: left empty, it stays as it is." } else { "" };
        self.secret(name, label).hint(told)
    }

    pub(super) fn select(&self, name: &str, label: &str, choices: Vec<Choice>) -> Field {
        self.fill(name, |name| Field::select(name, label, choices))
    }

    pub(super) fn checks(&self, name: &str, label: &str, choices: Vec<Choice>) -> Field {
        self.fill(name, |name| Field::checks(name, label, choices))
    }

    pub(super) fn switch(&self, name: &str, label: &str) -> Field {
        Field::switch(name, label, !self.0.get(name).is_empty()).error(self.0.error(name))
    }

    /// An id, which is chosen once.
    pub(super) fn id(&self, is_new: bool) -> Vec<Field> {
        let hint = "1 to 40 of a-z 0-9 -; it stands in links and postbacks and is never changed.";
        if is_new { vec![self.text("id", "Id").hint(hint).required().autofocus()] } else { Vec::new() }
    }
}

pub(super) fn choices<const N: usize>(choices: [(&str, &str); N]) -> Vec<Choice> {
    choices.map(|(value, label)| Choice::new(value, label)).to_vec()
}

pub(super) fn submit(is_new: bool, what: &str) -> String {
    if is_new { format!("Add the {what}") } else { "Save".to_owned() }
}

pub(super) fn statuses() -> Vec<Choice> {
    ["pending", "approved", "rejected"].map(|word| Choice::new(word, word)).to_vec()
}

/// A merchant: `id` (when new), `name`, `deal`, `revshare_multiplier`, `currencies`, `allowed_ips`, `require_ftd`,
/// `hold_suspected`, `initial_statuses`, `require_signature`, `signing_secret`, `dialect`, `dialect_token`,
/// `dialect_initial_status`, `active`.
pub(crate) fn merchant(
    page: &Page,
    action: &str,
    values: &Values,
    dialects: Vec<Choice>,
    is_new: bool,
) -> Form {
    let f = Fields(values);
    let mut who = f.id(is_new);
    who.push(f.text("name", "Name").required());
    who.push(f.switch("active", "Active: its postbacks are taken"));
    let deals = choices([
        ("cpa", "CPA: a sum per first deposit"),
        ("hybrid", "Hybrid: that, and a share of the revenue"),
    ]);
    let deal = vec![
        f.select("deal", "Deal", deals).required(),
        f.text("revshare_multiplier", "Our share of the revenue").placeholder("0.35").hint(
            "Of a hybrid deal: above 0 and at most 1; 1 where the merchant sends our share already. A change \
                   counts from now on and rewrites nothing.",
        ),
        f.text("currencies", "Currencies")
            .placeholder("EUR, USD")
            .hint("Codes with commas between; left empty, every known one."),
    ];
    f.form(page, action, submit(is_new, "merchant"))
        .group(Group::new("", who))
        .group(Group::new("Deal", deal))
        .group(merchant_rules(&f))
        .group(merchant_guard(&f, is_new))
        .group(merchant_dialect(&f, dialects))
        .cancel("/settings/merchants")
}

fn merchant_rules(f: &Fields<'_>) -> Group {
    let early = choices([("approved", "approved"), ("rejected", "rejected")]);
    let rules = vec![
        f.switch("require_ftd", "A repeat deposit needs a recorded first deposit"),
        f.switch("hold_suspected", "What looks as if it was sent twice waits for a manager"),
        f.checks("initial_statuses", "It may report a first deposit as decided at once", early),
    ];
    Group::new("Rules", rules)
}

fn merchant_guard(f: &Fields<'_>, is_new: bool) -> Group {
    let secret = if is_new { "Under which they are." } else { "Left empty, it stays as it is." };
    let guard = vec![
        f.area("allowed_ips", "Addresses that it may send from")
            .placeholder("203.0.113.0/24")
            .hint("Addresses or ranges, one a line; left empty, from anywhere."),
        f.switch("require_signature", "Its postbacks must be signed"),
        f.secret("signing_secret", "Signing secret").hint(secret),
    ];
    Group::new("Who may send", guard)
}

fn merchant_dialect(f: &Fields<'_>, dialects: Vec<Choice>) -> Group {
    let fields = vec![
        f.select("dialect", "Dialect", dialects).placeholder("Our own"),
        f.switch("dialect_token", "Its token is needed even where the dialect knows none"),
        f.select("dialect_initial_status", "A first deposit without a status becomes", statuses())
            .placeholder("pending"),
    ];
    Group::new("What its systems speak", fields)
        .hint("Where they can't send what the integration page asks for, they may speak a dialect.")
}

/// A merchant's goal: `alias` (when new), `name`, `once`, `amount`, `status_flow`, `show_sum`, `show_count`, `message`,
/// `token`, `events.meta`, `events.tiktok`, `events.ga4`, `events.yandex`.
pub(crate) fn goal(page: &Page, action: &str, cancel: &str, values: &Values, is_new: bool) -> Form {
    let f = Fields(values);
    let mut fields = Vec::new();
    if is_new {
        let hint = "1 to 40 of a-z 0-9 _ -; what the merchant sends as goal_alias. It is never changed.";
        fields.push(f.text("alias", "Alias").hint(hint).required().autofocus());
    }
    let amounts = choices([("optional", "optional"), ("required", "required"), ("none", "none")]);
    let flows = choices([("immediate", "It counts at once"), ("two_phase", "It waits for a decision")]);
    fields.extend([
        f.text("name", "Name").required(),
        f.switch("once", "Once per player"),
        f.select("amount", "Amount", amounts).required(),
        f.select("status_flow", "How it comes to count", flows).required(),
    ]);
    let shown = vec![
        f.switch("show_sum", "Its sum is a column of the statistics"),
        f.switch("show_count", "Its count is a column of the statistics"),
        f.area("message", "Message on the player's card")
            .placeholder("Paid out {sum} to {player_id}; ask {manager}.")
            .hint("What it says when it arrives; {sum}, {player_id} and {manager} are filled in."),
    ];
    let elsewhere = vec![
        f.text("token", "Called by the merchant").hint("In a dialect, where that is not its alias."),
        f.text("events.meta", "Called by Meta"),
        f.text("events.tiktok", "Called by TikTok"),
        f.text("events.ga4", "Called by Google Analytics"),
        f.text("events.yandex", "Called by Yandex Metrica"),
    ];
    f.form(page, action, submit(is_new, "goal"))
        .group(Group::new("", fields))
        .group(Group::new("Where it is shown", shown))
        .group(
            Group::new("What others call it", elsewhere)
                .hint("Left empty, a platform is told its usual event for a goal of this alias, or nothing."),
        )
        .cancel(cancel)
}

fn overlaps() -> Vec<Choice> {
    choices([
        ("0", "at once"),
        ("1", "in 1 hour"),
        ("24", "in 1 day"),
        ("168", "in 7 days"),
        ("720", "in 30 days"),
    ])
}

/// A token to be issued: `label`, `overlap_hours` (that the others keep working).
pub(crate) fn token(page: &Page, action: &str, values: &Values) -> Form {
    let f = Fields(values);
    let fields = vec![
        f.text("label", "Label").placeholder("production").hint("For you: where it is used."),
        f.select("overlap_hours", "Earlier tokens end", overlaps())
            .placeholder("Never by themselves")
            .hint("Time for the merchant to change over."),
    ];
    f.form(page, action, "Issue a token").group(Group::new("", fields).of_form("token"))
}

/// A token to be replaced: `overlap_hours` (that it keeps working).
pub(crate) fn replacement(page: &Page, action: &str, cancel: &str, values: &Values) -> Form {
    let f = Fields(values);
    let fields = vec![
        f.select("overlap_hours", "This token ends", overlaps())
            .hint("Time for the merchant to change over to the new one.")
            .required(),
    ];
    f.form(page, action, "Issue a new token in its place").group(Group::new("", fields)).cancel(cancel)
}

/// An offer: `id` (when new), `merchant`, `name`, `landing_url`, `active`, `goals_enabled`, `payout`, `spot`,
/// `currency`, `account`.
pub(crate) fn offer(
    page: &Page,
    action: &str,
    values: &Values,
    merchants: Vec<Choice>,
    is_new: bool,
) -> Form {
    let f = Fields(values);
    let mut fields = f.id(is_new);
    fields.extend([
        f.text("name", "Name").required(),
        f.select("merchant", "Merchant", merchants).required(),
        f.area("landing_url", "Landing URL")
            .placeholder("https://acme.example/?cid={click_id}")
            .hint("Where players are sent. Put {click_id} in it, so that the merchant can report them; {offer}, \
                   {affiliate}, {merchant} and any parameter of the click, as {sub1}, can be.")
            .required(),
        f.switch("active", "Active: its links work"),
    ]);
    let told = vec![
        f.area("payout", "Payouts").placeholder("ftd = 40.00 EUR").hint(
            "goal = amount currency, one a line: for each approved conversion of the goal. A change counts from now \
             on and rewrites nothing.",
        ),
        f.switch("goals_enabled", "Postback endpoints are told of the goal that they ask for only"),
    ];
    let dialect = vec![
        f.text("spot", "Spot").hint("Its public token, by which such senders name it."),
        f.text("currency", "Currency").placeholder("EUR").hint("Of amounts that come without one."),
        f.text("account", "Account").hint("The number of the account that it belongs to."),
    ];
    f.form(page, action, submit(is_new, "offer"))
        .group(Group::new("", fields))
        .group(Group::new("Affiliates", told))
        .group(Group::new("For senders that speak a dialect", dialect))
        .cancel("/settings/offers")
}

/// The link of an offer: `affiliate`, `cl_id`, `sub1`, `sub2`, `sub3`; by `GET`, so that it can be kept.
pub(crate) fn link_builder(page: &Page, action: &str, values: &Values, affiliates: Vec<Choice>) -> Form {
    let f = Fields(values);
    let fields = vec![
        f.select("affiliate", "Affiliate", affiliates).required(),
        f.text("cl_id", "Click id of the affiliate's tracker")
            .placeholder("{clickid}")
            .hint("As its tracker writes the macro."),
        f.text("sub1", "sub1"),
        f.text("sub2", "sub2"),
        f.text("sub3", "sub3"),
    ];
    f.form(page, action, "Make the link").group(Group::new("", fields).of_form("link")).by_get()
}

/// An affiliate: `id` (when new), `name`, `manager`.
pub(crate) fn affiliate(page: &Page, action: &str, values: &Values, is_new: bool) -> Form {
    let f = Fields(values);
    let mut fields = f.id(is_new);
    fields.push(f.text("name", "Name").required());
    let hint = "Who of us looks after it, as messages on players' cards name them.";
    fields.push(f.text("manager", "Manager").hint(hint));
    f.form(page, action, submit(is_new, "affiliate"))
        .group(Group::new("", fields))
        .cancel("/settings/affiliates")
}

fn roles() -> Vec<Choice> {
    choices([
        ("viewer", "viewer: looks"),
        ("manager", "manager: decides and configures"),
        ("admin", "admin: everything, users and API keys too"),
    ])
}

/// A user: `name` and `password` (when new), `role`.
pub(crate) fn user(page: &Page, action: &str, values: &Values, is_new: bool) -> Form {
    let f = Fields(values);
    let mut fields = Vec::new();
    if is_new {
        let hint = "Tell them by another way than where you tell the name, and have them change it.";
        fields.push(f.text("name", "Name").required().autofocus());
        fields.push(f.secret("password", "First password").hint(hint).required());
    }
    fields.push(f.select("role", "Role", roles()).required());
    f.form(page, action, submit(is_new, "user")).group(Group::new("", fields)).cancel("/settings/users")
}

/// A new password: `current` (one's own), `password`, `again`. It ends every session.
pub(crate) fn new_password(page: &Page, action: &str, values: &Values, is_own: bool) -> Form {
    let f = Fields(values);
    let mut fields = Vec::new();
    if is_own {
        fields.push(f.secret("current", "The present password").required().autocomplete("current-password"));
    }
    fields.push(f.secret("password", "The new password").required());
    fields.push(f.secret("again", "The new password again").required());
    f.form(page, action, "Change the password").group(Group::new("", fields).of_form("pw"))
}

/// An API key: `name`, `role`.
pub(crate) fn api_key(page: &Page, action: &str, values: &Values) -> Form {
    let f = Fields(values);
    let fields = vec![
        f.text("name", "Name").hint("What uses it.").required(),
        f.select("role", "Role", roles()).required(),
    ];
    f.form(page, action, "Create a key").group(Group::new("", fields))
}

/// A currency beside those of ISO 4217: `code` (when new), `minor_unit`.
pub(crate) fn currency(page: &Page, action: &str, values: &Values, is_new: bool) -> Form {
    let f = Fields(values);
    let mut fields = Vec::new();
    if is_new {
        let hint = "3 to 8 letters or digits, as merchants send it. It is never changed.";
        fields.push(f.text("code", "Code").placeholder("DOGE").hint(hint).required().autofocus());
    }
    let hint = "0 to 8. An amount with more is refused.";
    fields.push(f.text("minor_unit", "Decimal places").placeholder("2").hint(hint).required());
    f.form(page, action, submit(is_new, "currency"))
        .group(Group::new("", fields))
        .cancel("/settings/currencies")
}

/// A dialect as it is configured: `configuration`.
pub(crate) fn dialect(page: &Page, action: &str, values: &Values, is_new: bool) -> Form {
    let f = Fields(values);
    let hint = "One [[dialect]], as the configuration file has it.";
    let fields = vec![f.area("configuration", "Configuration").hint(hint).rows(24).required()];
    f.form(page, action, submit(is_new, "dialect")).group(Group::new("", fields)).cancel("/settings/dialects")
}
