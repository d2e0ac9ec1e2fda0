use super::{RECOVERY_MAX, Recovery};
use crate::core::engine::Judge;
use crate::core::verdict::{Finding, Verdict};
use crate::testing::{Record, RequestOutcome, Shape, Simulation};
use ticketcd_history::MemberIndex;
use ticketcd_history::event::{Event, FaultEvent, FaultStage, MemberChange, MemberEvent};
use ticketcd_history::fault::{HealthGap, NotRecovered};
use ticketcd_history::member::ProcessExit;

const M2: MemberIndex = MemberIndex(1);

fn judge(record: &Record) -> Finding {
    let mut judge = Judge::new(&record.info, vec![Box::new(Recovery::default())]);
    record.events.iter().for_each(|event| judge.observe(event));
    judge.finish(None).findings.into_iter().find(|finding| finding.name == "recovery").unwrap()
}

fn verdict(finding: &Finding) -> (Verdict, Vec<&str>) {
    (finding.verdict, finding.anomalies.iter().map(|group| group.kind.as_str()).collect())
}

/// A member is killed and returns, and a buyer buys afterwards.
fn killed_and_healed(buys_afterwards: bool) -> Record {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let fault = shop.inject("kill", M2);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    shop.heal(fault, M2);
    if buys_afterwards {
        shop.buy(2, "bob", "e1", &[("pink", 1)], RequestOutcome::Answered);
    }
    shop.finish()
}

fn exit(record: &mut Record, exit: ProcessExit) {
    let change = MemberChange::Exited { exit, expected: false };
    let position = record.events.len() - 1;
    record.events.insert(position, Event::Member(MemberEvent { member: M2, at: 1_000, change }));
}

#[test]
fn progress_after_healing_passes() {
    let finding = judge(&killed_and_healed(true));
    assert_eq!(verdict(&finding), (Verdict::Pass, vec![]), "{finding:#?}");
    let counts = ["faults_planned", "faults_injected", "faults_healed", "faults_followed_by_progress", "unexpected_exits"];
    assert_eq!(counts.map(|name| finding.evidence[name]), [1, 1, 1, 1, 0]);
}

#[test]
fn without_progress_after_healing_it_is_unknown() {
    let finding = judge(&killed_and_healed(false));
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]), "{finding:#?}");
    assert!(finding.reason.unwrap().contains("kill of m2"));
}

#[test]
fn a_fault_that_the_record_does_not_heal_is_unknown() {
    let mut shop = Simulation::new(&Shape::default());
    shop.sample();
    shop.inject("kill", M2);
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    assert_eq!(verdict(&judge(&shop.cut())), (Verdict::Unknown, vec![]));
}

#[test]
fn a_cluster_that_does_not_come_back_is_reported_and_is_unknown() {
    let mut record = killed_and_healed(true);
    let healed = record.events.iter_mut().find_map(|event| match event {
        Event::Fault(FaultEvent { stage: stage @ FaultStage::Healed { .. }, .. }) => Some(stage),
        _ => None,
    });
    *healed.unwrap() = FaultStage::NotRecovered {
        actions: Vec::new(),
        reason: NotRecovered::Unhealthy { missing: vec![HealthGap::Silent(M2)], waited: RECOVERY_MAX },
    };
    let finding = judge(&record);
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec!["not_recovered"]));
    assert!(finding.reason.unwrap().contains("m2 does not respond"));
}

#[test]
fn a_write_that_takes_longer_than_a_minute_is_not_recovery() {
    let mut record = killed_and_healed(true);
    let mut healed = false;
    for event in &mut record.events {
        match event {
            Event::Fault(FaultEvent { stage: FaultStage::Healed { .. }, .. }) => healed = true,
            Event::Return(returned) if healed => returned.done += RECOVERY_MAX,
            _ => {}
        }
    }
    assert_eq!(verdict(&judge(&record)), (Verdict::Unknown, vec!["not_recovered"]));
}

