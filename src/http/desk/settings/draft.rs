//! Between forms and descriptions. A form shows some keys of a description; what is sent is laid over what is stored,
//! so that a key which no form shows stays as it is.

use toml::{Table, Value};

use crate::http::{desk::visit::Fields, ui::settings::Values};

/// In what form people write the value of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A text, or nothing.
    Text,
    /// A whole number, or nothing.
    Number,
    /// On or off.
    Switch,
    /// Texts with commas, spaces or line ends between them; shown with this between.
    List(&'static str),
    /// Those that are ticked.
    Ticked,
    /// Those of these that are ticked; others stay as they are.
    TickedOf(&'static [&'static str]),
    /// Names and texts: `name = text`, one a line.
    Pairs,
    /// What goals pay: `goal = amount currency`, one a line.
    Payouts,
    /// A secret, which is never shown. Left empty, it stays as it is.
    Secret,
    /// A switch that takes out what is kept. It stands before what may be put in its place.
    Forget,
}

/// A key of the configuration file that a form shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The name of its field.
    pub(super) field: &'static str,
    /// Where it stands in a description: names with points between, from the outside in.
    pub(super) path: &'static str,
    /// How it is written.
    pub(super) shape: Shape,
}

/// A key whose field is called like it.
pub(super) const fn key(name: &'static str, shape: Shape) -> Key {
    Key { field: name, path: name, shape }
}

impl Key {
    /// What a form shows of it.
    fn shown(self, description: &Table) -> String {
        let Some(value) = find(description, self.path) else { return String::new() };
        match (self.shape, value) {
            (Shape::Secret | Shape::Forget, _) => String::new(),
            (Shape::Switch, value) => value.as_bool().filter(|on| *on).map_or("", |_| "1").to_owned(),
            (Shape::List(between), Value::Array(items)) => texts(items).join(between),
            (Shape::TickedOf(known), Value::Array(items)) => {
                let ticked = texts(items).into_iter().filter(|item| known.contains(&item.as_str()));
                ticked.collect::<Vec<_>>().join(" ")
            }
            (Shape::Payouts, Value::Array(rules)) => {
                let rule = |rule: &Table| {
                    format!("{} = {} {}", text(rule, "goal"), text(rule, "amount"), text(rule, "currency"))
                };
                rules.iter().filter_map(Value::as_table).map(rule).collect::<Vec<_>>().join("\n")
            }
            (_, Value::Array(items)) => texts(items).join(" "),
            (_, Value::Table(pairs)) => {
                let line = |(name, value): (&String, &Value)| format!("{name} = {}", plain(value));
                pairs.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            (_, value) => plain(value),
        }
    }

    /// What was sent of it.
    fn sent(self, fields: &Fields) -> String {
        match self.shape {
            Shape::Ticked | Shape::TickedOf(_) => fields.all(self.field).collect::<Vec<_>>().join(" "),
            Shape::Secret => fields.get(self.field).to_owned(),
            _ => fields.get(self.field).replace("\r\n", "\n").trim().to_owned(),
        }
    }

    /// Lays what was sent over a description.
    ///
    /// # Errors
    /// What to write instead.
    fn lay(self, sent: &str, description: &mut Table) -> Result<(), String> {
        // What a form only passed on is left as it is, whatever the form can't express of it.
        if find(description, self.path).is_some() && sent == self.shown(description) {
            return Ok(());
        }
        let value = match self.shape {
            Shape::Switch => Some(Value::from(!sent.is_empty())),
            Shape::Ticked => Some(listed(sent)),
            Shape::TickedOf(known) => {
                let stored =
                    find(description, self.path).and_then(Value::as_array).cloned().unwrap_or_default();
                let others =
                    stored.into_iter().filter(|item| !known.contains(&item.as_str().unwrap_or_default()));
                let ticked = sent.split_whitespace().map(Value::from);
                Some(Value::Array(others.chain(ticked).collect()))
            }
            Shape::Forget => None,
            _ if sent.is_empty() => None,
            Shape::Text | Shape::Secret => Some(Value::from(sent)),
            Shape::Number => {
                Some(sent.parse::<i64>().map_err(|_| "Write a whole number, as in 100.".to_owned())?.into())
            }
            Shape::List(_) => Some(listed(sent)),
            Shape::Pairs => Some(pairs(sent)?.into()),
            Shape::Payouts => Some(payouts(sent)?),
        };
        match value {
            Some(value) => put(description, self.path, value),
            None => take(description, self.path),
        }
        Ok(())
    }
}

/// What a form shows of a description.
pub(super) fn shown(keys: &[Key], description: &Table) -> Values {
    keys.iter().fold(Values::default(), |values, key| values.with(key.field, key.shown(description)))
}

/// What was sent, to be shown again; without secrets.
pub(super) fn sent(keys: &[Key], fields: &Fields) -> Values {
    let open = keys.iter().filter(|key| !matches!(key.shape, Shape::Secret));
    open.fold(Values::default(), |values, key| values.with(key.field, key.sent(fields)))
}

/// Lays what was sent over a description, and gives what is wrong: fields and sentences.
pub(super) fn lay(keys: &[Key], fields: &Fields, description: &mut Table) -> Vec<(&'static str, String)> {
    let wrong = |key: &Key| Some((key.field, key.lay(&key.sent(fields), description).err()?));
    keys.iter().filter_map(wrong).collect()
}

/// The field of what the rules object to: of the key itself, of one within it, or of one around it.
pub(super) fn field_of(keys: &[Key], member: &str) -> Option<&'static str> {
    let is_within =
        |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|it| it.starts_with('.'));
    let mut written = keys.iter().filter(|key| !matches!(key.shape, Shape::Forget));
    let exact = written.clone().find(|key| key.path == member);
    let near = || written.find(|key| is_within(key.path, member) || is_within(member, key.path));
    exact.or_else(near).map(|key| key.field)
}

