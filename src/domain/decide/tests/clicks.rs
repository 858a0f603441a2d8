//! Clicks.

use super::check;

#[test]
fn a_click_leads_to_the_landing_page_of_an_open_offer() {
    let url = "https://play.example/?cid=x&a=orchid&s=a%26b";
    check(&["click x acme orchid sub1=a&b sub2=c"], &format!("clicked x {url}"));
    check(&["click x nothing lotus"], "offer_not_found offer");
    check(&["click x closed lotus"], "offer_not_found offer");
    check(&["click x acme nobody"], "affiliate_not_found affiliate");
}

#[test]
fn a_click_under_a_chosen_id_is_recorded_once() {
    let import = "import x acme lotus sub1=a sub2=b";
    let url = "https://play.example/?cid=x&a=lotus&s=a";
    let again = format!("duplicate: clicked x {url}");
    check(&[import], &format!("clicked x {url}"));
    check(&[import, import], &again);
    check(&[import, "import x acme lotus sub2=b sub1=a"], &again);
    check(&["click x acme lotus sub1=a sub2=b", import], &again);
    for other in
        ["import x acme orchid sub1=a sub2=b", "import x plain lotus sub1=a sub2=b", "import x acme lotus"]
    {
        check(&[import, other], "conflicting_duplicate id");
    }
    check(&["import x closed lotus"], "offer_not_found offer");
    check(&["import acme-9 acme lotus", "conv acme-9 reg"], "recorded #2 reg approved");
}
