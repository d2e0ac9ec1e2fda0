//! What scripts write to standard error, in one file of the run directory.
//!
//! Bounded: a script that never stops writing must not fill the disk. Its standard error is read all the same, for a script
//! blocks when the pipe is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use super::script_error::ScriptError;

/// Bytes that are kept, of all processes together.
const BYTES_MAX: usize = 1 << 20;
/// Bytes of a line that are written at once; a longer one goes in pieces.
const PIECE_BYTES_MAX: u64 = 8 << 10;

/// The log of a script's processes.
#[derive(Debug)]
pub(super) struct ScriptLog {
    path: PathBuf,
    kept: Mutex<Kept>,
    /// Processes that were started.
    processes: AtomicU32,
}

#[derive(Debug, Default)]
struct Kept {
    /// None before it is created, and after it is full or cannot be written.
    file: Option<File>,
    bytes: usize,
}

impl ScriptLog {
    /// The log at a path. The file is not created yet.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), kept: Mutex::default(), processes: AtomicU32::new(0) }
    }

    /// The name of its file.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).display().to_string()
    }

    /// Creates the file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(super) fn open(&self) -> Result<(), ScriptError> {
        let file = File::create(&self.path).map_err(|source| ScriptError::Log { path: self.path.clone(), source })?;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).file = Some(file);
        Ok(())
    }

    /// Keeps what another process writes, each line with the process's number before it, until it ends.
    pub(super) async fn keep(&self, output: impl AsyncRead + Unpin) {
        let process = self.processes.fetch_add(1, Ordering::Relaxed) + 1;
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = (&mut output).take(PIECE_BYTES_MAX).read_until(b'\n', &mut line).await {
            self.write(process, &line);
            line.clear();
        }
    }

    fn write(&self, process: u32, line: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { file: Some(file), bytes } = &mut *kept else { return };
        let mut text = format!("{process}: ").into_bytes();
        text.extend_from_slice(line);
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let is_full = *bytes + text.len() > BYTES_MAX;
        if is_full {
            text = format!("The log ends here: the first {BYTES_MAX} bytes of standard error are kept.\n").into_bytes();
        }
        // A log that cannot be written does not end the load.
        let written = file.write_all(&text);
        *bytes += text.len();
        if is_full || written.is_err() {
            kept.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_kept_with_the_number_of_their_process_up_to_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("script.log");
        let log = ScriptLog::new(&path);
        log.open().unwrap();
        log.keep(&b"one\ntwo"[..]).await;
        log.keep(&b"three\n"[..]).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1: one\n1: two\n2: three\n");
        // It reads on when it is full.
        let much = vec![b'x'; 3 * BYTES_MAX];
        log.keep(&much[..]).await;
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() < BYTES_MAX + 200 && text.ends_with("of standard error are kept.\n"), "{}", text.len());
    }
}
