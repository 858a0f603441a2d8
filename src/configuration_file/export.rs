//! What is there as a file: `apply` finds all of it unchanged.

use std::fmt::Write;

use toml::{Table, Value};

use crate::{domain::setting::SettingKind, storage::Setting};

/// What the file begins with.
const HEAD: &str = "\
# The configuration of Countersign, written by `countersign export-config`. `countersign apply` finds it unchanged
# where it was written, and brings it about elsewhere.
#
# Secrets are not here. `keep = true` leaves the one that is there; where there is none, set the environment variable
# that is named beside it. `{keep}` within the URL, the parameters and the headers of a postback leaves a credential as
# it is; where there is none, write it. Tokens are known by digests only: issue new ones by `countersign token issue`,
# or add them to their merchant as `tokens`.
";

/// These settings as a file.
pub fn as_file(settings: &[Setting]) -> String {
    let mut text = HEAD.to_owned();
    for setting in settings {
        // A description is a JSON object that this program wrote.
        let mut table: Table = serde_json::from_str(&setting.description).unwrap_or_default();
        name_secrets(&mut table, &format!("{}_{}", setting.kind, setting.id));
        text.push('\n');
        text.push_str(&table_text_with(setting.kind.as_str(), &table, true));
    }
    text
}

/// One thing as its table in a file, by its description.
pub fn as_table(kind: SettingKind, description: &str) -> String {
    // A description is a JSON object that this program wrote.
    let table: Table = serde_json::from_str(description).unwrap_or_default();
    spread(&format!("[[{}]]", kind.as_str()), kind.as_str(), &table)
}

/// A table with a line for each of its members, and a place of its own for each table within it that holds anything.
fn spread(head: &str, name: &str, table: &Table) -> String {
    let mut text = format!("{head}\n");
    let mut below = String::new();
    for (key, value) in table {
        let inner = format!("{name}.{}", written_key(key));
        match value {
            Value::Table(table) if table.is_empty() => {}
            Value::Table(table) => {
                below.push('\n');
                below.push_str(&spread(&format!("[{inner}]"), &inner, table));
            }
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
                for item in items.iter().filter_map(Value::as_table) {
                    below.push('\n');
                    below.push_str(&spread(&format!("[[{inner}]]"), &inner, item));
                }
            }
            // Writing to memory never fails.
            _ => _ = writeln!(text, "{} = {value}", written_key(key)),
        }
    }
    text + &below
}

/// A table with a line for each of its members.
pub(super) fn table_text(name: &str, table: &Table) -> String {
    table_text_with(name, table, false)
}

fn table_text_with(name: &str, table: &Table, apart: bool) -> String {
    let mut text = format!("[[{name}]]\n");
    let mut below = String::new();
    for (key, value) in table {
        match value {
            Value::Array(items) if apart && !items.is_empty() && items.iter().all(Value::is_table) => {
                for item in items.iter().filter_map(Value::as_table) {
                    below.push('\n');
                    below.push_str(&table_text_with(&format!("{name}.{key}"), item, apart));
                }
            }
            // Writing to memory never fails.
            _ => _ = writeln!(text, "{} = {value}", written_key(key)),
        }
    }
    text + &below
}

fn written_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { Value::from(key).to_string() }
}

/// Names an environment variable for each secret, by its place.
fn name_secrets(table: &mut Table, place: &str) {
    if table.len() == 1 && table.get("keep").and_then(Value::as_bool) == Some(true) {
        let name = place.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_uppercase();
        table.insert("env".to_owned(), name.into());
    }
    for (key, value) in table {
        if let Value::Table(inner) = value {
            name_secrets(inner, &format!("{place}_{key}"));
        }
    }
}
