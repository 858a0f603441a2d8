//! `/settings/api-keys`: the keys of programs, for admins.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};

use crate::{
    clock::new_uuid,
    domain::{
        access::{ApiKey, Role},
        ids::{ApiKeyId, ApiKeyName},
        secret::Secret,
    },
    http::{
        Shared,
        api::{Query, path_id},
        desk::{
            go_to,
            visit::{Posted, Visit},
        },
        issue::new_api_key,
        problem::Problem,
        ui::{
            html,
            layout::{Flash, Section},
            settings::{Values, forms, lists, sheet},
            sheet::{Part, Sheet},
            view::Moment,
        },
    },
    storage::StorageError,
};

const ALL: &str = "/settings/api-keys";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(ALL, get(list).post(create))
        .route("/settings/api-keys/{id}/revoke", post(revoke).get(|| async { go_to(ALL) }))
}

async fn list(visit: Visit, mut query: Query) -> Result<Response, Problem> {
    visit.caller.must(Role::Admin, &visit.shared, "api-key.read", "api-keys").await?;
    let revoked = query.truth("revoked")?;
    query.finish()?;
    let mut sheet = keys_sheet(&visit, &Values::default().with("role", "viewer")).await?;
    if revoked {
        let told = "The key is revoked: whatever still uses it is refused from now on.";
        sheet.page = sheet.page.telling(Flash::good(told));
    }
    Ok(html(StatusCode::OK, &sheet))
}

async fn keys_sheet(visit: &Visit, values: &Values) -> Result<Sheet, Problem> {
    let page = visit.page("API keys", Section::Settings);
    let moment = |at| Moment::new(at, visit.zone);
    let item = |key: ApiKey| lists::KeyItem {
        id: key.id.to_string(),
        name: key.name.to_string(),
        role: key.role.to_string(),
        created: moment(key.created_at),
        used: key.last_used_at.map(moment),
        is_live: key.revoked_at.is_none(),
    };
    let mut keys = visit.shared.edge.storage.api_keys().await?;
    // Those that work come first, and the newest among them.
    keys.sort_by_key(|key| (key.revoked_at.is_some(), std::cmp::Reverse(key.id)));
    let listing = lists::api_keys(&page, keys.into_iter().map(item).collect());
    let form = forms::api_key(&page, ALL, values);
    Ok(sheet(page, "API keys")
        .part(Part::Listing(String::new(), listing, None))
        .part(Part::Form("Create a key".to_owned(), form)))
}

async fn create(Posted { visit, fields }: Posted) -> Result<Response, Problem> {
    let (name, role) = (fields.get("name").trim(), Role::parse(fields.get("role")));
    let shown: String = name.chars().take(64).collect();
    let subject = format!("api-key:{shown}");
    visit.caller.must(Role::Admin, &visit.shared, "api-key.create", &subject).await?;
    let mut values = Values::default().with("name", name).with("role", fields.get("role"));
    let (Ok(name), Some(role)) = (ApiKeyName::parse(name), role) else {
        if let Err(error) = ApiKeyName::parse(name) {
            values = values.wrong("name", format!("{error}."));
        }
        if role.is_none() {
            values = values.wrong("role", "Choose one of them.");
        }
        return Ok(html(StatusCode::BAD_REQUEST, &keys_sheet(&visit, &values).await?));
    };
    let (text, digest) = new_api_key(&visit.shared.edge.digester);
    let key = ApiKey {
        id: ApiKeyId::new(new_uuid(visit.caller.now)),
        name,
        role,
        created_at: visit.caller.now,
        last_used_at: None,
        revoked_at: None,
    };
    let audit = visit.caller.audit("api-key.create", &subject);
    match visit.shared.edge.storage.add_api_key(&key, &digest, &audit, None).await {
        Ok(()) => shown_once(&visit, &key, &text).await,
        Err(StorageError::Refused(_)) => {
            let told = "A key of this name is in use: take another name, or revoke that one first.";
            Ok(html(StatusCode::CONFLICT, &keys_sheet(&visit, &values.wrong("name", told)).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// The page that shows a key. It is answered to the form itself: no address may lead to a secret.
async fn shown_once(visit: &Visit, key: &ApiKey, text: &Secret) -> Result<Response, Problem> {
    let sheet = keys_sheet(visit, &Values::default().with("role", "viewer")).await?;
    let what = format!("The key {}, with the role {}", key.name, key.role);
    Ok(html(StatusCode::OK, &sheet.showing_once(what, text.expose())))
}

async fn revoke(Path(id): Path<String>, Posted { visit, .. }: Posted) -> Result<Response, Problem> {
    let shown: String = id.chars().take(64).collect();
    visit.caller.must(Role::Admin, &visit.shared, "api-key.revoke", &format!("api-key:{shown}")).await?;
    let (id, storage) = (ApiKeyId::new(path_id(&id)?), &visit.shared.edge.storage);
    let found = storage.api_keys().await?.into_iter().find(|key| key.id == id);
    let key = found.ok_or_else(|| Problem::not_found(&format!("There is no API key {id}.")))?;
    let audit = visit.caller.audit("api-key.revoke", &format!("api-key:{}", key.name));
    storage.revoke_api_key(key.id, visit.caller.now, &audit).await?;
    Ok(go_to(&format!("{ALL}?revoked=1")))
}
