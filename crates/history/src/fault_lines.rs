//! Writes `faults.jsonl`: the fault events of the stream once more, for a person to read.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::event::Event;

/// Appends each fault event as a line of JSON.
#[derive(Debug)]
pub struct FaultLines {
    file: File,
}

impl FaultLines {
    /// Creates the file.
    ///
    /// # Errors
    /// When it exists already or cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create_new(path)? })
    }

    /// Writes the event when it is one of a fault. It is in the file when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        let Event::Fault(fault) = event else { return Ok(()) };
        let mut line = serde_json::to_vec(fault)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Ended, FaultEvent, FaultStage};

    #[test]
    fn only_faults_become_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.jsonl");
        let mut lines = FaultLines::create(&path).unwrap();
        lines.append(&Event::Ended(Ended { at: 1, interrupted: false })).unwrap();
        let stage = FaultStage::Healed { actions: Vec::new(), recovered_after: 8 };
        lines.append(&Event::Fault(FaultEvent { fault: 2, at: 7, stage })).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"fault\":2,\"at\":7,\"stage\":{\"healed\":{\"actions\":[],\"recovered_after\":8}}}\n"
        );
    }
}
