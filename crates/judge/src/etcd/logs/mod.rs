//! Logs: no member panics, dies of a fatal error or reports corruption.
//!
//! Source: etcd logs JSON lines (zap) with a level; it calls `panic` and `fatal` only where it cannot go on, and raises the
//! CORRUPT alarm when members' hashes differ (etcd's documentation on data corruption). A Go runtime that dies writes plain
//! text. Lines are processed one at a time, so logs of any size, and bytes that are not text, are accepted.
//!
//! A failure of the machine (a full disk, no memory) is neither a violation of etcd nor a pass: what `MACHINE_TROUBLE` lists
//! makes the verdict unknown. So does a member that exited before all members were up: it was started wrongly.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read as _};

use jiff::Timestamp;
use serde::Deserialize;

use crate::core::anomalies::{Anomalies, one_reason};
use crate::core::anomaly_kind::AnomalyKind;
use crate::core::check::{Basis, Check, CheckInfo, End, Observation, ObservationKind};
use crate::core::verdict::{Anomaly, Finding};
use ticketcd_history::event::Event;
use ticketcd_history::member::LOG_CUT;
use ticketcd_history::run_file::{self, MEMBER_LOG_BYTES_MAX};
use ticketcd_history::{MemberIndex, Nanos};

/// What it is called, what it verifies, and what it can report.
pub static CHECK: CheckInfo = CheckInfo {
    name: "logs",
    promise: "No member logs a panic, a fatal error or corruption.",
    source: "etcd's own log messages",
    kinds: &[&PANIC, &FATAL, &CORRUPTION],
    basis: Basis::MemberLogs,
    view: None,
    online: false,
};

static PANIC: AnomalyKind = AnomalyKind::new("panic", "A member's log contains a panic.");
static FATAL: AnomalyKind = AnomalyKind::new("fatal", "A member's log contains a fatal error.");
static CORRUPTION: AnomalyKind = AnomalyKind::new("corruption", "A member's log reports corrupt data.");

/// Lines are read up to this many bytes; the rest of a longer one is skipped.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Messages of etcd about corrupt data, at level warning or above.
const CORRUPTION_WORDS: [&str; 7] = [
    "\"alarm\":\"CORRUPT\"",
    "alarm:CORRUPT",
    "data corruption",
    "data inconsistency",
    "found hash mismatch",
    "failed to find revision pair",
    "crc mismatch",
];

/// Errors of the machine; unless an injected fault caused them, they are neither etcd's fault nor evidence.
const MACHINE_TROUBLE: [&str; 8] = [
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "input/output error",
    "cannot allocate memory",
    "out of memory",
    "too many open files in system",
    "address already in use",
];

/// The check.
#[derive(Debug, Default)]
pub struct Logs {
    /// When the first phase began: all members were then up.
    up: Option<Nanos>,
}

impl Check for Logs {
    fn info(&self) -> &'static CheckInfo {
        &CHECK
    }

    fn observes(&self, kind: ObservationKind) -> bool {
        kind == ObservationKind::Event
    }

    fn observe(&mut self, observation: &Observation<'_>) {
        if let Observation::Event(Event::Phase(began)) = observation {
            self.up.get_or_insert(began.at);
        }
    }

    fn finish(self: Box<Self>, end: &End<'_>) -> Finding {
        let mut scan = Scan::new(end, self.up);
        let mut reasons = scan.all(end);
        reasons.extend(scan.machine_trouble.iter().map(MachineTrouble::to_string));
        reasons.append(&mut scan.cut);
        reasons.append(&mut scan.not_started);
        scan.anomalies.into_finding(&CHECK, scan.counts, one_reason(&reasons))
    }
}

/// Errors of the machine in the members' logs, each once.
pub(crate) fn machine_trouble(end: &End<'_>) -> Vec<MachineTrouble> {
    let mut scan = Scan::new(end, None);
    // Logs that cannot be read are reported by the check of the logs.
    let _ = scan.all(end);
    scan.machine_trouble
}

/// A member exited because of its machine: a full disk, no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MachineTrouble {
    /// Which member.
    pub(crate) member: MemberIndex,
    line: u64,
    text: String,
}

impl fmt::Display for MachineTrouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { member, line, text } = self;
        write!(formatter, "Member {} failed because of its machine (line {line} of its log): {text}.", member.name())
    }
}

struct Scan {
    began: Option<Timestamp>,
    /// When all members were up; `None` if they never were, as far as is known.
    up: Option<Nanos>,
    anomalies: Anomalies,
    machine_trouble: Vec<MachineTrouble>,
    /// Logs of which a part was left out, a sentence each.
    cut: Vec<String>,
    /// Members that exited before all were up, a sentence each: they were started wrongly.
    not_started: Vec<String>,
    counts: BTreeMap<String, u64>,
}

/// The fields of a zap line that are used here.
#[derive(Debug, Default, Deserialize)]
struct Line<'line> {
    #[serde(default)]
    level: &'line str,
    #[serde(default)]
    ts: &'line str,
}

