//! The document of the API: complete, and true.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::Api;
use crate::support::{Server, installed, on_both_databases};

/// How schemathesis tries the API; what there is to be found is added by [`plan`].
const PLAN: &str = include_str!("schemathesis.toml");

/// How many of a list's items stand in the place of an id.
const KNOWN_IDS: usize = 2;

/// It would end the very key by which everything is tried, so it is tried last and by itself.
const ENDS_ITS_OWN_KEY: &str = "/api/v1/api-keys/{id}/revoke";

/// Something of every kind, so that requests which make sense find something.
async fn populate(server: &Server) {
    for amount in 1..=6 {
        let click = server.click().await;
        server.conv(&click, &format!("ftd {amount}0 EUR")).await.ok(json!({}));
        server.conv(&click, "rdep 7.50 EUR").await.ok(json!({}));
    }
    server.conv("nobody-s-click", "ftd 1 EUR").await.refused(404, "click_not_found", "click_id");
    let api = Api::new(server, "manager");
    let address = "http://127.0.0.1:9/pb?c={conversion_id}";
    let endpoint = json!({"id": "nowhere", "affiliate": "lotus", "url": address, "statuses": ["pending"]});
    let created = api.post("/postbacks", &endpoint).await;
    assert_eq!(created.status, 201, "no request ever goes to an address of this machine: {}", created.text);
    let listed = api.get("/conversions?limit=2").await.json;
    for (item, status) in listed["items"].as_array().unwrap().iter().zip(["approved", "rejected"]) {
        let address = format!("/conversions/{}/status", item["id"].as_str().unwrap());
        let decided = api.post(&address, &json!({"status": status, "reason": "a sample"})).await;
        assert_eq!(decided.status, 200, "{}", decided.text);
    }
}

/// Which ids exist in the place of each parameter of a path, by the lists that the API itself gives.
async fn known_ids(api: &Api<'_>, path: &str) -> Vec<(String, Vec<String>)> {
    let (mut list, mut known) = (String::new(), Vec::new());
    for part in path.trim_start_matches("/api/v1").split_inclusive('/') {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.trim_end_matches('/').strip_suffix('}'))
        else {
            list.push_str(part);
            continue;
        };
        let page = api.get(list.trim_end_matches('/')).await.json;
        let items = page["items"].as_array().into_iter().flatten();
        let id = |item: &Value| item[name].as_str().or(item["id"].as_str()).map(str::to_owned);
        let ids: Vec<_> = items.filter_map(id).take(KNOWN_IDS).collect();
        let Some(first) = ids.first() else { break };
        list.push_str(first);
        list.push('/');
        known.push((name.to_owned(), ids));
    }
    known
}

/// Writes down how to try the API, with what exists in the database.
async fn plan(server: &Server, api: &Api<'_>, document: &Value) -> PathBuf {
    let mut plan = PLAN.to_owned();
    for (number, path) in document["paths"].as_object().unwrap().keys().enumerate() {
        let mut parameters = Vec::new();
        for (name, ids) in known_ids(api, path).await {
            writeln!(plan, "\n[dictionaries.{name}-{number}]\nvalues = {ids:?}").unwrap();
            let choice = format!("{{ dictionary = '{name}-{number}', probability = 0.8 }}");
            parameters.push(format!("'path.{name}' = {choice}"));
        }
        if !parameters.is_empty() {
            let parameters = parameters.join(", ");
            writeln!(plan, "\n[[operations]]\ninclude-path = '{path}'\nparameters = {{ {parameters} }}")
                .unwrap();
        }
    }
    let file = server.database().folder().join("schemathesis.toml");
    fs::write(&file, plan).unwrap();
    file
}

/// Lets schemathesis send what it makes of the document, and compares the answers with it.
fn try_everything(server: &Server, plan: &Path, api: &Api<'_>, schemathesis: &Path, which: &[&str]) {
    let mut command = Command::new(schemathesis);
    command.arg("--config-file").arg(plan).arg("run").args(which);
    command.arg(format!("http://{}/api/openapi.json", server.address));
    command.args(["--header", &format!("Authorization: {}", api.authorization()), "--no-color"]);
    let done = command.current_dir(server.database().folder()).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}\n{}\n{}", String::from_utf8_lossy(&done.stderr), server.log());
}

/// All operations, as method, path and description.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((format!("{method} {path}"), operation.clone()));
        }
    }
    found
}

on_both_databases! {
    async fn no_request_makes_the_api_fail_or_answer_outside_its_document(server: Server) {
        let Some(schemathesis) = installed("python/bin/schemathesis") else { return };
        populate(&server).await;
        let api = Api::new(&server, "admin");
        let document = server.get("/api/openapi.json").await.json;
        let plan = plan(&server, &api, &document).await;
        try_everything(&server, &plan, &api, &schemathesis, &["--exclude-path", ENDS_ITS_OWN_KEY]);
        if !document["paths"][ENDS_ITS_OWN_KEY].is_null() {
            let which = ["--include-path", ENDS_ITS_OWN_KEY, "--phases", "coverage"];
            try_everything(&server, &plan, &api, &schemathesis, &which);
        }
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}

#[tokio::test]
async fn the_document_describes_every_operation_parameter_and_member() {
    let server = Server::on_sqlite();
    let document = server.get("/api/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json;
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    assert!(operations.len() >= 5, "{operations:?}");
    let ids: BTreeSet<_> =
        operations.iter().map(|(_, operation)| operation["operationId"].to_string()).collect();
    assert_eq!(ids.len(), operations.len(), "an id stands for one operation: {ids:?}");
    let told = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let mut untold = Vec::new();
    for (name, operation) in &operations {
        if !told(&operation["summary"]) || !told(&operation["tags"][0]) {
            untold.push(name.clone());
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|parameter| !told(&parameter["description"]));
        untold.extend(parameters.map(|parameter| format!("{name}: {}", parameter["name"])));
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, described) in schema["properties"].as_object().into_iter().flatten() {
            // Where a member may be null, the description stands beside the other alternative.
            let alternatives = described["oneOf"].as_array().into_iter().flatten();
            if !alternatives.chain([described]).any(|one| told(&one["description"])) {
                untold.push(format!("{name}: {member}"));
            }
        }
    }
    assert_eq!(untold, [""; 0], "these have no description");
}
