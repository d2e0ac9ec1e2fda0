//! Where in a document a key path is. Paths are dotted, with positions in lists as numbers from 0, as in `--set`:
//! `fault.0.inject.kill.target`. No key of a scenario contains a dot.

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

/// Whether one path is the other or leads to it.
pub(super) fn related(left: &str, right: &str) -> bool {
    left.split('.').zip(right.split('.')).all(|(left, right)| left == right)
}

#[cfg(test)]
mod tests {
    use super::{related, span_of};

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
    fn paths_are_related_when_one_leads_to_the_other() {
        assert!(related("load", "load.buyers"));
        assert!(related("load.buyers", "load"));
        assert!(!related("load.buyers", "load.duration"));
        assert!(!related("load", "loads"));
    }
}
