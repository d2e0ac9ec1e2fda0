//! What decoding an event needs in addition to its bytes: the buffer that keys and values become parts of, and a bound on
//! nesting.
//!
//! The types that most of a history consists of are decoded by [`decode_struct`] and [`decode_enum`] instead of by derived code: they
//! read the very same bytes, those of the derived encoders, but nearly every number, length and variant is a head of one or a few
//! bytes, which is read here without a call. Reading is what limits a check of many operations.

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
        let position = decoder.position();
        let Some(length) = head(decoder, BYTES) else {
            return Err(Error::message("expected bytes of a known length").at(position));
        };
        let start = decoder.position();
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let range = end.map(|end| start..end).filter(|range| range.end <= decoder.input().len());
        let Some(range) = range else { return Err(Error::end_of_input()) };
        decoder.set_position(range.end);
        let bytes = decoder.input().get(range.clone()).unwrap_or_default();
        Ok(context.blob(range, bytes))
    }
}

/// The major types of CBOR (RFC 8949, section 3.1) that are read here.
const UNSIGNED: u8 = 0;
const BYTES: u8 = 2;
const ARRAY: u8 = 4;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

/// An absent field before one that is present.
const NULL: u8 = 0xf6;

/// Reads a head of this major type with its argument. `None`, and nothing is read, when something else comes next.
#[inline(always)]
fn head(decoder: &mut Decoder<'_>, major: u8) -> Option<u64> {
    let position = decoder.position();
    let (first, rest) = decoder.input().get(position..)?.split_first()?;
    if first >> 5 != major {
        return None;
    }
    let (argument, bytes) = match first & 0x1f {
        argument @ 0..=0x17 => (u64::from(argument), 0),
        0x18 => (u64::from(*rest.first()?), 1),
        0x19 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
        0x1a => (u64::from(u32::from_be_bytes(*rest.first_chunk()?)), 4),
        0x1b => (u64::from_be_bytes(*rest.first_chunk()?), 8),
        _ => return None,
    };
    decoder.set_position(position + 1 + bytes);
    Some(argument)
}

/// The number of elements of an array that begins here.
#[inline(always)]
pub(crate) fn elements(decoder: &mut Decoder<'_>) -> Result<u64, Error> {
    head(decoder, ARRAY).ok_or_else(|| Error::message("expected an array of a known length").at(decoder.position()))
}

/// Decodes a number that is not negative.
#[inline(always)]
pub(crate) fn unsigned<Context>(decoder: &mut Decoder<'_>, _: &mut Context) -> Result<u64, Error> {
    head(decoder, UNSIGNED).map_or_else(|| decoder.u64(), Ok)
}

/// Decodes a number of 32 bits that is not negative.
#[inline(always)]
pub(crate) fn unsigned_32<Context>(decoder: &mut Decoder<'_>, context: &mut Context) -> Result<u32, Error> {
    let position = decoder.position();
    u32::try_from(unsigned(decoder, context)?).map_err(|_| Error::message("expected a number of 32 bits").at(position))
}

/// Decodes a number.
#[inline(always)]
pub(crate) fn signed<Context>(decoder: &mut Decoder<'_>, _: &mut Context) -> Result<i64, Error> {
    let position = decoder.position();
    match head(decoder, UNSIGNED).map(i64::try_from) {
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(Error::message("expected a number of 64 bits with a sign").at(position)),
        None => decoder.i64(),
    }
}

/// Decodes yes or no.
#[inline(always)]
pub(crate) fn flag<Context>(decoder: &mut Decoder<'_>, _: &mut Context) -> Result<bool, Error> {
    let position = decoder.position();
    match decoder.input().get(position) {
        Some(byte @ (&FALSE | &TRUE)) => {
            decoder.set_position(position + 1);
            Ok(*byte == TRUE)
        }
        _ => Err(Error::message("expected true or false").at(position)),
    }
}

/// Decodes anything else.
#[inline(always)]
pub(crate) fn any<'bytes, Context, Decoded: Decode<'bytes, Context>>(
    decoder: &mut Decoder<'bytes>,
    context: &mut Context,
) -> Result<Decoded, Error> {
    Decoded::decode(decoder, context)
}

