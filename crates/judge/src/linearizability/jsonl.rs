//! Reads histories of registers as lines of JSON, see `docs/formats.md`.

use std::io::BufRead;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::builder::{Builder, End, Function, Parsed};
use super::line_error::{LineError, LineProblem};
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
        let wrong = |problem: LineProblem| problem.at(number);
        let line = line.map_err(|error| wrong(LineProblem::Unreadable(error.kind())))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        // A list could be read as the fields in their order.
        if is_array(&line) {
            return Err(wrong(LineProblem::WholeJson));
        }
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(wrong(LineProblem::NoObject));
        }
        let line: Line = serde_json::from_slice(&line).map_err(|error| wrong(problem(&error)))?;
        let time = line.time.unwrap_or(now);
        if time < now {
            return Err(wrong(LineProblem::TimeWentBack { time, now }));
        }
        now = time;
        let index = line.index.unwrap_or(place);
        if index < place {
            return Err(wrong(LineProblem::IndexWentBack { index, last: place }));
        }
        place = index;
        take(&mut builder, number, &line)?;
    }
    if builder.calls() == 0 {
        return Err(LineProblem::NoJsonOperation.at(number.max(1)));
    }
    Ok(builder.finish())
}

fn take(builder: &mut Builder, number: u64, line: &Line) -> Result<(), LineError> {
    let wrong = |problem: LineProblem| problem.at(number);
    let function = Function::of(&line.f).ok_or_else(|| wrong(LineProblem::UnknownF(line.f.clone())))?;
    let process = name(&line.process).filter(|_| !line.process.is_null()).ok_or_else(|| wrong(LineProblem::NoName("process")))?;
    let key = match &line.key {
        None => None,
        Some(key) => Some(name(key).ok_or_else(|| wrong(LineProblem::NoName("key")))?),
    };
    let mut value = |json: &Json| {
        let name = if json.is_null() { Some("nil".to_owned()) } else { name(json) };
        name.map(|name| builder.values.number(&name))
    };
    match line.stage {
        Stage::Invoke => {
            let values: Option<[Value; 2]> = match (function, &line.value) {
                (Function::Read, _) => Some([NOTHING; 2]),
                (Function::Write, None) => return Err(wrong(LineProblem::WrittenValueMissing)),
                (Function::Write, Some(written)) => value(written).map(|written| [written, NOTHING]),
                (Function::CompareAndSet, Some(Json::Array(pair))) => match pair.as_slice() {
                    [from, to] => value(from).zip(value(to)).map(|(from, to)| [from, to]),
                    _ => None,
                },
                (Function::CompareAndSet, _) => None,
            };
            let values = values.ok_or_else(|| {
                wrong(match function {
                    Function::CompareAndSet => LineProblem::CasValueWrong,
                    Function::Read | Function::Write => LineProblem::WrittenValueWrong,
                })
            })?;
            builder.call(number, &process, key.as_deref().unwrap_or_default(), function, values)
        }
        Stage::Ok => {
            let read = match function {
                Function::Read => value(line.value.as_ref().ok_or_else(|| wrong(LineProblem::ReadValueMissing))?)
                    .ok_or_else(|| wrong(LineProblem::ReadValueWrong))?,
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

/// What is wrong with a line. The reader of JSON sees one line only, so its line number would mislead.
fn problem(error: &serde_json::Error) -> LineProblem {
    if error.is_eof() {
        return LineProblem::CutOff;
    }
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    LineProblem::Json { message, column: error.column() }
}
