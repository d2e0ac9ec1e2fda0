//! Whether the files of a run are the ones that were recorded together.

use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::frame::{BoundFile, Closing};
use crate::run_file::{self, MEMBER_LOG_BYTES_MAX};

/// How a history file ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With its closing frame.
    Closed(Closing),
    /// With a whole frame that is not the closing one: its writer was killed or still runs, or its end was removed.
    NotClosed,
    /// Somewhere inside a frame, or with damage: its writer was killed, or the file was cut or changed.
    CutOff {
        /// Bytes that could not be read.
        bytes: u64,
    },
    /// With a frame that does not follow the one before it. Nothing from there on is read.
    Broken {
        /// The number that the frame should have, from 0.
        frame: u32,
        /// What is wrong with it.
        broken: ChainBreak,
    },
}

/// Why a frame does not follow the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChainBreak {
    /// It has another number: frames were removed, doubled or moved.
    Number {
        /// The number it has.
        found: u32,
    },
    /// It carries the hash of other bytes than those before it: a frame was replaced.
    Hash,
    /// It comes after the closing frame.
    AfterClosing,
    /// The closing frame counts other events than there are.
    Totals,
}

/// What is wrong with the files of a run. A run with a flaw cannot pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordFlaw {
    /// The history has no closing frame: the run was killed or still goes on, or the end of the file was removed.
    NotClosed,
    /// The last bytes of the history are damaged or not a whole frame.
    CutOff {
        /// Bytes that were left out.
        bytes: u64,
    },
    /// A frame of the history does not follow the one before it: it and all after it were left out.
    Broken {
        /// The number that the frame should have, from 0.
        frame: u32,
        /// What is wrong with it.
        broken: ChainBreak,
    },
    /// A file is not the one that was there when the history was finished.
    FileChanged {
        /// Its path, relative to the run directory.
        name: String,
    },
    /// A file that was there when the history was finished is missing or cannot be read.
    FileMissing {
        /// Its path, relative to the run directory.
        name: String,
    },
}

impl BoundFile {
    /// A file of a run directory as it is now.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, or lies outside the directory: a shared history may name anything.
    pub fn read(directory: &Path, name: &str) -> io::Result<Self> {
        let (file, _) = run_file::open(directory, name, MEMBER_LOG_BYTES_MAX)?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut hash = Sha256::new();
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            hash.update(bytes);
            let count = bytes.len();
            file.consume(count);
        }
        Ok(Self { name: name.to_owned(), sha256: hash.finalize().into() })
    }
}

impl Tail {
    /// What is wrong with a history that ends so, and with the files beside it.
    pub fn flaws(&self, directory: &Path) -> Vec<RecordFlaw> {
        match self {
            Self::Closed(closing) => closing.files.iter().filter_map(|file| flaw(directory, file)).collect(),
            Self::NotClosed => vec![RecordFlaw::NotClosed],
            Self::CutOff { bytes } => vec![RecordFlaw::CutOff { bytes: *bytes }],
            Self::Broken { frame, broken } => vec![RecordFlaw::Broken { frame: *frame, broken: *broken }],
        }
    }
}

fn flaw(directory: &Path, recorded: &BoundFile) -> Option<RecordFlaw> {
    let name = recorded.name.clone();
    match BoundFile::read(directory, &name) {
        Ok(file) if file == *recorded => None,
        Ok(_) => Some(RecordFlaw::FileChanged { name }),
        Err(_) => Some(RecordFlaw::FileMissing { name }),
    }
}
