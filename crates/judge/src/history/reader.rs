//! Reads `history.zst`, as far as it is whole.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zstd::bulk::Decompressor;

use super::event::Event;
use super::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, MAGIC, RECORD_HEADER_BYTES};
use super::run_info::FORMAT_VERSION;

/// How a history file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole frame.
    Clean,
    /// Somewhere inside a frame, or with damage: its writer was killed, or the file was cut or changed.
    CutOff {
        /// Bytes that could not be read.
        bytes: u64,
    },
}

/// A history file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is some other file.
    #[error("{}: this is no history of ticketcd", path.display())]
    NotAHistory {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the tool wrote it.
    #[error("{}: format version {found} is newer than {FORMAT_VERSION}, the newest that this version of ticketcd reads", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The version it says.
        found: u32,
    },
    /// A whole frame holds what is no event: its writer is to blame.
    #[error("{}: event {number} is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The event's number, from 1.
        number: u64,
    },
}

/// The events of a history file, in the order they were recorded. One frame at a time is held in memory.
pub struct HistoryReader {
    path: PathBuf,
    file: BufReader<File>,
    decompressor: Decompressor<'static>,
    /// Bytes that are left in the file behind what was read.
    left: u64,
    compressed: Vec<u8>,
    frame: Vec<u8>,
    position: usize,
    events: u64,
    tail: Tail,
    ended: bool,
}

impl HistoryReader {
    /// Opens a history file.
    ///
    /// # Errors
    /// When it cannot be read, is no history, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let io_error = |error| HistoryError::Io { path: path.to_owned(), error };
        let file = File::open(path).map_err(io_error)?;
        let length = file.metadata().map_err(io_error)?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
        file.by_ref().take(FILE_HEADER_BYTES as u64).read_to_end(&mut header).map_err(io_error)?;
        // A writer that dies at once leaves a part of the header: the record of nothing.
        let cut_off = header.len() < FILE_HEADER_BYTES;
        let shared = header.len().min(MAGIC.len());
        if header.get(..shared) != MAGIC.get(..shared) {
            return Err(HistoryError::NotAHistory { path: path.to_owned() });
        }
        let version = header.strip_prefix(&MAGIC).and_then(|version| version.try_into().ok()).map_or(0, u32::from_le_bytes);
        if version > FORMAT_VERSION {
            return Err(HistoryError::TooNew { path: path.to_owned(), found: version });
        }
        let decompressor = Decompressor::new().map_err(io_error)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            decompressor,
            left: length.saturating_sub(FILE_HEADER_BYTES as u64),
            compressed: Vec::new(),
            frame: Vec::new(),
            position: 0,
            events: 0,
            tail: if cut_off { Tail::CutOff { bytes: header.len() as u64 } } else { Tail::Clean },
            ended: cut_off,
        })
    }

    /// How the file ends; known after the last event.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Reads the next frame. `false` when there is none that is whole.
    fn next_frame(&mut self) -> Result<bool, HistoryError> {
        if self.left == 0 {
            return Ok(false);
        }
        match self.read_frame() {
            Ok(true) => Ok(true),
            Ok(false) => {
                self.tail = Tail::CutOff { bytes: self.left };
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.tail = Tail::CutOff { bytes: self.left };
                Ok(false)
            }
            Err(error) => Err(HistoryError::Io { path: self.path.clone(), error }),
        }
    }

    /// Reads the next frame into `frame`. `false` when what is there is not a whole frame.
    fn read_frame(&mut self) -> io::Result<bool> {
        let mut header = [0; FRAME_HEADER_BYTES];
        self.file.read_exact(&mut header)?;
        let Some(header) = FrameHeader::decode(header) else { return Ok(false) };
        let whole = FRAME_HEADER_BYTES as u64 + u64::from(header.compressed_bytes);
        if whole > self.left {
            return Ok(false);
        }
        self.compressed.resize(header.compressed_bytes as usize, 0);
        self.file.read_exact(&mut self.compressed)?;
        self.frame.clear();
        self.position = 0;
        // The frame itself says how large it is: no memory is taken on the word of a damaged header.
        let bytes = header.bytes as usize;
        if zstd::zstd_safe::get_frame_content_size(&self.compressed).ok().flatten() != Some(bytes as u64) {
            return Ok(false);
        }
        self.frame.reserve(bytes);
        match self.decompressor.decompress_to_buffer(&self.compressed, &mut self.frame) {
            Ok(decompressed) if decompressed == bytes && records_in(&self.frame) == Some(header.records) => {
                self.left -= whole;
                Ok(true)
            }
            _ => {
                self.frame.clear();
                Ok(false)
            }
        }
    }

    /// The next record of the frame; `None` at its end.
    fn next_record(&mut self) -> Option<&[u8]> {
        let (record, next) = record_at(&self.frame, self.position)?;
        self.position = next;
        Some(record)
    }

    fn next_event(&mut self) -> Result<Option<Event>, HistoryError> {
        while self.position >= self.frame.len() {
            if !self.next_frame()? {
                return Ok(None);
            }
        }
        self.events += 1;
        let event = self.next_record().and_then(|record| match postcard::take_from_bytes(record) {
            Ok((event, [])) => Some(event),
            _ => None,
        });
        event.map(Some).ok_or_else(|| HistoryError::Malformed { path: self.path.clone(), number: self.events })
    }
}

impl Iterator for HistoryReader {
    type Item = Result<Event, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.next_event().transpose();
        self.ended = !matches!(event, Some(Ok(_)));
        event
    }
}

impl std::fmt::Debug for HistoryReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HistoryReader").field("path", &self.path).field("events", &self.events).finish_non_exhaustive()
    }
}

/// The record at a position, and the position behind it.
fn record_at(frame: &[u8], position: usize) -> Option<(&[u8], usize)> {
    let begin = position.checked_add(RECORD_HEADER_BYTES)?;
    let length: [u8; RECORD_HEADER_BYTES] = frame.get(position..begin)?.try_into().ok()?;
    let end = begin.checked_add(u32::from_le_bytes(length) as usize)?;
    Some((frame.get(begin..end)?, end))
}

/// How many records a frame holds; `None` when they do not fill it exactly.
fn records_in(frame: &[u8]) -> Option<u32> {
    let (mut position, mut records) = (0, 0);
    while position < frame.len() {
        (_, position) = record_at(frame, position)?;
        records += 1;
    }
    Some(records)
}
