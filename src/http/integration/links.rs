//! Links that show a merchant's integration page without an account: made, opened, withdrawn.

use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::{
    domain::{
        access::Role,
        ids::MerchantId,
        link::{IntegrationLink, LINK_DAYS_MAX},
        time::Timestamp,
    },
    http::{Shared, access::Caller, api::invalid, problem::Problem},
    storage::AuditRow,
};

/// How long a link lasts, unless somebody says otherwise, in days.
pub(in crate::http) const LINK_DAYS: u32 = 7;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A link that was just made. Nobody can show it again.
pub(in crate::http) struct MadeLink {
    /// Its address.
    pub(in crate::http) url: String,
    /// From when on it opens nothing.
    pub(in crate::http) ends_at: Timestamp,
}

/// Makes sure that somebody may make and withdraw the links of a merchant.
pub(in crate::http) async fn managed(
    shared: &Shared,
    caller: &Caller,
    merchant: &str,
    action: &str,
) -> Result<(), Problem> {
    let shown: String = merchant.chars().take(60).collect();
    caller.must(Role::Manager, shared, action, &format!("merchant:{shown}")).await
}

/// Makes a link that lasts so many days.
pub(in crate::http) async fn make_link(
    shared: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    merchant: &MerchantId,
    days: u32,
) -> Result<MadeLink, Problem> {
    if !(1..=LINK_DAYS_MAX).contains(&days) {
        return Err(invalid("days", &format!("Send `days` from 1 to {LINK_DAYS_MAX}.")));
    }
    let lasts = caller.now.plus_millis(i64::from(days) * DAY_MILLIS);
    let ends_at = Timestamp::from_millis(lasts.seconds() * 1000);
    let generation = shared.edge.storage.link_generation(merchant).await?;
    let link = IntegrationLink { merchant: merchant.clone(), ends_at, generation };
    let entry = AuditRow {
        after: Some(json!({ "expires_at": ends_at }).to_string()),
        ..caller.audit("integration-link.make", &format!("merchant:{merchant}"))
    };
    shared.edge.storage.note_audit(&entry).await?;
    let url = format!("{}/i/{}", shared.edge.address_for(headers), link.token(&shared.edge.digester));
    Ok(MadeLink { url, ends_at })
}

/// Withdraws every link of a merchant that was made so far.
pub(in crate::http) async fn withdraw_links(
    shared: &Shared,
    caller: &Caller,
    merchant: &MerchantId,
) -> Result<(), Problem> {
    let entry = caller.audit("integration-link.withdraw", &format!("merchant:{merchant}"));
    Ok(shared.edge.storage.withdraw_links(merchant, &entry).await?)
}

/// What a link opens, if it is one of ours and still does.
pub(in crate::http) async fn open_link(shared: &Shared, token: &str) -> Result<IntegrationLink, Problem> {
    let link = IntegrationLink::parse(token, &shared.edge.digester).ok_or_else(|| {
        let detail = "This link is not whole. Open it exactly as you got it, or ask your affiliate manager for a \
                      new one.";
        Problem::new(StatusCode::NOT_FOUND, "link_unknown", "No such link", detail)
    })?;
    let gone = |code, title, detail: &str| Err(Problem::new(StatusCode::GONE, code, title, detail));
    if shared.edge.clock.now() >= link.ends_at {
        let detail =
            "This link was made for a limited time, which is over. Ask your affiliate manager for a new one.";
        return gone("link_expired", "This link has ended", detail);
    }
    if shared.edge.storage.link_generation(&link.merchant).await? != link.generation {
        let detail = "This link is no longer valid. Ask your affiliate manager for a new one.";
        return gone("link_withdrawn", "This link was withdrawn", detail);
    }
    Ok(link)
}
