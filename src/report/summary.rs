//! The summary on the terminal.

use std::fmt::Write;

use ticketcd_judge::core::verdict::{Finding, Verdict};
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::model::Cents;

use super::bottleneck::LimitKind;
use super::explanations::{evidence, group_title, write_explanation, write_explanations};
use super::headline::headline;
use super::latency::{Clock, LatencyLine};
use super::numbers::{count, counted, milliseconds, rate, seconds};
use super::objectives::ObjectiveOutcome;
use super::result::{FaultResult, RunResult, RunVerdict};
use super::synthetic;
use super::waivers::{ShownVerdict, WaiverState};
use super::wrap::{wrapped, wrapped_words};
use crate::printable;
use crate::scenario::metric::operation_name;

/// Faults listed one by one; a crash loop has many more.
const FAULTS_MAX: usize = 12;

/// Renders the summary, without its last line.
pub fn render(result: &RunResult) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, result);
    text
}

/// The few lines that matter: verdict, load, the first violation, faults.
pub fn brief(result: &RunResult) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_brief(&mut text, result);
    text
}

fn write_brief(text: &mut String, result: &RunResult) -> std::fmt::Result {
    write_verdict(text, result)?;
    write_load(text, result)?;
    // Checks are in the order of their importance to a shop.
    let violated = result.checks.iter().filter(|finding| finding.verdict == Verdict::Violation);
    if let Some(group) = violated.flat_map(|finding| &finding.anomalies).find(|group| group.consequence_of.is_none()) {
        writeln!(text, "\n  {}", group_title(group))?;
        write_explanation(text, &group.first)?;
    }
    write_faults(text, &result.faults)
}

/// The last line of every run: verdict, seed, run directory, and the command that reruns or regenerates it.
pub fn last_line(result: &RunResult, directory: &std::path::Path) -> String {
    let directory = directory.display().to_string();
    let directory = printable::text(&directory);
    let again = match synthetic::command(&result.etcd) {
        Some(command) => format!(" · rerun: {command} --out NEW_DIR"),
        None if synthetic::is_synthetic(&result.etcd) => String::new(),
        None => format!(" · rerun: ticketcd rerun {directory}"),
    };
    format!("{} · seed {} · {directory}{again}", verdict_word(result.verdict), result.seed)
}

fn write_all(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let members = match result.members.len() as u64 {
        0 => "no member".to_owned(),
        number => counted(number, "member"),
    };
    writeln!(text, "{} · {} · etcd {} · {members} · seed {}\n", result.scenario, result.strategy, result.etcd_version, result.seed)?;
    if let Some(defect) = &result.etcd.known_bad {
        writeln!(text, "  This etcd build has a known defect: it {defect}\n")?;
    }
    write_verdict(text, result)?;
    if let Some(expected) = &result.expected {
        writeln!(text, "            expected: {expected}")?;
    }
    if result.load.achieved == 0 && result.verdict == RunVerdict::Invalid {
        return Ok(());
    }
    write_load(text, result)?;
    write_explanations(text, &result.checks)?;
    write_faults(text, &result.faults)?;
    write_latency(text, result)?;
    write_objectives(text, result)?;
    write_checks(text, result)?;
    write_revenue(text, result)?;
    if !result.notes.is_empty() {
        writeln!(text, "\n  Notes")?;
        for note in &result.notes {
            text.write_str(&wrapped("    ", note))?;
        }
    }
    Ok(())
}

fn write_verdict(text: &mut String, result: &RunResult) -> std::fmt::Result {
    writeln!(text, "  {:<9} {}", verdict_word(result.verdict).to_uppercase(), headline(result))?;
    for reason in &result.reasons {
        text.write_str(&wrapped("            ", reason))?;
    }
    for waiver in result.known.iter().filter(|waiver| waiver.state == WaiverState::Waived) {
        text.write_str(&wrapped("            ", &waiver.sentence()))?;
    }
    Ok(())
}

