//! The pages as a browser shows them: opened in headless Chromium they log nothing to the console, request nothing from a network,
//! and have their charts.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::integrity::Tail;
use ticketcd_judge::history::invalid::{Invalid, InvalidReason, RunStep};
use ticketcd_judge::history::reader::HistoryReader;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::writer::HistoryWriter;

/// Set where Chromium has to be there, so that these tests fail without it.
const REQUIRED: &str = "TICKETCD_TEST_BROWSER";

/// A page opens in a second; a busy machine takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many bytes a page may have.
const PAGE_BYTES_MAX: u64 = 3_000_000;

/// Chromium on the PATH. Without it the test is skipped, and says so where output of tests that pass is hidden, too.
fn chromium(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let binaries = std::env::split_paths(&path).flat_map(|directory| ["chromium", "chromium-browser"].map(|name| directory.join(name)));
    let found = binaries.into_iter().find(|binary| binary.is_file());
    if found.is_none() {
        let message = "Chromium is not on the PATH. Install it, for example with `apt-get install chromium`";
        assert!(std::env::var_os(REQUIRED).is_none(), "{message}: {REQUIRED} is set");
        // What `eprintln!` prints is captured and hidden.
        std::io::stderr().write_all(format!("\nSKIPPED pages::{test}: {message}.\n").as_bytes()).unwrap();
    }
    found
}

/// What a browser made of a page.
struct Opened {
    /// The document as HTML, after it was loaded.
    document: String,
    /// What was logged to the console.
    console: Vec<String>,
    /// The URLs that the page requested, beside itself.
    requests: Vec<String>,
}

/// Opens a page, and ends the browser with everything it started.
fn open(chromium: &Path, page: &Path) -> Opened {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let mut command = Command::new(chromium);
    // Whatever Chromium writes goes to the directory; whatever it wants to look up is not found.
    for variable in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "TMPDIR"] {
        command.env(variable, directory.path());
    }
    // In a container, and as root, there is no sandbox. The pages are our own.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0"]);
    command.arg("--host-resolver-rules=MAP * ~NOTFOUND").arg(format!("--user-data-dir={}", at("profile").display()));
    command.arg(format!("--log-net-log={}", at("net.json").display()));
    command.arg("--dump-dom").arg(format!("file://{}", page.display()));
    command.stdin(Stdio::null()).stdout(File::create(at("document")).unwrap()).stderr(File::create(at("log")).unwrap());
    let mut browser = command.process_group(0).spawn().unwrap();
    let group = Pid::from_raw(browser.id().cast_signed());
    let deadline = Instant::now() + TIMEOUT;
    let status = loop {
        match browser.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => break None,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    // Its helpers are in the group; when none is left, nothing is there to be killed.
    let _ = killpg(group, Signal::SIGKILL);
    browser.wait().unwrap();
    let log = String::from_utf8_lossy(&fs::read(at("log")).unwrap()).into_owned();
    let status = status.unwrap_or_else(|| panic!("{} was not open after {TIMEOUT:?}:\n{log}", page.display()));
    assert!(status.success(), "{status}: {log}");
    let net_log = fs::read_to_string(at("net.json")).unwrap();
    Opened {
        document: fs::read_to_string(at("document")).unwrap(),
        console: log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect(),
        requests: requests(&net_log),
    }
}

/// The URLs that a page requested, from Chromium's log of the network. Chromium itself looks for updates: those requests have
/// no page that they come from.
fn requests(net_log: &str) -> Vec<String> {
    let log: serde_json::Value = serde_json::from_str(net_log).unwrap();
    let events = log["events"].as_array().unwrap();
    assert!(!events.is_empty(), "the log of the network is empty");
    let parameters = events.iter().map(|event| &event["params"]);
    let of_pages = parameters.filter(|parameters| parameters["initiator"].as_str().is_some_and(|page| page != "not an origin"));
    let urls = of_pages.filter_map(|parameters| parameters["url"].as_str());
    urls.filter(|url| !url.starts_with("data:")).map(str::to_owned).collect()
}

/// Opens a page that must be all right and have so many charts.
fn assert_fine(chromium: &Path, page: &Path, charts: usize, parts: &[&str]) {
    let opened = open(chromium, page);
    let name = page.display();
    assert!(opened.console.is_empty(), "{name} logs to the console: {:#?}", opened.console);
    assert!(opened.requests.is_empty(), "{name} requests {:?}", opened.requests);
    for reference in ["src=\"", "href=\""] {
        let values = opened.document.split(reference).skip(1).filter_map(|rest| rest.split('"').next());
        let foreign: Vec<&str> = values.filter(|value| value.contains("//") || value.starts_with("http")).collect();
        assert!(foreign.is_empty(), "{name} refers to {foreign:?}");
    }
    let found = opened.document.matches("<svg").count();
    assert!(found >= charts, "{name} has {found} charts instead of {charts}");
    assert!(opened.document.trim_end().ends_with("</html>"), "{name} is not whole");
    for part in parts {
        assert!(opened.document.contains(part), "{part:?} is not in {name}");
    }
    let bytes = fs::metadata(page).unwrap().len();
    assert!(bytes < PAGE_BYTES_MAX, "{name} has {bytes} bytes");
}

