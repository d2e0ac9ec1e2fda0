//! A member's log, with a limit: a member that floods its standard error must not fill the disk.
//!
//! The beginning and the end are kept. A line in the file says where it is cut, as soon as it is, so that the check of the logs
//! knows even when nothing can be written any more.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use ticketcd_judge::history::member::LOG_CUT;

/// Bytes of a log that are kept from its beginning, all starts of the member together.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 20;
/// Bytes that are kept from the end of what one process wrote, when its beginning was cut.
pub(super) const TAIL_BYTES_MAX: usize = 2 << 20;
/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Copies `input` to its end, but not more than the first `head` and the last `tail` bytes of it.
///
/// # Errors
/// When the log cannot be written; the input is read to its end all the same, for its writer blocks when nobody reads.
pub(super) fn copy(mut input: impl Read, output: impl Write, head: usize, tail: usize) -> io::Result<()> {
    let mut log = CappedLog { output, head_left: head, tail: VecDeque::new(), tail_max: tail, lost: 0, is_cut: false };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut written = Ok(());
    loop {
        match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) if written.is_ok() => written = log.write(chunk.get(..count).unwrap_or_default()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    written.and_then(|()| log.finish())
}

struct CappedLog<W> {
    output: W,
    head_left: usize,
    tail: VecDeque<u8>,
    tail_max: usize,
    /// Bytes between head and tail so far.
    lost: u64,
    is_cut: bool,
}

impl<W: Write> CappedLog<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (head, rest) = bytes.split_at(self.head_left.min(bytes.len()));
        self.output.write_all(head)?;
        self.head_left -= head.len();
        if rest.is_empty() {
            return Ok(());
        }
        if !self.is_cut {
            self.is_cut = true;
            writeln!(self.output, "\n{LOG_CUT}: it grew too large")?;
        }
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.tail_max);
        self.tail.drain(..excess);
        self.lost += excess as u64;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        if self.is_cut {
            let tail = self.tail.make_contiguous();
            // A part of a line is none: it could be taken for another message.
            let begins = if self.lost == 0 { 0 } else { tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |end| end + 1) };
            let lost = self.lost + begins as u64;
            writeln!(self.output, "{LOG_CUT}: {lost} bytes are missing")?;
            self.output.write_all(tail.get(begins..).unwrap_or_default())?;
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(input: &str, head: usize, tail: usize) -> String {
        let mut output = Vec::new();
        copy(input.as_bytes(), &mut output, head, tail).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_short_log_is_kept_as_it_is() {
        assert_eq!(copied("one\ntwo\n", 8, 4), "one\ntwo\n");
        assert_eq!(copied("", 8, 4), "");
    }

    #[test]
    fn head_and_tail_are_kept_and_what_is_missing_is_counted() {
        let text = copied("one\ntwo\nthree\nfour\n", 4, 7);
        assert_eq!(text, format!("one\n\n{LOG_CUT}: it grew too large\n{LOG_CUT}: 10 bytes are missing\nfour\n"));
        let flood = "x\n".repeat(1 << 20);
        assert!(copied(&flood, 100, 100).len() < 400);
        assert!(copied(&flood, 0, 100).ends_with("x\nx\n"));
    }
}
