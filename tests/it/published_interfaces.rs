//! What is published must be what the program does.

use std::process::Command;

use serde_json::Value;
use ticketcd::scenario::{Embedded, library};

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ticketcd")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    let published = [
        ("scenario", include_str!("../../docs/scenario.schema.json")),
        ("result", include_str!("../../docs/result.schema.json")),
        ("matrix", include_str!("../../docs/matrix.schema.json")),
        ("comparison", include_str!("../../docs/comparison.schema.json")),
        ("hunt", include_str!("../../docs/hunt.schema.json")),
    ];
    for (name, text) in published {
        let published: Value = serde_json::from_str(text).unwrap();
        let current: Value = serde_json::from_str(&printed(&["schema", name])).unwrap();
        assert_eq!(published, current, "docs/{name}.schema.json is out of date: make schemas");
    }
}

#[test]
fn the_guide_to_anomalies_is_what_the_program_says() {
    assert_eq!(
        printed(&["history", "anomalies"]),
        include_str!("../../docs/anomalies.md"),
        "docs/anomalies.md is out of date: make anomalies"
    );
}

#[test]
fn the_reference_of_scenarios_is_the_one_of_the_types() {
    assert_eq!(
        printed(&["schema", "reference"]),
        include_str!("../../docs/scenarios.md"),
        "docs/scenarios.md is out of date: make schemas"
    );
}

/// Not by the code that writes the reference: every property of every type in the schema has a row of its own.
#[test]
fn every_key_of_the_schema_is_documented() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/scenario.schema.json")).unwrap();
    let page = include_str!("../../docs/scenarios.md");
    let mut count = 0;
    let mut nodes = vec![&schema];
    while let Some(node) = nodes.pop() {
        nodes.extend(node.as_object().into_iter().flat_map(|object| object.values()));
        nodes.extend(node.as_array().into_iter().flatten());
        for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            // A property that is itself called "properties" would be no table of properties.
            let Some(_) = property.as_object() else { continue };
            count += 1;
            let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            let Some(row) = row else { panic!("docs/scenarios.md has no row for `{name}`") };
            let meaning = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            assert!(meaning.len() > 5, "docs/scenarios.md does not say what `{name}` means: {row}");
            if let Some(description) = property.get("description").and_then(Value::as_str) {
                let description = description.replace('\n', " ").replace('|', "\\|");
                assert!(page.contains(&description), "docs/scenarios.md lacks the description of `{name}`: {description}");
            }
        }
    }
    assert!(count > 100, "{count} keys were found");
}

#[test]
fn every_fault_is_documented_with_an_example() {
    let page = include_str!("../../docs/scenario-guide.md");
    for name in ticketcd::fault::Inject::NAMES {
        assert!(page.contains(&format!("`inject.{name} = {{")), "docs/scenario-guide.md has no example of {name}");
    }
}

#[test]
fn a_history_without_an_answer_shows_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    std::fs::write(&file, "INFO  jepsen.util - 0 :invoke :write 1\nINFO  jepsen.util - 0 :info :write :timed-out\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ticketcd")).args(["check", "--format", "jepsen-etcd"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Runs `ticketcd check` on a history: its exit code, and its output as JSON.
fn checked(format: &str, history: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), history).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    let output = command.args(["check", "--json", "--format", format]).args(arguments).arg(file.path()).output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), json)
}

#[test]
fn an_undecided_history_names_the_bound_and_what_helps() {
    let mut history = String::new();
    for stage in ["invoke", "ok"] {
        for process in 0..60 {
            history.push_str(&format!("{process} :{stage} :write {}\n", process % 30));
        }
    }
    history.push_str("0 :invoke :read nil\n0 :ok :read 1\n0 :invoke :read nil\n0 :ok :read 2\n");
    let (code, json) = checked("jepsen-etcd", &history, &["--timeout", "1ms"]);
    assert_eq!((code, json["verdict"].as_str(), json["undecided_by"].as_str()), (Some(2), Some("undecided"), Some("time")), "{json}");
    let explanation = json["explanation"].to_string();
    assert!(explanation.contains("The time limit of 1ms was reached: raise it with --timeout"), "{explanation}");
    let (code, json) = checked("jepsen-etcd", "0 :invoke :write 1\n0 :info :write :timed-out\n", &[]);
    assert_eq!((code, json["undecided_by"].as_str()), (Some(2), Some("nothing_answered")), "{json}");
}

