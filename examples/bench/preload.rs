//! Whether a conversion costs more in a large database than in an empty one.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};

use crate::database::{Engine, Place, Scratch, Session};
use crate::load::{Load, Span};
use crate::report::{Figures, Workload};
use crate::server::Server;

/// How often each database is measured, in turns.
const PASSES: usize = 2;
const CONNECTIONS: usize = 256;

/// How much a database holds before the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Size {
    clicks: u64,
    conversions: u64,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (clicks, conversions) = text.split_once('x')?;
            Some(Self { clicks: clicks.parse().ok()?, conversions: conversions.parse().ok()? })
        };
        let size =
            parse().ok_or_else(|| format!("write clicks x conversions, as 5000000x1000000, not {text}"))?;
        if size.conversions > size.clicks {
            return Err("each conversion is of a click of its own, so there can't be more of them".to_owned());
        }
        Ok(size)
    }
}

/// Adds the conversions on an empty and on a filled database to the figures, a server after the other.
pub(crate) fn measure(
    place: &Place,
    binary: &Path,
    size: Size,
    span: Span,
    figures: &mut Figures,
) -> Result<()> {
    let filled = place.fresh("filled")?;
    Server::set_up(binary, &filled, "")?;
    eprintln!("filling a database with {} clicks and {} conversions", size.clicks, size.conversions);
    fill(binary, &filled, place.engine(), size).context("filling the database")?;
    let load = Load { connections: CONNECTIONS, span };
    for pass in 1..=PASSES {
        eprintln!("empty against filled, pass {pass} of {PASSES}");
        let empty = place.fresh("empty")?;
        Server::set_up(binary, &empty, "")?;
        for (workload, scratch) in
            [(Workload::ConversionOnEmpty, &empty), (Workload::ConversionOnFilled, &filled)]
        {
            let mut server = Server::start(binary, scratch)?;
            figures.add(workload, CONNECTIONS, pass, server.convert(load)?);
            server.stop()?;
        }
    }
    Ok(())
}

/// A column that can't be copied from row to row.
#[derive(Clone, Copy)]
enum Key {
    /// The id of the n-th click; sorts before every id that the server draws, as an older one does.
    ClickId,
    /// The n-th UUID; likewise.
    Uuid,
}

/// A table that is filled by copying its first row, keys apart.
struct Copied {
    table: &'static str,
    keys: &'static [(&'static str, Key)],
}

/// What the server writes for a click.
const OF_A_CLICK: &[Copied] = &[Copied { table: "click", keys: &[("id", Key::ClickId)] }];
/// What the server writes for a conversion.
const OF_A_CONVERSION: &[Copied] = &[
    Copied { table: "conversion", keys: &[("id", Key::Uuid), ("click_id", Key::ClickId)] },
    Copied { table: "status_event", keys: &[("conversion", Key::Uuid)] },
    Copied {
        table: "postback_log",
        keys: &[("id", Key::Uuid), ("click_id", Key::ClickId), ("conversion", Key::Uuid)],
    },
];

/// Lets the server record a few rows, and copies them.
fn fill(binary: &Path, scratch: &Scratch, engine: Engine, size: Size) -> Result<()> {
    Server::start(binary, scratch)?.stop()?;
    let session = Session::open(scratch.url())?;
    for (tables, count) in [(OF_A_CLICK, size.clicks), (OF_A_CONVERSION, size.conversions)] {
        for copied in tables {
            let columns = session.columns(copied.table)?;
            session.execute(&copied.fill_sql(&columns, engine, count))?;
        }
    }
    settle(engine).iter().try_for_each(|statement| session.execute(statement))
}

/// What the database would do by itself after such a load, done before it can fall into the measured time.
fn settle(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Sqlite => &["PRAGMA wal_checkpoint(TRUNCATE)"],
        Engine::Postgres => &["VACUUM ANALYZE", "CHECKPOINT"],
    }
}

impl Copied {
    fn fill_sql(&self, columns: &[String], engine: Engine, count: u64) -> String {
        let value = |column: &String| {
            let key = self.keys.iter().find(|(name, _)| name == column);
            key.map_or_else(|| format!("\"{column}\""), |(_, key)| key.sql(engine).to_owned())
        };
        let values: Vec<String> = columns.iter().map(value).collect();
        let table = self.table;
        format!(
            "INSERT INTO {table} (\"{}\")
             WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count})
             SELECT {} FROM (SELECT * FROM {table} LIMIT 1) AS sample, series",
            columns.join("\", \""),
            values.join(", "),
        )
    }
}

impl Key {
    /// An expression over `n`, which has up to eleven digits.
    fn sql(self, engine: Engine) -> &'static str {
        match (self, engine) {
            (Self::ClickId, _) => "'0' || CAST(100000000000 + n AS TEXT) || '-7000-8000-000000000000'",
            (Self::Uuid, Engine::Sqlite) => "unhex('00000000000070008000' || CAST(100000000000 + n AS TEXT))",
            (Self::Uuid, Engine::Postgres) => {
                "CAST('00000000-0000-7000-8000-' || CAST(100000000000 + n AS TEXT) AS uuid)"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_clicks_times_conversions() {
        assert_eq!("50x10".parse(), Ok(Size { clicks: 50, conversions: 10 }));
        for wrong in ["", "50", "50x", "x10", "50x10x1", "-5x1", "10x50"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
