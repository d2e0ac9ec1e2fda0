//! The output of a hunt: a line for each run, and the summary.

use std::fmt::Write;

use super::record::{Outcome, Record};
use super::summary::{Count, Group, Summary, again, draw_again};
use crate::report::numbers::{count, counted};
use crate::terminal::Screen;

/// Runs without a verdict that are listed one by one.
const INCONCLUSIVE_MAX: usize = 10;

/// The columns of [`line()`].
pub const HEADING: &str = " run  verdict        time  members  strategy     watches     faults | mix in percent";

/// A completed run in a line; for a failure also the findings and the command that reruns it.
pub fn line(place: &Place<'_>, record: &Record, screen: Screen) -> String {
    let watches = record.watches.map_or_else(|| "-".to_owned(), |(open, streams)| format!("{open} on {streams}"));
    let faults = if record.faults.is_empty() { "none".to_owned() } else { faults(&record.faults) };
    let mix: Vec<String> = record.mix.iter().map(|(operation, share)| format!("{operation} {share}")).collect();
    let columns = format!(
        "{:>4}  {:<11} {:>5.1} s  {:>7}  {:<11}  {:<10}  ",
        record.run,
        record.outcome.name(),
        record.seconds,
        record.members,
        record.strategy,
        watches
    );
    let rest = format!("{faults} | {}", mix.join(" "));
    let mut text = if screen.is_terminal() { screen.wrapped(&columns, &rest) } else { format!("{columns}{rest}\n") };
    let lead = "      ";
    match record.outcome {
        Outcome::Violation => {
            let found: Vec<String> = record
                .findings
                .iter()
                .filter(|found| !found.is_waived)
                .map(|found| {
                    let issue = found.issue.as_ref().map(|issue| format!(", {issue}")).unwrap_or_default();
                    format!("{}: {} ({}{issue})", found.check, found.kind, count(found.count))
                })
                .collect();
            text.push_str(&screen.wrapped(lead, &found.join(", ")));
        }
        Outcome::InternalError | Outcome::Invalid | Outcome::Unknown => {
            // The summary has the whole reason.
            let reason = record.reasons.first().map_or("no reason recorded", String::as_str);
            text.push_str(&format!("{lead}{}\n", shortened(reason, screen.columns().saturating_sub(lead.len()))));
        }
        Outcome::Interrupted | Outcome::Waived | Outcome::Pass => {}
    }
    if matches!(record.outcome, Outcome::Violation | Outcome::InternalError) {
        text.push_str(&format!("{lead}rerun: {}\n", place.again(record)));
    }
    text
}

/// Kinds of fault in the order in which they were first due, with how many of each: `kill+reset×3`.
fn faults(kinds: &[String]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for kind in kinds {
        match counted.iter_mut().find(|(name, _)| name == kind) {
            Some((_, count)) => *count += 1,
            None => counted.push((kind, 1)),
        }
    }
    let named = |(kind, count): &(&str, usize)| if *count == 1 { (*kind).to_owned() } else { format!("{kind}×{count}") };
    counted.iter().map(named).collect::<Vec<_>>().join("+")
}

/// Where a hunt is, so that commands can be named.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The seed of the hunt.
    pub seed: u64,
    /// The etcd, as `--etcd` names it.
    pub etcd: &'a str,
    /// The hunt's directory.
    pub directory: &'a str,
}

impl Place<'_> {
    fn again(&self, record: &Record) -> String {
        again(self.seed, self.etcd, self.directory, record)
    }
}

/// The summary, with its last line.
pub fn summary(summary: &Summary, screen: Screen) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_summary(&mut text, summary, screen);
    text
}