#[test]
fn an_initial_value_can_be_stated_and_is_asked_for() {
    let history = r#"{"process":1,"type":"invoke","f":"read","key":"k1"}
        {"process":1,"type":"ok","f":"read","key":"k1","value":"v95"}
        {"process":0,"type":"invoke","f":"write","key":"k1","value":"v34"}
        {"process":0,"type":"ok","f":"write","key":"k1"}"#;
    let (code, json) = checked("jsonl", history, &[]);
    let explanation = json["explanation"].to_string();
    assert_eq!(code, Some(1), "{explanation}");
    assert!(explanation.contains("No operation writes v95") && explanation.contains("pass --initial v95"), "{explanation}");
    assert_eq!(checked("jsonl", history, &["--initial", "v95"]).0, Some(0));
}

/// What people copy first.
#[test]
fn the_examples_of_the_formats_are_histories_that_pass() {
    let directory = tempfile::tempdir().unwrap();
    let page = include_str!("../../docs/formats.md");
    for (format, fence, begin) in [("jepsen-etcd", "```\n", "INFO"), ("jsonl", "```json\n", "")] {
        let (_, rest) = page.split_once(&format!("{fence}{begin}")).unwrap();
        let (example, _) = rest.split_once("```").unwrap();
        let file = directory.path().join(format);
        std::fs::write(&file, format!("{begin}{example}")).unwrap();
        assert!(printed(&["check", "--format", format, file.to_str().unwrap()]).contains("linearizable: "), "{format}");
    }
}

#[test]
fn every_scenario_that_comes_along_fits_the_published_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/scenario.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for Embedded { name, .. } in library() {
        let scenario: toml::Value = printed(&["scenario", "show", name]).parse::<toml::Table>().unwrap().into();
        let scenario = serde_json::to_value(scenario).unwrap();
        let errors: Vec<String> = validator.iter_errors(&scenario).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

#[test]
fn every_command_has_help_with_a_description() {
    for command in [
        "demo",
        "run",
        "rerun",
        "hunt",
        "check",
        "scenario",
        "dataset",
        "query",
        "buy",
        "cluster",
        "etcd",
        "history",
        "schema",
        "completions",
    ] {
        let help = printed(&[command, "--help"]);
        assert!(help.lines().next().is_some_and(|line| line.len() > 20), "{help}");
    }
}

#[test]
fn the_documentation_names_only_what_there_is() {
    let help = printed(&["--help"]);
    let pages = [include_str!("../../README.md"), include_str!("../../docs/queries.md"), include_str!("../../docs/hunt.md")];
    for line in pages.into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("ticketcd ")) {
        let command = line.split_whitespace().next().unwrap();
        assert!(help.contains(&format!("  {command} ")), "the documentation names {command:?}");
    }
}

#[test]
fn every_example_of_the_documentation_is_a_valid_scenario() {
    let page = include_str!("../../docs/scenario-guide.md");
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let named = blocks.map(|block| if block.contains("name =") { block.to_owned() } else { format!("name = \"example\"\n{block}") });
    let inline = page.split('`').skip(1).step_by(2).filter_map(|code| match code.split_once('.')? {
        ("inject", _) if code.contains('=') => Some(format!("name = \"example\"\n[[fault]]\nat = \"1s\"\n{code}")),
        ("arrivals", _) if code.contains('=') => Some(format!("name = \"example\"\n[load]\nduration = \"30s\"\n{code}")),
        _ => None,
    });
    let examples: Vec<String> = named.chain(inline).collect();
    assert!(examples.len() >= 16, "the examples were not found: {examples:#?}");
    for example in examples {
        ticketcd::scenario::parse("docs/scenario-guide.md", &example).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}
