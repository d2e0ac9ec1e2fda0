//! A scenario with every key that it may have: defaults are written out, and what is not set stands in a comment.

use toml::{Table, Value};

use super::Scenario;
use super::keys::{Kind, Section, sections};

impl Scenario {
    /// The whole scenario for people: every key with its value, the settings that `--strategy` would take for each strategy
    /// included. A key without a value is named in a comment. Reading it gives the same run.
    pub fn to_resolved_toml(&self) -> String {
        let mut filled = self.clone();
        filled.load.alternatives = self.load.alternatives.with_defaults_beside(&self.load.strategy);
        let table = filled.to_table();
        let mut printer = Printer { sections: sections(), text: String::new() };
        printer.table(&table, "", "");
        printer.text
    }
}

struct Printer {
    sections: Vec<Section>,
    text: String,
}

impl Printer {
    /// The content of a table. `header` is how TOML names it, `path` how the sections do.
    fn table(&mut self, table: &Table, header: &str, path: &str) {
        for (name, value) in table.iter().filter(|(_, value)| !is_section(value)) {
            self.text.push_str(&format!("{name} = {value}\n"));
        }
        self.unset(table, path);
        for (name, value) in table.iter().filter(|(_, value)| is_section(value)) {
            let (header, path) = (join(header, name), join(path, name));
            match value {
                Value::Table(table) => {
                    // A table that only holds one other table, such as a chosen strategy, needs no header of its own.
                    let is_only_a_step = table.len() == 1 && table.values().all(Value::is_table);
                    if !is_only_a_step {
                        self.text.push_str(&format!("\n[{header}]\n"));
                    }
                    self.table(table, &header, &path);
                }
                Value::Array(entries) => {
                    for entry in entries.iter().filter_map(Value::as_table) {
                        self.text.push_str(&format!("\n[[{header}]]\n"));
                        self.table(entry, &header, &format!("{path}[]"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Names the keys of a table that have no value.
    fn unset(&mut self, table: &Table, path: &str) {
        let path = self.original(path);
        let Some(section) = self.sections.iter().find(|section| section.path == path && !section.is_choice) else { return };
        for key in section.keys.iter().filter(|key| !table.contains_key(&key.name)) {
            // The scenario's own strategy has no settings beside those that it runs with.
            if path == "load.alternatives" && key.name != "command" {
                continue;
            }
            self.text.push_str(&format!("# {} is not set: {}\n", key.name, key.description));
        }
    }

    /// The path at which the keys of `path` are listed.
    fn original(&self, path: &str) -> String {
        let aliases = self.sections.iter().flat_map(|section| &section.keys);
        let alias = aliases.filter_map(|key| if let Kind::As(original) = &key.kind { Some((key.path(), original)) } else { None });
        alias.into_iter().find(|(alias, _)| alias == path).map_or_else(|| path.to_owned(), |(_, original)| original.clone())
    }
}

/// Whether a value is written under a header of its own.
fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(entries) => !entries.is_empty() && entries.iter().all(Value::is_table) && !is_pool(entries),
        _ => false,
    }
}

/// A list of choices, which is read more easily in one place.
fn is_pool(entries: &[Value]) -> bool {
    entries.iter().filter_map(Value::as_table).all(|entry| entry.len() == 1 && entry.values().all(Value::is_table))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
