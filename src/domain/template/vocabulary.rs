//! Which macros a template may use.

/// The macros of outgoing postbacks, besides the numbered `sub1`..`sub10` and `custom1`..`custom10`.
const POSTBACK_NAMES: [&str; 25] = [
    "click_id",
    "cl_id",
    "conversion_id",
    "delivery_id",
    "transaction_id",
    "goal",
    "action",
    "status",
    "amount",
    "sum",
    "currency",
    "revenue",
    "payout",
    "payout_currency",
    "merchant",
    "offer",
    "affiliate",
    "reason",
    "event_time",
    "event_time_unix",
    "user_id",
    "username",
    "name",
    "player_id",
    "geo",
];

/// The macros of system messages.
const MESSAGE_NAMES: [&str; 3] = ["sum", "player_id", "manager"];

/// Families whose members are numbered from 1 to [`NUMBERED_MAX`].
const NUMBERED: [&str; 2] = ["sub", "custom"];
const NUMBERED_MAX: u8 = 10;

/// Families whose members are whatever a click or a postback carried under that name.
const OPEN: [&str; 2] = ["advert__", "params__"];

/// The macros that a kind of template knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// Landing URLs: `click_id`, `offer`, `affiliate`, `merchant`, and any kept parameter by its name, so
    /// every name is known.
    LandingUrl,
    /// System messages on a player's card: `sum`, `player_id` and `manager`.
    SystemMessage,
    /// Outgoing postbacks: a fixed list, so that a misspelt macro is found when the template is saved.
    Postback,
}

impl Vocabulary {
    /// `Err` holds the nearest macro that is known.
    pub(super) fn check(self, name: &str) -> Result<(), String> {
        let known: Vec<_> = match self {
            Self::LandingUrl => return Ok(()),
            Self::Postback if is_open_member(name) => return Ok(()),
            Self::Postback => postback_macros(name).collect(),
            Self::SystemMessage => MESSAGE_NAMES.map(str::to_owned).into(),
        };
        let mut nearest = (usize::MAX, String::new());
        for known in known {
            if known == name {
                return Ok(());
            }
            let distance = edit_distance(&known, &name.to_lowercase());
            if distance < nearest.0 {
                nearest = (distance, known);
            }
        }
        Err(nearest.1)
    }
}

fn is_open_member(name: &str) -> bool {
    OPEN.iter().any(|family| name.strip_prefix(family).is_some_and(|member| !member.is_empty()))
}

/// Every macro of outgoing postbacks, and for `param__x` also the members that it could mean.
fn postback_macros(name: &str) -> impl Iterator<Item = String> {
    let member = name.split_once("__").map(|(_, member)| member).filter(|member| !member.is_empty());
    let fixed = POSTBACK_NAMES.into_iter().map(str::to_owned);
    let numbered =
        NUMBERED.into_iter().flat_map(|family| (1..=NUMBERED_MAX).map(move |n| format!("{family}{n}")));
    let open = OPEN.into_iter().filter_map(move |family| member.map(|member| format!("{family}{member}")));
    fixed.chain(numbered).chain(open)
}

/// Levenshtein's distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        let check = |a, b, expected| assert_eq!(edit_distance(a, b), expected, "{a} {b}");
        check("", "", 0);
        check("", "abc", 3);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("click_id", "clickid", 1);
        check("sum", "mus", 2);
    }

    #[test]
    fn a_misspelt_macro_is_answered_with_the_nearest_one() {
        let check =
            |name: &str, nearest: &str| assert_eq!(Vocabulary::Postback.check(name), Err(nearest.to_owned()));
        check("clickid", "click_id");
        check("ClickId", "click_id");
        check("Sub5", "sub5");
        check("sub_5", "sub5");
        check("sub11", "sub1");
        check("sub0", "sub1");
        check("custom", "custom1");
        check("conversionid", "conversion_id");
        check("curency", "currency");
        check("pay_out", "payout");
        check("param__utm_source", "params__utm_source");
        check("adverts__zone", "advert__zone");
    }

    #[test]
    fn the_families_are_known_by_their_members() {
        let check = |name| assert_eq!(Vocabulary::Postback.check(name), Ok(()), "{name}");
        check("sub1");
        check("sub10");
        check("custom10");
        check("advert__zone");
        check("params__utm_source");
        assert!(Vocabulary::Postback.check("params__").is_err());
        assert!(Vocabulary::Postback.check("advert__").is_err());
    }
}
