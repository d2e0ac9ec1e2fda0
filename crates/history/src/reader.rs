//! Reads `history.zst`, as far as it is whole.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use minicbor::Decoder;
use zstd::bulk::Decompressor;

use crate::decoding::Coding;
use crate::event::Event;
use crate::frame::{
    Chain, Closing, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, MAGIC, RECORD_HEADER_BYTES, first_chain, next_chain,
};
use crate::integrity::{ChainBreak, Tail};
use crate::io_reason::io_reason;
use crate::run_file::{self, RunFileError};
use crate::run_info::FORMAT_VERSION;
use crate::spares::Spares;

/// Larger frames are rare, and their memory is not worth keeping.
const SPARE_BYTES_MAX: usize = 1 << 20;

/// A history file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be read.
    #[error("{}: {}", path.display(), io_reason(error))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is none that is read.
    #[error("{0}")]
    File(RunFileError),
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
    /// A whole frame holds what is no event: its writer is to blame.
    #[error("{}: event {number} is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The event's number, from 1.
        number: u64,
    },
}

impl From<RunFileError> for HistoryError {
    fn from(error: RunFileError) -> Self {
        match error {
            RunFileError::Io { path, error } => Self::Io { path, error },
            error => Self::File(error),
        }
    }
}

/// The events of a history file, in the order they were recorded. One frame at a time is decoded; keys and values are parts
/// of it, so that it stays in memory for as long as any of its events does.
pub struct HistoryReader {
    path: PathBuf,
    file: BufReader<File>,
    decompressor: Decompressor<'static>,
    /// Bytes that are left in the file behind what was read.
    left: u64,
    compressed: Vec<u8>,
    buffers: Spares<[u8]>,
    /// Events of the last frame that were not returned yet.
    batch: vec::IntoIter<Event>,
    events: u64,
    /// The number that the next frame must have, and the hash that it must carry.
    frames: u32,
    chain: Chain,
    tail: Tail,
    /// What comes behind the events that were decoded last.
    malformed: Option<HistoryError>,
    ended: bool,
}

/// A frame, decompressed.
struct Frame {
    /// It begins here, and may be longer than the frame.
    buffer: Arc<[u8]>,
    bytes: usize,
    records: u32,
}