fn write_summary(text: &mut String, summary: &Summary, screen: Screen) -> std::fmt::Result {
    let runs = counted(summary.runs.len() as u64, "run");
    writeln!(text, "Hunt: seed {} · etcd {} · {runs} in {}\n", summary.seed, summary.etcd_version, duration(summary.seconds))?;
    let outcomes: Vec<String> = summary.outcomes.iter().map(|entry| format!("{} {}", entry.outcome.name(), count(entry.runs))).collect();
    text.push_str(&screen.wrapped_parts("  Verdicts     ", &outcomes, " · "));
    write_groups(text, "Findings", &summary.findings, true, screen)?;
    write_groups(text, "Known etcd issues (waive one with --waive ISSUE)", &summary.known_defects, true, screen)?;
    write_groups(text, "Known and waived", &summary.waived, false, screen)?;
    if !summary.waived.is_empty() {
        let command = draw_again(summary.seed, &summary.etcd, "RUN");
        text.push_str(&screen.wrapped("    ", &format!("rerun one of them: {command}")));
    }
    write_failed(text, summary, screen)?;
    write_coverage(text, summary, screen)?;
    writeln!(text, "\n{}", last_line(summary))
}

fn write_groups(text: &mut String, title: &str, groups: &[Group], has_commands: bool, screen: Screen) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  {title}")?;
    for group in groups {
        let issue = group.issue.as_ref().map(|issue| format!(" ({issue})")).unwrap_or_default();
        let seen = format!("{}, {}", counted(group.runs, "run"), counted(group.count, "anomaly").replace("anomalys", "anomalies"));
        text.push_str(
            &screen.wrapped("    ", &format!("{}: {}{issue} · {seen} · first in run {}", group.check, group.kind, group.first_run)),
        );
        if has_commands {
            writeln!(text, "      rerun: {}", group.again)?;
        }
    }
    Ok(())
}

/// Runs that ended with an internal error, and those without a verdict.
fn write_failed(text: &mut String, summary: &Summary, screen: Screen) -> std::fmt::Result {
    let is_listed = |record: &&Record| matches!(record.outcome, Outcome::InternalError | Outcome::Invalid | Outcome::Unknown);
    let listed: Vec<&Record> = summary.runs.iter().filter(is_listed).collect();
    if listed.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  No verdict")?;
    for record in listed.iter().take(INCONCLUSIVE_MAX) {
        let reason = record.reasons.first().map_or("no reason recorded", String::as_str);
        let kept = record.kept.as_ref().map(|kept| format!(" (kept: {kept})")).unwrap_or_default();
        let lead = format!("    run {:<4} {:<9} ", record.run, record.outcome.name());
        text.push_str(&screen.wrapped(&lead, &format!("{reason}{kept}")));
    }
    if listed.len() > INCONCLUSIVE_MAX {
        writeln!(text, "    … and {} more: {}", listed.len() - INCONCLUSIVE_MAX, super::ledger::FILE_NAME)?;
    }
    Ok(())
}

fn write_coverage(text: &mut String, summary: &Summary, screen: Screen) -> std::fmt::Result {
    let coverage = &summary.coverage;
    if coverage.runs == 0 {
        return Ok(());
    }
    writeln!(text, "\n  Coverage (runs)")?;
    let mut counts = |lead: &str, counts: &[Count]| {
        let counts: Vec<String> =
            counts.iter().filter(|entry| entry.runs > 0).map(|entry| format!("{} {}", entry.name, count(entry.runs))).collect();
        text.push_str(&screen.wrapped_parts(lead, &counts, " · "));
    };
    let members: Vec<Count> = coverage.members.iter().map(|entry| Count { name: format!("{}:", entry.name), runs: entry.runs }).collect();
    counts("    members    ", &members);
    counts("    strategies ", &coverage.strategies);
    counts("    faults     ", &coverage.faults);
    counts("    also       ", &coverage.features);
    let never = [&coverage.strategies, &coverage.faults, &coverage.features];
    let never: Vec<&str> = never.into_iter().flatten().filter(|entry| entry.runs == 0).map(|entry| entry.name.as_str()).collect();
    if !never.is_empty() {
        text.push_str(&screen.wrapped_parts("    never      ", &never, " · "));
    }
    writeln!(text, "    pairs      {} of {} combinations of a strategy and a fault", coverage.pairs_seen, coverage.pairs)?;
    // A short hunt misses most of them; the list would be too long.
    if coverage.pairs_seen * 2 >= coverage.pairs {
        let missing: Vec<String> =
            coverage.pairs_never.iter().map(|never| format!("{} with {}", never.strategy, never.faults.join(", "))).collect();
        let missing = missing.join("; ");
        text.push_str(&if missing.is_empty() { String::new() } else { screen.wrapped("               never: ", &missing) });
    }
    Ok(())
}

