//! What the program prints on a terminal, behind a pipe, and when nobody reads it any more.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::pty::{Winsize, openpty};

/// The program in a directory, without the environment of whoever runs the tests.
fn ticketcd(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    command.env_clear().env("HOME", directory).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color").args(arguments).current_dir(directory).stdin(Stdio::null());
    command
}

/// A directory with a synthetic run that oversells, `bad`, and a valid one, `good`.
fn runs() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let generated: [&[&str]; 2] = [
        &["history", "generate", "--operations", "2000", "--mutation", "oversell", "--out", "bad"],
        &["history", "generate", "--operations", "2000", "--out", "good"],
    ];
    for arguments in generated {
        assert!(ticketcd(directory.path(), arguments).output().unwrap().status.success());
    }
    directory
}

/// What a command shows on a terminal of so many columns: standard output and standard error.
fn on_terminal(mut command: Command, columns: u16) -> String {
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(Some(&size), None).unwrap();
    let end = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut child = command.stdout(end()).stderr(end()).spawn().unwrap();
    drop((command, terminal.slave));
    let mut shown = Vec::new();
    // The last byte is followed by an error when the other end is closed.
    let _ = File::from(terminal.master).read_to_end(&mut shown);
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// The words of a text in any order: a table may wrap its cells.
fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

#[test]
fn on_a_terminal_every_line_fits_and_every_word_is_whole() {
    let directory = runs();
    let commands: [&[&str]; 6] = [
        &["check", "bad"],
        &["check", "good"],
        &["run", "--help"],
        &["scenario", "list"],
        &["scenario", "metrics"],
        &["history", "generate", "--mutation", "list"],
    ];
    for arguments in commands {
        let piped = ticketcd(directory.path(), arguments).output().unwrap();
        let piped = String::from_utf8(piped.stdout).unwrap();
        for columns in [80, 120] {
            let shown = plain(&on_terminal(ticketcd(directory.path(), arguments), columns));
            // A command is not wrapped, so that it can be copied.
            let is_too_long =
                |line: &&str| line.chars().count() > columns.into() && line.trim().contains(' ') && !line.starts_with("rerun: ");
            let line = shown.lines().find(is_too_long);
            assert_eq!(line, None, "{arguments:?} at {columns} columns");
            let missing: Vec<&str> = words(&piped).difference(&words(&shown)).copied().collect();
            assert!(missing.is_empty(), "{arguments:?} at {columns} columns lacks {missing:?}:\n{shown}");
        }
    }
}

#[test]
fn colours_are_on_a_terminal_and_nowhere_else() {
    let directory = runs();
    let command = || ticketcd(directory.path(), &["check", "bad"]);
    let shown = on_terminal(command(), 100);
    assert!(shown.contains("\u{1b}[1m\u{1b}[31mVIOLATION\u{1b}[0m"), "{shown:?}");
    let mut without = command();
    without.env("NO_COLOR", "1");
    assert!(!on_terminal(without, 100).contains('\u{1b}'));
    let mut dumb = command();
    dumb.env("TERM", "dumb");
    assert!(!on_terminal(dumb, 100).contains('\u{1b}'));
    let piped = command().output().unwrap();
    assert!(!piped.stdout.contains(&0x1b) && !piped.stderr.contains(&0x1b));
    let refused = || ticketcd(directory.path(), &["run", "flash-sail"]);
    assert!(on_terminal(refused(), 100).contains('\u{1b}'));
    assert!(!refused().output().unwrap().stderr.contains(&0x1b));
}

/// Runs a command whose standard output and standard error nobody reads.
fn unread(mut command: Command) -> Output {
    let closed = || {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        writer
    };
    command.stdout(closed()).stderr(closed()).output().unwrap()
}

#[test]
fn a_closed_pipe_ends_the_output_and_not_the_command() {
    let directory = runs();
    let commands: [(&[&str], i32); 23] = [
        (&["--help"], 0),
        (&["run", "--help"], 0),
        (&["--version"], 0),
        (&["check", "bad"], 1),
        (&["check", "good"], 0),
        (&["check", "good", "--json"], 0),
        (&["check", "good", "--expect", "unknown"], 5),
        (&["check", "nowhere"], 64),
        (&["report", "good"], 0),
        (&["rerun", "good"], 64),
        (&["run", "flash-sail"], 64),
        (&["run", "quickstart", "--set", "load.buyers=0"], 64),
        (&["no-such-command"], 64),
        (&["scenario", "list"], 0),
        (&["scenario", "metrics"], 0),
        (&["scenario", "show", "quickstart", "--resolved"], 0),
        (&["schema", "result"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["etcd", "list"], 0),
        (&["history", "cat", "good"], 0),
        (&["history", "generate", "--mutation", "list"], 0),
        (&["history", "generate", "--operations", "300", "--out", "more"], 0),
    ];
    for (arguments, code) in commands {
        let output = unread(ticketcd(directory.path(), arguments));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
    assert!(directory.path().join("more/history.zst").is_file(), "what was to be written is written");
    assert!(directory.path().join("good/report.html").is_file());
}

#[test]
fn the_log_of_a_run_that_nobody_reads_ends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("short.toml"), "name = \"short\"\nload.buyers = 5\nload.duration = \"2s\"\nload.warm_up = \"0s\"\n")
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    command.args(["run", "short.toml", "--out", "run"]).env("RUST_LOG", "info").current_dir(directory.path());
    // The first line is read, as by `2>&1 | head -1`.
    let (reader, writer) = io::pipe().unwrap();
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut reader = BufReader::new(reader);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(0), "after {first:?}");
    let result: serde_json::Value = serde_json::from_slice(&fs::read(directory.path().join("run/result.json")).unwrap()).unwrap();
    assert_eq!(result["verdict"], "pass");
}

