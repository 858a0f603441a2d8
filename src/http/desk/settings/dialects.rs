//! `/settings/dialects`: how the systems of merchants word their postbacks. One's own are written as configuration.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::Path, http::StatusCode, response::Response, routing::get};

use super::{page, saved_at, show, told};
use crate::{
    configuration_file::{Body, as_table},
    domain::{
        dialect::{AnswerForm, CaseForm, Dialect, DialectForm, Names},
        setting::SettingKind,
    },
    http::{
        Shared,
        api::Query,
        desk::visit::{Fields, Posted, Visit},
        problem::Problem,
        settings::{Wanted, find, must_manage},
        ui::{
            layout::{Page, Section},
            listing::{Cell, Facts},
            settings::{
                Values, forms,
                lists::{self, DialectItem},
                sheet,
            },
            sheet::{Part, Sheet},
        },
    },
    storage::Setting,
};

const KIND: SettingKind = SettingKind::Dialect;

const ALL: &str = "/settings/dialects";

/// What a dialect of one's own may begin with.
const BEGINNING: &str = "\
[[dialect]]
id = \"house\"
name = \"House\"

[dialect.parameters]
click_id = \"cid\"
goal_alias = \"event\"
amount = \"sum\"
currency = \"cur\"
transaction_id = \"tx\"

[dialect.goals]
ftd = [\"deposit\", \"first\"]
reg = \"signup\"
";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/dialects/new", get(fresh))
        .route("/settings/dialects/{id}", get(one).post(change))
}

async fn list(visit: Visit, query: Query) -> Result<Response, Problem> {
    query.finish()?;
    let catalog = visit.shared.edge.storage.catalog().await?;
    let ready_made = &visit.shared.edge.ready_made;
    let mut items = BTreeMap::new();
    for (id, dialect) in ready_made.iter().chain(&catalog.dialects) {
        let origin = match (catalog.dialects.contains_key(id), ready_made.contains_key(id)) {
            (false, _) => "Comes with the program",
            (true, false) => "Your own",
            (true, true) => "Your own, in place of one that comes with the program",
        };
        let (id, name, addresses) = (id.to_string(), dialect.name.clone(), dialect.addresses());
        items.insert(id.clone(), DialectItem { id, name, addresses, origin });
    }
    let sheet = lists::dialects(visit.page("Dialects", Section::Settings), items.into_values().collect());
    Ok(show(&visit, StatusCode::OK, sheet))
}

fn configuration(description: &str) -> String {
    as_table(KIND, description)
}

fn configuration_of(form: &DialectForm) -> String {
    // A form of texts, lists and maps always serialises.
    configuration(&serde_json::to_string(form).unwrap_or_default())
}

/// One that comes with the program.
fn ready_made<'a>(visit: &'a Visit, id: &str) -> Option<&'a Dialect> {
    let found = visit.shared.edge.ready_made.iter().find(|(known, _)| known.as_str() == id);
    found.map(|(_, dialect)| &**dialect)
}

async fn fresh(visit: Visit, mut query: Query) -> Result<Response, Problem> {
    let from = query.text("from").unwrap_or_default().to_owned();
    query.finish()?;
    must_manage(&visit.shared, &visit.caller, KIND, "create", "new").await?;
    let model = ready_made(&visit, &from).filter(|dialect| !dialect.own_words);
    let text = model.map_or_else(|| BEGINNING.to_owned(), |dialect| configuration_of(dialect.form()));
    Ok(show(&visit, StatusCode::OK, fresh_sheet(&visit, &Values::default().with("configuration", text))))
}

fn fresh_sheet(visit: &Visit, values: &Values) -> Sheet {
    let page = visit.page("New dialect", Section::Settings);
    let form = forms::dialect(&page, ALL, values, true);
    let intro =
        "Our names stand on the left, the sender's words on the right. The first that is there counts.";
    sheet(page, "Dialects").below(ALL, "Dialects").intro(intro).part(Part::Form(String::new(), form))
}

