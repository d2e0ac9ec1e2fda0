//! Runs that were made up instead of run. No cluster makes one again, but the command that made it does.

use ticketcd_judge::history::run_info::EtcdInfo;
use ticketcd_synth::SYNTHETIC;

/// What `run.json` says in place of the binary's path, for a run that `command` made up.
pub fn origin(command: &str) -> String {
    format!("{SYNTHETIC}: {command}")
}

/// Whether a run was made up.
pub fn is_made_up(etcd: &EtcdInfo) -> bool {
    etcd.path == SYNTHETIC || command(etcd).is_some()
}

/// The command that made a run up, without where it wrote to. Not known of those that the judge made for itself.
pub fn command(etcd: &EtcdInfo) -> Option<&str> {
    etcd.path.strip_prefix(SYNTHETIC)?.strip_prefix(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_run_is_told_from_one_that_was_run() {
        let of = |path: &str| EtcdInfo { path: path.to_owned(), ..EtcdInfo::default() };
        assert_eq!(command(&of(&origin("make it"))), Some("make it"));
        assert!(is_made_up(&of("synthetic")) && command(&of("synthetic")).is_none());
        assert!(!is_made_up(&of("synthetic/etcd")) && !is_made_up(&of("/usr/bin/etcd")));
    }
}
