//! What macros a postback endpoint may use, told to people.

/// Each macro, and what it stands for.
pub(crate) const MACROS: &[(&str, &str)] = &[
    ("{cl_id}", "the affiliate's own click id, as the click brought it"),
    ("{click_id}", "our click id"),
    ("{conversion_id}", "our id of the conversion"),
    ("{delivery_id}", "the id of this postback, the same on every attempt"),
    ("{transaction_id}", "the merchant's id of it"),
    ("{goal} {action}", "the goal's alias"),
    ("{status}", "pending, approved or rejected"),
    ("{amount} {sum}", "the player's money, as in 100.00"),
    ("{currency}", "its currency"),
    ("{revenue}", "what the merchant owes us of a revenue share"),
    (
        "{payout}",
        "what the offer pays the affiliate for this goal; or else the parameter payout of the click or of the \
         merchant's postback",
    ),
    ("{payout_currency}", "the currency of what the offer pays"),
    ("{merchant} {offer} {affiliate}", "their ids"),
    ("{reason}", "why it has got its status"),
    ("{event_time} {event_time_unix}", "when it happened, or else when it was recorded"),
    ("{player_id} {geo}", "as the merchant tells them, or else as the click brought them"),
    ("{user_id} {username} {name}", "parameters of the click, or else of the postback"),
    ("{sub1} … {sub10}", "the same"),
    ("{custom1} … {custom10}", "the same"),
    ("{advert__…}", "the same"),
    ("{params__NAME}", "any other parameter"),
];

#[cfg(test)]
mod tests {
    use super::MACROS;
    use crate::domain::template::{TextTemplate, Vocabulary};

    #[test]
    fn what_is_explained_can_be_used() {
        for name in MACROS.iter().flat_map(|(names, _)| names.split(' ')).filter(|name| !name.contains('…'))
        {
            let parsed = TextTemplate::parse(name, Vocabulary::Postback);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
        }
    }
}
