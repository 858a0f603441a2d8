//! `/settings/affiliates`: who sends players.

use std::sync::Arc;

use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};
use toml::Table;

use super::{
    Kind, Refused,
    draft::{Key, Shape, key, text},
    listed, page, saved_at, show, table_of,
};
use crate::{
    domain::setting::SettingKind,
    http::{
        Shared,
        api::Query,
        desk::visit::{Posted, Visit},
        problem::Problem,
        settings::{find, must_manage},
        ui::{
            layout::{Page, Section},
            listing::{Cell, Facts},
            settings::{
                Values, forms,
                lists::{self, AffiliateItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: Kind = Kind { kind: SettingKind::Affiliate, keys: &KEYS };

const KEYS: [Key; 2] = [key("name", Shape::Text), key("manager", Shape::Text)];

const ALL: &str = "/settings/affiliates";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/affiliates/new", get(fresh))
        .route("/settings/affiliates/{id}", get(one).post(change))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    let (found, pager) = listed(&visit, KIND.kind, ALL, query).await?;
    let item = |(setting, it): &(Setting, Table)| AffiliateItem {
        id: setting.id.clone(),
        name: text(it, "name"),
        manager: text(it, "manager"),
    };
    let items = found.iter().map(item).collect();
    let sheet = lists::affiliates(visit.page("Affiliates", Section::Settings), items);
    Ok(show(&visit, StatusCode::OK, sheet.part(Part::Pager(pager))))
}

async fn fresh(visit: Visit, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    must_manage(&visit.shared, &visit.caller, KIND.kind, "create", "new").await?;
    Ok(show(&visit, StatusCode::OK, fresh_sheet(&visit, &Values::default())))
}

async fn create(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    Ok(match KIND.create(&visit, None, &fields).await? {
        Ok(setting) => saved_at(&format!("{ALL}/{}", setting.id)),
        Err(Refused { status, values }) => show(&visit, status, fresh_sheet(&visit, &values)),
    })
}

async fn one(visit: Visit, Path(id): Path<String>, mut query: Query) -> Result<Response, Problem> {
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = page(&visit, text(&table_of(&setting), "name"), &mut query)?;
    query.finish()?;
    Ok(show(&visit, StatusCode::OK, one_sheet(page, &id, &KIND.values(&setting))))
}

async fn change(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Err(Refused { status, values }) = KIND.change(&visit, None, &id, &fields).await? else {
        return Ok(saved_at(&format!("{ALL}/{id}")));
    };
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = visit.page(text(&table_of(&setting), "name"), Section::Settings);
    Ok(show(&visit, status, one_sheet(page, &id, &values)))
}

fn fresh_sheet(visit: &Visit, values: &Values) -> Sheet {
    let page = visit.page("New affiliate", Section::Settings);
    let form = forms::affiliate(&page, ALL, values, true);
    sheet(page, "Affiliates").below(ALL, "Affiliates").part(Part::Form(String::new(), form))
}

fn one_sheet(page: Page, id: &str, values: &Values) -> Sheet {
    let form = forms::affiliate(&page, &format!("{ALL}/{id}"), values, false);
    let facts = Facts::default()
        .fact("Id", Cell::Copy(id.to_owned()))
        .fact("Its players", Cell::link(format!("/conversions?affiliate={id}"), "Conversions"));
    sheet(page, "Affiliates")
        .below(ALL, "Affiliates")
        .part(Part::Facts(String::new(), facts))
        .part(Part::Form(String::new(), form))
}
