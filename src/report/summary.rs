//! The summary on the terminal, for somebody who sees the tool for the first time.

use std::fmt::Write;

use ticketcd_judge::check::verdict::{Finding, Verdict};
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::model::Cents;

use super::headline::headline;
use super::latency::{Clock, LatencyLine};
use super::limits::LimitKind;
use super::made_up;
use super::numbers::{count, counted, counted_of};
use super::objectives::ObjectiveOutcome;
use super::result::{FaultResult, RunResult, RunVerdict};
use super::stories::{group_title, write_stories, write_story};
use super::waivers::{WaiverState, is_waived};
use super::wrap::{wrapped, wrapped_words};
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
    // Checks stand in the order of what matters most to a shop.
    let violated = result.checks.iter().filter(|finding| finding.verdict == Verdict::Violation);
    if let Some(group) = violated.flat_map(|finding| &finding.anomalies).find(|group| group.consequence_of.is_none()) {
        writeln!(text, "\n  {}", group_title(group))?;
        write_story(text, &group.first)?;
    }
    write_faults(text, &result.faults)
}

/// The last line of every run: verdict, seed, run directory, and how to run it again, or make it up again.
pub fn last_line(result: &RunResult, directory: &std::path::Path) -> String {
    let directory = directory.display();
    let again = match made_up::command(&result.etcd) {
        Some(command) => format!(" · again: {command} --out NEW_DIR"),
        None if made_up::is_made_up(&result.etcd) => String::new(),
        None => format!(" · again: ticketcd rerun {directory}"),
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
        writeln!(text, "  This build of etcd is known to be bad: {defect}\n")?;
    }
    write_verdict(text, result)?;
    if let Some(expected) = &result.expected {
        writeln!(text, "            this scenario is meant to end with: {expected}")?;
    }
    if result.load.achieved == 0 && result.verdict == RunVerdict::Invalid {
        return Ok(());
    }
    write_load(text, result)?;
    write_stories(text, &result.checks)?;
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
    write!(text, "\n  Sold      {} in {:.1} s: {:.0} a second", counted(load.sold, "order"), load.seconds, load.purchases_per_second)?;
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
    let refused = [(load.sold_out, "sold out"), (load.conflict, "gave up after conflicts"), (load.rejected, "rejected")];
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
        "  Load      {} offered, {} made ({:.0} a second)",
        counted(load.offered, "operation"),
        count(load.achieved),
        load.operations_per_second
    )?;
    if load.shed > 0 {
        write!(text, ", {} shed because every buyer was busy", count(load.shed))?;
    }
    if let Some(rate) = load.calibrated_per_second {
        write!(text, "; 100% is {rate:.0} a second")?;
    }
    writeln!(text)?;
    let fairness = &load.fairness;
    if fairness.buyers_tried > 0 {
        let most = fairness.largest_share.map(|share| format!("; the luckiest got {:.1}% of the orders sold", share * 100.0));
        let (served, tried) = (count(fairness.buyers_served), count(fairness.buyers_tried));
        writeln!(text, "  Buyers    {served} of {tried} that tried were served{}", most.unwrap_or_default())?;
    }
    write_limit(text, result)?;
    if load.recorder_wait_seconds > 0.01 * load.seconds {
        writeln!(text, "            buyers waited {:.1} s for our recorder, all together", load.recorder_wait_seconds)?;
    }
    Ok(())
}

/// The load was stopped before the part of it that counts, by `--fail-fast` or Ctrl-C or because the run could not go on.
fn write_uncounted(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let ledger = result.checks.iter().find(|finding| finding.name == "ledger");
    let sold = ledger.and_then(|finding| finding.evidence.get("acknowledged")).copied().unwrap_or(0);
    let until_then = if sold > 0 { format!("; {} had been acknowledged until then", counted(sold, "order")) } else { String::new() };
    let sentence = format!("the run was stopped before its load was counted, which begins after the warm-up{until_then}");
    writeln!(text)?;
    text.write_str(&wrapped("  Load      ", &sentence))
}

/// What became of the orders without an answer. The ledger knows it of all that were placed, in the warm-up too, and of those
/// given back.
fn unanswered(counted_unknown: u64, checks: &[Finding]) -> String {
    let ledger = checks.iter().find(|finding| finding.name == "ledger");
    let evidence = |key: &str| ledger.and_then(|finding| finding.evidence.get(key)).copied();
    let sentence = format!("{} never got an answer", counted(counted_unknown, "order"));
    let (Some(all), Some(applied), Some(absent)) = (evidence("unknown"), evidence("unknown_applied"), evidence("unknown_absent")) else {
        return sentence;
    };
    let untold = all.saturating_sub(applied + absent);
    let fates = [(applied, "carried out"), (absent, "not carried out"), (untold, "cannot be told")];
    let fates: Vec<String> =
        fates.iter().filter(|(number, _)| *number > 0).map(|(number, fate)| format!("{} {fate}", count(*number))).collect();
    let fates = fates.join(", ");
    if all == counted_unknown {
        format!("{sentence}; by id: {fates}")
    } else {
        format!("{sentence}; in the whole run, with warm-up and cancellations, {} did not; by id: {fates}", count(all))
    }
}

