//! `--set key.path=value`: changes to a scenario on the command line, read as if they stood in the file.

use toml::{Table, Value};

use super::position::related;
use super::read::Document;
use super::validate::validate;
use super::{Scenario, ScenarioError, Source};

/// Keys whose value is one choice of several: setting another choice replaces the one that is there.
const CHOICES: [&str; 5] = ["arrivals", "strategy", "popularity", "inject", "on"];

const STEPS_MAX: usize = 16;

/// An override, taken apart.
#[derive(Debug)]
struct Override<'text> {
    /// As it was given.
    text: &'text str,
    path: &'text str,
    value: Value,
}

impl<'text> Override<'text> {
    fn parse(text: &'text str) -> Result<Self, ScenarioError> {
        let wrong = |reason: &str| {
            ScenarioError::new(format!("--set {text}: {reason}"))
                .help(Some("write --set key.path=value, such as --set load.buyers=500".to_owned()))
        };
        let (path, value) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let path = path.trim();
        if path.split('.').any(|step| step.is_empty() || step.contains(char::is_whitespace)) {
            return Err(wrong("what is before the `=` is not a key path"));
        }
        // No key is nested as deep; the bound keeps a hostile path from nesting tables until the stack ends.
        if path.split('.').count() > STEPS_MAX {
            return Err(wrong("no key is nested that deep"));
        }
        Ok(Self { text, path, value: value_of(value.trim()) })
    }

    fn apply(&self, root: &mut Table) -> Result<(), ScenarioError> {
        let steps: Vec<&str> = self.path.split('.').collect();
        let Some((last, leading)) = steps.split_last() else { return Ok(()) };
        match steps.as_slice() {
            ["load", "strategy"] if self.value.as_str().is_some_and(|name| choose_strategy(root, name)) => return Ok(()),
            ["load", "strategy", name, ..] => {
                choose_strategy(root, name);
            }
            _ => {}
        }
        let mut here = Here::Table(root);
        let mut path = String::new();
        for (index, step) in leading.iter().enumerate() {
            path = if path.is_empty() { (*step).to_owned() } else { format!("{path}.{step}") };
            let next = steps.get(index + 1).copied().unwrap_or(last);
            here = here.enter(step, next).map_err(|error| self.unplaced(&path, error))?;
        }
        here.set(last, self.value.clone()).map_err(|error| self.unplaced(self.path, error))
    }

    /// The error of an override that has no place at `path`, which is its own path or the beginning of it.
    fn unplaced(&self, path: &str, error: NoPlace) -> ScenarioError {
        let reason = match error {
            NoPlace::NotAnIndex => format!("`{path}` is in a list, whose entries are numbered from 0"),
            NoPlace::NoEntry { length } => format!("there is no `{path}`: the list has {length} entries, numbered from 0"),
            NoPlace::NotATable => format!("`{path}` is a value and has no keys"),
        };
        ScenarioError::new(format!("--set {}: {reason}", self.text))
    }
}

/// Makes the strategy with this name the scenario's own, with its settings from `load.alternatives`, and keeps the settings of
/// the strategy that it replaces there. Returns whether that was possible: `load` may be no table.
fn choose_strategy(root: &mut Table, name: &str) -> bool {
    let Some(load) = root.entry("load").or_insert_with(|| Value::Table(Table::new())).as_table_mut() else { return false };
    let own = match load.get("strategy") {
        Some(Value::Table(strategy)) => strategy.iter().next().map(|(own, settings)| (own.clone(), settings.clone())),
        _ => None,
    };
    if own.as_ref().is_some_and(|(own, _)| own == name) {
        return true;
    }
    let alternatives = load.entry("alternatives").or_insert_with(|| Value::Table(Table::new()));
    let Some(alternatives) = alternatives.as_table_mut() else { return false };
    let chosen = alternatives.remove(name);
    if let Some((own, settings)) = own {
        alternatives.insert(own, settings);
    }
    let strategy = match chosen {
        Some(settings) => Value::Table(Table::from_iter([(name.to_owned(), settings)])),
        None => Value::String(name.to_owned()),
    };
    load.insert("strategy".to_owned(), strategy);
    true
}

