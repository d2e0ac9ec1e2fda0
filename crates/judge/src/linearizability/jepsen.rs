//! Reads the histories of Jepsen's etcd test in the three forms in which Jepsen writes them.
//!
//! - Lines of its log, `jepsen.log`: `INFO  jepsen.util - 4 :invoke :cas [2 4]`, and as newer releases write them,
//!   `2026-07-28 07:53:02,859{GMT} INFO [jepsen worker 2] jepsen.util: 4 :invoke :cas [2 4]`.
//! - `history.txt`: the same operations without anything before them.
//! - `history.edn`: one map a line, `{:type :invoke, :f :cas, :value [2 4], :process 4}`.
//!
//! The first line that is not empty decides between maps and lines of a log. An operation is a process, how its call stands,
//! what it called, a value, and perhaps a reason. `:fail` of a compare-and-set with its values and without a reason means that the
//! register had another value; any other `:fail` means that nothing happened, and constrains nothing; `:info` that the outcome is
//! unknown. Lines of other loggers and operations of the nemesis are skipped.

use std::io::BufRead;

use super::builder::{Builder, End, Function, Parsed};
use super::edn::{Edn, first_form};
use super::line_error::{LineError, LineProblem};
use super::register::{NOTHING, Value};

/// Keys of a map that are no reason for a failure.
const PLAIN_KEYS: [&str; 7] = ["process", "type", "f", "value", "time", "index", "link"];

/// How the operations of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Log,
    Maps,
}

/// An operation as it stands in a line.
struct Entry<'line> {
    process: String,
    stage: &'line str,
    function: &'line str,
    value: Option<Edn>,
    /// Whether something is given as the reason for the end of the call.
    has_reason: bool,
}

/// Reads a file.
///
/// # Errors
/// When a line of an operation cannot be read, ends what was not called, or calls before an earlier call ended; and when
/// there is no operation at all.
pub fn read(input: impl BufRead) -> Result<Parsed, LineError> {
    let mut builder = Builder::default();
    let mut form = None;
    let mut number = 0;
    for line in input.split(b'\n') {
        number += 1;
        let wrong = |problem: LineProblem| problem.at(number);
        let line = line.map_err(|error| wrong(LineProblem::Unreadable(error.kind())))?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let form = match form {
            Some(form) => form,
            None => *form.insert(form_of(line).map_err(wrong)?),
        };
        match form {
            Form::Maps => {
                let (map, _) = first_form(line).map_err(|error| wrong(error.into()))?;
                if let Some(entry) = entry_of_map(&map).map_err(wrong)? {
                    take(&mut builder, number, &entry)?;
                }
            }
            Form::Log => {
                if let Some(entry) = operation_of(line).and_then(entry_of_words) {
                    take(&mut builder, number, &entry)?;
                }
            }
        }
    }
    if builder.calls() == 0 {
        return Err(LineProblem::NoJepsenOperation.at(number.max(1)));
    }
    Ok(builder.finish())
}

/// The form of a file, by its first line.
fn form_of(line: &str) -> Result<Form, LineProblem> {
    if line.starts_with(['[', '(']) {
        return Err(LineProblem::WholeEdn);
    }
    Ok(if line.starts_with('{') || line.starts_with("#jepsen") { Form::Maps } else { Form::Log })
}

/// The operation of a line: what the logger `jepsen.util` wrote, or the whole line where nothing stands before it.
fn operation_of(line: &str) -> Option<&str> {
    match line.split_once("jepsen.util") {
        // `jepsen.util - 4 :invoke`, and in newer releases `jepsen.util: 4 :invoke`.
        Some((_, rest)) => rest.trim_start().strip_prefix(['-', ':']),
        None => line.starts_with(|first: char| first.is_ascii_digit()).then_some(line),
    }
}

/// An operation in words; `None` for what is none: the same logger writes other messages too.
fn entry_of_words(text: &str) -> Option<Entry<'_>> {
    let (process, rest) = word(text)?;
    let (stage, rest) = word(rest)?;
    let (function, rest) = word(rest)?;
    if process.parse::<u64>().is_err() {
        return None;
    }
    let stage = stage.strip_prefix(':')?;
    // A reason may be any text: what cannot be read as a value is one.
    let (value, rest) = match first_form(rest) {
        Ok((form, rest)) if !matches!(form, Edn::Keyword(_)) => (Some(form), rest),
        Ok(_) | Err(_) => (None, rest),
    };
    let has_reason = !matches!(rest.trim(), "" | "nil");
    Some(Entry { process: process.to_owned(), stage, function: function.trim_start_matches(':'), value, has_reason })
}

/// The first word of a text, and what is behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (!word.is_empty()).then_some((word, rest))
}