/// Runs the program, which must end with this exit code.
fn ticketcd(directory: &Path, arguments: &[&str], code: i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketcd"));
    let output = command.args(arguments).current_dir(directory).env_remove("GITHUB_STEP_SUMMARY").output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
}

/// Generates a synthetic run in `out`.
fn generate(directory: &Path, out: &str, more: &[&str]) {
    let arguments = ["history", "generate", "--buyers", "20", "--out", out];
    ticketcd(directory, &[&arguments, more].concat(), 0);
}

/// Writes the history of a run again with other events, as if it had been recorded so.
fn rewrite(run: &Path, change: impl Fn(Event) -> Vec<Event>) {
    let (path, new) = (RunDir::new(run).history(), run.join("new.zst"));
    let mut reader = HistoryReader::open(&path).unwrap();
    let events: Vec<Event> = (&mut reader).map(Result::unwrap).collect();
    let Tail::Closed(closing) = reader.tail().clone() else { panic!("the history is not closed") };
    let mut writer = HistoryWriter::create(&new).unwrap();
    for event in events.into_iter().flat_map(change) {
        writer.append(&event).unwrap();
    }
    writer.finish(closing.files).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn what_a_page_must_not_do_is_noticed() {
    let Some(chromium) = chromium("what_a_page_must_not_do_is_noticed") else { return };
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.html");
    let script = "<script>console.error('oh no')</script>";
    fs::write(&page, format!("<!doctype html><title>x</title><img src='http://127.0.0.1:9/picture.png'>{script}")).unwrap();
    let opened = open(&chromium, &page);
    assert!(opened.console.iter().any(|line| line.contains("oh no")), "{:?}", opened.console);
    assert!(opened.requests.contains(&"http://127.0.0.1:9/picture.png".to_owned()), "{:?}", opened.requests);
}

#[test]
fn the_report_of_every_kind_of_run_opens_with_its_charts() {
    let Some(chromium) = chromium("the_report_of_every_kind_of_run_opens_with_its_charts") else { return };
    let directory = tempfile::tempdir().unwrap();
    let runs = directory.path();
    let few = ["--operations", "3000"];
    for run in ["pass", "invalid", "interrupted"] {
        generate(runs, run, &few);
    }
    generate(runs, "violation", &[&few[..], &["--mutation", "oversell"]].concat());
    rewrite(&runs.join("interrupted"), |event| match event {
        Event::Ended(mut ended) => {
            ended.interrupted = true;
            vec![Event::Ended(ended)]
        }
        event => vec![event],
    });
    rewrite(&runs.join("invalid"), |event| match event {
        Event::Ended(ended) => {
            let reason = InvalidReason::StepFailed { step: RunStep::Load, detail: "the disk is full".to_owned() };
            vec![Event::Invalid(Invalid { at: ended.at, reason }), Event::Ended(ended)]
        }
        event => vec![event],
    });
    let cases: [(&str, usize, &[&str]); 4] = [
        ("pass", 3, &["<strong>pass</strong>"]),
        ("violation", 4, &["<strong>violation</strong>", "chart lanes"]),
        ("invalid", 0, &["<strong>invalid</strong>", "the disk is full"]),
        ("interrupted", 3, &["interrupted"]),
    ];
    for (run, charts, parts) in cases {
        ticketcd(runs, &["report", run], 0);
        assert_fine(&chromium, &runs.join(run).join("report.html"), charts, parts);
    }
    ticketcd(runs, &["report", "."], 0);
    assert_fine(&chromium, &runs.join("index.html"), 0, &["pass/report.html", "violation/report.html"]);
}

#[test]
fn the_page_of_a_comparison_opens_with_its_charts() {
    let Some(chromium) = chromium("the_page_of_a_comparison_opens_with_its_charts") else { return };
    let directory = tempfile::tempdir().unwrap();
    for (run, seed) in [("one", "1"), ("two", "2")] {
        generate(directory.path(), run, &["--operations", "20000", "--seed", seed]);
        ticketcd(directory.path(), &["report", run], 0);
    }
    ticketcd(directory.path(), &["compare", "--force", "--html", "page.html", "one", "--", "two"], 0);
    assert_fine(&chromium, &directory.path().join("page.html"), 3, &["Baseline", "Candidate"]);
}

#[test]
fn the_page_of_a_large_run_is_small() {
    let Some(chromium) = chromium("the_page_of_a_large_run_is_small") else { return };
    let directory = tempfile::tempdir().unwrap();
    generate(directory.path(), "run", &["--operations", "500000", "--tickets", "50"]);
    ticketcd(directory.path(), &["report", "run"], 0);
    assert_fine(&chromium, &directory.path().join("run/report.html"), 3, &["<strong>pass</strong>"]);
}
