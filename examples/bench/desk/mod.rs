//! The manager's desk on a large database: how long its pages take, beside the sign-in page of the same run, which shows
//! what a page costs that asks the database for nothing.

mod client;
mod fill;

use std::{path::Path, str::FromStr, time::Instant};

use anyhow::{Context, Result, ensure};
use countersign::{
    clock::{Clock, SystemClock},
    domain::time::Timestamp,
};

use self::client::Client;
use crate::{
    database::{Place, Scratch, Session},
    report::{Exported, Figures, Rendered},
    server::Server,
};

/// How many clicks a database holds when it is measured. A fifth of them have a conversion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clicks(u64);

impl Default for Clicks {
    fn default() -> Self {
        Self(5_000_000)
    }
}

impl FromStr for Clicks {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// How often each page is asked for.
const PASSES: usize = 21;

/// Which page of a list is far from its beginning, and how many items each has.
const FAR_PAGE: usize = 500;
const PAGE_ITEMS: usize = 50;

/// The titles that the report holds against each other.
pub(crate) const SIGN_IN: &str = "control: sign-in";
pub(crate) const REVIEW: &str = "review";
pub(crate) const REVIEW_FILTERED: &str = "review of one affiliate";
pub(crate) const REVIEW_DOUBLED: &str = "review, twice the conversions";
pub(crate) const STATISTICS: &str = "a month by day and affiliate";

/// Measures every page, and the review page again with twice as many conversions.
pub(crate) fn measure(place: &Place, binary: &Path, clicks: Clicks, figures: &mut Figures) -> Result<()> {
    let Clicks(clicks) = clicks;
    let scratch = place.fresh("desk")?;
    Server::set_up(binary, &scratch, &fill::configuration())?;
    Server::run_command(
        binary,
        &scratch,
        &["user", "add", client::USER, "--password-stdin"],
        client::PASSWORD,
    )?;
    let key = Server::run_command(binary, &scratch, &["api-key", "create", "bench", "--role", "viewer"], "")?;
    let now = SystemClock.now();
    let fill = |first, last| fill_up(place, &scratch, now, &fill::Span { first, last, of: 2 * clicks });
    fill(1, clicks)?;
    let begun = Instant::now();
    Server::run_command(binary, &scratch, &["stats", "rebuild"], "")?;
    eprintln!("statistics were rebuilt in {:.0} s", begun.elapsed().as_secs_f64());
    let server = Server::launch(binary, &scratch)?;
    let mut client = Client::new(server.address(), key.trim());
    client.sign_in()?;
    for (title, address) in pages(&client, now)? {
        figures.desk.push(render(&client, title, &address)?);
    }
    let begun = Instant::now();
    let rows = client.count_lines("/conversions.csv")?;
    let peak_memory_bytes = server.peak_memory_bytes()?;
    figures.export = Some(Exported { rows, span: begun.elapsed(), peak_memory_bytes });
    server.stop()?;
    fill(clicks + 1, 2 * clicks)?;
    let server = Server::launch(binary, &scratch)?;
    let mut client = Client::new(server.address(), key.trim());
    client.sign_in()?;
    figures.desk.push(render(&client, REVIEW_DOUBLED, "/")?);
    server.stop()
}

fn fill_up(place: &Place, scratch: &Scratch, now: Timestamp, span: &fill::Span) -> Result<()> {
    eprintln!("filling a database up to {} clicks and {} conversions", span.last, span.last / 5);
    let session = Session::open(scratch.url())?;
    fill::clicks(&session, place.engine(), now.millis(), span).context("clicks")?;
    let fifth = fill::Span { first: span.first.div_ceil(5), last: span.last / 5, of: span.of / 5 };
    fill::conversions(&session, place.engine(), now.millis(), &fifth).context("conversions")?;
    fill::settle(place.engine()).iter().try_for_each(|statement| session.execute(statement))
}

/// What is measured, with its addresses.
fn pages(client: &Client, now: Timestamp) -> Result<Vec<(&'static str, String)>> {
    let conversion = client.json("/api/v1/conversions?limit=1&status=approved")?;
    let conversion = conversion["items"][0]["id"].as_str().context("there is no conversion")?.to_owned();
    let mut cursor = String::new();
    for _ in 1..FAR_PAGE {
        let page = client.json(&format!("/api/v1/conversions?limit={PAGE_ITEMS}{cursor}"))?;
        cursor = format!("&cursor={}", page["next_cursor"].as_str().context("the list is too short")?);
    }
    let cursor = cursor.trim_start_matches('&');
    let month = client::month(now)?;
    Ok(vec![
        (SIGN_IN, "/sign-in".to_owned()),
        (REVIEW, "/".to_owned()),
        (REVIEW_FILTERED, "/?affiliate=a7".to_owned()),
        ("conversions, filtered", "/conversions?affiliate=a7&status=rejected&goal=ftd".to_owned()),
        ("conversions, 500th page", format!("/conversions?{cursor}")),
        ("one conversion", format!("/conversions/{conversion}")),
        ("postback log", "/log".to_owned()),
        (STATISTICS, format!("/api/v1/stats?{month}&tz=UTC&group_by=day,affiliate")),
    ])
}

fn render(client: &Client, title: &'static str, address: &str) -> Result<Rendered> {
    let mut spans = Vec::with_capacity(PASSES);
    for _ in 0..PASSES {
        let begun = Instant::now();
        let answer = client.get(address)?;
        spans.push(begun.elapsed());
        ensure!(answer.status == 200, "{address} was answered with {}", answer.status);
    }
    spans.sort_unstable();
    eprintln!("{title}: {:?}", spans[PASSES / 2]);
    Ok(Rendered { title, median: spans[PASSES / 2], slowest: spans[PASSES - 1] })
}
