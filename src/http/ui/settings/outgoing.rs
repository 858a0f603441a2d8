//! Who is told of conversions: postback endpoints and pixels.

use super::{
    super::{
        form::{Choice, Form, Group},
        layout::Page,
        listing::{Cell, Column, Empty, Listing},
        sheet::{Part, Sheet},
    },
    Values,
    forms::{Fields, KEPT, choices, statuses, submit},
    lists::active,
};

/// What an endpoint can be bound to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings {
    /// Affiliates.
    pub(crate) affiliates: Vec<Choice>,
    /// Offers.
    pub(crate) offers: Vec<Choice>,
    /// Goals.
    pub(crate) goals: Vec<Choice>,
}

/// A postback endpoint: `id` (when new), `affiliate`, `offer`, `goal`, `statuses`, `method`, `url`, `params`,
/// `headers`, `login`, `password`, `token`, `forget_auth`, `signing_secret`, `forget_signing`, `success_statuses`,
/// `body_contains`, `active`; and which secrets are `kept`.
pub(crate) fn endpoint(
    page: &Page,
    action: &str,
    preview: &str,
    values: &Values,
    to: Bindings,
    is_new: bool,
) -> Form {
    let f = Fields(values);
    let mut whom = f.id(is_new);
    whom.extend([
        f.select("affiliate", "Affiliate", to.affiliates).required(),
        f.select("offer", "Offer", to.offers).placeholder("Every offer"),
        f.select("goal", "Goal", to.goals).placeholder("Every goal"),
        f.checks("statuses", "Told when a conversion becomes", statuses()),
        f.switch("active", "Active: it is told of what happens from now on"),
    ]);
    let methods = choices([("GET", "GET"), ("POST_FORM", "POST a form"), ("POST_JSON", "POST JSON")]);
    let how = vec![
        f.select("method", "Method", methods).required(),
        f.area("url", "URL")
            .placeholder("https://tracker.example/pb?cid={cl_id}&payout={payout}")
            .hint("With macros: Macros lists them. {keep} stands for a credential that is kept.")
            .required(),
        f.area("params", "Parameters")
            .placeholder("status = {status}")
            .hint("name = value, one a line. POST JSON without any sends the whole event."),
        f.area("headers", "Headers").placeholder("X-Network = countersign").hint("name = value, one a line."),
    ];
    let success = vec![
        f.text("success_statuses", "HTTP statuses that mean success").placeholder("200-299"),
        f.text("body_contains", "What the body of the answer must contain"),
    ];
    let mut form = f
        .form(page, action, submit(is_new, "endpoint"))
        .group(Group::new("Who is told of what", whom))
        .group(Group::new("How", how))
        .group(endpoint_proof(&f))
        .group(Group::new("What counts as taken", success))
        .cancel("/settings/postbacks");
    form.preview = Some(preview.to_owned());
    form
}

fn endpoint_proof(f: &Fields<'_>) -> Group {
    let mut fields = vec![
        f.kept("login", "User name"),
        f.kept("password", "Password"),
        f.kept("token", "Token, in place of both"),
    ];
    if f.0.holds(KEPT, "basic_auth") {
        fields.push(f.switch("forget_auth", "Forget what is kept of these"));
    }
    fields.push(f.kept("signing_secret", "Signing secret").placeholder("whsec_… for POST JSON"));
    if f.0.holds(KEPT, "signing_secret") {
        fields.push(f.switch("forget_signing", "Forget the signing secret: sign nothing from now on"));
    }
    Group::new("What it proves itself with", fields)
        .hint("HTTP Basic authentication, and a signature as Standard Webhooks have it. All are kept sealed.")
}

/// A postback endpoint in the list.
#[derive(Clone, Debug)]
pub(crate) struct EndpointItem {
    /// Its id.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) affiliate: String,
    /// Of what it is told, in words.
    pub(crate) told: String,
    /// How: `GET`, `POST a form`, `POST JSON`.
    pub(crate) method: String,
    /// Where to: the host, as the rest may hold credentials.
    pub(crate) host: String,
    /// Whether it is told of anything.
    pub(crate) is_active: bool,
}

/// `/settings/postbacks`
pub(crate) fn endpoints(page: Page, items: Vec<EndpointItem>) -> Sheet {
    let columns = vec![
        Column::new("Endpoint"),
        Column::new("Affiliate"),
        Column::new("Told of"),
        Column::new("Method"),
        Column::new("Host"),
        Column::new("State"),
    ];
    let empty = Empty::new(
        "No endpoints yet",
        "An affiliate gives you the address of its tracker. Set it up, and it is told of all that fits.",
    );
    let rows = items.into_iter().map(|item| {
        vec![
            Cell::link(format!("/settings/postbacks/{}", item.id), item.id),
            Cell::text(item.affiliate),
            Cell::text(item.told),
            Cell::text(item.method),
            Cell::Code(item.host),
            active(item.is_active),
        ]
    });
    let listing = Listing::new("Postback endpoints", columns, empty).rows(rows);
    let add = Some(("/settings/postbacks/new".to_owned(), "Add an endpoint".to_owned()));
    super::sheet(page, "Postbacks").intro("How they fare is shown under Deliveries.").part(Part::Listing(
        String::new(),
        listing,
        add,
    ))
}

