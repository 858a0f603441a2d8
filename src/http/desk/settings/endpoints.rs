//! `/settings/postbacks`: where affiliates are told, of what, and how, with a preview of what would be sent.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use toml::Table;

use super::{
    Kind, Refused,
    draft::{self, Key, Shape, is_on, key, text},
    kept, listed, page, saved_at, show, state, table_of, told,
};
use crate::{
    clock::new_uuid,
    configuration_file::Body,
    domain::{
        catalog::Catalog,
        endpoint::Endpoint,
        example,
        ids::{ConversionId, DeliveryId},
        outgoing::Message,
        setting::SettingKind,
    },
    http::{
        Shared,
        api::Query,
        desk::{
            go_to,
            names::Choices,
            visit::{Fields, Posted, Visit},
        },
        problem::Problem,
        settings::{Wanted, find, must_manage},
        ui::{
            form::Choice,
            layout::{Page, Section},
            listing::Act,
            settings::{
                Values,
                forms::KEPT,
                macros::MACROS,
                outgoing::{self, Bindings, EndpointItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: Kind = Kind { kind: SettingKind::Postback, keys: &KEYS };

const KEYS: [Key; 17] = [
    key("affiliate", Shape::Text),
    key("offer", Shape::Text),
    key("goal", Shape::Text),
    key("statuses", Shape::Ticked),
    key("active", Shape::Switch),
    key("method", Shape::Text),
    key("url", Shape::Text),
    key("params", Shape::Pairs),
    key("headers", Shape::Pairs),
    Key { field: "forget_auth", path: "basic_auth", shape: Shape::Forget },
    Key { field: "login", path: "basic_auth.login", shape: Shape::Secret },
    Key { field: "password", path: "basic_auth.password", shape: Shape::Secret },
    Key { field: "token", path: "basic_auth.token", shape: Shape::Secret },
    Key { field: "forget_signing", path: "signing_secret", shape: Shape::Forget },
    key("signing_secret", Shape::Secret),
    Key { field: "success_statuses", path: "success.statuses", shape: Shape::Text },
    Key { field: "body_contains", path: "success.body_contains", shape: Shape::Text },
];

/// What may be kept without being shown.
const SECRETS: [&str; 5] =
    ["basic_auth", "basic_auth.login", "basic_auth.password", "basic_auth.token", "signing_secret"];

const ALL: &str = "/settings/postbacks";

/// The request that would be sent, or what is wrong; empty while there is nothing to send.
type Preview = Result<String, String>;

/// What stands in an address in place of the id of an endpoint that is not there yet.
const NEW: &str = "new";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/postbacks/new", get(fresh))
        .route("/settings/postbacks/{id}", get(one).post(change))
        .route("/settings/postbacks/{id}/preview", post(preview).get(back))
}

async fn back(Path(id): Path<String>) -> Response {
    let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_id { go_to(&format!("{ALL}/{id}")) } else { go_to(ALL) }
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    let (found, pager) = listed(&visit, KIND.kind, ALL, query).await?;
    let catalog = visit.shared.edge.storage.catalog().await?;
    let items = found.iter().map(|(setting, it)| item(&catalog, setting, it)).collect();
    let sheet = outgoing::endpoints(visit.page("Postbacks", Section::Settings), items);
    Ok(show(&visit, StatusCode::OK, sheet.part(Part::Pager(pager))))
}

fn item(catalog: &Catalog, setting: &Setting, it: &Table) -> EndpointItem {
    let choices = Choices(catalog);
    let goal = named(choices.goals(), text(it, "goal"), "Every goal");
    let offer = named(choices.offers(), text(it, "offer"), "every offer");
    let method = match text(it, "method").as_str() {
        "POST_FORM" => "POST a form",
        "POST_JSON" => "POST JSON",
        _ => "GET",
    };
    let url = text(it, "url");
    let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    EndpointItem {
        id: setting.id.clone(),
        affiliate: named(choices.affiliates(), text(it, "affiliate"), ""),
        told: format!("{goal} of {offer}: {}", text(it, "statuses")),
        method: method.to_owned(),
        host: host.split(['/', '?', '#']).next().unwrap_or_default().to_owned(),
        is_active: is_on(it, "active"),
    }
}

/// What one of these is called by people; what stands for none of them.
pub(super) fn named(choices: Vec<Choice>, id: String, none: &str) -> String {
    if id.is_empty() {
        return none.to_owned();
    }
    let found = choices.into_iter().find(|choice| choice.value == id);
    found.map_or(id, |choice| choice.label)
}

async fn fresh(visit: Visit, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    must_manage(&visit.shared, &visit.caller, KIND.kind, "create", NEW).await?;
    let values = Values::default().with("active", "1").with("method", "GET").with("statuses", "approved");
    let page = visit.page("New endpoint", Section::Settings);
    let sheet = endpoint_sheet(&visit, page, None, values, Ok(String::new())).await?;
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn create(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Refused { status, values } = match KIND.create(&visit, None, &fields).await? {
        Ok(setting) => return Ok(saved_at(&format!("{ALL}/{}", setting.id))),
        Err(refused) => refused,
    };
    let (preview, _) = preview_of(&visit, None, &fields).await?;
    let page = visit.page("New endpoint", Section::Settings);
    Ok(show(&visit, status, endpoint_sheet(&visit, page, None, values, preview).await?))
}

async fn one(visit: Visit, Path(id): Path<String>, mut query: Query) -> Result<Response, Problem> {
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let page = page(&visit, &*id, &mut query)?;
    query.finish()?;
    let preview = sent(&visit, &table_of(&setting)).await?;
    let values = KIND.values(&setting);
    let sheet = endpoint_sheet(&visit, page, Some(&setting), values, preview).await?;
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn change(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let Err(Refused { status, values }) = KIND.change(&visit, None, &id, &fields).await? else {
        return Ok(saved_at(&format!("{ALL}/{id}")));
    };
    let setting = find(&visit.shared, KIND.kind, &id).await?;
    let (preview, _) = preview_of(&visit, Some(&setting), &fields).await?;
    let page = visit.page(&*id, Section::Settings);
    Ok(show(&visit, status, endpoint_sheet(&visit, page, Some(&setting), values, preview).await?))
}

/// `POST /settings/postbacks/{id}/preview`: the form as it was filled in, with what it would send. Nothing is saved.
async fn preview(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    must_manage(&visit.shared, &visit.caller, KIND.kind, "preview", &id).await?;
    let stored = match id.as_str() {
        NEW => None,
        id => Some(find(&visit.shared, KIND.kind, id).await?),
    };
    let (preview, wrong) = preview_of(&visit, stored.as_ref(), &fields).await?;
    let mut values = wrong.into_iter().fold(KIND.sent(&fields), |it, (field, why)| it.wrong(field, why));
    for field in ["login", "password", "token", "signing_secret"] {
        if !fields.get(field).is_empty() {
            values = values.wrong(field, "Write it again before you save: secrets are never sent back.");
        }
    }
    if stored.is_some() {
        values = values.of_version(fields.get("version"));
    }
    let page = visit.page(if stored.is_some() { &*id } else { "New endpoint" }, Section::Settings);
    let mut sheet = endpoint_sheet(&visit, page, stored.as_ref(), values, preview).await?;
    if let Some(Part::Form(_, form)) = sheet.parts.first_mut() {
        form.failure = "Before it is saved";
    }
    Ok(show(&visit, StatusCode::OK, sheet))
}

/// What an endpoint would send if it were what a form makes of what is stored, and what of the form can't be read.
async fn preview_of(
    visit: &Visit,
    stored: Option<&Setting>,
    fields: &Fields,
) -> Result<(Preview, Vec<(&'static str, String)>), Problem> {
    let mut description = stored.map(table_of).unwrap_or_default();
    if stored.is_none() {
        // It need not have an id yet to be looked at.
        description.insert("id".to_owned(), NEW.into());
    }
    let wrong = draft::lay(KIND.keys, fields, &mut description);
    let preview = match wrong.first() {
        Some((field, why)) => Err(format!("{}: {why}", label(field))),
        None => sent(visit, &description).await?,
    };
    Ok((preview, wrong))
}

/// The request that an endpoint would send of an example, or what is wrong with it; nothing while it has no URL.
async fn sent(visit: &Visit, description: &Table) -> Result<Preview, Problem> {
    if text(description, "url").is_empty() {
        return Ok(Ok(String::new()));
    }
    // A table of texts, numbers, lists and tables always serialises.
    let json = serde_json::to_vec(description).unwrap_or_default();
    let read = match Body::parse(KIND.kind, &json) {
        Ok(body) => {
            let wanted = Wanted { kind: KIND.kind, merchant: None, body, version: None };
            wanted.read(&visit.shared, &visit.caller).await
        }
        Err(objection) => Err(objection.into()),
    };
    let (configuration, catalog) = match read {
        Ok(read) => read,
        Err(problem) if problem.status.is_server_error() => return Err(problem),
        Err(problem) => {
            let member = problem.parameter.as_deref().unwrap_or_default();
            let field = draft::field_of(KIND.keys, member).unwrap_or(member);
            return Ok(Err(format!("{}: {}", label(field), told(&problem))));
        }
    };
    let Some(endpoint) = configuration.endpoints.into_iter().next().map(Arc::new) else {
        return Ok(Ok(String::new()));
    };
    let now = visit.caller.now;
    let (delivery, conversion) = (DeliveryId::new(new_uuid(now)), ConversionId::new(new_uuid(now)));
    let told = Endpoint::Postback(Arc::clone(&endpoint));
    let facts = example::facts(&told, &catalog, delivery, conversion, now);
    Ok(Ok(Message::compose(&endpoint, &facts, now).shown()))
}

/// What the form calls a field.
fn label(field: &str) -> String {
    match field {
        "url" => "URL".to_owned(),
        "params" => "Parameters".to_owned(),
        "login" => "User name".to_owned(),
        "success_statuses" => "HTTP statuses".to_owned(),
        other => {
            let mut rest = other.chars();
            let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
            (first + rest.as_str()).replace('_', " ")
        }
    }
}

async fn endpoint_sheet(
    visit: &Visit,
    page: Page,
    stored: Option<&Setting>,
    values: Values,
    preview: Preview,
) -> Result<Sheet, Problem> {
    let catalog = visit.shared.edge.storage.catalog().await?;
    let choices = Choices(&catalog);
    let to = Bindings { affiliates: choices.affiliates(), offers: choices.offers(), goals: choices.goals() };
    if to.affiliates.is_empty() {
        let told =
            "An endpoint belongs to an affiliate, and there is none yet: add one under Affiliates first.";
        return Ok(sheet(page, "Postbacks").below(ALL, "Postbacks").intro(told));
    }
    let id = stored.map_or(NEW, |setting| &setting.id);
    let action = if stored.is_some() { format!("{ALL}/{id}") } else { ALL.to_owned() };
    let it = stored.map(table_of).unwrap_or_default();
    let values = values.with(KEPT, kept(&it, &SECRETS));
    let at = format!("{ALL}/{id}/preview");
    let form = outgoing::endpoint(&page, &action, &at, &values, to, stored.is_none());
    let send = Act::new(&page, format!("/deliveries/endpoints/{id}/test"), "Send an example");
    let badge = stored.map(|_| state(is_on(&it, "active")));
    let mut sheet = Sheet { badge, ..sheet(page, "Postbacks") }
        .below(ALL, "Postbacks")
        .part(Part::Form(String::new(), form))
        .part(Part::Preview(preview, MACROS));
    if stored.is_some() {
        sheet = sheet.part(Part::Acts("Try what is saved".to_owned(), vec![send]));
    }
    Ok(sheet)
}
