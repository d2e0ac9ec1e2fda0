//! The files of the record, as readers of the event stream.

use std::io;
use std::path::Path;

use ticketcd_judge::history::event::Event;
use ticketcd_judge::history::fault_lines::FaultLines;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::writer::HistoryWriter;

use crate::record::Reader;

/// `history.zst`: every event.
pub(super) struct HistoryFile {
    run: RunDir,
    writer: HistoryWriter,
}

/// `faults.jsonl`: what happened to the faults, for a person to read.
pub(super) struct FaultsFile(FaultLines);

impl HistoryFile {
    pub(super) fn create(run: &RunDir) -> io::Result<Self> {
        HistoryWriter::create(&run.history()).map(|writer| Self { run: run.clone(), writer })
    }
}

impl FaultsFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        FaultLines::create(path).map(Self)
    }
}

impl Reader for HistoryFile {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        self.writer.append(event)
    }

    fn idle(&mut self) -> io::Result<()> {
        self.writer.flush_if_due()
    }

    /// The members have stopped, so that their logs do not change any more.
    fn finish(self: Box<Self>) -> io::Result<()> {
        let files = self.run.bound_files()?;
        self.writer.finish(files)
    }
}

impl Reader for FaultsFile {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        self.0.append(event)
    }
}
