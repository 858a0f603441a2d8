//! `/settings/pixels`: which ad platforms are told of conversions, with what to see to before money is spent.

use std::sync::Arc;

use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};

use super::{
    Kind, Refused,
    draft::{Key, Shape, is_on, key, text},
    endpoints::named,
    kept, listed, page, saved_at, show, state, table_of,
};
use crate::{
    domain::{
        catalog::Catalog,
        ids::EndpointId,
        pixel::{EventName, Pixel, Platform},
        setting::SettingKind,
    },
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
            listing::{Act, Cell, Facts},
            settings::{
                Values,
                forms::KEPT,
                outgoing::{self, Bindings, PixelItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: Kind = Kind { kind: SettingKind::Pixel, keys: &KEYS };

const KEYS: [Key; 13] = [
    key("platform", Shape::Text),
    key("pixel_id", Shape::Text),
    key("offer", Shape::Text),
    key("affiliate", Shape::Text),
    key("active", Shape::Switch),
    key("secret", Shape::Secret),
    Key { field: "forget_measurement", path: "measurement_secret", shape: Shape::Forget },
    key("measurement_secret", Shape::Secret),
    key("when", Shape::Text),
    key("events", Shape::Pairs),
    key("page", Shape::Text),
    key("test_event_code", Shape::Text),
    key("base_url", Shape::Text),
];

/// What may be kept without being shown.
const SECRETS: [&str; 2] = ["secret", "measurement_secret"];

/// By how many of the newest clicks is judged whether a platform can find players again.
const CLICKS_JUDGED: u32 = 100;

const ALL: &str = "/settings/pixels";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/pixels/new", get(fresh))
        .route("/settings/pixels/{id}", get(one).post(change))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    let (found, pager) = listed(&visit, KIND.kind, ALL, query).await?;
    let catalog = visit.shared.edge.storage.catalog().await?;
    let choices = Choices(&catalog);
    let mut items = Vec::new();
    for (setting, it) in &found {
        let platform = text(it, "platform");
        items.push(PixelItem {
            id: setting.id.clone(),
            platform: Platform::parse(&platform).map_or(platform, |platform| platform.name().to_owned()),
            offer: named(choices.offers(), text(it, "offer"), ""),
            affiliate: named(choices.affiliates(), text(it, "affiliate"), "every affiliate"),
            warnings: warnings(&visit, &catalog, &setting.id).await?,
            is_active: is_on(it, "active"),
        });
    }
    let sheet = outgoing::pixels(visit.page("Pixels", Section::Settings), items);
    Ok(show(&visit, StatusCode::OK, sheet.part(Part::Pager(pager))))
}

fn pixel<'a>(catalog: &'a Catalog, id: &str) -> Option<&'a Pixel> {
    catalog.pixel(&EndpointId::parse(id).ok()?).map(|pixel| &**pixel)
}

/// What to see to before money is spent on ads, as far as the newest clicks tell.
async fn warnings(visit: &Visit, catalog: &Catalog, id: &str) -> Result<Vec<String>, Problem> {
    let Some(pixel) = pixel(catalog, id) else { return Ok(Vec::new()) };
    let storage = &visit.shared.edge.storage;
    let clicks = storage.newest_click_params(&pixel.offer, pixel.affiliate.as_ref(), CLICKS_JUDGED).await?;
    let sentence = |told: String| {
        let mut rest = told.chars();
        let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", rest.as_str())
    };
    Ok(pixel.warnings(&clicks).into_iter().map(sentence).collect())
}

async fn fresh(visit: Visit, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    must_manage(&visit.shared, &visit.caller, KIND.kind, "create", "new").await?;
    let values = Values::default().with("active", "1").with("when", "approved");
    let page = visit.page("New pixel", Section::Settings);
    Ok(show(&visit, StatusCode::OK, pixel_sheet(&visit, page, None, values).await?))
}

async fn create(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Refused { status, values } = match KIND.create(&visit, None, &fields).await? {
        Ok(setting) => return Ok(saved_at(&format!("{ALL}/{}", setting.id))),
        Err(refused) => refused,
    };
    let page = visit.page("New pixel", Section::Settings);
    Ok(show(&visit, status, pixel_sheet(&visit, page, None, values).await?))
}

async fn one(visit: Visit, Path(id): Path<String>, mut query: Query) -> Result<Response, Problem> {
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = page(&visit, &*id, &mut query)?;
    query.finish()?;
    let sheet = pixel_sheet(&visit, page, Some(&setting), KIND.values(&setting)).await?;
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn change(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Err(Refused { status, values }) = KIND.change(&visit, None, &id, &fields).await? else {
        return Ok(saved_at(&format!("{ALL}/{id}")));
    };
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = visit.page(&*id, Section::Settings);
    Ok(show(&visit, status, pixel_sheet(&visit, page, Some(&setting), values).await?))
}

async fn pixel_sheet(
    visit: &Visit,
    page: Page,
    stored: Option<&Setting>,
    values: Values,
) -> Result<Sheet, Problem> {
    let catalog = visit.shared.edge.storage.catalog().await?;
    let choices = Choices(&catalog);
    let to = Bindings { affiliates: choices.affiliates(), offers: choices.offers(), goals: Vec::new() };
    if to.offers.is_empty() {
        let told = "A pixel is told of the conversions of an offer, and there is none yet: add one under Offers first.";
        return Ok(sheet(page, "Pixels").below(ALL, "Pixels").intro(told));
    }
    let Some(setting) = stored else {
        let form = outgoing::pixel(&page, ALL, &values, to, true);
        return Ok(sheet(page, "Pixels").below(ALL, "Pixels").part(Part::Form(String::new(), form)));
    };
    let (id, it) = (&setting.id, table_of(setting));
    let values = values.with(KEPT, kept(&it, &SECRETS));
    let form = outgoing::pixel(&page, &format!("{ALL}/{id}"), &values, to, false);
    let send = Act::new(&page, format!("/deliveries/endpoints/{id}/test"), "Send an example");
    let mut sheet =
        Sheet { badge: Some(state(is_on(&it, "active"))), ..sheet(page, "Pixels") }.below(ALL, "Pixels");
    let warnings = warnings(visit, &catalog, id).await?;
    if !warnings.is_empty() {
        sheet = sheet.part(Part::Warnings("Before you spend money on ads".to_owned(), warnings));
    }
    sheet = sheet.part(Part::Form(String::new(), form));
    if let Some(pixel) = pixel(&catalog, id) {
        sheet = sheet.part(Part::Facts("What each goal is told as".to_owned(), told_as(pixel)));
    }
    Ok(sheet.part(Part::Acts("Try what is saved".to_owned(), vec![send])))
}

/// The events of a pixel by goal, those that come from the goals and the platform among them.
fn told_as(pixel: &Pixel) -> Facts {
    let cell = |name: Option<&EventName>| Cell::text(name.map_or("", EventName::as_str));
    pixel
        .events
        .iter()
        .fold(Facts::default(), |facts, (goal, name)| facts.fact(goal.to_string(), cell(name.as_ref())))
}
