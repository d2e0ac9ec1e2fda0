//! Every key that a scenario may have, from the JSON Schema of its types: what the reference, the resolved form and the help of
//! an error are made of.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A key of a scenario file.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The table it is in: `load.strategy.hold`; empty for the top level. An entry of a list is `fault[]`.
    pub table: String,
    /// Its name within the table.
    pub name: String,
    /// What it means.
    pub description: String,
    /// What its value is.
    pub kind: Kind,
    /// Its value when it is left out, if it has one.
    pub default: Option<Value>,
    /// Whether it must be written.
    pub is_required: bool,
    /// The values that it may have, with what they mean, when they are named.
    pub choices: Vec<(String, String)>,
}

/// What the value of a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value, in words: "time", "whole number".
    Plain(String),
    /// A table whose keys are listed under its path.
    Table,
    /// A table of which exactly one key is written; the keys are listed under its path.
    Choice,
    /// A list of tables whose keys are listed under its path and `[]`.
    List,
    /// Anything that is listed at another path.
    As(String),
}

impl Key {
    /// The full path.
    pub fn path(&self) -> String {
        join(&self.table, &self.name)
    }

    /// Whether it may be left out and has no value then.
    pub fn is_optional(&self) -> bool {
        !self.is_required && self.default.is_none()
    }
}

/// A table of a scenario, with its keys in the order of the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its path; empty for the top level.
    pub path: String,
    /// What it is.
    pub description: String,
    /// Whether exactly one of its keys is written.
    pub is_choice: bool,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// Tables that are listed before or after others; the rest is in alphabetical order.
const FIRST: [&str; 8] = ["name", "description", "expect", "cluster", "dataset", "buyers", "strategy", "at"];
const LAST: [&str; 7] = ["alternatives", "load", "objective", "known", "fault", "random_faults", "inject"];

/// Every table of a scenario.
pub fn sections() -> Vec<Section> {
    let schema = super::schema();
    let mut walk = Walk { definitions: schema.get("$defs").and_then(Value::as_object), expanded: Vec::new(), sections: Vec::new() };
    walk.table("", &schema, "A scenario file.");
    walk.sections
}

/// The paths of all keys, lists without an index, aliases included: `load.alternatives.hold.ttl`.
pub(super) fn paths() -> BTreeSet<String> {
    let sections = sections();
    let mut paths: BTreeSet<String> = sections.iter().flat_map(|section| section.keys.iter().map(Key::path)).collect();
    for key in sections.iter().flat_map(|section| &section.keys) {
        if let Kind::As(original) = &key.kind {
            let below: Vec<String> =
                paths.iter().filter_map(|path| path.strip_prefix(&format!("{original}."))).map(str::to_owned).collect();
            paths.extend(below.into_iter().map(|rest| format!("{}.{rest}", key.path())));
        }
    }
    paths
}

struct Walk<'schema> {
    definitions: Option<&'schema Map<String, Value>>,
    /// Definitions that have a section, and its path.
    expanded: Vec<(String, String)>,
    sections: Vec<Section>,
}

