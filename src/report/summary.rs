//! The summary on the terminal.

use std::fmt::Write;

use ticketcd_judge::core::verdict::{Finding, Verdict};
use ticketcd_judge::explain::Explain;
use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::model::Cents;

use super::bottleneck::LimitKind;
use super::explanations::{evidence, group_title, write_explanation, write_explanations};
use super::headline::headline;
use super::latency::{Clock, LatencyLine};
use super::numbers::{count, counted, milliseconds, rate, seconds, tenths};
use super::objectives::ObjectiveOutcome;
use super::result::{FaultResult, RunResult, RunVerdict};
use super::statistics::{LoadResult, RejectedOrders};
use super::synthetic;
use super::waivers::{ShownVerdict, WaiverState};
use crate::printable;
use crate::scenario::metric::operation_name;
use crate::terminal::{BAD, GOOD, Screen, TITLE, Table, WARNING};

/// Faults listed one by one; a crash loop has many more.
const FAULTS_MAX: usize = 12;
/// The indent of what belongs to a label.
const BELOW: &str = "            ";

/// Renders the summary, without its last line.
pub fn render(result: &RunResult, screen: Screen) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, result, screen);
    text
}

/// The few lines that matter: verdict, load, the first violation, faults.
pub fn brief(result: &RunResult, screen: Screen) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_brief(&mut text, result, screen);
    text
}

fn write_brief(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    write_verdict(text, result, screen)?;
    write_load(text, result, screen)?;
    // Checks are in the order of their importance to a shop.
    let violated = result.checks.iter().filter(|finding| finding.verdict == Verdict::Violation);
    if let Some(group) = violated.flat_map(|finding| &finding.anomalies).find(|group| group.consequence_of.is_none()) {
        writeln!(text)?;
        text.write_str(&screen.wrapped("  ", &group_title(group)))?;
        write_explanation(text, &group.first, screen)?;
    }
    write_faults(text, result, screen)
}

/// The last line of every run: verdict, seed, run directory, and the command that reruns or regenerates it. It is one line for
/// programs, and on a terminal wrapped between its parts.
pub fn last_line(result: &RunResult, directory: &std::path::Path, screen: Screen) -> String {
    let directory = directory.display().to_string();
    let directory = printable::text(&directory);
    let interrupted = if result.interrupted { ", interrupted" } else { "" };
    let verdict = screen.paint(style_of(result.verdict), verdict_word(result.verdict));
    let mut parts = vec![format!("{verdict}{interrupted}"), format!("seed {}", result.seed), directory.to_string()];
    match synthetic::command(&result.etcd) {
        Some(command) => parts.push(format!("rerun: {command} --out NEW_DIR")),
        None if synthetic::is_synthetic(&result.etcd) => {}
        None => parts.push(format!("rerun: ticketcd rerun {directory}")),
    }
    if screen.is_terminal() { screen.wrapped_parts("", &parts, " · ").trim_end().to_owned() } else { parts.join(" · ") }
}

fn write_all(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let members = match result.members.len() as u64 {
        0 => "no member".to_owned(),
        number => counted(number, "member"),
    };
    let etcd = format!("etcd {}", result.etcd_version);
    let what = [result.scenario.clone(), result.strategy.clone(), etcd, members, format!("seed {}", result.seed)];
    writeln!(text, "{}", screen.wrapped_parts("", &what, " · "))?;
    if let Some(defect) = &result.etcd.known_bad {
        writeln!(text, "{}", screen.wrapped("  ", &format!("This etcd build has a known defect: it {defect}")))?;
    }
    write_verdict(text, result, screen)?;
    if let Some(expected) = &result.expected {
        writeln!(text, "{BELOW}expected: {expected}")?;
    }
    if result.load.achieved == 0 && result.verdict == RunVerdict::Invalid {
        return Ok(());
    }
    write_load(text, result, screen)?;
    write_explanations(text, &result.checks, screen)?;
    write_faults(text, result, screen)?;
    write_latency(text, result, screen)?;
    write_objectives(text, result, screen)?;
    write_checks(text, result, screen)?;
    write_revenue(text, result, screen)?;
    if !result.notes.is_empty() {
        writeln!(text, "\n  {}", screen.paint(TITLE, "Notes"))?;
        for note in &result.notes {
            text.write_str(&screen.wrapped("    ", note))?;
        }
    }
    Ok(())
}

