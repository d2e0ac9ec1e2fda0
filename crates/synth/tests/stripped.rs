//! The etcd checks do not depend on the shop: without annotations they report the same.

use ticketcd_history::event::Event;
use ticketcd_history::strip;
use ticketcd_judge::checks::standard_checks;
use ticketcd_judge::core::engine::Judge;
use ticketcd_judge::core::verdict::{Finding, Verdict};
use ticketcd_synth::{Mutation, Size, generate, run_info};

const ETCD_CHECKS: [&str; 12] = [
    "divergence",
    "collectors",
    "real_time",
    "authorship",
    "branch",
    "reads",
    "serializable",
    "sessions",
    "watch",
    "replicas",
    "recovery",
    "logs",
];

fn findings(size: &Size, mutation: Option<Mutation>, events: impl Iterator<Item = Event>) -> Vec<Finding> {
    let info = run_info(size, mutation);
    let mut judge = Judge::new(&info, standard_checks(&info));
    events.for_each(|event| judge.observe(&event));
    let mut findings = judge.finish(None).findings;
    findings.retain(|finding| ETCD_CHECKS.contains(&finding.name.as_str()));
    for anomaly in findings.iter_mut().flat_map(|finding| &mut finding.anomalies) {
        // The orders of a call are annotations, and so are the sentences that name them.
        for anomaly in [&mut anomaly.first, &mut anomaly.worst, &mut anomaly.last] {
            anomaly.orders.clear();
            anomaly.explanation.iter_mut().for_each(String::clear);
        }
    }
    findings
}

#[test]
fn etcd_checks_find_the_same_without_annotations() {
    let size = Size { operations: 600, tickets: 2, buyers: 8, seed: 5 };
    let mutations = Mutation::all().filter(|mutation| ETCD_CHECKS.contains(&mutation.check()) && mutation.check() != "logs");
    let mut violations = 0;
    for mutation in std::iter::once(None).chain(mutations.map(Some)) {
        let mut events = Vec::new();
        let mut sink = |event: &Event| {
            events.push(event.clone());
            Ok(())
        };
        generate(&size, mutation, &mut sink).unwrap();
        let stripped: Vec<Event> = events.iter().cloned().filter_map(strip).collect();
        assert!(stripped.len() < events.len());
        let whole = findings(&size, mutation, events.into_iter());
        assert_eq!(whole, findings(&size, mutation, stripped.into_iter()), "{mutation:?}");
        violations += usize::from(whole.iter().any(|finding| finding.verdict == Verdict::Violation));
    }
    assert!(violations > 30, "{violations} of the mutated runs showed a violation of etcd");
}
