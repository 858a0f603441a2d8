//! The binary: arguments in, an exit status out.

use std::process::ExitCode;

use countersign::cli;

/// Batches free on one thread what connections have allocated on another, which the system's allocator does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = cli::load_env_file().and_then(|()| {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(cli::run())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
