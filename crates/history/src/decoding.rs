//! What decoding an event needs beside its bytes: the buffer that keys and values become parts of, and a bound on nesting.

use std::ops::Range;
use std::sync::Arc;

use minicbor::decode::Error;
use minicbor::{Decode, Decoder};

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
