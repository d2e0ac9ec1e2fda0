//! `ticketcd check` on run directories that somebody lost or damaged a part of: a verdict that they still bear out, or an error
//! that names the file; never a violation of a valid run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FILES: [&str; 4] = ["run.json", "history.zst", "faults.jsonl", "scenario.toml"];

fn ticketcd(arguments: &[&str], run: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ticketcd")).args(arguments).arg(run).output().unwrap()
}

/// Judges a damaged run and gives the exit code.
fn judged(run: &Path, what: &str) -> i32 {
    let output = ticketcd(&["check"], run);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().unwrap_or_else(|| panic!("{what}: ended by a signal: {said}"));
    assert!([0, 2, 64].contains(&code), "{what}: {code}: {said}");
    assert!(!said.contains("panicked") && !said.trim().is_empty(), "{what}: {said}");
    if code == 64 {
        assert!(said.contains(run.to_str().unwrap()), "{what}: the error does not say which run: {said}");
    }
    code
}

struct Runs {
    directory: tempfile::TempDir,
    copies: u32,
}

impl Runs {
    /// A valid run of several frames.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["history", "generate", "--operations", "4000", "--tickets", "3", "--buyers", "20", "--seed", "4", "--out"];
        assert!(ticketcd(&arguments, &directory.path().join("whole")).status.success());
        Self { directory, copies: 0 }
    }

    /// A copy to damage.
    fn copy(&mut self) -> PathBuf {
        self.copies += 1;
        let copy = self.directory.path().join(format!("copy-{}", self.copies));
        fs::create_dir(&copy).unwrap();
        for file in FILES {
            fs::copy(self.directory.path().join("whole").join(file), copy.join(file)).unwrap();
        }
        copy
    }
}

#[test]
fn a_file_that_is_lost_empty_or_something_else_is_named_or_done_without() {
    let mut runs = Runs::new();
    assert_eq!(judged(&runs.copy(), "an undamaged copy without the members' logs"), 2);
    for file in FILES {
        let is_needed = ["run.json", "history.zst"].contains(&file);
        for what in ["removed", "emptied", "a directory", "other bytes"] {
            let run = runs.copy();
            let path = run.join(file);
            fs::remove_file(&path).unwrap();
            match what {
                "emptied" => fs::write(&path, "").unwrap(),
                "a directory" => fs::create_dir(&path).unwrap(),
                "other bytes" => fs::write(&path, [0xff, 0xfe, 0x00, 0x0a, 0x7b, 0x22]).unwrap(),
                _ => {}
            }
            let code = judged(&run, &format!("{file} {what}"));
            // A history without anything is that of a run which was killed at once: nothing is known.
            assert!(code == 2 || is_needed, "{file} {what}: {code}");
        }
    }
}

#[test]
fn damage_is_said_first_and_once() {
    let mut runs = Runs::new();
    let run = runs.copy();
    let history = run.join("history.zst");
    let mut bytes = fs::read(&history).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&history, &bytes).unwrap();
    let said = String::from_utf8(ticketcd(&["check"], &run).stdout).unwrap();
    let reason = said.lines().skip_while(|line| !line.starts_with("  UNKNOWN")).nth(1).unwrap_or_default();
    assert!(reason.contains(" bytes at the end of the history are damaged or truncated"), "{said}");
    assert_eq!(said.matches("damaged or truncated").count(), 1, "{said}");
    assert!(!said.contains("killed"), "that is not known: {said}");
}

#[test]
fn a_history_that_is_cut_or_damaged_anywhere_is_judged_as_far_as_it_goes() {
    let mut runs = Runs::new();
    let run = runs.copy();
    let history = run.join("history.zst");
    let whole = fs::read(&history).unwrap();
    for step in 0..24 {
        let place = whole.len() * step / 24;
        fs::write(&history, &whole[..place]).unwrap();
        judged(&run, &format!("cut at {place}"));
        let mut damaged = whole.clone();
        damaged[place] ^= 0x55;
        fs::write(&history, &damaged).unwrap();
        assert_ne!(judged(&run, &format!("byte {place} changed")), 0);
        damaged.remove(place);
        fs::write(&history, &damaged).unwrap();
        assert_ne!(judged(&run, &format!("byte {place} missing")), 0);
    }
}