fn write_load(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let load = &result.load;
    if load.offered == 0 && load.achieved == 0 {
        return write_uncounted(text, result);
    }
    let steady =
        |clock| result.latency.iter().find(|line| line.operation == Purpose::Purchase && line.phase == "steady" && line.clock == clock);
    write!(text, "\n  Sold      {} in {}: {}", counted(load.sold, "order"), seconds(load.seconds), rate(load.purchases_per_second))?;
    if let Some(line) = steady(Clock::Response) {
        write!(
            text,
            "; response time p50 {} · p99 {} · max {}",
            milliseconds(line.p50_ms),
            milliseconds(line.p99_ms),
            milliseconds(line.max_ms)
        )?;
    }
    writeln!(text)?;
    let refused = [(load.sold_out, "sold out"), (load.conflict, "abandoned after conflicts"), (load.rejected, "rejected")];
    let refused: Vec<String> =
        refused.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{} {what}", count(*number))).collect();
    if !refused.is_empty() {
        writeln!(text, "  Refused   {}", refused.join(" · "))?;
    }
    if load.unknown > 0 {
        text.write_str(&wrapped("  Unknown   ", &unanswered(load.unknown, &result.checks)))?;
    }
    write!(
        text,
        "  Load      {} offered, {} completed ({})",
        counted(load.offered, "operation"),
        count(load.achieved),
        rate(load.operations_per_second)
    )?;
    if load.shed > 0 {
        write!(text, ", {} shed because every buyer was busy", count(load.shed))?;
    }
    if let Some(calibrated) = load.calibrated_per_second {
        write!(text, "; 100% = {}", rate(calibrated))?;
    }
    writeln!(text)?;
    let fairness = &load.fairness;
    if fairness.buyers_tried > 0 {
        let most = fairness.largest_share.map(|share| format!("; busiest buyer: {:.1}% of orders", share * 100.0));
        let (served, tried) = (count(fairness.buyers_served), count(fairness.buyers_tried));
        writeln!(text, "  Buyers    {served} of {tried} got at least one order{}", most.unwrap_or_default())?;
    }
    write_limit(text, result)?;
    if load.recorder_wait_seconds > 0.01 * load.seconds {
        writeln!(text, "            all buyers together waited {} for the recorder", seconds(load.recorder_wait_seconds))?;
    }
    Ok(())
}

/// The run was stopped before the counted load began, by `--fail-fast`, by Ctrl-C or because it failed.
fn write_uncounted(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let ledger = result.checks.iter().find(|finding| finding.name == "ledger");
    // Without a ledger, or without its evidence, nothing is claimed about earlier sales.
    let sold = ledger.and_then(|finding| finding.evidence.get("acknowledged")).copied().unwrap_or(0);
    let before = if sold > 0 { format!("; {} acknowledged before that", counted(sold, "order")) } else { String::new() };
    let sentence = format!("the run was stopped before the counted load began, during or before the warm-up{before}");
    writeln!(text)?;
    text.write_str(&wrapped("  Load      ", &sentence))
}

/// The outcome of unanswered orders. The ledger resolves all orders of the run, those of the warm-up and cancellations included.
fn unanswered(counted_unknown: u64, checks: &[Finding]) -> String {
    let ledger = checks.iter().find(|finding| finding.name == "ledger");
    let evidence = |key: &str| ledger.and_then(|finding| finding.evidence.get(key)).copied();
    let sentence = format!("{} got no response", counted(counted_unknown, "order"));
    let (Some(all), Some(applied), Some(absent)) = (evidence("unknown"), evidence("unknown_applied"), evidence("unknown_absent")) else {
        return sentence;
    };
    let unresolved = all.saturating_sub(applied + absent);
    let outcomes = [(applied, "applied"), (absent, "not applied"), (unresolved, "cannot be resolved")];
    let outcomes: Vec<String> =
        outcomes.iter().filter(|(number, _)| *number > 0).map(|(number, outcome)| format!("{} {outcome}", count(*number))).collect();
    let outcomes = outcomes.join(", ");
    if all == counted_unknown {
        format!("{sentence}; found by order id: {outcomes}")
    } else {
        format!("{sentence} ({} in the whole run, with warm-up and cancellations); found by order id: {outcomes}", count(all))
    }
}

/// What limited the run. "Not known" is only in `result.json`.
fn write_limit(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let limit = &result.limited_by;
    if limit.by == LimitKind::NotKnown {
        return Ok(());
    }
    text.write_str(&wrapped("  Limit     ", &limit.sentence))?;
    if !limit.also.is_empty() {
        writeln!(text, "            also near its limit:")?;
    }
    for sentence in &limit.also {
        text.write_str(&wrapped("            - ", sentence))?;
    }
    Ok(())
}

