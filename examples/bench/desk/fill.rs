//! A database as a busy year leaves it: clicks and conversions of many affiliates over sixty days.

use anyhow::Result;

use crate::database::{Engine, Session};

/// Over how many days clicks and conversions are spread.
pub(crate) const DAYS: u64 = 60;

const MERCHANTS: u64 = 5;
const OFFERS: u64 = 20;
const AFFILIATES: u64 = 50;

/// How many offers each merchant has.
const OFFERS_EACH: u64 = OFFERS / MERCHANTS;

/// The merchants, offers and affiliates that the rows name.
pub(crate) fn configuration() -> String {
    let merchants = (0..MERCHANTS).map(|n| {
        format!(
            "[[merchant]]\nid = \"m{n}\"\nname = \"Casino {n}\"\ndeal = \"hybrid\"\nrevshare_multiplier = \"0.35\"\n"
        )
    });
    let offers = (0..OFFERS).map(|n| {
        let merchant = n / OFFERS_EACH;
        format!(
            "[[offer]]\nid = \"o{n}\"\nmerchant = \"m{merchant}\"\nname = \"Offer {n}\"\n\
             landing_url = \"https://casino.example/?cid={{click_id}}\"\n"
        )
    });
    let affiliates =
        (0..AFFILIATES).map(|n| format!("[[affiliate]]\nid = \"a{n}\"\nname = \"Affiliate {n}\"\n"));
    merchants.chain(affiliates).chain(offers).collect()
}

/// Adds rows number `first` to `last`, counted from 1 over the life of the database, of `of` rows in all.
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) of: u64,
}

/// What the database would do by itself after such a load, done before it can fall into the measured time.
pub(crate) fn settle(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Sqlite => &["PRAGMA wal_checkpoint(TRUNCATE)"],
        Engine::Postgres => &["VACUUM ANALYZE", "CHECKPOINT"],
    }
}

/// What stands for the database's own words in the statements.
struct Words {
    engine: Engine,
    now_millis: i64,
}

impl Words {
    /// A time-ordered id of row `n`, which was recorded at `at`.
    fn uuid(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "unhex(printf('%012x', at) || '70008000' || printf('%012x', n))",
            Engine::Postgres => {
                "CAST(lpad(to_hex(at), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0') AS uuid)"
            }
        }
    }

    /// Likewise as the text that the server would give a click.
    fn click_id(&self, n: &str, at: &str) -> String {
        match self.engine {
            Engine::Sqlite => {
                format!("printf('%08x-%04x-7000-8000-%012x', {at} >> 16, {at} & 65535, {n})")
            }
            Engine::Postgres => format!(
                "lpad(to_hex({at} >> 16), 8, '0') || '-' || lpad(to_hex({at} & 65535), 4, '0') \
                 || '-7000-8000-' || lpad(to_hex({n}), 12, '0')"
            ),
        }
    }

    /// Row number `n` of this span, and the time at which it was recorded.
    fn rows(&self, span: &Span) -> String {
        let Span { first, last, of } = span;
        let (start, millis) = (self.now_millis - to_millis(DAYS), to_millis(DAYS));
        let at = format!("CAST({start} + {millis} * n / {of} AS BIGINT)");
        match self.engine {
            Engine::Sqlite => format!(
                "WITH RECURSIVE series(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last})
                 SELECT n, {at} AS at FROM series"
            ),
            Engine::Postgres => {
                format!("SELECT n, {at} AS at FROM generate_series(CAST({first} AS BIGINT), {last}) AS s(n)")
            }
        }
    }
}

fn to_millis(days: u64) -> i64 {
    i64::try_from(days).unwrap_or_default() * 24 * 60 * 60 * 1000
}

/// One of `of` numbers for each row, which has nothing to do with the others that the row has.
fn scattered(n: &str, factor: u64, of: u64) -> String {
    format!("({n} * {factor} % 4294967296 / 65536 % {of})")
}

/// The offer of a click.
fn offer(n: &str) -> String {
    scattered(n, 2_654_435_761, OFFERS)
}

/// The affiliate of a click.
fn affiliate(n: &str) -> String {
    scattered(n, 2_246_822_519, AFFILIATES)
}

