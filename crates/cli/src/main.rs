//! The binary `strongroom`: what a person or a program types.
//!
//! In reading order: `args` (the command line), one module per command (`init`, `serve`, `account`, `backup`, `restore`,
//! `scrub`, `explain`, `who_can`, `verify`, `recover_root`, `bench`, `agent`), `aws` (the environment that AWS's tools read), `client` (signed requests to a server),
//! `log`, `output`, `progress` and `error`.

mod account;
mod agent;
mod args;
mod aws;
mod backup;
mod bench;
mod client;
mod error;
mod explain;
mod init;
mod log;
mod output;
mod progress;
mod recover_root;
mod restore;
mod scrub;
mod serve;
mod verify;
mod who_can;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Command, CommandLine};
use crate::error::CliError;

/// The system's allocator keeps for each thread what that thread has freed; a server whose buffers pass from thread to
/// thread then holds several times what it uses, and a tenth of its time is spent there: docs/PERFORMANCE.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    forbid_core_dumps();
    keep_files_private();
    match run(command_line) {
        Ok(code) => code,
        Err(error) => {
            error::report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Threads for work that waits for the disk or takes long, at most; beyond it such work waits its turn. A thread that
/// has work keeps memory of its own, and on a loaded machine they would be made faster than they find work.
const MOST_BLOCKING_THREADS: usize = 64;

fn run(command_line: CommandLine) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(MOST_BLOCKING_THREADS)
        .build()
        .map_err(|source| CliError::System { what: "start its threads", source })?;
    runtime.block_on(async {
        match command_line.command {
            Command::Init(args) => init::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::Serve(args) => serve::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::Account(args) => account::run(&args.command).await.map(|()| ExitCode::SUCCESS),
            Command::Backup(args) => backup::run(&args).await,
            Command::Restore(args) => restore::run(&args).await,
            Command::Scrub(args) => scrub::run(&args).await,
            Command::Explain(args) => explain::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::WhoCan(args) => who_can::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::RecoverRoot(args) => recover_root::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::Verify(args) => verify::run(&args).await,
            Command::Bench(args) => bench::run(&args).await,
            Command::Agent(args) => agent::run(&args).await.map(|()| ExitCode::SUCCESS),
        }
    })
}

/// Whoever creates a file below the data directory, the index included, creates it for this user alone.
fn keep_files_private() {
    use rustix::fs::Mode;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// A core dump would hold keys. What cannot be forbidden is told, not hidden.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        eprintln!("strongroom: warning: core dumps could not be forbidden, and would hold keys: {error}");
    }
}