/// The orders of one run are all lost by the description of another.
#[test]
fn a_description_of_another_run_is_refused() {
    let mut runs = Runs::new();
    let run = runs.copy();
    let path = run.join("run.json");
    let mut info: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let write = |info: &serde_json::Value| fs::write(&path, serde_json::to_vec(info).unwrap()).unwrap();
    for member in info["members"].as_array_mut().unwrap().iter_mut().skip(1) {
        member["member_id"] = 77.into();
    }
    write(&info);
    assert_eq!(judged(&run, "members that were replaced"), 2);
    info["members"][0]["member_id"] = 77.into();
    info["run_tag"] = "other".into();
    write(&info);
    assert_eq!(judged(&run, "members of another run"), 64);
}

/// Where the frames of a history are.
fn frames(history: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut frames = Vec::new();
    let mut start = 12;
    while start < history.len() {
        let compressed = u32::from_le_bytes(history[start..start + 4].try_into().unwrap()) as usize;
        frames.push(start..start + 48 + compressed);
        start += 48 + compressed;
    }
    frames
}

/// Whole frames that somebody removed, doubled or swapped: the verdict is unknown, and what was changed is named.
#[test]
fn a_history_whose_frames_were_changed_is_unknown() {
    let mut runs = Runs::new();
    let run = runs.copy();
    let history = run.join("history.zst");
    let whole = fs::read(&history).unwrap();
    let frames = frames(&whole);
    assert!(frames.len() > 4, "{frames:?}");
    let write = |order: &[usize]| {
        let bytes: Vec<u8> = order.iter().flat_map(|frame| whole[frames[*frame].clone()].to_vec()).collect();
        fs::write(&history, [&whole[..12], &bytes].concat()).unwrap();
    };
    let all: Vec<usize> = (0..frames.len()).collect();
    for frame in 0..frames.len() - 1 {
        let edits: [(&str, Vec<usize>); 3] = [
            ("removed", all.iter().copied().filter(|other| *other != frame).collect()),
            ("doubled", all.iter().flat_map(|other| vec![*other; if *other == frame { 2 } else { 1 }]).collect()),
            (
                "swapped",
                all.iter()
                    .map(|other| {
                        if *other == frame {
                            frame + 1
                        } else if *other == frame + 1 {
                            frame
                        } else {
                            *other
                        }
                    })
                    .collect(),
            ),
        ];
        for (what, order) in edits {
            write(&order);
            let output = ticketcd(&["check"], &run);
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(2), "frame {frame} {what}: {said}");
            assert!(said.contains("the history was modified after the run"), "frame {frame} {what}: {said}");
        }
    }
    write(&all[..all.len() - 1]);
    assert_eq!(judged(&run, "the closing frame removed"), 2);
}

/// `run.json` and the members' logs are those that were there when the history was finished.
#[test]
fn a_file_that_was_changed_after_the_run_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    let arguments = ["history", "generate", "--operations", "500", "--mutation", "log-panic", "--out"];
    assert!(ticketcd(&arguments, &run).status.success());
    let check = || {
        let output = ticketcd(&["check"], &run);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check().0, Some(1));
    let log = run.join("members/m2.log");
    let before = fs::read(&log).unwrap();
    fs::write(&log, [&before[..], b"{\"level\":\"fatal\",\"msg\":\"x\"}\n"].concat()).unwrap();
    let (code, said) = check();
    assert!(code == Some(2) && said.contains("members/m2.log was modified after the run"), "{said}");
    fs::write(&log, before).unwrap();
    assert_eq!(check().0, Some(1));
    let info = run.join("run.json");
    let text = fs::read_to_string(&info).unwrap();
    fs::write(&info, text.replace("\"seed\": 1,", "\"seed\": 2,")).unwrap();
    let (code, said) = check();
    assert!(code == Some(2) && said.contains("run.json was modified after the run"), "{said}");
}

