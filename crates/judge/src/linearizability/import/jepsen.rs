//! Reads the histories of Jepsen's etcd test in the three formats in which Jepsen writes them.
//!
//! - Lines of its log, `jepsen.log`: `INFO  jepsen.util - 4 :invoke :cas [2 4]`, and as newer releases write them,
//!   `2026-07-28 07:53:02,859{GMT} INFO [jepsen worker 2] jepsen.util: 4 :invoke :cas [2 4]`.
//! - `history.txt`: the same operations with nothing before them.
//! - `history.edn`: one map per line, `{:type :invoke, :f :cas, :value [2 4], :process 4}`.
//!
//! The first line that is not empty decides between maps and lines of a log. An entry has a process, a type, a function, a value,
//! and optionally a reason. `:fail` of a compare-and-set with its values and without a reason means that the register had another
//! value; any other `:fail` means that nothing happened, and constrains nothing; `:info` means that the outcome is unknown. Lines of
//! other loggers and operations of the nemesis are skipped.

use std::io::BufRead;

use super::builder::{Builder, End};
use super::edn::{Edn, EdnError, Form, read_form};
use super::{Function, ImportError, Problem};
use crate::linearizability::register::{NOTHING, Registers, Value};

/// What operations look like, for files without any.
const EXAMPLES: &str = "one such as `INFO  jepsen.util - 4 :invoke :write 3` in a log, `4 :invoke :write 3` in history.txt, or \
                        `{:process 4, :type :invoke, :f :write, :value 3}` in history.edn";

/// Keys of a map that are no reason for a failure.
const PLAIN_KEYS: [&str; 7] = ["process", "type", "f", "value", "time", "index", "link"];

/// How the operations of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    Log,
    Maps,
}

/// A line of a file.
#[derive(Clone, Copy)]
struct Line<'text> {
    number: u64,
    text: &'text str,
}

/// A part of a line with the position of its first byte.
#[derive(Clone, Copy)]
struct Part<'text> {
    text: &'text str,
    at: usize,
}

/// An entry of a history: a call, or the end of one.
struct Entry<'text> {
    process: String,
    stage: Part<'text>,
    function: Part<'text>,
    value: Option<Form>,
    /// The position of the value, or of where it belongs.
    value_at: usize,
    /// Whether a reason is given for the end of the call.
    has_reason: bool,
}

/// Reads a file.
///
/// # Errors
/// The first entry that cannot be read, ends what was not called, or calls before an earlier call of its process ended; and a file
/// without any operation.
pub fn read(input: impl BufRead) -> Result<Registers, ImportError> {
    let mut builder = Builder::default();
    let mut notation = None;
    let mut number = 0;
    for bytes in input.split(b'\n') {
        number += 1;
        let bytes = bytes.map_err(|error| ImportError::of_line(number, error))?;
        let text = String::from_utf8_lossy(&bytes);
        let line = Line { number, text: text.trim_end() };
        let start = line.text.len() - line.text.trim_start().len();
        if start == line.text.len() {
            continue;
        }
        let notation = match notation {
            Some(notation) => notation,
            None => *notation.insert(line.notation(start)?),
        };
        let entry = match notation {
            Notation::Maps => entry_of_map(line, start)?,
            Notation::Log => entry_of_log(line, start),
        };
        if let Some(entry) = entry {
            line.add(&mut builder, &entry)?;
        }
    }
    if builder.calls() == 0 {
        return Err(ImportError::of_line(number.max(1), Problem::NoOperation { expected: EXAMPLES }));
    }
    Ok(builder.finish())
}

