//! The composition root: the only file that knows every room. Boot, supervision, and the order of the shutdown.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use futures::future::BoxFuture;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Notify, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, SystemClock, random},
    config::Settings,
    configuration_file,
    delivery::{self, Engine, client::Client},
    domain::{
        catalog::Catalog, endpoint::Endpoint, ids::TokenId, sealed::Sealer, secret::Secret, time::Timestamp,
        token::TokenDigester,
    },
    http::{self, Edge},
    ingest::{Ingest, publish},
    storage::{Attempt, Ledger, RollUp, Storage, StorageError},
    telemetry,
};

/// How often the configuration is looked at. Every batch looks by itself; this is for what is read before.
const CATALOG_INTERVAL: Duration = Duration::from_millis(500);

/// How often what has gathered in memory is written and what has gathered in tables is cleared.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(30);

/// How long the answer to a creation under an `Idempotency-Key` is kept, in milliseconds: a day.
const SAVED_ANSWERS_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How often the write-ahead log of an embedded database is carried over.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(200);

/// How often what has happened is rolled up for statistics.
const ROLL_UP_INTERVAL: Duration = Duration::from_mins(1);

/// How long the roll-up pauses after each slice while it catches up, so that it leaves the database to others.
const ROLL_UP_PAUSE: Duration = Duration::from_millis(20);

/// How long to wait before a database that is away is tried again at the start.
const BOOT_RETRY: Duration = Duration::from_secs(1);

/// How long the writers may take to commit what waits when the service stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// What every command needs: the storage, and what the server's secret gives.
pub struct Base {
    /// Configuration, tokens, reading.
    pub storage: Storage,
    /// Recognises tokens.
    pub digester: TokenDigester,
}

impl Base {
    /// Brings the schema up to date and opens the storage.
    ///
    /// # Errors
    /// When the database is away or unsafe, or the secret is not the one that it belongs to.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let secret = settings.server_secret().map_err(|error| anyhow!(error))?;
        let secret = secret.expose().as_bytes();
        let (sealer, digester) = (Sealer::derive(secret), TokenDigester::new(secret));
        Storage::migrate(&settings.database_url).await?;
        let storage = Storage::open(&settings.database_url, sealer).await?;
        storage.check_secret(&digester.digest("countersign")).await?;
        Ok(Self { storage, digester })
    }
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start, or a part of it that must not fail has failed.
pub async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_on_signal(&stop)?;
    settings.database_url.make_file()?;
    let _lock = settings.database_url.file().map(|file| lock(&file)).transpose()?;
    let Some(base) = wait_for_database(settings, &stop).await? else { return Ok(()) };
    let catalog = watch::Sender::new(Arc::new(base.storage.catalog().await?));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let deliveries_due = Arc::new(Notify::new());
    let ledgers = open_ledgers(settings, &base.storage).await?;
    let (ingest, mut writers) = Ingest::open(ledgers, &catalog, &clock, &deliveries_due);
    let engine = open_engine(settings, &base.storage, &catalog, &clock, deliveries_due).await?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("can't listen on {}", settings.listen))?;
    let address = listener.local_addr()?;
    let edge = Arc::new(Edge {
        catalog: catalog.subscribe(),
        ready_made: configuration_file::ready_made().clone(),
        ingest,
        storage: base.storage.clone(),
        digester: base.digester,
        token_uses: http::TokenUses::default(),
        clock: Arc::clone(&clock),
        trusted_proxies: settings.trusted_proxies.clone(),
        rate_limit: settings.rate_limit,
        setup_key: (!base.storage.has_users().await?).then(|| Secret::new(hex::encode(random::<16>()))),
        countries: open_countries(settings)?,
        is_public_url_given: settings.public_url.is_some(),
        public_url: settings.public_url.clone().unwrap_or_else(|| format!("http://{address}")),
        tester: Arc::new(Trials(delivery_client(settings)?)),
        metrics: telemetry::metrics(),
    });
    let limits = http::Limits { connections: settings.connections_max, ..http::Limits::default() };
    let mut background = JoinSet::new();
    background.spawn(watch_catalog(base.storage.clone(), catalog));
    background.spawn(checkpoint(base.storage.clone()));
    background.spawn(keep_house(base.storage.clone(), Arc::clone(&edge)));
    background.spawn(roll_up(base.storage.clone(), Arc::clone(&clock)));
    let server =
        tokio::spawn(http::serve(listener, http::router(Arc::clone(&edge)), limits, clock, stop.clone()));
    let mut deliveries = engine.start(stop.clone());
    announce(address, settings, &edge);
    let failed = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        Some(ended) = writers.join_next() => Some(format!("a writer ended: {ended:?}")),
        ended = &mut deliveries => Some(format!("the delivery of postbacks ended: {ended:?}")),
    };
    stop.cancel();
    server.await?;
    if !deliveries.is_finished() {
        deliveries.await?;
    }
    background.shutdown().await;
    let uses = edge.token_uses.take();
    // The door closes with its last handle; the writers commit what waits behind it and end.
    drop(edge);
    finish(base.storage, &mut writers, &uses).await;
    if let Some(ended) = failed {
        bail!("{ended}; start again, what was acknowledged is there");
    }
    if !writers.is_empty() {
        bail!("the database did not take the last events in time; none of them was acknowledged");
    }
    tracing::info!("stopped");
    Ok(())
}

