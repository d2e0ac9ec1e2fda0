//! The page of anomalies: every kind that the checks find, planted into a made-up run, and how the judgement tells it.
//!
//! The page is `docs/anomalies.md`, printed by `ticketcd history anomalies`. A test makes it anew and holds it against the
//! committed one, so that nobody reads a sentence there that the tool does not say.

mod meanings;
mod others;
mod promises;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use self::meanings::meaning;
use self::others::{BESIDE, UNPLANTED};
use self::promises::{PROMISES, Promise};
use crate::{GenerateError, Plant, Size, run_info, write_run};
use ticketcd_judge::check::engine::Judgement;
use ticketcd_judge::check::standard::{CheckError, check_run};
use ticketcd_judge::check::verdict::Anomaly;

/// What the page begins with.
const OPENING: &str = "\
# Anomalies

Every kind of anomaly that the checks find: what it is, how it looks, and what it means for a shop.

This page is made by `ticketcd history anomalies` (`make anomalies`), and a test holds it against what the tool says now. Each kind was planted into
a made-up run that is valid otherwise, and the sentences under *how it looks* are the judgement of that run, word for word. Plant
one yourself, and read what else is found beside it:

```sh
ticketcd history generate --operations 300 --tickets 2 --buyers 5 --plant lost-order --out planted
ticketcd check planted
```

In the sentences, `g1-2-7` is the seventh order of buyer 2 in the run with the tag `g1`; `2/31` is the thirty-first call of
worker 2; `m3` is the third member; seconds are counted from the beginning of the run.
";

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GuideError {
    /// A run could not be made up.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A run could not be judged.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The directory for the runs cannot be written to.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What was planted was not found: a check is broken.
    #[error("{plant} was planted, and {check} did not find {kind}")]
    NotFound {
        /// What was planted.
        plant: Plant,
        /// The check that should have found it.
        check: &'static str,
        /// As what.
        kind: &'static str,
    },
}

/// Makes the page. The runs that it tells of are written into a scratch directory, which must be empty.
///
/// # Errors
/// When a run cannot be made up or judged, or when something that is planted is not found.
pub fn page(scratch: &Path) -> Result<String, GuideError> {
    let mut page = OPENING.to_owned();
    for promise in &PROMISES {
        section(&mut page, promise);
        for plant in Plant::all().filter(|plant| plant.check() == promise.check) {
            let anomaly = found(scratch, plant, plant.check(), plant.anomaly())?;
            let planted = format!("`--plant {plant}`");
            entry(&mut page, plant.anomaly(), &planted, plant.sentence(), &anomaly, meaning(plant));
        }
        for beside in BESIDE.iter().filter(|beside| beside.check == promise.check) {
            let anomaly = found(scratch, beside.plant, beside.check, beside.kind)?;
            let planted = format!("found beside `{}` with `--plant {}`", beside.plant.anomaly(), beside.plant);
            entry(&mut page, beside.kind, &planted, beside.plant.sentence(), &anomaly, beside.meaning);
        }
        for (_, kind, what) in UNPLANTED.iter().filter(|(check, ..)| *check == promise.check) {
            // Writing to a string does not fail.
            let _ = writeln!(page, "\n### {kind}\n\n*Not planted.* What it is: {what}.");
        }
    }
    Ok(page)
}

/// Small runs: few operations to read, and little to tell apart.
fn size() -> Size {
    Size { operations: 300, tickets: 2, buyers: 5, seed: 1 }
}

/// Plants, judges, and gives what a check found of a kind first.
fn found(scratch: &Path, plant: Plant, check: &'static str, kind: &'static str) -> Result<Anomaly, GuideError> {
    let judgement = judged(scratch, plant)?;
    let finding = judgement.findings.into_iter().find(|finding| finding.name == check);
    let group = finding.and_then(|finding| finding.anomalies.into_iter().find(|group| group.kind == kind));
    group.map(|group| group.first).ok_or(GuideError::NotFound { plant, check, kind })
}

fn judged(scratch: &Path, plant: Plant) -> Result<Judgement, GuideError> {
    let directory = scratch.join(plant.name());
    if !directory.exists() {
        std::fs::create_dir(&directory)?;
        write_run(&directory, &run_info(&size(), Some(plant)), &size(), Some(plant))?;
    }
    Ok(check_run(&directory)?)
}

fn section(page: &mut String, Promise { check, promise, source }: &Promise) {
    let _ = writeln!(page, "\n## {check}\n\n{promise} Source: {source}.");
}

fn entry(page: &mut String, kind: &str, planted: &str, what: &str, anomaly: &Anomaly, meaning: &str) {
    let _ = writeln!(page, "\n### {kind}\n\n*What it is* ({planted}). {what}\n\n*How it looks.*\n");
    for sentence in &anomaly.story {
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
