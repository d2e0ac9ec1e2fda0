//! The guide to anomalies: every kind that can be planted, judged and told, with what it means. Purpose: to be read by somebody
//! whose run was convicted, and by somebody who wants to know what is checked at all.
//!
//! Nothing in it is written down that the checks say themselves: each example is made up, with one violation planted, and
//! judged as any run is. The same seed gives the same page.

mod meaning;
mod promises;

use std::fmt::Write;
use std::io;

use ticketcd_judge::check::standard::{CheckError, check_names, check_run};
use ticketcd_judge::check::verdict::Finding;
use ticketcd_judge::generate::{Plant, Size, run_info, write_run};

use self::meaning::meaning;
use self::promises::promise;
use super::stories::write_stories;

/// The examples are small enough to be looked at whole, and large enough for every plant to find its place.
const SIZE: Size = Size { operations: 600, tickets: 3, buyers: 12, seed: 3 };

/// The guide cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum GuideError {
    /// An example cannot be written.
    #[error("an example cannot be written: {0}")]
    Example(#[from] io::Error),
    /// An example cannot be judged.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// An example was not convicted: the page would teach something wrong.
    #[error("{plant} was planted, and {check} did not convict it")]
    NotConvicted {
        /// What was planted.
        plant: Plant,
        /// The check that it is for.
        check: &'static str,
    },
}

/// The guide, in Markdown.
///
/// # Errors
/// When an example cannot be written into a temporary directory, or is not convicted.
pub fn guide() -> Result<String, GuideError> {
    let Size { operations, tickets, buyers, seed } = SIZE;
    let mut text = String::from(INTRODUCTION);
    for check in check_names() {
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, "\n## {}\n\n{}\n", check.replace('_', " "), promise(check));
        if Plant::all().all(|plant| plant.check() != check) {
            text.push_str(NOT_PLANTED);
        }
        for plant in Plant::all().filter(|plant| plant.check() == check) {
            let _ = write!(text, "\n### {}\n\n{}\n\n", plant.name(), plant.sentence());
            let _ = writeln!(
                text,
                "```console\n$ ticketcd history generate --operations {operations} --tickets {tickets} --buyers {buyers} --seed {seed} \\\n      \
                 --plant {plant} --out example\n$ ticketcd check example\n```\n\n```text"
            );
            let mut stories = String::new();
            let _ = write_stories(&mut stories, &[convicted(plant)?]);
            let _ = writeln!(text, "{}\n```\n\n**For a shop**: {}", stories.trim_matches('\n'), meaning(plant));
        }
    }
    Ok(text)
}

/// Said of a check whose violations cannot be planted.
const NOT_PLANTED: &str = "
No made-up run has a violation of it yet; the mutation tests beside the check do.
";

const INTRODUCTION: &str = "\
# Anomalies

What each check promises, and how it looks when the promise is broken: an example of every kind that can be planted into a
made-up run, as `ticketcd check` tells it. Other checks may find consequences of the same defect; here only the one that is
meant speaks. This page is made by `ticketcd history anomalies` (`make anomalies`).

A finding has a kind, how often it was found, and when first; then the smallest set of operations that shows it, in
sentences. `result.json` has the same with its keys, orders, members and revisions as fields of their own, for the first, the
worst and the last of each kind. What came after members disagreed, or after a fault that etcd does not promise to survive,
is marked as a consequence of that.
";

/// What the check that is meant finds in a run with the violation.
fn convicted(plant: Plant) -> Result<Finding, GuideError> {
    let directory = tempfile::tempdir()?;
    write_run(directory.path(), &run_info(&SIZE, Some(plant)), &SIZE, Some(plant)).map_err(io::Error::other)?;
    let judgement = check_run(directory.path())?;
    let finding = judgement.findings.into_iter().find(|finding| finding.name == plant.check() && !finding.anomalies.is_empty());
    finding.ok_or(GuideError::NotConvicted { plant, check: plant.check() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_promise_and_every_plant_its_meaning() {
        for check in check_names() {
            assert!(promise(check).contains("Source: "), "{check}");
        }
        for plant in Plant::all() {
            assert!(meaning(plant).ends_with('.'), "{plant}");
        }
    }
}
