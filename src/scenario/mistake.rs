//! What is wrong with a document that does not fit the types, as data, and in words.

use std::fmt;
use std::ops::Range;

use serde::de::{Error, Expected as SerdeExpected, Unexpected};

use super::misplaced::belongs_to;
use super::nearest;

/// A document that does not fit the types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    kind: Box<MistakeKind>,
    /// Where it is in the text.
    pub(super) span: Option<Range<usize>>,
    /// The keys that lead to it, the innermost first.
    steps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MistakeKind {
    /// The document is not TOML. The message is the parser's.
    Syntax(String),
    /// A table has no such key.
    UnknownKey { key: String, keys: &'static [&'static str] },
    /// There is no such choice.
    UnknownChoice { choice: String, choices: &'static [&'static str] },
    /// A table lacks a key.
    MissingKey(&'static str),
    /// A choice is named that cannot go without settings.
    NeedsSettings,
    /// A table or list has too many or too few entries.
    WrongLength { expected: String },
    /// A value is of the wrong type.
    WrongType { found: Found, expected: Expected },
    /// A type of the scenario refuses the value. The message is the type's.
    Refused(String),
}

/// A value of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Text(String),
    /// A number, as it is written.
    Number(String),
    Flag(bool),
    Date,
    List,
    Table,
    Other(String),
}

/// The type that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// A whole number within bounds, both included.
    Whole {
        least: i128,
        most: i128,
    },
    Number,
    Flag,
    List,
    Table,
    Choice,
    /// What a type of the scenario expects, in its own words.
    Words(String),
}

impl Mistake {
    pub(super) fn new(kind: MistakeKind) -> Self {
        Self { kind: Box::new(kind), span: None, steps: Vec::new() }
    }

    /// The value where `expected` belongs is `found`.
    pub(super) fn wrong_type(found: Found, expected: Expected) -> Self {
        Self::new(MistakeKind::WrongType { found, expected })
    }

    /// The same at a place, unless a narrower one is known.
    #[must_use]
    pub(super) fn at(mut self, span: Option<Range<usize>>) -> Self {
        self.span = self.span.or(span);
        self
    }

    /// The same in the value of a key, or at an index of a list.
    #[must_use]
    pub(super) fn below(mut self, step: impl Into<String>, span: Range<usize>) -> Self {
        self.steps.push(step.into());
        self.at(Some(span))
    }

    /// The path of the value that is wrong or has the wrong content; empty for the document as a whole.
    fn path(&self) -> String {
        self.steps.iter().rev().map(String::as_str).collect::<Vec<_>>().join(".")
    }

    /// The path of the key that is wrong: the one of an override that caused it.
    pub(super) fn key(&self) -> String {
        let mut path = self.path();
        if let MistakeKind::UnknownKey { key, .. } | MistakeKind::UnknownChoice { choice: key, .. } = &*self.kind {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
        }
        path
    }

    /// What is wrong, as a sentence.
    pub(super) fn message(&self) -> String {
        let path = self.path();
        let place = if path.is_empty() { "a scenario".to_owned() } else { format!("`{path}`") };
        let named = |text: String| if path.is_empty() { text } else { format!("`{path}`: {text}") };
        match &*self.kind {
            MistakeKind::Syntax(message) => format!("this is not TOML: {message}"),
            MistakeKind::UnknownKey { key, .. } => format!("unknown key `{key}` in {place}"),
            MistakeKind::UnknownChoice { choice, .. } => format!("unknown choice `{choice}` in {place}"),
            MistakeKind::MissingKey("run") if path == "load.strategy" => named("the strategy `command` needs a program to run".to_owned()),
            MistakeKind::MissingKey(key) => format!("the key `{key}` is missing in {place}"),
            MistakeKind::NeedsSettings => named("this choice needs settings".to_owned()),
            MistakeKind::WrongLength { expected } => named(format!("{expected} is expected here")),
            MistakeKind::WrongType { found, expected } => named(format!("{found} is not {expected}")),
            MistakeKind::Refused(message) => named(message.clone()),
        }
    }

    /// What to do about it.
    pub(super) fn help(&self) -> Option<String> {
        let path = self.path();
        match &*self.kind {
            MistakeKind::UnknownKey { key, keys } => belongs_to(&path, key).or_else(|| suggestion(key, keys, "keys")),
            MistakeKind::UnknownChoice { choice, choices } => suggestion(choice, choices, "choices"),
            MistakeKind::MissingKey("run") if path == "load.strategy" => Some(
                "give it a command: `strategy.command = { run = [\"python3\", \"buy.py\"] }` in [load], or on the command line \
                 --set 'load.strategy.command.run=[\"python3\", \"buy.py\"]'; see docs/command.md"
                    .to_owned(),
            ),
            MistakeKind::NeedsSettings => Some(
                "`ticketcd scenario show quickstart --resolved` shows how such keys are written, and docs/scenarios.md lists them all"
                    .to_owned(),
            ),
            // A list used to be the whole strategy.
            MistakeKind::WrongType { found: Found::List, .. } if path == "load.strategy.command" => {
                Some("write `strategy.command = { run = [\"python3\", \"buy.py\"] }`; see docs/command.md".to_owned())
            }
            _ => None,
        }
    }
}

fn suggestion(word: &str, list: &[&str], what: &str) -> Option<String> {
    match nearest(word, list.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if list.is_empty() => None,
        None => Some(format!("the {what} here are {}", list.join(", "))),
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message())
    }
}

impl std::error::Error for Mistake {}

/// What the types report while they are read from a document.
impl Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(MistakeKind::Refused(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn SerdeExpected) -> Self {
        Self::wrong_type(Found::from(found), Expected::Words(expected.to_string()))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn SerdeExpected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(_length: usize, expected: &dyn SerdeExpected) -> Self {
        Self::new(MistakeKind::WrongLength { expected: expected.to_string() })
    }

    fn unknown_field(key: &str, keys: &'static [&'static str]) -> Self {
        Self::new(MistakeKind::UnknownKey { key: key.to_owned(), keys })
    }

    fn unknown_variant(choice: &str, choices: &'static [&'static str]) -> Self {
        Self::new(MistakeKind::UnknownChoice { choice: choice.to_owned(), choices })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(MistakeKind::MissingKey(key))
    }
}

impl From<Unexpected<'_>> for Found {
    fn from(found: Unexpected<'_>) -> Self {
        match found {
            Unexpected::Str(text) => Self::Text(text.to_owned()),
            Unexpected::Unsigned(number) => Self::Number(number.to_string()),
            Unexpected::Signed(number) => Self::Number(number.to_string()),
            Unexpected::Float(number) => Self::Number(number.to_string()),
            Unexpected::Bool(flag) => Self::Flag(flag),
            Unexpected::Seq => Self::List,
            Unexpected::Map => Self::Table,
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "the text {text:?}"),
            Self::Number(number) => write!(formatter, "the number {number}"),
            Self::Flag(flag) => write!(formatter, "{flag}"),
            Self::Date => formatter.write_str("a date"),
            Self::List => formatter.write_str("a list"),
            Self::Table => formatter.write_str("a table"),
            Self::Other(words) => formatter.write_str(words),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { least, most } => write!(formatter, "a whole number from {least} to {most}"),
            Self::Number => formatter.write_str("a number"),
            Self::Flag => formatter.write_str("true or false"),
            Self::List => formatter.write_str("a list"),
            Self::Table => formatter.write_str("a table"),
            Self::Choice => formatter.write_str("one of the choices"),
            Self::Words(words) => formatter.write_str(words),
        }
    }
}
