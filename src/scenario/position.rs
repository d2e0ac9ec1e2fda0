//! Where in a document a key path is, and which key path is at a place. Paths are dotted, with positions in lists as
//! numbers from 0, as in `--set`: `fault.0.inject.kill.target`. No key of a scenario contains a dot.

use std::ops::Range;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

/// The place of the value at `path`, or of the nearest thing around it that is written in the document: what is not
/// written has its default. Nothing when not even the first step is there.
pub(super) fn span_of(text: &str, path: &str) -> Option<Range<usize>> {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut steps = path.split('.');
    let mut here: &Spanned<DeValue<'_>> = root.get_ref().get(steps.next()?)?;
    for step in steps {
        let next = match here.get_ref() {
            DeValue::Table(table) => table.get(step),
            DeValue::Array(list) => step.parse::<usize>().ok().and_then(|index| list.get(index)),
            _ => None,
        };
        match next {
            Some(value) => here = value,
            None => break,
        }
    }
    Some(here.span())
}

/// The path of the key or value at this place: the innermost. Empty for the document itself.
pub(super) fn path_at(text: &str, place: &Range<usize>) -> String {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut search = Search { place: place.start, best: None };
    search.table(root.get_ref(), "");
    search.best.map(|(_, path)| path).unwrap_or_default()
}

/// The table that a key header opens does not span its content, so everything is looked at.
struct Search {
    place: usize,
    /// Length of the innermost span so far, and its path.
    best: Option<(usize, String)>,
}

impl Search {
    fn table(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.offer(&key.span(), &path);
            self.value(value, &path);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str) {
        self.offer(&value.span(), path);
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, path),
            DeValue::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    self.value(value, &join(path, &index.to_string()));
                }
            }
            _ => {}
        }
    }

    fn offer(&mut self, span: &Range<usize>, path: &str) {
        let length = span.len();
        if span.contains(&self.place) && self.best.as_ref().is_none_or(|(best, _)| length <= *best) {
            self.best = Some((length, path.to_owned()));
        }
    }
}

fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

/// Whether one path is the other or leads to it.
pub(super) fn related(left: &str, right: &str) -> bool {
    left.split('.').zip(right.split('.')).all(|(left, right)| left == right)
}

#[cfg(test)]
mod tests {
    use super::{path_at, related, span_of};

    const TEXT: &str = "name = \"x\"\n[load]\nbuyers = 5\narrivals.spike = { base = 1, peak = 2 }\n[[fault]]\nat = \"1s\"\n[[fault]]\nat = \"2s\"\ninject.kill = { target = \"m9\" }\n";

    fn text_at(path: &str) -> &'static str {
        &TEXT[span_of(TEXT, path).unwrap()]
    }

    #[test]
    fn a_path_leads_to_its_value() {
        assert_eq!(text_at("name"), "\"x\"");
        assert_eq!(text_at("load.buyers"), "5");
        assert_eq!(text_at("load.arrivals.spike.peak"), "2");
        assert_eq!(text_at("fault.1.at"), "\"2s\"");
        assert_eq!(text_at("fault.1.inject.kill.target"), "\"m9\"");
    }

    #[test]
    fn what_is_not_written_leads_to_what_is_around_it() {
        assert_eq!(text_at("load.duration"), "[load]");
        assert_eq!(text_at("fault.0.inject.kill"), "[[fault]]");
        assert_eq!(span_of(TEXT, "cluster.members"), None);
    }

    #[test]
    fn a_place_has_a_path() {
        for path in ["name", "load.buyers", "load.arrivals.spike.peak", "fault.0.at", "fault.1.inject.kill.target"] {
            assert_eq!(path_at(TEXT, &span_of(TEXT, path).unwrap()), path);
        }
        assert_eq!(path_at(TEXT, &(10..10)), "");
    }

    #[test]
    fn paths_are_related_when_one_leads_to_the_other() {
        assert!(related("load", "load.buyers"));
        assert!(related("load.buyers", "load"));
        assert!(!related("load.buyers", "load.duration"));
        assert!(!related("load", "loads"));
    }
}
