//! One thing from a request: a JSON object with the keys of its table in the file. It is written as that table and read
//! like a file, so that both obey the same rules.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use toml::{Table, Value};

use super::{
    Mistake, Reader, World,
    entries::{File, GoalEntry},
    export::table_text,
};
use crate::{
    domain::{ids::MerchantId, setting::SettingKind},
    storage::{Configuration, GoalSetting},
};

/// What is wrong with a request that configures something.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Objection {
    /// The member that has to change, where it is one.
    pub member: Option<String>,
    /// What to write instead.
    pub why: String,
}

/// A JSON object that configures one thing.
#[derive(Clone, Debug)]
pub struct Body {
    kind: SettingKind,
    table: Table,
}

impl Body {
    /// Reads a JSON object. A member that is null counts as left out.
    ///
    /// # Errors
    /// [`Objection`]
    pub fn parse(kind: SettingKind, json: &[u8]) -> Result<Self, Objection> {
        let object: Object = serde_json::from_slice(json)
            .map_err(|error| Objection { member: None, why: error.to_string() })?;
        Ok(Self { kind, table: object.0 })
    }

    /// Reads one table of a file, such as `[[dialect]]`.
    ///
    /// # Errors
    /// [`Objection`]
    pub fn parse_table(kind: SettingKind, text: &str) -> Result<Self, Objection> {
        let objection = |why: String| Objection { member: None, why };
        let file: Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            objection(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        })?;
        let name = kind.as_str();
        let one = file.get(name).filter(|_| file.len() == 1).and_then(Value::as_array).map(Vec::as_slice);
        match one {
            // It may hold what a request may hold, and nothing beside it.
            Some([table @ Value::Table(_)]) => {
                Self::parse(kind, &serde_json::to_vec(table).unwrap_or_default())
            }
            _ => Err(objection(format!("write one [[{name}]], and nothing beside it"))),
        }
    }

    /// The id that it gives itself.
    pub fn id(&self) -> Option<&str> {
        self.table.get(self.id_key()).and_then(Value::as_str)
    }

    /// Makes sure that it is about this thing.
    ///
    /// # Errors
    /// [`Objection`] if it names another.
    pub fn identify(&mut self, id: &str) -> Result<(), Objection> {
        let key = self.id_key();
        match self.table.get(key) {
            None => {
                self.table.insert(key.to_owned(), id.into());
                Ok(())
            }
            Some(given) if given.as_str() == Some(id) => Ok(()),
            Some(_) => {
                let why = format!("it never changes: write {id}, or leave it out");
                Err(Objection { member: Some(key.to_owned()), why })
            }
        }
    }

    /// What it configures; a goal is one of this merchant's.
    ///
    /// # Errors
    /// [`Objection`]
    pub fn read(&self, merchant: Option<&MerchantId>, world: &World<'_>) -> Result<Configuration, Objection> {
        let text = table_text(self.kind.as_str(), &self.table);
        let read = match merchant {
            Some(merchant) => read_goal(&text, merchant, world),
            None => toml::from_str::<File>(&text)
                .map_err(Mistake::from)
                .and_then(|file| Reader { text: &text, world, environment: false }.configuration(file)),
        };
        read.map_err(|mistake| self.objection(&text, mistake))
    }

    const fn id_key(&self) -> &'static str {
        match self.kind {
            SettingKind::Goal => "alias",
            SettingKind::Currency => "code",
            _ => "id",
        }
    }

    fn objection(&self, text: &str, mistake: Mistake) -> Objection {
        match mistake {
            Mistake::Toml(error) => {
                let why = error.message().to_owned();
                let missing = why.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
                let at = error.span().and_then(|span| key_at(text, span.start));
                Objection { member: missing.map(str::to_owned).or(at), why }
            }
            Mistake::Value { key, why, .. } => {
                let of_kind = ["merchant.goal.", self.kind.as_str()];
                let member = if self.kind == SettingKind::Goal {
                    key.strip_prefix(of_kind[0])
                } else {
                    key.strip_prefix(of_kind[1]).and_then(|rest| rest.strip_prefix('.'))
                };
                Objection { member: Some(member.unwrap_or(key).to_owned()), why }
            }
        }
    }
}

fn read_goal(text: &str, merchant: &MerchantId, world: &World<'_>) -> Result<Configuration, Mistake> {
    #[derive(Deserialize)]
    struct Goals {
        goal: [GoalEntry; 1],
    }

    let Goals { goal: [entry] } = toml::from_str(text)?;
    let reader = Reader { text, world, environment: false };
    reader.check_goal_tokens(merchant, std::slice::from_ref(&entry))?;
    let goal = reader.goal(entry)?;
    let goals = vec![GoalSetting { merchant: merchant.clone(), goal }];
    Ok(Configuration { goals, ..Configuration::default() })
}

/// The key of the line at this place: each member has a line of its own.
fn key_at(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let (key, _) = text[start..].lines().next()?.split_once(" = ")?;
    Some(key.trim_matches(['"', '\'']).to_owned())
}

/// A JSON object as a table, in its order and without its nulls.
struct Object(Table);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Member::deserialize(deserializer)? {
            Member(Some(Value::Table(table))) => Ok(Self(table)),
            _ => Err(de::Error::custom("send one JSON object")),
        }
    }
}

/// A member of it; none where it is null.
struct Member(Option<Value>);

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberReader).map(Member)
    }
}

struct MemberReader;

impl<'de> Visitor<'de> for MemberReader {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(truth.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        i64::try_from(number)
            .map(|number| Some(number.into()))
            .map_err(|_| E::custom("the number is too large"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom("write a number with a fraction as a text, as in \"0.35\""))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.contains('\0') {
            return Err(E::custom("write texts without NUL characters"));
        }
        Ok(Some(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Member(item)) = items.next_element()? {
            list.push(item.ok_or_else(|| de::Error::custom("write lists without nulls"))?);
        }
        Ok(Some(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut table = Table::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.contains('\0') || table.contains_key(&name) {
                return Err(de::Error::custom(format!("write the name `{}` once", name.escape_debug())));
            }
            if let Member(Some(value)) = members.next_value()? {
                table.insert(name, value);
            }
        }
        Ok(Some(table.into()))
    }
}

#[cfg(test)]
mod tests;
