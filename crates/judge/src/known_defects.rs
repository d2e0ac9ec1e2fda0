//! Defects of etcd that a finding can be recognised as, by its shape and by the release it was found on.
//!
//! Such a finding is a violation like any other. It names the defect, so that a scenario can waive it and nothing else.

/// A defect of etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDefect {
    /// Its number among etcd's issues.
    pub issue: u32,
    /// What is wrong, as a clause without a full stop.
    pub title: &'static str,
    /// The check that finds it, and the kind of anomaly that has its shape.
    pub check: &'static str,
    pub kind: &'static str,
    /// The first release of each line in which it is fixed: (minor, patch). Lines that are not listed have it.
    fixed_in: &'static [(u64, u64)],
}

/// The defects that are recognised.
pub const KNOWN_DEFECTS: [KnownDefect; 1] = [KnownDefect {
    issue: 22294,
    title: "with more than 512 unsynced watches on a member, watches that a compaction cancelled keep others from being served",
    check: "watch",
    kind: "starved",
    fixed_in: &[],
}];

impl KnownDefect {
    /// The defect that anomalies of this kind show.
    pub fn of(check: &str, kind: &str) -> Option<&'static Self> {
        KNOWN_DEFECTS.iter().find(|defect| defect.check == check && defect.kind == kind)
    }

    /// Whether a release has it. A version that cannot be read has every defect.
    pub fn is_in(&self, version: &str) -> bool {
        let mut numbers = version.split(['.', '-', '+']).skip(1).map_while(|number| number.parse::<u64>().ok());
        let (Some(minor), Some(patch)) = (numbers.next(), numbers.next()) else { return true };
        !self.fixed_in.iter().any(|(fixed_minor, fixed_patch)| *fixed_minor == minor && patch >= *fixed_patch)
    }

    /// How a scenario's `[[known]]` names it.
    pub fn name(&self) -> String {
        format!("etcd#{}", self.issue)
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
        assert_eq!(KnownDefect::of("watch", "starved").map(|defect| defect.issue), Some(22294));
        assert_eq!(KnownDefect::of("ledger", "starved"), None);
    }
}
