//! The reference of all keys as a page of Markdown: `docs/scenarios.md`.

use serde_json::Value;

use super::keys::{Key, Kind, Section, sections};

const HEAD: &str = "\
# Scenario reference

Every key of a scenario file. `ticketcd schema reference` prints this page from the types; the [guide](scenario-guide.md)
explains how the keys work together, and [scenario.schema.json](scenario.schema.json) serves editors.

A time is written `\"250ms\"`, `\"8s\"`, `\"1.5s\"` or `\"2m\"`. Of a choice exactly one is written, as a dotted key
(`arrivals.poisson = { rate = \"60%\" }`) or, when it has a name only, as text (`popularity = \"uniform\"`).
`ticketcd scenario show NAME --resolved` prints the value of every key of a scenario.
";

/// The page.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for section in sections() {
        page.push('\n');
        page.push_str(&heading(&section));
        page.push_str(&format!("\n{}\n\n", section.description));
        if section.is_choice {
            page.push_str("Exactly one of these keys is written.\n\n| key | value | meaning |\n|---|---|---|\n");
        } else {
            page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        }
        for key in &section.keys {
            page.push_str(&row(key, section.is_choice));
        }
    }
    page
}

fn heading(section: &Section) -> String {
    match section.path.as_str() {
        "" => "## The file\n".to_owned(),
        path => format!("{} `{path}`\n", if path.contains(['.', '[']) { "###" } else { "##" }),
    }
}

fn row(key: &Key, is_choice: bool) -> String {
    let default = match (&key.default, &key.kind) {
        _ if key.is_required => "required".to_owned(),
        (Some(default), Kind::Plain(_) | Kind::Choice | Kind::As(_)) => format!("`{}`", as_toml(default)),
        (_, Kind::Table) if key.default.is_some() => "as there".to_owned(),
        (_, Kind::List) | (Some(_), _) => "empty".to_owned(),
        (None, _) => "not set".to_owned(),
    };
    let mut meaning = key.description.clone();
    for (name, description) in &key.choices {
        meaning.push_str(&if description.is_empty() { format!(" `\"{name}\"`.") } else { format!(" `\"{name}\"`: {description}") });
    }
    let meaning = meaning.replace('|', "\\|");
    let path = key.path();
    let value = match &key.kind {
        Kind::Plain(words) => words.clone(),
        Kind::Table => format!("table, see `{path}`"),
        Kind::Choice => format!("choice, see `{path}`"),
        Kind::List => format!("list of tables, see `{path}[]`"),
        Kind::As(original) => format!("as `{original}`"),
    };
    if is_choice {
        format!("| `{}` | {value} | {meaning} |\n", key.name)
    } else {
        format!("| `{}` | {value} | {default} | {meaning} |\n", key.name)
    }
}

/// A value as it is written in TOML.
fn as_toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> = table.iter().map(|(name, value)| format!("{name} = {}", as_toml(value))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Value::Array(list) => format!("[{}]", list.iter().map(as_toml).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}
