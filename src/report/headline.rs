//! The headline of a run: its verdict in a sentence, which claims no more than was checked.

use ticketcd_judge::core::verdict::{Finding, Verdict};

use super::result::{RunResult, RunVerdict};
use super::waivers::WaiverState;

/// What a passed run may claim.
struct Claim {
    sentence: &'static str,
    /// The checks that must have passed, each with the evidence of which there must be some: a check that had nothing to look at
    /// shows nothing.
    checks: &'static [(&'static str, &'static str)],
}

/// The claims, in the order of what matters most to a shop.
const CLAIMS: [Claim; 5] = [
    Claim { sentence: "no ticket oversold", checks: &[("oversell", "sales")] },
    Claim { sentence: "no order lost or duplicated", checks: &[("ledger", "acknowledged")] },
    Claim { sentence: "revenue adds up", checks: &[("revenue", "receipts")] },
    Claim { sentence: "no stale read", checks: &[("real_time", "operations_compared")] },
    Claim { sentence: "all members agree", checks: &[("divergence", "deliveries_compared"), ("replicas", "comparisons")] },
];

/// The headline of a result.
pub fn headline(result: &RunResult) -> String {
    let is_something_waived = result.known.iter().any(|waiver| waiver.state == WaiverState::Waived);
    match result.verdict {
        RunVerdict::Pass if is_something_waived => "No violation except known ones that are waived:".to_owned(),
        RunVerdict::Pass => claims(&result.checks),
        RunVerdict::Violation => "A guarantee was violated:".to_owned(),
        RunVerdict::Unknown => "No violation found, but not enough evidence for a pass:".to_owned(),
        RunVerdict::ObjectiveMissed => "No violation found, but an objective was missed:".to_owned(),
        RunVerdict::Invalid => "The run is invalid and shows nothing about the cluster:".to_owned(),
    }
}

/// What the checks that passed have shown, as a sentence.
fn claims(checks: &[Finding]) -> String {
    let has_shown = |(name, evidence): &(&str, &str)| {
        checks.iter().any(|finding| {
            finding.name == *name && finding.verdict == Verdict::Pass && finding.evidence.get(*evidence).is_some_and(|count| *count > 0)
        })
    };
    let shown: Vec<&str> = CLAIMS.iter().filter(|claim| claim.checks.iter().all(has_shown)).map(|claim| claim.sentence).collect();
    let sentence = shown.join(", ");
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => "Every check passed, but the run has no sale, no compared read and no second member.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ticketcd_judge::checks::{check_names, standard_checks};
    use ticketcd_judge::core::engine::Judge;
    use ticketcd_judge::history::run_info::RunInfo;

    use super::super::build::describe;
    use super::*;

    fn finding(name: &str, verdict: Verdict, evidence: &[(&str, u64)]) -> Finding {
        let evidence: BTreeMap<String, u64> = evidence.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Finding { name: name.to_owned(), verdict, reason: None, evidence, anomalies: Vec::new(), revenue: Vec::new() }
    }

    fn passed(checks: Vec<Finding>) -> String {
        headline(&RunResult { verdict: RunVerdict::Pass, checks, ..describe(RunInfo::default()) })
    }

    #[test]
    fn a_pass_claims_what_was_checked_and_nothing_else() {
        let all = || {
            vec![
                finding("oversell", Verdict::Pass, &[("sales", 7)]),
                finding("ledger", Verdict::Pass, &[("acknowledged", 7)]),
                finding("revenue", Verdict::Pass, &[("receipts", 7)]),
                finding("real_time", Verdict::Pass, &[("operations_compared", 9)]),
                finding("divergence", Verdict::Pass, &[("deliveries_compared", 9)]),
                finding("replicas", Verdict::Pass, &[("comparisons", 2)]),
            ]
        };
        let whole = "No ticket oversold, no order lost or duplicated, revenue adds up, no stale read, all members agree.";
        assert_eq!(passed(all()), whole);
        // Nothing was bought, or the check was not made.
        let mut checks = all();
        for finding in &mut checks[..3] {
            finding.evidence.values_mut().for_each(|count| *count = 0);
        }
        assert_eq!(passed(checks), "No stale read, all members agree.");
        assert_eq!(passed(all().split_off(3)), "No stale read, all members agree.");
        let mut checks = all();
        checks[1].verdict = Verdict::Unknown;
        assert_eq!(passed(checks), "No ticket oversold, revenue adds up, no stale read, all members agree.");
        // One of the two checks of a claim is not enough.
        assert_eq!(passed(all().split_off(5)), "Every check passed, but the run has no sale, no compared read and no second member.");
    }

    #[test]
    fn every_claim_rests_on_a_check_that_counts_that_evidence() {
        let info = RunInfo::default();
        let judgement = Judge::new(&info, standard_checks(&info)).finish(None);
        for (name, evidence) in CLAIMS.iter().flat_map(|claim| claim.checks) {
            assert!(check_names().contains(name), "{name}");
            let finding = judgement.findings.iter().find(|finding| finding.name == *name).unwrap();
            assert!(finding.evidence.contains_key(*evidence), "{name} counts no {evidence}: {:?}", finding.evidence);
        }
    }
}
