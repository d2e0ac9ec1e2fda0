use std::collections::BTreeSet;

use super::*;
use ticketcd_judge::checks::check_names;

#[test]
fn every_check_has_its_section() {
    let sections: BTreeSet<&str> = PROMISES.iter().map(|promise| promise.check).collect();
    assert_eq!(sections, check_names().into_iter().collect());
    for name in check_names() {
        assert!(Mutation::all().any(|mutation| mutation.check() == name), "no mutation is detected by {name}");
    }
}

#[test]
fn every_kind_that_a_mutation_causes_is_on_the_page() {
    let scratch = tempfile::tempdir().unwrap();
    let mut listed: BTreeSet<(String, String)> =
        Mutation::all().map(|mutation| (mutation.check().to_owned(), mutation.anomaly().to_owned())).collect();
    listed.extend(BESIDE.iter().map(|beside| (beside.check.to_owned(), beside.kind.to_owned())));
    listed.extend(WITHOUT_MUTATION.iter().map(|(check, kind, _)| ((*check).to_owned(), (*kind).to_owned())));
    for mutation in Mutation::all() {
        for finding in judged(scratch.path(), mutation).unwrap().findings {
            for group in finding.anomalies {
                assert!(listed.contains(&(finding.name.clone(), group.kind.clone())), "{}/{} with {mutation}", finding.name, group.kind);
            }
        }
    }
}
