//! From text to the types, and from the parser's words to a person's.

use std::ops::Range;

use serde::Deserialize;

use super::misplaced::belongs_to;
use super::position::{path_at, span_of};
use super::{Scenario, ScenarioError, nearest};
use crate::settings::problem::Problem;

/// A scenario's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'text> {
    pub(super) origin: &'text str,
    pub(super) text: &'text str,
}

impl Document<'_> {
    /// The scenario it says, when its types are right.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        self.deserialize().map_err(|mistake| self.point(mistake.message, mistake.help, mistake.span.as_ref()))
    }

    /// Puts what is wrong with the sense of a scenario at its place.
    pub(super) fn locate(&self, problem: Problem) -> ScenarioError {
        let span = span_of(self.text, &problem.path);
        self.point(problem.sentence(), problem.help, span.as_ref())
    }

    fn point(&self, message: String, help: Option<String>, span: Option<&Range<usize>>) -> ScenarioError {
        let error = ScenarioError::new(message).help(help);
        // What has no place is about the file as a whole: its first line names the file.
        error.at(self.origin, self.text, span.unwrap_or(&(0..0)))
    }

    pub(super) fn deserialize(&self) -> Result<Scenario, Mistake> {
        let deserializer = toml::Deserializer::parse(self.text).map_err(|error| Mistake {
            message: format!("this is not TOML: {}", error.message()),
            help: None,
            span: error.span(),
            path: String::new(),
        })?;
        Scenario::deserialize(deserializer).map_err(|error| {
            let span = error.span();
            let path = span.as_ref().map(|span| path_at(self.text, span)).unwrap_or_default();
            let (message, help) = translate(error.message(), &path);
            Mistake { message, help, span, path }
        })
    }
}

/// A document that does not fit the types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) span: Option<Range<usize>>,
    /// The key it is about; empty for the document as a whole.
    pub(super) path: String,
}

/// The deserializer's message in a person's words, and help.
fn translate(message: &str, path: &str) -> (String, Option<String>) {
    let quoted = quoted_words(message);
    let of = |path: &str| if path.is_empty() { "a scenario".to_owned() } else { format!("`{path}`") };
    if message.starts_with("unknown field") {
        let (key, expected) = split(&quoted);
        let parent = path.strip_suffix(key).map_or(path, |parent| parent.trim_end_matches('.'));
        let help = belongs_to(parent, key).or_else(|| suggestion(key, expected, "keys"));
        return (format!("unknown key `{key}` in {}", of(parent)), help);
    }
    if message.starts_with("unknown variant") {
        let (choice, expected) = split(&quoted);
        return (format!("unknown choice `{choice}` in {}", of(path)), suggestion(choice, expected, "choices"));
    }
    if message.starts_with("missing field") {
        let (key, _) = split(&quoted);
        return (format!("the key `{key}` is missing in {}", of(path)), None);
    }
    if message.starts_with("invalid type: unit variant") {
        return bare_choice(path);
    }
    let named = |text: String| if path.is_empty() { text } else { format!("`{path}`: {text}") };
    if message == "invalid type: map, expected enum"
        || message.starts_with("wanted exactly 1 element")
        || message.starts_with("wanted string or table")
    {
        return (named("exactly one choice is wanted here".to_owned()), None);
    }
    for (prefix, verb) in [("invalid type: ", "is not"), ("invalid value: ", "is not")] {
        if let Some((found, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected ")) {
            // A list used to be the whole strategy.
            let help = (matches!(path, "load.strategy.command" | "load.strategy.command.0") && expected != "a string")
                .then(|| "write `strategy.command = { run = [\"python3\", \"buy.py\"] }`; see docs/command.md".to_owned());
            return (named(format!("{} {verb} {}", plain_found(found), plain_type(expected))), help);
        }
    }
    (named(message.to_owned()), None)
}

/// A choice that was named and not said more about.
fn bare_choice(path: &str) -> (String, Option<String>) {
    if path == "load.strategy" {
        let help = "give it a command: `strategy.command = { run = [\"python3\", \"buy.py\"] }` in [load], or on the command line \
                    --set 'load.strategy.command.run=[\"python3\", \"buy.py\"]'; see docs/command.md";
        return ("`load.strategy`: the strategy `command` needs a program to run".to_owned(), Some(help.to_owned()));
    }
    let help = "`ticketcd scenario show quickstart --resolved` shows how such keys are written, and docs/scenarios.md lists them all";
    (format!("`{path}`: this choice needs settings"), Some(help.to_owned()))
}

/// What stands between backticks.
fn quoted_words(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn split<'list, 'text>(words: &'list [&'text str]) -> (&'text str, &'list [&'text str]) {
    words.split_first().map_or(("", &[]), |(first, rest)| (first, rest))
}

fn suggestion(word: &str, expected: &[&str], what: &str) -> Option<String> {
    match nearest(word, expected.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if expected.is_empty() => None,
        None => Some(format!("the {what} here are {}", expected.join(", "))),
    }
}

/// Serde's name for what was found: its type in words and its value in backticks or quotes.
fn plain_found(found: &str) -> String {
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => found.replace("floating point", "number").replace("integer", "number").replace("boolean ", "").replace('`', ""),
    }
}

/// Serde's name for what was expected.
fn plain_type(expected: &str) -> String {
    let whole = |most: u64| format!("a whole number from 0 to {most}");
    match expected {
        "u8" => whole(u8::MAX.into()),
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        _ if expected.starts_with("struct ") => "a table".to_owned(),
        _ if expected.starts_with("enum ") => "one of the choices".to_owned(),
        _ => expected.to_owned(),
    }
}