/// A form as it was sent.
fn sent(fields: &Fields) -> Values {
    Values::default().with("configuration", fields.get("configuration").replace("\r\n", "\n"))
}

/// What is wrong with what was sent, beside it; an error that is none of the sender's goes on.
fn refused(values: Values, problem: &Problem) -> Result<Values, Problem> {
    if problem.status.is_server_error() {
        return Err(problem.clone());
    }
    let told = told(problem);
    let place = told.split([':', ' ']).next().unwrap_or_default();
    let names_key = place.contains('.') || told[place.len()..].starts_with(':');
    // A key is written as it is, at the beginning of a sentence too.
    let mut rest = told.chars();
    let told = match rest.next().filter(|_| names_key) {
        Some(first) => first.to_lowercase().chain(rest).collect(),
        None => told,
    };
    Ok(values.wrong("configuration", told))
}

async fn create(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let body = Body::parse_table(KIND, fields.get("configuration"));
    let named = body.as_ref().ok().and_then(Body::id).unwrap_or("new").to_owned();
    must_manage(&visit.shared, &visit.caller, KIND, "create", &named).await?;
    let saved = match body {
        Ok(body) => {
            let wanted = Wanted { kind: KIND, merchant: None, body, version: None };
            wanted.bring_about(&visit.shared, &visit.caller).await
        }
        Err(objection) => Err(objection.into()),
    };
    match saved {
        Ok(setting) => Ok(saved_at(&format!("{ALL}/{}", setting.id))),
        Err(problem) => {
            let values = refused(sent(&fields), &problem)?;
            Ok(show(&visit, problem.status, fresh_sheet(&visit, &values)))
        }
    }
}

async fn one(visit: Visit, Path(id): Path<String>, mut query: Query) -> Result<Response, Problem> {
    let page = page(&visit, &*id, &mut query)?;
    query.finish()?;
    let sheet = match visit.shared.edge.storage.setting(KIND, &id).await? {
        Some(setting) => {
            let values = Values::default().with("configuration", configuration(&setting.description));
            own_sheet(page, &setting, &values.of_version(&*setting.version))
        }
        None => match ready_made(&visit, &id) {
            Some(dialect) => ready_made_sheet(page, dialect),
            None => return Err(find(&visit.shared, KIND, &id).await.err().unwrap_or_else(Problem::internal)),
        },
    };
    Ok(show(&visit, StatusCode::OK, sheet))
}

async fn change(Path(id): Path<String>, Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    must_manage(&visit.shared, &visit.caller, KIND, "change", &id).await?;
    find(&visit.shared, KIND, &id).await?;
    let body = Body::parse_table(KIND, fields.get("configuration"));
    let body = body.and_then(|mut body| body.identify(&id).map(|()| body));
    let saved = match body {
        Ok(body) => {
            let version = Some(fields.get("version").to_owned());
            let wanted = Wanted { kind: KIND, merchant: None, body, version };
            wanted.bring_about(&visit.shared, &visit.caller).await
        }
        Err(objection) => Err(objection.into()),
    };
    let Err(problem) = saved else { return Ok(saved_at(&format!("{ALL}/{id}"))) };
    let setting = find(&visit.shared, KIND, &id).await?;
    let page = visit.page(&*id, Section::Settings);
    let sheet = if problem.status == StatusCode::PRECONDITION_FAILED {
        let told = "Somebody has changed it meanwhile, so nothing of yours is saved yet. What it is now stands below; \
                    save again to replace it.";
        let values = sent(&fields).refused(told).of_version(&*setting.version);
        let now = Part::Written("As it is now".to_owned(), configuration(&setting.description), None);
        own_sheet(page, &setting, &values).part(now)
    } else {
        let values = refused(sent(&fields), &problem)?.of_version(fields.get("version"));
        own_sheet(page, &setting, &values)
    };
    Ok(show(&visit, problem.status, sheet))
}

