//! Reads histories of registers as lines of JSON, see `docs/formats.md`.

use std::io::BufRead;

use serde::de::{Error as _, IgnoredAny, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::builder::{Builder, End};
use super::{Function, ImportError, Problem};
use crate::linearizability::register::{NOTHING, Registers, Value};

/// A line of a history.
pub(super) const EXAMPLE: &str = r#"{"process":0,"type":"invoke","f":"write","value":3}"#;

/// What a value must be.
const SCALAR: &str = "a number, a string, true, false or null";

/// The fields of a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'text> {
    #[serde(borrow)]
    process: &'text RawValue,
    #[serde(rename = "type")]
    stage: Stage,
    f: Function,
    #[serde(default, borrow)]
    key: Option<&'text RawValue>,
    /// `null` is a value; a value that is left out is none.
    #[serde(default, borrow, deserialize_with = "present")]
    value: Option<&'text RawValue>,
    #[serde(default)]
    time: Option<u64>,
    /// The index of the line in the history, as Jepsen counts it.
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// A scalar by its name: the text of a string, everything else as JSON writes it, `None` for null. `"1"` and `1` are the same.
#[derive(Debug)]
struct Scalar(Option<String>);

/// Reads a file.
///
/// # Errors
/// The first line that is no JSON object, has a field that is unknown or of the wrong type, goes back in time, ends what was not
/// called, or calls before an earlier call of its process ended; and a file without any operation.
pub fn read(input: impl BufRead) -> Result<Registers, ImportError> {
    let mut builder = Builder::default();
    let (mut number, mut time, mut index) = (0, 0, 0);
    for bytes in input.split(b'\n') {
        number += 1;
        let bytes = bytes.map_err(|error| ImportError::of_line(number, error))?;
        let text = match str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                return Err(ImportError::at(number, &valid, valid.len(), Problem::NotUtf8));
            }
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            continue;
        }
        let line = Line { number, text };
        let start = text.len() - text.trim_start().len();
        // Without this check a list would be read as the fields in their order.
        if trimmed.strip_prefix('[').is_some_and(|inside| matches!(inside.trim_start().chars().next(), None | Some('{'))) {
            return Err(line.error(start, Problem::JsonArray));
        }
        if !trimmed.starts_with('{') {
            return Err(line.error(start, Problem::NotAnObject));
        }
        let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| line.json_error(error))?;
        for (field, found, earlier) in [("time", fields.time, &mut time), ("index", fields.index, &mut index)] {
            let found = found.unwrap_or(*earlier);
            if found < *earlier {
                return Err(ImportError::of_line(number, Problem::OutOfOrder { field, found, earlier: *earlier }));
            }
            *earlier = found;
        }
        line.add(&mut builder, &fields)?;
    }
    if builder.calls() == 0 {
        return Err(ImportError::of_line(number.max(1), Problem::NoOperation { expected: EXAMPLE }));
    }
    Ok(builder.finish())
}

/// A line of a file.
#[derive(Clone, Copy)]
struct Line<'text> {
    number: u64,
    text: &'text str,
}

impl Line<'_> {
    fn error(self, byte: usize, problem: impl Into<Problem>) -> ImportError {
        ImportError::at(self.number, self.text, byte, problem)
    }

    /// An error of the parser. Its column is that of the last byte that it read, from 1.
    fn json_error(self, error: serde_json::Error) -> ImportError {
        let byte = error.column().saturating_sub(1);
        let problem = if error.is_eof() { Problem::UnfinishedObject } else { Problem::Json(error) };
        self.error(byte, problem)
    }

    /// Adds this line to the history.
    fn add(self, builder: &mut Builder, fields: &Fields<'_>) -> Result<(), ImportError> {
        let Fields { process, stage, f: function, key, value, error, .. } = fields;
        let process = self.name(process)?.ok_or_else(|| self.wrong_value(process, "a number or a string"))?;
        let key = match key {
            Some(key) => self.name(key)?,
            None => None,
        };
        let no_value = |expected| ImportError::of_line(self.number, Problem::NoValue { expected });
        let added = match stage {
            Stage::Invoke => {
                let arguments = match (function, value) {
                    (Function::Read, _) => [NOTHING; 2],
                    (Function::Write, None) => return Err(no_value("the value to write, which may be null")),
                    (Function::Write, Some(written)) => [self.scalar(builder, written)?, NOTHING],
                    (Function::CompareAndSet, None) => return Err(no_value("a pair of values, [from, to]")),
                    (Function::CompareAndSet, Some(pair)) => self.pair(builder, pair)?,
                };
                builder.call(self.number, &process, key.as_deref().unwrap_or_default(), *function, arguments)
            }
            Stage::Ok => {
                let read = match (function, value) {
                    (Function::Read, None) => return Err(no_value("the value that was read, null if there was none")),
                    (Function::Read, Some(read)) => self.scalar(builder, read)?,
                    (Function::Write | Function::CompareAndSet, _) => NOTHING,
                };
                builder.end(self.number, &process, *function, key.as_deref(), End::Ok(read))
            }
            Stage::Fail => {
                let is_mismatch = *function == Function::CompareAndSet && error.is_none();
                builder.end(self.number, &process, *function, key.as_deref(), if is_mismatch { End::Mismatch } else { End::NotExecuted })
            }
            Stage::Info => builder.end(self.number, &process, *function, key.as_deref(), End::Unknown),
        };
        added.map_err(|problem| ImportError::of_line(self.number, problem))
    }

    /// The name of a scalar; `None` for null.
    fn name(self, value: &RawValue) -> Result<Option<String>, ImportError> {
        match serde_json::from_str(value.get()) {
            Ok(Scalar(name)) => Ok(name),
            Err(_) => Err(self.wrong_value(value, SCALAR)),
        }
    }

    fn scalar(self, builder: &mut Builder, value: &RawValue) -> Result<Value, ImportError> {
        Ok(self.name(value)?.map_or(NOTHING, |name| builder.values.number(&name)))
    }

    fn pair(self, builder: &mut Builder, value: &RawValue) -> Result<[Value; 2], ImportError> {
        let Ok([from, to]) = serde_json::from_str::<[Scalar; 2]>(value.get()) else {
            return Err(self.wrong_value(value, "a pair of values, [from, to]"));
        };
        Ok([from, to].map(|Scalar(name)| name.map_or(NOTHING, |name| builder.values.number(&name))))
    }

    fn wrong_value(self, value: &RawValue, expected: &'static str) -> ImportError {
        // The value is a part of the line, so the distance of their first bytes is its position.
        let byte = (value.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.error(byte, Problem::WrongValue { expected, found: value.get().to_owned() })
    }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::Null => Ok(Self(None)),
            Json::String(text) => Ok(Self(Some(text))),
            scalar @ (Json::Number(_) | Json::Bool(_)) => Ok(Self(Some(scalar.to_string()))),
            Json::Array(_) => Err(D::Error::invalid_type(Unexpected::Seq, &SCALAR)),
            Json::Object(_) => Err(D::Error::invalid_type(Unexpected::Map, &SCALAR)),
        }
    }
}