/// An operation as a map; `None` for one of the nemesis.
fn entry_of_map(map: &Edn) -> Result<Option<Entry<'_>>, LineProblem> {
    let Edn::Map(entries) = map else { return Err(LineProblem::NoMap) };
    let process = match map.get("process") {
        Some(Edn::Atom(process) | Edn::Text(process)) => process.clone(),
        Some(Edn::Keyword(_)) => return Ok(None),
        _ => return Err(LineProblem::NoProcess),
    };
    let keyword = |key: &'static str| match map.get(key) {
        Some(Edn::Keyword(name)) => Ok(name.as_str()),
        _ => Err(LineProblem::NoKeyword(key)),
    };
    // Whatever else a failed operation carries is taken for its reason: too few constraints are no false alarm.
    let is_reason = |(key, value): &(Edn, Edn)| {
        let is_plain = matches!(key, Edn::Keyword(name) if PLAIN_KEYS.contains(&name.as_str()));
        !is_plain && *value != Edn::Nil
    };
    let has_reason = entries.iter().any(is_reason);
    Ok(Some(Entry { process, stage: keyword("type")?, function: keyword("f")?, value: map.get("value").cloned(), has_reason }))
}

fn take(builder: &mut Builder, line: u64, entry: &Entry<'_>) -> Result<(), LineError> {
    let wrong = |problem: LineProblem| problem.at(line);
    let Entry { process, stage, function, value, has_reason } = entry;
    let function = Function::of(function).ok_or_else(|| wrong(LineProblem::UnknownFunction((*function).to_owned())))?;
    let (key, value) = apart(function, value.as_ref());
    match *stage {
        "invoke" => {
            let values = match function {
                Function::Read => [NOTHING; 2],
                Function::Write => {
                    let written = scalar(builder, value).ok_or_else(|| wrong(LineProblem::NoValueToWrite(shown(value))))?;
                    [written, NOTHING]
                }
                Function::CompareAndSet => pair(builder, value).ok_or_else(|| wrong(LineProblem::NoPair(shown(value))))?,
            };
            builder.call(line, process, key.as_deref().unwrap_or_default(), function, values)
        }
        "ok" => {
            let end = match function {
                Function::Read => End::Ok(scalar(builder, value).ok_or_else(|| wrong(LineProblem::NoValueRead(shown(value))))?),
                Function::Write => scalar(builder, value).map_or(End::Ok(NOTHING), |value| End::OkOf([value, NOTHING])),
                Function::CompareAndSet => pair(builder, value).map_or(End::Ok(NOTHING), End::OkOf),
            };
            builder.end(line, process, function, key.as_deref(), end)
        }
        "fail" => {
            let values = if function == Function::CompareAndSet && !has_reason { pair(builder, value) } else { None };
            builder.end(line, process, function, None, values.map_or(End::NotDone, End::DifferentOf))
        }
        "info" => builder.end(line, process, function, None, End::Unknown),
        other => Err(wrong(LineProblem::UnknownStage(other.to_owned()))),
    }
}

/// The key and the value of an operation on one of many registers, as `jepsen.independent` writes them: `[key value]`.
fn apart(function: Function, value: Option<&Edn>) -> (Option<String>, Option<&Edn>) {
    if let Some(Edn::Sequence(forms)) = value
        && let [Edn::Atom(key) | Edn::Text(key), inner] = forms.as_slice()
        && (function != Function::CompareAndSet || matches!(inner, Edn::Sequence(_)))
    {
        return (Some(key.clone()), Some(inner));
    }
    (None, value)
}

/// A number, a string, `true`, `false` or `nil`.
fn scalar(builder: &mut Builder, form: Option<&Edn>) -> Option<Value> {
    match form? {
        Edn::Nil => Some(NOTHING),
        Edn::Atom(text) | Edn::Text(text) => Some(builder.values.number(text)),
        Edn::Keyword(_) | Edn::Symbol(_) | Edn::Sequence(_) | Edn::Map(_) => None,
    }
}

/// `[from to]`
fn pair(builder: &mut Builder, form: Option<&Edn>) -> Option<[Value; 2]> {
    let Edn::Sequence(forms) = form? else { return None };
    let [from, to] = forms.as_slice() else { return None };
    Some([scalar(builder, Some(from))?, scalar(builder, Some(to))?])
}

/// A form as a message shows it.
fn shown(form: Option<&Edn>) -> String {
    match form {
        None => "nothing".to_owned(),
        Some(Edn::Nil) => "nil".to_owned(),
        Some(Edn::Atom(text) | Edn::Symbol(text)) => text.clone(),
        Some(Edn::Keyword(text)) => format!(":{text}"),
        Some(Edn::Text(text)) => format!("{text:?}"),
        Some(Edn::Sequence(forms)) => {
            format!("[{}]", forms.iter().map(|form| shown(Some(form))).collect::<Vec<_>>().join(" "))
        }
        Some(Edn::Map(_)) => "a map".to_owned(),
    }
}
