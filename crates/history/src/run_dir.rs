//! The run directory: what people share. One place knows the names of its files.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::MemberIndex;
use crate::frame::BoundFile;
use crate::io_reason::io_reason;
use crate::run_file::{self, RUN_INFO_BYTES_MAX, RunFileError};
use crate::run_info::{FORMAT_VERSION, RunInfo};

/// A run directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// Something is not a run directory that can be read.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// A file cannot be read or written.
    #[error("{}: {}", path.display(), io_reason(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file is none that is read.
    #[error("{0}")]
    File(RunFileError),
    /// `run.json` is not what it should be.
    #[error("{}: {error}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        error: serde_json::Error,
    },
    /// A newer version of the tool wrote it.
    #[error("{}: format version {found} is newer than {FORMAT_VERSION}, the newest that this version of ticketcd reads", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
    },
    /// An older version of the tool wrote it.
    #[error("{}: format version {found} is no longer read, only {FORMAT_VERSION}: use the version of ticketcd that wrote it", path.display())]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
    },
}

impl From<RunFileError> for RunDirError {
    fn from(error: RunFileError) -> Self {
        match error {
            RunFileError::Io { path, error } => Self::Io { path, error },
            error => Self::File(error),
        }
    }
}

impl RunDir {
    /// The run directory at a path. Nothing is read or created.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the directory is the record of: a [`RunInfo`].
    pub fn run_info(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// The scenario, resolved: with every default written out.
    pub fn scenario(&self) -> PathBuf {
        self.path.join("scenario.toml")
    }

    /// Every event, compressed.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.zst")
    }

    /// The fault events once more, one JSON object a line, for a person to read.
    pub fn faults(&self) -> PathBuf {
        self.path.join("faults.jsonl")
    }

    /// The verdict and the figures.
    pub fn result(&self) -> PathBuf {
        self.path.join("result.json")
    }

    /// Latency histograms, an HDR interval log.
    pub fn latency_log(&self) -> PathBuf {
        self.path.join("latency.hlog")
    }

    /// What the scripts of the strategy `command` wrote to standard error.
    pub fn script_log(&self) -> PathBuf {
        self.path.join("script.log")
    }

    /// The directory of the members' logs.
    pub fn members(&self) -> PathBuf {
        self.path.join("members")
    }

    /// The log of a member.
    pub fn member_log(&self, member: MemberIndex) -> PathBuf {
        self.path.join(Self::member_log_name(member))
    }

    /// The log of a member, relative to the run directory, as [`MemberInfo::log`](super::run_info::MemberInfo::log) has it.
    pub fn member_log_name(member: MemberIndex) -> String {
        format!("members/{}.log", member.name())
    }

    /// The files that belong to the history and do not change any more when the members have stopped: `run.json` and the
    /// members' logs.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn bound_files(&self) -> io::Result<Vec<BoundFile>> {
        let mut names = vec!["run.json".to_owned()];
        match std::fs::read_dir(self.members()) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry?.file_name();
                    names.extend(name.to_str().filter(|name| name.ends_with(".log")).map(|name| format!("members/{name}")));
                }
            }
            // A cluster that is not ours has no logs here.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        names.sort_unstable();
        names.iter().map(|name| BoundFile::read(&self.path, name)).collect()
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    /// When it is not there, is not what it should be, or has another format version.
    pub fn read_info(&self) -> Result<RunInfo, RunDirError> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let path = self.run_info();
        let (file, _) = run_file::open_path(&path, RUN_INFO_BYTES_MAX)?;
        let mut text = Vec::new();
        // It may grow while it is read.
        file.take(RUN_INFO_BYTES_MAX).read_to_end(&mut text).map_err(|error| RunDirError::Io { path: path.clone(), error })?;
        let malformed = |error| RunDirError::Malformed { path: path.clone(), error };
        let version: Version = serde_json::from_slice(&text).map_err(malformed)?;
        if version.format_version > FORMAT_VERSION {
            return Err(RunDirError::TooNew { path, found: version.format_version });
        }
        if version.format_version < FORMAT_VERSION {
            return Err(RunDirError::TooOld { path, found: version.format_version });
        }
        serde_json::from_slice(&text).map_err(malformed)
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_info(&self, info: &RunInfo) -> Result<(), RunDirError> {
        let path = self.run_info();
        let mut text = serde_json::to_vec_pretty(info).map_err(|error| RunDirError::Malformed { path: path.clone(), error })?;
        text.push(b'\n');
        std::fs::write(&path, text).map_err(|error| RunDirError::Io { path, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_refused_by_its_version_alone() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::new(directory.path());
        std::fs::write(run.run_info(), r#"{"format_version": 99, "anything": "else"}"#).unwrap();
        let error = run.read_info().unwrap_err();
        assert!(matches!(error, RunDirError::TooNew { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("format version 99"), "{error}");
        std::fs::write(run.run_info(), r#"{"format_version": 2, "anything": "else"}"#).unwrap();
        let error = run.read_info().unwrap_err();
        assert!(matches!(error, RunDirError::TooOld { found: 2, .. }), "{error}");
    }

    #[test]
    fn what_is_wrong_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let run = RunDir::new(directory.path());
        assert!(run.read_info().unwrap_err().to_string().contains("run.json"));
        std::fs::write(run.run_info(), "{}").unwrap();
        assert!(matches!(run.read_info().unwrap_err(), RunDirError::Malformed { .. }));
    }
}
