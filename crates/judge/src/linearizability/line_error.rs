//! What is wrong with a line of a history of registers.

use std::io;

use super::edn::EdnError;

/// A line of a file that cannot be read as a part of a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What is wrong with a line, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// The file cannot be read any further.
    #[error("cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// A process calls while its last call has not ended.
    #[error("process {process} calls again, although its call of line {since} has not ended: a process does one thing at a time")]
    StillOpen {
        /// The process.
        process: String,
        /// The line of its last call.
        since: u64,
    },
    /// A call ends that did not begin.
    #[error("process {process} has not called anything that could end here")]
    NothingOpen {
        /// The process.
        process: String,
    },
    /// A call ends as one of another function.
    #[error("process {process} called {called}, and here ends {ended}")]
    OtherFunction {
        /// The process.
        process: String,
        /// What it called.
        called: &'static str,
        /// What ends.
        ended: &'static str,
    },
    /// A call ends as one of another key.
    #[error("process {process} called key {called:?}, and here ends key {ended:?}")]
    OtherKey {
        /// The process.
        process: String,
        /// The key that it called.
        called: String,
        /// The key that ends.
        ended: String,
    },
    /// A call ends with other values than it was called with.
    #[error("process {process} called {function} with other values in line {line}")]
    OtherValues {
        /// The process.
        process: String,
        /// What it called.
        function: &'static str,
        /// The line of the call.
        line: u64,
    },
    /// It is no EDN.
    #[error("{0}; every line must be one whole map")]
    Edn(#[from] EdnError),
    /// It is a whole history in one form.
    #[error("this is one EDN sequence; write one map a line, as Jepsen's history.edn has it")]
    WholeEdn,
    /// It is EDN, and no map.
    #[error("this is no map; every line must be one")]
    NoMap,
    /// A map says nothing of its process.
    #[error("the map has no :process that is a number; lines of JSON are read by --format jsonl")]
    NoProcess,
    /// A map lacks a keyword.
    #[error("the map has no :{0} that is a keyword")]
    NoKeyword(&'static str),
    /// The function is none of a register.
    #[error(":{0} is no function of a register: :read, :write or :cas")]
    UnknownFunction(String),
    /// The stage is none.
    #[error(":{0} is no stage of an operation: :invoke, :ok, :fail or :info")]
    UnknownStage(String),
    /// What is written is no value.
    #[error("{0} is no value to write")]
    NoValueToWrite(String),
    /// What was read is no value.
    #[error("{0} is no value that was read")]
    NoValueRead(String),
    /// A compare-and-set lacks its values.
    #[error("{0} is no pair of values `[from to]`")]
    NoPair(String),
    /// The whole file has no operation.
    #[error(
        "no operation was found; one looks like `INFO  jepsen.util - 4 :invoke :write 3` in a log, like `4 :invoke :write 3` in history.txt and like `{{:process 4, :type :invoke, :f :write, :value 3}}` in history.edn"
    )]
    NoJepsenOperation,
    /// It is a whole history in one array.
    #[error("this is one JSON array; write one object a line, e.g. with jq -c '.[]'")]
    WholeJson,
    /// It is no object.
    #[error(r#"a line is an object: {{"process":0,"type":"invoke","f":"write","value":3}}"#)]
    NoObject,
    /// It ends within an object.
    #[error("the line ends within the object: write each object on one line, e.g. with jq -c .")]
    CutOff,
    /// It is no JSON, or an object with another content.
    #[error("{message} (column {column})")]
    Json {
        /// What the reader of JSON reports.
        message: String,
        /// The column, from 1.
        column: usize,
    },
    /// It is earlier than a line before it.
    #[error("time {time} is before {now}, the time of an earlier line: lines are in the order of time")]
    TimeWentBack {
        /// Its time.
        time: u64,
        /// The time before it.
        now: u64,
    },
    /// Its index is below one before it.
    #[error("index {index} is before {last}, the index of an earlier line: lines are in the order of their index")]
    IndexWentBack {
        /// Its index.
        index: u64,
        /// The index before it.
        last: u64,
    },
    /// The field `f` is no function of a register.
    #[error("f is {0:?}; it must be read, write or cas")]
    UnknownF(String),
    /// A field must be a name.
    #[error("{0} must be a number or a string")]
    NoName(&'static str),
    /// The field `value` is missing from a write.
    #[error("value is missing: what is written, which may be null")]
    WrittenValueMissing,
    /// The field `value` is missing from a read that ended.
    #[error("value is missing: what was read, null where there was nothing")]
    ReadValueMissing,
    /// The field `value` of a write is no scalar.
    #[error("value must be a number, a string, true, false or null")]
    WrittenValueWrong,
    /// The field `value` of a read is no scalar.
    #[error("the value that was read must be a number, a string, true, false or null")]
    ReadValueWrong,
    /// The field `value` of a compare-and-set is no pair.
    #[error("the value of a cas must be [from, to]")]
    CasValueWrong,
    /// The whole file has no operation.
    #[error(r#"no operation was found; one looks like {{"process":0,"type":"invoke","f":"write","value":3}}"#)]
    NoJsonOperation,
}

impl LineProblem {
    /// The same, of a line.
    pub(super) fn at(self, line: u64) -> LineError {
        LineError { line, problem: self }
    }
}