impl Walk<'_> {
    /// A table with properties.
    fn table(&mut self, path: &str, node: &Value, description: &str) {
        let Some(properties) = node.get("properties").and_then(Value::as_object) else { return };
        let required: Vec<&str> = node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut names: Vec<&String> = properties.keys().collect();
        names.sort_by_key(|name| (rank(name), (*name).clone()));
        let at = self.sections.len();
        self.sections.push(Section { path: path.to_owned(), description: description.to_owned(), is_choice: false, keys: Vec::new() });
        let mut keys = Vec::new();
        for name in names {
            let Some(property) = properties.get(name) else { continue };
            keys.push(self.key(path, name, property, required.contains(&name.as_str())));
        }
        self.sections[at].keys = keys;
    }

    /// A key, and the sections of what is below it.
    fn key(&mut self, table: &str, name: &str, node: &Value, is_required: bool) -> Key {
        let path = join(table, name);
        let (target, definition) = self.resolve(node);
        let description = text(node, "description").or_else(|| text(&target, "description")).unwrap_or_default();
        let default = node.get("default").filter(|default| !default.is_null()).cloned();
        let mut key = Key {
            table: table.to_owned(),
            name: name.to_owned(),
            description: description.clone(),
            kind: Kind::Table,
            default,
            is_required,
            choices: Vec::new(),
        };
        if let Some(words) = definition.as_deref().and_then(words_of_definition) {
            key.kind = Kind::Plain(words.to_owned());
            return key;
        }
        let about = text(&target, "description").unwrap_or(description);
        let (kind, choices) = self.kind(&path, &target, definition, &about);
        (key.kind, key.choices) = (kind, choices);
        key
    }

    fn kind(&mut self, path: &str, target: &Value, definition: Option<String>, about: &str) -> (Kind, Vec<(String, String)>) {
        if let Some(definition) = &definition {
            if let Some((_, original)) = self.expanded.iter().find(|(name, _)| name == definition) {
                return (Kind::As(original.clone()), named_choices(target));
            }
            if target.get("properties").is_some() || has_tables(target) {
                self.expanded.push((definition.clone(), path.to_owned()));
            }
        }
        if target.get("properties").is_some() {
            self.table(path, target, about);
            return (Kind::Table, Vec::new());
        }
        if let Some(choices) = target.get("oneOf").or_else(|| target.get("anyOf")).and_then(Value::as_array) {
            return self.choice(path, target, choices, about);
        }
        if let Some(items) = target.get("items") {
            let (item, definition) = self.resolve(items);
            if let Some(words) = definition.as_deref().and_then(words_of_definition) {
                return (Kind::Plain(format!("list of: {words}")), Vec::new());
            }
            let about = text(&item, "description").unwrap_or_default();
            return match self.kind(&format!("{path}[]"), &item, definition, &about) {
                (Kind::Plain(words), choices) => (Kind::Plain(format!("list of: {words}")), choices),
                (Kind::As(original), _) => (Kind::Plain(format!("list of: {original}")), Vec::new()),
                _ => (Kind::List, Vec::new()),
            };
        }
        (Kind::Plain(words_of_type(target).to_owned()), Vec::new())
    }

    /// One of several: named values, tables with one key, or both.
    fn choice(&mut self, path: &str, target: &Value, choices: &[Value], about: &str) -> (Kind, Vec<(String, String)>) {
        let mut named = named_choices(target);
        let tables: Vec<&Value> = choices.iter().filter(|choice| choice.get("properties").is_some()).collect();
        let mut inner = None;
        for choice in choices {
            named.extend(choice.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(plain_choice));
            if choice.get("$ref").is_some() {
                inner = Some(self.resolve(choice));
            }
        }
        if let Some((target, definition)) = inner {
            let about = text(&target, "description").unwrap_or(about.to_owned());
            let (kind, choices) = self.kind(path, &target, definition, &about);
            named.extend(choices);
            return (kind, named);
        }
        if tables.is_empty() {
            return (Kind::Plain("choice".to_owned()), named);
        }
        let at = self.sections.len();
        self.sections.push(Section { path: path.to_owned(), description: about.to_owned(), is_choice: true, keys: Vec::new() });
        let mut keys = Vec::new();
        for table in tables {
            for (name, property) in table.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let mut key = self.key(path, name, property, false);
                if let Some(description) = text(table, "description") {
                    key.description = description;
                }
                keys.push(key);
            }
        }
        self.sections[at].keys = keys;
        (Kind::Choice, named)
    }

    /// What a node is, with references followed and `null` left out, and the name of its definition.
    fn resolve(&self, node: &Value) -> (Value, Option<String>) {
        if let Some(name) = node.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/")) {
            let definition = self.definitions.and_then(|definitions| definitions.get(name)).cloned();
            return (definition.unwrap_or(Value::Null), Some(name.to_owned()));
        }
        let choices: Vec<&Value> = node.get("anyOf").and_then(Value::as_array).into_iter().flatten().collect();
        match choices.as_slice() {
            [only, null] | [null, only] if null.get("type").is_some_and(|kind| kind == "null") => self.resolve(only),
            _ => (node.clone(), None),
        }
    }
}

/// The named values of a choice, with what they mean.
fn named_choices(target: &Value) -> Vec<(String, String)> {
    let choices = target.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let named = |choice: &Value| {
        let name = choice.get("const").and_then(Value::as_str)?;
        Some((name.to_owned(), text(choice, "description").unwrap_or_default()))
    };
    choices.filter_map(named).collect()
}

fn plain_choice(name: &str) -> (String, String) {
    (name.to_owned(), String::new())
}

fn has_tables(target: &Value) -> bool {
    let choices = target.get("oneOf").and_then(Value::as_array);
    choices.is_some_and(|choices| choices.iter().any(|choice| choice.get("properties").is_some()))
}

/// What a definition of a value is, in words.
fn words_of_definition(name: &str) -> Option<&'static str> {
    Some(match name {
        "Span" => "time",
        "Rate" => "rate: operations a second, or a share such as `\"60%\"`",
        "Bound" => "time, share or number",
        "Target" => "target: `leader`, `follower`, `any`, `minority`, `majority`, `all` or a member such as `m1`",
        _ => return None,
    })
}

fn words_of_type(node: &Value) -> &'static str {
    let names = |kind: &Value| match kind {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").map(str::to_owned),
        kind => kind.as_str().map(str::to_owned),
    };
    match node.get("type").and_then(names).as_deref() {
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("boolean") => "`true` or `false`",
        _ => "text",
    }
}

fn text(node: &Value, key: &str) -> Option<String> {
    node.get(key).and_then(Value::as_str).map(|text| text.replace('\n', " "))
}

fn rank(name: &str) -> usize {
    let first = FIRST.iter().position(|first| *first == name);
    let last = LAST.iter().position(|last| *last == name).map(|position| FIRST.len() + 1 + position);
    first.or(last).unwrap_or(FIRST.len())
}

fn join(table: &str, name: &str) -> String {
    if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_path_and_a_meaning() {
        let paths = paths();
        for path in
            ["name", "load.strategy.hold.ttl", "load.alternatives.hold.ttl", "load.arrivals.spike.peak", "fault[].inject.kill.target"]
        {
            assert!(paths.contains(path), "{path}: {paths:#?}");
        }
        for key in sections().iter().flat_map(|section| &section.keys) {
            assert!(!key.description.is_empty(), "`{}` has no description", key.path());
        }
    }
}
