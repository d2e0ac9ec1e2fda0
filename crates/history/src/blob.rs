//! Keys and values as etcd sees them: bytes, shared rather than copied.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bytes of a key or a value.
///
/// Those of an event that was read from a file are a part of the buffer they were decoded from, so that decoding copies
/// nothing. A clone owns its bytes: what a check keeps does not keep a whole buffer. Clones of a clone share them.
///
/// In a human-readable format they are a string where they are UTF-8, and `{"hex": "00ff"}` where they are not.
#[derive(Default)]
pub struct Blob {
    /// The bytes are a part of it. None when there are no bytes: half of all range ends are empty.
    buffer: Option<Arc<[u8]>>,
    start: u32,
    length: u32,
}

impl Blob {
    /// The part of a buffer that lies in a range; none when the buffer has no such part, or one of 4 GiB or more.
    pub(crate) fn part(buffer: &Arc<[u8]>, range: Range<usize>) -> Option<Self> {
        buffer.get(range.clone())?;
        let (start, length) = (u32::try_from(range.start).ok()?, u32::try_from(range.len()).ok()?);
        Some(Self { buffer: (length > 0).then(|| Arc::clone(buffer)), start, length })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        let start = self.start as usize;
        self.buffer.as_ref().and_then(|buffer| buffer.get(start..start + self.length as usize)).unwrap_or_default()
    }

    /// The bytes as text, if that is what they are.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The bytes as text for a person to read.
    pub fn to_text(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.length as usize
    }
}

impl Clone for Blob {
    fn clone(&self) -> Self {
        match &self.buffer {
            Some(buffer) if buffer.len() != self.len() => self.as_bytes().into(),
            shared => Self { buffer: shared.clone(), start: self.start, length: self.length },
        }
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Blob {}

impl PartialOrd for Blob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Blob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

/// As its bytes are hashed: see the implementation of [`std::borrow::Borrow`].
impl Hash for Blob {
    fn hash<State: Hasher>(&self, state: &mut State) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.to_text())
    }
}

impl From<Arc<[u8]>> for Blob {
    /// # Panics
    /// When there are 4 GiB or more: etcd takes no request of that size, by far.
    fn from(bytes: Arc<[u8]>) -> Self {
        let Ok(length) = u32::try_from(bytes.len()) else { panic!("a key or value of {} bytes", bytes.len()) };
        Self { buffer: (length > 0).then_some(bytes), start: 0, length }
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::default() } else { Arc::<[u8]>::from(bytes).into() }
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Arc::<[u8]>::from(bytes).into()
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl std::borrow::Borrow<[u8]> for Blob {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// The key under which bytes that are no text stand.
const HEX: &str = "hex";

/// The bytes that digits stand for, two digits each.
fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            match self.as_str() {
                Some(text) => serializer.serialize_str(text),
                None => {
                    let mut map = serializer.serialize_map(Some(1))?;
                    let hex: String = self.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                    map.serialize_entry(HEX, &hex)?;
                    map.end()
                }
            }
        } else {
            serializer.serialize_bytes(self.as_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;
        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, or bytes as {\"hex\": \"00ff\"}")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(bytes.into())
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
                Ok(text.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blob, A::Error> {
                let malformed = || A::Error::custom("expected {\"hex\": \"00ff\"}, with two digits a byte");
                let (key, hex): (String, String) = map.next_entry()?.ok_or_else(malformed)?;
                let bytes = (key == HEX).then(|| from_hex(&hex)).flatten().ok_or_else(malformed)?;
                Ok(bytes.into())
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(BlobVisitor)
        } else {
            deserializer.deserialize_bytes(BlobVisitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_no_part_beyond_its_end() {
        let buffer: Arc<[u8]> = [0; 4].into();
        assert!(Blob::part(&buffer, 1..5).is_none());
        assert_eq!(Blob::part(&buffer, 4..4), Some(Blob::default()));
    }

    #[test]
    fn json_holds_every_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        for blob in [Blob::from("köy"), Blob::from(bytes), Blob::default(), Blob::from(&[0xff_u8][..])] {
            let json = serde_json::to_string(&blob).unwrap();
            assert_eq!(serde_json::from_str::<Blob>(&json).unwrap(), blob, "{json}");
        }
        for wrong in [r#"{"hex":"0"}"#, r#"{"hex":"0g"}"#, r#"{"other":"00"}"#, "{}", "1"] {
            assert!(serde_json::from_str::<Blob>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_found_by_its_bytes() {
        let buffer: Arc<[u8]> = b"?key?".as_slice().into();
        let part = Blob::part(&buffer, 1..4).unwrap();
        let map = std::collections::HashMap::from([(Blob::from("key"), 1)]);
        assert_eq!((map.get(&part), map.get(b"key".as_slice()), map.get(&Blob::from("value"))), (Some(&1), Some(&1), None));
        assert!(part < Blob::from("value") && Blob::default() < part);
    }
}
