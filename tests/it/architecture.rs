//! The house rules that a compiler does not enforce.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the program, each of which uses only those before it.
const ORDER: [&str; 16] = [
    "printable",
    "terminal",
    "settings",
    "record",
    "etcd",
    "shop",
    "dataset",
    "net",
    "release",
    "testbed",
    "fault",
    "scenario",
    "load",
    "report",
    "run",
    "hunt",
];

/// The packages, each of which uses only those before it; the program comes last.
const CRATES: [&str; 3] = ["history", "judge", "synth"];

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
fn the_report_knows_only_the_judge_the_scenario_and_how_text_is_shown() {
    for file in rust_files(&root().join("src/report")) {
        for named in named_modules(&fs::read_to_string(&file).unwrap()) {
            assert!(["printable", "report", "scenario", "terminal"].contains(&named.as_str()), "{} uses crate::{named}", file.display());
        }
    }
}

/// The packages that a manifest names under `[dependencies]`.
fn dependencies(manifest: &Path) -> Vec<String> {
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn every_crate_uses_only_those_before_it() {
    for (position, name) in CRATES.iter().enumerate() {
        let dependencies = dependencies(&root().join("crates").join(name).join("Cargo.toml"));
        for used in dependencies.iter().filter_map(|dependency| dependency.strip_prefix("ticketcd-")) {
            assert!(CRATES[..position].contains(&used), "crates/{name} depends on ticketcd-{used}, which does not come before it");
        }
        for foreign in ["tokio", "etcd-client", "tonic", "ticketcd"] {
            assert!(!dependencies.iter().any(|dependency| dependency == foreign), "crates/{name} depends on {foreign}");
        }
    }
    let folders: BTreeSet<String> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, CRATES.map(str::to_owned).into(), "every crate has its place in the order");
}

/// The modules that each top-level module of a crate uses, tests apart.
fn module_uses(crate_source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let reexports = reexports(&fs::read_to_string(crate_source.join("lib.rs")).unwrap());
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(crate_source) {
        let relative = file.strip_prefix(crate_source).unwrap().with_extension("");
        let mut path: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
        if path == ["lib"] || path.last().is_some_and(|name| name.ends_with("tests")) {
            continue;
        }
        if path.last() == Some(&"mod") {
            path.pop();
        }
        let source = fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let to_crate = source.replace(&"super::".repeat(path.len()), "crate::");
        let named = named_modules(&to_crate).into_iter().map(|name| reexports.get(&name).cloned().unwrap_or(name));
        uses.entry(path[0].to_owned()).or_default().extend(named.filter(|name| name != path[0]));
    }
    uses
}

/// The items that a crate's root takes from its modules, by name.
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let code = lib.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let uses = code.split("use ").skip(1).filter_map(|rest| rest.split(';').next()?.split_once("::"));
    let items = |(module, items): (&str, &str)| {
        let items = match items.strip_prefix('{') {
            Some(group) => top_level_names(group),
            None => vec![leading_name(items)],
        };
        items.into_iter().map(|item| (item, module.to_owned())).collect::<Vec<_>>()
    };
    uses.flat_map(items).collect()
}

/// The modules that are left when each is taken away that uses none of the others.
fn circle(mut uses: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let modules: BTreeSet<String> = uses.keys().cloned().collect();
        uses.values_mut().for_each(|used| used.retain(|module| modules.contains(module)));
        uses.retain(|_, used| !used.is_empty());
        if uses.len() == modules.len() {
            return uses;
        }
    }
}

#[test]
fn the_modules_of_a_crate_form_no_circle() {
    for name in ["history", "judge", "synth"] {
        let uses = module_uses(&root().join("crates").join(name).join("src"));
        assert!(uses.len() > 4 && uses.values().any(|used| !used.is_empty()), "the modules of {name} were not found");
        let circle = circle(uses);
        assert!(circle.is_empty(), "modules of crates/{name} use each other in a circle: {circle:#?}");
    }
}

/// Any history of etcd can be judged, whether a shop made it or not.
#[test]
fn what_judges_etcd_knows_no_shop() {
    let uses = module_uses(&root().join("crates/judge/src"));
    for module in ["core", "etcd", "explain", "linearizability"] {
        assert!(!uses[module].contains("shop"), "{module} of crates/judge uses its shop: {:?}", uses[module]);
    }
}

#[test]
fn a_circle_of_modules_is_found() {
    let uses = |list: &[(&str, &[&str])]| {
        list.iter().map(|(module, used)| (module.to_string(), used.iter().map(|name| name.to_string()).collect())).collect()
    };
    assert!(circle(uses(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).is_empty());
    assert_eq!(circle(uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])])).len(), 3);
    assert_eq!(reexports("pub use plan::{Plan, Step};\nuse draw::Draw;")["Step"], "plan");
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
