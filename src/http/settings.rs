//! What is configured, from the pages and from the API: found, created, changed. Both send the keys of the
//! configuration file, and both go through its rules.

use axum::http::StatusCode;

use super::{Shared, access::Caller, problem::Problem};
use crate::{
    clock::new_uuid,
    configuration_file::{Body, Objection, World},
    domain::{
        access::Role,
        catalog::Catalog,
        ids::{MerchantId, TokenId},
        setting::SettingKind,
    },
    storage::{Configuration, Keep, Seen, Setting},
};

/// One thing as somebody wants it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// What kind of thing.
    pub(super) kind: SettingKind,
    /// Whose goal it is; nothing for other kinds.
    pub(super) merchant: Option<&'a MerchantId>,
    /// What it shall be.
    pub(super) body: Body,
    /// The version that was seen; none for a thing that is new.
    pub(super) version: Option<String>,
}

impl Wanted<'_> {
    /// Its id, as settings are known by.
    fn id(&self) -> String {
        let own = self.body.id().unwrap_or_default();
        self.merchant.map_or_else(|| own.to_owned(), |merchant| goal_id(merchant, own))
    }

    /// Brings it about, and gives what is there then.
    pub(super) async fn bring_about(self, shared: &Shared, caller: &Caller) -> Result<Setting, Problem> {
        self.bring_about_once(shared, caller, None).await
    }

    /// The same, and keeps the answer about it.
    pub(super) async fn bring_about_once(
        self,
        shared: &Shared,
        caller: &Caller,
        keep: Option<Keep<'_, Setting>>,
    ) -> Result<Setting, Problem> {
        let (kind, id, storage) = (self.kind, self.id(), &shared.edge.storage);
        let (wanted, _) = self.read(shared, caller).await?;
        let seen = Seen { kind, id: &id, version: self.version.as_deref() };
        storage.configure(&wanted, &caller.author(), Some(seen), keep).await?;
        find(shared, kind, &id).await
    }

    /// What it would bring about, and what is there.
    pub(super) async fn read(
        &self,
        shared: &Shared,
        caller: &Caller,
    ) -> Result<(Configuration, Catalog), Problem> {
        // What was configured a moment ago, perhaps in another process, must be there to be referred to.
        let present = shared.edge.storage.catalog().await?;
        let new_id = || TokenId::new(new_uuid(caller.now));
        let world = World { present: &present, digester: &shared.edge.digester, new_id: &new_id };
        let wanted = self.body.read(self.merchant, &world)?;
        Ok((wanted, present))
    }
}

/// A goal's id among settings.
pub(super) fn goal_id(merchant: &MerchantId, alias: &str) -> String {
    format!("{merchant}/{alias}")
}

/// One thing that is configured.
pub(super) async fn find(shared: &Shared, kind: SettingKind, id: &str) -> Result<Setting, Problem> {
    let found = shared.edge.storage.setting(kind, id).await?;
    found.ok_or_else(|| {
        let shown: String = id.chars().take(90).collect();
        Problem::not_found(&format!("There is no {kind} {shown}."))
    })
}

/// Makes sure that somebody may change this.
pub(super) async fn must_manage(
    shared: &Shared,
    caller: &Caller,
    kind: SettingKind,
    action: &str,
    id: &str,
) -> Result<(), Problem> {
    let shown: String = id.chars().take(90).collect();
    caller.must(Role::Manager, shared, &format!("{kind}.{action}"), &format!("{kind}:{shown}")).await
}

impl From<Objection> for Problem {
    fn from(objection: Objection) -> Self {
        let why = objection.why.trim_end_matches('.');
        let end = if why.ends_with('?') { "" } else { "." };
        let code = "invalid_setting";
        let problem = |detail: &str| Self::new(StatusCode::BAD_REQUEST, code, "Invalid setting", detail);
        match objection.member {
            Some(member) => problem(&format!("Change `{member}`: {why}{end}")).of(member),
            None => problem(&format!("Change the body: {why}{end}")),
        }
    }
}
