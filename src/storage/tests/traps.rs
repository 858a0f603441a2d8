//! Three ways in which the obvious use of the drivers acknowledges what it then loses. Each is played twice: without
//! the guard, where it must show, or the test proves nothing; and with it.

use std::{net::SocketAddr, sync::Arc};

use futures::future::{Either, select};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, TransactionOptions, TransactionTrait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
};

use super::databases::Fresh;
use crate::storage::{
    DatabaseUrl, Role,
    backend::{connect, connect_options, read_one, write_transaction},
};

const CREATE: &str = "CREATE TABLE deposit (id INTEGER PRIMARY KEY, filler TEXT)";
const COUNT: &str = "SELECT CAST(count(*) AS TEXT) FROM deposit";

/// The house's connection, or one that lacks nothing but the look before it is lent again.
async fn open(database: &DatabaseUrl, guarded: bool) -> DatabaseConnection {
    if guarded {
        connect(database, Role::Settings).await.unwrap()
    } else {
        Database::connect(connect_options(database, Role::Settings)).await.unwrap()
    }
}

fn insert(id: u32) -> String {
    format!("INSERT INTO deposit VALUES ({id}, '{}')", "x".repeat(2_000))
}

async fn insert_in_transaction(connection: &DatabaseConnection, id: u32) -> Result<(), DbErr> {
    let transaction = connection.begin_with_options(write_transaction()).await?;
    transaction.execute_unprepared(&insert(id)).await?;
    transaction.commit().await
}

/// Fills the disk, frees it, goes on; gives how many deposits were acknowledged, and how many somebody else then sees.
async fn fill_and_free(guarded: bool) -> (u32, u32) {
    let database = Fresh::sqlite();
    let connection = open(&database, guarded).await;
    connection.execute_unprepared(CREATE).await.unwrap();
    // A file that may not grow is to SQLite what a full disk is: SQLITE_FULL, and a rollback by itself.
    connection.execute_unprepared("PRAGMA max_page_count = 40").await.unwrap();
    let mut acknowledged = 0;
    let full = loop {
        match insert_in_transaction(&connection, acknowledged).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(full.to_string().contains("full"), "{full}");
    connection.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
    // The driver still counts the transaction that SQLite has rolled back, and so takes the next one for a part of it:
    // ending that one leaves open what nobody will ever commit.
    connection.begin_with_options(write_transaction()).await.unwrap().rollback().await.unwrap();
    for _ in 0..5 {
        acknowledged += u32::from(insert_in_transaction(&connection, acknowledged).await.is_ok());
    }
    acknowledged += u32::from(connection.execute_unprepared(&insert(acknowledged)).await.is_ok());
    (acknowledged, database.text(COUNT).await.parse().unwrap())
}

#[tokio::test]
async fn nothing_acknowledged_after_a_full_disk_is_lost() {
    let (acknowledged, there) = fill_and_free(false).await;
    assert_eq!(acknowledged - there, 6, "the control must lose what came after the full disk");
    let (acknowledged, there) = fill_and_free(true).await;
    assert!(acknowledged > 6, "{acknowledged}");
    assert_eq!(acknowledged, there);
}

/// A way to a server that keeps back whatever is answered to a `BEGIN`, until it is told to go on.
struct Relay {
    address: SocketAddr,
    begun: mpsc::UnboundedReceiver<()>,
    keeps_back: Arc<watch::Sender<bool>>,
}

impl Relay {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, begun) = mpsc::unbounded_channel();
        let keeps_back = Arc::new(watch::Sender::new(false));
        let held = Arc::clone(&keeps_back);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(&server).await.unwrap().into_split();
                tokio::spawn(ask(from_client, to_server, Arc::clone(&held), tell.clone()));
                tokio::spawn(answer(from_server, to_client, held.subscribe()));
            }
        });
        Self { address, begun, keeps_back }
    }

    /// The same database, by this way.
    fn way(&self, database: &Fresh) -> DatabaseUrl {
        let (user, rest) = database.address().split_once('@').unwrap();
        let (_, name) = rest.split_once('/').unwrap();
        format!("{user}@{}/{name}", self.address).parse().unwrap()
    }

    /// Lets go of a `BEGIN` that the server has, and that nobody has been told of.
    async fn cancel_begin(&mut self, connection: &DatabaseConnection) {
        let begin = Box::pin(connection.begin());
        let Either::Right(_) = select(begin, Box::pin(self.begun.recv())).await else {
            panic!("a transaction began without an answer");
        };
        self.keeps_back.send_replace(false);
    }
}

