//! The goals of a merchant's own, under its page.

use std::sync::Arc;

use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};

use super::{
    Kind, Refused,
    draft::{Key, Shape, is_on, key, text},
    merchants, page, saved_at, show, table_of,
};
use crate::{
    domain::{ids::MerchantId, setting::SettingKind},
    http::{
        Shared,
        api::{Query, settings::merchant as known_merchant},
        desk::{
            go_to,
            visit::{Posted, Visit},
        },
        problem::Problem,
        settings::{find, goal_id, must_manage},
        ui::{
            layout::{Page, Section},
            listing::{Cell, Facts},
            settings::{
                Values, forms,
                lists::{self, GoalItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Which,
};

const KIND: Kind = Kind { kind: SettingKind::Goal, keys: &KEYS };

const KEYS: [Key; 12] = [
    key("name", Shape::Text),
    key("once", Shape::Switch),
    key("amount", Shape::Text),
    key("status_flow", Shape::Text),
    key("show_sum", Shape::Switch),
    key("show_count", Shape::Switch),
    key("message", Shape::Text),
    key("token", Shape::Text),
    key("events.meta", Shape::Text),
    key("events.tiktok", Shape::Text),
    key("events.ga4", Shape::Text),
    key("events.yandex", Shape::Text),
];

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/settings/merchants/{id}/goals", get(to_merchant).post(create))
        .route("/settings/merchants/{id}/goals/new", get(fresh))
        .route("/settings/merchants/{id}/goals/{alias}", get(one).post(change))
}

async fn to_merchant(visit: Visit, Path(id): Path<String>) -> Result<Response, Problem> {
    let merchant = known_merchant(&visit.shared, &id).await?;
    Ok(go_to(&merchant_address(&merchant)))
}

fn merchant_address(merchant: &MerchantId) -> String {
    format!("{}/{merchant}", merchants::ALL)
}

/// The goals of a merchant: those that everybody has, and its own.
pub(super) async fn part(visit: &Visit, merchant: &str) -> Result<Part, Problem> {
    let edge = &visit.shared.edge;
    let which = Which { merchant: Some(merchant), ..Which::default() };
    let own: Vec<_> = edge.storage.settings(KIND.kind, which).await?.iter().map(table_of).collect();
    let catalog = edge.catalog.borrow().clone();
    let is_replaced = |alias: &str| own.iter().any(|it| text(it, "alias") == alias);
    let built_in = catalog.built_in_goals.iter().filter(|goal| !is_replaced(goal.alias.as_str()));
    let built_in = built_in.map(|goal| GoalItem {
        alias: goal.alias.to_string(),
        name: goal.name.clone(),
        rules: rules(goal.once, goal.amount.as_str(), goal.status_flow.as_str()),
        is_own: false,
    });
    let own = own.iter().map(|it| GoalItem {
        alias: text(it, "alias"),
        name: text(it, "name"),
        rules: rules(is_on(it, "once"), &text(it, "amount"), &text(it, "status_flow")),
        is_own: true,
    });
    let listing = lists::goals(merchant, built_in.chain(own).collect());
    let add = (format!("{}/{merchant}/goals/new", merchants::ALL), "Add a goal".to_owned());
    Ok(Part::Listing("Goals".to_owned(), listing, Some(add)))
}

/// What holds of a goal, in words.
fn rules(once: bool, amount: &str, status_flow: &str) -> String {
    let amount = match amount {
        "required" => "amount required",
        "none" => "without an amount",
        "non_zero" => "an amount that may be negative",
        _ => "amount optional",
    };
    let once = if once { "once per player" } else { "any number of times" };
    let flow = if status_flow == "two_phase" { "waits for a decision" } else { "counts at once" };
    format!("{once}, {amount}, {flow}")
}

async fn fresh(visit: Visit, Path(id): Path<String>, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    let merchant = known_merchant(&visit.shared, &id).await?;
    must_manage(&visit.shared, &visit.caller, KIND.kind, "create", &goal_id(&merchant, "new")).await?;
    let values = Values::default().with("amount", "optional").with("status_flow", "immediate");
    Ok(show(&visit, StatusCode::OK, fresh_sheet(&visit, &merchant, &values).await?))
}

async fn create(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let merchant = known_merchant(&visit.shared, &id).await?;
    Ok(match KIND.create(&visit, Some(&merchant), &fields).await? {
        Ok(_) => saved_at(&merchant_address(&merchant)),
        Err(Refused { status, values }) => {
            show(&visit, status, fresh_sheet(&visit, &merchant, &values).await?)
        }
    })
}

async fn fresh_sheet(visit: &Visit, merchant: &MerchantId, values: &Values) -> Result<Sheet, Problem> {
    let page = visit.page("New goal", Section::Settings);
    let own = merchant_address(merchant);
    let form = forms::goal(&page, &format!("{own}/goals"), &own, values, true);
    Ok(below(visit, page, merchant).await?.part(Part::Form(String::new(), form)))
}

/// A page below that of a merchant.
pub(super) async fn below(visit: &Visit, page: Page, merchant: &MerchantId) -> Result<Sheet, Problem> {
    let setting = find(&visit.shared, SettingKind::Merchant, merchant.as_str()).await?;
    let name = text(&table_of(&setting), "name");
    Ok(sheet(page, "Merchants").below(merchants::ALL, "Merchants").below(merchant_address(merchant), name))
}

async fn one(
    visit: Visit,
    Path((id, alias)): Path<(String, String)>,
    mut query: Query,
) -> Result<Response, Problem> {
    let merchant = known_merchant(&visit.shared, &id).await?;
    let setting = find(&visit.shared, KIND.kind, &goal_id(&merchant, &alias)).await?;
    let page = page(&visit, text(&table_of(&setting), "name"), &mut query)?;
    query.finish()?;
    let sheet = one_sheet(&visit, page, &merchant, &alias, &KIND.values(&setting)).await?;
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn change(
    Path((id, alias)): Path<(String, String)>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Problem> {
    let merchant = known_merchant(&visit.shared, &id).await?;
    let Err(Refused { status, values }) = KIND.change(&visit, Some(&merchant), &alias, &fields).await? else {
        return Ok(saved_at(&merchant_address(&merchant)));
    };
    let setting = find(&visit.shared, KIND.kind, &goal_id(&merchant, &alias)).await?;
    let page = visit.page(text(&table_of(&setting), "name"), Section::Settings);
    Ok(show(&visit, status, one_sheet(&visit, page, &merchant, &alias, &values).await?))
}

async fn one_sheet(
    visit: &Visit,
    page: Page,
    merchant: &MerchantId,
    alias: &str,
    values: &Values,
) -> Result<Sheet, Problem> {
    let own = merchant_address(merchant);
    let form = forms::goal(&page, &format!("{own}/goals/{alias}"), &own, values, false);
    let facts = Facts::default().fact("Alias", Cell::Copy(alias.to_owned())).fact(
        "Its conversions",
        Cell::link(format!("/conversions?merchant={merchant}&goal={alias}"), "Conversions"),
    );
    let sheet = below(visit, page, merchant).await?;
    Ok(sheet.part(Part::Facts(String::new(), facts)).part(Part::Form(String::new(), form)))
}