/// Decodes something optional that is present, and rare: it is kept apart.
pub(crate) fn present<'bytes, Context, Decoded: Decode<'bytes, Context>>(
    decoder: &mut Decoder<'bytes>,
    context: &mut Context,
) -> Result<Option<Box<Decoded>>, Error> {
    Decoded::decode(decoder, context).map(|decoded| Some(Box::new(decoded)))
}

/// Elements of a list that room is made for before they are decoded: a file cannot reserve memory by a count that it claims.
const RESERVED_MAX: u64 = 64;

/// Decodes a list into memory of its size. Nearly all lists have one to three elements, and a list that grows element by element
/// begins with room for four.
pub(crate) fn list<'bytes, Context, Element: Decode<'bytes, Context>>(
    decoder: &mut Decoder<'bytes>,
    context: &mut Context,
) -> Result<Vec<Element>, Error> {
    let count = elements(decoder)?;
    let mut list = Vec::with_capacity(count.min(RESERVED_MAX) as usize);
    for _ in 0..count {
        list.push(Element::decode(decoder, context)?);
    }
    Ok(list)
}

/// Counts a field that must be there.
#[inline(always)]
pub(crate) fn required(left: &mut u64, decoder: &Decoder<'_>) -> Result<(), Error> {
    *left = left.checked_sub(1).ok_or_else(|| Error::message("a field is missing").at(decoder.position()))?;
    Ok(())
}

/// Whether a field that may be absent is there.
#[inline(always)]
pub(crate) fn is_present(left: &mut u64, decoder: &mut Decoder<'_>) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    let is_null = decoder.input().get(decoder.position()) == Some(&NULL);
    if is_null {
        decoder.set_position(decoder.position() + 1);
    }
    !is_null
}

/// Skips fields that a later version added.
#[inline(always)]
pub(crate) fn skip(left: u64, decoder: &mut Decoder<'_>) -> Result<(), Error> {
    #[cold]
    fn skip_all(left: u64, decoder: &mut Decoder<'_>) -> Result<(), Error> {
        (0..left).try_for_each(|_| decoder.skip())
    }
    if left == 0 { Ok(()) } else { skip_all(left, decoder) }
}

/// Decodes a value from its fields, numbered from 0 in the order given, each with the function that decodes it. Fields after the
/// semicolon may be absent: then they have their default.
macro_rules! decode_fields {
    ($decoder:ident, $context:ident, $left:ident, $($name:ident)::+ {
        $($field:ident: $decode:ident),* $(,)? $(; $($optional:ident: $decode_present:ident),+ $(,)?)?
    }) => {
        $($name)::+ {
            $($field: {
                $crate::decoding::required(&mut $left, $decoder)?;
                $crate::decoding::$decode($decoder, $context)?
            },)*
            $($($optional: if $crate::decoding::is_present(&mut $left, $decoder) {
                $crate::decoding::$decode_present($decoder, $context)?
            } else {
                Default::default()
            },)+)?
        }
    };
}

/// Implements [`Decode`] for a struct: see [`decode_fields`].
macro_rules! decode_struct {
    ($name:ident $fields:tt) => {
        impl<'bytes, Context: $crate::decoding::DecodeContext> minicbor::Decode<'bytes, Context> for $name {
            fn decode(decoder: &mut minicbor::Decoder<'bytes>, context: &mut Context) -> Result<Self, minicbor::decode::Error> {
                let mut left = $crate::decoding::elements(decoder)?;
                let decoded = $crate::decoding::decode_fields!(decoder, context, left, $name $fields);
                $crate::decoding::skip(left, decoder)?;
                Ok(decoded)
            }
        }
    };
}

