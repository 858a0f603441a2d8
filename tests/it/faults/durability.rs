//! Whether an answer leaves before what it says has reached the disk. A killed process can't show that: what it wrote
//! stays with the operating system. So the system calls are watched.

use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

use serde_json::json;
use sqlx::{
    ConnectOptions, Connection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::support::{Database, OnDatabase, Server, eventually};

const TRACED: &str = "trace=openat,pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg";
const ANSWER: &str = "\"HTTP/1.1 200";
const ROUNDS: usize = 200;

/// What a trace says: how many answers were sent, and how many of them while the log of the database held something
/// that had not reached the disk.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    sent: usize,
    too_early: usize,
}

/// Reads what strace wrote.
fn answers(trace: &Path) -> Answers {
    let mut answers = Answers::default();
    let mut logs = BTreeMap::new();
    let mut syncing = BTreeMap::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let descriptor = call.split_once('(').and_then(|(_, rest)| rest.split([',', ')', ' ']).next());
        let descriptor = descriptor.unwrap_or_default().to_owned();
        let done = call.ends_with("= 0");
        if call.contains(ANSWER) {
            answers.sent += 1;
            answers.too_early += usize::from(logs.values().any(|unsynced| *unsynced));
        } else if call.starts_with("openat(") && call.contains("-wal\"") {
            let opened = call.rsplit("= ").next().unwrap_or_default();
            logs.insert(opened.to_owned(), false);
        } else if call.starts_with("pwrite64(") {
            logs.entry(descriptor).and_modify(|unsynced| *unsynced = true);
        } else if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            if done {
                logs.entry(descriptor).and_modify(|unsynced| *unsynced = false);
            } else {
                syncing.insert(thread.to_owned(), descriptor);
            }
        } else if call.contains("sync resumed>") && done {
            let descriptor = syncing.remove(thread).unwrap_or_default();
            logs.entry(descriptor).and_modify(|unsynced| *unsynced = false);
        }
    }
    answers
}

fn has_strace() -> bool {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        assert!(env::var_os("CI").is_none(), "CI must have strace, and let it trace");
        eprintln!("\n*** THE CHECK FOR MISSING SYNCS WAS LEFT OUT: strace does not work here ***\n");
    }
    works
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_leaves_before_what_it_says_is_on_the_disk() {
    if !has_strace() {
        return;
    }
    let mut server = Server::on(Database::sqlite());
    server.stop().await;
    let trace = server.database().folder().join("trace");
    let traced = ["strace", "-D", "-f", "-e", TRACED, "-o", trace.to_str().unwrap()];
    let mut server = server.program.clone().run_by(&traced).serve();
    for _ in 0..ROUNDS {
        let click = server.click().await;
        server.conv(&click, "ftd 100 EUR").await.ok(json!({ "duplicate": false }));
        server.change(&click, "ftd approved").await.ok(json!({ "status": "approved" }));
    }
    server.stop().await;
    let ended = async || fs::read_to_string(&trace).unwrap().contains("+++ exited with 0 +++");
    eventually("the trace is whole", ended).await;
    assert_eq!(answers(&trace), Answers { sent: 3 * ROUNDS, too_early: 0 });
}

/// The check must be able to fail: a writer that answers like ours, but lets its database sync when it likes.
#[test]
fn answers_of_a_careless_writer_are_noticed() {
    if !has_strace() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    let name = "faults::durability::a_careless_writer";
    let ended = Command::new("strace")
        .args(["-f", "-e", TRACED, "-o", trace.to_str().unwrap()])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(answers(&trace), Answers { sent: ROUNDS, too_early: ROUNDS });
}

#[tokio::test]
#[ignore = "it is the program that `answers_of_a_careless_writer_are_noticed` watches"]
async fn a_careless_writer() {
    let options = SqliteConnectOptions::new()
        .filename("careless.db")
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE deposit (id INTEGER)").execute(&mut connection).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
    let (_client, (mut stream, _)) = (client.unwrap(), accepted.unwrap());
    for _ in 0..ROUNDS {
        sqlx::raw_sql("INSERT INTO deposit VALUES (1)").execute(&mut connection).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    }
    connection.close().await.unwrap();
}
