//! Parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use ticketcd::cli::Cli;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Thousands of buyers allocate small things on two threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// clap's own exit code for a wrong command line is 2, which here means "unknown".
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to be told about when the message cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { EXIT_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    log_to_standard_error();
    match cli.execute() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("ticketcd: {failure}");
            failure.code().into()
        }
    }
}

/// Warnings and worse, unless `RUST_LOG` asks for more or less.
fn log_to_standard_error() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().with_target(false).init();
}
