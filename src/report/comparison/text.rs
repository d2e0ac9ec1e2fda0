//! A comparison in English: as a table, and as Markdown.

use std::fmt::Write as _;

use super::{ChangeOutcome, ComparedRun, Comparison, Difference, MetricChange, Obstacle, Subject};
use crate::report::markdown_text::plain;
use crate::report::numbers::{count, counted, milliseconds, percent, rate};
use crate::report::result::RunVerdict;
use crate::report::summary::verdict_word;
use crate::scenario::metric::Unit;
use crate::terminal::{Screen, Table};

/// The comparison as a text for people.
pub fn render(comparison: &Comparison, screen: Screen) -> String {
    let mut text = String::new();
    text.push_str(&screen.wrapped("baseline:  ", &side(&comparison.baseline)));
    text.push_str(&screen.wrapped("candidate: ", &side(&comparison.candidate)));
    for difference in &comparison.differences {
        text.push_str(&screen.wrapped("varied:    ", &described(difference)));
    }
    for warning in warnings(comparison) {
        text.push_str(&screen.wrapped("warning:   ", &warning));
    }
    text.push('\n');
    let mut table = Table::new(&["metric", "#baseline", "#candidate", "#change", "#interval", "outcome"]);
    for metric in &comparison.metrics {
        table.row(cells(metric));
    }
    text.push_str(&table.render(screen));
    text.push('\n');
    text.push_str(&screen.wrapped("", &headline(comparison)));
    text.push_str(&screen.wrapped("", &method(comparison)));
    text
}

/// The comparison in Markdown, for the step summary of a CI system.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("## Comparison: {}\n\n", plain(&headline(comparison)));
    let mut lines = vec![format!("Baseline: {}", side(&comparison.baseline)), format!("Candidate: {}", side(&comparison.candidate))];
    lines.extend(comparison.differences.iter().map(|difference| format!("Varied: {}", described(difference))));
    lines.extend(warnings(comparison).into_iter().map(|warning| format!("Warning: {warning}")));
    // Writing to a string does not fail.
    for line in &lines {
        let _ = writeln!(text, "- {}", plain(line));
    }
    text.push_str("\n| metric | baseline | candidate | change | interval | outcome |\n|---|---:|---:|---:|---:|---|\n");
    for metric in &comparison.metrics {
        let _ = writeln!(text, "| {} |", cells(metric).map(|cell| plain(&cell)).join(" | "));
    }
    let _ = writeln!(text, "\n{}", plain(&method(comparison)));
    text
}

/// Metric, baseline, candidate, change, interval, outcome.
pub(super) fn cells(metric: &MetricChange) -> [String; 6] {
    let value = |value: f64| match metric.unit {
        Unit::Milliseconds => milliseconds(value),
        Unit::PerSecond => rate(value),
        Unit::Share => percent(value),
    };
    let outcome = match metric.outcome {
        ChangeOutcome::Improved => "improved",
        ChangeOutcome::Regressed => "regressed",
        ChangeOutcome::Inconclusive => "inconclusive",
    };
    [
        metric.metric.clone(),
        value(metric.baseline),
        value(metric.candidate),
        change(metric.change),
        format!("{} to {}", change(metric.low), change(metric.high)),
        outcome.to_owned(),
    ]
}

/// A change: `+3.4%`, `-12%`, `+1,730%`, `0%`.
fn change(share: f64) -> String {
    let percent = share * 100.0;
    let size = percent.abs();
    let sign = if percent < 0.0 { "-" } else { "+" };
    match size {
        _ if size < 0.05 => "0%".to_owned(),
        _ if size < 9.95 => format!("{sign}{size:.1}%"),
        _ => format!("{sign}{}%", count(size.round() as u64)),
    }
}

/// The outcome in a sentence: `2 metrics regressed, 1 improved, 8 inconclusive.`
pub(super) fn headline(comparison: &Comparison) -> String {
    let of = |outcome| comparison.metrics.iter().filter(|metric| metric.outcome == outcome).count() as u64;
    let (regressed, improved, inconclusive) = (of(ChangeOutcome::Regressed), of(ChangeOutcome::Improved), of(ChangeOutcome::Inconclusive));
    format!("{} regressed, {} improved, {} inconclusive", counted(regressed, "metric"), count(improved), count(inconclusive))
}

/// How the intervals were computed, and what they do not contain.
pub(super) fn method(comparison: &Comparison) -> String {
    let mut text = format!(
        "Intervals: bootstrap over runs and over blocks of seconds; all of them together hold the true changes with a confidence of {}.",
        percent(comparison.confidence)
    );
    if comparison.smallest_change > 0.0 {
        let _ = write!(
            text,
            " With fewer than {} runs on a side their spread is not known: only what certainly changed by more than {} has an outcome.",
            super::REPETITIONS_MIN,
            percent(comparison.smallest_change)
        );
    }
    text
}

/// What a reader must know before the figures.
pub(super) fn warnings(comparison: &Comparison) -> Vec<String> {
    let runs = comparison.baseline.iter().chain(&comparison.candidate);
    let wrong = runs.filter(|run| run.verdict != RunVerdict::Pass && run.verdict != RunVerdict::ObjectiveMissed);
    let verdicts = wrong.map(|run| format!("{} ended with the verdict \"{}\"", run.directory, verdict_word(run.verdict)));
    verdicts.chain(comparison.obstacles.iter().map(|obstacle| obstacle.to_string())).collect()
}

fn side(runs: &[ComparedRun]) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let directories: Vec<&str> = runs.iter().map(|run| run.directory.as_str()).collect();
    let count = counted(runs.len() as u64, "run");
    format!("{}, {}, etcd {}, {count}: {}", first.scenario, first.strategy, first.etcd_version, directories.join(", "))
}

pub(super) fn described(difference: &Difference) -> String {
    let subject = match difference.subject {
        Subject::Strategy | Subject::Scenario => return values(difference, &difference.key),
        Subject::Etcd => "etcd",
        Subject::Host => "machine",
        Subject::Tool => "ticketcd",
    };
    values(difference, &format!("{subject}, {}", difference.key))
}

fn values(difference: &Difference, name: &str) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    format!("{name}: {} → {}", shown(&difference.baseline), shown(&difference.candidate))
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SidesDiffer(difference) => write!(formatter, "the sides differ in {}", described(difference)),
            Self::RunsOfOneSideDiffer { directory, difference } => {
                write!(formatter, "{directory} differs from the first run of its side in {}", described(difference))
            }
            Self::Invalid { directory } => write!(formatter, "{directory} is invalid: it shows nothing about the cluster"),
            Self::Interrupted { directory } => write!(formatter, "{directory} was interrupted: its load was cut short"),
            Self::Disturbed { directory, share } => {
                write!(formatter, "{directory} was disturbed: other programs took {} of the processor time", percent(*share))
            }
            Self::Repeated { directory } => write!(formatter, "{directory} is given twice"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_sign_and_as_many_digits_as_they_need() {
        let shown = [0.0, 0.034, -0.12, 17.3, -0.0001].map(change);
        assert_eq!(shown, ["0%", "+3.4%", "-12%", "+1,730%", "0%"]);
    }
}
