//! `/settings/currencies`: currencies beside those of ISO 4217.

use std::sync::Arc;

use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};
use toml::Table;

use super::{
    Kind, Refused,
    draft::{Key, Shape, key, text},
    listed, page, saved_at, show,
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
            settings::{Values, forms, lists, sheet},
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: Kind = Kind { kind: SettingKind::Currency, keys: &KEYS };

const KEYS: [Key; 1] = [key("minor_unit", Shape::Number)];

const ALL: &str = "/settings/currencies";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/currencies/new", get(fresh))
        .route("/settings/currencies/{code}", get(one).post(change))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    let (found, pager) = listed(&visit, KIND.kind, ALL, query).await?;
    let item = |(setting, it): &(Setting, Table)| (setting.id.clone(), text(it, "minor_unit"));
    let page = visit.page("Currencies", Section::Settings);
    let sheet = lists::currencies(page, found.iter().map(item).collect());
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

fn fresh_sheet(visit: &Visit, values: &Values) -> Sheet {
    let page = visit.page("New currency", Section::Settings);
    let form = forms::currency(&page, ALL, values, true);
    sheet(page, "Currencies").below(ALL, "Currencies").part(Part::Form(String::new(), form))
}

async fn one(visit: Visit, Path(code): Path<String>, mut query: Query) -> Result<Response, Problem> {
    let setting = find(&visit.shared, KIND.kind, &code).await?;
    let page = page(&visit, &*code, &mut query)?;
    query.finish()?;
    Ok(show(&visit, StatusCode::OK, one_sheet(page, &code, &KIND.values(&setting))))
}

async fn change(Path(code): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    Ok(match KIND.change(&visit, None, &code, &fields).await? {
        Ok(_) => saved_at(&format!("{ALL}/{code}")),
        Err(Refused { status, values }) => {
            let page = visit.page(&*code, Section::Settings);
            show(&visit, status, one_sheet(page, &code, &values))
        }
    })
}

fn one_sheet(page: Page, code: &str, values: &Values) -> Sheet {
    let form = forms::currency(&page, &format!("{ALL}/{code}"), values, false);
    sheet(page, "Currencies").below(ALL, "Currencies").part(Part::Form(String::new(), form))
}