/// Clicks, each fifth of which has a conversion of its own; see [`conversions`].
pub(crate) fn clicks(session: &Session, engine: Engine, now_millis: i64, span: &Span) -> Result<()> {
    let words = Words { engine, now_millis };
    let (offer, affiliate) = (offer("n"), affiliate("n"));
    session.execute(&format!(
        "INSERT INTO click (id, offer, affiliate, merchant, params, at)
         SELECT {}, 'o' || {offer}, 'a' || {affiliate}, 'm' || ({offer} / {OFFERS_EACH}),
            '{{\"sub1\":\"campaign-' || (n % 97) || '\",\"country\":\"' || CASE WHEN n % 3 = 0 THEN 'DE' ELSE 'BR' END || '\"}}',
            at FROM ({}) AS r",
        words.click_id("n", "at"),
        words.rows(span)
    ))
}

/// Conversions with their history and their rows of the postback log. Half are registrations; of the first deposits one
/// in eight is pending.
pub(crate) fn conversions(session: &Session, engine: Engine, now_millis: i64, span: &Span) -> Result<()> {
    let words = Words { engine, now_millis };
    let (uuid, rows) = (words.uuid(), words.rows(span));
    // Row n is of click 5 n, at about the same time: both are spread over the same days.
    let click = words.click_id("5 * n", "at");
    let (offer, affiliate) = (offer("5 * n"), affiliate("5 * n"));
    let goal = "CASE WHEN n % 10 < 5 THEN 'reg' WHEN n % 10 < 8 THEN 'ftd' WHEN n % 10 = 8 THEN 'rdep' ELSE 'revshare' END";
    let decided = "CASE WHEN n % 10 BETWEEN 5 AND 7 AND n % 8 = 0 THEN 'pending'
        WHEN n % 10 BETWEEN 5 AND 7 AND n % 8 = 1 THEN 'rejected' ELSE 'approved' END";
    session.execute(&format!(
        "INSERT INTO conversion (id, click_id, merchant, offer, affiliate, goal, once, status, steps, amount, currency,
            suspected_duplicate, created_at, decided_at)
         SELECT {uuid}, {click}, 'm' || ({offer} / {OFFERS_EACH}), 'o' || {offer}, 'a' || {affiliate}, {goal}, n % 10 < 8,
            {decided}, CASE WHEN n % 10 BETWEEN 5 AND 7 AND n % 8 > 0 THEN 2 ELSE 1 END,
            CASE WHEN n % 10 < 5 THEN 0 ELSE n % 1000 * 100000000 + 10000000 END,
            CASE WHEN n % 10 < 5 THEN NULL WHEN n % 4 = 0 THEN 'USD' ELSE 'EUR' END,
            FALSE, at, CASE WHEN {decided} = 'pending' THEN NULL ELSE at END
         FROM ({rows}) AS r"
    ))?;
    let two_phase = "n % 10 BETWEEN 5 AND 7";
    session.execute(&format!(
        "INSERT INTO status_event (conversion, step, from_status, to_status, actor, reason, request, at)
         SELECT {uuid}, 1, NULL, CASE WHEN {two_phase} THEN 'pending' ELSE 'approved' END, 'merchant:m0', NULL, {uuid}, at
         FROM ({rows}) AS r"
    ))?;
    session.execute(&format!(
        "INSERT INTO status_event (conversion, step, from_status, to_status, actor, reason, request, at)
         SELECT {uuid}, 2, 'pending', {decided}, 'merchant:m0', NULL, {uuid}, at + 1
         FROM ({rows}) AS r WHERE {two_phase} AND n % 8 > 0"
    ))?;
    session.execute(&format!(
        "INSERT INTO postback_log (id, at, merchant, endpoint, method, params, click_id, outcome, status, answer,
            conversion, address, duration_us)
         SELECT {uuid}, at, 'm' || ({offer} / {OFFERS_EACH}), '/track/conv', 'GET', '[[\"goal_alias\",\"ftd\"]]', {click}, 'recorded', 200,
            '{{\"success\":true}}', {uuid}, '192.0.2.1', 900 FROM ({rows}) AS r"
    ))
}
