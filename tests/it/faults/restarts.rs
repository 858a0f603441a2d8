//! PostgreSQL stops and starts again, or is not one that may hold money. Each test has a cluster of its own.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{checker::check, load::Load};
use crate::support::{Database, OnDatabase, Program, Server, eventually};

/// Where the programs of PostgreSQL are.
const POSTGRES_BIN: &str = "COUNTERSIGN_TEST_POSTGRES_BIN";

struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// A new one, running; none where the tests were not told of PostgreSQL, except under CI.
    fn start(settings: &str) -> Option<Self> {
        let Some(programs) = env::var_os(POSTGRES_BIN) else {
            assert!(
                env::var_os("CI").is_none(),
                "CI must set {POSTGRES_BIN}: run the tests by tests/with-postgres"
            );
            eprintln!("\n*** A RESTARTED POSTGRESQL WAS LEFT OUT: {POSTGRES_BIN} is not set ***\n");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder: TempDir::new().unwrap(), programs: programs.into(), port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        run(cluster.program("initdb").args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]));
        cluster.resume(settings);
        Some(cluster)
    }

    /// One of its programs. PostgreSQL refuses to run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(self.folder.path().join("data")).current_dir(self.folder.path());
        command
    }

    fn resume(&self, settings: &str) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {settings}",
            self.port
        );
        run(self.program("pg_ctl").args(["-w", "-l", "log", "-o", &options, "start"]));
    }

    /// Ends it as a power cut would.
    fn cut(&self) {
        run(self.program("pg_ctl").args(["-w", "-m", "immediate", "stop"]));
    }

    async fn database(&self) -> Database {
        Database::on_server(&format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.program("pg_ctl").args(["-m", "immediate", "stop"]).output();
    }
}

pub(super) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}

#[track_caller]
fn run(command: &mut Command) {
    // Not to a pipe: the server that pg_ctl starts would keep it open.
    let status = command.stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_under_load_loses_nothing() {
    let Some(cluster) = Cluster::start("") else { return };
    let server = Server::on(cluster.database().await);
    let load = Load::start(server.address, 64);
    for _ in 0..3 {
        let (answered, put_off) = (load.answered(), load.put_off());
        eventually("the load is answered", async || load.answered() > answered + 128).await;
        cluster.cut();
        eventually("everybody is told to come back", async || load.put_off() > put_off + 64).await;
        eventually("it says that it is not ready", async || server.get("/readyz").await.status == 503).await;
        assert_eq!(server.get("/healthz").await.status, 200);
        cluster.resume("");
        eventually("it says that it is ready", async || server.get("/readyz").await.status == 200).await;
    }
    let answered = load.answered();
    eventually("the load is answered again", async || load.answered() > answered + 128).await;
    check(server.database(), &load.finish().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_waits_for_a_database_that_is_away_when_it_starts() {
    let Some(cluster) = Cluster::start("") else { return };
    let mut server = Server::on(cluster.database().await);
    let click = server.click().await;
    server.stop().await;
    cluster.cut();
    let program = server.program.clone();
    let starting = tokio::task::spawn_blocking(move || program.serve());
    eventually("it says that it waits", async || server.log().contains("waiting for the database")).await;
    cluster.resume("");
    let started = starting.await.unwrap();
    assert_eq!(started.conv(&click, "ftd 100 EUR").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stops_though_its_database_is_away() {
    let Some(cluster) = Cluster::start("") else { return };
    let mut server = Server::on(cluster.database().await);
    let click = server.click().await;
    assert_eq!(server.conv(&click, "ftd 100 EUR").await.status, 200);
    cluster.cut();
    server.conv(&click, "ftd 100 EUR").await.refused(503, "storage_unavailable", "");
    server.stop().await;
    cluster.resume("");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_could_lose_what_it_has_committed_is_refused() {
    let Some(cluster) = Cluster::start("-c fsync=off") else { return };
    let database = cluster.database().await;
    let refused = Program::new(&database).run(&["migrate"]).failed(1);
    assert!(refused.contains("SHOW fsync"), "{refused}");
    cluster.cut();
    cluster.resume("-c full_page_writes=off");
    let refused = Program::new(&database).run(&["serve"]).failed(1);
    assert!(refused.contains("SHOW full_page_writes"), "{refused}");
    assert_eq!(
        database
            .texts("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'")
            .await,
        Vec::<String>::new()
    );
}
