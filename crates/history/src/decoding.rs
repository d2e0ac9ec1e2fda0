//! What decoding an event needs in addition to its bytes: the buffer that keys and values become parts of, and a bound on
//! nesting.

use std::ops::Range;
use std::sync::Arc;

use minicbor::decode::Error;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, encode};

use crate::Blob;

/// Transactions within transactions, at most. A protobuf decoder accepts no more than a hundred messages within each other,
/// and a nested transaction takes two of them.
pub const NESTING_MAX: u8 = 50;

/// What an event is decoded with.
pub trait DecodeContext {
    /// The blob of the bytes that stand at these positions of what is decoded.
    fn blob(&self, positions: Range<usize>, bytes: &[u8]) -> Blob;

    /// Counts transactions within each other.
    fn nesting(&mut self) -> &mut u8;
}

/// Encodes, for which nothing is needed, and decodes: from a buffer that keys and values become parts of, or else by copying.
#[derive(Debug, Default)]
pub(crate) struct Coding<'frame> {
    buffer: Option<&'frame Arc<[u8]>>,
    nesting: u8,
}

impl<'frame> Coding<'frame> {
    /// For a frame whose content begins where this buffer begins.
    pub(crate) fn of(buffer: &'frame Arc<[u8]>) -> Self {
        Self { buffer: Some(buffer), nesting: 0 }
    }
}

impl DecodeContext for Coding<'_> {
    fn blob(&self, positions: Range<usize>, bytes: &[u8]) -> Blob {
        self.buffer.and_then(|buffer| Blob::part(buffer, positions)).unwrap_or_else(|| bytes.into())
    }

    fn nesting(&mut self) -> &mut u8 {
        &mut self.nesting
    }
}

impl<Context> Encode<Context> for Blob {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut Context) -> Result<(), encode::Error<W::Error>> {
        encoder.bytes(self.as_bytes())?.ok()
    }
}

impl<'bytes, Context: DecodeContext> Decode<'bytes, Context> for Blob {
    fn decode(decoder: &mut Decoder<'bytes>, context: &mut Context) -> Result<Self, Error> {
        let bytes = decoder.bytes()?;
        let end = decoder.position();
        Ok(context.blob(end - bytes.len()..end, bytes))
    }
}

/// Decodes something that may contain its own kind: a file cannot exhaust the stack.
pub(crate) fn nested<'bytes, Context: DecodeContext, Nested: Decode<'bytes, Context>>(
    decoder: &mut Decoder<'bytes>,
    context: &mut Context,
) -> Result<Nested, Error> {
    if *context.nesting() >= NESTING_MAX {
        return Err(Error::message("transactions are nested too deeply"));
    }
    *context.nesting() += 1;
    let nested = decoder.decode_with(context);
    *context.nesting() -= 1;
    nested
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Put, Request, Txn, TxnOp};

    /// Three blobs that were decoded from one buffer, and the buffer.
    fn decoded() -> (Vec<Blob>, Arc<[u8]>) {
        let buffer: Arc<[u8]> = minicbor::to_vec(["key", "", "value"].map(Blob::from)).unwrap().into();
        let blobs: Vec<Blob> = minicbor::decode_with(&buffer, &mut Coding::of(&buffer)).unwrap();
        (blobs, buffer)
    }

    #[test]
    fn what_is_decoded_is_a_part_of_its_buffer() {
        let (blobs, buffer) = decoded();
        assert_eq!(blobs, ["key", "", "value"].map(Blob::from));
        // The buffer here, and the two that are not empty.
        assert_eq!(Arc::strong_count(&buffer), 3);
        assert!(blobs[1].is_empty() && blobs[1].as_bytes().is_empty());
    }

    #[test]
    fn a_clone_keeps_no_buffer() {
        let (blobs, buffer) = decoded();
        let clones = blobs.clone();
        let again = clones.clone();
        drop(blobs);
        assert_eq!(Arc::strong_count(&buffer), 1);
        assert_eq!((&clones, &again), (&["key", "", "value"].map(Blob::from).into(), &clones));
        assert!(std::ptr::eq(clones[0].as_bytes(), again[0].as_bytes()), "clones of a clone share their bytes");
    }

    /// A transaction with so many within each other.
    fn nested_txn(depth: u8) -> Request {
        let put = TxnOp::Put(Put { key: "a".into(), ..Put::default() });
        let innermost = Txn { success: vec![put], ..Txn::default() };
        Request::Txn((0..depth).fold(innermost, |txn, _| Txn { success: vec![TxnOp::Txn(Box::new(txn))], ..Txn::default() }))
    }

    #[test]
    fn nesting_is_bounded() {
        for (depth, is_read) in [(0, true), (1, true), (NESTING_MAX, true), (NESTING_MAX + 1, false)] {
            let request = nested_txn(depth);
            let mut bytes = Vec::new();
            minicbor::encode_with(&request, &mut bytes, &mut Coding::default()).unwrap();
            let decoded: Result<Request, _> = minicbor::decode_with(&bytes, &mut Coding::default());
            assert_eq!(decoded.ok(), is_read.then_some(request), "{depth}");
        }
    }
}
