//! The tokens of a merchant, under its page: issued, replaced with an overlap, revoked.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};

use super::{
    draft::text,
    goals::below,
    merchants::{self, Sent},
    page, saved_at, show, table_of, told,
};
use crate::{
    domain::{access::Role, ids::MerchantId, setting::SettingKind, token::Token},
    http::{
        Shared,
        api::{
            Query, invalid,
            settings::merchant as known_merchant,
            tokens::{Issued, issue_token, managed, replace_token, token_of},
        },
        desk::{
            go_to,
            visit::{Fields, Posted, Visit},
        },
        problem::Problem,
        settings::find,
        ui::{
            layout::{Page, Section},
            listing::{Cell, Facts},
            settings::{
                Values, forms,
                lists::{self, TokenItem},
            },
            sheet::{Part, Sheet},
            view::Moment,
        },
    },
    storage::Setting,
};

/// How long a token that is replaced goes on, unless something else is wanted: a day, in hours.
const USUAL_OVERLAP: &str = "24";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/settings/merchants/{id}/tokens", get(to_merchant).post(issue))
        .route("/settings/merchants/{id}/tokens/{token}", get(one).post(replace))
        .route("/settings/merchants/{id}/tokens/{token}/revoke", post(revoke).get(to_merchant_of))
}

async fn to_merchant(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let merchant = known_merchant(&visit.shared, &id).await?;
    Ok(go_to(&address(&merchant)))
}

async fn to_merchant_of(visit: Visit, Path((id, _)): Path<(String, String)>) -> Result<Response, Problem> {
    to_merchant(visit, Path(id)).await
}

fn address(merchant: &MerchantId) -> String {
    format!("{}/{merchant}", merchants::ALL)
}

/// The tokens of a merchant, newest first, and the form that issues one.
pub(super) async fn parts(
    visit: &Visit,
    page: &Page,
    merchant: &str,
    sent: &Values,
) -> Result<Vec<Part>, Problem> {
    let merchant = known_merchant(&visit.shared, merchant).await?;
    let mut tokens = visit.shared.edge.storage.tokens(Some(&merchant)).await?;
    tokens.sort_by_key(|token| std::cmp::Reverse(token.id));
    let items = tokens.iter().map(|token| item(visit, token)).collect();
    let may_change = visit.may(Role::Manager);
    let listing = lists::tokens(page, merchant.as_str(), may_change, items);
    let mut parts = vec![Part::Listing("Tokens".to_owned(), listing, None)];
    if may_change {
        let form = forms::token(page, &format!("{}/tokens", address(&merchant)), sent);
        parts.push(Part::Form("Issue a token".to_owned(), form));
    }
    Ok(parts)
}

fn item(visit: &Visit, token: &Token) -> TokenItem {
    let moment = |at| Moment::new(at, visit.zone);
    TokenItem {
        id: token.id.to_string(),
        label: token.label.clone(),
        created: moment(token.created_at),
        used: token.last_used_at.map(moment),
        ends: token.revoked_at.or(token.expires_at).map(moment),
        state: token.state(visit.caller.now),
    }
}

async fn issue(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let merchant = managed(&visit.shared, &visit.caller, &id, "token.issue").await?;
    let label = match fields.get("label").trim() {
        "" => "default",
        label => label,
    };
    let issued = match overlap(&fields) {
        Ok(overlap) => {
            issue_token(&visit.shared, &visit.caller, &merchant, label, (None, overlap), None).await
        }
        Err(problem) => Err(problem),
    };
    match issued {
        Ok(issued) => issued_page(&visit, &merchant, &issued).await,
        Err(problem) => {
            let (status, values) = refused(problem, &fields)?;
            let sent = Sent { token: values, ..Sent::default() };
            let (page, setting) = merchant_page(&visit, &merchant).await?;
            Ok(show(&visit, status, merchants::one_sheet(&visit, page, &setting, &sent).await?))
        }
    }
}

/// After how many hours earlier tokens shall end, if at all.
fn overlap(fields: &Fields) -> Result<Option<u32>, Problem> {
    let hours = match fields.get("overlap_hours") {
        "" => None,
        hours => Some(hours.parse().map_err(|_| invalid("overlap_hours", "Choose one of these."))?),
    };
    Ok(hours)
}