fn write_verdict(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let word = screen.paint(style_of(result.verdict), &format!("{:<9}", verdict_word(result.verdict).to_uppercase()));
    text.write_str(&screen.wrapped(&format!("  {word} "), &headline(result)))?;
    if result.interrupted {
        let when = match result.load.seconds {
            load if load > 0.0 => format!("{} into the counted load", seconds(load)),
            _ => "before the counted load".to_owned(),
        };
        let sentence = format!("The run was interrupted {when}; the verdict covers what was recorded.");
        text.write_str(&screen.wrapped(BELOW, &sentence))?;
    }
    for reason in &result.reasons {
        text.write_str(&screen.wrapped(BELOW, reason))?;
    }
    for waiver in result.known.iter().filter(|waiver| waiver.state == WaiverState::Waived) {
        text.write_str(&screen.wrapped(BELOW, &waiver.sentence()))?;
    }
    Ok(())
}

fn write_load(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let load = &result.load;
    if load.offered == 0 && load.achieved == 0 {
        return write_uncounted(text, result, screen);
    }
    let steady =
        |clock| result.latency.iter().find(|line| line.operation == Purpose::Purchase && line.phase == "steady" && line.clock == clock);
    let mut sold = vec![format!("{} in {}: {}", counted(load.sold, "order"), seconds(load.seconds), rate(load.purchases_per_second))];
    if let Some(line) = steady(Clock::Response) {
        let [p50, p99, max] = [line.p50_ms, line.p99_ms, line.max_ms].map(milliseconds);
        sold[0].push_str(&format!("; response time p50 {p50}"));
        sold.extend([format!("p99 {p99}"), format!("max {max}")]);
    }
    writeln!(text)?;
    text.write_str(&screen.wrapped_parts("  Sold      ", &sold, " · "))?;
    write_orders(text, load, screen)?;
    if load.unknown > 0 {
        text.write_str(&screen.wrapped("  Unknown   ", &unanswered(load.unknown, &result.checks)))?;
    }
    text.write_str(&screen.wrapped("  Load      ", &offered(load)))?;
    let before = &load.warm_up;
    if before.sold > 0 {
        let cancelled = if before.cancelled > 0 { format!(" and {} cancelled", count(before.cancelled)) } else { String::new() };
        let sentence = format!("{} sold{cancelled} before that, in addition; the checks cover them too", counted(before.sold, "order"));
        text.write_str(&screen.wrapped("  Warm-up   ", &sentence))?;
    }
    let fairness = &load.fairness;
    if fairness.buyers_tried > 0 {
        let most = fairness.largest_share.map(|share| format!("; busiest buyer: {:.1}% of orders", share * 100.0));
        let (served, tried) = (count(fairness.buyers_served), count(fairness.buyers_tried));
        let sentence = format!("{served} of {tried} got at least one order{}", most.unwrap_or_default());
        text.write_str(&screen.wrapped("  Buyers    ", &sentence))?;
    }
    write_limit(text, result, screen)?;
    if load.recorder_wait_seconds > 0.01 * load.seconds {
        let sentence = format!("all buyers together waited {} for the recorder", seconds(load.recorder_wait_seconds));
        text.write_str(&screen.wrapped(BELOW, &sentence))?;
    }
    Ok(())
}

/// How many orders the counted load had.
fn orders(load: &LoadResult) -> u64 {
    load.sold + load.sold_out + load.conflict + load.rejected + load.unknown
}

/// What became of the orders: the parts add up to the whole. Then why orders were rejected.
fn write_orders(text: &mut String, load: &LoadResult, screen: Screen) -> std::fmt::Result {
    let parts = [
        (load.sold, "sold"),
        (load.sold_out, "sold out"),
        (load.conflict, "abandoned after conflicts"),
        (load.rejected, "rejected"),
        (load.unknown, "without response"),
    ];
    let mut parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{} {what}", count(*number))).collect();
    if parts.len() > 1 {
        parts[0] = format!("{} placed: {}", count(orders(load)), parts[0]);
        text.write_str(&screen.wrapped_parts("  Orders    ", &parts, " · "))?;
    }
    let because = |rejected: &RejectedOrders| format!("{} {}", count(rejected.orders), rejected.cause.in_words());
    let because: Vec<String> = load.rejected_by.iter().map(because).collect();
    if !because.is_empty() {
        text.write_str(&screen.wrapped_parts("  Rejected  ", &because, " · "))?;
    }
    Ok(())
}

