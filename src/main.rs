//! The binary: arguments in, an exit status out.

use std::process::ExitCode;

use countersign::cli;

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
