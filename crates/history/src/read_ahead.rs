//! Reads a history ahead of who uses it: decompressing and decoding are done by a thread of their own.
//!
//! The events, their order, the errors and the tail are those of [`HistoryReader`].

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use crate::event::Event;
use crate::integrity::Tail;
use crate::reader::{HistoryError, HistoryReader};
use crate::spares::Spares;

/// Batches that are decoded ahead. More would only take memory: one side is always the slower one.
const BATCHES_AHEAD: usize = 24;

/// The events of a history file, in the order they were recorded, in batches: each the events of a frame.
#[derive(Debug)]
pub struct ReadAhead {
    batches: Option<Receiver<Arc<Vec<Event>>>>,
    /// It ends with what is wrong, or how the file ends.
    decoder: Option<JoinHandle<Result<Tail, HistoryError>>>,
    tail: Tail,
}

impl ReadAhead {
    /// Reads what a reader has still to read.
    pub fn new(mut reader: HistoryReader) -> Self {
        let (sender, receiver) = sync_channel(BATCHES_AHEAD);
        let decode = move || {
            let mut spares = Spares::default();
            loop {
                // One that is used again still has its events: it is this thread that drops them.
                let mut batch: Arc<Vec<Event>> = spares.take().unwrap_or_default();
                let Some(events) = Arc::get_mut(&mut batch) else { continue };
                if !reader.next_batch(events)? {
                    break;
                }
                spares.remember(&batch);
                // The receiver is gone: there is nothing left to do.
                if sender.send(batch).is_err() {
                    break;
                }
            }
            Ok(reader.tail().clone())
        };
        Self { batches: Some(receiver), decoder: Some(thread::spawn(decode)), tail: Tail::NotClosed }
    }

    /// How the file ends; known after the last event.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The decoder has sent its last batch: what it ended with.
    fn end(&mut self) -> Option<HistoryError> {
        self.batches = None;
        match self.decoder.take()?.join() {
            Ok(Ok(tail)) => {
                self.tail = tail;
                None
            }
            Ok(Err(error)) => Some(error),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Iterator for ReadAhead {
    type Item = Result<Arc<Vec<Event>>, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.batches.as_ref()?.recv() {
            Ok(batch) => Some(Ok(batch)),
            Err(_) => self.end().map(Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Ended;
    use crate::writer::HistoryWriter;

    /// A history of so many events, without its last bytes.
    fn history(events: u64, cut: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.zst");
        let mut writer = HistoryWriter::create(&path).unwrap();
        for at in 0..events {
            writer.append(&Event::Ended(Ended { at, interrupted: false })).unwrap();
            if at % 700 == 0 {
                writer.flush().unwrap();
            }
        }
        writer.finish(Vec::new()).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - cut).unwrap();
        (directory, path)
    }

    #[test]
    fn it_gives_what_the_reader_gives() {
        for (events, cut) in [(0, 0), (1, 0), (1_024, 0), (5_000, 0), (5_000, 3), (10, 1)] {
            let (_directory, path) = history(events, cut);
            let mut plain = HistoryReader::open(&path).unwrap();
            let expected: Vec<Event> = plain.by_ref().map(Result::unwrap).collect();
            let mut ahead = ReadAhead::new(HistoryReader::open(&path).unwrap());
            let given: Vec<Event> = ahead.by_ref().flat_map(|batch| batch.unwrap().to_vec()).collect();
            assert_eq!(given, expected);
            assert_eq!(ahead.tail(), plain.tail());
            assert!(ahead.next().is_none());
        }
    }

    #[test]
    fn who_stops_listening_stops_the_reading() {
        let (_directory, path) = history(100_000, 0);
        let mut ahead = ReadAhead::new(HistoryReader::open(&path).unwrap());
        assert!(ahead.next().unwrap().is_ok());
        drop(ahead);
    }
}
