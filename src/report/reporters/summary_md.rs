//! `summary.md`: the run in Markdown, for the step summary of a CI system.

use std::fmt::Write as _;
use std::io::{self, Write};

use ticketcd_judge::core::verdict::Finding;

use super::Reporter;
use crate::report::build::Report;
use crate::report::explanations::group_title;
use crate::report::headline::headline;
use crate::report::latency::{Clock, LatencyLine};
use crate::report::markdown_text::plain;
use crate::report::numbers::{count, milliseconds, rate, seconds};
use crate::report::objectives::ObjectiveOutcome;
use crate::report::result::{RunResult, for_people};
use crate::report::summary::verdict_word;
use crate::report::waivers::ShownVerdict;
use crate::scenario::metric::operation_name;

pub(super) const REPORTER: Reporter = Reporter { file: "summary.md", write };

/// Sentences of an explanation, at most: a step summary is read at a glance.
const SENTENCES_MAX: usize = 6;

fn write(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    output.write_all(markdown(&for_people(&report.result)).as_bytes())
}

/// The run in Markdown.
pub fn markdown(result: &RunResult) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, result);
    text
}

fn write_all(text: &mut String, result: &RunResult) -> std::fmt::Result {
    writeln!(text, "## {}: {}\n", plain(&result.scenario), verdict_word(result.verdict))?;
    writeln!(text, "{}\n", plain(&headline(result)))?;
    if result.interrupted {
        writeln!(text, "- The run was interrupted; the verdict covers what was recorded.")?;
    }
    for reason in &result.reasons {
        writeln!(text, "- {}", plain(reason))?;
    }
    let (strategy, version) = (plain(&result.strategy), plain(&result.etcd_version));
    writeln!(text, "\n{strategy}, etcd {version}, {} members, seed {}.\n", result.members.len(), result.seed)?;
    let load = &result.load;
    writeln!(text, "{} orders sold in {} ({}).\n", count(load.sold), seconds(load.seconds), rate(load.purchases_per_second))?;
    let steady: Vec<&LatencyLine> = result.latency.iter().filter(|line| line.phase == "steady" && line.clock == Clock::Response).collect();
    if !steady.is_empty() {
        writeln!(text, "| response time | count | p50 | p99 | max |\n|---|---:|---:|---:|---:|")?;
        for line in steady {
            let [p50, p99, max] = [line.p50_ms, line.p99_ms, line.max_ms].map(milliseconds);
            writeln!(text, "| {} | {} | {p50} | {p99} | {max} |", operation_name(line.operation), count(line.count))?;
        }
        writeln!(text)?;
    }
    writeln!(text, "| check | verdict | |\n|---|---|---|")?;
    for finding in &result.checks {
        writeln!(text, "| {} | {} | {} |", finding.name, mark(finding, result), plain(finding.reason.as_deref().unwrap_or_default()))?;
    }
    for objective in &result.objectives {
        let mark = match objective.outcome {
            ObjectiveOutcome::Met => "✅ met",
            ObjectiveOutcome::Missed => "❌ missed",
            ObjectiveOutcome::Unknown => "❔ unknown",
        };
        writeln!(text, "| objective | {mark} | {} |", plain(&objective.sentence))?;
    }
    let groups = result.checks.iter().flat_map(|finding| finding.anomalies.iter().map(move |group| (finding, group)));
    for (finding, group) in groups.filter(|(_, group)| group.consequence_of.is_none()) {
        writeln!(text, "\n**{} · {}**\n", finding.name, plain(&group_title(group)))?;
        for sentence in group.first.explanation.iter().take(SENTENCES_MAX) {
            writeln!(text, "1. {}", plain(sentence))?;
        }
    }
    Ok(())
}

fn mark(finding: &Finding, result: &RunResult) -> &'static str {
    match ShownVerdict::of(finding, &result.known) {
        ShownVerdict::Pass => "✅ pass",
        ShownVerdict::Unknown => "❔ unknown",
        ShownVerdict::Waived => "⚠️ waived",
        ShownVerdict::Violation => "❌ violation",
    }
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::run_info::RunInfo;

    use super::*;
    use crate::report::build::describe;
    use crate::report::reporters::testing::found_by_ledger;
    use crate::report::result::RunVerdict;

    #[test]
    fn a_violation_is_explained() {
        let checks = vec![found_by_ledger("lost_order", "Order r-1-1 is on no member.")];
        let text = markdown(&RunResult { verdict: RunVerdict::Violation, checks, ..describe(RunInfo::default()) });
        for part in ["| ledger | ❌ violation |", "**ledger · lost order, once**", "1. Order r-1-1 is on no member."] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }
}