/// The counted load: when it was, and what was offered and done.
fn offered(load: &LoadResult) -> String {
    let (began, ended) = (load.began_seconds, load.began_seconds + load.seconds);
    let others = load.achieved.saturating_sub(orders(load));
    let kinds = match others {
        0 => String::new(),
        others => format!(": {} and {} queries and cancellations", counted(load.achieved - others, "order"), count(others)),
    };
    let mut text = format!(
        "counted from {} to {}: {} offered, {} completed{kinds} ({})",
        seconds(began),
        seconds(ended),
        counted(load.offered, "operation"),
        count(load.achieved),
        rate(load.operations_per_second)
    );
    if load.shed > 0 {
        text.push_str(&format!(", {} shed because every buyer was busy", count(load.shed)));
    }
    if let Some(calibrated) = load.calibrated_per_second {
        text.push_str(&format!("; 100% = {}", rate(calibrated)));
    }
    text
}

/// The run was stopped before the counted load began, by `--fail-fast`, by Ctrl-C or because it failed.
fn write_uncounted(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let ledger = result.checks.iter().find(|finding| finding.name == "ledger");
    // Without a ledger, or without its evidence, nothing is claimed about earlier sales.
    let sold = ledger.and_then(|finding| finding.evidence.get("acknowledged")).copied().unwrap_or(0);
    let before = if sold > 0 { format!("; {} acknowledged before that", counted(sold, "order")) } else { String::new() };
    let sentence = format!("the run was stopped before the counted load began, during or before the warm-up{before}");
    writeln!(text)?;
    text.write_str(&screen.wrapped("  Load      ", &sentence))
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
fn write_limit(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let limit = &result.limited_by;
    if limit.by == LimitKind::NotKnown {
        return Ok(());
    }
    text.write_str(&screen.wrapped("  Limit     ", &limit.sentence))?;
    if !limit.also.is_empty() {
        writeln!(text, "{BELOW}also near its limit:")?;
    }
    for sentence in &limit.also {
        text.write_str(&screen.wrapped(&format!("{BELOW}- "), sentence))?;
    }
    Ok(())
}

/// The faults. All times count from the start of the run, as in the progress display and in the explanations.
fn write_faults(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let faults = &result.faults;
    if faults.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  {}    (seconds since the run began)", screen.paint(TITLE, "Faults"))?;
    let began = result.load.began_seconds;
    for (index, fault) in faults.iter().take(FAULTS_MAX).enumerate() {
        let span = match (fault.start_seconds, fault.end_seconds) {
            (Some(start), Some(end)) => format!("{:>6.1} – {:.1}", began + start, began + end),
            (Some(start), None) => format!("{:>6.1} – ?", began + start),
            _ => "   not injected".to_owned(),
        };
        text.write_str(&screen.wrapped(&format!("    {:>2}  {span:<15} ", index + 1), &what_happened(fault)))?;
        // What was not injected has its reason in the line above.
        let trouble = fault.trouble.iter().filter(|_| fault.start_seconds.is_some());
        for effect in fault.effects.iter().chain(trouble) {
            text.write_str(&screen.wrapped("                        → ", effect))?;
        }
    }
    if faults.len() > FAULTS_MAX {
        writeln!(text, "    … and {} more: faults.jsonl", faults.len() - FAULTS_MAX)?;
    }
    Ok(())
}

/// A fault with what was done, or why nothing was.
fn what_happened(fault: &FaultResult) -> String {
    let what = match fault.start_seconds {
        Some(_) => &fault.what_happened,
        None => fault.trouble.as_ref().unwrap_or(&fault.what_happened),
    };
    format!("{} ({}): {what}", fault.kind.replace('_', " "), fault.target)
}

fn write_latency(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let lines: Vec<_> = result.latency.iter().filter(|line| line.clock == Clock::Response).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let left_out = if result.load.rejected > 0 { "; rejected operations are not counted" } else { "" };
    let title = format!("{} in ms, from when an operation was due{left_out}", screen.paint(TITLE, "Response time"));
    writeln!(text)?;
    text.write_str(&screen.wrapped("  ", &title))?;
    let mut table = Table::new(&["", "", "#count", "#p50", "#p90", "#p99", "#p99.9", "#max", "#sold/s"]).indented(4);
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
        let mut cells = vec![operation_name(line.operation).replace('_', " "), line.phase.clone(), count(line.count)];
        cells.extend([line.p50_ms, line.p90_ms, line.p99_ms, line.p999_ms, line.max_ms].map(tenths));
        cells.push(count(line.sold_per_second.round().max(0.0) as u64));
        table.row(cells);
    }
    text.write_str(&table.render(screen))
}

