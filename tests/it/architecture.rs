//! The house rules that a compiler does not enforce.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the program, each of which uses only those before it.
const ORDER: [&str; 14] =
    ["settings", "record", "etcd", "shop", "dataset", "net", "release", "testbed", "fault", "scenario", "load", "report", "run", "hunt"];

/// A file longer than this holds more than one concept.
const LINES_MAX: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The modules of the program that a file names, wherever it does: `use crate::x`, `crate::x::y`, `use crate::{x, y}`.
fn named_modules(source: &str) -> Vec<String> {
    let code: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(group) => top_level_names(group),
            None => vec![leading_name(rest)],
        };
        modules.extend(list.into_iter().filter(|name| !name.is_empty()));
    }
    modules
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn top_level_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(letter),
            _ => {}
        }
    }
    names.iter().map(|name| leading_name(name.trim())).collect()
}

#[test]
fn every_module_uses_only_those_before_it() {
    let mut modules_seen = 0;
    for (position, module) in ORDER.iter().enumerate() {
        for file in rust_files(&root().join("src").join(module)) {
            modules_seen += 1;
            for named in named_modules(&fs::read_to_string(&file).unwrap()) {
                let allowed = ORDER[..=position].contains(&named.as_str());
                assert!(allowed, "{} uses crate::{named}, which does not come before {module}", file.display());
            }
        }
    }
    assert!(modules_seen > ORDER.len(), "the modules were not found");
}

#[test]
fn every_module_has_its_place_in_the_order() {
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name == "cli" || ORDER.contains(&name), "src/{name} has no place in the order of modules");
        }
    }
}

#[test]
fn the_report_knows_only_the_judge_and_the_scenario() {
    for file in rust_files(&root().join("src/report")) {
        for named in named_modules(&fs::read_to_string(&file).unwrap()) {
            assert!(["report", "scenario"].contains(&named.as_str()), "{} uses crate::{named}", file.display());
        }
    }
}

#[test]
fn the_judge_knows_no_cluster() {
    let manifest = fs::read_to_string(root().join("crates/judge/Cargo.toml")).unwrap();
    for foreign in ["tokio", "etcd-client", "tonic", "ticketcd ="] {
        assert!(!manifest.contains(foreign), "the judge depends on {foreign}");
    }
}

#[test]
fn no_file_holds_more_than_one_concept() {
    let files: Vec<PathBuf> = ["src", "crates", "tests", "benches"].iter().flat_map(|folder| rust_files(&root().join(folder))).collect();
    assert!(files.len() > 50, "the files were not found");
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
    }
}

#[test]
fn modules_are_found_in_groups_and_paths() {
    let source = "use crate::{fault::Plan, load::{self, drive}};\n// crate::comment\nlet x = crate::report::build();";
    assert_eq!(named_modules(source), ["fault", "load", "report"]);
}
