use std::collections::BTreeSet;

use super::*;
use ticketcd_judge::check::standard::check_names;

#[test]
fn every_check_has_its_section() {
    let sections: BTreeSet<&str> = PROMISES.iter().map(|promise| promise.check).collect();
    assert_eq!(sections, check_names().into_iter().collect());
    for name in check_names() {
        assert!(Plant::all().any(|plant| plant.check() == name), "nothing can be planted that {name} would find");
    }
}

#[test]
fn every_kind_that_is_found_in_a_planted_run_is_on_the_page() {
    let scratch = tempfile::tempdir().unwrap();
    let mut listed: BTreeSet<(String, String)> = Plant::all().map(|plant| (plant.check().to_owned(), plant.anomaly().to_owned())).collect();
    listed.extend(BESIDE.iter().map(|beside| (beside.check.to_owned(), beside.kind.to_owned())));
    listed.extend(UNPLANTED.iter().map(|(check, kind, _)| ((*check).to_owned(), (*kind).to_owned())));
    for plant in Plant::all() {
        for finding in judged(scratch.path(), plant).unwrap().findings {
            for group in finding.anomalies {
                assert!(listed.contains(&(finding.name.clone(), group.kind.clone())), "{}/{} with {plant}", finding.name, group.kind);
            }
        }
    }
}