async fn ask(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    keeps_back: Arc<watch::Sender<bool>>,
    tell: mpsc::UnboundedSender<()>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        let begins = buffer[..read].windows(5).any(|word| word == b"BEGIN");
        if begins {
            keeps_back.send_replace(true);
        }
        if server.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        if begins {
            let _ = tell.send(());
        }
    }
}

async fn answer(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut keeps_back: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        let goes_on = keeps_back.wait_for(|keeps_back| !keeps_back).await.is_ok();
        if !goes_on || client.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Acknowledges deposits between cancelled transactions; gives how many somebody else sees after the connection has
/// ended.
async fn insert_between_cancelled(database: &Fresh, deposits: u32, guarded: bool) -> u32 {
    database.execute("DELETE FROM deposit").await;
    let mut relay = Relay::to(database.server().to_owned()).await;
    let connection = open(&relay.way(database), guarded).await;
    for id in 0..deposits {
        relay.cancel_begin(&connection).await;
        connection.execute_unprepared(&insert(id)).await.unwrap();
    }
    connection.close().await.unwrap();
    database.text(COUNT).await.parse().unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_after_a_cancelled_begin_is_lost() {
    let Some(database) = Fresh::postgres().await else { return };
    database.execute(CREATE).await;
    assert_eq!(insert_between_cancelled(&database, 10, false).await, 0, "the control must lose them");
    assert_eq!(insert_between_cancelled(&database, 10, true).await, 10);
}

/// Eight writers that each read and then write; gives how many of their transactions were committed.
async fn read_then_write(rounds: u32, options: fn() -> TransactionOptions) -> u32 {
    let database = Fresh::sqlite();
    database.execute("CREATE TABLE counter (value INTEGER)").await;
    database.execute("INSERT INTO counter VALUES (0)").await;
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(open(&database, true).await);
    }
    let writers = connections.into_iter().map(|connection| {
        tokio::spawn(async move {
            let mut committed = 0;
            for _ in 0..rounds {
                committed += u32::from(increment(&connection, options()).await.is_ok());
            }
            committed
        })
    });
    let committed = futures::future::join_all(writers).await.into_iter().map(Result::unwrap).sum();
    let counted: u32 = database.text("SELECT CAST(value AS TEXT) FROM counter").await.parse().unwrap();
    assert_eq!(counted, committed, "whatever was committed was counted");
    committed
}

async fn increment(connection: &DatabaseConnection, options: TransactionOptions) -> Result<(), DbErr> {
    let transaction = connection.begin_with_options(options).await?;
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, "SELECT value FROM counter");
    let value: i64 = transaction.query_one_raw(statement).await?.unwrap().try_get_by_index(0)?;
    transaction.execute_unprepared(&format!("UPDATE counter SET value = {}", value + 1)).await?;
    transaction.commit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_read_first_wait_for_each_other() {
    let deferred = read_then_write(25, TransactionOptions::default).await;
    assert!(deferred < 200, "the control must fail some of them: {deferred}");
    assert_eq!(read_then_write(100, write_transaction).await, 800);
}

#[tokio::test]
async fn a_reader_of_an_embedded_database_never_writes() {
    let database = Fresh::sqlite();
    open(&database, true).await.execute_unprepared(CREATE).await.unwrap();
    let reader = connect(&database, Role::Reader).await.unwrap();
    assert_eq!(read_one(&reader, COUNT).await.unwrap(), "0");
    let refused = reader.execute_unprepared(&insert(1)).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}