impl HistoryReader {
    /// Opens a history file.
    ///
    /// # Errors
    /// When it cannot be read, is no history, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let io_error = |error| HistoryError::Io { path: path.to_owned(), error };
        let (file, length) = run_file::open_path(path, u64::MAX)?;
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
        match version.cmp(&FORMAT_VERSION) {
            _ if cut_off => {}
            Ordering::Less => return Err(HistoryError::TooOld { path: path.to_owned(), found: version }),
            Ordering::Greater => return Err(HistoryError::TooNew { path: path.to_owned(), found: version }),
            Ordering::Equal => {}
        }
        let decompressor = Decompressor::new().map_err(io_error)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            decompressor,
            left: length.saturating_sub(FILE_HEADER_BYTES as u64),
            compressed: Vec::new(),
            buffers: Spares::default(),
            batch: Vec::new().into_iter(),
            events: 0,
            malformed: None,
            frames: 0,
            chain: first_chain(&header),
            tail: if cut_off { Tail::CutOff { bytes: header.len() as u64 } } else { Tail::NotClosed },
            ended: cut_off,
        })
    }

    /// How the file ends; known after the last event.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Reads the events of the next frame that has any, in the place of those given. `false` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or an event in a whole frame is malformed: the events before it come first, and nothing
    /// after it.
    pub fn next_batch(&mut self, events: &mut Vec<Event>) -> Result<bool, HistoryError> {
        events.clear();
        if let Some(error) = self.malformed.take() {
            self.ended = true;
            return Err(error);
        }
        while !self.ended {
            let frame = self.next_frame().inspect_err(|_| self.ended = true)?;
            let Some(frame) = frame else {
                self.ended = true;
                break;
            };
            frame.decode(events);
            self.events += events.len() as u64;
            if events.len() < frame.records as usize {
                self.malformed = Some(HistoryError::Malformed { path: self.path.clone(), number: self.events + 1 });
            }
            if frame.bytes <= SPARE_BYTES_MAX {
                self.buffers.remember(&frame.buffer);
            }
            if !events.is_empty() {
                return Ok(true);
            }
            if let Some(error) = self.malformed.take() {
                self.ended = true;
                return Err(error);
            }
        }
        Ok(false)
    }

    /// Reads the next frame. `None` when there is none that is whole.
    fn next_frame(&mut self) -> Result<Option<Frame>, HistoryError> {
        if self.left == 0 {
            return Ok(None);
        }
        match self.read_frame() {
            Ok(Ok(frame)) if frame.records == 0 => {
                self.tail = self.close(&frame);
                Ok(None)
            }
            Ok(Ok(frame)) => Ok(Some(frame)),
            Ok(Err(tail)) => {
                self.tail = tail;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.tail = Tail::CutOff { bytes: self.left };
                Ok(None)
            }
            Err(error) => Err(HistoryError::Io { path: self.path.clone(), error }),
        }
    }

    /// How a file ends that has this closing frame.
    fn close(&self, frame: &Frame) -> Tail {
        let broken = |broken| Tail::Broken { frame: self.frames - 1, broken };
        match minicbor::decode::<Closing>(frame.content()) {
            Err(_) => Tail::CutOff { bytes: self.left },
            Ok(closing) if closing.events != self.events => broken(ChainBreak::Totals),
            Ok(_) if self.left > 0 => Tail::Broken { frame: self.frames, broken: ChainBreak::AfterClosing },
            Ok(closing) => Tail::Closed(closing),
        }
    }

    /// Reads the next frame; how the file ends when what is there is not a whole frame, or not the next one.
    fn read_frame(&mut self) -> io::Result<Result<Frame, Tail>> {
        let cut_off = Tail::CutOff { bytes: self.left };
        let mut encoded = [0; FRAME_HEADER_BYTES];
        self.file.read_exact(&mut encoded)?;
        let Some(header) = FrameHeader::decode(&encoded) else { return Ok(Err(cut_off)) };
        let whole = FRAME_HEADER_BYTES as u64 + u64::from(header.compressed_bytes);
        if whole > self.left {
            return Ok(Err(cut_off));
        }
        self.compressed.resize(header.compressed_bytes as usize, 0);
        self.file.read_exact(&mut self.compressed)?;
        // The frame itself contains its size: no memory is allocated because of a damaged header.
        let bytes = header.bytes as usize;
        if zstd::zstd_safe::get_frame_content_size(&self.compressed).ok().flatten() != Some(bytes as u64) {
            return Ok(Err(cut_off));
        }
        let mut buffer = unused(&mut self.buffers, bytes);
        let target = Arc::get_mut(&mut buffer).and_then(|buffer| buffer.get_mut(..bytes));
        let decompressed = target.and_then(|target| self.decompressor.decompress_to_buffer(&self.compressed, target).ok());
        let frame = Frame { buffer, bytes, records: header.records };
        if decompressed != Some(bytes) || (header.records > 0 && frame.count_records() != Some(header.records)) {
            return Ok(Err(cut_off));
        }
        // A whole frame: is it the next one?
        let broken = |broken| Ok(Err(Tail::Broken { frame: self.frames, broken }));
        if header.number != self.frames {
            return broken(ChainBreak::Number { found: header.number });
        }
        if header.chain != self.chain {
            return broken(ChainBreak::Hash);
        }
        self.chain = next_chain(&self.chain, [&encoded, &self.compressed]);
        self.frames = self.frames.saturating_add(1);
        self.left -= whole;
        Ok(Ok(frame))
    }
}

impl Iterator for HistoryReader {
    type Item = Result<Event, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.batch.next() {
                return Some(Ok(event));
            }
            let mut events = Vec::new();
            match self.next_batch(&mut events) {
                Ok(true) => self.batch = events.into_iter(),
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Frame {
    fn content(&self) -> &[u8] {
        self.buffer.get(..self.bytes).unwrap_or_default()
    }

    /// How many records it holds; `None` when they do not fill it exactly.
    fn count_records(&self) -> Option<u32> {
        let (mut position, mut records) = (0, 0);
        while position < self.bytes {
            (_, position) = record_at(self.content(), position)?;
            records += 1;
        }
        Some(records)
    }

    /// Adds its events, up to the first that is malformed.
    fn decode(&self, events: &mut Vec<Event>) {
        events.reserve(self.records as usize);
        let mut coding = Coding::of(&self.buffer);
        let mut position = 0;
        while let Some((record, next)) = record_at(self.content(), position) {
            let begin = next - record.len();
            // Positions are those of the buffer, so that keys and values can be parts of it.
            let mut decoder = Decoder::new(self.content().get(..next).unwrap_or_default());
            decoder.set_position(begin);
            match decoder.decode_with(&mut coding) {
                Ok(event) if decoder.position() == next => events.push(event),
                _ => break,
            }
            position = next;
        }
    }
}

/// A buffer of at least so many bytes that has no other owner.
fn unused(spares: &mut Spares<[u8]>, bytes: usize) -> Arc<[u8]> {
    let spare = spares.take().filter(|spare| spare.len() >= bytes);
    // A little more, so that the next frame, of about the same size, fits too.
    spare.unwrap_or_else(|| std::iter::repeat_n(0, bytes + bytes / 16 + 1).collect())
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
