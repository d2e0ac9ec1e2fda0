//! Text of others, in what is printed for people: nothing that a terminal obeys, no forged rows, and no panic over its length.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use ticketcd::printable::is_hidden;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Put, Request};

use crate::member::{Member, TIMEOUT};

/// Fills the clipboard, clears the screen, forges a line, turns the text around, and hides a part of it.
const HOSTILE: &str = "x\u{1b}]52;c;eA==\u{7}\u{1b}[2J\u{9b}31m\nFORGED\r\u{202e}y\u{200b}\u{feff}\u{e0041}";

fn ticketcd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ticketcd")).args(arguments).output().unwrap()
}

fn assert_shown(what: &str, bytes: &[u8]) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let hidden: Vec<char> = text.chars().filter(|letter| *letter != '\n' && is_hidden(*letter)).collect();
    assert!(hidden.is_empty(), "{what}: {hidden:?} in {text}");
    assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{what}: a forged line in {text}");
    assert!(!text.contains("panicked"), "{what}: {text}");
}

/// Puts hostile text behind every text of a JSON value, except where it decides how the file is read.
fn spoil(value: &mut Value) {
    match value {
        Value::String(text) if !text.is_empty() => text.push_str(HOSTILE),
        Value::Array(values) => values.iter_mut().for_each(spoil),
        Value::Object(fields) => {
            let is_read = |name: &str| matches!(name, "layout" | "started" | "log" | "prefix");
            fields.iter_mut().filter(|(name, _)| !is_read(name)).for_each(|(_, value)| spoil(value));
        }
        _ => {}
    }
}

#[test]
fn every_report_of_a_shared_run_shows_what_it_would_otherwise_obey() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    let path = run.to_str().unwrap();
    let generated = ["history", "generate", "--operations", "2000", "--tickets", "3", "--buyers", "20", "--seed", "4", "--out", path];
    assert!(ticketcd(&generated).status.success());
    let mut info: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    spoil(&mut info);
    fs::write(run.join("run.json"), info.to_string()).unwrap();
    for arguments in [&["check"][..], &["check", "--json"], &["report"], &["history", "cat"]] {
        let output = ticketcd(&[arguments, &[path]].concat());
        assert!([0, 2].contains(&output.status.code().unwrap()), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_shown(&format!("{arguments:?}"), &output.stdout);
        assert_shown(&format!("standard error of {arguments:?}"), &output.stderr);
    }
    for file in ["report.html", "junit.xml", "summary.md", "result.json"] {
        assert_shown(file, &fs::read(run.join(file)).unwrap());
    }
    // For programs it is exact.
    let result: Value = serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    assert!(result["scenario"].as_str().unwrap().ends_with(HOSTILE));
}

#[test]
fn an_error_shows_the_name_of_a_file_that_it_would_otherwise_obey() {
    let path = format!("/no/such/{HOSTILE}");
    for arguments in [["check", &path], ["scenario", "show"]] {
        let output = ticketcd(&[arguments[0], arguments[1], &path][..if arguments[0] == "check" { 2 } else { 3 }]);
        assert!(!output.status.success());
        assert!(Path::new(&path).parent().is_some_and(|parent| !parent.exists()));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!text.chars().any(|letter| letter != '\n' && is_hidden(letter)), "{text:?}");
    }
}

#[tokio::test]
async fn a_query_of_hostile_and_huge_values_shows_them_cut() {
    let member = Member::start(&[]).await;
    let client = member.client().await;
    let put = async |key: &str, value: String| {
        let put = Request::Put(Put { key: format!("ticketcd/{key}").into(), value: value.into(), ..Put::default() });
        assert!(matches!(client.call(&put, TIMEOUT).await, CallOutcome::Ok(_)));
    };
    let huge = "w".repeat(1_000_000);
    let name = serde_json::to_string(HOSTILE).unwrap();
    put(
        "event:e1",
        format!(r#"{{"name":{name},"description":"","location":"Bonn","type":"concert","date":"2024-06-01","current_quantity":0}}"#),
    )
    .await;
    put("search:type:concert", format!(r#"["e1","{huge}"]"#)).await;
    let endpoint = member.endpoint().to_string();
    let query = ["query", "search", "--type", "concert", "--endpoints", &endpoint];
    let output = ticketcd(&query);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_shown("query search", &output.stdout);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains('…') && text.len() < 10_000, "{} bytes", text.len());
    let output = ticketcd(&[&query[..], &["--json"]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["events"].as_array().unwrap().iter().any(|event| event["name"] == HOSTILE));
}