#[test]
fn packing_what_was_printed_gives_the_same_history() {
    let directory = tempfile::tempdir().unwrap();
    let [whole, packed, lines] = ["whole", "packed", "lines"].map(|name| directory.path().join(name));
    assert!(ticketcd(&["history", "generate", "--operations", "2000", "--out"], &whole).status.success());
    let printed = ticketcd(&["history", "cat"], &whole).stdout;
    fs::write(&lines, &printed).unwrap();
    let info = whole.join("run.json");
    let arguments = ["history", "pack", lines.to_str().unwrap(), "--run-info", info.to_str().unwrap(), "--out"];
    let output = ticketcd(&arguments, &packed);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(ticketcd(&["history", "cat"], &packed).stdout, printed);
    // The line that is wrong is named.
    fs::write(&lines, [&printed[..], b"{\"nothing\":1}\n"].concat()).unwrap();
    let output = ticketcd(&arguments, &directory.path().join("other"));
    let said = String::from_utf8(output.stderr).unwrap();
    let number = printed.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(output.status.code() == Some(64) && said.contains(&format!("lines:{number}: not an event")), "{said}");
}

/// Waits for `ticketcd check` on a run directory, which must not take long, and gives its exit code and what it printed.
fn checked_in_time(run: &Path) -> (i32, String) {
    // As in CI: a command that hangs is ended, with an exit code of its own.
    let output = Command::new("timeout").args(["30", env!("CARGO_BIN_EXE_ticketcd"), "check"]).arg(run).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or_else(|| panic!("{text}")), text)
}

#[test]
fn pipes_devices_and_links_in_a_shared_run_are_refused_without_waiting() {
    let mut runs = Runs::new();
    let whole = runs.directory.path().join("whole");
    for file in ["run.json", "history.zst", "scenario.toml", "members/m1.log"] {
        for kind in ["pipe", "device", "link"] {
            let run = runs.copy();
            fs::create_dir(run.join("members")).unwrap();
            for log in fs::read_dir(whole.join("members")).unwrap() {
                let log = log.unwrap();
                fs::copy(log.path(), run.join("members").join(log.file_name())).unwrap();
            }
            let path = run.join(file);
            fs::remove_file(&path).unwrap();
            match kind {
                "pipe" => nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
                "device" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                _ => std::os::unix::fs::symlink(whole.join(file), &path).unwrap(),
            }
            let (code, text) = checked_in_time(&run);
            let expected = if ["run.json", "history.zst"].contains(&file) { 64 } else { 2 };
            assert_eq!(code, expected, "{file} is a {kind}: {text}");
            let named = if kind == "pipe" { "not a regular file" } else { "symbolic link" };
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(file == "members/m1.log" || words.contains(named), "{file} is a {kind}: {text}");
        }
    }
}

#[test]
fn a_log_outside_of_the_run_directory_is_no_evidence() {
    let mut runs = Runs::new();
    let outside = runs.directory.path().join("secret");
    fs::write(&outside, "panic: the content of a file that is nobody's business\n").unwrap();
    for name in [outside.to_str().unwrap(), "../secret"] {
        let run = runs.copy();
        let text = fs::read_to_string(run.join("run.json")).unwrap();
        let mut info: serde_json::Value = serde_json::from_str(&text).unwrap();
        info["members"][0]["log"] = name.into();
        fs::write(run.join("run.json"), info.to_string()).unwrap();
        let (code, text) = checked_in_time(&run);
        assert_eq!(code, 2, "{text}");
        assert!(!text.contains("nobody's business"), "{text}");
    }
}

#[test]
fn a_run_directory_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let runs = Runs::new();
    let whole = runs.directory.path().join("whole");
    assert!(ticketcd(&["report"], &whole).status.success());
    let mut open = vec![whole];
    while let Some(path) = open.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", path.display());
        if metadata.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
