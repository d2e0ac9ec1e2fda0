//! Recorded facts in words.
//!
//! The record contains enums, numbers and ids. Their text is their [`Explain`], or a function here if several facts form one
//! sentence.

use std::fmt;

mod fault;
mod health;
mod invalid;
mod process;
pub mod quantity;
mod rejection;

pub use fault::{applied, fault_name, healed, not_recovered};
pub use health::all_missing;

/// A recorded fact that can be described in words.
pub trait Explain {
    /// Writes it in words.
    ///
    /// # Errors
    /// When the formatter fails.
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Itself in words, to be formatted.
    fn in_words(&self) -> InWords<'_, Self> {
        InWords(self)
    }
}

/// A recorded fact in words.
#[derive(Clone, Copy, Debug)]
pub struct InWords<'fact, T: ?Sized>(&'fact T);

impl<T: Explain + ?Sized> fmt::Display for InWords<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.explain(formatter)
    }
}

/// Several facts in words, with a separator.
fn list<'fact, T: Explain + 'fact>(facts: impl IntoIterator<Item = &'fact T>, separator: &str) -> String {
    joined(facts.into_iter().map(Explain::in_words), separator)
}

/// Several things, with a separator.
fn joined(items: impl IntoIterator<Item: fmt::Display>, separator: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}