#[test]
fn the_time_under_an_overlapping_fault_does_not_count() {
    let mut shop = Simulation::new(&Shape::default());
    let first = shop.inject("kill", M2);
    let second = shop.inject("pause", MemberIndex(2));
    shop.heal(first, M2);
    shop.heal(second, MemberIndex(2));
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    let mut record = shop.finish();
    let mut first_is_healed = false;
    for event in &mut record.events {
        match event {
            Event::Fault(FaultEvent { fault: 0, stage: FaultStage::Healed { .. }, .. }) => first_is_healed = true,
            Event::Fault(FaultEvent { at, .. }) if first_is_healed => *at += 2 * RECOVERY_MAX,
            Event::Invoke(invoke) if first_is_healed => invoke.sent += 2 * RECOVERY_MAX,
            Event::Return(returned) if first_is_healed => returned.done += 2 * RECOVERY_MAX,
            _ => {}
        }
    }
    assert_eq!(verdict(&judge(&record)), (Verdict::Pass, vec![]));
}

#[test]
fn a_member_that_dies_by_itself_is_a_violation() {
    let mut record = killed_and_healed(true);
    exit(&mut record, ProcessExit::Code(2));
    let finding = judge(&record);
    assert_eq!(verdict(&finding), (Verdict::Violation, vec!["crashed"]));
    assert_eq!(finding.anomalies[0].first.members, ["m2"]);
    let mut aborted = killed_and_healed(true);
    exit(&mut aborted, ProcessExit::Signal(6));
    assert_eq!(judge(&aborted).verdict, Verdict::Violation);
}

#[test]
fn a_member_that_was_killed_from_outside_proves_nothing() {
    for end in [ProcessExit::Signal(9), ProcessExit::WithSupervisor, ProcessExit::Signal(15), ProcessExit::Code(137)] {
        let mut record = killed_and_healed(true);
        exit(&mut record, end);
        assert_eq!(verdict(&judge(&record)), (Verdict::Unknown, vec![]), "{end:?}");
    }
}

#[test]
fn without_faults_progress_is_enough_and_nothing_is_not() {
    let mut shop = Simulation::new(&Shape::default());
    shop.buy(1, "ann", "e1", &[("pink", 1)], RequestOutcome::Answered);
    assert_eq!(verdict(&judge(&shop.finish())), (Verdict::Pass, vec![]));
    let mut empty = Simulation::new(&Shape::default()).finish();
    empty.events.retain(|event| !matches!(event, Event::Return(_) | Event::Sample(_)));
    assert_eq!(verdict(&judge(&empty)), (Verdict::Unknown, vec![]));
}

#[test]
fn a_member_that_never_started_is_no_crash() {
    let mut record = killed_and_healed(true);
    let change = MemberChange::Exited { exit: ProcessExit::Code(2), expected: false };
    record.events.insert(0, Event::Member(MemberEvent { member: M2, at: 1, change }));
    assert_eq!(verdict(&judge(&record)), (Verdict::Pass, vec![]));
}

#[test]
fn a_member_whose_machine_failed_proves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut record = killed_and_healed(true);
    exit(&mut record, ProcessExit::Code(1));
    for member in &mut record.info.members {
        member.log = Some(format!("{}.log", member.name));
    }
    let judge = |log: &str| {
        std::fs::write(directory.path().join("m2.log"), log).unwrap();
        let mut judge = Judge::new(&record.info, vec![Box::new(Recovery::default())]);
        record.events.iter().for_each(|event| judge.observe(event));
        judge.finish(Some(directory.path())).findings.into_iter().find(|finding| finding.name == "recovery").unwrap()
    };
    let finding = judge(r#"{"level":"fatal","ts":"2026-05-01T20:00:00Z","msg":"failed to save","error":"no space left on device"}"#);
    assert_eq!(verdict(&finding), (Verdict::Unknown, vec![]), "{finding:#?}");
    assert!(finding.reason.unwrap().contains("no space left on device"));
    assert_eq!(judge(r#"{"level":"fatal","msg":"failed to save"}"#).verdict, Verdict::Violation);
}
