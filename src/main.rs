//! Parse, dispatch, exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use ticketcd::cli::Cli;
use ticketcd::printable;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Thousands of buyers make many small allocations on few threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// clap's own exit code for a wrong command line is 2, which here means "unknown".
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A message that cannot be printed cannot be reported either.
            let _ = error.print();
            return if error.use_stderr() { EXIT_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    log_to_standard_error();
    match cli.execute() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("ticketcd: {}", printable::lines(&failure.to_string()));
            failure.code().into()
        }
    }
}

/// Logs warnings and errors unless `RUST_LOG` sets another level. In colour only on a terminal, and not with `NO_COLOR`.
fn log_to_standard_error() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let in_colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(in_colour)
        .without_time()
        .with_target(false)
        .init();
}