impl Scan {
    fn new(end: &End<'_>, up: Option<Nanos>) -> Self {
        Self {
            began: end.info.started.parse().ok(),
            up,
            anomalies: Anomalies::new(),
            machine_trouble: Vec::new(),
            cut: Vec::new(),
            not_started: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Scans the logs of all members; what could not be scanned, a sentence each.
    fn all(&mut self, end: &End<'_>) -> Vec<String> {
        let mut reasons = Vec::new();
        for (member, info) in (0..=u8::MAX).map(MemberIndex).zip(&end.info.members) {
            let scanned = match end.directory.zip(info.log.as_deref()) {
                None => Err("the file does not exist".to_owned()),
                Some((directory, log)) => run_file::open(directory, log, MEMBER_LOG_BYTES_MAX)
                    .map_err(io::Error::from)
                    .and_then(|(file, _)| self.file(member, BufReader::new(file.take(MEMBER_LOG_BYTES_MAX))))
                    .map_err(|error| error.to_string()),
            };
            match scanned {
                Err(error) => reasons.push(format!("The log of {} could not be read: {error}.", info.name)),
                Ok(0) => reasons.push(format!("The log of {} is empty.", info.name)),
                Ok(_) => {}
            }
        }
        if end.info.members.is_empty() {
            reasons.push("No member has a log.".to_owned());
        }
        reasons
    }

    /// Scans one member's log; gives the number of lines.
    fn file(&mut self, member: MemberIndex, mut log: impl BufRead) -> io::Result<u64> {
        let mut line = Vec::new();
        let (mut lines, mut bytes, mut at, mut trace, mut is_cut) = (0u64, 0u64, None, false, false);
        loop {
            let read = read_line(&mut log, &mut line)?;
            if read == 0 {
                break;
            }
            (lines, bytes) = (lines + 1, bytes + read);
            let text = String::from_utf8_lossy(&line);
            if text.starts_with(LOG_CUT) {
                // There are two such lines for one cut, and a member may be started again.
                if !is_cut {
                    self.cut.push(format!("The log of {} grew too large, and a part was not kept (line {lines}).", member.name()));
                }
                is_cut = true;
                continue;
            }
            // etcd flattens nested quotes; only fields at the top of a line are needed, so borrowed text does.
            let parsed: Line<'_> = serde_json::from_str(&text).unwrap_or_default();
            at = self.moment(parsed.ts).or(at);
            let Some(kind) = judge(&parsed, &text) else {
                trace &= parsed.level.is_empty();
                continue;
            };
            // A panic that etcd logs is followed by Go's own message: it counts once.
            let reported_already = trace && parsed.level.is_empty();
            trace = true;
            if !reported_already {
                self.add(kind, member, at, lines, &text);
            }
        }
        self.counts.insert(format!("{}_lines", member.name()), lines);
        self.counts.insert(format!("{}_bytes", member.name()), bytes);
        Ok(lines)
    }

    fn add(&mut self, kind: &'static AnomalyKind, member: MemberIndex, at: Option<Nanos>, line: u64, text: &str) {
        let shown = || shown(text);
        if MACHINE_TROUBLE.iter().any(|words| text.contains(words)) {
            if self.machine_trouble.iter().all(|trouble| trouble.member != member) {
                self.machine_trouble.push(MachineTrouble { member, line, text: shown() });
            }
        } else if *kind == FATAL && at.is_some_and(|at| self.up.is_none_or(|up| at < up)) {
            self.not_started.push(format!("Member {} did not start (line {line} of its log): {}.", member.name(), shown()));
        } else {
            self.anomalies.add(kind, at.unwrap_or(0), anomaly(kind, member, line, text));
        }
    }

    /// The wall clock of a line, on the run's clock.
    fn moment(&self, ts: &str) -> Option<Nanos> {
        let since = ts.parse::<Timestamp>().ok()?.duration_since(self.began?);
        Some(Nanos::try_from(since.as_nanos()).unwrap_or(0))
    }
}

/// The kind of anomaly that a line is, if any.
fn judge(line: &Line<'_>, text: &str) -> Option<&'static AnomalyKind> {
    match line.level {
        // A line of Go's runtime or the race detector; etcd 3.4 without zap marks critical lines with a C.
        "" if text.starts_with("panic: ") || text.starts_with("fatal error: ") || text.contains("WARNING: DATA RACE") => Some(&PANIC),
        "" if text.get(26..).is_some_and(|rest| rest.starts_with(" C | ")) => Some(&FATAL),
        "" => None,
        "panic" | "dpanic" => Some(if corrupt(text) { &CORRUPTION } else { &PANIC }),
        "fatal" => Some(if corrupt(text) { &CORRUPTION } else { &FATAL }),
        "debug" | "info" => None,
        _ => corrupt(text).then_some(&CORRUPTION),
    }
}

fn corrupt(text: &str) -> bool {
    CORRUPTION_WORDS.iter().any(|words| text.contains(words))
}

/// Reads a line without its end into `line`, at most [`LINE_BYTES_MAX`] of it; gives the bytes consumed, 0 at the end.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut consumed = 0u64;
    loop {
        let chunk = match log.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let used = end.map_or(chunk.len(), |end| end + 1);
        log.consume(used);
        consumed += used as u64;
        if end.is_some() || used == 0 {
            return Ok(consumed);
        }
    }
}

/// The part of a line that is shown.
fn shown(text: &str) -> String {
    text.chars().take(600).collect()
}

fn anomaly(kind: &AnomalyKind, member: MemberIndex, line: u64, text: &str) -> Anomaly {
    let what = match kind {
        kind if *kind == PANIC => "panicked",
        kind if *kind == FATAL => "exited with a fatal error",
        _ => "reported corrupt data",
    };
    Anomaly {
        explanation: vec![format!("{} {what} (line {line} of its log): {}", member.name(), shown(text))],
        severity: 1,
        members: vec![member.name()],
        ..Anomaly::default()
    }
}
