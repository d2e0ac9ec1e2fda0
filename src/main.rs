//! Parse, dispatch, exit code.

use std::process::ExitCode;

use ticketcd::cli::Cli;
use ticketcd::terminal::{Screen, is_coloured, note};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Thousands of buyers make many small allocations on few threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// clap's own exit code for a wrong command line is 2, which here means "unknown".
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::of_arguments() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() {
                // A help text that cannot be printed cannot be reported either.
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            let message = error.render();
            let message = if is_coloured(&std::io::stderr()) { message.ansi().to_string() } else { message.to_string() };
            note(Screen::of_stderr().message(message.trim_end()));
            return EXIT_USAGE.into();
        }
    };
    log_to_standard_error();
    match cli.execute() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            note(Screen::of_stderr().message(&format!("ticketcd: {}", failure.for_stderr())));
            failure.code().into()
        }
    }
}

/// Logs warnings and errors unless `RUST_LOG` sets another level. In colour only on a terminal, and not with `NO_COLOR`.
fn log_to_standard_error() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_coloured(&std::io::stderr()))
        // It would report on standard error that standard error is closed, and panic.
        .log_internal_errors(false)
        .without_time()
        .with_target(false)
        .init();
}
