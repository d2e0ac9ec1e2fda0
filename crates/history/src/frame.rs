//! The layout of `history.zst`.
//!
//! ```text
//! file    = "TKTHIST\n"  format version: u32  frame*  [closing frame]
//! frame   = compressed bytes: u32  bytes: u32  records: u32  number: u32  chain: 32 bytes  a zstd frame with its checksum
//! record  = bytes: u32  an event in CBOR
//! closing = a frame without records, whose content is a `Closing` in CBOR
//! ```
//! All numbers are little-endian. Every frame is independent, so that however the writer ends, every whole frame can
//! be read. Frames are numbered from 0, and each carries the hash of everything before it: a frame that was removed,
//! doubled, swapped or replaced is noticed. The closing frame has the totals and the hashes of the files that belong to the
//! history; a history without one was not finished.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How the file begins.
pub(crate) const MAGIC: [u8; 8] = *b"TKTHIST\n";

/// Bytes before the first frame.
pub(crate) const FILE_HEADER_BYTES: usize = MAGIC.len() + 4;

/// Bytes before the compressed bytes of a frame.
pub(crate) const FRAME_HEADER_BYTES: usize = 16 + CHAIN_BYTES;

/// Bytes of a hash.
const CHAIN_BYTES: usize = 32;

/// Bytes before a record.
pub(crate) const RECORD_HEADER_BYTES: usize = 4;

/// The most a frame of one record may hold, uncompressed and compressed. A header with a larger size is damaged.
pub(crate) const FRAME_BYTES_MAX: usize = 64 << 20;

/// The most a frame of several records may hold, uncompressed: what decoding one frame takes is bounded.
pub(crate) const SHARED_FRAME_BYTES_MAX: usize = 1 << 20;

/// The most records of a frame. An event takes many times the memory of its shortest record.
pub(crate) const RECORDS_MAX: u32 = 1 << 14;

/// SHA-256 of everything before a frame.
pub(crate) type Chain = [u8; CHAIN_BYTES];

/// What stands before the compressed bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Compressed bytes that follow.
    pub(crate) compressed_bytes: u32,
    /// Bytes they decompress to.
    pub(crate) bytes: u32,
    /// Records in them; none in the closing frame.
    pub(crate) records: u32,
    /// Frames before it.
    pub(crate) number: u32,
    /// The hash of everything before it.
    pub(crate) chain: Chain,
}

/// The content of the last frame of a finished history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Closing {
    /// Events in all frames.
    #[n(0)]
    pub events: u64,
    /// The files that belong to the history, as they were when it was finished.
    #[n(1)]
    pub files: Vec<BoundFile>,
}

/// A file that belongs to a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct BoundFile {
    /// Its path, relative to the run directory.
    #[n(0)]
    pub name: String,
    /// SHA-256 of its bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: [u8; 32],
}

/// The hash that the frame behind these bytes carries.
pub(crate) fn next_chain(chain: &Chain, bytes: [&[u8]; 2]) -> Chain {
    let mut hash = Sha256::new();
    hash.update(chain);
    bytes.iter().for_each(|bytes| hash.update(bytes));
    hash.finalize().into()
}

/// The hash that the first frame carries.
pub(crate) fn first_chain(file_header: &[u8]) -> Chain {
    Sha256::digest(file_header).into()
}

impl FrameHeader {
    pub(crate) fn encode(self) -> [u8; FRAME_HEADER_BYTES] {
        let mut encoded = [0; FRAME_HEADER_BYTES];
        let (numbers, chain) = encoded.split_at_mut(FRAME_HEADER_BYTES - CHAIN_BYTES);
        for (place, number) in numbers.chunks_exact_mut(4).zip([self.compressed_bytes, self.bytes, self.records, self.number]) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        chain.copy_from_slice(&self.chain);
        encoded
    }

    /// `None` when the numbers cannot be those of a frame.
    pub(crate) fn decode(encoded: &[u8; FRAME_HEADER_BYTES]) -> Option<Self> {
        let (numbers, chain) = encoded.split_at(FRAME_HEADER_BYTES - CHAIN_BYTES);
        let mut numbers = numbers.chunks_exact(4).filter_map(|number| number.try_into().ok().map(u32::from_le_bytes));
        let mut next = || numbers.next();
        let (compressed_bytes, bytes, records, number) = (next()?, next()?, next()?, next()?);
        let header = Self { compressed_bytes, bytes, records, number, chain: chain.try_into().ok()? };
        let bytes_max = if records == 1 { FRAME_BYTES_MAX } else { SHARED_FRAME_BYTES_MAX };
        let plausible = (1..=FRAME_BYTES_MAX).contains(&(compressed_bytes as usize))
            && (1..=bytes_max).contains(&(bytes as usize))
            && records <= RECORDS_MAX;
        plausible.then_some(header)
    }
}
