//! One verdict from many findings: 1 violation, then 130 interrupted, 4 invalid, 2 unknown, 3 objective missed, 0 pass.

use ticketcd_judge::core::verdict::{Finding, Verdict};

use super::numbers::count;
use super::objectives::{ObjectiveOutcome, ObjectiveResult};
use super::result::RunVerdict;
use super::statistics::{LoadResult, Statistics};
use super::summary::verdict_word;
use super::waivers::{WaiverResult, WaiverState, is_waived};
use crate::scenario::Expectation;

/// How long after a fault was healed its aftermath may still keep buyers busy.
pub(super) const AFTERMATH_NANOS: u64 = 3_000_000_000;

/// A run that sheds more than this share of its undisturbed load did not test its scenario.
const SHED_SHARE_MAX: f64 = 0.5;

/// The exit code of a run that was interrupted, unless it found a violation.
const EXIT_INTERRUPTED: u8 = 130;

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: RunVerdict,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// The exit code that goes with it.
    pub exit_code: u8,
}

/// What a verdict is decided from.
#[derive(Clone, Copy)]
pub struct Case<'run> {
    /// What the checks found.
    pub findings: &'run [Finding],
    /// How the run went.
    pub statistics: &'run Statistics,
    /// The results of its objectives.
    pub objectives: &'run [ObjectiveResult],
    /// What is known to be wrong.
    pub known: &'run [WaiverResult],
    /// Whether the scenario has purchases: then a run without sales has shown nothing.
    pub is_to_sell: bool,
    /// What is missing from an incomplete record. It explains why checks lack evidence.
    pub record_lacks: Option<&'run str>,
    /// Why the scenario in the run directory cannot be read, if it cannot: the objectives are unknown then.
    pub scenario_missing: Option<&'run str>,
}

/// Decides from the findings, the statistics and the objectives.
pub fn decide(case: &Case<'_>) -> Decision {
    let Case { findings, statistics, objectives, known, is_to_sell, record_lacks, scenario_missing } = case;
    let decided = |verdict: RunVerdict, reasons| {
        let is_interrupted = statistics.interrupted && verdict != RunVerdict::Violation;
        Decision { verdict, reasons, exit_code: if is_interrupted { EXIT_INTERRUPTED } else { verdict.exit_code() } }
    };
    let counts = |finding: &&Finding| finding.verdict == Verdict::Violation && !is_waived(known, finding);
    let broken: Vec<String> = findings.iter().filter(counts).map(|finding| describe_violation(finding, known)).collect();
    if !broken.is_empty() {
        return decided(RunVerdict::Violation, broken);
    }
    let invalid = reasons_invalid(statistics);
    if !invalid.is_empty() {
        return decided(RunVerdict::Invalid, invalid);
    }
    let sentences =
        |outcome| objectives.iter().filter(move |objective| objective.outcome == outcome).map(|objective| objective.sentence.clone());
    let mut open: Vec<String> = findings.iter().filter(|finding| finding.verdict == Verdict::Unknown).map(describe).collect();
    open.extend(sentences(ObjectiveOutcome::Unknown));
    open.extend(scenario_missing.map(|reason| format!("objectives are not known because the scenario cannot be read: {reason}")));
    if findings.is_empty() {
        open.push("no check ran".to_owned());
    }
    open.extend(is_to_sell.then(|| nothing_sold(&statistics.load())).flatten());
    if !open.is_empty() || record_lacks.is_some() {
        // The cause before what follows from it.
        let open = record_lacks.map(str::to_owned).into_iter().chain(open).collect();
        return decided(RunVerdict::Unknown, open);
    }
    let missed: Vec<String> = sentences(ObjectiveOutcome::Missed).collect();
    if !missed.is_empty() {
        return decided(RunVerdict::ObjectiveMissed, missed);
    }
    decided(RunVerdict::Pass, Vec::new())
}

fn describe_violation(finding: &Finding, known: &[WaiverResult]) -> String {
    let expired = known.iter().find(|waiver| waiver.check == finding.name && waiver.state == WaiverState::Expired);
    let expired = expired.map(|waiver| format!(" (known as {}, but its waiver expired after {})", waiver.issue, waiver.until));
    format!("{}{}", describe(finding), expired.unwrap_or_default())
}

