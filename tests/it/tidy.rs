//! The house, checked on its source: which room knows which, and how long things may get.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each room may import of the others. A room is a folder or a file right under `src`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("storage", &["domain"]),
    ("ingest", &["clock", "domain", "storage"]),
    ("delivery", &["clock", "domain", "storage"]),
    ("http", &["clock", "configuration_file", "domain", "ingest", "storage"]),
    ("config", &["clock", "delivery", "domain", "storage"]),
    ("configuration_file", &["config", "delivery", "domain", "storage"]),
    ("telemetry", &["config"]),
    ("app", EVERYTHING),
    ("cli", EVERYTHING),
    ("main", &[]),
    ("lib", &[]),
];

/// Those who put the rooms together know all that there are.
const EVERYTHING: &[&str] = &[
    "app",
    "clock",
    "config",
    "configuration_file",
    "delivery",
    "domain",
    "http",
    "ingest",
    "storage",
    "telemetry",
];

/// Names that only these rooms may use.
const OWNED: &[(&str, &[&str])] = &[
    ("sea_orm", &["storage"]),
    ("sqlx", &["storage"]),
    ("migration", &["storage"]),
    ("axum", &["http"]),
    ("tower", &["http"]),
    ("hyper", &["http"]),
    ("reqwest", &["delivery"]),
    ("clap", &["cli", "config"]),
    ("getrandom", &["clock"]),
    ("SystemTime", &["clock"]),
    ("tokio", &["app", "cli", "delivery", "http", "ingest", "main", "storage"]),
    ("await", &["app", "cli", "delivery", "http", "ingest", "storage", "main"]),
];

/// Names that these rooms never use, the first of each pair.
const NEVER: &[(&str, &[&str])] =
    &[("domain", &["f32", "f64", "async", "Instant", "fs", "env", "rand"]), ("storage", &["f32", "f64"])];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 120;

/// Every source file below a folder of the project.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

fn below_src(path: &Path) -> &Path {
    path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap()
}

/// The room of a file: the name right under `src`.
fn room_of(path: &Path) -> String {
    Path::new(below_src(path).iter().next().unwrap()).file_stem().unwrap().to_string_lossy().into_owned()
}

/// Source without its comments and without the insides of its texts.
fn code(source: &str) -> String {
    let mut kept = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r\"") || rest.starts_with("r#\"") {
            let end = if rest.starts_with("r#") { "\"#" } else { "\"" };
            rest[3..].find(end).map_or(rest.len(), |at| at + 3 + end.len())
        } else if first == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        rest = &rest[skipped..];
    }
    kept
}

/// The words of a piece of code.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The rooms that a piece of code names by a path from the root of the crate.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let path = &code[at + root.len()..];
            let heads = path.strip_prefix('{').map_or_else(|| vec![path], branches);
            named.extend(heads.iter().filter_map(|head| words(head.trim_start()).next()).map(str::to_owned));
        }
    }
    named.retain(|name| MAY_IMPORT.iter().any(|(room, _)| room == name));
    named
}

/// The branches of a tree of imports, given what follows its opening brace.
fn branches(tree: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' => {
                found.push(&tree[start..at]);
                break;
            }
            ',' if depth == 0 => {
                found.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// The functions of a source with the number of their lines, by the indentation that rustfmt gives them.
fn functions(source: &str) -> Vec<(&str, usize)> {
    let lines: Vec<_> = source.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let begins = ["fn ", "pub", "const fn ", "async fn "].iter().any(|word| code.starts_with(word));
        if !begins || !code.contains("fn ") || !line.ends_with(['{', '(']) {
            continue;
        }
        let indentation = line.len() - code.len();
        let end = format!("{}}}", &line[..indentation]);
        if let Some(length) = lines[start..].iter().position(|line| *line == end) {
            found.push((code, length + 1));
        }
    }
    found
}

#[test]
fn rooms_know_only_those_they_may_know() {
    // A room's tests may bring whatever they need.
    let is_test = |path: &Path| below_src(path).with_extension("").iter().any(|part| part == "tests");
    for (path, text) in sources("src").into_iter().filter(|(path, _)| !is_test(path)) {
        let (room, code) = (room_of(&path), code(&text));
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
            panic!("{room} is a new room: say in MAY_IMPORT what it may know");
        };
        for named in rooms_named(&code) {
            let known = named == room || allowed.contains(&named.as_str());
            assert!(known, "{}: {room} must not know {named}", path.display());
        }
        for (name, owners) in OWNED {
            let used = words(&code).any(|word| word == *name);
            assert!(
                !used || owners.contains(&room.as_str()),
                "{}: {room} must not name {name}",
                path.display()
            );
        }
        let never = NEVER.iter().filter(|(name, _)| *name == room).flat_map(|(_, names)| *names);
        for name in never {
            assert!(
                !words(&code).any(|word| word == *name),
                "{}: {room} must not name {name}",
                path.display()
            );
        }
    }
}

#[test]
fn every_room_is_there() {
    let rooms: BTreeSet<_> = sources("src").iter().map(|(path, _)| room_of(path)).collect();
    let listed: BTreeSet<_> = MAY_IMPORT.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, listed);
}

#[test]
fn nothing_grows_too_long_and_nothing_is_left_lying_about() {
    for (path, text) in ["src", "migration/src", "tests"].into_iter().flat_map(sources) {
        let shown = path.display();
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{shown} has {lines} lines");
        for (line, number) in text.lines().zip(1..) {
            assert!(line.chars().count() <= COLUMNS_MAX, "{shown}:{number} is too wide");
        }
        for (function, lines) in functions(&text) {
            assert!(lines <= FUNCTION_LINES_MAX, "{shown}: {function} has {lines} lines");
        }
        let code = code(&text);
        for left in ["todo!", "dbg!", "unimplemented!"] {
            assert!(!code.contains(left), "{shown} holds {left}");
        }
    }
}

#[test]
fn rooms_are_found_in_every_form_of_import() {
    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let named: Vec<_> = rooms_named(&code(source)).into_iter().collect();
        assert_eq!(named, expected, "{source}");
    }
    check("use crate::domain::money::Money;", &["domain"]);
    check(
        "use crate::{\n    clock::{Clock, new_uuid},\n    domain::{a::{b, http}, c},\n    storage,\n};",
        &["clock", "domain", "storage"],
    );
    check("let url = crate::config::range(text)?;", &["config"]);
    check("use super::{ingest::Ingest, problem};", &["ingest"]);
    check("use super::problem::Problem;", &[]);
    check("// use crate::http;\nlet text = \"crate::http\";", &[]);
    check("let text = r#\"crate::\"http\"#; crate::delivery::send()", &["delivery"]);
    check("let quote = '\"'; crate::app::serve(); let other = '\"';", &["app"]);
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_last() {
    let source =
        "impl A {\n    pub(crate) const fn one(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n}\n";
    assert_eq!(functions(source), [("pub(crate) const fn one(", 5)]);
    assert_eq!(functions("// fn none(\nfn three() {\n    four();\n}\n"), [("fn three() {", 3)]);
}
