//! What is wrong with an imported file, and where.

use std::fmt;
use std::io;

use super::Function;
use super::edn::EdnProblem;
use ticketcd_history::io_reason;

/// A file that is not a history, with the position of the first problem.
#[derive(Debug)]
pub struct ImportError {
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1; `None` if the line as a whole is the problem.
    pub column: Option<u64>,
    /// What is wrong there, and what was expected.
    pub problem: Problem,
}

impl ImportError {
    /// A problem of a whole line.
    pub(super) fn of_line(line: u64, problem: impl Into<Problem>) -> Self {
        Self { line, column: None, problem: problem.into() }
    }

    /// A problem at a byte of a line. `text` is the whole line.
    pub(super) fn at(line: u64, text: &str, byte: usize, problem: impl Into<Problem>) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < byte).count();
        Self { line, column: Some(before as u64 + 1), problem: problem.into() }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, problem } = self;
        match column {
            Some(column) => write!(formatter, "line {line}, column {column}: {problem}"),
            None => write!(formatter, "line {line}: {problem}"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// What is wrong with a line, and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file could not be read any further.
    #[error("cannot read the file: {}", io_reason(.0))]
    Io(#[from] io::Error),
    /// A line is no UTF-8.
    #[error("expected UTF-8, found another byte")]
    NotUtf8,
    /// The file has no operation.
    #[error("no operation was found. Expected {expected}")]
    NoOperation {
        /// What operations look like.
        expected: &'static str,
    },

    /// A form of EDN cannot be read.
    #[error("{0}. Every line must be one whole map")]
    Edn(#[from] EdnProblem),
    /// The file is one EDN sequence.
    #[error("this is one EDN sequence; write one map per line, as in Jepsen's history.edn")]
    EdnSequence,
    /// The keys of a map are strings, as in JSON.
    #[error("expected a map whose keys are keywords, such as {{:process 4}}. Lines of JSON are read by --format jsonl")]
    Strings,
    /// A line of a file of maps is no map.
    #[error("expected a map; every line must be one whole map")]
    NotAMap,
    /// A map has no process.
    #[error("expected a map with a :process that is a number")]
    NoProcess,
    /// A map lacks a key with a keyword as its value.
    #[error("expected a map with a :{key} that is a keyword")]
    NoKeyword {
        /// The key, without its colon.
        key: &'static str,
    },
    /// The function is unknown.
    #[error("expected one of the functions :read, :write and :cas, found :{found}")]
    UnknownFunction {
        /// The function, without its colon.
        found: String,
    },
    /// The type of the entry is unknown.
    #[error("expected one of the types :invoke, :ok, :fail and :info, found :{found}")]
    UnknownStage {
        /// The type, without its colon.
        found: String,
    },

    /// The file is one JSON array.
    #[error("this is one JSON array; write one object per line, for example with jq -c '.[]'")]
    JsonArray,
    /// A line is no JSON object.
    #[error("expected an object on each line, such as {example}", example = super::json_lines::EXAMPLE)]
    NotAnObject,
    /// A line ends within an object.
    #[error("the line ends within the object; write each object on one line, for example with jq -c .")]
    UnfinishedObject,
    /// A line is no JSON, or one of its fields has the wrong type.
    #[error("{}", without_position(.0))]
    Json(serde_json::Error),
    /// A time or an index is lower than that of an earlier line.
    #[error("{field} {found} is lower than {earlier}, the {field} of an earlier line; lines must be sorted by {field}")]
    OutOfOrder {
        /// `time` or `index`.
        field: &'static str,
        /// Its value in this line.
        found: u64,
        /// Its value in an earlier line.
        earlier: u64,
    },

    /// A value is missing.
    #[error("expected {expected}, found no value")]
    NoValue {
        /// What belongs there.
        expected: &'static str,
    },
    /// A value has the wrong type.
    #[error("expected {expected}, found {found}")]
    WrongValue {
        /// What belongs there.
        expected: &'static str,
        /// The value.
        found: String,
    },

    /// A process calls although its previous call has not ended.
    #[error("process {process} calls again, although its call on line {since} has not ended; a process makes one call at a time")]
    StillOpen {
        /// The process.
        process: String,
        /// The line of its previous call.
        since: u64,
    },
    /// A call ends that was not called.
    #[error("process {process} has no call in progress that could end here")]
    NotOpen {
        /// The process.
        process: String,
    },
    /// A call ends as another function.
    #[error("process {process} called {called}, but {ended} ends here")]
    OtherFunction {
        /// The process.
        process: String,
        /// The function called.
        called: Function,
        /// The function that ends.
        ended: Function,
    },
    /// A call ends on another register.
    #[error("process {process} called on key {called:?}, but a call on key {ended:?} ends here")]
    OtherKey {
        /// The process.
        process: String,
        /// The register called.
        called: String,
        /// The register of the end.
        ended: String,
    },
    /// A call ends with other arguments.
    #[error("process {process} called {function} with other values on line {since}")]
    OtherValues {
        /// The process.
        process: String,
        /// The function.
        function: Function,
        /// The line of the call.
        since: u64,
    },
}

/// The message of an error without the position at its end: the parser sees one line only, so its line number would mislead.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}