/// The fields in which what was sent is not what is stored, with what is.
pub(super) fn differences(keys: &[Key], fields: &Fields, stored: &Table) -> Vec<(&'static str, String)> {
    let open = keys.iter().filter(|key| !matches!(key.shape, Shape::Secret | Shape::Forget));
    let differing =
        open.map(|key| (key, key.shown(stored))).filter(|(key, shown)| *shown != key.sent(fields));
    let told = |(key, shown): (&Key, String)| {
        let now = match (key.shape, shown.as_str()) {
            (Shape::Switch, "") => "It is off now.".to_owned(),
            (Shape::Switch, _) => "It is on now.".to_owned(),
            (_, "") => "It is empty now.".to_owned(),
            (_, now) => format!("It is now: {}", now.replace('\n', ", ")),
        };
        (key.field, now)
    };
    differing.map(told).collect()
}

/// The member of a description at this path.
pub(super) fn find<'t>(description: &'t Table, path: &str) -> Option<&'t Value> {
    match path.split_once('.') {
        None => description.get(path),
        Some((outer, rest)) => find(description.get(outer)?.as_table()?, rest),
    }
}

/// A member of a description as a text; empty where it is not there.
pub(super) fn text(description: &Table, path: &str) -> String {
    find(description, path).map(plain).unwrap_or_default()
}

/// Whether a switch of a description is on.
pub(super) fn is_on(description: &Table, path: &str) -> bool {
    find(description, path).and_then(Value::as_bool) == Some(true)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => texts(items).join(", "),
        other => other.to_string(),
    }
}

fn texts(items: &[Value]) -> Vec<String> {
    items.iter().map(plain).collect()
}

fn listed(text: &str) -> Value {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    Value::Array(words.map(Value::from).collect())
}

fn pairs(text: &str) -> Result<Table, String> {
    let mut pairs = Table::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let name = name.trim();
        if name.is_empty() || !line.contains('=') {
            return Err(format!("Write name = value, one a line; this line is not so: {line}"));
        }
        if pairs.insert(name.to_owned(), value.trim().into()).is_some() {
            return Err(format!("Write {name} once."));
        }
    }
    Ok(pairs)
}

fn payouts(text: &str) -> Result<Value, String> {
    let rule = |line: &str| {
        let (goal, payout) = line.split_once('=')?;
        let (amount, currency) = payout.trim().split_once(char::is_whitespace)?;
        let members = [("goal", goal), ("amount", amount), ("currency", currency)];
        Some(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.trim().into()))
                .collect::<Table>(),
        )
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let wrong =
        |line| format!("Write goal = amount currency, as in ftd = 40.00 EUR; this line is not so: {line}");
    let rules: Result<Vec<_>, _> =
        lines.map(|line| rule(line).map(Value::Table).ok_or_else(|| wrong(line))).collect();
    rules.map(Value::Array)
}

