//! What the checks found, in sentences.

use std::fmt::Write;

use ticketcd_judge::core::verdict::{Anomaly, AnomalyGroup, Finding};
use ticketcd_judge::known_defects::KnownDefect;

use super::numbers::{count, counted_of};
use crate::terminal::Screen;

/// Longest explanation of one anomaly, in lines.
const EXPLANATION_LINES_MAX: usize = 14;

/// Explains what was found: the first and the worst anomaly of each kind.
pub(super) fn write_explanations(text: &mut String, findings: &[Finding], screen: Screen) -> std::fmt::Result {
    for finding in findings.iter().filter(|finding| !finding.anomalies.is_empty()) {
        for group in &finding.anomalies {
            writeln!(text)?;
            text.write_str(&screen.wrapped("  ", &format!("{} · {}", finding.name, group_title(group))))?;
            write_explanation(text, &group.first, screen)?;
            if let Some(defect) = KnownDefect::of(&finding.name, &group.kind) {
                let (name, title) = (defect.name, defect.title);
                text.write_str(&screen.wrapped("    ", &format!("This is a known defect of etcd, {name}: {title}.")))?;
                writeln!(text, "    To waive it, and nothing else, add this to the scenario:")?;
                writeln!(text, "      [[known]]")?;
                writeln!(text, "      issue = \"{name}\"")?;
                writeln!(text, "      check = \"{}\"", finding.name)?;
                writeln!(text, "      until = \"YYYY-MM-DD\"")?;
            }
            if group.count > 1 && group.worst != group.first {
                writeln!(text, "    Worst case:")?;
                write_explanation(text, &group.worst, screen)?;
            }
        }
    }
    Ok(())
}

/// A kind of anomaly in a line: what, how often, since when.
pub(super) fn group_title(group: &AnomalyGroup) -> String {
    let times = if group.count == 1 { "once".to_owned() } else { format!("{} times, first", count(group.count)) };
    let consequence = group.consequence_of.as_ref().map(|cause| format!(" (a consequence of {cause})")).unwrap_or_default();
    format!(
        "{}, {times}{}{consequence}",
        group.kind.replace('_', " "),
        group.first.at_seconds.map(|at| format!(" at {at:.3} s")).unwrap_or_default()
    )
}

/// Explains one anomaly.
pub(super) fn write_explanation(text: &mut String, anomaly: &Anomaly, screen: Screen) -> std::fmt::Result {
    sentences(anomaly, EXPLANATION_LINES_MAX).iter().try_for_each(|sentence| text.write_str(&screen.wrapped("    ", sentence)))
}

/// The explanation of an anomaly, at most so many sentences of it, and the faults that were active.
pub(super) fn sentences(anomaly: &Anomaly, max: usize) -> Vec<String> {
    let mut sentences: Vec<String> = anomaly.explanation.iter().take(max).cloned().collect();
    if anomaly.explanation.len() > max {
        sentences.push(format!("… {} more sentences in result.json", anomaly.explanation.len() - max));
    }
    if !anomaly.faults.is_empty() {
        sentences.push(format!("Active faults: {}.", anomaly.faults.join("; ")));
    }
    sentences
}

/// The evidence of a check, each count with its name. Every check counts what a run could have had: what this one had not is noise.
pub(super) fn evidence(finding: &Finding) -> Vec<String> {
    let counts = finding.evidence.iter().filter(|(_, number)| **number > 0);
    counts.map(|(name, number)| counted_of(*number, &name.replace('_', " "))).collect()
}
