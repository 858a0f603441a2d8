//! The settings: what `countersign apply` manages, by forms. A form is read into the JSON object that the API takes, so
//! that both obey the rules of the configuration file.

mod affiliates;
mod currencies;
mod dialects;
mod draft;
mod endpoints;
mod goals;
mod keys;
mod merchants;
mod offers;
mod pixels;
mod tokens;
mod users;

use std::sync::Arc;

use axum::{Router, http::StatusCode, response::Response, routing::get};
use toml::Table;

use self::draft::Key;
use super::visit::{Fields, Visit};
use crate::{
    configuration_file::Body,
    domain::{access::Role, ids::MerchantId, setting::SettingKind},
    http::{
        Shared,
        api::Query,
        problem::Problem,
        settings::{Wanted, find, goal_id, must_manage},
        ui::{
            form::Pager,
            html,
            layout::{Flash, Page, Section},
            settings::{Values, lists},
            sheet::Sheet,
            view::Badge,
        },
    },
    storage::{Setting, Which},
};

/// All addresses of the settings.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/settings", get(index))
        .merge(merchants::router())
        .merge(goals::router())
        .merge(tokens::router())
        .merge(offers::router())
        .merge(affiliates::router())
        .merge(endpoints::router())
        .merge(pixels::router())
        .merge(dialects::router())
        .merge(currencies::router())
        .merge(users::router())
        .merge(keys::router())
}

/// `GET /settings`
async fn index(visit: Visit) -> Response {
    html(StatusCode::OK, &lists::index(visit.page("Settings", Section::Settings)))
}

/// A kind of thing that has pages, and the keys that its form shows.
struct Kind {
    kind: SettingKind,
    keys: &'static [Key],
}

/// Why something was not saved: the form as it was filled in, with what is wrong.
struct Refused {
    status: StatusCode,
    values: Values,
}

impl Kind {
    /// What a form shows of something that is stored, with its version.
    fn values(&self, stored: &Setting) -> Values {
        draft::shown(self.keys, &table_of(stored)).of_version(&stored.version)
    }

    /// Creates what a form describes.
    async fn create(
        &self,
        visit: &Visit,
        merchant: Option<&MerchantId>,
        fields: &Fields,
    ) -> Result<Result<Setting, Refused>, Problem> {
        let own = match fields.get(self.id_key()).trim() {
            "" => "new",
            own => own,
        };
        let id = merchant.map_or_else(|| own.to_owned(), |merchant| goal_id(merchant, own));
        must_manage(&visit.shared, &visit.caller, self.kind, "create", &id).await?;
        let mut description = Table::new();
        let wrong = self.lay(fields, &mut description, true);
        if !wrong.is_empty() {
            return Ok(Err(self.unread(fields, wrong, None)));
        }
        match self.bring_about(visit, merchant, &description, None).await {
            Err(problem) if problem.status == StatusCode::CONFLICT => {
                let values = self.sent(fields).wrong(self.id_key(), problem.detail);
                Ok(Err(Refused { status: problem.status, values }))
            }
            other => self.saved(other, fields, None),
        }
    }

    /// Changes something to what a form describes. Keys that the form does not show stay as they are.
    async fn change(
        &self,
        visit: &Visit,
        merchant: Option<&MerchantId>,
        own: &str,
        fields: &Fields,
    ) -> Result<Result<Setting, Refused>, Problem> {
        let id = merchant.map_or_else(|| own.to_owned(), |merchant| goal_id(merchant, own));
        must_manage(&visit.shared, &visit.caller, self.kind, "change", &id).await?;
        let stored = find(&visit.shared, self.kind, &id).await?;
        let version = fields.get("version");
        if version != stored.version {
            return Ok(Err(self.stale(fields, &stored)));
        }
        let mut description = table_of(&stored);
        let wrong = self.lay(fields, &mut description, false);
        if !wrong.is_empty() {
            return Ok(Err(self.unread(fields, wrong, Some(version))));
        }
        match self.bring_about(visit, merchant, &description, Some(version.to_owned())).await {
            // Somebody was faster than this request.
            Err(problem) if problem.status == StatusCode::PRECONDITION_FAILED => {
                Ok(Err(self.stale(fields, &find(&visit.shared, self.kind, &id).await?)))
            }
            other => self.saved(other, fields, Some(version)),
        }
    }