fn write_faults(text: &mut String, faults: &[FaultResult]) -> std::fmt::Result {
    if faults.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  Faults    (seconds since the counted load began)")?;
    for (index, fault) in faults.iter().take(FAULTS_MAX).enumerate() {
        let span = match (fault.start_seconds, fault.end_seconds) {
            (Some(start), Some(end)) => format!("{start:>6.1} – {end:.1}"),
            (Some(start), None) => format!("{start:>6.1} – ?"),
            _ => "   not injected".to_owned(),
        };
        let what = format!("{} ({}): {}", fault.kind.replace('_', " "), fault.target, fault.what_happened);
        text.write_str(&wrapped(&format!("    {:>2}  {span:<15} ", index + 1), &what))?;
        for effect in fault.effects.iter().chain(&fault.trouble) {
            text.write_str(&wrapped("                        → ", effect))?;
        }
    }
    if faults.len() > FAULTS_MAX {
        writeln!(text, "    … and {} more: faults.jsonl", faults.len() - FAULTS_MAX)?;
    }
    Ok(())
}

fn write_latency(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let lines: Vec<_> = result.latency.iter().filter(|line| line.clock == Clock::Response).collect();
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  Response time in ms, from when an operation was due")?;
    writeln!(
        text,
        "    {:<11} {:<16} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "", "", "count", "p50", "p90", "p99", "p99.9", "max", "sold/s"
    )?;
    let few = result.faults.len() <= FAULTS_MAX;
    let shown = |line: &&LatencyLine| line.phase == "steady" || (few && line.operation == Purpose::Purchase);
    let mut above: Option<&LatencyLine> = None;
    for line in lines.into_iter().filter(shown) {
        // The window before a fault can be the window after the previous one.
        let is_same = |above: &LatencyLine| above.phase.starts_with("after") && above.count == line.count && above.max_ms == line.max_ms;
        if line.phase.starts_with("before") && above.is_some_and(is_same) {
            continue;
        }
        above = Some(line);
        writeln!(
            text,
            "    {:<11} {:<16} {:>8} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>7.0}",
            operation_name(line.operation).replace('_', " "),
            line.phase,
            count(line.count),
            line.p50_ms,
            line.p90_ms,
            line.p99_ms,
            line.p999_ms,
            line.max_ms,
            line.sold_per_second
        )?;
    }
    Ok(())
}

fn write_objectives(text: &mut String, result: &RunResult) -> std::fmt::Result {
    if result.objectives.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  Objectives")?;
    for objective in &result.objectives {
        let word = match objective.outcome {
            ObjectiveOutcome::Met => "met",
            ObjectiveOutcome::Missed => "MISSED",
            ObjectiveOutcome::Unknown => "unknown",
        };
        text.write_str(&wrapped(&format!("    {word:<9} "), &objective.sentence))?;
    }
    Ok(())
}

fn write_checks(text: &mut String, result: &RunResult) -> std::fmt::Result {
    writeln!(text, "\n  Checks")?;
    for finding in &result.checks {
        let word = match ShownVerdict::of(finding, &result.known) {
            ShownVerdict::Pass => "pass",
            ShownVerdict::Unknown => "unknown",
            ShownVerdict::Waived => "waived",
            ShownVerdict::Violation => "VIOLATION",
        };
        let evidence = evidence(finding);
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        text.write_str(&wrapped_words(&format!("    {word:<9} {:<13} ", finding.name.replace('_', " ")), &evidence, " · "))?;
        if let Some(reason) = &finding.reason {
            text.write_str(&wrapped("                            ", reason))?;
        }
    }
    Ok(())
}

fn write_revenue(text: &mut String, result: &RunResult) -> std::fmt::Result {
    if result.revenue.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  Revenue by event type, from stock counters, purchase records and buyers' receipts")?;
    writeln!(text, "    {:<13} {:>14} {:>14} {:>14} {:>12}", "", "counters", "records", "receipts", "unknown")?;
    for line in &result.revenue {
        let money = |cents: i64| Cents(cents).to_string();
        let columns = [line.counters_cents, line.records_cents, line.receipts_cents, line.unknown_cents].map(money);
        writeln!(text, "    {:<13} {:>14} {:>14} {:>14} {:>12}", line.event_type, columns[0], columns[1], columns[2], columns[3])?;
    }
    Ok(())
}

