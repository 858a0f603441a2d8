//! A filter is an address, and a password is never written back.

use super::*;

fn filters() -> Filters {
    let merchants = vec![Choice::new("acme", "Acme Casino"), Choice::new("plain", "Plain Bets")];
    Filters::new("/conversions", Field::search("q", "Text").value("a&b"))
        .field(Field::select("merchant", "Merchant", merchants).value("acme"))
        .field(Field::text("currency", "Currency"))
}

#[test]
fn a_filter_is_an_address_and_each_condition_can_be_dropped() {
    let filters = filters();
    assert_eq!(filters.query(), "q=a%26b&merchant=acme");
    let chips: Vec<_> =
        filters.chips().iter().map(|c| format!("{}={} {}", c.label, c.value, c.without)).collect();
    assert_eq!(chips, ["Text=a&b /conversions?merchant=acme", "Merchant=Acme Casino /conversions?q=a%26b"]);
}

#[test]
fn a_password_is_never_written_into_a_page() {
    let field = Field::password("password", "Password").value("correct horse").render().unwrap();
    assert!(!field.contains("horse"), "{field}");
}
