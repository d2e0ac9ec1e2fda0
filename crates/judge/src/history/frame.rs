//! The layout of `history.zst`.
//!
//! ```text
//! file   = "TKTHIST\n"  format version: u32  frame*
//! frame  = compressed bytes: u32  bytes: u32  records: u32  a zstd frame with its checksum
//! record = bytes: u32  an event in postcard
//! ```
//! All numbers are little-endian. Every frame stands alone, so that whatever happens to the writer, every whole frame can
//! be read.

/// How the file begins.
pub(super) const MAGIC: [u8; 8] = *b"TKTHIST\n";

/// Bytes before the first frame.
pub(super) const FILE_HEADER_BYTES: usize = MAGIC.len() + 4;

/// Bytes before the compressed bytes of a frame.
pub(super) const FRAME_HEADER_BYTES: usize = 12;

/// Bytes before a record.
pub(super) const RECORD_HEADER_BYTES: usize = 4;

/// The most a frame may hold, uncompressed and compressed. A header that says more is damaged.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;

/// What stands before the compressed bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Compressed bytes that follow.
    pub(super) compressed_bytes: u32,
    /// Bytes they decompress to.
    pub(super) bytes: u32,
    /// Records in them.
    pub(super) records: u32,
}

impl FrameHeader {
    pub(super) fn encode(self) -> [u8; FRAME_HEADER_BYTES] {
        let mut encoded = [0; FRAME_HEADER_BYTES];
        let numbers = [self.compressed_bytes, self.bytes, self.records];
        for (place, number) in encoded.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        encoded
    }

    /// `None` when the numbers cannot be those of a frame.
    pub(super) fn decode(encoded: [u8; FRAME_HEADER_BYTES]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = encoded;
        let header = Self {
            compressed_bytes: u32::from_le_bytes([a, b, c, d]),
            bytes: u32::from_le_bytes([e, f, g, h]),
            records: u32::from_le_bytes([i, j, k, l]),
        };
        let within = |bytes: u32| bytes > 0 && bytes as usize <= FRAME_BYTES_MAX;
        let plausible = within(header.compressed_bytes) && within(header.bytes) && header.records <= header.bytes;
        plausible.then_some(header)
    }
}
