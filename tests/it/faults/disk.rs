//! A disk that is full, and then is not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{checker::check, load::Load, restarts::is_root};
use crate::support::{Database, Program, Server, WORLD, eventually};

/// Puts a small disk where the data goes, which nobody else sees and which ends with the program, and begins there.
const ON_SMALL_DISK: &str =
    "mount -t tmpfs -o size=16m tmpfs data && \"$0\" apply world.toml >&2 && exec \"$0\" \"$@\"";

fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// The folder of the data as the program sees it.
fn data_of(server: &Server) -> PathBuf {
    let folder = server.database().folder().strip_prefix("/").unwrap().join("data");
    Path::new("/proc").join(server.process().to_string()).join("root").join(folder)
}

/// The database as somebody else finds it, on another disk.
fn copied(server: &Server) -> Database {
    let copy = Database::sqlite();
    fs::create_dir(copy.folder().join("data")).unwrap();
    for name in ["countersign.db", "countersign.db-wal"] {
        fs::copy(data_of(server).join(name), copy.folder().join("data").join(name)).unwrap();
    }
    copy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_was_full_has_lost_nothing_and_is_used_again() {
    if !can_mount() {
        assert!(env::var_os("CI").is_none() || !is_root(), "CI that runs as root must allow a tmpfs");
        eprintln!("\n*** THE FULL DISK WAS LEFT OUT: this machine lets no test mount a tmpfs ***\n");
        return;
    }
    let database = Database::sqlite();
    fs::create_dir(database.folder().join("data")).unwrap();
    fs::write(database.folder().join("world.toml"), WORLD).unwrap();
    let server = Program::new(&database).run_by(&["unshare", "-rm", "sh", "-c", ON_SMALL_DISK]).serve();
    let ballast = data_of(&server).join("ballast");
    let load = Load::start(server.address, 64);
    for _ in 0..3 {
        let (answered, put_off) = (load.answered(), load.put_off());
        eventually("the load is answered", async || load.answered() > answered + 64).await;
        // Fails half-way, which leaves the disk full.
        let filled = fs::write(&ballast, vec![0; 32 << 20]);
        assert!(filled.is_err(), "the disk is small");
        eventually("everybody is told to come back", async || load.put_off() > put_off + 256).await;
        assert_eq!(server.get("/healthz").await.status, 200);
        fs::remove_file(&ballast).unwrap();
    }
    let answered = load.answered();
    eventually("the load is answered again", async || load.answered() > answered + 64).await;
    let acknowledged = load.finish().await;
    check(&copied(&server), &acknowledged).await;
}