/// What limited the run. Not known is said in the result alone: of an old record nobody expects more.
fn write_limit(text: &mut String, result: &RunResult) -> std::fmt::Result {
    let limit = &result.limited_by;
    if limit.by == LimitKind::NotKnown {
        return Ok(());
    }
    text.write_str(&wrapped("  Limit     ", &limit.sentence))?;
    if !limit.also.is_empty() {
        writeln!(text, "            also near their limit:")?;
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
    writeln!(text, "\n  Response time, from when an operation was due, in milliseconds")?;
    writeln!(
        text,
        "    {:<11} {:<16} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "", "", "count", "p50", "p90", "p99", "p99.9", "max", "sold/s"
    )?;
    let few = result.faults.len() <= FAULTS_MAX;
    let shown = |line: &&LatencyLine| line.phase == "steady" || (few && line.operation == Purpose::Purchase);
    let mut above: Option<&LatencyLine> = None;
    for line in lines.into_iter().filter(shown) {
        // What comes before a fault is what came after the one before it.
        let told = |above: &LatencyLine| above.phase.starts_with("after") && above.count == line.count && above.max_ms == line.max_ms;
        if line.phase.starts_with("before") && above.is_some_and(told) {
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
        let word = match finding.verdict {
            Verdict::Violation if is_waived(&result.known, finding) => "waived",
            Verdict::Pass => "pass",
            Verdict::Unknown => "unknown",
            Verdict::Violation => "VIOLATION",
        };
        let evidence: Vec<String> = finding
            .evidence
            .iter()
            .filter(|(_, number)| **number > 0)
            .map(|(name, number)| counted_of(*number, &name.replace('_', " ")))
            .collect();
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
    writeln!(text, "\n  Revenue by event type: what the stock counters, the purchase records and the buyers' receipts say")?;
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

fn milliseconds(value: f64) -> String {
    if value >= 1000.0 { format!("{:.1} s", value / 1000.0) } else { format!("{value:.0} ms") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::history::run_info::RunInfo;

    use super::super::build::describe;
    use super::super::limits::LimitResult;
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
        assert!(text.contains("1 000 things of kind 1") && text.contains("8 000 things of kind 8"), "{text}");
        assert!(text.contains("  Limit     the disk is slow"), "{text}");
    }

    fn ledger(evidence: &[(&str, u64)]) -> Vec<Finding> {
        let evidence = evidence.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        vec![Finding { evidence, reason: None, ..finding("ledger", Verdict::Violation) }]
    }

    #[test]
    fn what_became_of_unanswered_orders_is_said_of_what_was_counted_or_of_the_whole_run() {
        let told = |counted, all, applied, absent| {
            unanswered(counted, &ledger(&[("unknown", all), ("unknown_applied", applied), ("unknown_absent", absent)]))
        };
        assert_eq!(told(1, 1, 0, 1), "1 order never got an answer; by id: 1 not carried out");
        assert_eq!(told(3, 3, 1, 1), "3 orders never got an answer; by id: 1 carried out, 1 not carried out, 1 cannot be told");
        let whole = told(2, 1_004, 1_000, 4);
        assert!(whole.ends_with("with warm-up and cancellations, 1 004 did not; by id: 1 000 carried out, 4 not carried out"), "{whole}");
        assert_eq!(unanswered(2, &[]), "2 orders never got an answer");
    }

    #[test]
    fn a_load_that_was_stopped_in_the_warm_up_is_not_told_as_one_that_sold_nothing() {
        let checks = ledger(&[("acknowledged", 57)]);
        let result = RunResult { verdict: RunVerdict::Violation, checks, ..describe(RunInfo::default()) };
        for text in [render(&result), brief(&result)] {
            assert!(text.contains("before its load was counted") && text.contains("; 57"), "{text}");
            assert!(!text.contains("  Sold  "), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        }
    }

    #[test]
    fn what_was_made_up_is_made_up_again() {
        let line = |path: &str| {
            let mut result = describe(RunInfo::default());
            result.etcd.path = path.to_owned();
            last_line(&result, std::path::Path::new("g"))
        };
        assert!(line("/bin/etcd").ends_with("g · again: ticketcd rerun g"));
        assert!(line(&made_up::origin("make it")).ends_with("g · again: make it --out NEW_DIR"));
        assert!(line("synthetic").ends_with(" · g"), "nobody knows how");
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
