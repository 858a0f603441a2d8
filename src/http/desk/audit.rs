//! The audit log.

use axum::{extract::RawQuery, response::Response};
use serde_json::{Map, Value};

use super::{PAGE_ROWS, given::Given, visit::Visit};
use crate::{
    domain::{access::Role, ids::RequestId},
    http::{
        api::audit_filter,
        problem::Problem,
        ui::{
            audit::{Audit, AuditItem, Change},
            form::{Choice, Field, Filters},
            html,
            layout::Section,
            view::{Badge, Moment, Tone},
        },
    },
    storage::{AuditRow, Scanned},
};

/// What entries are about: how their actions begin, and what that is for people.
const KINDS: [(&str, &str); 15] = [
    ("conversion.", "Decisions"),
    ("postback.reprocess", "Postbacks processed again"),
    ("delivery.", "Deliveries"),
    ("click.", "Clicks"),
    ("player.", "Players"),
    ("merchant.", "Merchants"),
    ("goal.", "Goals"),
    ("token.", "Tokens"),
    ("offer.", "Offers"),
    ("affiliate.", "Affiliates"),
    ("postback.", "Outgoing postbacks"),
    ("pixel.", "Pixels"),
    ("dialect.", "Dialects"),
    ("user.", "Users"),
    ("api-key.", "API keys"),
];

/// `GET /audit`
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    visit.caller.must(Role::Viewer, &visit.shared, "audit.read", "audit").await?;
    let query = query.unwrap_or_default();
    let (filter, given) = Given::read(&query, visit.zone, audit_filter);
    let filters = form(&given);
    let after = given.after.map(RequestId::new);
    let found = if given.fault.is_some() {
        Scanned { rows: Vec::new(), next: None }
    } else {
        visit.shared.edge.storage.audit(&filter, after, PAGE_ROWS).await?
    };
    let shown = Audit {
        page: given.on(visit.page("Audit", Section::Audit)),
        items: found.rows.into_iter().map(|row| item(&visit, row)).collect(),
        pager: given.pager("/audit", &filters, found.next.map(RequestId::uuid)),
        filters,
    };
    Ok(html(given.status(), &shown))
}

fn form(given: &Given) -> Filters {
    let kinds = KINDS.map(|(prefix, label)| Choice::new(prefix, label)).to_vec();
    let subject = Field::search("subject", "Subject").placeholder("As in merchant:acme");
    let filters = [
        Field::text("actor", "Who").placeholder("As in user:anna"),
        Field::suggest("action", "Action", kinds),
        Field::day("from", "From"),
        Field::day("to", "To"),
    ];
    let begin = Filters::new("/audit", given.field(subject));
    filters.into_iter().fold(begin, |filters, field| filters.field(given.field(field)))
}

fn item(visit: &Visit, row: AuditRow) -> AuditItem {
    let address = address(&row.subject);
    AuditItem {
        at: Moment::to_the_second(row.at, visit.zone),
        actor: row.actor,
        address: row.address,
        action: row.action,
        outcome: match row.outcome.as_str() {
            "done" => Badge::new(Tone::Good, "done"),
            other => Badge::of(other),
        },
        change: change(row.before.as_deref(), row.after.as_deref()),
        subject: (row.subject, address),
    }
}

/// The address of a subject's page, if it has one.
fn address(subject: &str) -> Option<String> {
    let (kind, id) = subject.split_once(':')?;
    let is_plain = |id: &str| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'))
    };
    if let ("goal", Some((merchant, alias))) = (kind, id.split_once('/')) {
        let is_own = is_plain(merchant) && is_plain(alias);
        return is_own.then(|| format!("/settings/merchants/{merchant}/goals/{alias}"));
    }
    let below = match kind {
        "conversion" => "/conversions",
        "request" => "/log",
        "delivery" => "/deliveries",
        "click" | "player" => "/players",
        "merchant" => "/settings/merchants",
        "offer" => "/settings/offers",
        "affiliate" => "/settings/affiliates",
        "postback" => "/settings/postbacks",
        "user" => "/settings/users",
        _ => return None,
    };
    is_plain(id).then(|| format!("{below}/{id}"))
}

/// What differs between before and after; of what is new or gone, all of it.
fn change(before: Option<&str>, after: Option<&str>) -> Option<Change> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let (before, after): (Value, Value) = (read(before), read(after));
    let (before, after) = match (before, after) {
        (Value::Null, Value::Null) => return None,
        (Value::Object(before), Value::Object(after)) => {
            let differs = |of: &Map<String, Value>, other: &Map<String, Value>| {
                let members = of.iter().filter(|(name, value)| other.get(*name) != Some(*value));
                Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
            };
            (differs(&before, &after), differs(&after, &before))
        }
        other => other,
    };
    let mut names: Vec<_> = [&before, &after].into_iter().filter_map(Value::as_object).flat_map(Map::keys).collect();
    names.sort_unstable();
    names.dedup();
    let summary = match (&before, &after) {
        (Value::Object(_), Value::Object(_)) if !names.is_empty() => {
            names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        }
        (_, Value::Null) => "what it was".to_owned(),
        (Value::Null, _) => "all of it".to_owned(),
        _ => "nothing that is shown".to_owned(),
    };
    Some(Change { summary, before: told(&before), after: told(&after) })
}

/// A value for people: the members of an object, one in a line.
fn told(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_leads_to_its_page() {
        #[track_caller]
        fn check(subject: &str, expected: Option<&str>) {
            assert_eq!(address(subject).as_deref(), expected, "{subject}");
        }
        check("merchant:acme", Some("/settings/merchants/acme"));
        check("goal:acme/kyc", Some("/settings/merchants/acme/goals/kyc"));
        check("conversion:01a1", Some("/conversions/01a1"));
        check("conversions:matching merchant=acme", None);
        check("conversion:../x?y", None);
        check("token:01a1", None);
        check("audit", None);
    }

    #[test]
    fn of_a_change_only_what_differs_is_told() {
        #[track_caller]
        fn check(before: Option<&str>, after: Option<&str>, expected: Option<[&str; 3]>) {
            let told = change(before, after).map(|it| [it.summary, it.before, it.after].map(|it| it.replace('\n', "")));
            assert_eq!(told, expected.map(|texts| texts.map(str::to_owned)));
        }
        check(None, None, None);
        let (before, after) = (Some(r#"{"a": 1, "b": "x"}"#), Some(r#"{"a": 2, "b": "x", "c": null}"#));
        check(before, after, Some(["a, c", "{  \"a\": 1}", "{  \"a\": 2,  \"c\": null}"]));
        check(None, Some(r#"{"a": 1}"#), Some(["all of it", "", "{  \"a\": 1}"]));
        check(before, before, Some(["nothing that is shown", "{}", "{}"]));
    }
}