/// The value as TOML, or else as a string: spans and rates then need no quotes within those of the shell.
fn value_of(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok();
    // A line break within the text could have added keys.
    match parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value")) {
        Some(value) => value,
        None => Value::String(text.to_owned()),
    }
}

/// Why a document has no place for an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoPlace {
    /// The step into a list is no number.
    NotAnIndex,
    /// A list has fewer entries.
    NoEntry {
        /// How many it has.
        length: usize,
    },
    /// A value is where a table should be.
    NotATable,
}

/// A place in a document that has something in it.
enum Here<'tree> {
    Table(&'tree mut Table),
    List(&'tree mut Vec<Value>),
}

impl<'tree> Here<'tree> {
    /// Goes to what `step` names; what is not there yet becomes a table. `next` is the step after.
    fn enter(self, step: &str, next: &str) -> Result<Self, NoPlace> {
        let value = match self {
            Self::Table(table) => {
                let value = table.entry(step).or_insert_with(|| Value::Table(Table::new()));
                let other_choice = match value {
                    Value::Table(table) => !table.contains_key(next),
                    Value::String(_) => true,
                    _ => false,
                };
                if CHOICES.contains(&step) && other_choice {
                    *value = Value::Table(Table::new());
                }
                value
            }
            Self::List(list) => entry(list, step)?,
        };
        match value {
            Value::Table(table) => Ok(Here::Table(table)),
            Value::Array(list) => Ok(Here::List(list)),
            _ => Err(NoPlace::NotATable),
        }
    }

    fn set(self, step: &str, value: Value) -> Result<(), NoPlace> {
        match self {
            Self::Table(table) => {
                table.insert(step.to_owned(), value);
                Ok(())
            }
            Self::List(list) => {
                *entry(list, step)? = value;
                Ok(())
            }
        }
    }
}

/// The entry of a list that a step names.
fn entry<'list>(list: &'list mut [Value], step: &str) -> Result<&'list mut Value, NoPlace> {
    let length = list.len();
    let index = step.parse::<usize>().map_err(|_| NoPlace::NotAnIndex)?;
    list.get_mut(index).ok_or(NoPlace::NoEntry { length })
}

/// Reads a scenario, applies the overrides in their order, and checks what comes out.
pub(super) fn load(source: &Source, texts: &[String]) -> Result<Scenario, ScenarioError> {
    let original = Document { origin: &source.name_or_path, text: &source.text };
    // A mistake in the file itself is shown there.
    original.scenario()?;
    let overrides = texts.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let mut table = toml::from_str::<Table>(original.text).map_err(|error| ScenarioError::new(error.message()))?;
    for change in &overrides {
        change.apply(&mut table)?;
    }
    let text = toml::to_string(&table).map_err(|error| ScenarioError::new(format!("with the overrides this is not TOML: {error}")))?;
    let scenario = Document { origin: original.origin, text: &text }.deserialize().map_err(|mistake| {
        ScenarioError::new(format!("{}: {}", blame(&overrides, &mistake.key()), mistake.message())).help(mistake.help())
    })?;
    match validate(&scenario) {
        Ok(()) => Ok(scenario),
        Err(problem) if overrides.iter().any(|change| related(change.path, &problem.path)) => {
            Err(ScenarioError::new(format!("{}: {}", blame(&overrides, &problem.path), problem.sentence())).help(problem.help))
        }
        // It stands in the file, and may be right without the overrides.
        Err(mut problem) => {
            problem.help = Some(match problem.help.take() {
                Some(help) => format!("{help}; this is with {}", all(&overrides)),
                None => format!("this is with {}", all(&overrides)),
            });
            Err(original.locate(problem))
        }
    }
}

/// The last override that has to do with `path`, as it was given; all of them when none has.
fn blame(overrides: &[Override<'_>], path: &str) -> String {
    let culprit = overrides.iter().rev().find(|change| !path.is_empty() && related(change.path, path));
    culprit.map_or_else(|| all(overrides), |change| format!("--set {}", change.text))
}

fn all(overrides: &[Override<'_>]) -> String {
    overrides.iter().map(|change| format!("--set {}", change.text)).collect::<Vec<_>>().join(" ")
}