/// Why the run is invalid. A truncated record is not judged here: the checks report the missing evidence.
fn reasons_invalid(statistics: &Statistics) -> Vec<String> {
    let mut reasons = statistics.invalid.clone();
    if !statistics.ended || statistics.interrupted {
        return reasons;
    }
    for (index, fault) in statistics.timeline.faults.iter().enumerate() {
        if fault.not_injected {
            let why = fault.trouble.as_deref().unwrap_or("no reason recorded");
            reasons.push(format!("fault {}, {} ({}), was not injected: {why}", index + 1, fault.kind, fault.target));
        }
    }
    if reasons.is_empty() && statistics.load().achieved == 0 {
        reasons.push("no operation of the counted load was completed".to_owned());
    }
    let (offered, shed) = statistics.undisturbed_offer(AFTERMATH_NANOS);
    if offered > 0 && shed as f64 > SHED_SHARE_MAX * offered as f64 {
        reasons.push(format!(
            "outside faults, {} of {} due operations were shed because every buyer was busy; offer less load (load.arrivals) or add \
             buyers (load.buyers)",
            count(shed),
            count(offered)
        ));
    }
    reasons
}

/// A counted load without a sale shows nothing about selling: sales in the warm-up happen without faults.
fn nothing_sold(load: &LoadResult) -> Option<String> {
    (load.sold == 0).then(|| {
        let LoadResult { sold_out, conflict, rejected, unknown, .. } = load;
        format!(
            "no order of the counted load was sold ({} sold out, {} abandoned after conflicts or in a queue, {} rejected, {} unknown), so \
             the run does not show how this load sells: use a longer load.duration, more stock (dataset.stock) or fewer buyers \
             (load.buyers)",
            count(*sold_out),
            count(*conflict),
            count(*rejected),
            count(*unknown)
        )
    })
}

fn describe(finding: &Finding) -> String {
    let kinds: Vec<String> = finding
        .anomalies
        .iter()
        .filter(|group| group.consequence_of.is_none())
        .map(|group| {
            let defect = group.known_defect.as_ref().map(|defect| format!(" ({defect})")).unwrap_or_default();
            format!("{} × {}{defect}", count(group.count), group.kind)
        })
        .collect();
    let consequence = finding.anomalies.iter().find_map(|group| group.consequence_of.as_ref());
    match (&finding.reason, consequence) {
        _ if !kinds.is_empty() => format!("{}: {}", finding.name, kinds.join(", ")),
        (_, Some(cause)) => format!("{}: a consequence of {cause}", finding.name),
        (Some(reason), None) => format!("{}: {reason}", finding.name),
        (None, None) => finding.name.clone(),
    }
}

/// Whether a run ended as expected.
pub fn is_met(expectation: &Expectation, verdict: RunVerdict, findings: &[Finding]) -> bool {
    let convicted = |name: &String| findings.iter().any(|finding| finding.name == *name && finding.verdict == Verdict::Violation);
    match expectation {
        Expectation::Pass => verdict == RunVerdict::Pass,
        Expectation::Violation(check) => verdict == RunVerdict::Violation && check.as_ref().is_none_or(convicted),
        Expectation::Unknown => verdict == RunVerdict::Unknown,
        Expectation::ObjectiveMissed => verdict == RunVerdict::ObjectiveMissed,
        Expectation::Invalid => verdict == RunVerdict::Invalid,
    }
}