/// The verdict in a word, as in the last line.
pub fn verdict_word(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Violation => "violation",
        RunVerdict::Unknown => "unknown",
        RunVerdict::ObjectiveMissed => "objective missed",
        RunVerdict::Invalid => "invalid",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::history::run_info::RunInfo;

    use super::super::bottleneck::LimitResult;
    use super::super::build::describe;
    use super::super::statistics::LoadResult;
    use super::super::waivers::WaiverResult;
    use super::super::wrap::COLUMNS;
    use super::*;

    fn finding(name: &str, verdict: Verdict) -> Finding {
        let evidence: BTreeMap<String, u64> = (1..9).map(|number| (format!("things_of_kind_{number}"), 1_000 * number)).collect();
        let reason = Some("a reason that is long enough to need a second line ".repeat(3).trim_end().to_owned());
        Finding { name: name.to_owned(), verdict, reason, evidence, anomalies: Vec::new(), revenue: Vec::new() }
    }

    #[test]
    fn no_line_of_the_checks_and_limits_is_wider_than_the_terminal() {
        let limited_by = LimitResult { by: LimitKind::Disk, sentence: "the disk is slow ".repeat(9), also: vec!["the quota ".repeat(12)] };
        let checks = vec![finding("conservation", Verdict::Pass), finding("real_time", Verdict::Unknown)];
        let load = LoadResult { achieved: 1, ..LoadResult::default() };
        let text = render(&RunResult { checks, limited_by, load, ..describe(RunInfo::default()) });
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        assert!(text.contains("1,000 things of kind 1") && text.contains("8,000 things of kind 8"), "{text}");
        assert!(text.contains("  Limit     the disk is slow"), "{text}");
    }

    fn ledger(evidence: &[(&str, u64)]) -> Vec<Finding> {
        let evidence = evidence.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        vec![Finding { evidence, reason: None, ..finding("ledger", Verdict::Violation) }]
    }

    #[test]
    fn unanswered_orders_are_resolved_for_the_counted_load_or_the_whole_run() {
        let shown = |counted, all, applied, absent| {
            unanswered(counted, &ledger(&[("unknown", all), ("unknown_applied", applied), ("unknown_absent", absent)]))
        };
        assert_eq!(shown(1, 1, 0, 1), "1 order got no response; found by order id: 1 not applied");
        assert_eq!(shown(3, 3, 1, 1), "3 orders got no response; found by order id: 1 applied, 1 not applied, 1 cannot be resolved");
        let whole = shown(2, 1_004, 1_000, 4);
        assert!(
            whole.ends_with("(1,004 in the whole run, with warm-up and cancellations); found by order id: 1,000 applied, 4 not applied"),
            "{whole}"
        );
        assert_eq!(unanswered(2, &[]), "2 orders got no response");
    }

    #[test]
    fn a_load_that_was_stopped_in_the_warm_up_is_not_shown_as_selling_nothing() {
        let checks = ledger(&[("acknowledged", 57)]);
        let result = RunResult { verdict: RunVerdict::Violation, checks, ..describe(RunInfo::default()) };
        for text in [render(&result), brief(&result)] {
            assert!(text.contains("before the counted load began") && text.contains("; 57"), "{text}");
            assert!(!text.contains("  Sold  "), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        }
    }

    #[test]
    fn a_synthetic_run_is_generated_again() {
        let line = |path: &str| {
            let mut result = describe(RunInfo::default());
            result.etcd.path = path.to_owned();
            last_line(&result, std::path::Path::new("g"))
        };
        assert!(line("/bin/etcd").ends_with("g · rerun: ticketcd rerun g"));
        assert!(line(&synthetic::origin("make it")).ends_with("g · rerun: make it --out NEW_DIR"));
        assert!(line("synthetic").ends_with(" · g"), "the command is not recorded");
    }

    #[test]
    fn a_pass_with_something_waived_does_not_say_that_nothing_is_wrong() {
        let waiver =
            |state| WaiverResult { issue: "etcd#1".to_owned(), check: "oversell".to_owned(), until: "2026-12-31".to_owned(), state };
        let shown = |state| {
            let checks = vec![finding("oversell", Verdict::Violation)];
            let result = RunResult { verdict: RunVerdict::Pass, checks, known: vec![waiver(state)], ..describe(RunInfo::default()) };
            render(&result)
        };
        let waived = shown(WaiverState::Waived);
        assert!(!waived.contains("No ticket oversold"), "{waived}");
        assert!(waived.contains("etcd#1 and waived until 2026-12-31") && waived.contains("    waived    oversell"), "{waived}");
        assert!(shown(WaiverState::Expired).contains("    VIOLATION oversell"));
    }
}