fn announce(address: SocketAddr, settings: &Settings, edge: &Edge) {
    println!("listening on http://{address}");
    if let Some(key) = &edge.setup_key {
        // Not a line of the log: whoever has this address becomes the admin.
        eprintln!(
            "nobody can sign in yet: create the first admin at {}/setup?key={}",
            edge.public_url,
            key.expose()
        );
    }
    tracing::info!(%address, database = %settings.database_url.shown(), "serving");
}

/// Lets the writers commit what waits, and closes; but not for longer than a database that is away is waited for.
async fn finish(storage: Storage, writers: &mut JoinSet<()>, uses: &[(TokenId, Timestamp)]) {
    let finished = async {
        let drained = async { while writers.join_next().await.is_some() {} };
        // Losing the last uses of tokens would only make a date older.
        let (_, ()) = tokio::join!(storage.note_use(uses), drained);
        storage.close().await;
    };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, finished).await;
}

fn stop_on_signal(stop: &CancellationToken) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new requests, those in flight may finish");
        stop.cancel();
    });
    Ok(())
}

/// Opens everything, however long the database is away; nothing if it shall stop before.
async fn wait_for_database(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<Option<Base>> {
    loop {
        let error = match Base::open(settings).await {
            Ok(base) => return Ok(Some(base)),
            Err(error) => error,
        };
        if !matches!(error.downcast_ref(), Some(StorageError::Unavailable(_) | StorageError::Conflict(_))) {
            return Err(error);
        }
        tracing::warn!(%error, database = %settings.database_url.shown(), "waiting for the database");
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(BOOT_RETRY) => {}
        }
    }
}

fn open_countries(settings: &Settings) -> anyhow::Result<Option<http::Countries>> {
    let open = |file: &PathBuf| {
        http::Countries::open(file).with_context(|| format!("COUNTERSIGN_GEOIP_DB: {}", file.display()))
    };
    settings.geoip_db.as_ref().map(open).transpose()
}

/// The engine that delivers outgoing postbacks.
async fn open_engine(
    settings: &Settings,
    storage: &Storage,
    catalog: &watch::Sender<Arc<Catalog>>,
    clock: &Arc<dyn Clock>,
    due: Arc<Notify>,
) -> anyhow::Result<Engine> {
    let outbox = storage.open_outbox().await?;
    if settings.database_url.file().is_some() {
        // The lock says that nobody else delivers from here, so what is claimed was left by a server that died.
        outbox.take_over().await?;
    }
    Ok(Engine {
        outbox,
        catalog: catalog.subscribe(),
        client: delivery_client(settings)?,
        clock: Arc::clone(clock),
        schedule: settings.delivery_schedule.clone(),
        limits: settings.delivery_limits,
        due,
    })
}

