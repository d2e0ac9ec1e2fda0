use std::fs;
use std::path::Path;

use super::Logs;
use crate::core::check::{Check, End, Observation};
use crate::core::engine::Judge;
use crate::core::key_space::Versions;
use crate::core::revision_log::LogSummary;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Shape, run_info};
use ticketcd_history::event::{Event, Phase, PhaseBegan};
use ticketcd_history::member::LOG_CUT;

/// The log of a healthy member from its start to SIGTERM.
const HEALTHY: &str = r#"{"level":"info","ts":"2026-05-01T20:00:01.000000Z","caller":"etcdmain/etcd.go:73","msg":"Running: "}
{"level":"warn","ts":"2026-05-01T20:00:01.100000Z","caller":"embed/config.go:689","msg":"Running http and grpc server on single port. This is not recommended for production."}
{"level":"info","ts":"2026-05-01T20:00:01.200000Z","caller":"etcdserver/corrupt.go:95","msg":"starting initial corruption check"}
{"level":"warn","ts":"2026-05-01T20:00:02.000000Z","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","error":"EOF"}
{"level":"info","ts":"2026-05-01T20:00:09.000000Z","caller":"osutil/interrupt_unix.go:64","msg":"received signal; shutting down","signal":"terminated"}
{"level":"warn","ts":"2026-05-01T20:00:09.100000Z","caller":"embed/serve.go:180","msg":"stopping insecure grpc server due to error","error":"accept unix client:1: use of closed network connection"}
"#;

/// A panic as etcd logs it, and as Go repeats it.
const PANIC: &str = r#"{"level":"panic","ts":"2026-05-01T20:00:05.500000Z","caller":"raft/log.go:246","msg":"tocommit(11) is out of range [lastIndex(8)]. Was the raft log corrupted, truncated, or lost?"}
panic: tocommit(11) is out of range [lastIndex(8)]. Was the raft log corrupted, truncated, or lost?

goroutine 131 [running]:
"#;

fn judge(logs: &[&[u8]]) -> Finding {
    let directory = tempfile::tempdir().unwrap();
    let mut info = run_info(&Shape { members: logs.len() as u8, ..Shape::default() });
    for (member, log) in info.members.iter_mut().zip(logs) {
        let name = format!("{}.log", member.name);
        fs::write(directory.path().join(&name), log).unwrap();
        member.log = Some(name);
    }
    finish(&info, Some(directory.path()))
}

fn finish(info: &ticketcd_history::run_info::RunInfo, directory: Option<&Path>) -> Finding {
    let (log, versions) = (LogSummary::default(), Versions::default());
    let end = End { info, directory, faults: &[], log: &log, audited: 0, complete: true, versions: &versions };
    let mut logs = Box::new(Logs::default());
    logs.observe(&Observation::Event(&Event::Phase(PhaseBegan { at: 0, phase: Phase::Seed })));
    logs.finish(&end)
}

fn verdict(finding: &Finding) -> (Verdict, Vec<(&str, u64)>) {
    (finding.verdict, finding.anomalies.iter().map(|group| (group.kind.as_str(), group.count)).collect())
}

