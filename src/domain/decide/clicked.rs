//! A click: recorded at once, and known again where somebody has chosen its id.

use std::collections::BTreeMap;

use super::{Catalog, Changes, Click, ClickRequest, Code, NewClick, Refusal, Stamp, Verdict, WorkingSet};
use crate::domain::{params::Params, player::user_of_click};

/// Records a click and sends the player on. One whose id was chosen by its sender may be there already: the same again
/// is a duplicate, and anything else under its id is refused.
pub(super) fn decide(
    catalog: &Catalog,
    known: &WorkingSet,
    request: &ClickRequest,
    stamp: Stamp,
) -> Result<(Verdict, Changes), Refusal> {
    if request.id_given
        && let Some((click, params)) = known.recorded_click(&request.id)
    {
        check_same(request, click, params)?;
        // Whatever has become of the offer since: a repetition is none the worse for it.
        let offer = catalog.offers.get(&request.offer);
        let url = offer.map(|it| it.landing_address(&request.affiliate, &request.params, Some(&click.id)));
        let verdict =
            Verdict::Clicked { click: click.id.clone(), url: url.unwrap_or_default(), duplicate: true };
        return Ok((verdict, Changes::default()));
    }
    let offer = catalog.open_offer(&request.offer, &request.affiliate)?;
    let click = Click {
        id: request.id.clone(),
        offer: request.offer.clone(),
        affiliate: request.affiliate.clone(),
        merchant: offer.merchant.clone(),
        at: stamp.at,
    };
    let url = offer.landing_address(&request.affiliate, &request.params, Some(&click.id));
    let verdict = Verdict::Clicked { click: click.id.clone(), url, duplicate: false };
    let (params, user) = (request.params.clone(), user_of_click(&request.params));
    let new = NewClick { click, params, user, id_given: request.id_given };
    Ok((verdict, Changes { clicks: vec![new], ..Changes::default() }))
}

fn check_same(request: &ClickRequest, click: &Click, params: Option<&Params>) -> Result<(), Refusal> {
    let sorted = |params: &Params| -> BTreeMap<String, String> {
        params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let differs = if request.offer != click.offer {
        format!("the offer {}", click.offer)
    } else if request.affiliate != click.affiliate {
        format!("the affiliate {}", click.affiliate)
    } else if params.map(sorted) != Some(sorted(&request.params)) {
        "other parameters".to_owned()
    } else {
        return Ok(());
    };
    let detail = format!(
        "The click {} is already recorded, with {differs}: send what was sent then, or another `id`. Nothing was \
         changed.",
        click.id
    );
    Err(Refusal::of(Code::ConflictingDuplicate, "id", detail))
}
