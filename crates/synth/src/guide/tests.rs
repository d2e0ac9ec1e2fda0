use std::collections::BTreeSet;

use super::*;

/// Kinds that no synthetic run shows, because it would take a race inside a member, or a cluster that stands still.
const WITHOUT_EXAMPLE: [(&str, &str); 5] = [
    ("divergence", "revision_rewritten"),
    ("real_time", "beyond_what_exists"),
    ("watch", "previous_missing_at_creation"),
    ("watch", "starved"),
    ("recovery", "not_recovered"),
];

#[test]
fn every_kind_of_every_check_has_an_example_or_is_listed_here() {
    let shown: BTreeSet<(&str, &str)> = Mutation::all()
        .map(|mutation| (mutation.check(), mutation.anomaly()))
        .chain(BESIDE.iter().map(|beside| (beside.check, beside.kind)))
        .collect();
    let declared: BTreeSet<(&str, &str)> =
        check_infos().into_iter().flat_map(|check| check.kinds.iter().map(|kind| (check.name, kind.name))).collect();
    let listed: BTreeSet<(&str, &str)> = WITHOUT_EXAMPLE.into();
    assert_eq!(shown.union(&listed).copied().collect::<BTreeSet<_>>(), declared);
    assert_eq!(shown.intersection(&listed).count(), 0);
}

#[test]
fn no_mutation_makes_a_check_report_a_kind_that_it_does_not_declare() {
    let scratch = tempfile::tempdir().unwrap();
    let checks = check_infos();
    for mutation in Mutation::all() {
        for finding in judged(scratch.path(), mutation).unwrap().findings {
            let check = checks.iter().find(|check| check.name == finding.name).unwrap();
            for group in finding.anomalies {
                assert!(check.kinds.iter().any(|kind| kind.name == group.kind), "{}/{} with {mutation}", finding.name, group.kind);
            }
        }
    }
}