/// A pixel: `id` (when new), `platform`, `offer`, `affiliate`, `pixel_id`, `secret`, `measurement_secret`,
/// `forget_measurement`, `when`, `events`, `page`, `test_event_code`, `base_url`, `active`; and which secrets are
/// `kept`.
pub(crate) fn pixel(page: &Page, action: &str, values: &Values, to: Bindings, is_new: bool) -> Form {
    let f = Fields(values);
    let platforms = choices([
        ("meta", "Meta"),
        ("tiktok", "TikTok"),
        ("ga4", "Google Analytics"),
        ("yandex", "Yandex Metrica"),
    ]);
    let times = choices([
        ("approved", "it is approved"),
        ("pending", "it is recorded as pending"),
        ("both", "it is recorded, pending or approved at once"),
    ]);
    let mut whom = f.id(is_new);
    whom.extend([
        f.select("platform", "Platform", platforms).required(),
        f.text("pixel_id", "Pixel id")
            .hint("What the platform calls it: a pixel, a measurement id, a counter.")
            .required(),
        f.select("offer", "Offer", to.offers).required(),
        f.select("affiliate", "Affiliate", to.affiliates).placeholder("Every affiliate's players"),
        f.switch("active", "Active: it is told of what happens from now on"),
    ]);
    let secret = f.kept("secret", "Access token or API secret");
    let secret = if is_new { secret.required() } else { secret };
    let proof = vec![secret, f.kept("measurement_secret", "Second secret")];
    let mut proof = Group::new("What it proves itself with", proof)
        .hint("As the platform gives it to you. Only Yandex Metrica has a second one, for fresh events.");
    if f.0.holds(KEPT, "measurement_secret") {
        proof.fields.push(f.switch("forget_measurement", "Forget the second secret"));
    }
    let what = vec![
        f.select("when", "A conversion is told when", times).required(),
        f.area("events", "Events").placeholder("ftd = Purchase").hint(
            "goal = the platform's name, one a line, where it is not the usual one. Nothing after the = for a goal \
             that it is not told of.",
        ),
        f.text("page", "Page on which conversions happen").hint("Left empty, the landing page of the offer."),
    ];
    let trial = vec![
        f.text("test_event_code", "Test event code")
            .hint("Meta and TikTok: marks everything as a test, for as long as it stands here."),
        f.text("base_url", "Where the platform is, if not where it always is"),
    ];
    f.form(page, action, submit(is_new, "pixel"))
        .group(Group::new("Which conversions are told where", whom))
        .group(proof)
        .group(Group::new("What is told", what))
        .group(Group::new("For trying it", trial))
        .cancel("/settings/pixels")
}

/// A pixel in the list.
#[derive(Clone, Debug)]
pub(crate) struct PixelItem {
    /// Its id.
    pub(crate) id: String,
    /// Where.
    pub(crate) platform: String,
    /// Of which offer.
    pub(crate) offer: String,
    /// Of whose players.
    pub(crate) affiliate: String,
    /// What to see to before money is spent.
    pub(crate) warnings: Vec<String>,
    /// Whether it is told of anything.
    pub(crate) is_active: bool,
}

/// `/settings/pixels`
pub(crate) fn pixels(page: Page, items: Vec<PixelItem>) -> Sheet {
    let columns = vec![
        Column::new("Pixel"),
        Column::new("Platform"),
        Column::new("Offer"),
        Column::new("Players of"),
        Column::new("State"),
        Column::across("To see to"),
    ];
    let empty = Empty::new(
        "No pixels yet",
        "A pixel tells an ad platform which of its ads brought players who paid in, so that it finds more of them.",
    );
    let rows = items.into_iter().map(|item| {
        let to_see_to = if item.warnings.is_empty() { Cell::Empty } else { Cell::Lines(item.warnings) };
        vec![
            Cell::link(format!("/settings/pixels/{}", item.id), item.id),
            Cell::text(item.platform),
            Cell::text(item.offer),
            Cell::text(item.affiliate),
            active(item.is_active),
            to_see_to,
        ]
    });
    let listing = Listing::new("Pixels", columns, empty).rows(rows);
    let add = Some(("/settings/pixels/new".to_owned(), "Add a pixel".to_owned()));
    let intro = "Ad platforms that are told of conversions. How they fare is shown under Deliveries.";
    super::sheet(page, "Pixels").intro(intro).part(Part::Listing(String::new(), listing, add))
}
