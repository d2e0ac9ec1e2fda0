//! `make demo` and `make test` share one set of compiled libraries: no library has other features for the tests than for the
//! program. Otherwise it and all that rests on it are compiled twice, and what is tested is not what is shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The features of every package that is built, by the kinds of dependencies that count.
fn features(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}|{f}"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if let Some((package, features)) = line.split_once('|') {
            // A package that was shown before is marked so.
            packages.entry(package.to_owned()).or_default().insert(features.trim_end_matches(" (*)").to_owned());
        }
    }
    packages
}

#[test]
fn program_and_tests_use_the_same_features_of_every_library() {
    let program = features(&["--package", "ticketcd", "--edges", "normal"]);
    let tests = features(&["--workspace", "--edges", "normal,dev"]);
    assert!(program.len() > 100 && tests.len() > program.len(), "{} and {}", program.len(), tests.len());
    let differing: Vec<String> = program
        .iter()
        .filter_map(|(package, features)| {
            let tested = tests.get(package)?;
            (tested != features).then(|| format!("{package}: the program has {features:?}, the tests {tested:?}"))
        })
        .collect();
    assert!(differing.is_empty(), "name these features under [dependencies] in Cargo.toml:\n{}", differing.join("\n"));
}