/// The difference between the expected and the actual verdict, if there is one.
pub fn unmet(expectation: &Expectation, verdict: RunVerdict, findings: &[Finding]) -> Option<String> {
    if is_met(expectation, verdict, findings) {
        return None;
    }
    let found = findings.iter().filter(|finding| finding.verdict == Verdict::Violation).map(|finding| finding.name.as_str());
    let found: Vec<&str> = found.filter(|_| verdict == RunVerdict::Violation).collect();
    let found = if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) };
    Some(format!("expected {expectation}, got {}{found}", verdict_word(verdict).replace(' ', "_")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::history::OrderKey;
    use ticketcd_judge::history::annotation::{OrderClosed, OrderOutcome, OrderPlaced};
    use ticketcd_judge::history::event::{Ended, Event, Phase, PhaseBegan};

    use super::*;
    use crate::scenario::types::Objective;

    fn finding(name: &str, verdict: Verdict) -> Finding {
        Finding { name: name.to_owned(), verdict, reason: None, evidence: BTreeMap::new(), anomalies: Vec::new(), revenue: Vec::new() }
    }

    fn ended(interrupted: bool) -> Statistics {
        let mut statistics = Statistics::default();
        statistics.observe(&Event::Ended(Ended { at: 1, interrupted }));
        statistics
    }

    fn objective(outcome: ObjectiveOutcome) -> ObjectiveResult {
        let objective: Objective = toml::from_str("metric = \"shed_share\"\nbelow = \"1%\"").unwrap();
        let result = super::super::objectives::judge(&[objective], &Statistics::default(), &[]).remove(0);
        ObjectiveResult { outcome, ..result }
    }

    fn waiver(state: WaiverState) -> WaiverResult {
        WaiverResult { issue: "etcd#18667".to_owned(), check: "a".to_owned(), until: "2026-01-31".to_owned(), state }
    }

    fn decided(findings: &[Finding], statistics: &Statistics) -> Decision {
        decide(&Case { findings, statistics, objectives: &[], known: &[], is_to_sell: false, record_lacks: None, scenario_missing: None })
    }

    #[test]
    fn a_violation_dominates_everything() {
        let mut statistics = ended(true);
        statistics.invalid.push("the disk is full".to_owned());
        let findings = [finding("a", Verdict::Unknown), finding("b", Verdict::Violation)];
        let objectives = [objective(ObjectiveOutcome::Missed)];
        let decision = decide(&Case {
            findings: &findings,
            statistics: &statistics,
            objectives: &objectives,
            known: &[],
            is_to_sell: false,
            record_lacks: None,
            scenario_missing: None,
        });
        assert_eq!((decision.verdict, decision.exit_code), (RunVerdict::Violation, 1));
    }

    #[test]
    fn interrupted_precedes_invalid_precedes_unknown() {
        assert_eq!(decided(&[finding("a", Verdict::Unknown)], &ended(true)).exit_code, 130);
        assert_eq!(decided(&[finding("a", Verdict::Unknown)], &ended(false)).exit_code, 4);
        assert_eq!(decided(&[finding("a", Verdict::Unknown)], &Statistics::default()).exit_code, 2);
        assert_eq!(decided(&[], &Statistics::default()).exit_code, 2);
        assert_eq!(decided(&[finding("a", Verdict::Pass)], &Statistics::default()).exit_code, 0);
    }

    #[test]
    fn unknown_precedes_a_missed_objective_precedes_a_pass() {
        use ObjectiveOutcome::{Met, Missed, Unknown};
        let (pass, statistics) = ([finding("a", Verdict::Pass)], Statistics::default());
        let decided = |outcomes: &[ObjectiveOutcome], scenario_missing| {
            let objectives: Vec<_> = outcomes.iter().map(|outcome| objective(*outcome)).collect();
            decide(&Case {
                findings: &pass,
                statistics: &statistics,
                objectives: &objectives,
                known: &[],
                is_to_sell: false,
                record_lacks: None,
                scenario_missing,
            })
        };
        assert_eq!(decided(&[Met, Met], None).exit_code, 0);
        let missed = decided(&[Met, Missed], None);
        assert_eq!((missed.verdict, missed.exit_code, missed.reasons.len()), (RunVerdict::ObjectiveMissed, 3, 1));
        let unknown = decided(&[Missed, Unknown], None);
        assert_eq!((unknown.verdict, unknown.exit_code), (RunVerdict::Unknown, 2));
        assert_eq!(decided(&[], Some("it is gone")).exit_code, 2, "the objectives are unknown");
    }

    #[test]
    fn what_the_record_lacks_comes_before_its_consequences() {
        let statistics = Statistics::default();
        let decided = |verdict| {
            let findings = [finding("a", verdict)];
            let record_lacks = Some("7 bytes are gone");
            decide(&Case {
                findings: &findings,
                statistics: &statistics,
                objectives: &[],
                known: &[],
                is_to_sell: false,
                record_lacks,
                scenario_missing: None,
            })
        };
        assert_eq!(decided(Verdict::Unknown).reasons, ["7 bytes are gone", "a"]);
        assert_eq!(decided(Verdict::Violation).reasons, ["a"]);
        let pass = decided(Verdict::Pass);
        assert_eq!((pass.exit_code, pass.reasons), (2, vec!["7 bytes are gone".to_owned()]), "what is missing may speak against it");
    }

    /// A counted load in which an order was placed and ended so.
    fn load_of(outcome: OrderOutcome) -> Statistics {
        let mut statistics = Statistics::default();
        let order = OrderKey { buyer: 1, sequence: 1 };
        let placed = |due| OrderPlaced { order, user: "ann".into(), event: "e1".into(), items: Vec::new(), due, sent: due };
        let closed = |done, outcome| OrderClosed { order, done, outcome, paid_cents: 0, attempts: 1 };
        // What was sold in the warm-up does not count.
        let sold = OrderOutcome::Sold { revision: 2 };
        let events = [
            Event::Phase(PhaseBegan { phase: Phase::WarmUp, at: 0 }),
            Event::OrderPlaced(placed(1)),
            Event::OrderClosed(closed(2, sold)),
            Event::Phase(PhaseBegan { phase: Phase::Steady, at: 10 }),
            Event::OrderPlaced(placed(11)),
            Event::OrderClosed(closed(12, outcome)),
            Event::Ended(Ended { at: 20, interrupted: false }),
        ];
        events.iter().for_each(|event| statistics.observe(event));
        statistics
    }

    #[test]
    fn a_load_that_was_to_sell_and_sold_nothing_is_unknown() {
        let pass = [finding("oversell", Verdict::Pass)];
        let decided = |outcome: OrderOutcome, is_to_sell| {
            let statistics = load_of(outcome);
            decide(&Case {
                findings: &pass,
                statistics: &statistics,
                objectives: &[],
                known: &[],
                is_to_sell,
                record_lacks: None,
                scenario_missing: None,
            })
        };
        let nothing = decided(OrderOutcome::Conflict, true);
        assert_eq!((nothing.verdict, nothing.exit_code), (RunVerdict::Unknown, 2));
        assert!(nothing.reasons[0].contains("no order of the counted load was sold") && nothing.reasons[0].contains("1 abandoned"));
        assert_eq!(decided(OrderOutcome::Sold { revision: 3 }, true).exit_code, 0);
        assert_eq!(decided(OrderOutcome::Conflict, false).exit_code, 0, "buyers that only look around sell nothing");
    }

    #[test]
    fn what_is_waived_does_not_fail_and_what_was_waived_does() {
        let decided = |state, verdict| {
            let findings = [finding("a", verdict), finding("b", Verdict::Pass)];
            let statistics = Statistics::default();
            decide(&Case {
                findings: &findings,
                statistics: &statistics,
                objectives: &[],
                known: &[waiver(state)],
                is_to_sell: false,
                record_lacks: None,
                scenario_missing: None,
            })
        };
        assert_eq!(decided(WaiverState::Waived, Verdict::Violation).exit_code, 0);
        assert_eq!(decided(WaiverState::Waived, Verdict::Unknown).exit_code, 2, "a lack of evidence is not what is known");
        let expired = decided(WaiverState::Expired, Verdict::Violation);
        assert_eq!(expired.exit_code, 1);
        assert!(expired.reasons[0].contains("known as etcd#18667, but its waiver expired after 2026-01-31"), "{expired:?}");
    }

    #[test]
    fn an_expectation_may_name_the_check() {
        let findings = [finding("oversell", Verdict::Violation), finding("ledger", Verdict::Pass)];
        let met = |text: &str| is_met(&text.parse().unwrap(), RunVerdict::Violation, &findings);
        assert!(met("violation") && met("violation:oversell"));
        assert!(!met("violation:ledger") && !met("pass"));
        let shown = |text: &str, verdict| unmet(&text.parse().unwrap(), verdict, &findings);
        assert_eq!(shown("violation:oversell", RunVerdict::Violation), None);
        let other = shown("violation:ledger", RunVerdict::Violation);
        assert_eq!(other.as_deref(), Some("expected violation:ledger, got violation (oversell)"));
        let other = shown("violation:real time", RunVerdict::ObjectiveMissed);
        assert_eq!(other.as_deref(), Some("expected violation:real_time, got objective_missed"));
    }
}