fn put(description: &mut Table, path: &str, value: Value) {
    let Some((outer, rest)) = path.split_once('.') else {
        description.insert(path.to_owned(), value);
        return;
    };
    let inner = description.entry(outer).or_insert_with(|| Table::new().into());
    if let Value::Table(inner) = inner {
        put(inner, rest, value);
    }
}

/// Takes a member out, and what is empty without it.
fn take(description: &mut Table, path: &str) {
    let Some((outer, rest)) = path.split_once('.') else {
        description.remove(path);
        return;
    };
    let Some(Value::Table(inner)) = description.get_mut(outer) else { return };
    take(inner, rest);
    if inner.is_empty() {
        description.remove(outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 7] = [
        key("name", Shape::Text),
        key("active", Shape::Switch),
        key("currencies", Shape::List(", ")),
        key("statuses", Shape::Ticked),
        key("params", Shape::Pairs),
        key("signing_secret", Shape::Secret),
        Key { field: "password", path: "basic_auth.password", shape: Shape::Secret },
    ];

    #[test]
    fn payouts_are_lines() {
        let keys =
            [key("payout", Shape::Payouts), key("statuses", Shape::TickedOf(&["approved", "rejected"]))];
        let mut description = toml_of(r#"{"statuses":["pending","approved"]}"#);
        let form = "payout=ftd+%3D+40.00++EUR%0D%0A+kyc%3D5+USD&statuses=rejected";
        assert_eq!(lay(&keys, &Fields::parse(form).unwrap(), &mut description), []);
        let expected = r#"{"statuses":["pending","rejected"],"payout":[{"goal":"ftd","amount":"40.00","currency":"EUR"},
            {"goal":"kyc","amount":"5","currency":"USD"}]}"#;
        assert_eq!(description, toml_of(expected));
        assert_eq!(keys[0].shown(&description), "ftd = 40.00 EUR\nkyc = 5 USD");
        assert_eq!(keys[1].shown(&description), "rejected");
        let wrong = lay(&keys, &Fields::parse("payout=ftd+40").unwrap(), &mut Table::new());
        assert_eq!(wrong.len(), 1);
    }

    const STORED: &str = r#"{"id":"a","name":"Acme","active":true,"currencies":["EUR","USD"],"statuses":["approved"],
        "params":{"b":" two ","a":"1"},"signing_secret":{"keep":true},"spot":"kept","account":7}"#;

    fn laid(form: &str) -> Table {
        let mut description = toml_of(STORED);
        assert_eq!(lay(&KEYS, &Fields::parse(form).unwrap(), &mut description), []);
        description
    }

    fn toml_of(json: &str) -> Table {
        serde_json::from_str(json).unwrap()
    }

    /// The form as it shows what is stored.
    const SHOWN: &str =
        "name=Acme&active=1&currencies=EUR,+USD&statuses=approved&params=b+%3D++two+%0D%0Aa+%3D+1";

    #[test]
    fn a_form_that_was_only_passed_on_changes_nothing() {
        assert_eq!(laid(SHOWN), toml_of(STORED));
    }

    #[test]
    fn what_was_sent_is_laid_over_what_is_stored() {
        let laid = laid(
            "name=+New+&currencies=&statuses=pending&statuses=rejected&params=c+%3D+x%3Dy&signing_secret=+s+\
             &password=p",
        );
        let expected = r#"{"id":"a","name":"New","active":false,"statuses":["pending","rejected"],
            "params":{"c":"x=y"},"signing_secret":" s ","spot":"kept","account":7,"basic_auth":{"password":"p"}}"#;
        assert_eq!(laid, toml_of(expected));
    }

    #[test]
    fn what_can_not_be_read_is_told_at_its_field() {
        let number = [key("account", Shape::Number), key("params", Shape::Pairs)];
        let fields = Fields::parse("account=1.5&params=x").unwrap();
        let wrong = lay(&number, &fields, &mut Table::new());
        assert_eq!(wrong.iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["account", "params"]);
    }

    #[test]
    fn an_objection_finds_its_field() {
        assert_eq!(field_of(&KEYS, "name"), Some("name"));
        assert_eq!(field_of(&KEYS, "basic_auth"), Some("password"));
        assert_eq!(field_of(&KEYS, "params.x"), Some("params"));
        assert_eq!(field_of(&KEYS, "nam"), None);
    }
}