/// The entry of a line of a log: what the logger `jepsen.util` wrote, or the whole line if it begins with a process. `None` for
/// other lines: the same logger writes other messages too.
fn entry_of_log(line: Line<'_>, start: usize) -> Option<Entry<'_>> {
    let at = match line.text.split_once("jepsen.util") {
        // `jepsen.util - 4 :invoke`, and in newer releases `jepsen.util: 4 :invoke`.
        Some((_, rest)) => line.text.len() - rest.trim_start().strip_prefix(['-', ':'])?.len(),
        None => start,
    };
    let process = line.word(at)?;
    let stage = line.word(process.end())?;
    let function = line.word(stage.end())?;
    process.text.parse::<u64>().ok()?;
    let stage = Part { text: stage.text.strip_prefix(':')?, at: stage.at };
    let name = function.text.trim_start_matches(':');
    // A reason may be any text: what cannot be read as a value is one.
    let (value, end) = match read_form(line.text, function.end()) {
        Ok((form, end)) if !matches!(form.kind, Edn::Keyword(_)) => (Some(form), end),
        Ok(_) | Err(_) => (None, function.end()),
    };
    let has_reason = !matches!(line.text[end..].trim(), "" | "nil");
    let value_at = value.as_ref().map_or(end, |value| value.at);
    let function = Part { text: name, at: function.at };
    Some(Entry { process: process.text.to_owned(), stage, function, value, value_at, has_reason })
}

/// The entry of a map; `None` for an entry of the nemesis. The text of its parts is that of the line, without the colons.
fn entry_of_map(line: Line<'_>, start: usize) -> Result<Option<Entry<'_>>, ImportError> {
    let (map, _) = read_form(line.text, start).map_err(|EdnError { at, problem }| line.error(at, problem))?;
    let Edn::Map(entries) = &map.kind else { return Err(line.error(map.at, Problem::NotAMap)) };
    let process = match map.get("process").map(|form| &form.kind) {
        Some(Edn::Atom(process) | Edn::Text(process)) => process.clone(),
        Some(Edn::Keyword(_)) => return Ok(None),
        _ => return Err(line.error(map.at, Problem::NoProcess)),
    };
    let keyword = |key: &'static str| match map.get(key) {
        Some(Form { kind: Edn::Keyword(name), at }) => Ok(Part { text: &line.text[at + 1..at + 1 + name.len()], at: *at }),
        _ => Err(line.error(map.at, Problem::NoKeyword { key })),
    };
    // Whatever else a failed operation has is taken for its reason: fewer constraints never cause a false violation.
    let is_reason = |(key, value): &(Form, Form)| {
        let is_plain = matches!(&key.kind, Edn::Keyword(name) if PLAIN_KEYS.contains(&name.as_str()));
        !is_plain && !matches!(value.kind, Edn::Nil)
    };
    let has_reason = entries.iter().any(is_reason);
    let value = map.get("value").cloned();
    let value_at = value.as_ref().map_or(map.at, |value| value.at);
    Ok(Some(Entry { process, stage: keyword("type")?, function: keyword("f")?, value, value_at, has_reason }))
}

impl<'text> Line<'text> {
    fn error(self, byte: usize, problem: impl Into<Problem>) -> ImportError {
        ImportError::at(self.number, self.text, byte, problem)
    }

    /// The notation of a file of which this is the first line.
    fn notation(self, start: usize) -> Result<Notation, ImportError> {
        let text = &self.text[start..];
        if text.starts_with(['[', '(']) {
            return Err(self.error(start, Problem::EdnSequence));
        }
        if text.starts_with("{\"") {
            return Err(self.error(start, Problem::Strings));
        }
        Ok(if text.starts_with('{') || text.starts_with("#jepsen") { Notation::Maps } else { Notation::Log })
    }

    /// The first word from a byte on.
    fn word(self, from: usize) -> Option<Part<'text>> {
        let text = self.text[from..].trim_start();
        let word = &text[..text.find(char::is_whitespace).unwrap_or(text.len())];
        (!word.is_empty()).then_some(Part { text: word, at: self.text.len() - text.len() })
    }

    /// Adds an entry of this line to the history.
    fn add(self, builder: &mut Builder, entry: &Entry<'_>) -> Result<(), ImportError> {
        let Entry { process, stage, function, value, value_at, has_reason } = entry;
        let unknown_function = || self.error(function.at, Problem::UnknownFunction { found: function.text.to_owned() });
        let function = Function::of(function.text).ok_or_else(unknown_function)?;
        let (key, value) = split_key(function, value.as_ref());
        let wrong_value = |expected| {
            let at = value.map_or(*value_at, |value| value.at);
            self.error(at, Problem::WrongValue { expected, found: shown(value) })
        };
        let added = match stage.text {
            "invoke" => {
                let arguments = match function {
                    Function::Read => [NOTHING; 2],
                    Function::Write => {
                        let written =
                            scalar(builder, value).ok_or_else(|| wrong_value("a number, a string, true, false or nil to write"))?;
                        [written, NOTHING]
                    }
                    Function::CompareAndSet => pair(builder, value).ok_or_else(|| wrong_value("a pair of values, [from to]"))?,
                };
                builder.call(self.number, process, key.as_deref().unwrap_or_default(), function, arguments)
            }
            "ok" => {
                let end = match function {
                    Function::Read => {
                        let read = scalar(builder, value).ok_or_else(|| wrong_value("the value that was read"))?;
                        End::Ok(read)
                    }
                    Function::Write => scalar(builder, value).map_or(End::Ok(NOTHING), |value| End::OkRepeating([value, NOTHING])),
                    Function::CompareAndSet => pair(builder, value).map_or(End::Ok(NOTHING), End::OkRepeating),
                };
                builder.end(self.number, process, function, key.as_deref(), end)
            }
            "fail" => {
                let values = if function == Function::CompareAndSet && !has_reason { pair(builder, value) } else { None };
                builder.end(self.number, process, function, None, values.map_or(End::NotExecuted, End::MismatchRepeating))
            }
            "info" => builder.end(self.number, process, function, None, End::Unknown),
            other => return Err(self.error(stage.at, Problem::UnknownStage { found: other.to_owned() })),
        };
        added.map_err(|problem| ImportError::of_line(self.number, problem))
    }
}

impl Part<'_> {
    fn end(self) -> usize {
        self.at + self.text.len()
    }
}

/// The key and the value of an operation on one of many registers, as `jepsen.independent` writes them: `[key value]`.
fn split_key(function: Function, value: Option<&Form>) -> (Option<String>, Option<&Form>) {
    if let Some(Form { kind: Edn::Sequence(forms), .. }) = value
        && let [Form { kind: Edn::Atom(key) | Edn::Text(key), .. }, inner] = forms.as_slice()
        && (function != Function::CompareAndSet || matches!(inner.kind, Edn::Sequence(_)))
    {
        return (Some(key.clone()), Some(inner));
    }
    (None, value)
}

/// A number, a string, `true`, `false` or `nil`.
fn scalar(builder: &mut Builder, form: Option<&Form>) -> Option<Value> {
    match &form?.kind {
        Edn::Nil => Some(NOTHING),
        Edn::Atom(text) | Edn::Text(text) => Some(builder.values.number(text)),
        Edn::Keyword(_) | Edn::Symbol(_) | Edn::Sequence(_) | Edn::Map(_) => None,
    }
}

/// `[from to]`
fn pair(builder: &mut Builder, form: Option<&Form>) -> Option<[Value; 2]> {
    let Edn::Sequence(forms) = &form?.kind else { return None };
    let [from, to] = forms.as_slice() else { return None };
    Some([scalar(builder, Some(from))?, scalar(builder, Some(to))?])
}

/// A form as a message shows it.
fn shown(form: Option<&Form>) -> String {
    match form.map(|form| &form.kind) {
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