    /// The key under which its id stands.
    const fn id_key(&self) -> &'static str {
        match self.kind {
            SettingKind::Goal => "alias",
            SettingKind::Currency => "code",
            _ => "id",
        }
    }

    async fn bring_about(
        &self,
        visit: &Visit,
        merchant: Option<&MerchantId>,
        description: &Table,
        version: Option<String>,
    ) -> Result<Setting, Problem> {
        // A table of texts, numbers, lists and tables always serialises.
        let json = serde_json::to_vec(description).unwrap_or_default();
        let body = Body::parse(self.kind, &json)?;
        let wanted = Wanted { kind: self.kind, merchant, body, version };
        wanted.bring_about(&visit.shared, &visit.caller).await
    }

    fn lay(&self, fields: &Fields, description: &mut Table, is_new: bool) -> Vec<(&'static str, String)> {
        let id = fields.get(self.id_key()).trim();
        if is_new && !id.is_empty() {
            description.insert(self.id_key().to_owned(), id.into());
        }
        draft::lay(self.keys, fields, description)
    }

    fn sent(&self, fields: &Fields) -> Values {
        draft::sent(self.keys, fields).with(self.id_key(), fields.get(self.id_key()).trim())
    }

    fn unread(&self, fields: &Fields, wrong: Vec<(&'static str, String)>, version: Option<&str>) -> Refused {
        let values =
            wrong.into_iter().fold(self.sent(fields), |values, (field, why)| values.wrong(field, why));
        Refused { status: StatusCode::BAD_REQUEST, values: versioned(values, version) }
    }

    /// A form that somebody else has overtaken: their changes stand beside what was sent.
    fn stale(&self, fields: &Fields, stored: &Setting) -> Refused {
        let told = "Somebody has changed it meanwhile, so nothing of yours is saved yet. Beside each field that \
                    differs stands what it is now; save again to replace it.";
        let differing = draft::differences(self.keys, fields, &table_of(stored));
        let values =
            differing.into_iter().fold(self.sent(fields), |values, (field, now)| values.wrong(field, now));
        let values = values.refused(told).of_version(&stored.version);
        Refused { status: StatusCode::PRECONDITION_FAILED, values }
    }

    fn saved(
        &self,
        outcome: Result<Setting, Problem>,
        fields: &Fields,
        version: Option<&str>,
    ) -> Result<Result<Setting, Refused>, Problem> {
        let problem = match outcome {
            Ok(setting) => return Ok(Ok(setting)),
            Err(problem) if problem.status.is_server_error() => return Err(problem),
            Err(problem) => problem,
        };
        let member = problem.parameter.as_deref();
        let field = member.and_then(|member| {
            if member == self.id_key() { Some(self.id_key()) } else { draft::field_of(self.keys, member) }
        });
        let values = match field {
            Some(field) => self.sent(fields).wrong(field, told(&problem)),
            None => self.sent(fields).refused(&problem.detail),
        };
        Ok(Err(Refused { status: problem.status, values: versioned(values, version) }))
    }
}

fn versioned(values: Values, version: Option<&str>) -> Values {
    match version {
        Some(version) => values.of_version(version),
        None => values,
    }
}

/// What is wrong, where it stands beside its field.
fn told(problem: &Problem) -> String {
    let member = problem.parameter.as_deref().unwrap_or_default();
    let of_member = problem.detail.strip_prefix(&format!("Change `{member}`: "));
    let why =
        of_member.or_else(|| problem.detail.strip_prefix("Change the body: ")).unwrap_or(&problem.detail);
    if why.starts_with("missing field") {
        return "Fill it in.".to_owned();
    }
    let mut rest = why.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// The description of something as a table.
fn table_of(setting: &Setting) -> Table {
    // A description is a JSON object that this program wrote.
    serde_json::from_str(&setting.description).unwrap_or_default()
}

/// A page of the things of a kind, and the way to the others.
async fn listed(
    visit: &Visit,
    kind: SettingKind,
    address: &str,
    mut query: Query,
) -> Result<(Vec<(Setting, Table)>, Pager), Problem> {
    let cursor = query.text_cursor()?;
    query.finish()?;
    let rows = super::PAGE_ROWS;
    let which = Which { after: cursor.as_deref(), limit: Some(u64::from(rows) + 1), ..Which::default() };
    let mut found = visit.shared.edge.storage.settings(kind, which).await?;
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let next = (found.len() > rows).then(|| format!("{address}?cursor={}", found[rows - 1].id));
    found.truncate(rows);
    let pager = Pager { first: cursor.map(|_| address.to_owned()), previous: None, next };
    let with_table = |setting: Setting| {
        let table = table_of(&setting);
        (setting, table)
    };
    Ok((found.into_iter().map(with_table).collect(), pager))
}

/// Which of the secrets at these places of a description are kept.
fn kept(description: &Table, paths: &[&str]) -> String {
    let kept = paths.iter().filter(|path| draft::find(description, path).is_some());
    kept.map(|path| path.rsplit('.').next().unwrap_or(path)).collect::<Vec<_>>().join(" ")
}

/// A page of the settings, which says so after something was saved: by the address that [`saved_at`] leads to.
fn page(visit: &Visit, title: impl Into<String>, query: &mut Query) -> Result<Page, Problem> {
    let page = visit.page(title, Section::Settings);
    Ok(if query.truth("saved")? { page.telling(Flash::good("Saved.")) } else { page })
}

/// Leads on to what was saved.
fn saved_at(address: &str) -> Response {
    super::go_to(&format!("{address}?saved=1"))
}

/// Whether something is active, as a mark.
fn state(is_active: bool) -> Badge {
    Badge::of(if is_active { "active" } else { "inactive" })
}

/// A page of the settings as its visitor may use it: whoever may not change anything sees it without forms.
fn show(visit: &Visit, status: StatusCode, sheet: Sheet) -> Response {
    let sheet = if visit.may(Role::Manager) { sheet } else { sheet.read_only() };
    html(status, &sheet)
}
