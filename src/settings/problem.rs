//! Settings that do not make sense: where they are, and what to do about it.

use std::time::Duration;

use super::units::Span;

/// Something in a scenario that does not make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The dotted path of what is wrong: `fault.0.inject.kill.target`.
    pub path: String,
    /// What is wrong with it, as the rest of a sentence that begins with it.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Whether settings make sense.
pub type Checked = Result<(), Problem>;

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The path and what is wrong with it.
    pub fn sentence(&self) -> String {
        format!("`{}`: {}", self.path, self.message)
    }
}

/// A whole number within bounds, both included.
///
/// # Errors
/// When it is outside of them.
pub fn between(path: &str, number: u32, least: u32, most: u32) -> Checked {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(Problem::new(path, format!("{number} is not from {least} to {most}")))
}

/// A span that something lasts: more than nothing.
///
/// # Errors
/// When it is nothing, or too long.
pub fn span(path: &str, span: Span, most: Duration) -> Checked {
    if span.0.is_zero() {
        return Err(Problem::new(path, "0 is no time at all"));
    }
    span_or_none(path, span, most)
}

/// A span that may be nothing.
///
/// # Errors
/// When it is too long.
pub fn span_or_none(path: &str, span: Span, most: Duration) -> Checked {
    if span.0 <= most {
        return Ok(());
    }
    Err(Problem::new(path, format!("{span} is longer than {}", Span(most))))
}
