//! The page of anomalies: every kind that the checks report, from a synthetic run that contains it, and how it is explained.
//!
//! The page is `docs/anomalies.md`, printed by `ticketcd history anomalies`. A test generates it and compares it to the committed
//! one, so that every sentence on it is one that the program prints.

mod meanings;
mod others;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use self::meanings::meaning;
use self::others::BESIDE;
use crate::directory::{GenerateError, write_run};
use crate::mutation::Mutation;
use crate::run::{Size, run_info};
use ticketcd_judge::checks::{CheckError, check_infos, check_run};
use ticketcd_judge::core::anomaly_kind::AnomalyKind;
use ticketcd_judge::core::check::CheckInfo;
use ticketcd_judge::core::engine::Judgement;
use ticketcd_judge::core::verdict::Anomaly;

/// How the page begins.
const OPENING: &str = "\
# Anomalies

Every kind of anomaly that the checks report: what it is, how it looks, and what it means for a shop.

`ticketcd history anomalies` (`make anomalies`) generates this page, and a test compares it to the program. Each mutation is the only
violation of a synthetic run, and the sentences under *How it looks* are the report on that run, word for word. To generate one
and see what else is reported beside it:

```sh
ticketcd history generate --operations 300 --tickets 2 --buyers 5 --mutation lost-order --out mutated
ticketcd check mutated
```

In the sentences, `g1-2-7` is the seventh order of buyer 2 in the run with the tag `g1`; `2/31` is the thirty-first call of
worker 2; `m3` is the third member; times count from the start of the run.
";

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GuideError {
    /// A run could not be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A run could not be judged.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The directory for the runs cannot be written to.
    #[error("{}", ticketcd_history::io_reason(.0))]
    Io(#[from] std::io::Error),
    /// The mutation was not detected: a check is broken.
    #[error("the check {check} did not report {kind} in a run with the mutation {mutation}")]
    NotFound {
        /// The mutation.
        mutation: Mutation,
        /// The check that should have reported it.
        check: &'static str,
        /// The kind that it should have reported.
        kind: &'static str,
    },
}

/// Generates the page. Its runs are written into a scratch directory, which must be empty.
///
/// # Errors
/// When a run cannot be generated or judged, or when a mutation is not detected.
pub fn page(scratch: &Path) -> Result<String, GuideError> {
    let mut page = OPENING.to_owned();
    for check in check_infos() {
        section(&mut page, check);
        for kind in check.kinds {
            heading(&mut page, kind);
            let mut is_shown = false;
            for mutation in Mutation::all().filter(|mutation| mutation.check() == check.name && mutation.anomaly() == kind.name) {
                let anomaly = found(scratch, mutation, check.name, kind.name)?;
                example(&mut page, &format!("`--mutation {mutation}`"), mutation.sentence(), &anomaly, meaning(mutation));
                is_shown = true;
            }
            for beside in BESIDE.iter().filter(|beside| beside.check == check.name && beside.kind == kind.name) {
                let anomaly = found(scratch, beside.mutation, beside.check, beside.kind)?;
                let origin = format!("`--mutation {}`, beside `{}`", beside.mutation, beside.mutation.anomaly());
                example(&mut page, &origin, beside.mutation.sentence(), &anomaly, beside.meaning);
                is_shown = true;
            }
            if !is_shown {
                // Writing to a string does not fail.
                let _ = writeln!(page, "\n*Without a mutation.*");
            }
        }
    }
    Ok(page)
}

/// Small runs, with few operations to read.
fn size() -> Size {
    Size { operations: 300, tickets: 2, buyers: 5, seed: 1 }
}

/// The first anomaly of a kind that a check reports in the run of a mutation.
fn found(scratch: &Path, mutation: Mutation, check: &'static str, kind: &'static str) -> Result<Anomaly, GuideError> {
    let judgement = judged(scratch, mutation)?;
    let finding = judgement.findings.into_iter().find(|finding| finding.name == check);
    let group = finding.and_then(|finding| finding.anomalies.into_iter().find(|group| group.kind == kind));
    group.map(|group| group.first).ok_or(GuideError::NotFound { mutation, check, kind })
}

fn judged(scratch: &Path, mutation: Mutation) -> Result<Judgement, GuideError> {
    let directory = scratch.join(mutation.name());
    if !directory.exists() {
        std::fs::create_dir(&directory)?;
        write_run(&directory, &run_info(&size(), Some(mutation)), &size(), Some(mutation))?;
    }
    Ok(check_run(&directory)?)
}

fn section(page: &mut String, CheckInfo { name, promise, source, .. }: &CheckInfo) {
    let _ = writeln!(page, "\n## {name}\n\n{promise} Source: {source}.");
}

fn heading(page: &mut String, AnomalyKind { name, meaning, .. }: &AnomalyKind) {
    let _ = writeln!(page, "\n### {name}\n\n{meaning}");
}

fn example(page: &mut String, origin: &str, what: &str, anomaly: &Anomaly, meaning: &str) {
    let _ = writeln!(page, "\n*Example* ({origin}). {what}\n\n*How it looks.*\n");
    for sentence in &anomaly.explanation {
        let _ = writeln!(page, "> {}", sentence.replace('\n', " "));
    }
    let lists = [("orders", &anomaly.orders), ("keys", &anomaly.keys), ("members", &anomaly.members)];
    let mut about: Vec<String> = anomaly.revision.map(|revision| format!("revision {revision}")).into_iter().collect();
    let named = lists.iter().filter(|(_, names)| !names.is_empty());
    about.extend(
        named.map(|(what, names)| format!("{what} {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))),
    );
    if !about.is_empty() {
        let _ = writeln!(page, "\nIt shows in: {}.", about.join("; "));
    }
    let _ = writeln!(page, "\n*For a shop.* {meaning}");
}
