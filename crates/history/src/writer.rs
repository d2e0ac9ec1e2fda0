//! Writes `history.zst`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use crate::decoding::Coding;
use crate::event::Event;
use crate::frame::{
    BoundFile, Chain, Closing, FRAME_BYTES_MAX, FrameHeader, MAGIC, RECORD_HEADER_BYTES, RECORDS_MAX, SHARED_FRAME_BYTES_MAX, first_chain,
    next_chain,
};
use crate::run_info::FORMAT_VERSION;

/// A frame is ended when it has this many bytes.
const FRAME_BYTES: usize = 256 << 10;

/// A frame is ended when its first event has waited this long: more than this is never lost by a crash of the harness.
const FRAME_AGE: Duration = Duration::from_millis(250);

/// Speed matters more than the last few percent.
const COMPRESSION_LEVEL: i32 = 1;

/// Writes events into a history file. Each frame goes to the file in one piece, past any buffer of ours.
pub struct HistoryWriter {
    file: File,
    compressor: Compressor<'static>,
    frame: Vec<u8>,
    records: u32,
    began: Option<Instant>,
    /// Frames written, the hash of everything written, and events in it.
    frames: u32,
    chain: Chain,
    events: u64,
    encoded: Vec<u8>,
}

impl HistoryWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// When it exists already or cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        let header = [&MAGIC[..], &FORMAT_VERSION.to_le_bytes()[..]].concat();
        file.write_all(&header)?;
        let mut compressor = Compressor::new(COMPRESSION_LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        let frame = Vec::with_capacity(FRAME_BYTES + (16 << 10));
        let chain = first_chain(&header);
        Ok(Self { file, compressor, frame, records: 0, began: None, frames: 0, chain, events: 0, encoded: Vec::new() })
    }

    /// Adds an event. It is in the file after the next [`flush`](Self::flush), at the latest when the frame is full.
    ///
    /// # Errors
    /// When the file cannot be written, or the event is larger than a frame may be.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let start = self.frame.len();
        self.frame.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
        minicbor::encode_with(event, &mut self.frame, &mut Coding::default()).map_err(io::Error::other)?;
        let bytes = self.frame.len() - start - RECORD_HEADER_BYTES;
        if RECORD_HEADER_BYTES + bytes > FRAME_BYTES_MAX {
            self.frame.truncate(start);
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("an event of {bytes} bytes is too large to be recorded")));
        }
        let length = u32::try_from(bytes).map_err(io::Error::other)?;
        if let Some(place) = self.frame.get_mut(start..start + RECORD_HEADER_BYTES) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        if self.records > 0 && self.frame.len() > SHARED_FRAME_BYTES_MAX {
            // The event fits into a frame of its own, but no longer into this one.
            let event = self.frame.split_off(start);
            self.flush()?;
            self.frame.extend_from_slice(&event);
        }
        self.records += 1;
        if self.began.is_none() {
            self.began = Some(Instant::now());
        }
        if self.frame.len() >= FRAME_BYTES || self.records == RECORDS_MAX { self.flush() } else { Ok(()) }
    }

    /// Ends the frame when its first event has waited for 250 ms. Call it often: it costs a look at the clock.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush_if_due(&mut self) -> io::Result<()> {
        match self.began {
            Some(began) if began.elapsed() >= FRAME_AGE => self.flush(),
            _ => Ok(()),
        }
    }

    /// Ends the frame: everything appended so far can be read from the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        self.write_frame()
    }

    fn write_frame(&mut self) -> io::Result<()> {
        let compressed = self.compressor.compress(&self.frame)?;
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let header = FrameHeader {
            compressed_bytes: size(&compressed)?,
            bytes: size(&self.frame)?,
            records: self.records,
            number: self.frames,
            chain: self.chain,
        };
        let header = header.encode();
        self.encoded.clear();
        self.encoded.extend_from_slice(&header);
        self.encoded.extend_from_slice(&compressed);
        self.file.write_all(&self.encoded)?;
        self.chain = next_chain(&self.chain, [&header, &compressed]);
        self.frames = self.frames.checked_add(1).ok_or_else(|| io::Error::other("a history holds no more than 2^32 frames"))?;
        self.events += u64::from(self.records);
        self.frame.clear();
        self.records = 0;
        self.began = None;
        Ok(())
    }

    /// Ends the last frame, adds the closing one, and has the file on disk. `files` are those that belong to the history and
    /// do not change any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self, files: Vec<BoundFile>) -> io::Result<()> {
        self.flush()?;
        let closing = Closing { events: self.events, files };
        minicbor::encode(&closing, &mut self.frame).map_err(io::Error::other)?;
        self.write_frame()?;
        self.file.sync_all()
    }
}

impl std::fmt::Debug for HistoryWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HistoryWriter").field("file", &self.file).field("records", &self.records).finish_non_exhaustive()
    }
}
