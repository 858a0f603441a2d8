//! A connection to PostgreSQL that breaks at the worst moment: while COMMIT is on its way. The deposits carry no
//! transaction id, so nothing but the writer's own look at what was committed keeps them from being counted twice.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{checker::check, load::Acknowledged};
use crate::support::{Database, Program, WORLD};

/// What becomes of the connection that carries the next COMMIT.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// It breaks before the server has seen the COMMIT.
    BeforeTheServer,
    /// It breaks after the server has committed, before we know.
    AfterTheServer,
    /// The same, and the next connections break as well.
    AfterTheServerWhichStaysAway { connections: u32 },
    /// The server has committed, and then nothing comes any more, not even an end.
    IntoSilence,
}

/// Stands between the program and the server.
struct Proxy {
    port: u16,
    armed: Arc<Mutex<Option<Cut>>>,
}

impl Proxy {
    async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed = Arc::new(Mutex::new(None));
        let handle = Arc::clone(&armed);
        let away = Arc::new(Mutex::new(0));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let is_away = std::mem::replace(&mut *away.lock().unwrap(), 0_u32);
                if is_away > 0 {
                    *away.lock().unwrap() = is_away - 1;
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                tokio::spawn(forward(client, server, Arc::clone(&handle), Arc::clone(&away)));
            }
        });
        Self { port, armed }
    }

    fn arm(&self, cut: Cut) {
        *self.armed.lock().unwrap() = Some(cut);
    }
}

async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    armed: Arc<Mutex<Option<Cut>>>,
    away: Arc<Mutex<u32>>,
) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let request = &asked[..read?];
                let commits = request.windows(6).any(|part| part == b"COMMIT");
                let cut = if commits { armed.lock().unwrap().take() } else { None };
                if request.is_empty() || matches!(cut, Some(Cut::BeforeTheServer)) {
                    return Ok(());
                }
                server.write_all(request).await?;
                if let Some(cut) = cut {
                    // Its answer to COMMIT, which nobody will ever hear.
                    let _unheard = server.read(&mut answered).await?;
                    match cut {
                        Cut::AfterTheServerWhichStaysAway { connections } => *away.lock().unwrap() = connections,
                        Cut::IntoSilence => std::future::pending().await,
                        Cut::BeforeTheServer | Cut::AfterTheServer => {}
                    }
                    return Ok(());
                }
            }
            read = server.read(&mut answered) => {
                let answer = &answered[..read?];
                if answer.is_empty() {
                    return Ok(());
                }
                client.write_all(answer).await?;
            }
        }
    }
}

async fn check_counted_once(cut: Cut) {
    let Some(database) = Database::postgres().await else { return };
    Program::new(&database).apply(WORLD).ok();
    let (address, name) = database.url().rsplit_once('/').unwrap();
    let (scheme_and_user, server) = address.rsplit_once('@').unwrap();
    let proxy = Proxy::before(server.to_owned()).await;
    let through_proxy = format!("{scheme_and_user}@127.0.0.1:{}/{name}?sslmode=disable", proxy.port);
    let server = Program::new(&database)
        .with("COUNTERSIGN_DATABASE_URL", &through_proxy)
        .with("COUNTERSIGN_WRITERS", "1")
        .serve();
    let click = server.click().await;
    server.conv(&click, "ftd 100 EUR").await.ok(json!({ "duplicate": false }));
    proxy.arm(cut);
    let amounts: Vec<_> = (1..=8).map(|amount| format!("rdep {amount} EUR")).collect();
    let deposits = amounts.iter().map(|deposit| server.conv(&click, deposit));
    for answer in futures::future::join_all(deposits).await {
        answer.ok(json!({ "duplicate": false, "suspected_duplicate": false, "status": "approved" }));
    }
    assert!(proxy.armed.lock().unwrap().is_none(), "the connection was cut");
    assert_eq!(database.count("conversion WHERE goal = 'rdep'").await, 8, "{cut:?}");
    assert_eq!(database.count("postback_log WHERE outcome = 'recorded'").await, 9, "{cut:?}");
    check(&database, &Acknowledged::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_whose_commit_never_arrived_is_counted_once() {
    check_counted_once(Cut::BeforeTheServer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_whose_commit_was_not_confirmed_is_counted_once() {
    check_counted_once(Cut::AfterTheServer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_is_counted_once_though_the_database_is_away_after_its_commit() {
    check_counted_once(Cut::AfterTheServerWhichStaysAway { connections: 5 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_is_counted_once_though_the_database_falls_silent_at_its_commit() {
    check_counted_once(Cut::IntoSilence).await;
}
