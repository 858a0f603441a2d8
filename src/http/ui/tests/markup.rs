//! The rules that hold for the markup of every page.

use std::collections::BTreeSet;

/// Elements without an end.
const VOID: [&str; 6] = ["meta", "link", "input", "img", "br", "hr"];

/// A tag with its attributes.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    /// Whether it closes itself, as shapes of a chart do.
    is_closed: bool,
    /// Where it ends in the page.
    end: usize,
}

impl<'a> Tag<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(its, _)| *its == name).map(|(_, value)| *value)
    }
}

/// The tags of a page, by the plain way in which our templates write them.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut found = Vec::new();
    for (start, _) in html.match_indices('<') {
        let inside = &html[start + 1..];
        let name_end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '!').unwrap();
        let (name, mut rest) = inside.split_at(name_end);
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if rest.starts_with(['>', '/']) {
                break;
            }
            let end = rest.find(['=', ' ', '>', '\n']).unwrap();
            let attribute = &rest[..end];
            rest = &rest[end..];
            let value = if let Some(quoted) = rest.strip_prefix("=\"") {
                let end = quoted.find('"').unwrap();
                rest = &quoted[end + 1..];
                &quoted[..end]
            } else {
                ""
            };
            attributes.push((attribute, value));
        }
        found.push(Tag { name, attributes, is_closed: rest.starts_with('/'), end: html.len() - rest.len() });
    }
    found
}

/// Checks a page.
#[track_caller]
pub(super) fn check(page: &str, html: &str) {
    let tags = tags(html);
    elements_are_closed(page, &tags);
    let ids: Vec<_> = tags.iter().filter_map(|tag| tag.get("id")).collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "{page}: an id stands twice among {ids:?}");
    let count = |name| tags.iter().filter(|tag| tag.name == name).count();
    assert_eq!((count("h1"), count("main"), count("script")), (1, 1, 1), "{page}: h1, main, script");
    let labels: BTreeSet<_> =
        tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    for tag in &tags {
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && *name != "style", "{page}: inline {name} on {}", tag.name);
            let is_address = ["href", "src", "action", "formaction", "data-preview"].contains(name);
            let ours = value.starts_with(['/', '#', '?']) && !value.starts_with("//");
            assert!(!is_address || ours, "{page}: {name} leads to {value}");
            if *name == "aria-describedby" || *name == "aria-labelledby" {
                assert!(value.split(' ').all(|id| unique.contains(&id)), "{page}: nothing is called {value}");
            }
        }
        if tag.name == "th" {
            assert!(!html[tag.end..].starts_with("></th"), "{page}: an empty heading");
        }
        let takes_input = ["select", "textarea"].contains(&tag.name)
            || tag.name == "input"
                && !["hidden", "checkbox", "radio"].contains(&tag.get("type").unwrap_or_default());
        let is_labelled =
            tag.get("aria-label").is_some() || tag.get("id").is_some_and(|id| labels.contains(id));
        assert!(!takes_input || is_labelled, "{page}: {} {:?} has no label", tag.name, tag.get("name"));
        let posts = tag.name == "form" && tag.get("method") == Some("post");
        assert!(!posts || html[tag.end..].contains("name=\"csrf\""), "{page}: a form without its token");
    }
}

#[track_caller]
fn elements_are_closed(page: &str, tags: &[Tag<'_>]) {
    let mut open: Vec<&str> = Vec::new();
    for tag in tags {
        if let Some(name) = tag.name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{page}: </{name}> closes another element, within {open:?}");
        } else if !VOID.contains(&tag.name) && !tag.name.starts_with('!') && !tag.is_closed {
            open.push(tag.name);
        }
    }
    assert!(open.is_empty(), "{page}: {open:?} is not closed");
}

#[test]
#[should_panic(expected = "inline onclick")]
fn an_inline_script_is_found() {
    check("page", "<main><h1>x</h1><script src=\"/x\"></script><p onclick=\"x()\">x</p></main>");
}

#[test]
#[should_panic(expected = "leads to javascript:x")]
fn an_address_of_others_is_found() {
    check("page", "<main><h1>x</h1><script src=\"/x\"></script><a href=\"javascript:x\">x</a></main>");
}

#[test]
#[should_panic(expected = "has no label")]
fn a_field_without_a_label_is_found() {
    check("page", "<main><h1>x</h1><script src=\"/x\"></script><input type=\"text\" name=\"x\"></main>");
}