/// The client that outgoing postbacks leave through.
///
/// # Errors
/// When the system has no certificate authorities to trust.
pub fn delivery_client(settings: &Settings) -> anyhow::Result<Client> {
    Ok(Client::new(delivery::client::Limits::default(), settings.delivery_allow.clone())?)
}

/// Where the edge, which has no way out, and the client for receivers that nobody vouches for meet.
#[derive(Debug)]
struct Trials(Client);

impl http::Tester for Trials {
    fn test<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        catalog: &'a Catalog,
        now: Timestamp,
    ) -> BoxFuture<'a, Attempt> {
        Box::pin(async move {
            let (attempt, _) = delivery::test(&self.0, endpoint, catalog, now).await.into_attempt(1, now);
            attempt
        })
    }
}

async fn open_ledgers(settings: &Settings, storage: &Storage) -> anyhow::Result<Vec<Ledger>> {
    // SQLite has one write lock: a second writer would only wait for the first.
    let writers = if settings.database_url.file().is_some() { 1 } else { settings.writers };
    let mut ledgers = Vec::new();
    for _ in 0..writers {
        ledgers.push(storage.open_ledger().await?);
    }
    Ok(ledgers)
}

/// Keeps the configuration that requests are read by no older than the interval.
async fn watch_catalog(storage: Storage, catalog: watch::Sender<Arc<Catalog>>) {
    let mut interval = tokio::time::interval(CATALOG_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = refresh(&storage, &catalog).await {
            tracing::warn!(%error, "the configuration could not be looked at");
        }
    }
}

async fn refresh(storage: &Storage, catalog: &watch::Sender<Arc<Catalog>>) -> Result<(), StorageError> {
    let version = storage.catalog_version().await?;
    if catalog.borrow().version != version {
        let current = Arc::new(storage.catalog().await?);
        publish(catalog, &current);
        tracing::info!(version = current.version, "the configuration has changed");
    }
    Ok(())
}

/// Spares the commits of an embedded database the work of carrying its log over.
async fn checkpoint(storage: Storage) {
    let mut interval = tokio::time::interval(CHECKPOINT_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = storage.checkpoint().await {
            tracing::warn!(%error, "the write-ahead log could not be carried over; it goes on next time");
        }
    }
}

async fn keep_house(storage: Storage, edge: Arc<Edge>) {
    let mut interval = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    loop {
        interval.tick().await;
        edge.metrics.run_upkeep();
        let uses = edge.token_uses.take();
        let done = async {
            if !uses.is_empty() {
                storage.note_use(&uses).await?;
            }
            storage.forget_answers(edge.clock.now().plus_millis(-SAVED_ANSWERS_MILLIS)).await?;
            storage.forget_strangers().await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "housekeeping did not finish; it goes on next time");
        }
    }
}

/// Rolls up what has happened, for statistics.
async fn roll_up(storage: Storage, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(ROLL_UP_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = catch_up(&storage, &*clock).await {
            tracing::warn!(%error, "the roll-up of statistics stopped; it goes on in a minute");
        }
    }
}

async fn catch_up(storage: &Storage, clock: &dyn Clock) -> Result<(), StorageError> {
    loop {
        match storage.roll_up(clock.now()).await? {
            RollUp::Further { .. } => tokio::time::sleep(ROLL_UP_PAUSE).await,
            RollUp::Done => break,
            RollUp::Elsewhere => return Ok(()),
            RollUp::ClockBehind { until } => {
                tracing::warn!(
                    rolled_up_until = %until,
                    "the clock has been put back: once it is right, run `countersign stats rebuild`, because what is \
                     recorded until then is missing from statistics"
                );
                return Ok(());
            }
        }
    }
    while storage.clear_forgotten_pages().await? {
        tokio::time::sleep(ROLL_UP_PAUSE).await;
    }
    Ok(())
}

/// Takes the lock that allows one server per embedded database. It ends with the process, however that ends.
fn lock(database: &Path) -> anyhow::Result<File> {
    let path = database.with_extension("lock");
    let named = || format!("the lock file {}", path.display());
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(named)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "process {}", std::process::id())?;
            file.flush()?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            bail!(
                "{} is served by {holder} already: stop that one, or use PostgreSQL for several",
                database.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(named),
    }
}
