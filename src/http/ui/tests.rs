//! Every page with every sample of its data: that it escapes, that its markup holds, and how it looks.

mod markup;

use std::{fs, path::Path};

use askama::Template;

use super::{
    api_docs, assets, audit, conversion, conversions, deliveries, error, integration,
    layout::{Csrf, Page, Section, Viewer},
    players, postback_log, review, settings, sign_in, statistics,
    view::Zone,
};
use crate::domain::time::Timestamp;

/// What somebody might send to have it run in a manager's browser.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// How texts of samples are told: as people write them, or as attackers do.
#[derive(Clone, Copy, Debug)]
pub(in crate::http::ui) struct Say {
    hostile: bool,
}

impl Say {
    pub(in crate::http::ui) fn text(self, text: &str) -> String {
        if self.hostile { format!("{text}{HOSTILE}") } else { text.to_owned() }
    }

    pub(in crate::http::ui) fn page(self, title: &str, section: Section) -> Page {
        self.page_of(title, section, "manager")
    }

    pub(in crate::http::ui) fn page_of(self, title: &str, section: Section, role: &'static str) -> Page {
        let viewer = Viewer { name: self.text("olga"), role };
        Page::inside(title, section, viewer, Csrf(self.text("token")), Zone::named("Europe/Berlin"))
    }
}

/// When the samples are looked at.
pub(in crate::http::ui) const NOW: Timestamp = Timestamp::from_millis(1_795_168_800_000);

/// A page as it was rendered.
pub(in crate::http::ui) struct Sample {
    name: String,
    html: String,
}

pub(in crate::http::ui) fn sample(name: &str, page: &impl Template) -> Sample {
    Sample { name: name.to_owned(), html: page.render().unwrap() }
}

fn samples(say: Say) -> Vec<Sample> {
    let pages: [fn(Say) -> Vec<Sample>; 13] = [
        api_docs::tests::samples,
        sign_in::tests::samples,
        review::tests::samples,
        conversions::tests::samples,
        conversion::tests::samples,
        postback_log::tests::samples,
        deliveries::tests::samples,
        statistics::tests::samples,
        settings::tests::samples,
        integration::tests::samples,
        players::tests::samples,
        audit::tests::samples,
        error::tests::samples,
    ];
    pages.iter().flat_map(|samples| samples(say)).collect()
}

#[test]
fn what_others_wrote_is_text_on_every_page() {
    for Sample { name, html } in samples(Say { hostile: true }) {
        assert!(!html.contains("<script>alert"), "{name}");
        assert!(!html.contains("<img src=x"), "{name}");
        assert!(html.contains("&#60;script&#62;alert(1)"), "{name} says nothing that others wrote");
        markup::check(&name, &html);
    }
}

#[test]
fn every_page_keeps_the_rules_of_markup() {
    for Sample { name, html } in samples(Say { hostile: false }) {
        markup::check(&name, &html);
    }
}

/// They lie in `target/ui-samples`, to be opened in a browser.
#[test]
fn every_sample_can_be_looked_at() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/ui-samples");
    fs::create_dir_all(&folder).unwrap();
    let files = [("style.css", &assets::STYLE), ("desk.js", &assets::SCRIPT), ("icon.svg", &assets::ICON)];
    for Sample { name, html } in samples(Say { hostile: false }) {
        let local = files.iter().fold(html, |html, (file, asset)| {
            html.replace(&asset.address(), &format!("../../src/http/ui/assets/{file}"))
        });
        fs::write(folder.join(format!("{name}.html")), local).unwrap();
    }
}
