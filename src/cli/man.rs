//! `ticketcd man`: manual pages, made from the definition of the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use ticketcd_judge::history::io_reason;

use super::output::print;
use super::{Cli, Exit, Failure, exit_codes};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write a page for each command into this directory, such as ~/.local/share/man/man1 [default: print the main page]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: Option<PathBuf>,
}

pub(super) fn execute(args: &Args) -> Result<Exit, Failure> {
    let mut command = Cli::definition().disable_help_subcommand(true);
    // Names the subcommands in full: `ticketcd run`.
    command.build();
    match &args.directory {
        None => {
            let page = page(&command).map_err(|error| Failure::Internal(format!("cannot make the manual page: {}", io_reason(&error))))?;
            print(&String::from_utf8_lossy(&page))
        }
        Some(directory) => {
            let pages = write(&command, directory)
                .map_err(|error| Failure::NotCarriedOut(format!("cannot write to {}: {}", directory.display(), io_reason(&error))))?;
            print(&format!("{pages} manual pages in {}\n", directory.display()))
        }
    }
}

/// Writes the page of a command and of every command below it; returns how many.
fn write(command: &Command, directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    let mut pages = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages += write(below, directory)?;
    }
    fs::write(directory.join(Man::new(command.clone()).get_filename()), page(command)?)?;
    Ok(pages)
}

/// The page of a command.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(codes) = exit_codes::of_command(command.get_name()) {
        let mut section = Roff::default();
        section.control("SH", ["EXIT STATUS"]);
        for (code, word, meaning) in codes {
            section.control("TP", []);
            section.text([bold(format!("{code} {word}"))]);
            section.text([roman(*meaning)]);
        }
        section.to_writer(&mut page)?;
    }
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}
