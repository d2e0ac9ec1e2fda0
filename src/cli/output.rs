//! Results on standard output.

use std::io::{ErrorKind, Write};

use ticketcd_judge::history::io_reason;

use super::{Exit, Failure};

/// Prints a result. A closed pipe (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<Exit, Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::NotCarriedOut(format!("cannot write to standard output: {}", io_reason(&error))))
        }
        _ => Ok(Exit::Pass),
    }
}
