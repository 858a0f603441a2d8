//! Signing in, and setting the first account up.

use askama::Template;

use super::{
    form::{Field, Form, Group},
    layout::Page,
};
use crate::domain::access::PASSWORD_CHARS_MIN;

/// `/sign-in`
#[derive(Clone, Debug, Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn {
    page: Page,
    form: Form,
}

impl SignIn {
    /// What has been tried before, why it failed (empty for nothing), and where to go on afterwards.
    pub(crate) fn new(page: Page, name: &str, error: &str, next: &str) -> Self {
        let fields = vec![
            Field::text("name", "Name").value(name).required().autocomplete("username").autofocus(),
            Field::password("password", "Password").required().autocomplete("current-password"),
        ];
        let mut form = Form::new(&page, "/sign-in", "Sign in").group(Group::new("", fields));
        form.hidden = vec![("next", next.to_owned())];
        error.clone_into(&mut form.error);
        form.failure = "You are not signed in";
        Self { page, form }
    }
}

/// `/setup`: the first admin of a fresh database.
#[derive(Clone, Debug, Template)]
#[template(path = "set_up.html")]
pub(crate) struct SetUp {
    page: Page,
    form: Form,
}

impl SetUp {
    /// The key from the one-time address, what has been tried before, and what was wrong with name and password.
    pub(crate) fn new(page: Page, key: &str, name: &str, errors: [&str; 2]) -> Self {
        let hint = format!(
            "At least {PASSWORD_CHARS_MIN} characters. A sentence that only you would say is a good one."
        );
        let fields = vec![
            Field::text("name", "Name")
                .value(name)
                .hint("It stands beside every decision that you make.")
                .error(errors[0])
                .required()
                .autocomplete("username")
                .autofocus(),
            Field::password("password", "Password")
                .hint(hint)
                .error(errors[1])
                .required()
                .autocomplete("new-password"),
            Field::password("again", "The same password again").required().autocomplete("new-password"),
        ];
        let mut form = Form::new(&page, "/setup", "Create the admin").group(Group::new("", fields));
        form.hidden = vec![("key", key.to_owned())];
        form.failure = "There is no account yet";
        Self { page, form }
    }
}

#[cfg(test)]
pub(in crate::http::ui) mod tests {
    use super::*;
    use crate::http::ui::tests::{Sample, Say, sample};

    pub(in crate::http::ui) fn samples(say: Say) -> Vec<Sample> {
        let wrong = say.text("That name and password do not belong together.");
        vec![
            sample("sign-in", &SignIn::new(Page::outside("Sign in"), "", "", &say.text("/"))),
            sample(
                "sign-in-wrong",
                &SignIn::new(
                    Page::outside("Sign in"),
                    &say.text("olga"),
                    &wrong,
                    &say.text("/log?merchant=acme"),
                ),
            ),
            sample("set-up", &SetUp::new(Page::outside("First set-up"), &say.text("code"), "", ["", ""])),
            sample(
                "set-up-wrong",
                &SetUp::new(
                    Page::outside("First set-up"),
                    &say.text("code"),
                    &say.text("olga"),
                    ["", &say.text("The two passwords differ.")],
                ),
            ),
        ]
    }
}
