//! Where a key belongs that was written in the wrong place: settings of a strategy belong under that strategy.

use std::collections::BTreeSet;

use super::keys::paths;

/// Keys whose name differs at the place where they belong.
const RENAMED: [(&str, &str); 3] = [
    ("load.naive_pause", "`load.strategy.naive.pause`"),
    ("load.command_timeout", "`load.strategy.command.timeout`"),
    ("load.lock", "`load.strategy.lock` or `load.strategy.fenced-lock`"),
];

/// Places that are named, at most: a key such as `for` is in too many to be of help.
const NAMED_MAX: usize = 4;

/// Where the unknown key `key` of the table `table` belongs, as a sentence; none when nothing in the same part of a scenario
/// has a key of that name.
pub(super) fn belongs_to(table: &str, key: &str) -> Option<String> {
    let written = format!("{table}.{key}");
    if let Some((_, path)) = RENAMED.iter().find(|(old, _)| *old == written) {
        return Some(format!("it is {path} now"));
    }
    let part = table.split(['.', '[']).next().filter(|part| !part.is_empty())?;
    let mut strategies = BTreeSet::new();
    let mut others = BTreeSet::new();
    for path in paths() {
        let Some((parent, name)) = path.rsplit_once('.') else { continue };
        if name != key || parent == table || parent.starts_with("load.alternatives") || !parent.starts_with(part) {
            continue;
        }
        match parent.strip_prefix("load.strategy.") {
            Some(strategy) if !strategy.contains('.') => {
                strategies.insert(strategy.to_owned());
            }
            _ => {
                others.insert(path.clone());
            }
        }
    }
    if others.len() > NAMED_MAX {
        others.clear();
    }
    let mut places: Vec<String> = others.iter().map(|path| format!("`{path}`")).collect();
    places.splice(0..0, strategies.iter().map(|strategy| format!("`load.strategy.{strategy}.{key}`")));
    let (last, leading) = places.split_last()?;
    let places = if leading.is_empty() { last.clone() } else { format!("{} or {last}", leading.join(", ")) };
    Some(format!("it belongs to {places}"))
}

#[cfg(test)]
mod tests {
    use super::belongs_to;

    #[test]
    fn a_setting_in_the_wrong_place_names_the_right_one() {
        let place = |table, key| belongs_to(table, key).unwrap_or_default();
        assert_eq!(place("load", "naive_pause"), "it is `load.strategy.naive.pause` now");
        assert_eq!(place("load", "command_timeout"), "it is `load.strategy.command.timeout` now");
        assert_eq!(place("load", "shards"), "it belongs to `load.strategy.sharded.shards`");
        assert_eq!(place("load", "hold"), "it belongs to `load.strategy.hold`");
        assert_eq!(place("load", "lock"), "it is `load.strategy.lock` or `load.strategy.fenced-lock` now");
        assert_eq!(
            place("load.strategy.naive", "ttl"),
            "it belongs to `load.strategy.fenced-lock.ttl`, `load.strategy.hold.ttl` or `load.strategy.lock.ttl`"
        );
        let attempts = place("load", "attempts");
        assert!(attempts.contains("`load.strategy.sharded.attempts`") && attempts.ends_with(" or `load.cancellations.attempts`"));
        assert!(place("load", "read").ends_with(" or `load.queries.read`"));
        assert_eq!(belongs_to("load", "zebra"), None);
        assert_eq!(belongs_to("", "buyers"), None);
    }
}
