//! Settings: from flags, the environment and a `.env` file. Every mistake is reported at once, and no secret is ever
//! printed.

use std::{
    fmt, fs,
    io::Write,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use ipnet::IpNet;

use crate::{
    clock::random,
    delivery,
    domain::{retry::RetrySchedule, secret::Secret},
    storage::DatabaseUrl,
};

/// How short a secret may be, in bytes. A generated one has 64 hexadecimal digits.
const SECRET_BYTES_MIN: usize = 16;

/// Settings as they are given.
#[derive(Args, Clone, Debug)]
pub struct Given {
    /// The database: `sqlite://` and a file, or `postgres://user:password@host/database`.
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_DATABASE_URL",
        default_value = "sqlite://data/countersign.db"
    )]
    #[arg(hide_env_values = true)]
    database_url: String,
    /// Where to listen; port 0 picks a free one.
    #[arg(long, global = true, env = "COUNTERSIGN_LISTEN", default_value = "127.0.0.1:8080")]
    listen: String,
    /// The address under which the world reaches the service, for the links that it shows.
    #[arg(long, global = true, env = "COUNTERSIGN_PUBLIC_URL")]
    public_url: Option<String>,
    /// Keys digests and sealed secrets. Generated beside an embedded database; required with PostgreSQL.
    #[arg(long, global = true, env = "COUNTERSIGN_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Address ranges, separated by commas, whose `X-Forwarded-For` is believed.
    #[arg(
        long,
        global = true,
        env = "COUNTERSIGN_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true
    )]
    trusted_proxies: String,
    /// What is logged: a level, or a filter such as `info,countersign::http=debug`.
    #[arg(long, global = true, env = "COUNTERSIGN_LOG", default_value = "info")]
    log: String,
    /// How it is logged: `text` or `json`.
    #[arg(long, global = true, env = "COUNTERSIGN_LOG_FORMAT", default_value = "text")]
    log_format: String,
    /// Requests a second that one merchant, or one address without a valid token, may send; 0 for no limit.
    #[arg(long, global = true, env = "COUNTERSIGN_RATE_LIMIT", default_value = "0")]
    rate_limit: String,
    /// Connections that may be open at once.
    #[arg(long, global = true, env = "COUNTERSIGN_CONNECTIONS_MAX", default_value = "2048")]
    connections_max: String,
    /// Address ranges, separated by commas, that outgoing postbacks may reach although they are not public.
    #[arg(long, global = true, env = "COUNTERSIGN_DELIVERY_ALLOW", default_value = "")]
    delivery_allow: String,
    /// Outgoing requests in flight to one host.
    #[arg(long, global = true, env = "COUNTERSIGN_DELIVERY_PER_HOST", default_value = "8")]
    delivery_per_host: String,
    /// Outgoing requests in flight in all.
    #[arg(long, global = true, env = "COUNTERSIGN_DELIVERY_IN_FLIGHT", default_value = "256")]
    delivery_in_flight: String,
    /// The delays before each attempt to deliver an outgoing postback, and when to give up.
    #[arg(long, global = true, env = "COUNTERSIGN_DELIVERY_SCHEDULE")]
    #[arg(default_value = "0s 5s 1m 5m 30m 2h 5h 10h 24h until 8d")]
    delivery_schedule: String,
    /// A database of addresses and countries in the format of `MaxMind`; read once, at the start.
    #[arg(long, global = true, env = "COUNTERSIGN_GEOIP_DB")]
    geoip_db: Option<PathBuf>,
    /// Writers on PostgreSQL, each with one connection. An embedded database always has one.
    #[arg(long, global = true, env = "COUNTERSIGN_WRITERS", default_value = "2")]
    writers: String,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Valid settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database.
    pub database_url: DatabaseUrl,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address for links, if it is not that of the listener.
    pub public_url: Option<String>,
    /// The server's secret, if it was given.
    pub secret: Option<Secret>,
    /// The proxies whose word on a sender's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What is logged.
    pub log: String,
    /// How.
    pub log_format: LogFormat,
    /// Requests a second of one sender.
    pub rate_limit: Option<NonZeroU32>,
    /// Where outgoing postbacks may go although it is not public.
    pub delivery_allow: Vec<IpNet>,
    /// Outgoing requests in flight.
    pub delivery_limits: delivery::Limits,
    /// When an outgoing postback is tried again.
    pub delivery_schedule: RetrySchedule,
    /// Connections at once.
    pub connections_max: usize,
    /// A database of addresses and countries.
    pub geoip_db: Option<PathBuf>,
    /// Writers of the ledger.
    pub writers: usize,
}

