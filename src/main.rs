//! Parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use ticketcd::cli::Cli;

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
    match cli.execute() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("ticketcd: {failure}");
            failure.code().into()
        }
    }
}
