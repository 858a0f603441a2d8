//! `/settings/offers`: what affiliates advertise, with a builder of links.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use toml::Table;

use super::{
    Kind, Refused,
    draft::{Key, Shape, is_on, key, text},
    listed, page, saved_at, show, state, table_of,
};
use crate::{
    domain::{catalog::Catalog, setting::SettingKind},
    http::{
        Shared,
        api::Query,
        desk::{
            names::Choices,
            visit::{Posted, Visit},
        },
        problem::Problem,
        settings::{find, must_manage},
        ui::{
            layout::{Page, Section},
            listing::{Cell, Facts},
            settings::{
                Values, forms,
                lists::{self, OfferItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: Kind = Kind { kind: SettingKind::Offer, keys: &KEYS };

const KEYS: [Key; 9] = [
    key("merchant", Shape::Text),
    key("name", Shape::Text),
    key("landing_url", Shape::Text),
    key("active", Shape::Switch),
    key("goals_enabled", Shape::Switch),
    key("payout", Shape::Payouts),
    key("spot", Shape::Text),
    key("currency", Shape::Text),
    key("account", Shape::Number),
];

const ALL: &str = "/settings/offers";

/// The parameters that the builder of links asks for, beside the affiliate.
const LINK_PARAMETERS: [&str; 4] = ["cl_id", "sub1", "sub2", "sub3"];

/// What stands in a link as it is: with the braces and brackets of trackers' macros, which they look for themselves.
const LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'{')
    .remove(b'}')
    .remove(b'[')
    .remove(b']');

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/offers/new", get(fresh))
        .route("/settings/offers/{id}", get(one).post(change))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    let (found, pager) = listed(&visit, KIND.kind, ALL, query).await?;
    let catalog = visit.shared.edge.catalog.borrow().clone();
    let merchant = |id: String| {
        let known = catalog.merchants.values().find(|merchant| merchant.id.as_str() == id);
        known.map_or(id, |merchant| merchant.name.clone())
    };
    let item = |(setting, it): &(Setting, Table)| OfferItem {
        id: setting.id.clone(),
        name: text(it, "name"),
        merchant: merchant(text(it, "merchant")),
        landing_url: text(it, "landing_url"),
        is_active: is_on(it, "active"),
    };
    let items = found.iter().map(item).collect();
    let sheet = lists::offers(visit.page("Offers", Section::Settings), items);
    Ok(show(&visit, StatusCode::OK, sheet.part(Part::Pager(pager))))
}

async fn fresh(visit: Visit, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    must_manage(&visit.shared, &visit.caller, KIND.kind, "create", "new").await?;
    let values = Values::default().with("active", "1").with("goals_enabled", "1");
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
    let page = visit.page("New offer", Section::Settings);
    let form = forms::offer(&page, ALL, values, Choices(&catalog).merchants(), true);
    let sheet = sheet(page, "Offers").below(ALL, "Offers");
    if catalog.merchants.is_empty() {
        let told = "An offer belongs to a merchant, and there is none yet: add one under Merchants first.";
        return Ok(sheet.intro(told));
    }
    Ok(sheet.part(Part::Form(String::new(), form)))
}

async fn one(
    visit: Visit,
    headers: HeaderMap,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Response, Problem> {
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = page(&visit, text(&table_of(&setting), "name"), &mut query)?;
    let catalog = visit.shared.edge.storage.catalog().await?;
    let home = visit.shared.edge.address_for(&headers);
    let link = Link::read(&home, &catalog, &id, &mut query);
    query.finish()?;
    let sheet = one_sheet(page, &catalog, &setting, &KIND.values(&setting), link);
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn change(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Err(Refused { status, values }) = KIND.change(&visit, None, &id, &fields).await? else {
        return Ok(saved_at(&format!("{ALL}/{id}")));
    };
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = visit.page(text(&table_of(&setting), "name"), Section::Settings);
    let catalog = visit.shared.edge.storage.catalog().await?;
    Ok(show(&visit, status, one_sheet(page, &catalog, &setting, &values, Link::default())))
}

/// What the builder of links was asked, and the link.
#[derive(Default)]
struct Link {
    values: Values,
    address: Option<String>,
}

impl Link {
    fn read(home: &str, catalog: &Catalog, offer: &str, query: &mut Query) -> Self {
        let mut values = Values::default();
        let affiliate = query.text("affiliate").unwrap_or_default().to_owned();
        let mut address = format!("{}/click?offer={offer}&affiliate={affiliate}", home.trim_end_matches('/'));
        for name in LINK_PARAMETERS {
            let value = query.text(name).unwrap_or_default().trim();
            if !value.is_empty() {
                address.extend(["&", name, "="].into_iter().chain(utf8_percent_encode(value, LINK)));
            }
            values = values.with(name, value);
        }
        let is_known = catalog.affiliates.keys().any(|id| id.as_str() == affiliate);
        if !affiliate.is_empty() && !is_known {
            let values = values.wrong("affiliate", "There is no such affiliate: choose one.");
            return Self { values, address: None };
        }
        Self { values: values.with("affiliate", &*affiliate), address: is_known.then_some(address) }
    }
}

fn one_sheet(page: Page, catalog: &Catalog, setting: &Setting, values: &Values, link: Link) -> Sheet {
    let (id, it) = (&setting.id, table_of(setting));
    let own = format!("{ALL}/{id}");
    let choices = Choices(catalog);
    let builder = forms::link_builder(&page, &own, &link.values, choices.affiliates());
    let form = forms::offer(&page, &own, values, choices.merchants(), false);
    let is_active = is_on(&it, "active");
    let facts = Facts::default()
        .fact("Id", Cell::Copy(id.clone()))
        .fact("Its players", Cell::link(format!("/conversions?offer={id}"), "Conversions"));
    let mut sheet = Sheet { badge: Some(state(is_active)), ..sheet(page, "Offers") }
        .below(ALL, "Offers")
        .part(Part::Facts(String::new(), facts));
    let heading = "A link for an affiliate".to_owned();
    if catalog.affiliates.is_empty() {
        let told = "There are no affiliates yet: add one under Affiliates, and make its link here.";
        sheet = sheet.part(Part::Text(heading, told.to_owned()));
    } else {
        sheet = sheet.part(Part::Form(heading, builder));
    }
    if let Some(address) = link.address {
        sheet = sheet.part(Part::Copy("The link".to_owned(), address));
        if !is_active {
            let told = "The offer is inactive: its links lead nowhere until it is active.";
            sheet = sheet.part(Part::Text(String::new(), told.to_owned()));
        }
    }
    sheet.part(Part::Form("The offer".to_owned(), form))
}