/// Every mistake in the settings.
#[derive(Debug, thiserror::Error)]
pub struct InvalidSettings(Vec<String>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Given {
    /// Checks all of them.
    ///
    /// # Errors
    /// [`InvalidSettings`] with every mistake.
    pub fn check(&self) -> Result<Settings, InvalidSettings> {
        let mut mistakes = Mistakes(Vec::new());
        let database_url = mistakes.parsed("COUNTERSIGN_DATABASE_URL", self.database_url.parse());
        let listen = mistakes.parsed(
            "COUNTERSIGN_LISTEN",
            self.listen
                .parse()
                .map_err(|_| format!("`{}` is not an address and port, as in 127.0.0.1:8080", self.listen)),
        );
        let public_url = self.public_url.as_ref().filter(|url| !url.is_empty());
        let public_url =
            public_url.and_then(|text| mistakes.parsed("COUNTERSIGN_PUBLIC_URL", public_address(text)));
        let secret = self.secret.as_ref().filter(|secret| !secret.is_empty());
        let secret = secret.and_then(|text| mistakes.parsed("COUNTERSIGN_SECRET", long_enough(text)));
        let trusted_proxies =
            mistakes.parsed("COUNTERSIGN_TRUSTED_PROXIES", address_ranges(&self.trusted_proxies));
        let delivery_allow =
            mistakes.parsed("COUNTERSIGN_DELIVERY_ALLOW", address_ranges(&self.delivery_allow));
        let delivery_limits = mistakes.delivery_limits(self);
        let delivery_schedule =
            mistakes.parsed("COUNTERSIGN_DELIVERY_SCHEDULE", self.delivery_schedule.parse());
        let log_format = mistakes.parsed(
            "COUNTERSIGN_LOG_FORMAT",
            match self.log_format.as_str() {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                other => Err(format!("`{other}` is neither text nor json")),
            },
        );
        let rate_limit = mistakes.parsed("COUNTERSIGN_RATE_LIMIT", number(&self.rate_limit, 0, 1_000_000));
        let connections_max =
            mistakes.parsed("COUNTERSIGN_CONNECTIONS_MAX", number(&self.connections_max, 1, 1_000_000));
        let writers = mistakes.parsed("COUNTERSIGN_WRITERS", number(&self.writers, 1, 16));
        if let Some(url) = &database_url
            && DatabaseUrl::file(url).is_none()
            && secret.is_none()
            && self.secret.as_ref().is_none_or(String::is_empty)
        {
            let mistake = "COUNTERSIGN_SECRET: with PostgreSQL, set it to the same long random text for every \
                           process, for example from `openssl rand -hex 32`";
            mistakes.0.push(mistake.to_owned());
        }
        let settings = (|| {
            Some(Settings {
                database_url: database_url?,
                listen: listen?,
                public_url,
                secret,
                trusted_proxies: trusted_proxies?,
                delivery_allow: delivery_allow?,
                delivery_limits: delivery_limits?,
                delivery_schedule: delivery_schedule?,
                geoip_db: self.geoip_db.clone().filter(|file| !file.as_os_str().is_empty()),
                log: self.log.clone(),
                log_format: log_format?,
                rate_limit: NonZeroU32::new(rate_limit?),
                connections_max: usize::try_from(connections_max?).ok()?,
                writers: usize::try_from(writers?).ok()?,
            })
        })();
        settings.filter(|_| mistakes.0.is_empty()).ok_or(InvalidSettings(mistakes.0))
    }
}

struct Mistakes(Vec<String>);

impl Mistakes {
    fn parsed<T, E: ToString>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.0.push(format!("{name}: {}", error.to_string()))).ok()
    }

    fn delivery_limits(&mut self, given: &Given) -> Option<delivery::Limits> {
        let per_host = self.parsed("COUNTERSIGN_DELIVERY_PER_HOST", number(&given.delivery_per_host, 1, 64));
        let in_all =
            self.parsed("COUNTERSIGN_DELIVERY_IN_FLIGHT", number(&given.delivery_in_flight, 1, 1_024));
        Some(delivery::Limits { per_host: per_host? as usize, in_all: in_all? as usize })
    }
}

fn address_ranges(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',').map(str::trim).filter(|range| !range.is_empty()).map(address_range).collect()
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.trim().parse::<u32>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a whole number from {least} to {most}"))
}

fn public_address(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!("`{text}` is not an address such as https://track.example")),
    }
}

fn long_enough(text: &str) -> Result<Secret, String> {
    if text.len() >= SECRET_BYTES_MIN {
        return Ok(Secret::new(text));
    }
    Err(format!("it is too short to be secret: give at least {SECRET_BYTES_MIN} random characters"))
}

/// A range of addresses, or a single one.
pub fn address_range(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let range = text.parse::<IpNet>().ok().or_else(single);
    range.ok_or_else(|| format!("`{text}` is neither an address nor a range such as 10.0.0.0/8"))
}

impl Settings {
    /// The server's secret: as given, or else the one that is kept beside the embedded database, made if there is
    /// none.
    ///
    /// # Errors
    /// When the file can't be read or made.
    pub fn server_secret(&self) -> Result<Secret, String> {
        match (&self.secret, self.database_url.file()) {
            (Some(secret), _) => Ok(secret.clone()),
            (None, Some(database)) => {
                self.database_url.make_file().map_err(|error| error.to_string())?;
                let path = database.with_file_name("countersign.secret");
                kept_secret(&path).map_err(|error| format!("the secret in {}: {error}", path.display()))
            }
            (None, None) => Err("COUNTERSIGN_SECRET is required with PostgreSQL".to_owned()),
        }
    }
}

fn kept_secret(path: &Path) -> std::io::Result<Secret> {
    let fresh = hex::encode(random::<32>());
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(fresh.as_bytes())?;
            file.sync_all()?;
            Ok(Secret::new(fresh))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let kept = fs::read_to_string(path)?;
            long_enough(kept.trim()).map_err(std::io::Error::other)
        }
        Err(error) => Err(error),
    }
}
