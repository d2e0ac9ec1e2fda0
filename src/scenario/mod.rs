//! The scenario file: its types, reading it, checking it, describing it. Plain data; nothing here runs anything.
//!
//! A scenario goes through three gates, and each names the place in the file: it is TOML (`read`), it fits the
//! types (`read`), and its values make sense together (`validate`). Overrides of the command line go through the
//! same gates and are named as such.

pub mod budget;
pub mod expectation;
pub mod keys;
pub mod library;
mod load;
pub mod metric;
pub mod types;

mod advice;
mod deserializer;
mod error;
mod misplaced;
mod mistake;
mod overrides;
mod position;
mod read;
mod reference;
mod resolved;
mod schema;
mod source;
mod validate;

use sha2::{Digest, Sha256};

pub use error::ScenarioError;
pub use expectation::Expectation;
pub use library::{Embedded, library};
pub use reference::reference;
pub use schema::schema;
pub use source::Source;
pub use types::Scenario;

pub use crate::settings::{limits, nearest, streams, units};

/// The scenario of the library with this name, or the one in the file at this path, with overrides such as
/// `load.buyers=500` applied in their order.
///
/// # Errors
/// When there is no such scenario, when it cannot be read, or when it, or an override, has a key or value that is not allowed.
pub fn load(name_or_path: &str, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    let source = Source::find(name_or_path)?;
    if overrides.is_empty() {
        return parse(&source.name_or_path, &source.text);
    }
    overrides::load(&source, overrides)
}

/// The scenario in `text`. `origin` is its name in errors: a path, usually.
///
/// # Errors
/// When it is not TOML, does not fit the types, or does not make sense.
pub fn parse(origin: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let document = read::Document { origin, text };
    let scenario = document.scenario()?;
    validate::validate(&scenario).map_err(|problem| document.locate(problem))?;
    Ok(scenario)
}

/// SHA-256 of a scenario's text, in hexadecimal: what a record names its scenario by.
pub fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Scenario {
    /// The whole scenario as TOML, with what was left to defaults written out. Reading it gives the same scenario.
    pub fn to_toml(&self) -> String {
        in_toml(toml::to_string_pretty(self))
    }

    /// The same as a table.
    fn to_table(&self) -> toml::Table {
        in_toml(toml::Table::try_from(self))
    }
}

/// No value of these types lacks a form in TOML: keys are text, and numbers have at most 32 bits.
fn in_toml<T>(written: Result<T, toml::ser::Error>) -> T {
    match written {
        Ok(written) => written,
        Err(error) => unreachable!("a scenario has a form in TOML: {error}"),
    }
}

#[cfg(test)]
mod tests;
