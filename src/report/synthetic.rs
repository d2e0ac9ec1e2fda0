//! Synthetic runs. A cluster cannot repeat one, but the command that generated it can.

use ticketcd_judge::history::run_info::EtcdInfo;
use ticketcd_synth::SYNTHETIC;

/// The value in place of the binary's path in `run.json`, for a run that `command` generated.
pub fn origin(command: &str) -> String {
    format!("{SYNTHETIC}: {command}")
}

/// Whether a run is synthetic.
pub fn is_synthetic(etcd: &EtcdInfo) -> bool {
    etcd.path == SYNTHETIC || command(etcd).is_some()
}

/// The command that generated a run, without its output directory. Not recorded for runs that the judge's tests generate.
pub fn command(etcd: &EtcdInfo) -> Option<&str> {
    etcd.path.strip_prefix(SYNTHETIC)?.strip_prefix(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synthetic_run_is_distinguished_from_a_real_one() {
        let of = |path: &str| EtcdInfo { path: path.to_owned(), ..EtcdInfo::default() };
        assert_eq!(command(&of(&origin("make it"))), Some("make it"));
        assert!(is_synthetic(&of("synthetic")) && command(&of("synthetic")).is_none());
        assert!(!is_synthetic(&of("synthetic/etcd")) && !is_synthetic(&of("/usr/bin/etcd")));
    }
}
