//! What was found, told in sentences.

use std::fmt::Write;

use ticketcd_judge::check::verdict::{Anomaly, AnomalyGroup, Finding};
use ticketcd_judge::known_defects::KnownDefect;

use super::numbers::count;

/// Anomalies of one kind tell the same story: the first is told whole.
const EXPLANATION_LINES_MAX: usize = 14;

/// Tells what was found, of each kind the first and the worst.
pub(super) fn write_explanations(text: &mut String, findings: &[Finding]) -> std::fmt::Result {
    for finding in findings.iter().filter(|finding| !finding.anomalies.is_empty()) {
        for group in &finding.anomalies {
            writeln!(text, "\n  {} · {}", finding.name, group_title(group))?;
            write_explanation(text, &group.first)?;
            if let Some(defect) = KnownDefect::of(&finding.name, &group.kind) {
                let (name, title) = (defect.name, defect.title);
                writeln!(text, "    This is a known defect of etcd, {name}: {title}.")?;
                writeln!(text, "    A scenario waives it, and nothing else, until a date of your choice:")?;
                writeln!(text, "      [[known]]")?;
                writeln!(text, "      issue = \"{name}\"")?;
                writeln!(text, "      check = \"{}\"", finding.name)?;
                writeln!(text, "      until = \"YYYY-MM-DD\"")?;
            }
            if group.count > 1 && group.worst != group.first {
                writeln!(text, "    The worst:")?;
                write_explanation(text, &group.worst)?;
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

/// Tells one anomaly in sentences.
pub(super) fn write_explanation(text: &mut String, anomaly: &Anomaly) -> std::fmt::Result {
    for sentence in anomaly.story.iter().take(EXPLANATION_LINES_MAX) {
        writeln!(text, "    {sentence}")?;
    }
    if anomaly.story.len() > EXPLANATION_LINES_MAX {
        writeln!(text, "    … {} more sentences in result.json", anomaly.story.len() - EXPLANATION_LINES_MAX)?;
    }
    if !anomaly.faults.is_empty() {
        writeln!(text, "    In force at the time: {}.", anomaly.faults.join("; "))?;
    }
    Ok(())
}
