//! Reads histories of registers as lines of JSON, see `docs/formats.md`.

use std::io::BufRead;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::LineError;
use super::builder::{Builder, End, Function, Parsed};
use super::register::{NOTHING, Value};

/// A line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    process: Json,
    #[serde(rename = "type")]
    stage: Stage,
    f: String,
    #[serde(default)]
    key: Option<Json>,
    /// `null` is a value; a value that is left out is none.
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
    #[serde(default)]
    time: Option<u64>,
    /// The place of the line in the history, as Jepsen counts it.
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    error: Option<Json>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// Reads a file.
///
/// # Errors
/// When a line is no JSON, says something no line may say, goes back in time, ends what was not called, or calls before an
/// earlier call ended; and when there is no operation at all.
pub fn read(input: impl BufRead) -> Result<Parsed, LineError> {
    let mut builder = Builder::default();
    let (mut number, mut now, mut place) = (0, 0, 0);
    for line in input.split(b'\n') {
        number += 1;
        let wrong = |what: String| LineError { line: number, what };
        let line = line.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        // A list could be read as the fields in their order.
        if is_array(&line) {
            return Err(wrong("this is one JSON array; write one object a line, e.g. with jq -c '.[]'".to_owned()));
        }
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(wrong(r#"a line is an object: {"process":0,"type":"invoke","f":"write","value":3}"#.to_owned()));
        }
        let line: Line = serde_json::from_slice(&line).map_err(|error| wrong(reason(&error)))?;
        let time = line.time.unwrap_or(now);
        if time < now {
            return Err(wrong(format!("time {time} is before {now}, the time of an earlier line: lines are in the order of time")));
        }
        now = time;
        let index = line.index.unwrap_or(place);
        if index < place {
            return Err(wrong(format!(
                "index {index} is before {place}, the index of an earlier line: lines are in the order of their index"
            )));
        }
        place = index;
        take(&mut builder, number, &line)?;
    }
    if builder.calls() == 0 {
        let what = r#"no operation was found; one looks like {"process":0,"type":"invoke","f":"write","value":3}"#.to_owned();
        return Err(LineError { line: number.max(1), what });
    }
    Ok(builder.finish())
}

fn take(builder: &mut Builder, number: u64, line: &Line) -> Result<(), LineError> {
    let wrong = |what: String| LineError { line: number, what };
    let function = Function::of(&line.f).ok_or_else(|| wrong(format!("f is {:?}; it must be read, write or cas", line.f)))?;
    let process =
        name(&line.process).filter(|_| !line.process.is_null()).ok_or_else(|| wrong("process must be a number or a string".to_owned()))?;
    let key = match &line.key {
        None => None,
        Some(key) => Some(name(key).ok_or_else(|| wrong("key must be a number or a string".to_owned()))?),
    };
    let missing = |what: &str| wrong(format!("value is missing: {what}"));
    let mut value = |json: &Json| {
        let name = if json.is_null() { Some("nil".to_owned()) } else { name(json) };
        name.map(|name| builder.values.number(&name))
    };
    match line.stage {
        Stage::Invoke => {
            let values: Option<[Value; 2]> = match (function, &line.value) {
                (Function::Read, _) => Some([NOTHING; 2]),
                (Function::Write, None) => return Err(missing("what is written, which may be null")),
                (Function::Write, Some(written)) => value(written).map(|written| [written, NOTHING]),
                (Function::CompareAndSet, Some(Json::Array(pair))) => match pair.as_slice() {
                    [from, to] => value(from).zip(value(to)).map(|(from, to)| [from, to]),
                    _ => None,
                },
                (Function::CompareAndSet, _) => None,
            };
            let values = values.ok_or_else(|| {
                wrong(match function {
                    Function::CompareAndSet => "the value of a cas must be [from, to]".to_owned(),
                    _ => "value must be a number, a string, true, false or null".to_owned(),
                })
            })?;
            builder.call(number, &process, key.as_deref().unwrap_or_default(), function, values)
        }
        Stage::Ok => {
            let read = match function {
                Function::Read => value(line.value.as_ref().ok_or_else(|| missing("what was read, null where there was nothing"))?)
                    .ok_or_else(|| wrong("the value that was read must be a number, a string, true, false or null".to_owned()))?,
                Function::Write | Function::CompareAndSet => NOTHING,
            };
            builder.end(number, &process, function, key.as_deref(), End::Ok(read))
        }
        Stage::Fail => {
            let differs = function == Function::CompareAndSet && line.error.is_none();
            builder.end(number, &process, function, key.as_deref(), if differs { End::Different } else { End::NotDone })
        }
        Stage::Info => builder.end(number, &process, function, key.as_deref(), End::Unknown),
    }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// The name of a scalar: the text of a string, everything else as it is written. `"1"` and `1` are the same.
fn name(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) | Json::Null => Some(json.to_string()),
        Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether a line begins a list of objects.
fn is_array(line: &[u8]) -> bool {
    let inside = line.trim_ascii().strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    inside.is_some_and(|inside| inside.first().is_none_or(|first| *first == b'{'))
}

/// What is wrong with a line, in words. The reader of JSON sees one line only, so its line number would mislead.
fn reason(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "the line ends within the object: write each object on one line, e.g. with jq -c .".to_owned();
    }
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("{what} (column {})", error.column())
}
