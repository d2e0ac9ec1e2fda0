//! From text to the types, and from a mistake to an error with its place.

use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::deserializer::ValueDeserializer;
use super::mistake::{Mistake, MistakeKind};
use super::position::span_of;
use super::{Scenario, ScenarioError};
use crate::settings::problem::Problem;

/// A scenario's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'text> {
    pub(super) origin: &'text str,
    pub(super) text: &'text str,
}

impl Document<'_> {
    /// The scenario in the text, when its types are right.
    pub(super) fn scenario(&self) -> Result<Scenario, ScenarioError> {
        self.deserialize().map_err(|mistake| self.point(mistake.message(), mistake.help(), mistake.span.as_ref()))
    }

    /// Adds its place to a problem with the values of a scenario.
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
        let root =
            DeTable::parse(self.text).map_err(|error| Mistake::new(MistakeKind::Syntax(error.message().to_owned())).at(error.span()))?;
        let root = DeValue::Table(root.into_inner());
        Scenario::deserialize(ValueDeserializer(&root))
    }
}
