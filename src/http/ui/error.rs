//! What a page says when there is nothing to show.

use askama::Template;

use super::layout::Page;

/// Instead of a page. Its heading is the page's title.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    /// Around it.
    pub(crate) page: Page,
    /// What is wrong and what to do instead.
    pub(crate) detail: String,
    /// Where to go on: an address and its name; nothing for who has nowhere to go here.
    pub(crate) next: Option<(String, &'static str)>,
    /// What to quote when asking.
    pub(crate) request: String,
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::{
        layout::Section,
        tests::{Sample, Say, sample},
    };

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let error = |title: &str, detail: &str| ErrorPage {
            page: say.page(title, Section::Review),
            detail: say.text(detail),
            next: Some(("/".to_owned(), "Go to the review")),
            request: "01a1f90e-bdd0-7f9a-925e-eafa6b557aea".to_owned(),
        };
        let outside = ErrorPage {
            page: Page::outside("Internal error"),
            next: Some(("/sign-in".to_owned(), "Sign in")),
            ..error("", "This request hit a fault of the server, which has been logged under its request id.")
        };
        let ended = ErrorPage {
            page: Page::outside("This link has ended"),
            next: None,
            ..error("", "Ask your affiliate manager for a new one.")
        };
        vec![
            sample("error-410", &ended),
            sample(
                "error-403",
                &error("Forbidden", "This takes the role manager, and ivan has the role viewer."),
            ),
            sample("error-404", &error("Not found", "There is no such conversion.")),
            sample("error-500", &outside),
        ]
    }
}
