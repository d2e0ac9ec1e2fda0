//! A limit for the lines of imported files: a file of one endless line would otherwise be read into memory as a whole.

use std::io::{self, BufRead, ErrorKind, Read};

/// Longest line of an imported file, bytes: no event of a record is longer.
pub(super) const LINE_BYTES_MAX: u64 = 128 << 20;

/// Reads what another reader does, and fails in a line that is too long.
#[derive(Debug)]
pub(super) struct LineLimit<R> {
    inner: R,
    bytes_max: u64,
    /// Bytes since the last line break.
    bytes: u64,
}

impl<R: BufRead> LineLimit<R> {
    /// With [`LINE_BYTES_MAX`].
    pub(super) fn new(inner: R) -> Self {
        Self { inner, bytes_max: LINE_BYTES_MAX, bytes: 0 }
    }
}

impl<R: BufRead> BufRead for LineLimit<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes > self.bytes_max {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("a line has more than {} bytes", self.bytes_max)));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // It is buffered: nothing is read, and nothing can fail.
        let consumed = self.inner.fill_buf().unwrap_or_default().get(..amount).unwrap_or_default();
        match consumed.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.bytes = (consumed.len() - end - 1) as u64,
            None => self.bytes += consumed.len() as u64,
        }
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for LineLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_are_read_up_to_the_limit() {
        let lines = |text: &'static str| {
            let input = LineLimit { bytes_max: 6, ..LineLimit::new(BufReader::with_capacity(2, text.as_bytes())) };
            input.lines().collect::<io::Result<Vec<String>>>()
        };
        assert_eq!(lines("123456\n123\n\n123456").unwrap(), ["123456", "123", "", "123456"]);
        assert_eq!(lines("1\n1234567890\n").unwrap_err().to_string(), "a line has more than 6 bytes");
        let mut text = String::new();
        let mut input = LineLimit { bytes_max: 6, ..LineLimit::new(&b"1234567890"[..]) };
        assert!(input.read_to_string(&mut text).is_err());
    }
}