/// Decodes a variant from its fields: none, one without a name, or fields with names.
macro_rules! decode_variant {
    ($decoder:ident, $context:ident, $left:ident, $($variant:ident)::+, ()) => {
        $($variant)::+
    };
    ($decoder:ident, $context:ident, $left:ident, $($variant:ident)::+, ($decode:ident)) => {{
        $crate::decoding::required(&mut $left, $decoder)?;
        $($variant)::+($crate::decoding::$decode($decoder, $context)?)
    }};
    ($decoder:ident, $context:ident, $left:ident, $($variant:ident)::+, $fields:tt) => {
        $crate::decoding::decode_fields!($decoder, $context, $left, $($variant)::+ $fields)
    };
}

/// Implements [`Decode`] for an enum from its numbered variants.
macro_rules! decode_enum {
    ($name:ident { $($number:literal => $variant:ident $fields:tt),+ $(,)? }) => {
        impl<'bytes, Context: $crate::decoding::DecodeContext> minicbor::Decode<'bytes, Context> for $name {
            fn decode(decoder: &mut minicbor::Decoder<'bytes>, context: &mut Context) -> Result<Self, minicbor::decode::Error> {
                let position = decoder.position();
                if $crate::decoding::elements(decoder)? != 2 {
                    return Err(minicbor::decode::Error::message("expected a variant and its fields").at(position));
                }
                let variant = $crate::decoding::signed(decoder, context)?;
                #[allow(unused_mut, reason = "a variant may have no field")]
                let mut left = $crate::decoding::elements(decoder)?;
                let decoded = match variant {
                    $($number => $crate::decoding::decode_variant!(decoder, context, left, $name::$variant, $fields),)+
                    _ => return Err(minicbor::decode::Error::unknown_variant(variant).at(position)),
                };
                $crate::decoding::skip(left, decoder)?;
                Ok(decoded)
            }
        }
    };
}

pub(crate) use {decode_enum, decode_fields, decode_struct, decode_variant};

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
    use crate::request::{KeyValue, Put, Request, Txn, TxnOp};

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

    fn decode<'bytes, Decoded: Decode<'bytes, Coding<'static>>>(bytes: &'bytes [u8]) -> Result<Decoded, Error> {
        minicbor::decode_with(bytes, &mut Coding::default())
    }

    #[test]
    fn fields_may_be_absent_or_new_but_not_missing() {
        let key_value = KeyValue { key: "k".into(), value: "v".into(), create_revision: 300, mod_revision: -1, version: 1, lease: 0 };
        let fields = |fields: &[&[u8]]| [&[0x80 | fields.len() as u8][..], &fields.concat()].concat();
        let (key, value, created): (&[u8], &[u8], &[u8]) = (&[0x41, b'k'], &[0x41, b'v'], &[0x19, 1, 44]);
        let written = fields(&[key, value, created, &[0x20], &[1]]);
        let mut encoded = Vec::new();
        minicbor::encode_with(&key_value, &mut encoded, &mut Coding::default()).unwrap();
        assert_eq!(encoded, written, "a lease of 0 is left out");
        let more = [
            fields(&[key, value, created, &[0x20], &[1], &[0]]),
            fields(&[key, value, created, &[0x20], &[1], &[NULL]]),
            fields(&[key, value, created, &[0x20], &[1], &[0], &[0x82, 1, 2]]),
        ];
        for bytes in more.iter().chain([&written]) {
            assert_eq!(decode::<KeyValue>(bytes).ok().as_ref(), Some(&key_value), "{bytes:02x?}");
        }
        assert!(decode::<KeyValue>(&fields(&[key, value, created, &[0x20]])).is_err());
        (0..written.len()).for_each(|end| assert!(decode::<KeyValue>(&written[..end]).is_err(), "{end}"));
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        let largest = [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(signed(&mut Decoder::new(&largest), &mut ()).is_err());
        assert!(unsigned_32(&mut Decoder::new(&largest), &mut ()).is_err());
        assert_eq!(unsigned(&mut Decoder::new(&largest), &mut ()).ok(), Some(u64::MAX));
    }

    #[test]
    fn a_list_reserves_no_memory_for_what_it_only_claims() {
        let claims = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(list::<Coding<'static>, KeyValue>(&mut Decoder::new(&claims), &mut Coding::default()).is_err());
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
