//! One verdict from many findings: 1 violation, then 130 interrupted, 4 invalid, 2 unknown, 3 objective missed, 0 pass.

use ticketcd_judge::check::verdict::{Finding, Verdict};

use super::result::RunVerdict;
use super::statistics::Statistics;
use crate::scenario::Expectation;

/// How long after a fault was healed its aftermath may still keep buyers busy.
pub(super) const AFTERMATH_NANOS: u64 = 3_000_000_000;

/// A run that sheds more than this share of its undisturbed load did not test what its scenario says.
const SHED_SHARE_MAX: f64 = 0.5;

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

/// Decides from what the checks found and from how the run went.
pub fn decide(findings: &[Finding], statistics: &Statistics) -> Decision {
    let broken: Vec<String> = findings.iter().filter(|finding| finding.verdict == Verdict::Violation).map(describe).collect();
    if !broken.is_empty() {
        return Decision { verdict: RunVerdict::Violation, reasons: broken, exit_code: 1 };
    }
    let interrupted = |exit_code| if statistics.interrupted { 130 } else { exit_code };
    let invalid = reasons_invalid(statistics);
    if !invalid.is_empty() {
        return Decision { verdict: RunVerdict::Invalid, reasons: invalid, exit_code: interrupted(4) };
    }
    let open: Vec<String> = findings.iter().filter(|finding| finding.verdict == Verdict::Unknown).map(describe).collect();
    if !open.is_empty() {
        return Decision { verdict: RunVerdict::Unknown, reasons: open, exit_code: interrupted(2) };
    }
    if findings.is_empty() {
        return Decision { verdict: RunVerdict::Unknown, reasons: vec!["nothing was checked".to_owned()], exit_code: interrupted(2) };
    }
    Decision { verdict: RunVerdict::Pass, reasons: Vec::new(), exit_code: interrupted(0) }
}

/// Why the run says nothing about the cluster. A record that was cut off is not judged here: what it lacks, the checks miss.
fn reasons_invalid(statistics: &Statistics) -> Vec<String> {
    let mut reasons = statistics.invalid.clone();
    if !statistics.ended || statistics.interrupted {
        return reasons;
    }
    for (index, fault) in statistics.timeline.faults.iter().enumerate() {
        if fault.not_injected {
            let why = fault.trouble.as_deref().unwrap_or("no reason recorded");
            reasons.push(format!("fault {} ({} of {}) was not injected: {why}", index + 1, fault.kind, fault.target));
        }
    }
    if reasons.is_empty() && statistics.load().achieved == 0 {
        reasons.push("not one operation of the counted load was made".to_owned());
    }
    let (offered, shed) = statistics.undisturbed_offer(AFTERMATH_NANOS);
    if offered > 0 && shed as f64 > SHED_SHARE_MAX * offered as f64 {
        reasons.push(format!(
            "while nothing was broken, {shed} of {offered} operations that were due could not be made, because every buyer was busy; \
             offer less (load.arrivals) or add buyers (load.buyers)"
        ));
    }
    reasons
}

fn describe(finding: &Finding) -> String {
    let kinds: Vec<String> = finding
        .anomalies
        .iter()
        .filter(|group| group.consequence_of.is_none())
        .map(|group| format!("{} × {}", group.count, group.kind))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::history::event::{Ended, Event};

    use super::*;

    fn finding(name: &str, verdict: Verdict) -> Finding {
        Finding { name: name.to_owned(), verdict, reason: None, evidence: BTreeMap::new(), anomalies: Vec::new(), revenue: Vec::new() }
    }

    fn ended(interrupted: bool) -> Statistics {
        let mut statistics = Statistics::default();
        statistics.observe(&Event::Ended(Ended { at: 1, interrupted }));
        statistics
    }

    #[test]
    fn a_violation_dominates_everything() {
        let mut statistics = ended(true);
        statistics.invalid.push("the disk is full".to_owned());
        let decision = decide(&[finding("a", Verdict::Unknown), finding("b", Verdict::Violation)], &statistics);
        assert_eq!((decision.verdict, decision.exit_code), (RunVerdict::Violation, 1));
    }

    #[test]
    fn interrupted_precedes_invalid_precedes_unknown() {
        assert_eq!(decide(&[finding("a", Verdict::Unknown)], &ended(true)).exit_code, 130);
        assert_eq!(decide(&[finding("a", Verdict::Unknown)], &ended(false)).exit_code, 4);
        assert_eq!(decide(&[finding("a", Verdict::Unknown)], &Statistics::default()).exit_code, 2);
        assert_eq!(decide(&[], &Statistics::default()).exit_code, 2);
        assert_eq!(decide(&[finding("a", Verdict::Pass)], &Statistics::default()).exit_code, 0);
    }

    #[test]
    fn an_expectation_may_name_the_check() {
        let findings = [finding("oversell", Verdict::Violation), finding("ledger", Verdict::Pass)];
        let met = |text: &str| is_met(&text.parse().unwrap(), RunVerdict::Violation, &findings);
        assert!(met("violation") && met("violation:oversell"));
        assert!(!met("violation:ledger") && !met("pass"));
    }
}