#[test]
fn healthy_logs_pass() {
    let finding = judge(&[HEALTHY.as_bytes(), HEALTHY.as_bytes()]);
    assert_eq!(verdict(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    assert_eq!((finding.evidence["m1_lines"], finding.evidence["m2_bytes"]), (6, HEALTHY.len() as u64));
}

#[test]
fn a_panic_is_reported_once_with_its_member_and_its_time() {
    let log = format!("{HEALTHY}{PANIC}");
    let finding = judge(&[HEALTHY.as_bytes(), log.as_bytes()]);
    assert_eq!(verdict(&finding), (Verdict::Violation, vec![("panic", 1)]));
    let anomaly = &finding.anomalies[0].first;
    assert_eq!((anomaly.members.as_slice(), anomaly.at_seconds), (&["m2".to_owned()][..], Some(5.5)));
    assert!(anomaly.explanation[0].contains("line 7") && anomaly.explanation[0].contains("tocommit(11)"), "{:?}", anomaly.explanation);
}

#[test]
fn each_kind_of_trouble_is_distinguished() {
    let cases = [
        (r#"{"level":"fatal","ts":"2026-05-01T20:00:05Z","msg":"discovery failed"}"#, "fatal"),
        ("fatal error: concurrent map writes", "panic"),
        ("panic: assertion failed: freepages", "panic"),
        (r#"{"level":"warn","ts":"2026-05-01T20:00:05Z","msg":"alarm raised","alarm":"CORRUPT","from":"1c7faf9ba376a645"}"#, "corruption"),
        (r#"{"level":"error","ts":"2026-05-01T20:00:05Z","msg":"found data inconsistency with peers"}"#, "corruption"),
        (r#"{"level":"fatal","ts":"2026-05-01T20:00:05Z","msg":"range failed to find revision pair"}"#, "corruption"),
        ("2026-05-01 20:00:05.000000 C | etcdserver: recovering backend from snapshot error", "fatal"),
    ];
    for (line, kind) in cases {
        let log = format!("{HEALTHY}{line}\n{HEALTHY}");
        assert_eq!(verdict(&judge(&[log.as_bytes()])), (Verdict::Violation, vec![(kind, 1)]), "{line}");
    }
}

#[test]
fn bytes_that_are_no_text_and_endless_lines_are_scanned() {
    let mut log = vec![0xff; 3 * super::LINE_BYTES_MAX];
    log.extend_from_slice(b"\n\xfe\xff{\n");
    log.extend_from_slice(PANIC.as_bytes());
    let finding = judge(&[&log]);
    assert_eq!(verdict(&finding), (Verdict::Violation, vec![("panic", 1)]));
    assert_eq!(finding.evidence["m1_bytes"], log.len() as u64);
}

#[test]
fn logs_that_are_missing_or_empty_leave_it_unknown() {
    let finding = judge(&[HEALTHY.as_bytes(), b""]);
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]));
    assert!(finding.reason.unwrap().contains("m2 is empty"));
    let info = run_info(&Shape::default());
    assert_eq!(finish(&info, None).verdict, Verdict::Unknown);
    let mut named = info.clone();
    named.members[0].log = Some("m1.log".to_owned());
    assert_eq!(finish(&named, Some(Path::new("/nonexistent"))).verdict, Verdict::Unknown);
}

#[test]
fn a_machine_that_failed_is_no_violation_of_etcd() {
    let lines = [
        r#"{"level":"fatal","ts":"2026-05-01T20:00:05Z","msg":"failed to save","error":"write wal: no space left on device"}"#,
        r#"{"level":"panic","ts":"2026-05-01T20:00:05Z","msg":"failed to create","error":"open 0.snap: read-only file system"}"#,
        "fatal error: runtime: cannot allocate memory\n\ngoroutine 1 [running]:",
    ];
    for line in lines {
        let log = format!("{HEALTHY}{line}\n");
        let finding = judge(&[HEALTHY.as_bytes(), log.as_bytes()]);
        assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]), "{finding:#?}");
        assert!(finding.reason.unwrap().contains("m2"), "{line}");
    }
}

#[test]
fn a_member_that_never_ran_broke_no_promise() {
    let line = r#"{"level":"fatal","ts":"2026-05-01T20:00:01Z","msg":"discovery failed","error":"member count is unequal"}"#;
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("m1.log"), line).unwrap();
    let mut info = run_info(&Shape { members: 1, ..Shape::default() });
    info.members[0].log = Some("m1.log".to_owned());
    let judge = |began: Option<u64>| {
        let mut judge = Judge::new(&info, vec![Box::new(Logs::default())]);
        let phase = began.map(|at| Event::Phase(PhaseBegan { at, phase: Phase::Seed }));
        phase.iter().for_each(|event| judge.observe(event));
        judge.finish(Some(directory.path())).findings.into_iter().find(|finding| finding.name == "logs").unwrap()
    };
    for began in [None, Some(2_000_000_000)] {
        let finding = judge(began);
        assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]), "{finding:#?}");
        assert!(finding.reason.unwrap().contains("member count is unequal"));
    }
    assert_eq!(verdict(&judge(Some(500_000_000))), (Verdict::Violation, vec![("fatal", 1)]));
}

#[test]
fn a_log_outside_of_the_run_directory_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), PANIC).unwrap();
    let mut info = run_info(&Shape { members: 1, ..Shape::default() });
    let name = outside.path().display().to_string();
    info.members[0].log = Some(name.clone());
    let finding = finish(&info, Some(directory.path()));
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]));
    let reason = finding.reason.unwrap();
    assert!(reason.contains(&name) && reason.contains("not the name of a file inside of the run directory"), "{reason}");
}

#[test]
fn a_log_of_which_a_part_was_cut_does_not_pass_and_a_panic_in_the_rest_counts() {
    let cut = format!("{HEALTHY}\n{LOG_CUT}: it grew too large\n{LOG_CUT}: 7 bytes are missing\n");
    let finding = judge(&[cut.as_bytes()]);
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]));
    assert!(finding.reason.unwrap().contains("log of m1 grew too large"));
    assert_eq!(verdict(&judge(&[format!("{cut}{PANIC}").as_bytes()])), (Verdict::Violation, vec![("panic", 1)]));
}
