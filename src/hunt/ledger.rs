//! The ledger of a hunt: `hunt.jsonl`, a line of JSON for each finished run, so that the same command resumes where it ended.
//!
//! The first line identifies the hunt. A line counts once its line break is written: a process that dies while it writes
//! leaves a part of a line, which is removed when the hunt is resumed, and its run is run again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::draw::DRAW_VERSION;
use super::record::Record;
use ticketcd_judge::history::io_reason;

/// Name of the file in the hunt's directory.
pub const FILE_NAME: &str = "hunt.jsonl";

/// Version of the shape of the ledger.
const FORMAT_VERSION: u32 = 1;

/// What identifies a hunt: the first line of its ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarry {
    /// Version of the shape of the ledger.
    pub format_version: u32,
    /// Version of how scenarios are drawn.
    pub draw_version: u32,
    /// The seed.
    pub seed: u64,
    /// Version of etcd.
    pub etcd_version: String,
    /// SHA-256 of the etcd binary.
    pub etcd_sha256: String,
}

impl Quarry {
    /// A hunt with this seed on this build of etcd, drawn and written by this version of the program.
    pub fn new(seed: u64, etcd_version: String, etcd_sha256: String) -> Self {
        Self { format_version: FORMAT_VERSION, draw_version: DRAW_VERSION, seed, etcd_version, etcd_sha256 }
    }

    /// What differs from another one, in words; nothing if it is the same.
    fn difference(&self, other: &Self) -> Option<String> {
        let versions = |what: &str, mine: u32, theirs: u32| {
            (mine != theirs).then(|| format!("it was started by another version of ticketcd ({what} version {theirs}, not {mine})"))
        };
        versions("format", self.format_version, other.format_version)
            .or_else(|| versions("draw", self.draw_version, other.draw_version))
            .or_else(|| (self.seed != other.seed).then(|| format!("its seed is {}, not {}", other.seed, self.seed)))
            .or_else(|| {
                (self.etcd_version != other.etcd_version).then(|| format!("it runs etcd {}, not {}", other.etcd_version, self.etcd_version))
            })
            .or_else(|| (self.etcd_sha256 != other.etcd_sha256).then(|| format!("it runs another build of etcd {}", self.etcd_version)))
    }
}

/// A ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process writes to it.
    #[error("another hunt is running in {}; wait until it ends, or pass another directory with --out", .0.display())]
    InUse(PathBuf),
    /// It is of another hunt.
    #[error("{} belongs to another hunt: {difference}; pass another directory with --out", .path.display())]
    AnotherHunt {
        /// Its file.
        path: PathBuf,
        /// How it differs.
        difference: String,
    },
    /// A line is none of ours.
    #[error("cannot resume {}: line {line} is not a completed run of a hunt ({reason}); pass another directory with --out", .path.display())]
    Malformed {
        /// Its file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read or written.
    #[error("cannot read or write {}: {}", .path.display(), io_reason(.error))]
    File {
        /// Its file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

impl LedgerError {
    /// Whether the user chose a directory that cannot be used, rather than that the system failed.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::File { .. })
    }
}

/// An open ledger. While it is open, no other process can open it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
}

impl Ledger {
    /// Opens the ledger in a directory, or begins one, and returns the runs that are finished.
    ///
    /// # Errors
    /// When it is in use, of another hunt, or cannot be read or written.
    pub fn open(directory: &Path, quarry: &Quarry) -> Result<(Self, Vec<Record>), LedgerError> {
        let path = directory.join(FILE_NAME);
        let failed = |error| LedgerError::File { path: path.clone(), error };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::InUse(directory.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
        bytes.truncate(whole);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(failed)?;
        let mut ledger = Self { path, file };
        if bytes.is_empty() {
            ledger.write_line(quarry)?;
            return Ok((ledger, Vec::new()));
        }
        let records = ledger.read(&bytes, quarry)?;
        Ok((ledger, records))
    }

    fn read(&self, bytes: &[u8], quarry: &Quarry) -> Result<Vec<Record>, LedgerError> {
        let malformed = |line: usize, reason: String| LedgerError::Malformed { path: self.path.clone(), line, reason };
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let theirs: Quarry = serde_json::from_slice(first).map_err(|error| malformed(1, error.to_string()))?;
        if let Some(difference) = quarry.difference(&theirs) {
            return Err(LedgerError::AnotherHunt { path: self.path.clone(), difference });
        }
        let mut records: Vec<Record> = Vec::new();
        for (line, text) in (2..).zip(lines) {
            let record: Record = serde_json::from_slice(text).map_err(|error| malformed(line, error.to_string()))?;
            if record.run as usize != records.len() + 1 {
                return Err(malformed(line, format!("it is run {}, expected {}", record.run, records.len() + 1)));
            }
            records.push(record);
        }
        Ok(records)
    }

    /// Appends a finished run, through to the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, record: &Record) -> Result<(), LedgerError> {
        self.write_line(record)
    }

