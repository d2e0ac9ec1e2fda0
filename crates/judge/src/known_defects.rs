//! Known defects of etcd, recognised by the kind of the anomaly and the release.
//!
//! Such an anomaly is a violation like any other. It names the defect, so that a scenario can waive exactly that defect.

/// A defect of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDefect {
    /// How a scenario's `[[known]]` names it: by its number among etcd's issues where it has one.
    pub name: &'static str,
    /// What is wrong, as a clause without a full stop.
    pub title: &'static str,
    /// The check that finds it.
    pub check: &'static str,
    /// The kind of anomaly that indicates it.
    pub kind: &'static str,
    /// The first release of each line in which it is fixed: (minor, patch). Lines that are not listed have it.
    fixed_in: &'static [(u64, u64)],
}

/// All known defects.
pub const KNOWN_DEFECTS: [KnownDefect; 2] = [
    KnownDefect {
        name: "etcd#22294",
        title: "with more than 512 unsynced watches on a member, watches that a compaction cancelled keep others from being served",
        check: "watch",
        kind: "starved",
        fixed_in: &[],
    },
    // `recvLoop` of etcd's v3rpc/watch.go registers a watch and afterwards, under a separate lock, that it requested previous
    // values; in between, `sendLoop` may prepare its first events. Found on 3.5.30, and the same in the sources of every
    // release since 3.1.
    KnownDefect {
        name: "etcd/prev-kv-at-creation",
        title: "the first events of a watch may lack the previous values that it requested: they are looked up before the request is registered",
        check: "watch",
        kind: "previous_missing_at_creation",
        fixed_in: &[],
    },
];

impl KnownDefect {
    /// The defect that anomalies of this kind indicate.
    pub fn of(check: &str, kind: &str) -> Option<&'static Self> {
        KNOWN_DEFECTS.iter().find(|defect| defect.check == check && defect.kind == kind)
    }

    /// Whether a release has it. A version that cannot be read has every defect.
    pub fn is_in(&self, version: &str) -> bool {
        let mut numbers = version.split(['.', '-', '+']).skip(1).map_while(|number| number.parse::<u64>().ok());
        let (Some(minor), Some(patch)) = (numbers.next(), numbers.next()) else { return true };
        !self.fixed_in.iter().any(|(fixed_minor, fixed_patch)| *fixed_minor == minor && patch >= *fixed_patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_a_defect_until_its_line_is_fixed() {
        let defect = KnownDefect { fixed_in: &[(5, 31), (6, 4)], ..KNOWN_DEFECTS[0] };
        let has = ["3.5.30", "3.5.31", "3.6.3", "3.6.4-rc.1", "3.4.40", "main"].map(|version| defect.is_in(version));
        assert_eq!(has, [true, false, true, false, true, true]);
        assert_eq!(KnownDefect::of("watch", "starved").map(|defect| defect.name), Some("etcd#22294"));
        assert_eq!(KnownDefect::of("ledger", "starved"), None);
    }
}
