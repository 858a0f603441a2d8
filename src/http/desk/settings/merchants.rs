//! `/settings/merchants`: who receives players and reports what they did.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};
use toml::Table;

use super::{
    Kind, Refused,
    draft::{Key, Shape, is_on, key, text},
    goals, listed, page, saved_at, show, state, table_of, tokens,
};
use crate::{
    domain::{catalog::Catalog, dialect::Dialect, setting::SettingKind},
    http::{
        Shared,
        api::Query,
        desk::visit::{Posted, Visit},
        problem::Problem,
        settings::{find, must_manage},
        ui::{
            form::Choice,
            layout::{Page, Section},
            listing::{Cell, Facts},
            settings::{
                Values, forms,
                lists::{self, MerchantItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: Kind = Kind { kind: SettingKind::Merchant, keys: &KEYS };

const KEYS: [Key; 14] = [
    key("name", Shape::Text),
    key("deal", Shape::Text),
    key("revshare_multiplier", Shape::Text),
    key("currencies", Shape::List(", ")),
    key("allowed_ips", Shape::List("\n")),
    key("require_ftd", Shape::Switch),
    key("hold_suspected", Shape::Switch),
    key("require_signature", Shape::Switch),
    key("signing_secret", Shape::Secret),
    key("initial_statuses", Shape::TickedOf(&["approved", "rejected"])),
    key("dialect", Shape::Text),
    key("dialect_token", Shape::Switch),
    key("dialect_initial_status", Shape::Text),
    key("active", Shape::Switch),
];

pub(super) const ALL: &str = "/settings/merchants";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/merchants/new", get(fresh))
        .route("/settings/merchants/{id}", get(one).post(change))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    let (found, pager) = listed(&visit, KIND.kind, ALL, query).await?;
    let tokens = visit.shared.edge.storage.tokens(None).await?;
    let accepted = |id: &str| {
        let of_merchant = tokens.iter().filter(|token| token.merchant.as_str() == id);
        of_merchant.filter(|token| token.is_live(visit.caller.now)).count() as u64
    };
    let item = |(setting, it): &(Setting, Table)| MerchantItem {
        id: setting.id.clone(),
        name: text(it, "name"),
        deal: deal(it),
        tokens: accepted(&setting.id),
        is_active: is_on(it, "active"),
    };
    let items = found.iter().map(item).collect();
    let sheet = lists::merchants(visit.page("Merchants", Section::Settings), items);
    Ok(show(&visit, StatusCode::OK, sheet.part(Part::Pager(pager))))
}

/// A deal in words.
fn deal(it: &Table) -> String {
    match text(it, "deal").as_str() {
        "hybrid" => format!("hybrid × {}", text(it, "revshare_multiplier")),
        _ => "CPA".to_owned(),
    }
}

async fn fresh(visit: Visit, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    must_manage(&visit.shared, &visit.caller, KIND.kind, "create", "new").await?;
    let values = Values::default().with("deal", "cpa").with("active", "1").with("require_ftd", "1");
    Ok(show(&visit, StatusCode::OK, fresh_sheet(&visit, &values).await?))
}

async fn create(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    Ok(match KIND.create(&visit, None, &fields).await? {
        Ok(setting) => saved_at(&format!("{ALL}/{}", setting.id)),
        Err(Refused { status, values }) => show(&visit, status, fresh_sheet(&visit, &values).await?),
    })
}

async fn fresh_sheet(visit: &Visit, values: &Values) -> Result<Sheet, Problem> {
    let catalog = visit.shared.edge.storage.catalog().await?;
    let page = visit.page("New merchant", Section::Settings);
    let form = forms::merchant(&page, ALL, values, dialects(visit, &catalog), true);
    Ok(sheet(page, "Merchants").below(ALL, "Merchants").part(Part::Form(String::new(), form)))
}

/// The dialects that a merchant may speak, those of the program and those that are configured.
fn dialects(visit: &Visit, catalog: &Catalog) -> Vec<Choice> {
    let shipped = visit.shared.edge.ready_made.values().filter(|dialect| !dialect.own_words);
    let known: BTreeMap<_, _> =
        shipped.chain(catalog.dialects.values()).map(|dialect| (dialect.id.to_string(), dialect)).collect();
    let choice = |(id, dialect): (String, &Arc<Dialect>)| {
        Choice::new(&id, if dialect.name.is_empty() { id.clone() } else { dialect.name.clone() })
    };
    known.into_iter().map(choice).collect()
}

async fn one(visit: Visit, Path(id): Path<String>, mut query: Query) -> Result<Response, Problem> {
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = page(&visit, text(&table_of(&setting), "name"), &mut query)?;
    query.finish()?;
    let sheet = one_sheet(&visit, page, &setting, &Sent::default()).await?;
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn change(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Err(Refused { status, values }) = KIND.change(&visit, None, &id, &fields).await? else {
        return Ok(saved_at(&format!("{ALL}/{id}")));
    };
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = visit.page(text(&table_of(&setting), "name"), Section::Settings);
    let sent = Sent { merchant: Some(values), ..Sent::default() };
    let sheet = one_sheet(&visit, page, &setting, &sent).await?;
    Ok(show(&visit, status, sheet))
}

/// What was sent of the forms of a merchant's page, where it was refused.
#[derive(Default)]
pub(super) struct Sent {
    /// Of the merchant's own form.
    pub(super) merchant: Option<Values>,
    /// Of the form that issues a token.
    pub(super) token: Values,
}

/// The page of a merchant: its tokens, its goals, itself.
pub(super) async fn one_sheet(
    visit: &Visit,
    page: Page,
    setting: &Setting,
    sent: &Sent,
) -> Result<Sheet, Problem> {
    let (id, it) = (&setting.id, table_of(setting));
    let own = format!("{ALL}/{id}");
    let catalog = visit.shared.edge.storage.catalog().await?;
    let facts = Facts::default()
        .fact("Id", Cell::Copy(id.clone()))
        .fact("For its engineer", Cell::link(format!("{own}/integration"), "Integration page"))
        .fact("Its players", Cell::link(format!("/conversions?merchant={id}"), "Conversions"));
    let stored = KIND.values(setting);
    let values = sent.merchant.as_ref().unwrap_or(&stored);
    let form = forms::merchant(&page, &own, values, dialects(visit, &catalog), false);
    let tokens = tokens::parts(visit, &page, id, &sent.token).await?;
    let goals = goals::part(visit, id).await?;
    let mut sheet = Sheet { badge: Some(state(is_on(&it, "active"))), ..sheet(page, "Merchants") }
        .below(ALL, "Merchants")
        .part(Part::Facts(String::new(), facts));
    sheet.parts.extend(tokens);
    Ok(sheet.part(goals).part(Part::Form("The merchant".to_owned(), form)))
}