fn write_objectives(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    if result.objectives.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n  {}", screen.paint(TITLE, "Objectives"))?;
    for objective in &result.objectives {
        let (word, style) = match objective.outcome {
            ObjectiveOutcome::Met => ("met", GOOD),
            ObjectiveOutcome::Missed => ("MISSED", BAD),
            ObjectiveOutcome::Unknown => ("unknown", WARNING),
        };
        let word = screen.paint(style, &format!("{word:<9}"));
        text.write_str(&screen.wrapped(&format!("    {word} "), &objective.sentence))?;
    }
    Ok(())
}

fn write_checks(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    let title = format!("  {}    ", screen.paint(TITLE, "Checks"));
    writeln!(text)?;
    text.write_str(&screen.wrapped(&title, &whole_run(result)))?;
    for finding in &result.checks {
        let (word, style) = match ShownVerdict::of(finding, &result.known) {
            ShownVerdict::Pass => ("pass", GOOD),
            ShownVerdict::Unknown => ("unknown", WARNING),
            ShownVerdict::Waived => ("waived", WARNING),
            ShownVerdict::Violation => ("VIOLATION", BAD),
        };
        let word = screen.paint(style, &format!("{word:<9}"));
        let lead = format!("    {word} {:<13} ", finding.name.replace('_', " "));
        text.write_str(&screen.wrapped_parts(&lead, &evidence(finding), " · "))?;
        if let Some(reason) = &finding.reason {
            text.write_str(&screen.wrapped("                            ", reason))?;
        }
    }
    Ok(())
}

/// What the numbers of the checks count: more than the counted load. The sum is shown where it is one.
fn whole_run(result: &RunResult) -> String {
    let load = &result.load;
    let ledger = result.checks.iter().find(|finding| finding.name == "ledger");
    let acknowledged = ledger.and_then(|finding| finding.evidence.get("acknowledged")).copied();
    let parts = [
        (load.sold, "sold"),
        (load.cancelled, "cancelled"),
        (load.warm_up.sold, "sold in the warm-up"),
        (load.warm_up.cancelled, "cancelled in the warm-up"),
    ];
    let sum: u64 = parts.iter().map(|(number, _)| number).sum();
    match acknowledged.filter(|acknowledged| *acknowledged == sum && sum > load.sold) {
        Some(acknowledged) => {
            let parts: Vec<String> =
                parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{} {what}", count(*number))).collect();
            format!("(of the whole run: {} acknowledged = {})", counted(acknowledged, "order"), parts.join(" + "))
        }
        None => "(of the whole run)".to_owned(),
    }
}