    fn write_line(&mut self, value: &impl Serialize) -> Result<(), LedgerError> {
        let written = serde_json::to_vec(value).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)?;
            self.file.sync_data()
        });
        written.map_err(|error| LedgerError::File { path: self.path.clone(), error })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::draw::draw;
    use super::*;

    fn quarry() -> Quarry {
        Quarry::new(7, "3.5.30".to_owned(), "abc".to_owned())
    }

    fn record(run: u32) -> Record {
        Record::planned(run, &draw(7, run).unwrap())
    }

    /// A ledger with two finished runs.
    fn two() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let (mut ledger, records) = Ledger::open(directory.path(), &quarry()).unwrap();
        assert_eq!(records, []);
        ledger.append(&record(1)).unwrap();
        ledger.append(&record(2)).unwrap();
        directory
    }

    fn append(directory: &Path, bytes: &[u8]) {
        OpenOptions::new().append(true).open(directory.join(FILE_NAME)).unwrap().write_all(bytes).unwrap();
    }

    #[test]
    fn what_was_appended_is_read_back_and_goes_on() {
        let directory = two();
        let (mut ledger, records) = Ledger::open(directory.path(), &quarry()).unwrap();
        assert_eq!(records, [record(1), record(2)]);
        ledger.append(&record(3)).unwrap();
        drop(ledger);
        assert_eq!(Ledger::open(directory.path(), &quarry()).unwrap().1.len(), 3);
    }

    #[test]
    fn a_part_of_a_line_is_removed_wherever_it_was_cut_off() {
        let line = serde_json::to_vec(&record(3)).unwrap();
        for length in [1, line.len() / 2, line.len()] {
            let directory = two();
            append(directory.path(), &line[..length]);
            let (mut ledger, records) = Ledger::open(directory.path(), &quarry()).unwrap();
            assert_eq!(records, [record(1), record(2)], "{length} bytes of a line");
            ledger.append(&record(3)).unwrap();
            drop(ledger);
            assert_eq!(Ledger::open(directory.path(), &quarry()).unwrap().1, [record(1), record(2), record(3)]);
        }
    }

    #[test]
    fn a_ledger_that_was_cut_off_in_its_first_line_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE_NAME), b"{\"format_ver").unwrap();
        assert_eq!(Ledger::open(directory.path(), &quarry()).unwrap().1, []);
        assert_eq!(Ledger::open(directory.path(), &quarry()).unwrap().1, []);
    }

    #[test]
    fn another_hunt_is_refused_with_the_difference() {
        let directory = two();
        let refused = |quarry: Quarry| Ledger::open(directory.path(), &quarry).unwrap_err().to_string();
        assert!(refused(Quarry { seed: 8, ..quarry() }).contains("its seed is 7, not 8"));
        assert!(refused(Quarry { etcd_version: "3.5.1".to_owned(), ..quarry() }).contains("it runs etcd 3.5.30, not 3.5.1"));
        assert!(refused(Quarry { etcd_sha256: "def".to_owned(), ..quarry() }).contains("another build of etcd 3.5.30"));
        assert!(refused(Quarry { draw_version: 99, ..quarry() }).contains("another version of ticketcd"));
    }

    #[test]
    fn lines_of_something_else_are_refused_by_number() {
        let missing = serde_json::to_vec(&record(4)).unwrap();
        for bytes in [&b"hello\n"[..], b"{}\n", &[&missing[..], b"\n"].concat()] {
            let directory = two();
            append(directory.path(), bytes);
            let error = Ledger::open(directory.path(), &quarry()).unwrap_err();
            assert!(matches!(error, LedgerError::Malformed { line: 4, .. }) && error.is_usage(), "{error}");
        }
    }

    #[test]
    fn two_hunts_do_not_share_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let _open = Ledger::open(directory.path(), &quarry()).unwrap();
        assert!(matches!(Ledger::open(directory.path(), &quarry()), Err(LedgerError::InUse(_))));
    }
}