#[test]
fn a_cluster_whose_output_nobody_reads_runs_until_it_is_stopped() {
    let (reader, writer) = io::pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    command.args(["cluster", "up", "--members", "1"]).stdin(Stdio::null());
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut first = String::new();
    let mut reader = BufReader::new(reader);
    reader.read_line(&mut first).unwrap();
    drop(reader);
    assert!(child.try_wait().unwrap().is_none(), "it ended after {first:?}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_interrupted_run_is_reported_as_interrupted_and_checked_by_its_verdict() {
    let directory = runs();
    let events = ticketcd(directory.path(), &["history", "cat", "good"]).output().unwrap();
    let events = String::from_utf8(events.stdout).unwrap().replace("\"interrupted\":false", "\"interrupted\":true");
    fs::write(directory.path().join("events"), events).unwrap();
    let pack = ["history", "pack", "events", "--run-info", "good/run.json", "--out", "cut"];
    assert!(ticketcd(directory.path(), &pack).output().unwrap().status.success());
    let copied = Command::new("cp").args(["-r", "good/scenario.toml", "good/members", "cut"]).current_dir(directory.path()).status();
    assert!(copied.unwrap().success());
    let output = ticketcd(directory.path(), &["check", "cut"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("The run was interrupted") && text.contains("\npass, interrupted · seed 1 · cut"), "{text}");
    let expected = ticketcd(directory.path(), &["check", "cut", "--expect", "violation"]).output().unwrap();
    assert_eq!(expected.status.code(), Some(5));
}

#[test]
fn bash_completes_scenarios_strategies_verdicts_and_mutations() {
    let directory = runs();
    let script = ticketcd(directory.path(), &["completions", "bash"]).output().unwrap().stdout;
    fs::write(directory.path().join("completions"), script).unwrap();
    // The words of a command line, the last of which is completed.
    let complete = |words: &str| {
        let count = words.split(' ').count() - 1;
        let script = format!(
            "source completions; COMP_WORDS=({words}); [[ '{words}' == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD={count}; \
             _ticketcd ticketcd \"${{COMP_WORDS[{count}]}}\" \"${{COMP_WORDS[{count}-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["-c", &script]).current_dir(directory.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("ticketcd run flash"), "flash-sale");
    assert_eq!(complete("ticketcd scenario show box"), "box-office");
    assert_eq!(complete("ticketcd run flash-sale --strategy opt"), "optimistic");
    assert_eq!(complete("ticketcd check good --expect obj"), "objective_missed");
    assert!(complete("ticketcd history generate --mutation over").contains("oversell"));
    assert!(complete("ticketcd hunt --waive etcd").contains("etcd"));
    let all = String::from_utf8(fs::read(directory.path().join("completions")).unwrap()).unwrap();
    assert!(all.contains("violation:oversell") && all.contains("violation:real-time"), "the checks are offered");
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let output = ticketcd(directory.path(), &["man", "pages"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let page = |name: &str| fs::read_to_string(directory.path().join("pages").join(name)).unwrap();
    for name in ["ticketcd.1", "ticketcd-run.1", "ticketcd-history-generate.1", "ticketcd-query-search.1"] {
        assert!(page(name).starts_with(".ie"), "{name}");
    }
    let run = page("ticketcd-run.1");
    assert!(run.contains(".SH \"EXIT STATUS\"") || run.contains(".SH EXIT STATUS"), "{run}");
    assert!(run.contains("objective") && run.contains("\\-\\-strategy"), "{run}");
    assert!(!directory.path().join("pages/ticketcd-supervisor.1").exists(), "it is no command for people");
    let main = ticketcd(directory.path(), &["man"]).output().unwrap();
    assert_eq!(String::from_utf8(main.stdout).unwrap(), page("ticketcd.1"));
}

#[test]
fn log_lines_have_no_colour_codes_when_standard_error_is_no_terminal() {
    let directory = tempfile::tempdir().unwrap();
    // Nobody answers there, which the libraries log.
    let mut command = ticketcd(directory.path(), &["query", "search", "--endpoints", "127.0.0.1:1"]);
    let output = command.env("RUST_LOG", "trace").output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("TRACE") && !log.contains('\u{1b}'), "{log}");
}
