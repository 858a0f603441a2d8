//! `[[dialect]]`, and the dialects that come with the program, which are written in the same form.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use serde::Deserialize;
use toml::Spanned;
use utoipa::ToSchema;

use super::{Mistake, Reader, entries::MerchantEntry};
use crate::domain::{
    dialect::{Dialect, DialectForm},
    ids::DialectId,
    status::Status,
};

/// A dialect, with the members that docs/dialects.md explains.
#[derive(ToSchema)]
#[schema(as = Dialect, value_type = Object)]
pub struct DialectEntry(pub DialectForm);

/// A file for each sender's system.
const FILES: [&str; 8] = [
    include_str!("dialects/contract.toml"),
    include_str!("dialects/mvp.toml"),
    include_str!("dialects/keitaro.toml"),
    include_str!("dialects/binom.toml"),
    include_str!("dialects/voluum.toml"),
    include_str!("dialects/redtrack.toml"),
    include_str!("dialects/affise.toml"),
    include_str!("dialects/everflow.toml"),
];

static READY_MADE: LazyLock<HashMap<DialectId, Arc<Dialect>>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Shipped {
        dialect: Vec<DialectForm>,
    }

    let read =
        |file: &&str| -> Shipped { toml::from_str(file).expect("a dialect that is shipped can be read") };
    let forms = FILES.iter().map(read).flat_map(|shipped| shipped.dialect);
    let dialects = forms.map(|form| Dialect::of(form).expect("a dialect that is shipped is right"));
    dialects.map(|dialect| (dialect.id.clone(), Arc::new(dialect))).collect()
});

/// The dialects that come with the program.
pub fn ready_made() -> &'static HashMap<DialectId, Arc<Dialect>> {
    &READY_MADE
}

impl Reader<'_> {
    pub(super) fn dialects(&self, entries: Vec<Spanned<DialectForm>>) -> Result<Vec<Dialect>, Mistake> {
        let mut seen = HashSet::new();
        let mut dialects = Vec::new();
        for entry in entries {
            let span = entry.span();
            let mistake = |why| self.mistake(span.clone(), "dialect", why);
            let dialect = Dialect::of(entry.into_inner()).map_err(|error| mistake(error.to_string()))?;
            let known = ready_made().get(&dialect.id);
            if dialect.own_words || known.is_some_and(|known| known.own_words) {
                let why = format!(
                    "own_words: {} would change the contract of /track: choose another id",
                    dialect.id
                );
                return Err(mistake(why));
            }
            if !seen.insert(dialect.id.clone()) {
                return Err(mistake(format!("id: {} stands there twice", dialect.id)));
            }
            dialects.push(dialect);
        }
        Ok(dialects)
    }

    /// The dialect that a merchant names must be there: in this file, in the program, or from before.
    pub(super) fn check_dialect(&self, entry: &MerchantEntry, here: &[Dialect]) -> Result<(), Mistake> {
        if let Some(named) = &entry.dialect {
            let id = named.get_ref();
            let is_known = here.iter().any(|dialect| dialect.id == *id)
                || self.world.present.dialects.contains_key(id)
                || ready_made().get(id).is_some_and(|dialect| !dialect.own_words);
            if !is_known {
                let why = format!(
                    "there is no dialect {id}: `countersign dialect list` shows those that there are"
                );
                return Err(self.mistake(named.span(), "merchant.dialect", why));
            }
        }
        match &entry.dialect_initial_status {
            Some(status)
                if *status.get_ref() != Status::Pending
                    && !entry.initial_statuses.contains(status.get_ref()) =>
            {
                let why =
                    format!("initial_statuses does not allow {} at once: add it there", status.get_ref());
                Err(self.mistake(status.span(), "merchant.dialect_initial_status", why))
            }
            _ => Ok(()),
        }
    }
}