/// The form as it was sent, with what is wrong with it; other problems are pages of their own.
fn refused(problem: Problem, fields: &Fields) -> Result<(StatusCode, Values), Problem> {
    if problem.status.is_server_error() {
        return Err(problem);
    }
    let values = ["label", "overlap_hours"]
        .into_iter()
        .fold(Values::default(), |values, name| values.with(name, fields.get(name)));
    let values = match problem.parameter.as_deref() {
        Some(field @ ("label" | "overlap_hours")) => values.wrong(field, told(&problem)),
        _ => values.refused(&*problem.detail),
    };
    Ok((problem.status, values))
}

async fn merchant_page(visit: &Visit, merchant: &MerchantId) -> Result<(Page, Setting), Problem> {
    let setting = find(&visit.shared, SettingKind::Merchant, merchant.as_str()).await?;
    Ok((visit.page(text(&table_of(&setting), "name"), Section::Settings), setting))
}

/// The page of the merchant, with a new token's text this once.
async fn issued_page(visit: &Visit, merchant: &MerchantId, issued: &Issued) -> Result<Response, Problem> {
    let (page, setting) = merchant_page(visit, merchant).await?;
    let what = format!("The token {} of {}", issued.token.label, page.title);
    let sheet = merchants::one_sheet(visit, page, &setting, &Sent::default()).await?;
    Ok(show(visit, StatusCode::OK, sheet.showing_once(what, issued.text.expose())))
}

async fn one(
    visit: Visit,
    Path((id, token)): Path<(String, String)>,
    mut query: Query,
) -> Result<Response, Problem> {
    let merchant = known_merchant(&visit.shared, &id).await?;
    let token = token_of(&visit.shared, &merchant, &token).await?;
    let page = page(&visit, &token.label, &mut query)?;
    query.finish()?;
    let values = Values::default().with("overlap_hours", USUAL_OVERLAP);
    Ok(show(&visit, StatusCode::OK, one_sheet(&visit, page, &token, &values).await?))
}

async fn one_sheet(visit: &Visit, page: Page, token: &Token, values: &Values) -> Result<Sheet, Problem> {
    let item = item(visit, token);
    let facts = Facts::default()
        .fact("Issued", Cell::Moment(item.created.clone()))
        .fact("Last used", Cell::maybe(item.used.clone(), Cell::Moment))
        .fact("Ends", Cell::maybe(item.ends.clone(), Cell::Moment));
    let own = format!("{}/tokens/{}", address(&token.merchant), token.id);
    let form = forms::replacement(&page, &own, &address(&token.merchant), values);
    let sheet = below(visit, page, &token.merchant).await?;
    let sheet = Sheet { badge: Some(item.badge()), ..sheet }.part(Part::Facts(String::new(), facts));
    if item.state != "live" || !visit.may(Role::Manager) {
        return Ok(sheet);
    }
    Ok(sheet.part(Part::Form("Replace it".to_owned(), form)))
}

async fn replace(
    Path((id, token)): Path<(String, String)>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Problem> {
    let merchant = managed(&visit.shared, &visit.caller, &id, "token.rotate").await?;
    let old = token_of(&visit.shared, &merchant, &token).await?;
    let hours = overlap(&fields)
        .and_then(|hours| hours.ok_or_else(|| invalid("overlap_hours", "Choose when it ends.")));
    let issued = match hours {
        Ok(hours) => replace_token(&visit.shared, &visit.caller, old.clone(), hours, None).await,
        Err(problem) => Err(problem),
    };
    match issued {
        Ok(issued) => issued_page(&visit, &merchant, &issued).await,
        Err(problem) => {
            let (status, values) = refused(problem, &fields)?;
            let page = visit.page(&old.label, Section::Settings);
            Ok(show(&visit, status, one_sheet(&visit, page, &old, &values).await?))
        }
    }
}

async fn revoke(
    Path((id, token)): Path<(String, String)>,
    Posted { visit, .. }: Posted,
) -> Result<Response, Problem> {
    let merchant = managed(&visit.shared, &visit.caller, &id, "token.revoke").await?;
    let token = token_of(&visit.shared, &merchant, &token).await?;
    visit.shared.edge.storage.revoke_token(token.id, &visit.caller.author()).await?;
    Ok(saved_at(&address(&merchant)))
}