fn own_sheet(page: Page, setting: &Setting, values: &Values) -> Sheet {
    let form = forms::dialect(&page, &format!("{ALL}/{}", setting.id), values, false);
    let sheet = sheet(page, "Dialects").below(ALL, "Dialects");
    let stored = serde_json::from_str::<DialectForm>(&setting.description)
        .ok()
        .and_then(|form| Dialect::of(form).ok());
    let sheet = match stored {
        Some(dialect) => sheet.part(Part::Facts(String::new(), facts(&dialect))),
        None => sheet,
    };
    sheet.part(Part::Form("Its configuration".to_owned(), form))
}

fn ready_made_sheet(page: Page, dialect: &Dialect) -> Sheet {
    let sheet =
        sheet(page, "Dialects").below(ALL, "Dialects").part(Part::Facts(String::new(), facts(dialect)));
    if dialect.own_words {
        return sheet.intro("Our own words, as the integration page of each merchant explains them.");
    }
    let told = "It comes with the program. Where a system differs from it, copy it under an id of your own; under the \
                same id yours takes its place.";
    let onward = (format!("{ALL}/new?from={}", dialect.id), "Make one like it".to_owned());
    let written = configuration_of(dialect.form());
    sheet.intro(told).part(Part::Written("Its configuration".to_owned(), written, Some(onward)))
}

/// What a dialect does, in words.
fn facts(dialect: &Dialect) -> Facts {
    let form = dialect.form();
    let does = match form.operation.as_str() {
        "record" => "Records what happened",
        "decide" => "Decides what was recorded",
        "record_and_decide" => "Records what happened, and decides it",
        _ => "Records what happened, and decides it where it says a status",
    };
    let token = match (form.token.is_empty(), form.token_required) {
        (true, _) => "None: the click or the spot tells the merchant".to_owned(),
        (false, true) => form.token.join(", "),
        (false, false) => format!("{}; it may be left out", form.token.join(", ")),
    };
    let pairs = |pairs: &BTreeMap<String, String>| {
        lines(pairs.iter().map(|(name, value)| format!("{name} = {value}")).collect())
    };
    Facts::default()
        .fact("Name", Cell::text(&*dialect.name))
        .fact("Its postbacks come to", Cell::Lines(dialect.addresses()))
        .fact("A postback", Cell::text(does))
        .fact("Its token", Cell::text(token))
        .known("Our parameters ← theirs", names(&form.parameters))
        .known("Our goals ← theirs", names(&form.goals))
        .known("Our statuses ← theirs", names(&form.statuses))
        .known("Always", pairs(&form.fixed))
        .known("Where left out", pairs(&form.defaults))
        .fact("A success is answered", Cell::Code(answer(&form.success, "OK")))
        .fact("A refusal is answered", Cell::Code(answer(&form.error, "{code}: {detail}")))
        .known("Otherwise", lines(form.answer.iter().map(case).collect()))
}

fn lines(lines: Vec<String>) -> Cell {
    if lines.is_empty() { Cell::Empty } else { Cell::Lines(lines) }
}

fn names(names: &BTreeMap<String, Names>) -> Cell {
    lines(names.iter().map(|(ours, theirs)| format!("{ours} ← {}", theirs.as_slice().join(", "))).collect())
}

fn answer(form: &AnswerForm, usual: &str) -> String {
    let told: Vec<_> =
        form.status.map(|status| status.to_string()).into_iter().chain(form.body.clone()).collect();
    if told.is_empty() { usual.to_owned() } else { told.join(" ") }
}

fn case(case: &CaseForm) -> String {
    let mut when: Vec<String> = Vec::new();
    when.extend((!case.outcomes.is_empty()).then(|| case.outcomes.join(", ")));
    when.extend(case.parameter.iter().map(|name| format!("blamed on {name}")));
    when.extend(case.goal.iter().map(|goal| format!("of {goal}")));
    when.extend(case.given.iter().map(|name| format!("where {name} is given")));
    let form = AnswerForm { status: case.status, content_type: None, body: case.body.clone() };
    let when = if when.is_empty() { "always".to_owned() } else { when.join(" ") };
    format!("{when} → {}", answer(&form, "as usual"))
}
