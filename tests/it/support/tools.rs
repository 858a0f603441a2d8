//! Programs that only some tests use. Where one is missing, its tests are left out, loudly; but not under CI.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What `tests/install-tools` has installed under this name; none, said loudly, where it was not run.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let path = target.join("tools").join(name);
    present(path.exists(), name, "run tests/install-tools").then_some(path)
}

/// A program of the system; none, said loudly, where it is not installed.
pub(crate) fn program(name: &str, package: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    present(found.is_some(), name, &format!("install it (Debian: apt install {package})"));
    found
}

fn present(is_there: bool, name: &str, remedy: &str) -> bool {
    if !is_there {
        assert!(env::var_os("CI").is_none(), "CI must not leave out the tests that need {name}: {remedy}");
        // Written past the capture of the test harness, which would swallow it.
        let _ = writeln!(io::stderr(), "*** TESTS WITH {} ARE LEFT OUT: {remedy} ***", name.to_uppercase());
    }
    is_there
}