/// The verdict in a word, the seed and the directory.
fn last_line(summary: &Summary) -> String {
    let verdict = match summary.exit_code {
        0 => "pass",
        1 => "violation",
        70 => "internal error",
        130 => "interrupted",
        _ => "unknown",
    };
    format!("{verdict} · seed {} · {}", summary.seed, summary.directory)
}

/// As much of a text as fits.
fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::draw::draw;
    use super::super::record::Found;
    use super::*;

    const PLACE: Place<'_> = Place { seed: 1, etcd: "3.5.30", directory: "reports/h" };

    fn record(run: u32, outcome: Outcome) -> Record {
        let found = Found { check: "replicas".to_owned(), kind: "differs".to_owned(), count: 3, issue: None, is_waived: false };
        let findings = if outcome == Outcome::Violation { vec![found] } else { Vec::new() };
        let kept = (outcome == Outcome::Violation).then(|| format!("run-{run}"));
        let reasons = vec!["a reason".to_owned()];
        Record { outcome, findings, reasons, kept, seconds: 14.25, ..Record::planned(run, &draw(1, run).unwrap()) }
    }

    #[test]
    fn a_pass_is_one_line_and_a_failure_names_its_findings_and_the_rerun_command() {
        assert_eq!(line(&PLACE, &record(1, Outcome::Pass), Screen::none()).lines().count(), 1);
        let failed = line(&PLACE, &record(2, Outcome::Violation), Screen::none());
        assert!(failed.contains("replicas: differs (3)") && failed.ends_with("rerun: ticketcd rerun reports/h/run-2\n"), "{failed}");
        assert!(line(&PLACE, &record(3, Outcome::Invalid), Screen::none()).ends_with("      a reason\n"));
    }

    #[test]
    fn faults_of_a_kind_are_counted() {
        let kinds = ["reset", "kill", "reset", "reset"].map(str::to_owned);
        assert_eq!(faults(&kinds), "reset×3+kill");
    }

    #[test]
    fn columns_stand_below_their_headings() {
        let pass = line(&PLACE, &record(1, Outcome::Pass), Screen::none());
        assert_eq!(HEADING.find("verdict"), pass.find("pass"));
        assert_eq!(HEADING.find("strategy"), pass.find(record(1, Outcome::Pass).strategy.as_str()));
    }

    #[test]
    fn the_summary_lists_findings_and_missing_coverage() {
        let records = [record(1, Outcome::Pass), record(2, Outcome::Violation), record(3, Outcome::Unknown)];
        let text = summary(&Summary::new(1, "3.5.30".to_owned(), "3.5.30", Path::new("reports/h"), &records), Screen::none());
        assert!(text.contains("Verdicts     VIOLATION 1 · unknown 1 · pass 1\n"), "{text}");
        assert!(text.contains("replicas: differs · 1 run, 3 anomalies · first in run 2\n"), "{text}");
        let (faults, strategies) = (super::super::draw::FAULTS.len(), super::super::draw::strategies().len());
        let pairs = format!(" of {} combinations of a strategy and a fault\n", strategies * faults);
        assert!(text.contains(&pairs) && !text.contains(" with "), "{text}");
        assert!(text.contains("\n    never      "), "{text}");
        // Most pairs were met: those that were not are named.
        let all = |strategy: &str| Record {
            strategy: strategy.to_owned(),
            faults: super::super::draw::FAULTS.iter().map(|name| (*name).to_owned()).collect(),
            ..record(1, Outcome::Pass)
        };
        let records: Vec<Record> =
            ["naive", "optimistic", "lock", "fenced-lock", "batched", "sharded", "hold", "two-step"].map(all).to_vec();
        let most = summary(&Summary::new(1, "3.5.30".to_owned(), "3.5.30", Path::new("reports/h"), &records), Screen::none());
        let most_pairs = format!("{} of {} combinations", (strategies - 1) * faults, strategies * faults);
        assert!(most.contains(&most_pairs) && most.contains("never: quoted with kill, terminate, pause"), "{most}");
        assert!(text.ends_with("\nviolation · seed 1 · reports/h\n"), "{text}");
    }
}
