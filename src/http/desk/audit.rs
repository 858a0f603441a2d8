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
const KINDS: [(&str, &str); 16] = [
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
    ("currency.", "Currencies"),
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
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'))
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

/// How many members of a change are shown without being asked for.
const SHORT_MAX: usize = 3;

/// What differs between before and after; of what is new or gone, all of it.
fn change(before: Option<&str>, after: Option<&str>) -> Option<Change> {
    let (old, new) = (members(before), members(after));
    let summary = match (&old, &new) {
        (None, None) => return None,
        (None, Some(_)) => "new",
        (Some(_), None) => "gone",
        (Some(_), Some(_)) => "",
    };
    let is_change = summary.is_empty();
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let mut names: Vec<_> = old.keys().chain(new.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| old.get(name) != new.get(name));
    let summary = match names.as_slice() {
        [] if is_change => "nothing that is kept here".to_owned(),
        names if is_change => names.join(", "),
        _ => summary.to_owned(),
    };
    let member = |name: String| {
        let (was, is) = (old.get(&name).and_then(told), new.get(&name).and_then(told));
        (name, was, is)
    };
    Some(Change {
        summary,
        is_short: is_change && names.len() <= SHORT_MAX,
        members: names.into_iter().map(member).collect(),
    })
}

/// The members of an object; anything else is told as one without a name.
fn members(json: Option<&str>) -> Option<Map<String, Value>> {
    match serde_json::from_str(json?).ok()? {
        Value::Null => None,
        Value::Object(members) => Some(members),
        other => Some(Map::from_iter([(String::new(), other)])),
    }
}

/// A value for people; nothing is nothing.
fn told(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
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
        fn check(before: Option<&str>, after: Option<&str>, expected: Option<&str>) {
            let told = change(before, after).map(|it| {
                let member = |(name, was, is)| format!(" {name}:{was:?}>{is:?}").replace('"', "");
                it.summary + &it.members.into_iter().map(member).collect::<String>()
            });
            assert_eq!(told.as_deref(), expected);
        }
        check(None, None, None);
        let (before, after) = (Some(r#"{"a": 1, "b": "x"}"#), Some(r#"{"a": 2, "b": "x", "c": ["y"]}"#));
        check(before, after, Some("a, c a:Some(1)>Some(2) c:None>Some([\\y\\])"));
        check(None, Some(r#"{"a": "x", "b": null}"#), Some("new a:None>Some(x) b:None>None"));
        check(Some(r#"{"a": "x"}"#), None, Some("gone a:Some(x)>None"));
        check(before, before, Some("nothing that is kept here"));
    }
}
