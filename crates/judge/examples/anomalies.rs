//! Prints the page of anomalies, `docs/anomalies.md`.
//!
//! `cargo run -p ticketcd-judge --example anomalies > docs/anomalies.md`

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    print!("{}", ticketcd_judge::guide::page(scratch.path())?);
    Ok(())
}
