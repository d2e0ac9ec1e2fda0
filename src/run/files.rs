//! The files of the record, as readers of the event stream.

use std::io;
use std::path::Path;

use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::fault_lines::FaultLines;
use ticketcd_judge::history::writer::HistoryWriter;

use crate::record::Reader;

/// `history.zst`: every event.
pub(super) struct HistoryFile(HistoryWriter);

/// `faults.jsonl`: what happened to the faults, for a person to read.
pub(super) struct FaultsFile(FaultLines);

impl HistoryFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        HistoryWriter::create(path).map(Self)
    }
}

impl FaultsFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        FaultLines::create(path).map(Self)
    }
}

impl Reader for HistoryFile {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        self.0.append(event)
    }

    fn idle(&mut self) -> io::Result<()> {
        self.0.flush_if_due()
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()
    }
}

impl Reader for FaultsFile {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        self.0.append(event)
    }
}