fn write_revenue(text: &mut String, result: &RunResult, screen: Screen) -> std::fmt::Result {
    if result.revenue.is_empty() {
        return Ok(());
    }
    let title = format!("  {} ", screen.paint(TITLE, "Revenue"));
    writeln!(text)?;
    text.write_str(&screen.wrapped(&title, "by event type, from stock counters, purchase records and buyers' receipts"))?;
    let mut table = Table::new(&["", "#counters", "#records", "#receipts", "#unknown"]).indented(4);
    for line in &result.revenue {
        let money = |cents: i64| Cents(cents).to_string();
        let mut cells = vec![line.event_type.clone()];
        cells.extend([line.counters_cents, line.records_cents, line.receipts_cents, line.unknown_cents].map(money));
        table.row(cells);
    }
    text.write_str(&table.render(screen))
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

fn style_of(verdict: RunVerdict) -> anstyle::Style {
    match verdict {
        RunVerdict::Pass => GOOD,
        RunVerdict::Violation => BAD,
        RunVerdict::Unknown | RunVerdict::ObjectiveMissed | RunVerdict::Invalid => WARNING,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::history::annotation::RejectionCause;
    use ticketcd_judge::history::run_info::RunInfo;

    use super::super::bottleneck::LimitResult;
    use super::super::build::describe;
    use super::super::statistics::WarmUpResult;
    use super::super::waivers::WaiverResult;
    use super::*;
    use crate::terminal::COLUMNS;

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
        let text = render(&RunResult { checks, limited_by, load, ..describe(RunInfo::default()) }, Screen::none());
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
        for text in [render(&result, Screen::none()), brief(&result, Screen::none())] {
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
            last_line(&result, std::path::Path::new("g"), Screen::none())
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
            render(&result, Screen::none())
        };
        let waived = shown(WaiverState::Waived);
        assert!(!waived.contains("No ticket oversold"), "{waived}");
        assert!(waived.contains("etcd#1 and waived until 2026-12-31") && waived.contains("    waived    oversell"), "{waived}");
        assert!(shown(WaiverState::Expired).contains("    VIOLATION oversell"));
    }

    #[test]
    fn the_parts_of_the_orders_add_up_and_a_rejection_has_its_cause() {
        let rejected = |cause, orders| RejectedOrders { cause, orders };
        let load = LoadResult {
            offered: 209,
            achieved: 604,
            sold: 100,
            sold_out: 58,
            rejected: 46,
            unknown: 5,
            cancelled: 3,
            rejected_by: vec![rejected(RejectionCause::Unavailable, 40), rejected(RejectionCause::NotPaid, 6)],
            warm_up: WarmUpResult { sold: 7, cancelled: 1 },
            began_seconds: 2.5,
            seconds: 10.0,
            ..LoadResult::default()
        };
        let checks = ledger(&[("acknowledged", 111)]);
        let text = render(&RunResult { load, checks, ..describe(RunInfo::default()) }, Screen::plain(200));
        for part in [
            "  Orders    209 placed: 100 sold · 58 sold out · 46 rejected · 5 without response\n",
            "  Rejected  40 member unavailable · 6 reserved but not paid\n",
            "counted from 2.5 s to 12.5 s: 209 operations offered, 604 completed: 209 orders and 395 queries and cancellations",
            "  Warm-up   7 orders sold and 1 cancelled before that, in addition",
            "(of the whole run: 111 orders acknowledged = 100 sold + 3 cancelled + 7 sold in the warm-up + 1 cancelled in the warm-up)",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn every_time_counts_from_the_start_of_the_run_and_what_was_not_injected_has_a_reason() {
        let injected = FaultResult {
            kind: "kill".to_owned(),
            target: "leader".to_owned(),
            members: Vec::new(),
            start_seconds: Some(3.0),
            end_seconds: Some(5.4),
            what_happened: "killed m2".to_owned(),
            effects: Vec::new(),
            trouble: None,
        };
        let reason = Some("the run was interrupted before the fault was due".to_owned());
        let not_injected =
            FaultResult { start_seconds: None, end_seconds: None, what_happened: String::new(), trouble: reason, ..injected.clone() };
        let load = LoadResult { achieved: 1, began_seconds: 2.0, ..LoadResult::default() };
        let text = render(&RunResult { load, faults: vec![injected, not_injected], ..describe(RunInfo::default()) }, Screen::plain(120));
        assert!(text.contains("1     5.0 – 7.4    kill (leader): killed m2\n"), "{text}");
        assert!(text.contains("2     not injected kill (leader): the run was interrupted before the fault was due\n"), "{text}");
    }

    #[test]
    fn an_interrupted_run_is_reported_as_interrupted() {
        let load = LoadResult { achieved: 1, seconds: 4.2, ..LoadResult::default() };
        let result = RunResult { verdict: RunVerdict::Pass, interrupted: true, load, ..describe(RunInfo::default()) };
        let text = render(&result, Screen::plain(140));
        assert!(text.contains("The run was interrupted 4.2 s into the counted load; the verdict covers what was recorded."), "{text}");
        assert!(last_line(&result, std::path::Path::new("g"), Screen::none()).starts_with("pass, interrupted · seed 0 · g"));
    }

    #[test]
    fn the_last_line_is_one_line_for_programs_and_wrapped_between_its_parts_on_a_terminal() {
        let result = describe(RunInfo::default());
        let directory = std::path::PathBuf::from(format!("reports/{}", "x".repeat(60)));
        assert_eq!(last_line(&result, &directory, Screen::none()).lines().count(), 1);
        let on_terminal = last_line(&result, &directory, Screen::plain(80));
        assert!(on_terminal.lines().last().is_some_and(|line| line.starts_with("rerun: ticketcd rerun reports/x")), "{on_terminal}");
    }
}
